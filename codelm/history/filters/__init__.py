"""Filters that decide which commits, files and hunks are learned from."""
