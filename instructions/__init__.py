"""How an assistant behaves: the instruction file and the prompt made from it."""
