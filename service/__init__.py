"""How people reach an assistant: settings, access, records, answering, routes."""
