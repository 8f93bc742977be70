"""A run's model at work: the base with the adapter it learned, asked as it was trained."""
