"""A page of the documentation is followed to the letter, and the tutorial can be."""

import pytest

from tests.docs.followed_page import follow, steps
from tests.docs.test_site import DOCS

PAGE = """
Words, and `$ not a command`.

```
$ git clone https://example.org/numbers
$ echo "a figure  1.5" && \\
    echo "other 2"
a figure  2.5
other 7
...
```

```sh
not run
```

```
$ sleep 60 & echo job:
job:
$ kill %1
$ git -C numbers log --format="subject:  %s" -1
subject:  Commit 0
```
"""
CLONE = "https://example.org/numbers"


def test_commands_and_what_they_print_are_taken_from_blocks_without_a_language():
    found = list(steps(PAGE))
    assert [each.command.split()[0] for each in found] == ["git", "echo", "sleep", "kill", "git"]
    assert found[1].shown == ["a figure  2.5", "other 7", "..."]


def test_a_block_that_cannot_be_followed_is_refused():
    with pytest.raises(ValueError, match="no command: an output"):
        list(steps("```\nan output\n```\n"))


def test_a_page_is_followed_in_an_empty_folder(tmp_path, make_repository):
    clones = {CLONE: make_repository([{"a.rs": "fn a() {}\n"}])}
    found = follow(PAGE, tmp_path / "followed", clones, seconds=30)
    assert [(each.status, each.missing) for each in found] == [(0, [])] * 5
    assert (tmp_path / "followed/here/numbers/.git").is_dir()


def test_what_a_page_says_and_is_not_so_is_found(tmp_path):
    page = "```\n$ echo 'one  1'\none  2\nother  3\n$ false\n$ echo later\n```\n"
    found = follow(page, tmp_path / "followed", {}, seconds=30)
    assert [(each.status, each.missing) for each in found] == [(0, ["other"]), (1, []), (None, [])]


def test_the_tutorial_has_commands_in_all_its_blocks():
    commands = [each.command for each in steps((DOCS / "tutorial.md").read_text("utf-8"))]
    words = [command.split()[1] for command in commands if command.startswith("codelm ")]
    assert {"inspect", "fit", "complete", "compare", "export", "serve"} <= set(words)


@pytest.mark.slow
def test_the_tutorial_is_true_on_a_small_history(tmp_path, rust_repository):
    page = (DOCS / "tutorial.md").read_text("utf-8")
    clones = {"https://github.com/BurntSushi/ripgrep": rust_repository}
    found = follow(page, tmp_path / "followed", clones, batches=4, seconds=1500)
    assert [(each.step.command, each.status, each.missing) for each in found] == [
        (each.step.command, 0, []) for each in found
    ]
