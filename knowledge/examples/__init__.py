"""What the example assistants know: texts written for this project, and what makes documents of them."""
