"""The rows of reading a history: as text beside git and other readers, and as a store beside the tokenizer alone."""

from experiments.bench.rows import MEMORY, SECONDS, Contender, Inputs, Quantity, Row, builds
from experiments.bench.tasks import ROOT, Task

__all__ = ["HISTORY_ROWS"]

_BYTES = Quantity("bytes", "bytes found")
_TOKENS = Quantity("tokens", "tokens found")
_NEWEST = 300
_SEQUENCE_LENGTH = 4096


def _store_task(inputs: Inputs, revision: str, cache: str | None, **options: str) -> dict[str, object]:
    """Return the arguments of a task that builds a store."""
    shape = {"repository": inputs.repository, "sequence_length": _SEQUENCE_LENGTH}
    return {**shape, "revision": revision, "cache": cache, **options}


def _store(inputs: Inputs) -> list[Contender]:
    """Return the contenders of a whole store; the tokenizer alone reads the text of one that was built before."""
    cache = inputs.folder("store", "tokenizer")
    build = Task("stores.build", ROOT, _store_task(inputs, inputs.tip, cache))
    floor = Task("stores.encode_only", ROOT, {"cache": cache})
    return [
        *builds(inputs, "stores.build", **_store_task(inputs, inputs.tip, None)),
        Contender("the tokenizer alone", floor, [build]),
    ]


def _update(inputs: Inputs) -> list[Contender]:
    """Return the contenders of a store of a history that has grown since the cache was made."""
    contenders = []
    for name, folder in inputs.builds.items():
        cache = inputs.folder("store-update", name)
        earlier = Task("stores.build", folder, _store_task(inputs, inputs.earlier, cache))
        task = Task("stores.build", folder, _store_task(inputs, inputs.tip, None, copied_cache=cache))
        contenders.append(Contender(name, task, [earlier]))
    return contenders


def _read(inputs: Inputs) -> list[Contender]:
    options = {"repository": inputs.repository, "tip": inputs.tip, "newest": None}
    return [
        *builds(inputs, "reading.read_with_codelm", **options),
        Contender("git diff-tree, patches alone", Task("reading.read_with_git", ROOT, options)),
        Contender("PyDriller", Task("reading.read_with_pydriller", ROOT, options), needs="pydriller"),
    ]


def _read_newest(inputs: Inputs) -> list[Contender]:
    options = {"repository": inputs.repository, "tip": inputs.tip, "newest": _NEWEST}
    return [
        *builds(inputs, "reading.read_with_codelm", **options),
        Contender("GitPython", Task("reading.read_with_gitpython", ROOT, options)),
    ]


HISTORY_ROWS = (
    Row("store", "store of the whole history, rows of 4,096 tokens", (SECONDS, MEMORY, _TOKENS), _store),
    Row("store-update", "the same, with a cache made ten commits before", (SECONDS, MEMORY, _TOKENS), _update),
    Row("read", "reading all commits with the contents of changed files", (SECONDS, _BYTES), _read),
    Row("read-newest", f"the same, the newest {_NEWEST} commits", (SECONDS, _BYTES), _read_newest),
)
