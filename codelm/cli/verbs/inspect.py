"""``codelm inspect``: what a run would read, drop, learn and take, in seconds and without torch."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from codelm.cli.inspection.facts import inspect_repository, inspect_tokens
from codelm.cli.inspection.sample_text import samples_text
from codelm.cli.inspection.text import summary, tokens_text
from codelm.cli.typed_text import refuse_broken_text
from codelm.cli.verbs.parser import VerbParser, split_settings
from codelm.errors import InputError

__all__ = ["run"]

_DESCRIPTION = """\
Show what a run would read, drop, learn and take, before it begins: in seconds, with nothing written or downloaded.

  codelm inspect ~/src/ripgrep
  codelm inspect ~/src/ripgrep --samples 3
  codelm inspect --tokens "fn f<'a>(x: &'a str)"

Configurations and settings are those of codelm fit, as in --data.max_commits 300; without a configuration the one that
fits the languages is taken."""


def run(arguments: Sequence[str], *, quiet: bool, debug: bool) -> None:
    """Print the inspection that the arguments ask for.

    Raises:
        CodelmError: With one line for the user.
    """
    parser = VerbParser("inspect", _DESCRIPTION)
    parser.add_argument("repository", nargs="?", metavar="REPOSITORY", help="folder of a git repository (default: .)")
    parser.add_argument("--samples", default="0", metavar="N", help="show N training samples, too")
    parser.add_argument("--tokens", metavar="TEXT", help="show how the base's tokenizer splits a line, and no more")
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    settings, rest = split_settings(arguments, alone=("-c", "--config", "--seed_everything", "--output", "--name"))
    given = parser.parse_args(rest)
    samples = _count(given.samples)
    if given.tokens is not None:
        if given.repository is not None or samples:
            raise InputError("--tokens reads no repository: leave out REPOSITORY and --samples")
        refuse_broken_text("--tokens", given.tokens)
        found = inspect_tokens(settings, given.tokens)
        sys.stdout.write(_json(found) if given.json else tokens_text(found))
        return
    found = inspect_repository(settings, given.repository, samples, _progress)
    if given.json:
        sys.stdout.write(_json(found))
        return
    sys.stdout.write(summary(found))
    if samples:
        sys.stdout.write(samples_text(found["shown"], in_color=sys.stdout.isatty()))


def _count(text: str) -> int:
    """Return a number of samples."""
    if not text.isdecimal() or len(text) > 3:
        raise InputError(f"--samples {text[:20]}: give a number from 0 to 999")
    return int(text)


def _json(found: Any) -> str:
    return json.dumps(found, indent=2, default=str) + "\n"


def _progress(items: Iterable[Any], total: int, description: str) -> Iterable[Any]:
    """Show on a terminal how much of a loop is done, and how long it will take."""
    from tqdm import tqdm

    hidden = not sys.stderr.isatty()
    shown: Iterable[Any] = tqdm(items, description, total, dynamic_ncols=True, leave=False, disable=hidden)
    return shown
