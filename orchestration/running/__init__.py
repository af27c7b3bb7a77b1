"""How the installation runs: the Dagster instance, runs of a job, the supervised UI process, psql."""
