"""The report of an evaluation as a page, and its figures on the console and in TensorBoard."""
