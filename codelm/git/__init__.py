"""Reading git repositories; the only package that starts git processes."""
