"""Everything that knows PostgreSQL: the server, the tables, their migrations, bulk transfer and tenancy."""
