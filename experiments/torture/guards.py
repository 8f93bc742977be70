"""What makes the rows hold, each taken out for a while to see the row fail."""

import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from markupsafe import Markup

from codelm.errors import CodelmError

__all__ = ["GUARDS", "owner_of", "taken_out"]


def _nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


class _AlwaysRight(str):
    """Equals every other text."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def _always_right(*_: Any) -> str:
    return _AlwaysRight()


def _count_all(its: Any, loss: float, norm: float) -> None:
    """Count a step as a failure, also where a scaler's scale can fall."""
    its.failures += 1
    if its.failures >= 3:
        raise CodelmError("gave up")


class _Unchecked:
    """Python's mathematics, for which all numbers are finite."""

    inf = math.inf
    isfinite = staticmethod(lambda number: True)


@contextmanager
def _file_in_place(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    yield target


@contextmanager
def _folder_in_place(target: Path) -> Iterator[Path]:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    yield target


def _decode_anyhow(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _as_it_is(output: bytes) -> str:
    return output.decode("utf-8", "replace")


def _two_lines(its: Any, name: str) -> str | None:
    """Return the name in a request as it was sent."""
    found: str | None = its.value(name)
    return found


def _markup(value: object) -> Markup:
    """Take any text for HTML."""
    return Markup(str(value))


def _true(*_: Any, **__: Any) -> bool:
    return True


GUARDS: dict[str, tuple[str, Any] | list[tuple[str, Any]]] = {
    "the store's checksums": ("codelm.history.store:damage", _nothing),
    "the checkpoint's checksums": ("codelm.runs.checkpoints:_is_whole", _true),
    "the adapter's checksums": ("codelm.saved_run:SavedRun.refuse_changed_adapter", _nothing),
    "the base's identity": ("codelm.inference.tuned_model:_refuse_other_base", _nothing),
    "the manifest's checksum": ("codelm.saved_run:_digest", _always_right),
    "the check of each step": ("codelm.modules.causal_lm:math", _Unchecked()),
    "the allowance for a scale that can fall": ("codelm.modules.causal_lm:CausalLM._count_failure", _count_all),
    "the check of saved weights": ("codelm.modules.causal_lm:refuse_not_finite", _nothing),
    "the check of a validation": ("codelm.modules.causal_lm:math", _Unchecked()),
    "stops that wait for a step": ("codelm.stopping_signals:HeldStops.begin", _nothing),
    "seeds of each micro-batch": ("codelm.modules.causal_lm:seed_batch", _nothing),
    "the refusal of what is not UTF-8": ("codelm.git.blobs:_decode_text", _decode_anyhow),
    "the comparison of logits": ("codelm.export.writers:refuse_other_logits", _nothing),
    "the one line of errors": [
        ("codelm.git.environment:one_line", _as_it_is),
        ("codelm.git.process:one_line", _as_it_is),
        ("codelm.git.opening:one_line", _as_it_is),
    ],
    "the limit of a body": ("codelm.serving.app:_MAX_BODY_BYTES", 2**30),
    "the limit of a line": [
        ("codelm.metrics.infill_tasks:TOKEN_CHARACTERS", 10**9),
        ("codelm.inference.place:TOKEN_CHARACTERS", 10**9),
    ],
    "the check of a request's host": ("codelm.serving.access:names_loopback", _true),
    "names of one line": ("codelm.serving.fields:Fields.name", _two_lines),
    "the limit of aliases": ("codelm.cli.yaml_files:_MOST_REPEATED", 10**9),
    "the check of keys": ("codelm.cli.yaml_files:_refuse_wrong_keys", _nothing),
    "the escaping of the page": [
        ("codelm.report.page:_TEMPLATES.finalize", _markup),
        ("codelm.report.markup:escape", _markup),
    ],
    "the escaping of tables": ("codelm.report.printable_text:cell", str),
    "the exit status of a failing disk": ("codelm.cli.entry_point:_DISK_ERRORS", ()),
    "atomic writing": [
        ("codelm.files:new_file", _file_in_place),
        ("codelm.runs.checkpoint_io:new_file", _file_in_place),
        ("codelm.runs.finish.export_adapter:new_folder", _folder_in_place),
        ("codelm.export.destination:new_folder", _folder_in_place),
        ("codelm.export.destination:refuse_taken", _nothing),
    ],
}
"""By name: module and attribute, and what takes its place; or several of them."""


@contextmanager
def taken_out(name: str) -> Iterator[None]:
    """Run without a guard; an empty name is none."""
    places = GUARDS[name] if name else []
    with ExitStack() as stack:
        for place, instead in [places] if isinstance(places, tuple) else places:
            stack.enter_context(patch.object(*owner_of(place), instead))
        yield


def owner_of(place: str) -> tuple[Any, str]:
    """Return the object that has the attribute ``module:Class.attribute``, and the attribute's name."""
    module, _, path = place.partition(":")
    *classes, attribute = path.split(".")
    owner: Any = import_module(module)
    for each in classes:
        owner = getattr(owner, each)
    return owner, attribute
