"""What the figures cannot tell, in a sentence each, with the setting that would help."""

from collections.abc import Mapping, Sequence
from typing import Any

from codelm.metrics.idioms import ENOUGH, FEWEST, sampled, too_few
from codelm.metrics.intervals import FEWEST as COMMITS
from codelm.metrics.likelihood import main_comparison, main_kind
from codelm.metrics.quantities import counted, listed
from codelm.metrics.syntax.trees import GRAMMARS

TIME = "raise evaluation.minutes"


def shortcomings(figures: Mapping[str, Any], *, snapshot: bool) -> list[str]:
    """Return what was asked less often than it was wanted, and what is too little to be judged.

    Args:
        figures: Those of all parts; None of one that failed, which is told elsewhere.
        snapshot: Whether whole files are known, so that new lines can be told from old ones.
    """
    kinds = {"likelihood": of_commits, "general": of_general, "idioms": of_idioms, "memory": of_memory}
    found = [note for name, told in kinds.items() if figures[name] for note in told(figures[name])]
    if not snapshot:
        found.append("no whole files are in the store (data.formats.whole_files): what is new to them is not known")
    return found


def of_commits(likelihood: Mapping[str, Any]) -> list[str]:
    """Say how many held-out commits were left out, and whether the rest are too few, each with what would help."""
    found, read, compared = [], likelihood["read"], main_comparison(likelihood)
    short = read["left_out_by"]
    if short:
        some = f"{read['commits']:,} of {counted(read['of'], 'held-out commit')}"
        found.append(f"{short} allowed to measure {some}: raise it")
    if compared and compared["commits"] < COMMITS:
        lines = f"{main_kind(likelihood)} lines"
        are = "is" if compared["commits"] == 1 else "are"
        few = f"{counted(compared['commits'], 'held-out commit')} with {lines} {are} too few for an interval"
        remedy = short if short and read["of"] >= COMMITS else "data.held_out, or give a longer history"
        found.append(f"{few}, which takes {COMMITS}: raise {remedy}")
    return found


def of_general(general: Mapping[str, Any]) -> list[str]:
    """Say which standard libraries time left out."""
    unread = [name for name, found in general["beside"].items() if found is None]
    return [f"no time was left to read the {listed(unread)}: {TIME}"] if unread else []


def of_holes(languages: Sequence[str], chosen: int, modes: Sequence[str]) -> list[str]:
    """Say which of the holes that were chosen time left out, and what of the others could not be asked.

    Args:
        languages: Of each hole that was asked about.
        chosen: How many were to be asked about.
        modes: The ways in which they were.
    """
    found = []
    if "infill" not in modes:
        found.append("gaps were not filled: the tokenizer has no tokens for what stands before and behind one")
    if len(languages) < chosen:
        found.append(f"time allowed for {len(languages)} of {counted(chosen, 'hole')}: {TIME}")
    if other := sorted(set(languages) - set(GRAMMARS)):
        found.append(f"the syntax of holes in {listed(other)} was not measured, which takes Rust or Python")
    return found


def of_idioms(idioms: Mapping[str, Any]) -> list[str]:
    """Say that few functions were written, or too few to be compared, and what time left out."""
    asked, found = idioms["asked"], []
    short = min(idioms["functions"]["base"], idioms["functions"]["tuned"])
    if short < ENOUGH:
        cut_short = asked["functions"] < asked["of"]
        more = {"evaluation.limit": asked["of"] < ENOUGH or not cut_short, "evaluation.minutes": cut_short}
        few = f"the idioms are those of {sampled(idioms['functions'])}, where {ENOUGH} tell repositories apart"
        said = few if short >= FEWEST else too_few(idioms["functions"])
        found.append(f"{said}: raise {listed([name for name, helps in more.items() if helps])}")
    if asked["derives"] < asked["derives_of"]:
        found.append(f"time allowed for {asked['derives']} of {counted(asked['derives_of'], 'list')} of traits: {TIME}")
    return found


def of_memory(memory: Mapping[str, Any]) -> list[str]:
    """Say how much time left out of what was to be recited."""
    asked = memory["windows"] | {"secrets": memory["secrets"]["tried"]}
    names = {"train": "windows learned", "held_out": "windows never seen", "secrets": "strings that look like secrets"}
    short = [
        f"{asked[kind]:,} of {wanted:,} {names[kind]}"
        for kind, wanted in memory["wanted"].items()
        if asked[kind] < wanted
    ]
    return [f"time allowed for {listed(short)}: {TIME}"] if short else []
