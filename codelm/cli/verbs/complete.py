"""``codelm complete``: code written by a run's model, as an editor would ask for it."""

import logging
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from os.path import samefile
from pathlib import Path
from typing import TYPE_CHECKING

from codelm.cli.base_folder import base_of_run
from codelm.cli.defaults import HIGHEST_SEED
from codelm.cli.typed_text import refuse_broken_text, typed_lines
from codelm.cli.verbs.parser import VerbParser
from codelm.errors import InputError
from codelm.lines import with_line_end
from codelm.metrics.completion import completion
from codelm.report.printable_text import printable
from codelm.saved_run import find_run

if TYPE_CHECKING:
    from codelm.inference.place import Place
    from codelm.inference.prompt_maker import PromptMaker
    from codelm.inference.tuned_model import TunedModel
    from codelm.metrics.retrieval import Files

__all__ = ["run"]

log = logging.getLogger(__name__)

_DESCRIPTION = """\
Write code with a run's model: behind a prompt, or at a place in a file. RUN is the folder of a run or its name; the
newest run by default.

  codelm complete "fn process"
  codelm complete ripgrep "let size = " --suffix ";"
  codelm complete ripgrep --file src/main.rs --at 12:9 --show src/args.rs
  git show HEAD:src/lib.rs | head -40 | codelm complete ripgrep -

What is written goes to standard output, a prompt from the command line before it. Left to right the text ends with the
item or statement that the prompt begins, in Rust and Python; with text behind it where the model ends it."""
_PATH = "src/lib.rs"
_LANGUAGES = {".rs": "rust", ".py": "python"}


def run(arguments: Sequence[str], *, quiet: bool, debug: bool) -> None:
    """Print what the model of a run writes.

    Raises:
        InputError: The arguments are wrong, or there is no such run or file.
        DamagedDataError: What the run has written is damaged.
    """
    given = _parser().parse_args(arguments)
    _refuse_wrong_values(given)
    name, prompt = _run_and_prompt(given)
    place = None if given.interactive else _place(given, prompt)
    files = _shown_files(given)
    chosen = find_run(name, given.output)
    from codelm.cli.logging import run_logging
    from codelm.inference.tuned_model import load_tuned

    with run_logging(quiet=quiet, debug=debug):
        model = load_tuned(chosen, base_of_run(chosen))
        if place is not None:
            _write(model, _as_base_writes(place, model.prompts, given), files, given)
        else:
            _answer_lines(model, files, given)


def _parser() -> VerbParser:
    parser = VerbParser("complete", _DESCRIPTION, may_be_empty=["--suffix"])
    parser.add_argument("words", nargs="*", metavar="[RUN] [PROMPT]", help="the prompt alone, or the run before it")
    parser.add_argument("--suffix", metavar="TEXT", help="the text behind the place: the model fills in between")
    parser.add_argument("--file", metavar="FILE", help="write at a place in this file, which is not changed")
    parser.add_argument("--at", metavar="LINE:COLUMN", help="the place in the file, counted from 1 (default: its end)")
    parser.add_argument("--path", metavar="PATH", help="the path that the model is told (default: FILE's, src/lib.rs)")
    shown = "other code, such as a file of the same change: the part most like the place is shown first; repeatable"
    parser.add_argument("--show", metavar="FILE", action="append", default=[], help=shown)
    parser.add_argument("--base", action="store_true", help="show what the base writes without the adapter, too")
    parser.add_argument("--interactive", action="store_true", help="complete each line of standard input")
    parser.add_argument("--lines", type=int, metavar="N", help="lines at most, without empty ones before the first")
    parser.add_argument("--max_new_tokens", type=int, default=128, metavar="N", help="tokens at most (default: 128)")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="X", help="0 takes the likeliest (default)")
    parser.add_argument(
        "--top_p", type=float, default=0.95, metavar="X", help="share of likeliest tokens that are kept"
    )
    parser.add_argument("--seed", type=int, default=42, metavar="N", help="decides what is drawn (default: 42)")
    parser.add_argument("--output", default="runs", metavar="FOLDER", help="the folder of all runs (default: runs)")
    return parser


def _refuse_wrong_values(given: Namespace) -> None:
    """Raise `InputError` for a number out of its range, and for options that do not go together."""
    wrong = {
        "--max_new_tokens: give 1 or more": given.max_new_tokens < 1,
        "--lines: give 1 or more": given.lines is not None and given.lines < 1,
        "--temperature: give 0 or more, such as 0.8": not 0 <= given.temperature < inf,
        "--top_p: give a share above 0, up to 1": not 0 < given.top_p <= 1,
        f"--seed: give a number from 0 to {HIGHEST_SEED}": not 0 <= given.seed <= HIGHEST_SEED,
        "--at names a place in a file: give --file, too": given.at and not given.file,
        "--file holds the text behind the place: leave --suffix out": given.file and given.suffix is not None,
        "--show names the file itself, which is shown anyhow: give other code": given.file
        and any(_is_same_file(shown, given.file) for shown in given.show),
        "--path: give the path of a file, one line of text": given.path
        and any(character < " " for character in given.path),
        "--interactive reads prompts from standard input: leave --file out": given.interactive and given.file,
    }
    for message, is_so in wrong.items():
        if is_so:
            raise InputError(message)


def _is_same_file(one: str, other: str) -> bool:
    """Return whether two paths lead to one file; not where one leads to none, as whoever reads it will say."""
    with suppress(OSError):
        return samefile(one, other)
    return False


def _run_and_prompt(given: Namespace) -> tuple[str | None, str | None]:
    """Return the run and the prompt that were typed, each None where it was not."""
    words, takes_prompt = given.words, not (given.file or given.interactive)
    if len(words) > 1 + takes_prompt:
        wanted = "run and prompt" if takes_prompt else "the run alone beside --file and --interactive"
        raise InputError(f"codelm complete takes {wanted}: unexpected {words[-1]!r}; put quotes around a prompt")
    if not takes_prompt:
        return (words[0] if words else None), None
    if not words:
        raise InputError("codelm complete needs a prompt (- for standard input), --file FILE or --interactive")
    return (words[0] if len(words) == 2 else None), words[-1]


def _place(given: Namespace, prompt: str | None) -> "Place":
    """Return the place at which code is wanted.

    Raises:
        InputError: The file cannot be read, or has no such place.
    """
    from codelm.inference.place import Place, place_in_file

    if given.file:
        return place_in_file(Path(given.file), given.at, given.path)
    refuse_broken_text("the prompt", prompt or "")
    refuse_broken_text("--suffix", given.suffix or "")
    before = "".join(typed_lines()) if prompt == "-" else prompt or ""
    return Place(given.path or _PATH, before, given.suffix)


def _as_base_writes(place: "Place", prompts: "PromptMaker", given: Namespace) -> "Place":
    """Return a place without the text behind it where the base writes from left to right: a file has some anyhow.

    Raises:
        InputError: That text was given by itself.
    """
    if place.after is None or prompts.fills_in:
        return place
    if not given.file:
        raise InputError(f"base model {prompts.base_name} writes from left to right: leave --suffix out")
    log.warning("base model %s writes from left to right: it does not see what follows the place", prompts.base_name)
    return replace(place, after=None)


def _shown_files(given: Namespace) -> "Files":
    """Return path and text of the other code.

    Raises:
        InputError: A file cannot be read.
    """
    from codelm.inference.place import code_of_file

    return [code_of_file(Path(file)) for file in given.show]


def _write(model: "TunedModel", place: "Place", files: "Files", given: Namespace) -> None:
    """Print what is written at a place, as it is written; with ``--base`` what either model writes, under its name."""
    shown = place.before if not given.file and "-" not in given.words else ""
    for as_base in (True, False) if given.base else (False,):
        if given.base:
            print("base" if as_base else "tuned", end=":\n\n")
        _print(shown)
        try:
            _stream(model, place, files, given, as_base=as_base)
        finally:  # what went wrong is told on a line of its own
            _print("\n\n" if given.base and as_base else "\n")


def _answer_lines(model: "TunedModel", files: "Files", given: Namespace) -> None:
    """Complete each line of standard input until it ends."""
    from codelm.inference.place import Place

    sys.stderr.write("a line is a prompt; Ctrl-D ends\n" if sys.stdin.isatty() else "")
    for line in typed_lines():
        _write(model, Place(given.path or _PATH, line.rstrip("\r\n")), files, given)


def _stream(model: "TunedModel", place: "Place", files: "Files", given: Namespace, *, as_base: bool) -> None:
    """Print what a model writes at a place, token by token."""
    from lightning.pytorch import seed_everything

    from codelm.modules.generation import Sampling

    seed_everything(given.seed, verbose=False)
    printed, end = "", place.line_end

    def show(text: str) -> bool:
        """Print what is new of a text, and return whether it is complete."""
        nonlocal printed
        kept, is_complete = _kept(place, text, given.lines)
        kept = kept.rstrip("\ufffd\r")  # the beginning of a character, or of a line end
        kept = with_line_end(kept, end)
        _print(kept[len(printed) :])
        printed = kept if len(kept) > len(printed) else printed
        return is_complete

    sampling = Sampling(given.max_new_tokens, given.temperature, given.top_p, batch_size=1)
    [written] = model.write([place], sampling, as_base=as_base, files=files, until=[show])
    show(written.text)


def _kept(place: "Place", text: str, lines: int | None) -> tuple[str, bool]:
    """Return the part of a text that completes a place, and whether it needs no more."""
    if lines is not None and (first := _first_lines(text, lines)) is not None:
        return first, True
    if place.after is not None:
        return text, False
    found = completion(_LANGUAGES.get(Path(place.path).suffix, ""), place.before, text, stopped=False)
    return (found.text, True) if found.finished else (text, False)


def _first_lines(text: str, count: int) -> str | None:
    r"""Return a text up to the end of so many lines, None where it has fewer.

    Empty ones before the first do not count: behind the end of a line an answer begins with a line break.

    >>> _first_lines("\n    let a = 1;\n    let b", 1)
    '\n    let a = 1;'
    """
    lines = text.split("\n")
    empty = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
    return "\n".join(lines[: empty + count]) if len(lines) > empty + count else None


def _print(text: str) -> None:
    """Print text at once; on a terminal without what has no glyph, such as sequences that repaint it."""
    sys.stdout.write(printable(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()
