"""codelm: tune a code model on one repository's git history."""

__version__ = "0.1.0"
