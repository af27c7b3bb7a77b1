"""Pure forecasting, evaluation and inventory: frames and arrays in, frames and arrays out.

Nothing here imports Dagster, knows SQL or reads an environment variable.
"""
