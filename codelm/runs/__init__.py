"""A run: its folder, record, checkpoints, manifest and evaluation, and the steps that end it."""
