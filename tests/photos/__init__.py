"""Photo files for tests: any format, any content, and a collection of hostile ones."""
