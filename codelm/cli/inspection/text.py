"""An inspection as text: calm, aligned, a screen long."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from textwrap import wrap
from typing import Any

from codelm.report.printable_text import brief, printable

__all__ = ["summary", "tokens_text"]

_WIDTH = 15
"""Columns of what stands before a line."""
_NOTE = 100
"""Columns of a note."""
_MOST_DROPS, _MOST_VALUES, _MOST_LANGUAGES = 12, 6, 5
_WIDEST_RULE = 60
"""Columns of a rule of weights."""
_MORE = "--json lists all"


def summary(found: Mapping[str, Any]) -> str:
    """Return what `inspect_repository` found, without the samples that are shown."""
    parts = [
        *map(_repository, found["repositories"]),
        *map(_note, found["notices"]),
        _languages(found),
        _split(found["scrape"]["repositories"]),
        [],
        _drops(found),
        _values("secrets", found["secrets"]),
        _values("people", found["people"]),
        *([_weights(found["weights"])] if found["weights"] else []),
        [],
        _samples(found),
        _epochs(found["epochs"]),
        _memory(found["memory"]),
        _time(found["time"]) if found["epochs"]["steps"] else [("time", "without end, as trainer.max_epochs is -1")],
        [],
        [("next", found["command"])],
    ]
    return "".join(f"{head:<{_WIDTH}}{printable(line)}".rstrip() + "\n" for head, line in _lines(parts))


def _lines(parts: Iterable[Iterable[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    for part in parts:
        lines = list(part)
        yield from lines or [("", "")]


def _note(notice: str) -> Iterator[tuple[str, str]]:
    lines = wrap(f"note: {notice}", _NOTE, break_long_words=False, break_on_hyphens=False)
    return (("", line) for line in lines)


def _repository(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    read = facts["commits_read"]
    days = [read[name][:10] for name in ("first_date", "last_date") if name in read]
    written = f", written {' to '.join(days)}" if days else ""
    yield facts["name"], f"{facts['commits']:,} commits; read {read['count']:,} by {read['authors']:,} authors{written}"


def _languages(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    sizes: dict[str, int] = {}
    for name, each in chain.from_iterable(facts["languages"].items() for facts in found["repositories"]):
        sizes[name] = sizes.get(name, 0) + each["bytes"]
    yield "languages", f"{_shares(sizes)}, by bytes"
    yield "", f"{_shares(found['changed_lines'])}, by changed lines"
    languages = found["languages"]
    share, config = languages["rust_share_of_code"], languages["recommended_config"]
    yield "", f"{share:.1%} of the code is Rust ({'above' if share > 0.7 else 'not above'} 70 %): {config}"


def _shares(sizes: Mapping[str, int]) -> str:
    total = max(1, sum(sizes.values()))
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:_MOST_LANGUAGES]
    return ", ".join(f"{name} {size / total:.1%}" for name, size in largest) or "none"


def _split(histories: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    parts = {name: (_sum(histories, "kept", name), _sum(histories, "split", name)) for name in _SPLITS}
    kept = ", ".join(f"{kept:,} of {of:,} to {name}" for name, (kept, of) in parts.items())
    yield "commits kept", f"{kept}; and {_sum(histories, 'kept', 'files'):,} files as they stand"


_SPLITS = ("train", "validation", "test")


def _sum(histories: Sequence[Mapping[str, Any]], part: str, name: str) -> int:
    return sum(history[part].get(name, 0) for history in histories)


def _drops(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for part in found["scrape"]["dropped"].values():
        for what, reasons in part.items():
            counts.update({(what, reason): count for reason, count in reasons.items()})
    if not counts:
        yield "dropped", "nothing"
        return
    largest = counts.most_common()
    shown = largest[:_MOST_DROPS]
    width = max(len(reason) for (_, reason), _ in shown)
    for number, ((what, reason), count) in enumerate(shown):
        places = found["examples"].get(what, {}).get(reason, [])
        line = f"{count:>9,} {what:<8}{reason:<{width}}  {brief(_where(places[0]), 50) if places else ''}"
        yield "" if number else "dropped", line
    if rest := largest[_MOST_DROPS:]:
        yield "", f"{sum(count for _, count in rest):>9,} for {len(rest)} other reasons; {_MORE}"


def _where(place: Mapping[str, Any]) -> str:
    """Return a place as people write it: ``src/a.rs:12 at 0123456789``."""
    line = f":{place['line']}" if place["line"] else ""
    at = place["commit"][:10]
    return " at ".join(filter(None, (f"{place['path']}{line}" if place["path"] else "", at)))


def _values(head: str, values: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    if not values:
        yield head, "none found"
        return
    lines = [
        (f"{each['kind']}, {each['measure']}: {each['count']:,}", _where(each["places"][0]) if each["places"] else "")
        for each in sorted(values, key=lambda each: -each["count"])
    ]
    width = max(len(what) for what, _ in lines)
    for number, (what, where) in enumerate(lines[:_MOST_VALUES]):
        yield "" if number else head, f"{what:<{width}}  {where}"
    if len(lines) > _MOST_VALUES:
        yield "", f"and {len(lines) - _MOST_VALUES} more kinds; {_MORE}"


def _weights(rules: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    names = [f"{each['setting']} {each['rule']}" for each in rules]
    width = min(_WIDEST_RULE, max(map(len, names)))
    for number, (name, each) in enumerate(zip(names, rules, strict=True)):
        weighed = f"{each['count']:,} of {each['of']:,} {each['what']}"
        yield "" if number else "weights", f"{brief(name, width):<{width}}  factor {each['factor']:g}: {weighed}"


def _samples(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    samples, estimate = found["samples"], found["samples"]["estimate"]
    sign = "~" if estimate["error"] else ""
    for number, name in enumerate(_SPLITS):
        part = samples[name]
        line = f"{sign}{part['samples']:,} samples, {part['tokens']:,} tokens, {part['targets']:,} of them learned"
        yield "" if number else "samples", f"{name:<11}{line}"
    kinds = samples["train"]["kinds"].items()
    yield "", f"{'':<11}train: {', '.join(f'{count:,} {_KINDS[kind]}' for kind, count in kinds)}"
    if estimate["error"]:
        yield (
            "",
            f"estimated from {estimate['tokenised']:,} of {estimate['of']:,} changes and files; "
            f"their tokens may be {estimate['error']:.0%} more or fewer",
        )
    elif estimate["is_stored"]:
        yield "", "from the cache, where a run will find them"
    yield from chain.from_iterable(map(_note, found["tokenizer"]["notices"]))


_KINDS = {"file": "of whole files", "change": "left to right", "fim": "to fill in"}


def _epochs(epochs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rows = list(dict.fromkeys(epochs["rows"]))
    if not rows:
        yield "epoch", "nothing to learn: loosen data.filters, or give a longer history"
        return
    curriculum = f"; {rows[0]:,} while samples are easy" if len(rows) > 1 else ""
    yield "epoch", f"{rows[-1]:,} rows, {epochs['tokens']:,} tokens{curriculum}"
    if epochs["steps"]:
        yield "run", f"{epochs['epochs']} epochs at most: {epochs['total_rows']:,} rows, {epochs['steps']:,} steps"


def _memory(memory: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    device = f"{memory['device']} has {memory['free_gib']:.1f} of {memory['total_gib']:.1f} GiB free"
    if memory["source"] == "traced":
        need = f"{memory['counted']:.2f} GiB counted, {memory['with_margin']:.2f} with a margin"
        need += f", and {memory['host']:.2f} kept by the host" if memory["host"] else ""
        verdict = f"{memory['rows']} rows at a time" if memory["fits"] else "not even one row at a time fits"
        yield "memory", f"{verdict}: {need}; {device}"
    elif memory["source"]:
        yield "memory", f"{memory['peak_gib']:.1f} GiB at most in {memory['source']}; {device}"
    else:
        yield "memory", f"not known: codelm fit says it before it loads the base; {device}"


def _time(time: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if time["source"]:
        speed = f"{time['tokens_per_second']:,.0f} tokens a second in {time['source']}"
        yield "time", f"about {time['training_minutes']:,.0f} minutes to train at most, by {speed}"
    else:
        yield "time", "not known: no run here had this base on this device"
        yield "", "--trainer.max_epochs 1 --trainer.limit_train_batches 20 makes a short one, which tells"
    if time["evaluation_minutes"]:
        yield "", f"{time['evaluation_minutes']:g} minutes to evaluate"


def tokens_text(found: Mapping[str, Any]) -> str:
    """Return what `inspect_tokens` found."""
    lines = [f"{len(found['tokens'])} tokens, by the tokenizer of {_whose(found['tokenizer'])}"]
    lines += [f"note: {notice}" for notice in found["tokenizer"]["notices"]]
    lines += ["", "|".join(_shown_tokens(found["tokens"])), ""]
    rows = [(each["kind"], each["text"], "|".join(each["tokens"]), _verdict(each)) for each in found["constructs"]]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)) for row in rows]
    lines += [] if rows else ["no lifetimes, macros or generics in it"]
    return "".join(f"{printable(line)}".rstrip() + "\n" for line in lines)


def _whose(tokenizer: Mapping[str, Any]) -> str:
    return str(tokenizer["base"]) if tokenizer["is_its_own"] else "the bundled base"


def _shown_tokens(tokens: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the text of each token, of several that hold parts of one character that character and their number."""
    for (_, text), sharing in groupby(tokens, lambda token: (token["start"], token["text"])):
        count = len(list(sharing))
        visible = text.replace("\n", "\\n").replace("\t", "\\t")
        yield f"{visible} ({count} tokens)" if count > 1 else visible


def _verdict(construct: Mapping[str, Any]) -> str:
    if not construct["mixed"]:
        return "sensible: names stand apart"
    return f"mixed: {', '.join(construct['mixed'])} holds more than a name"
