"""What a person and the checks run; no part of the installed package."""
