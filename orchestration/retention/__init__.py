"""What is kept no longer: runs past their use, details of old deliveries, old records of Dagster.

Belongs here: which rows go by a client's policies, and the transactions in which they go. Does not belong
here: the policies' values (``registry``), the step of a run (``stages.retention``).
"""
