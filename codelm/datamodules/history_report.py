"""What is logged of a history that was just read."""

import logging
from typing import Any

from codelm.errors import InputError
from codelm.history.completeness import mostly_missing, unread_notices
from codelm.history.earlier_stores import EarlierStore

__all__ = ["log_report"]

log = logging.getLogger(__name__)


def log_report(facts: dict[str, Any], earlier: EarlierStore | None = None) -> None:
    """Log what was kept of the histories just read, and what was dropped and why; refuse them if nothing is left.

    Args:
        facts: The facts of the new store.
        earlier: The store whose samples were used again.
    """
    report = "\n".join([*map(_counts_of, facts["scrape"]["repositories"]), facts["scrape"]["table"]])
    empty = [split for split in ("train", "validation") if not facts["tokenize"][split]["samples"]]
    if earlier is not None:
        log.info(_reuse(earlier, facts))
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


def _reuse(earlier: EarlierStore, facts: dict[str, Any]) -> str:
    """Return how much was encoded anew beside an earlier store, and how the split has moved since."""
    histories = (store_facts["scrape"]["repositories"] for store_facts in (earlier.store.facts, facts))
    cuts = [
        (after["name"], before["split"]["cut"][:12], after["split"]["cut"][:12])
        for before, after in zip(*histories, strict=True)  # of one family: the same names in the same order
    ]
    moved = [f"{name} from {before} to {after}" for name, before, after in cuts if before != after]
    split = f"the end of training moved in {', '.join(moved)}" if moved else "training ends where it did"
    new = earlier.asked - earlier.found
    return f"encoded {new:,} of {earlier.asked:,} changes and files; the others are in the last store; {split}"
