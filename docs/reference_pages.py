"""The site's reference: pages written from each command's ``--help`` and from the docstrings of the public modules.

Docstrings are read by griffe, without importing what they describe: signatures are those of the source, and torch is
loaded for the settings of ``codelm fit`` alone.
"""

import contextlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import griffe

from codelm.cli import main
from codelm.cli.commands import COMMANDS, LIGHTNING_COMMANDS, VERBS

__all__ = ["COMMAND_PAGE", "MODULES", "command_page", "module_page", "settings_page", "setup"]

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "reference"
"""Where the pages are written; git ignores it."""

COMMAND_PAGE = "commands.md"
MODULES = {
    "codelm.datamodules": "histories as packed rows, for Lightning or a bare loop",
    "codelm.modules": "the model that is trained, and its adapters",
    "codelm.callbacks": "what is measured and saved while a training goes on",
    "codelm.batch": "what a batch holds",
    "codelm.history.filters.settings": "what is left out",
    "codelm.history.samples.formats": "how changes and files are written as samples",
    "codelm.history.epochs.importance": "how often a sample is drawn",
    "codelm.history.epochs.refresh": "what an earlier training has learned, and how much of it is drawn again",
    "codelm.inference.tuned_model": "a run's model, asked for text",
    "codelm.inference.prompt_maker": "the prompts that it is asked with",
    "codelm.saved_run": "a run's folder, read back",
    "codelm.bases": "base models by name",
    "codelm.errors": "what is raised",
}
"""The public modules, and what is in each."""

_UNWRAPPED = "4000"
"""Columns at which help breaks no text into lines."""


def help_of(arguments: list[str], columns: str) -> str:
    """Return what ``codelm`` prints for these arguments, at a width of ``columns``."""
    text, earlier = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = columns
    try:
        with contextlib.redirect_stdout(text):
            status = main(arguments)
    finally:
        os.environ.pop("COLUMNS")
        if earlier is not None:
            os.environ["COLUMNS"] = earlier
    if status:
        raise RuntimeError(f"codelm {' '.join(arguments)} ended with status {status}")
    return text.getvalue()


def command_page() -> str:
    """Return the page of all commands: what ``codelm --help`` says, and that of those beside Lightning's."""
    lines = ["# Commands", "", "What `codelm --help` prints:", "", *_fence(help_of(["--help"], "88"))]
    for command, what in COMMANDS.items():
        lines += [f"## codelm {command}", "", f"{what[0].upper()}{what[1:]}.", ""]
        if command in VERBS:
            lines += _fence(help_of([command, "--help"], "88"))
        else:
            lines += ["Its settings are those of `codelm fit`: [settings](settings.md).", ""]
    return "\n".join(lines)


def settings_page() -> str:
    """Return the page of all settings, with types and defaults, as ``codelm fit --help`` prints them."""
    commands = ", ".join(f"`{name}`" for name in LIGHTNING_COMMANDS)
    lines = [
        *("# Settings", ""),
        f"Every setting of {commands}, on the command line or in a configuration (`--data.repo PATH` is",
        "`data: {repo: PATH}` in YAML), written from `codelm fit --help`. Those of `trainer` that are not codelm's are",
        "Lightning's.",
    ]
    group = ""
    for line in help_of(["fit", "--help"], _UNWRAPPED).splitlines():
        entry = re.match(r"  (-\S.*?)(?:\s{2,}(\S.*))?$", line)
        if entry:
            name = "".join(filter(str.isprintable, entry[1].split(", ")[-1]))
            if (wanted := _group(name)) != group:
                group = wanted
                lines += ["", f"## {group}"]
            lines += ["", f"`{name}`"] + ([f": {_as_markdown(entry[2])}"] if entry[2] else [])
        elif line.startswith(" " * 10) and line.strip():
            lines.append(f": {_as_markdown(line.strip())}")
    return "\n".join([*lines, ""])


def _group(option: str) -> str:
    """Return the heading that an option stands under: the part of its name before the first point."""
    prefix, point, _ = option.split()[0].lstrip("-").partition(".")
    return prefix if point or prefix in ("model", "data", "trainer") else "the run"


def _as_markdown(text: str) -> str:
    r"""Return plain text with what Markdown would take for markup escaped, but for code in back quotes.

    >>> _as_markdown("a * b_c of ``x_y``")
    'a \\* b\\_c of ``x_y``'
    """
    parts = re.split(r"(``.+?``|`[^`]+`)", text)
    return "".join(part if i % 2 else re.sub(r"([\\*_<>\[\]$`])", r"\\\1", part) for i, part in enumerate(parts))


def _fence(text: str) -> list[str]:
    return ["```text", *text.rstrip().splitlines(), "```", ""]


@cache
def _package() -> Any:
    return griffe.load("codelm", search_paths=[ROOT])


def module_page(name: str) -> str:
    """Return the page of a public module: its docstring, and each name that its ``__all__`` lists."""
    module = _package()[name.removeprefix("codelm.")]
    lines = [f"# {name}", "", f"```{{py:module}} {name}", "```", "", *_docstring(module)]
    for public in module.exports or []:
        lines += _entry(module[str(public)], str(public))
    return "\n".join([*lines, ""])


def _entry(obj: Any, name: str) -> list[str]:
    """Return a class, a function or a value of griffe's as a directive of Sphinx."""
    if obj.is_class:
        return _class_entry(obj, name)
    of_class = obj.parent.is_class
    if obj.is_function:
        returned = f" -> {obj.returns}" if obj.returns else ""
        signature = f"{{py:{'method' if of_class else 'function'}}} {name}{_parameters(obj)}{returned}"
    else:
        typed = f"\n:type: {obj.annotation}" if obj.annotation else ""
        signature = f"{{py:{'attribute' if of_class else 'data'}}} {name}{typed}"
    fence = "::::" if of_class else ":::::"  # an inner directive has fewer colons than the one around it
    return [f"{fence}{signature}", "", *_docstring(obj), fence, ""]


def _class_entry(obj: Any, name: str) -> list[str]:
    members = [line for member in _members(obj) for line in _entry(member, member.name)]
    bases = [str(base) for base in obj.bases if str(base) not in ("NamedTuple", "TypedDict", "Protocol")]
    extends = [f"Extends {', '.join(f'`{base}`' for base in bases)}.", ""] if bases else []
    signature = f"{name}{_parameters(obj)}"
    return [f":::::{{py:class}} {signature}", "", *_docstring(obj), *extends, *members, ":::::", ""]


def _members(obj: Any) -> Iterator[Any]:
    """Yield the documented members that a class defines itself, in the order of its file, without Lightning's hooks."""
    for name, member in obj.members.items():
        if not name.startswith(("_", "on_")) and member.docstring and not member.is_alias:
            yield member


def _parameters(obj: Any) -> str:
    """Return a signature's parameters as they stand in the source, without ``self``."""
    written: list[str] = []
    has_star = False
    for parameter in obj.parameters:
        if parameter.name in ("self", "cls"):
            continue
        kind = parameter.kind.value
        if kind == "keyword-only" and not has_star:
            written.append("*")
        has_star = has_star or kind in ("keyword-only", "variadic positional")
        written.append(_parameter(parameter, {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")))
    return f"({', '.join(written)})"


def _parameter(parameter: Any, stars: str) -> str:
    typed = f": {parameter.annotation}" if parameter.annotation is not None else ""
    shown = "..." if "lambda" in str(parameter.default) else parameter.default  # the factory of a dataclass's field
    default = f" = {shown}" if parameter.default is not None and not stars else ""
    return f"{stars}{parameter.name}{typed}{default}"


def _docstring(obj: Any) -> list[str]:
    """Return a docstring as Markdown: its text, and a list for each of its sections."""
    if not obj.docstring:
        return []
    lines: list[str] = []
    for section in obj.docstring.parse("google", warnings=False):
        if section.kind.value == "text":
            lines += [*_text(section.value), ""]
        elif section.kind.value == "admonition":
            lines += [f"**{section.title}**", "", *_text(section.value.description), ""]
        else:
            lines += _section(section.kind.value, section.value)
    return lines


def _section(kind: str, items: Iterable[Any]) -> list[str]:
    lines = [f"**{kind.capitalize()}**", ""]
    for item in items:
        name = getattr(item, "name", "") or str(item.annotation or "")
        lines += [f"`{name}`" if name else "it", f": {' '.join(item.description.split())}", ""]
    return lines


def _text(text: str) -> Iterator[str]:
    """Yield a text's lines, with each example of the interpreter in a fence of its own."""
    in_example = False
    for line in [*text.splitlines(), ""]:
        if not in_example and line.lstrip().startswith(">>>"):
            in_example = True
            yield "```python"
        if in_example and not line.strip():
            in_example = False
            yield "```"
        yield line.replace("::", ":") if line.endswith("::") else line


def write_pages() -> None:
    """Write all pages, and leave alone those that say the same as before."""
    listed = "\n".join(f"{name} <{name}>" for name in MODULES)
    table = "\n".join(f"| [{name}]({name}.md) | {what} |" for name, what in MODULES.items())
    pages = {
        COMMAND_PAGE: command_page(),
        "settings.md": settings_page(),
        "python.md": f"# In Python\n\n| module | what is in it |\n|---|---|\n{table}\n\n"
        f"```{{toctree}}\n:hidden:\n\n{listed}\n```\n",
        **{f"{name}.md": module_page(name) for name in MODULES},
    }
    FOLDER.mkdir(exist_ok=True)
    for stale in set(FOLDER.glob("*.md")) - {FOLDER / name for name in pages}:
        stale.unlink()
    for name, text in pages.items():
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx, which calls this for each extension: the pages are written before it looks for them."""
    app.connect("config-inited", lambda *_: write_pages())
    return {"version": "1", "parallel_read_safe": True, "env_version": 1}
