"""The page that people open to see what a run learned, and the same figures on the console and in TensorBoard."""
