"""Who may get in, with what, and what they may do then.

Belongs here: users, passwords, tokens, keys, the record of what happened to them, and the judgement of what
an identity permits. Does not belong here: HTTP, which asks these functions; the database's own judgement,
which holds without them (``warehouse.access_rights``).

A function that takes a connection works in the caller's transaction, as the API's role where it says so. One
that lets somebody in raises nothing when it refuses: what it wrote down has to be committed.
"""
