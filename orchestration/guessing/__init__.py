"""What a company's export holds, found by looking at it: a proposal, and the decisions it leaves to a person.

Belongs here: guesses. Does not belong here: reading a file for good (``landing``), carrying a proposal out
(``commands``).
"""
