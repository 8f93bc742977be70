"""Conversion of commits to packed epochs, in plain Python and numpy."""
