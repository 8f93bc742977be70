"""Why a part of the examination has no figures: one reason that a person can do something about."""

from codelm.errors import CodelmError


class UnmeasuredError(CodelmError):
    """There was nothing to ask, or no time to; the message is the note that the report shows."""
