"""What is logged of a history that was just read."""

import logging
from typing import Any

from codelm.errors import InputError
from codelm.history.completeness import mostly_missing, unread_notices

__all__ = ["log_report"]

log = logging.getLogger(__name__)


def log_report(facts: dict[str, Any]) -> None:
    """Log what was kept of the histories just read, and what was dropped and why; refuse them if nothing is left."""
    report = "\n".join([*map(_counts_of, facts["scrape"]["repositories"]), facts["scrape"]["table"]])
    empty = [split for split in ("train", "validation") if not facts["tokenize"][split]["samples"]]
    log.log(logging.WARNING if empty else logging.INFO, report)  # --quiet must not hide what the error points to
    histories = facts["scrape"]["repositories"]
    splits = [f"{history['name']}: {history['split']['notice']}" for history in histories if history["split"]["notice"]]
    for notice in [*splits, *unread_notices(histories)]:
        log.warning(notice)
    if empty:
        remedy = "loosen data.filters, change data.held_out or data.max_commits, or give a longer history"
        if mostly_missing(histories):
            remedy = "most file contents are missing from the repository; clone it again, in full"
        raise InputError(
            f"nothing is left of the {empty[0]} part of the history; the table above says what was dropped and why: "
            f"{remedy}"
        )


def _counts_of(history: dict[str, Any]) -> str:
    """Return one history's counts, as a line."""
    kept, split = history["kept"], history["split"]
    parts = ", ".join(f"{kept[name]:,} of {split[name]:,} to {name}" for name in ("train", "validation", "test"))
    commits = f"{history['non_merges']:,} commits, {history['merges']:,} merges"
    return f"{history['name']} at {history['tip'][:12]}: {commits}; kept {parts}, and {kept['files']:,} files"
