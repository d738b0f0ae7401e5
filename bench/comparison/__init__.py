"""What the quality benches share: the sets of questions, the searches that are compared, kept embeddings."""
