"""The mistakes a person can mend, told apart from the program's own.

Belongs here: the one class they share, so that the command line knows what to say as it is. Does not belong
here: any particular mistake; it stands beside the code that notices it.
"""


class UserError(Exception):
    """Something a person can mend; the message is one sentence that says what to do."""
