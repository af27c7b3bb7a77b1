"""From a client's sources into its landing folder: files as they are, rows of a query as Parquet.

Belongs here: looking what is new there, bringing it, remembering what was brought. Does not belong here: what
a source is (``sources``), what becomes of a file in a landing folder (``landing``), when it is pulled
(``schedules``, ``stages.pulling``).
"""
