"""The facts of an inspection, as values that JSON can hold."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from codelm.bases.families import decide, identities
from codelm.bases.fast_tokenizer import load_fast_tokenizer
from codelm.bases.local_files import local_positions
from codelm.cli.impossible_settings import refuse_impossible, refuse_long_rows
from codelm.cli.inspection.cost import epoch_facts, memory_facts, time_facts
from codelm.cli.quick_settings import QuickSettings, quick_settings
from codelm.devices import found_devices
from codelm.errors import InputError
from codelm.git.repository import Repository, open_repository
from codelm.history.completeness import clone_notices, unread_notices
from codelm.history.epochs.rule_counts import rule_counts
from codelm.history.facts import Progress, split_totals, tip_languages
from codelm.history.filters.drops import DropCounts, Dropped, Place
from codelm.history.filters.redaction import redact
from codelm.history.filters.secrets import find_secrets
from codelm.history.setting_checks import unused_cursor_rate
from codelm.history.store import Split
from codelm.history.store_settings import cache_folder
from codelm.history.survey import Survey, survey
from codelm.history.tokenization.encoder import Encoder
from codelm.history.tokenization.marked_text import marked_runs
from codelm.history.tokenization.splitting import constructs, split_line
from codelm.runs.name import run_name
from codelm.saved_run import saved_runs
from codelm.special_tokens import AUTO

__all__ = ["inspect_repository", "inspect_tokens"]


def inspect_tokens(arguments: Sequence[str], text: str) -> dict[str, Any]:
    """Return how the tokenizer of the base in these settings splits a line, and what stays apart in it."""
    encoder, facts = _encoder(quick_settings(arguments))
    tokens = split_line(text, encoder)
    return {
        "tokenizer": facts,
        "text": text,
        "tokens": [asdict(each) for each in tokens],
        "constructs": [asdict(each) for each in constructs(text, tokens)],
    }


def inspect_repository(
    arguments: Sequence[str], repository: str | None, samples: int, progress: Progress
) -> dict[str, Any]:
    """Return what a run with these settings would read, drop, learn and take.

    Args:
        arguments: Settings as ``codelm fit`` takes them. Where no configuration is among them, the one that fits the
            languages of the repository is taken.
        repository: The folder of the repository; None for the settings' own.
        samples: How many training samples are to be shown.
        progress: Displays how much has been read.

    Raises:
        CodelmError: With one line for the user.
    """
    given = [*arguments, *([f"--data.repo={repository}"] if repository is not None else [])]
    settings = quick_settings(given)
    opened = _opened(settings)
    languages = tip_languages(opened)
    if not any(token.startswith(("--config", "-c")) for token in arguments):
        given = [f"--config={languages['recommended_config']}", *given]
        settings = quick_settings(given)
    _refuse_what_fit_refuses(settings)
    notices = clone_notices(opened)
    encoder, tokenizer = _encoder(settings)
    found = survey(opened, settings.store, encoder, cache_folder(settings.data.cache), progress)
    histories = found.scraped["repositories"]
    split_notices = [f"{each['name']}: {each['split']['notice']}" for each in histories if each["split"]["notice"]]
    epochs = epoch_facts(found, settings)
    device, runs = found_devices()[0], saved_runs(settings.others["output"])
    return {
        "repositories": found.analysis,
        "changed_lines": dict(sum((each.changed_lines for each in found.histories), Counter()).most_common()),
        "languages": languages,
        "notices": [*notices, *split_notices, *unread_notices(histories)],
        "scrape": found.scraped,
        "examples": _examples(found.drops),
        "secrets": _values(found.drops, _SECRETS),
        "people": _values(found.drops, _PEOPLE),
        "tokenizer": tokenizer,
        "weights": rule_counts(
            found.table.samples[found.training], found.commits, found.paths, settings.data.importance
        ),
        "samples": _sample_facts(found),
        "epochs": epochs,
        "memory": memory_facts(settings, device, runs),
        "time": time_facts(settings, epochs, device, runs),
        "command": shlex.join(["codelm", "fit", *given]),
        "shown": _shown(found, encoder, samples),
    }


def _refuse_what_fit_refuses(settings: QuickSettings) -> None:
    """Raise `InputError` for what ``codelm fit`` would refuse, as far as that is known without torch and Lightning."""
    others, data = settings.others, settings.data
    refuse_impossible({**others, "data.repo": data.repo, "data.cache": data.cache}, trains=True)
    if others["name"] is not None:
        run_name(str(others["name"]), [])
    base, revision = others["model.base"], others["model.revision"]
    refuse_long_rows(data.sequence_length, local_positions(base, revision), base)


def _opened(settings: QuickSettings) -> list[Repository]:
    return [open_repository(path, settings.data.revision) for path in settings.data.repositories]


def _encoder(settings: QuickSettings) -> tuple[Encoder, dict[str, Any]]:
    """Return the tokenizer of the base, or the bundled one in its place; with what is to be said about it."""
    base, revision = settings.others["model.base"], settings.others["model.revision"]
    tokenizer = load_fast_tokenizer(base, revision)
    notices = []
    if tokenizer is None:
        notices.append(
            f"the tokenizer of {base} is not on this machine; the bundled one stands in, and counts "
            f"other tokens: hf download {base} tokenizer.json gets it"
        )
    own = tokenizer or load_fast_tokenizer("tiny")
    if own is None:
        raise InputError("the bundled tokenizer is missing: install codelm again")
    vocabulary = own.backend_tokenizer.get_vocab()
    if tokenizer is None:  # a format that is forced may have tokens that the bundled one lacks
        decision = decide(AUTO, identities("tiny"), vocabulary.__contains__)
    else:
        names = identities(base, settings.others["model.base_name"])
        decision = decide(settings.data.formats.fim_format, names, vocabulary.__contains__)
    unused = unused_cursor_rate(settings.data.formats, decision.format)
    notices += [notice for notice in (decision.notice, unused) if notice]
    encoder = Encoder(own, decision.format)
    facts = {"base": base, "is_its_own": tokenizer is not None, "format": decision.format.name, "notices": notices}
    return encoder, facts


def _examples(drops: dict[str, DropCounts]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return for everything that was dropped, and each reason, where some of it stands."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for counts in drops.values():
        for (what, reason), places in counts.places.items():
            found.setdefault(what, {}).setdefault(reason, []).extend(map(_place, places.values()))
    return found


def _place(place: Place) -> dict[str, Any]:
    """Return a place without what its path may give away."""
    return {"commit": place.commit, "path": redact(place.path, find_secrets(place.path)), "line": place.line}


_Measures = Mapping[tuple[Dropped, str], str]

_SECRETS: _Measures = {
    ("hunks", "secret"): "hunk left out",
    ("files", "secret in path"): "file left out, for its path",
    ("values", "secret"): "REDACTED in other text",
    ("values", "secret in message"): "REDACTED in a message",
}
_PEOPLE: _Measures = {
    ("values", "personal"): "replaced in text",
    ("values", "personal in message"): "replaced in a message",
    ("values", "personal in path"): "replaced in a path",
}
"""What is done about credentials, and about what names people, by what is counted and why."""


def _values(drops: dict[str, DropCounts], measures: _Measures) -> list[dict[str, Any]]:
    """Return values by kind and by what is done about them, each with its number and places."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for counts in drops.values():
        for (what, reason), places in counts.places.items():
            where, _, kind = reason.partition(": ")
            if measure := measures.get((what, where)):
                entry = found.setdefault((kind, measure), {"kind": kind, "measure": measure, "count": 0, "places": []})
                entry["count"] += getattr(counts, what)[reason]
                entry["places"] += map(_place, places.values())
    return list(found.values())


def _sample_facts(found: Survey) -> dict[str, Any]:
    totals = {split.name.lower(): split_totals(found.table.samples, split) for split in Split}
    table = found.table
    estimate = {"error": table.error, "tokenised": table.tokenised, "of": table.of, "is_stored": found.is_stored}
    return totals | {"estimate": estimate}


def _shown(found: Survey, encoder: Encoder, count: int) -> list[dict[str, Any]]:
    """Return some training samples: of each kind in turn, from all over the history."""
    by_kind: dict[str, list[int]] = {}
    for place, (encoded, _, _) in enumerate(found.table.shown):
        by_kind.setdefault(encoded.kind.name.lower(), []).append(place)
    shares = {kind: -(-count // len(by_kind)) for kind in by_kind}
    spread = [
        places[number * len(places) // shares[kind]]
        for number in range(max(shares.values(), default=0))
        for kind, places in sorted(by_kind.items(), reverse=True)
        if number < len(places)
    ]
    shown = []
    for place in spread[:count]:
        encoded, commit, path = found.table.shown[place]
        facts = {"kind": encoded.kind.name.lower(), "commit": found.commits[commit]["sha"], "tokens": len(encoded.ids)}
        runs = [
            {"text": run.text, "role": run.role.name.lower(), "special": run.special}
            for run in marked_runs(encoded, encoder)
        ]
        shown.append(facts | {"path": found.paths[path], "runs": runs})
    return shown
