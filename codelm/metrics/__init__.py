"""Metrics as pure functions of text and numbers: completion, infilling, likelihood, memorization, idioms, intervals."""
