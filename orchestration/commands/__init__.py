"""The commands of ``forecaster``, a module per subject; ``orchestration.cli`` assembles them.

Every module imports what it works with inside its functions: ``forecaster --help`` must not wait for Dagster.
"""
