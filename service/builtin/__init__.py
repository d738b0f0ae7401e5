"""Tools that an assistant may switch on in its instruction file: they compute, look up, fetch and draw."""
