"""The HTTP API: programs and pages of a client's people get in here.

Belongs here: how a request becomes a question or a deed of one client, and how the answer travels. Does not
belong here: any query (``reporting``), who may do what (``access``), which rows a role sees
(``warehouse.tenancy``): whatever this package does wrong, the database answers with one client's rows.
"""
