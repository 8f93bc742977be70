"""A run's adapter on its way to other programs: merged into its base, as GGUF, or as it is, measured and described."""
