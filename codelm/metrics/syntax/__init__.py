"""Lexers and syntax trees of Rust and Python that survive unfinished code."""
