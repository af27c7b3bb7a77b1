"""The Dagster code location, the warehouse and the command line: everything that does I/O."""

import os

# Read by torch's threads when it is loaded. Waiting threads that spin starve the others of a busy
# machine: with two cores and one other process a tenth of the series a second was left.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
