"""What an assistant knows: documents, chunks, search."""
