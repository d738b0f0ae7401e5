"""Actions: operations of outside APIs as tools, and the one guarded door that they go through."""
