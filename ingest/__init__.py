"""From a file to a knowledge base."""
