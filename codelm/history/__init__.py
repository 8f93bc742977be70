"""From a git history to packed samples, in plain Python and numpy."""
