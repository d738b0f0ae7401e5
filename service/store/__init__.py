"""Records in a database: tables, queries that take the team, migrations."""
