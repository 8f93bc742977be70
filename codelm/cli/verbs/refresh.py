"""``codelm refresh``: a run's adapter trained on, on the commits that came after the run."""

import json
import logging
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from codelm.cli.base_folder import base_folder
from codelm.cli.config_files import checked_arguments
from codelm.cli.quick_settings import QuickSettings, quick_settings
from codelm.cli.verbs.parser import VerbParser, split_settings
from codelm.errors import InputError
from codelm.git.repository import Repository, open_repository
from codelm.history.moved import Moved, moved_history
from codelm.metrics.number_format import counted
from codelm.saved_run import ADAPTER, SavedRun, find_run

__all__ = ["run"]

log = logging.getLogger(__name__)

_DESCRIPTION = """\
Learn the commits that came after a run, on top of its adapter, with a share of the older ones replayed; say whether
later commits became easier, and keep the old adapter if not. RUN is the folder of a run or its name; the newest run by
default.

  codelm refresh ripgrep
  codelm refresh ripgrep --data.revision main
  codelm refresh ripgrep --data.refresh.replay 0.5 --trainer.max_epochs 2

The new run lies beside the old one and has its settings; those that are given here count more. A refresh that was
stopped goes on as any run: codelm fit --config runs/ripgrep/version_1/config.yaml --ckpt_path last"""
_FOUND = ("--model.adapter", "--data.refresh.learned")
"""Settings that a user cannot give."""


def run(arguments: Sequence[str], *, quiet: bool, debug: bool, allow_code: bool = False) -> None:
    """Refresh the run that the arguments name, and print what came of it.

    Args:
        arguments: The run, and settings that count more than its own.
        quiet: Whether to print only warnings and errors.
        debug: Whether to print all messages of all libraries.
        allow_code: Whether configurations may name code from outside of codelm and Lightning.

    Raises:
        CodelmError: With one line for the user; the run is as it was.
    """
    settings, rest = split_settings(arguments, alone=("-c", "--config", "--seed_everything"))
    saved = _run(rest)
    if given := [token for token in settings if token.partition("=")[0] in _FOUND]:
        raise InputError(f"codelm refresh finds {given[0].partition('=')[0]} by itself: leave it out")
    begun = [*_settings_of(saved), *settings, *_place_and_adapter(saved)]
    found = quick_settings(begun)
    revision = _revision(saved, found)
    before, after = _repositories(saved, found, revision)
    moved = _moved(saved, found, before, after)
    status = saved.figure("status")
    if not any(each.new for each in moved):
        tips = ", ".join(f"{each.name} at {each.tip[:10]}" for each in before)
        ended = "" if status == "completed" else f"; its status is {status}: {saved.going_on} ends it"
        sys.stdout.write(f"already up to date: {saved.label} has read {tips}{ended}\n")
        return
    _refuse_nothing_to_learn(saved, moved)
    learned = json.dumps([sha for each in moved for sha in each.learned])
    begun += [f"--data.refresh.learned={learned}", f"--data.revision={revision}"]
    begun += _steps(saved, found, settings, moved)
    from codelm.cli.lightning import run as fit  # seconds of imports, for which wrong arguments need not wait
    from codelm.cli.logging import run_logging
    from codelm.export.source import find_source, refuse_changed_base

    base = base_folder(str(found.others["model.base"]), [saved.folder / "config.yaml"])
    with run_logging(quiet=quiet, debug=debug):
        refuse_changed_base(find_source(saved, base), "--model.base")
        log.info(_news(saved, before, moved))
        if status != "completed" and not _keeps_first(saved):
            log.warning(
                "%s was %s: commits that it had not come to count as learned, and are only replayed; %s ends it first",
                saved.label,
                status,
                saved.going_on,
            )
    fit(["fit", *checked_arguments(begun)], quiet=quiet, debug=debug, allow_code=allow_code)


def _run(arguments: Sequence[str]) -> SavedRun:
    """Return the run to refresh, with an adapter to go on from."""
    parser = VerbParser("refresh", _DESCRIPTION)
    parser.add_argument("run", nargs="?", metavar="RUN", help="the folder of a run, or its name; default: the newest")
    parser.add_argument("--output", default="runs", metavar="FOLDER", help="the folder of all runs (default: runs)")
    given = parser.parse_args(arguments)
    saved = find_run(given.run, given.output)
    status, adapter = saved.figure("status"), saved.folder / ADAPTER
    if status == "running" or not adapter.is_dir():
        lacks = "has not ended" if status == "running" else f"({status}) has no adapter to go on from"
        raise InputError(f"{saved.label} {lacks}: let it end, go on with {saved.going_on}, or give another run")
    return saved


def _settings_of(saved: SavedRun) -> list[str]:
    """Return the settings that a refresh takes from a run, as arguments; those that are given come behind them."""
    # A configuration names the commit that was read, but that of several repositories what the user gave.
    revision = ["--data.revision=HEAD"] if len(_read_by(saved)) == 1 else []
    # All samples are of equal worth to an adapter that knows the easy ones, and each new one is drawn once.
    return [f"--config={saved.folder / 'config.yaml'}", *revision, "--data.curriculum=none"]


def _place_and_adapter(saved: SavedRun) -> list[str]:
    """Return the arguments that put a refresh beside a run, with its adapter; no configuration overrules them."""
    folder = saved.folder if len(saved.folder.parts) > 2 and ".." not in saved.folder.parts else saved.folder.resolve()
    own = {"output": folder.parent.parent, "name": folder.parent.name, "model.adapter": folder / ADAPTER}
    return [f"--{name}={value}" for name, value in own.items()]


def _revision(saved: SavedRun, found: QuickSettings) -> str:
    """Return the revision to read: where a run has read a range, from the same commit on."""
    repositories, revision = _read_by(saved), found.data.revision
    base = repositories[0].get("base") if len(repositories) == 1 else None
    return f"{base}..{revision}" if base and ".." not in revision else revision


def _read_by(saved: SavedRun) -> list[dict[str, Any]]:
    """Return what a run has read of each repository, by its manifest."""
    return saved.figure("phase_results", "phase_1_scrape", "repositories") or []


def _repositories(saved: SavedRun, found: QuickSettings, revision: str) -> tuple[list[Repository], list[Repository]]:
    """Return the repositories at what a run has read, and at what there is now.

    Raises:
        InputError: They are others than those of the run, or what it has read is not in them.
    """
    paths = found.data.repositories
    after = [open_repository(path, revision) for path in paths]
    read = _read_by(saved)
    names, given = [each["name"] for each in read], [each.name for each in after]
    if names != given:
        raise InputError(
            f"{saved.label} has learned from {', '.join(names) or 'no repository'}, this is {', '.join(given)}: give "
            "the same with --data.repo, in folders of the same names"
        )
    before = []
    for path, each in zip(paths, read, strict=True):
        try:
            before.append(open_repository(path, f"{each['base']}..{each['tip']}" if each.get("base") else each["tip"]))
        except InputError:
            raise InputError(
                f"{each['name']}: {each['tip'][:10]}, which {saved.label} has read, is not in {path}: the history was "
                "rewritten, or the clone is another one; begin a new run with codelm fit"
            ) from None
    return before, after


def _moved(
    saved: SavedRun, found: QuickSettings, before: Sequence[Repository], after: Sequence[Repository]
) -> list[Moved]:
    """Return how far each history has moved on since a run."""
    shares = float(saved.settings.get("data.held_out", found.data.held_out)), found.data.held_out
    learned = _learned_before(saved)
    cuts = [None if _keeps_first(saved) else each["split"]["cut"] for each in _read_by(saved)]
    histories = zip(before, after, cuts, strict=True)
    return [moved_history(old, new, shares, learned, cut) for old, new, cut in histories]


def _keeps_first(saved: SavedRun) -> bool:
    """Return whether a run's adapter is the one that it began with, so that nothing it trained on is learned."""
    return bool(saved.figure("adapter", "weights") == "first")


def _refuse_nothing_to_learn(saved: SavedRun, moved: Sequence[Moved]) -> None:
    """Raise `InputError` where the new commits are so few that all of them are held out."""
    if not sum(each.to_learn for each in moved):
        new, held = (sum(getattr(each, name) for each in moved) for name in ("new", "held_out"))
        raise InputError(
            f"no commit is left to learn of {counted(new, 'new one')} since {saved.label}, as {held} are held out; "
            "wait for more, or give a smaller --data.held_out"
        )


def _learned_before(saved: SavedRun) -> list[str]:
    """Return the commits up to which the adapter that a run began with had learned; none for a new adapter."""
    return saved.settings.get("data.refresh.learned") or []


def _steps(saved: SavedRun, found: QuickSettings, settings: Sequence[str], moved: Sequence[Moved]) -> list[str]:
    """Return ``trainer.max_steps`` as an argument: for each commit drawn as many as a run had, if it had a limit."""
    most = found.others["trainer.max_steps"]
    is_given = any(token.partition("=")[0] == "--trainer.max_steps" for token in settings)
    if is_given or most != saved.settings.get("trainer.max_steps") or most < 1:
        return []
    replay = saved.settings.get("data.refresh.replay", 0.0) if _learned_before(saved) else 0.0
    trained = _drawn((each.trained for each in moved), saved.settings.get("data.max_commits"), replay)
    drawn = _drawn((each.to_learn for each in moved), found.data.max_commits, found.data.refresh.replay)
    return [f"--trainer.max_steps={math.ceil(most * drawn / max(1, trained))}"]


def _drawn(commits: Iterable[int], max_commits: int | None, replay: float) -> float:
    """Return the commits of an epoch, with those that are replayed, of what each history has to learn."""
    return min(sum(commits), max_commits or sys.maxsize) / (1 - replay)


def _news(saved: SavedRun, before: Sequence[Repository], moved: Sequence[Moved]) -> str:
    """Return what came since a run, and what becomes of it."""
    new, learn, held = (sum(getattr(each, name) for each in moved) for name in ("new", "to_learn", "held_out"))
    since = ", ".join(f"{each.name} at {each.tip[:10]}" for each in before)
    return (
        f"refreshing {saved.label}: {counted(new, 'new commit')} since {since}; the training part gains {learn:,}, "
        f"and {held:,} are held out, none of which its adapter has learned"
    )
