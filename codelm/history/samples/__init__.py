"""Samples made from changes and files, and the prompt formats they share with inference."""
