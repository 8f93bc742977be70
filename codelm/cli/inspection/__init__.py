"""What ``codelm inspect`` finds out before a run, and how it is shown; nothing here imports torch."""
