"""What a run consists of: one file per asset group, and what they share.

A stage reads (``landing``, ``reading``), calls one function of ``forecasting_lib``, publishes and reports. It
belongs here if Dagster materializes it. A stage imports no job, no schedule and nothing that people read.
"""
