"""A history whose names, messages and code would act on a terminal or in a page, and what a run of it leaves."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger

from codelm.report.page import page
from codelm.report.printable_text import table
from codelm.report.tensorboard import log_evaluation
from experiments.torture.fast_import import Commit, make_repository
from experiments.torture.guards import taken_out
from experiments.torture.hostile_texts import acts_on_terminal
from experiments.torture.runs import processes, run_in_process, write_config
from experiments.torture.stops import shorten_evaluation
from experiments.torture.subjects import write_base

__all__ = ["left_by_run"]

_ELEMENT = "x-mark"
"""An element that no page has by itself."""
_MARKUP = f"<{_ELEMENT} onload=alert(1)>![a](javascript:b)"
_ESCAPES = "\x1b[2J\x1b]0;title\x07\u202e"
_PATHS = (f"src/{_MARKUP}.rs", f"src/{_ESCAPES}.rs", 'src/">`a`|b.rs', f"src/'{_MARKUP}{_ESCAPES}.rs")
_EVALUATION = "{limit: 2, minutes: 0.5, tokens: 400, every_n_epochs: 0}"


def left_by_run(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield what a run of such a history left in each place, and whether it acts where nothing is escaped."""
    folder.mkdir()
    repository = make_repository(folder / "numbers", _commits(40))
    base = write_base(folder / "base", positions=512)
    write_config(folder, base, repository, folder / "cache", sequence_length=256, evaluation=_EVALUATION)
    printed = ""
    for words in (
        ["fit", "--config", "config.yaml", "--name=run"],
        ["inspect", str(repository), "--samples=60", "--config=config.yaml"],
    ):
        ended = run_in_process(processes(), folder, words, shorten_evaluation)
        printed += ended.said
        if ended.status:
            yield f"status {ended.status}: {ended.said[-300:]}", True
            return
    run = folder / "runs/run/version_0"
    figures, raw = json.loads((run / "evaluation/figures.json").read_text()), _MARKUP + _ESCAPES
    # So small a model may gain nowhere, and then there is no example.
    figures["holes"] |= {"best": [_example(raw)], "worst": [_example(raw)]}
    with taken_out("the escaping of the page"):
        careless = page(figures)
    report = (run / "report.html").read_text() + page(figures)
    yield _wrong("report.html", _acts_in_page(report), has=_ELEMENT in report), _acts_in_page(careless)
    logger = TensorBoardLogger(folder / "logged")
    log_evaluation(SimpleNamespace(loggers=[logger]), figures, 1)  # type: ignore[arg-type]
    logger.finalize("success")
    events = b"".join(each.read_bytes() for each in folder.rglob("events.out.*"))
    with taken_out("the escaping of tables"):
        cells = table([""], [[raw]])
    is_raw = any(text.encode() in events for text in (f"<{_ELEMENT}", "](javascript", "\x1b["))
    yield _wrong("TensorBoard's events", is_raw, has=b"javascript" in events), f"<{_ELEMENT}" in cells
    texts = {"what was printed": printed} | {
        name: (run / name).read_text() for name in ("MANIFEST.json", "config.yaml", "evaluation/figures.json")
    }
    for name, text in texts.items():
        has = _ELEMENT in text or not name.startswith("what")
        yield _wrong(name, acts_on_terminal(text.replace("\r", "")), has=has), acts_on_terminal(raw)


def _example(text: str) -> dict[str, Any]:
    """Return an infill task in all of whose texts another stands."""
    place = {"commit": "0" * 40, "path": f"src/{text}.rs", "line": 1, "mode": "infill"}
    written = dict.fromkeys(("before", "after", "real", "base", "tuned"), f"let a = {text};\n")
    return place | written | {"similarity_base": 1.0, "similarity_tuned": 2.0}


def _wrong(place: str, acts: bool, *, has: bool) -> str:
    """Return what is wrong with a place; one in which nothing of the texts stands shows nothing."""
    return f"{place}: it acts" if acts else "" if has else f"{place}: nothing of it is there"


def _commits(count: int) -> list[Commit]:
    """Return commits that each add a function to a file, with what is hostile in name, message, author and code."""
    texts = dict.fromkeys(_PATHS, "//! Numbers.\n")
    commits: list[Commit] = []
    for number in range(count):
        path = _PATHS[number % len(_PATHS)]
        texts[path] += (
            f"\n/// Adds {number}: {_MARKUP} {_ESCAPES}\npub fn add_{number}(value: u64) -> Option<u64> {{\n"
            f'    println!("{_MARKUP}{{}}", {number});\n    value.checked_add({number * 7919})\n}}\n'
        )
        message, author = f"Add {number}: {_MARKUP}{_ESCAPES}\n\n{_MARKUP}\n", f"A {_ESCAPES}{number} <a@example.org>"
        commits.append(({path: texts[path]}, {"message": message, "author": author}))
    return commits


class _Elements(HTMLParser):
    """Remembers whether an element that is not the page's begins."""

    found = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at the beginning of an element."""
        self.found = self.found or tag == _ELEMENT or any(name.startswith("on") for name, _ in attrs)


def _acts_in_page(text: str) -> bool:
    elements = _Elements()
    elements.feed(text)
    return elements.found
