"""The Dagster code location, the warehouse and the command line: everything that does I/O."""
