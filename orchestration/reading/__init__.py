"""What was known on a day, read from the warehouse into the library's containers.

Belongs here: queries confined to what an as-of date could see. Does not belong here: anything that writes,
and what the numbers mean (``forecasting_lib``).
"""
