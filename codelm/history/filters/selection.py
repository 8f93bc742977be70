"""What of a history is not learned from, and a count of every loss under the reason for it.

A commit is refused whole (empty, by a program, taken back) or loses files; a file is refused whole or loses hunks.
Each commit is passed on or counted once in `Drops.commits`, each change of a commit not refused is passed on or counted
once in `Drops.files`, and each hunk of a change not refused is kept or counted once in `Drops.hunks`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from codelm.git.commits import Change, Commit, File, Hunk
from codelm.history.filters import content
from codelm.history.filters.drops import Drops, table
from codelm.history.filters.paths import marked, matcher
from codelm.history.filters.reverts import Reverts, is_bot
from codelm.history.filters.secrets import SecretScan

__all__ = ["Drops", "Filters", "content_reason", "keep", "keep_files", "path_filter", "table"]

VENDORED = [
    "vendor/",
    "vendors/",
    "vendored/",
    "third_party/",
    "third-party/",
    "thirdparty/",
    "node_modules/",
    "bower_components/",
]
CREDENTIALS = [
    *(".env", ".env.*", "!.env.example", ".netrc", ".npmrc", ".pypirc", ".pgpass", ".htpasswd"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.gpg", "*.asc"),
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".cargo/credentials", ".cargo/credentials.toml"),
]

DELETED = "deleted"
RENAMED = "renamed only"
UNCHANGED = "no new content"
DUPLICATE = "duplicate"
ONLY_DUPLICATES = "only duplicates"


@dataclass(frozen=True)  # no slots: the command line reads the defaults of its settings with vars()
class Filters:
    """What is left out of training and evaluation.

    Attributes:
        ignore: Paths to leave out, as gitignore patterns: "target/" at any depth, "*.rlib" by suffix; "!vendor/own/"
            takes back in what an earlier pattern or another path rule leaves out.
        vendored: Folders of other people's code to leave out, as gitignore patterns.
        credentials: Files made to hold secrets, to leave out unread, as gitignore patterns.
        linguist: Whether to leave out what the root .gitattributes marks linguist-generated or linguist-vendored.
        generated: Whether to leave out files whose first lines say that a program wrote them.
        secrets: Whether to leave out files and changes that hold a credential. Only turn this off for test data.
        bots: Whether to leave out commits by programs, such as dependency updates.
        bot_names: Further author names, or names before the @ of their addresses, of programs.
        reverts: Whether to leave out reverts together with the commits they take back.
        duplicates: Whether to learn a hunk or a file once only, where the same is seen again; the newest is kept.
        max_file_bytes: Larger files are not read.
        max_line: Files with a longer line, in characters, are left out; a row of tokens hardly holds more.
        max_mean_line: Files whose lines are longer on average, in characters, are left out.
        min_letters: Files with a smaller share of letters, white space not counted, are left out.
        max_data_run: Files with a longer unbroken run of base64, hexadecimal or escaped bytes, in characters, are left
            out.
        max_data_share: Files with a larger share of such runs are left out.
    """

    ignore: list[str] = field(default_factory=list)
    vendored: list[str] = field(default_factory=lambda: list(VENDORED))
    credentials: list[str] = field(default_factory=lambda: list(CREDENTIALS))
    linguist: bool = True
    generated: bool = True
    secrets: bool = True
    bots: bool = True
    bot_names: list[str] = field(default_factory=list)
    reverts: bool = True
    duplicates: bool = True
    max_file_bytes: int = 1_000_000
    max_line: int = 4000
    max_mean_line: float = 100.0
    min_letters: float = 0.25
    max_data_run: int = 1024
    max_data_share: float = 0.5


def path_filter(filters: Filters, attributes: str = "") -> Callable[[str], str | None]:
    """Return a function from a path to the reason why it is left out, None where it is not.

    Args:
        filters: The settings.
        attributes: Text of the root ``.gitattributes``.

    Raises:
        InputError: A setting holds what is no gitignore pattern.

    >>> path_filter(Filters(ignore=["target/"]))("crates/a/target/b.rs")
    'ignored by pattern target/'
    """
    marks = attributes if filters.linguist else ""
    rules = [
        ("credentials", filters.credentials),
        ("vendored", filters.vendored + marked(marks, "linguist-vendored")),
        ("linguist-generated", marked(marks, "linguist-generated")),
    ]
    ignored = matcher(filters.ignore, "filters.ignore")
    others = [(label, matcher(patterns, f"filters.{label}")) for label, patterns in rules]
    known: dict[str, str | None] = {}

    def look_up(path: str) -> str | None:
        include, pattern = ignored(path)
        if include is not None:
            return f"ignored by pattern {pattern}" if include else None
        verdicts = ((label, *judge(path)) for label, judge in others)
        return next((f"{label} by pattern {pattern}" for label, include, pattern in verdicts if include), None)

    def reason(path: str) -> str | None:
        if path not in known:
            known[path] = look_up(path)
        return known[path]

    return reason


def content_reason(text: str, filters: Filters) -> str | None:
    """Return why a text is not learned from, judged by itself; None where it is. Secrets are not looked for."""
    if filters.generated and content.is_generated(text):
        return "generated"
    if content.longest_line(text) > filters.max_line:
        return f"a line over {filters.max_line} characters"
    if content.mean_line(text) > filters.max_mean_line:
        return f"lines over {filters.max_mean_line:g} characters on average"
    if content.letter_share(text) < filters.min_letters:
        return "too few letters"
    return _data_reason(content.data_runs(text), len(text), filters)


def _data_reason(runs: list[int], length: int, filters: Filters) -> str | None:
    if max(runs, default=0) > filters.max_data_run or sum(runs) > filters.max_data_share * length:
        return "encoded data"
    return None


def keep(commits: Iterable[Commit], filters: Filters, drops: Drops) -> Iterator[Commit]:
    """Yield what is learned from: commits with only the changes, and changes with only the hunks, that add text.

    Give the newest first: of equal hunks the first is kept, and a revert must come before what it takes back.
    ``drops`` is added to. The text of a change stays whole, so what a dropped hunk added can still be its context.
    """
    sieve = _Sieve(filters, drops, path_filter(filters))
    for commit in commits:
        refused = sieve.refuse(commit)
        judged = [] if refused else [sieve.sift(change) for change in commit.changes]
        reasons = [result for result in judged if isinstance(result, str)]
        drops.files.update(reasons)
        if len(reasons) < len(judged):
            yield replace(commit, changes=tuple(result for result in judged if isinstance(result, Change)))
        else:
            drops.commits[refused or _left_with_nothing(reasons)] += 1


def _left_with_nothing(reasons: Collection[str]) -> str:
    if ONLY_DUPLICATES in reasons:
        return ONLY_DUPLICATES
    return "no kept file" if {DELETED, RENAMED, UNCHANGED}.isdisjoint(reasons) else "no added lines"


def keep_files(files: Iterable[File], filters: Filters, drops: Drops) -> Iterator[File]:
    """Yield the files that are learned from as they are; ``drops.files`` counts the others by reason."""
    sieve = _Sieve(filters, drops, path_filter(filters))
    for file in files:
        reason = sieve.file_reason(file)
        if reason:
            drops.files[reason] += 1
        else:
            yield file


@dataclass(slots=True)
class _Sieve:
    """What has to be remembered while a stream is filtered."""

    filters: Filters
    drops: Drops
    path_reason: Callable[[str], str | None]
    reverts: Reverts = field(default_factory=Reverts)
    seen: set[int] = field(default_factory=set)
    secrets: SecretScan = field(default_factory=SecretScan)

    def refuse(self, commit: Commit) -> str | None:
        """Return why the whole commit is left out, whatever its changes hold."""
        if not commit.changes:
            return "empty commit"
        if self.filters.bots and is_bot(commit.author, commit.email, self.filters.bot_names):
            return "bot"
        return "reverted pair" if self.filters.reverts and self.reverts.pairs(commit) else None

    def sift(self, change: Change) -> Change | str:
        """Return the change with the hunks to learn, or why there are none."""
        reason = change.dropped or self.path_reason(change.path) or _nothing_added(change)
        reason = reason or content_reason(change.after or "", self.filters) or self._secret(change)
        if reason:
            return reason
        lost = [self.hunk_reason(hunk) for hunk in change.hunks]
        self.drops.hunks.update(filter(None, lost))
        hunks = tuple(hunk for hunk, why in zip(change.hunks, lost, strict=True) if not why)
        return replace(change, hunks=hunks) if hunks else ONLY_DUPLICATES

    def hunk_reason(self, hunk: Hunk) -> str | None:
        """Return why the hunk is left out: it adds nothing, or what was seen already."""
        if not hunk.added:
            return DELETED
        return self.seen_reason(_digest("".join(hunk.removed), "".join(hunk.added)))

    def seen_reason(self, digest: int) -> str | None:
        """Return that the text of this digest is a duplicate, and remember it where it is the first."""
        if not self.filters.duplicates:
            return None
        if digest in self.seen:
            return DUPLICATE
        self.seen.add(digest)
        return None

    def file_reason(self, file: File) -> str | None:
        """Return why a whole file is left out."""
        reason = file.dropped or self.path_reason(file.path) or _empty(file.text)
        reason = reason or content_reason(file.text or "", self.filters) or self._secret(file)
        return reason or self.seen_reason(_digest("", file.text or ""))

    def _secret(self, where: Change | File) -> str | None:
        found = self.secrets.kinds(where) if self.filters.secrets else ()
        return f"secret: {', '.join(sorted(found))}" if found else None


def _nothing_added(change: Change) -> str | None:
    if change.after is None or (change.hunks and not any(hunk.added for hunk in change.hunks)):
        return DELETED
    if change.hunks:
        return None
    return RENAMED if change.status in ("R", "C") else UNCHANGED


def _empty(text: str | None) -> str | None:
    return None if text and not text.isspace() else "empty"


def _digest(removed: str, added: str) -> int:
    """Return 64 bits of what stands in the texts, whatever their white space."""
    words = " ".join(removed.split()) + "\0" + " ".join(added.split())
    return int.from_bytes(blake2b(words.encode(errors="surrogatepass"), digest_size=8).digest())
