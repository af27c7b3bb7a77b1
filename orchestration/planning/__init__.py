"""What people decide about a plan, and the orders that leave: without HTTP.

Belongs here: judging a choice against the line it is about, the transactions that write it down. Does not
belong here: who may decide (``access``), how a choice travels (``api``), what a decision means to the next
plan (``reading.supply``).
"""
