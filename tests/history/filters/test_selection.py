import random
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.errors import InputError
from codelm.git.commits import Change, Commit, File, Hunk
from codelm.git.repository import open_repository
from codelm.history.filters.drops import DropCounts, Place
from codelm.history.filters.reverts import RevertDetector
from codelm.history.filters.selection import filter_commits, filter_files, path_filter
from codelm.history.filters.settings import Filters
from codelm.lines import lines_of, with_line_feeds

SECRET = f'let t = "{"gh" + "p_"}{"".join(random.Random(0).choices(string.ascii_letters, k=36))}";\n'


def change(added="let a = 1;\n", *, path="src/a.rs", removed="", status="M", after=None, **more):
    hunk = Hunk(0, 0, tuple(lines_of(removed)), tuple(lines_of(added)))
    return Change(path, path, status, "", "", added if after is None else after, (hunk,), **more)


def commit(*changes, sha="c", author="Jo", message="Change a"):
    return Commit(sha, (), author, "jo@example.com", 0, message, changes)


def kept_and_dropped(*commits, **settings):
    drops = DropCounts()
    kept = list(filter_commits(commits, Filters(**settings), drops))
    assert len(kept) + drops.commits.total() == len(commits)
    return kept, drops


def reasons(*commits, **settings):
    kept, drops = kept_and_dropped(*commits, **settings)
    assert kept == []
    return {name: counts for name, counts in drops.as_dict().items() if counts}


def test_an_ordinary_commit_passes_unchanged():
    ordinary = commit(change())
    kept, drops = kept_and_dropped(ordinary)
    assert kept == [ordinary]
    assert drops == DropCounts()


RULES = Filters(ignore=["target/", "*.rlib", "!target/keep.rs", "!vendor/own/"])
ATTRIBUTES = """\
*.pb.rs linguist-generated
ours/* linguist-vendored
third_party/** -linguist-vendored
vendor/too.c linguist-vendored=false
[attr]made linguist-generated=1
made/*.rs made
old.pb.rs !linguist-generated
"""


@pytest.fixture
def marked_repository(make_repository):
    return open_repository(make_repository([{".gitattributes": ATTRIBUTES, "sub/.gitattributes": "*.c made\n"}]))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("a/target/b.rs", "ignored by pattern target/"),
        ("x.rlib", "ignored by pattern *.rlib"),
        ("target/keep.rs", None),
        ("vendor/a/b.c", "vendored by pattern vendor/"),
        ("vendor/own/b.c", None),
        ("ours/b.c", "linguist-vendored"),
        ("third_party/b.c", None),
        ("vendor/too.c", None),
        ("api.pb.rs", "linguist-generated"),
        ("old.pb.rs", None),
        ("made/b.rs", "linguist-generated"),
        ("sub/b.c", "linguist-generated"),
        ("keys/server.pem", "credentials by pattern *.pem"),
        (".env.example", None),
        ("src/id_map.rs", None),
    ],
)
def test_the_reason_names_the_pattern_or_the_attributes_that_say_so(path, reason, marked_repository):
    with path_filter(RULES, marked_repository) as path_reason:
        assert [path_reason(path), path_reason(path)] == [reason, reason]


def test_attributes_may_be_ignored(marked_repository):
    with path_filter(Filters(linguist=False), marked_repository) as path_reason:
        assert [path_reason("a.pb.rs"), path_reason("ours/a.c")] == [None, None]


def test_what_is_no_pattern_is_refused_by_the_name_of_the_setting():
    with pytest.raises(InputError, match=r"filters\.ignore"), path_filter(Filters(ignore=["!"])):
        pass


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (commit(), {"commits": {"empty commit": 1}}),
        (commit(change(), author="dependabot[bot]"), {"commits": {"bot": 1}}),
        (commit(change(), author="copilot-swe-agent[bot]"), {"commits": {"agent": 1}}),
        (commit(change(), message="This reverts commit 1234567."), {"commits": {"reverted pair": 1}}),
        (commit(change(dropped="binary")), {"commits": {"no kept file": 1}, "files": {"binary": 1}}),
        (commit(change("", removed="a\n")), {"commits": {"no added lines": 1}, "files": {"deleted": 1}}),
        (
            commit(Change("a", "a", "D", "1", "", None, (Hunk(0, 0, ("a\n",), ()),))),
            {"commits": {"no added lines": 1}, "files": {"deleted": 1}},
        ),
        (
            commit(Change("b", "a", "R", "1", "1", "text\n")),
            {"commits": {"no added lines": 1}, "files": {"renamed only": 1}},
        ),
        (
            commit(Change("a", "a", "M", "1", "1", "text\n")),
            {"commits": {"no added lines": 1}, "files": {"no new content": 1}},
        ),
        (
            commit(change(SECRET)),
            {"commits": {"no kept file": 1}, "files": {"secret: github": 1}, "hunks": {"secret: github": 1}},
        ),
        (
            commit(change(path=f"fixtures/{SECRET[9:-3]}.rs")),
            {"commits": {"no kept file": 1}, "files": {"secret in path: github": 1}},
        ),
        (commit(change("// @generated\n")), {"commits": {"no kept file": 1}, "files": {"generated": 1}}),
    ],
)
def test_every_drop_has_its_reason(given, expected):
    assert reasons(given, agents=True) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a" * 4001 + "\n" + "a\n" * 5000, "a line over 4000 characters"),
        ("let a = some_function(of, these);\n" * 2 + "let b = call(it);" * 20, "lines over 100 characters on average"),
        ("1 = 2 + 3;\n" * 9, "too few letters"),
        ("fn a() {}\n" + "0x1F, 0x2F,\n" * 100, "encoded data"),
        ("let a = b;\n" + "q9" * 40, "encoded data"),
        ("fn a() {}\n" * 9, None),
    ],
)
def test_content_is_dropped_by_its_measures(text, reason):
    drops = DropCounts()
    assert len(list(filter_files([File("a.rs", "1", text)], Filters(), drops))) == (reason is None)
    assert drops.files == Counter([reason] if reason else [])


def test_equal_hunks_are_learned_once_the_newest():
    first, second = commit(change("let a = 1;\n"), sha="1"), commit(change("let  a =\n  1;\n"), sha="2")
    kept, drops = kept_and_dropped(first, second)
    assert kept == [first]
    assert drops.hunks == Counter(duplicate=1)
    assert drops.files == drops.commits == Counter({"only duplicates": 1})


def test_the_same_lines_in_place_of_others_are_another_hunk():
    kept, _ = kept_and_dropped(commit(change(removed="old();\n")), commit(change(removed="new();\n")))
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("removed", "added"),
    [
        ("a();\r\nb();\r\n", "a();\nb();\n"),
        ("    a();\n", "\ta();\n"),
        ("a(b,\n  c);\n", "a(b, c);\n"),
        ("let a=1;\n", "let a = 1;\n"),
        ("", "\n\n"),
        ("\ufeffa();\n", "a();\n"),
    ],
)
def test_hunks_whose_sides_differ_in_white_space_alone_are_left_out(removed, added):
    given = commit(change(added, removed=with_line_feeds(removed), after="a();\n"))
    ends_differ = commit(change(added, removed=removed, after="a();\n"))
    assert reasons(ends_differ) == reasons(given)
    assert reasons(given) == {name: {"white space only": 1} for name in ("commits", "files", "hunks")}
    assert kept_and_dropped(given, white_space=False)[0] == [given]


def test_lines_that_end_with_crlf_are_learned_as_those_that_end_with_lf():
    texts = ["a();\nb\rc();\n", "a();\n", "old();\n"]
    as_lf, as_crlf = (
        commit(change(added, removed=removed, after=after))
        for after, added, removed in (texts, [text.replace("\n", "\r\n") for text in texts])
    )
    assert kept_and_dropped(as_crlf) == kept_and_dropped(as_lf)
    assert kept_and_dropped(as_lf)[0] == [as_lf]
    files = [File("a.rs", "1", "a();\r\nb();\r\n"), File("b.rs", "2", "a();\nb();\n")]
    [kept] = filter_files(files, Filters(), DropCounts())
    assert kept.text == files[1].text


def test_what_a_commit_adds_beside_new_indentation_is_kept():
    hunks = (Hunk(0, 0, ("  a\n",), ("\ta\n",)), Hunk(1, 1, (), ("\tb\n",)))
    mixed = Change("a.rs", "a.rs", "M", "", "", "\ta\n\tb\n", hunks)
    (kept,), drops = kept_and_dropped(commit(mixed))
    assert kept.changes[0].hunks == hunks[1:]
    assert drops.hunks == Counter({"white space only": 1})


def test_a_reverted_merge_takes_what_it_brought_in_along():
    one, two, merge = ("a" * 40, "b" * 40, "e" * 40)
    reverts = RevertDetector({one: (), two: (one,), merge: (one, two)})
    back = f'Revert "Merge"\n\nThis reverts commit {merge}, reversing\nchanges made to {one}.'
    commits = [commit(change(), message=back), commit(change("let b;\n"), sha=two), commit(change("let c;\n"), sha=one)]
    drops = DropCounts()
    assert list(filter_commits(commits, Filters(), drops, reverts)) == commits[2:]
    assert drops.commits == Counter({"reverted pair": 2})


def test_duplicates_may_be_kept():
    kept, _ = kept_and_dropped(commit(change()), commit(change()), duplicates=False)
    assert len(kept) == 2


def test_a_change_keeps_its_text_and_loses_hunks_that_add_nothing_new():
    text = "let a = 1;\nlet b = 2;\n"
    hunks = (Hunk(0, 0, (), ("let a = 1;\n",)), Hunk(1, 1, ("gone\n",), ()), Hunk(2, 1, (), ("let b = 2;\n",)))
    mixed = Change("b.rs", "b.rs", "M", "", "", text, hunks)
    (_, kept), drops = kept_and_dropped(commit(change("let a = 1;\n")), commit(mixed))
    assert kept.changes[0].hunks == hunks[2:]
    assert kept.changes[0].after == text
    assert drops.hunks == Counter(duplicate=1, deleted=1)


def test_a_hunk_of_a_file_left_out_does_not_make_another_a_duplicate():
    text = "let a = 1;\n"
    kept, _ = kept_and_dropped(commit(change(text, after="// @generated\n" + text)), commit(change(text), sha="2"))
    assert [one.sha for one in kept] == ["2"]


def test_a_hunk_that_adds_a_secret_is_left_out_and_the_others_are_learned():
    text = "let b;\n" + SECRET + "let c;\n"
    hunks = (Hunk(0, 0, (), ("let b;\n",)), Hunk(0, 1, (), (SECRET,)), Hunk(0, 2, (), ("let c;\n",)))
    (kept,), drops = kept_and_dropped(commit(Change("b.rs", "b.rs", "M", "", "", text, hunks)))
    assert kept.changes[0].hunks == (hunks[0], hunks[2])
    assert kept.changes[0].after == 'let b;\nlet t = "REDACTED";\nlet c;\n'
    assert drops == DropCounts(hunks=Counter({"secret: github": 1}))
    assert drops.places == {("hunks", "secret: github"): {"b.rs": Place("c", "b.rs", 2)}}


@pytest.mark.parametrize("where", ["context", "removed"])
def test_a_secret_that_no_hunk_adds_is_replaced_and_counted(where):
    texts = {
        "context": change("let b;\n", path="b.rs", after="let b;\n" + SECRET),
        "removed": change("let b;\n", path="b.rs", removed=SECRET),
    }
    (kept,), drops = kept_and_dropped(commit(texts[where]))
    assert SECRET[9:-3] not in str(kept)
    assert kept.changes[0].hunks[0].added == ("let b;\n",)
    assert drops == DropCounts(values=Counter({"secret: github": 1}))


def test_a_secret_that_a_later_commit_removed_is_not_learned():
    newer = Change("a.rs", "a.rs", "M", "1", "2", "let a;\n", (Hunk(0, 0, (SECRET,), ("let a;\n",)),))
    older = Change("a.rs", "a.rs", "A", "", "1", SECRET, (Hunk(0, 0, (), (SECRET,)),))
    (kept,), drops = kept_and_dropped(commit(newer), commit(older))
    assert SECRET[9:-3] not in str(kept)
    assert drops.files == {"secret: github": 1}


def test_a_secret_in_a_message_is_replaced_and_counted():
    (kept,), drops = kept_and_dropped(commit(change(), message=f"Use the new token\n\n{SECRET}"))
    assert kept.message == 'Use the new token\n\nlet t = "REDACTED";\n'
    assert drops == DropCounts(values=Counter({"secret in message: github": 1}))
    assert drops.places == {("values", "secret in message: github"): {"c": Place("c")}}


def test_a_secret_in_a_file_is_found_at_its_line():
    drops = DropCounts()
    (kept,) = filter_files([File("a.rs", "1", "fn a() {}\n" + SECRET)], Filters(), drops)
    assert kept.text == 'fn a() {}\nlet t = "REDACTED";\n'
    assert drops.places == {("values", "secret: github"): {"a.rs": Place("", "a.rs", 2)}}


PASSWORD = "mBzblsBm" + "EwPBAYBm"
LINE = f'let password = "{PASSWORD}";\n'


@pytest.mark.parametrize("where", ["added", "context", "removed"])
def test_a_message_does_not_keep_what_a_change_shows_to_be_a_secret(where):
    changes = {
        "added": change(LINE, path="b.rs"),
        "context": change("let b;\n", path="b.rs", after="let b;\n" + LINE),
        "removed": change("let b;\n", path="b.rs", removed=LINE),
    }
    message = f"Use {PASSWORD}\n\nIt was ({PASSWORD}).\n"
    (kept, other), drops = kept_and_dropped(
        commit(change(), changes[where], message=message), commit(change("let c;\n"), message=message)
    )
    assert kept.message == "Use REDACTED\n\nIt was (REDACTED).\n"
    assert other.message == message  # to which no change of its own says so
    assert drops.values["secret in message: password"] == 2


def test_a_message_does_not_keep_a_secret_without_its_prefix():
    line = f"SECRET_KEY = 'django-insecure-{PASSWORD}7'\n"
    (kept,), _ = kept_and_dropped(commit(change(), change(line, path="b.py"), message=f"Use {PASSWORD}7"))
    assert kept.message == "Use REDACTED"


def test_filters_can_be_turned_off():
    generated = change("// @generated\n" + SECRET)
    given = commit(generated, author="a-bot", message="This reverts commit abcdef0.")
    off = dict.fromkeys(["generated", "secrets", "bots", "reverts"], False)
    assert kept_and_dropped(given, **off)[0] == [given]


CHANGES = st.builds(
    change,
    st.sampled_from(["", "let a = 1;\n", "let b = a;\nlet c = b;\n", SECRET, "// @generated\n", "x" * 4200 + "\n"]),
    removed=st.sampled_from(["", "old\n", " let a=1;\n", SECRET]),
    status=st.sampled_from("AMRT"),
    dropped=st.sampled_from([None, None, "binary"]),
)
COMMITS = st.lists(
    st.builds(
        lambda changes, author: commit(*changes, author=author),
        st.lists(CHANGES, max_size=4),
        st.sampled_from(["Jo", "x-bot"]),
    ),
    max_size=8,
)


@given(COMMITS)
def test_every_commit_change_and_hunk_is_passed_on_or_counted_once(commits):
    kept, drops = kept_and_dropped(*commits)
    judged = [one for one in commits if one.changes and one.author == "Jo"]
    changes = [one for commit in kept for one in commit.changes]
    assert len(changes) + drops.files.total() == sum(len(one.changes) for one in judged)
    passed = sum(len(one.hunks) for one in changes)
    lost = sum(drops.files[reason] for reason in ("only duplicates", "white space only", "secret: github"))
    assert passed + drops.hunks.total() == len(changes) + lost
    assert all(hunk.added for one in changes for hunk in one.hunks)
    assert SECRET[9:-3] not in str(changes)


def test_files_are_kept_or_counted():
    good = File("src/a.rs", "1", "fn a() {}\n")
    drops = DropCounts()
    files = [
        good,
        File("src/b.rs", "2", "fn  a() {}\n"),
        File("c.rs", "4", "fn c() {}\n" + SECRET),
        File("d.rs", "5", " \n"),
        File("e.rs", "6", dropped="not UTF-8"),
        File("f.rs", "7", "// @generated\n"),
    ]
    cleaned = File("c.rs", "4", 'fn c() {}\nlet t = "REDACTED";\n')
    assert list(filter_files(files, Filters(), drops)) == [good, cleaned]
    assert drops.files == Counter(["duplicate", "empty", "not UTF-8", "generated"])
    assert drops.values == Counter(["secret: github"])
