"""What is left out of training and evaluation, as settings."""

from dataclasses import dataclass, field

from codelm.errors import InputError
from codelm.history.filters.default_patterns import CREDENTIALS, GENERATED_FILES, LOCK_FILES, VENDORED
from codelm.history.filters.paths import check_patterns
from codelm.history.filters.people import PersonalDetail

__all__ = ["PATTERNS", "Filters"]

PATTERNS = ("ignore", "credentials", "vendored", "lock_files", "generated_files")
"""The attributes that hold patterns of paths."""


@dataclass(frozen=True)  # no slots: the command line reads the defaults of its settings with vars()
class Filters:
    """What is left out of training and evaluation.

    Attributes:
        ignore: Paths to leave out, as gitignore patterns: "target/" at any depth, "*.rlib" by suffix; "!vendor/own/"
            takes back in what an earlier pattern or another path rule leaves out.
        vendored: Folders of other people's code to leave out, as gitignore patterns.
        credentials: Files that usually hold secrets, to leave out unread, as gitignore patterns.
        lock_files: Files in which package managers keep the versions they chose, to leave out, as gitignore patterns.
        generated_files: Files that programs write, such as notebooks with their results, to leave out by their names,
            as gitignore patterns.
        linguist: Whether to leave out what a .gitattributes marks linguist-generated or linguist-vendored.
        generated: Whether to leave out files whose first lines say that a program wrote them.
        secrets: Whether to leave out hunks that add a credential, and to write REDACTED for those in other text, such
            as messages. Only turn this off for test data.
        redact: What to write something else for that names people, in code, messages and paths: "emails" (by default;
            name@example.com is written) and "names" (Jane Doe), those of the history's authors and committers, and in
            trailers such as Reviewed-by; [] for neither.
        bots: Whether to leave out commits by bots, such as dependency updates.
        bot_names: Further author names, or names before the @ of their addresses, of bots.
        agents: Whether to leave out commits by agents that write code for people, such as copilot-swe-agent.
        reverts: Whether to leave out reverts together with the commits they revert.
        white_space: Whether to leave out a hunk whose sides differ in white space only, such as line ends.
        duplicates: Whether to leave out a hunk or a file that occurs again, white space aside; the newest is kept.
        max_file_bytes: Larger files are not read.
        max_line: Files with a longer line, in characters, are left out: a packed row hardly holds more.
        max_mean_line: Files whose lines are longer on average, in characters, are left out.
        min_letters: Files with a smaller share of letters, white space not counted, are left out.
        max_data_run: Files with a longer unbroken run of base64, hexadecimal or escaped bytes, in characters, are left
            out.
        max_data_share: Files with a larger share of such runs are left out.
    """

    ignore: list[str] = field(default_factory=list)
    vendored: list[str] = field(default_factory=lambda: list(VENDORED))
    credentials: list[str] = field(default_factory=lambda: list(CREDENTIALS))
    lock_files: list[str] = field(default_factory=lambda: list(LOCK_FILES))
    generated_files: list[str] = field(default_factory=lambda: list(GENERATED_FILES))
    linguist: bool = True
    generated: bool = True
    secrets: bool = True
    redact: list[PersonalDetail] = field(default_factory=lambda: ["emails"])
    bots: bool = True
    bot_names: list[str] = field(default_factory=list)
    agents: bool = False
    reverts: bool = True
    white_space: bool = True
    duplicates: bool = True
    max_file_bytes: int = 1_000_000
    max_line: int = 4000
    max_mean_line: float = 100.0
    min_letters: float = 0.25
    max_data_run: int = 1024
    max_data_share: float = 0.5

    def __post_init__(self) -> None:
        for name in PATTERNS:
            check_patterns(f"data.filters.{name}", getattr(self, name))
        for name in ("max_file_bytes", "max_line", "max_mean_line", "max_data_run"):
            if not getattr(self, name) >= 0:
                raise InputError(f"data.filters.{name} is {getattr(self, name)}: give 0 or more")
        for name in ("min_letters", "max_data_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"data.filters.{name} is {getattr(self, name)}: give a share from 0 to 1")
