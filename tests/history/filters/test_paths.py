import pytest

from codelm.errors import InputError
from codelm.history.filters.paths import attribute_patterns, matcher


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("target/debug/a.rs", (True, "target/")),
        ("crates/a/target/b.rs", (True, "target/")),
        ("src/target.rs", (None, "")),
        ("a/b.rlib", (True, "*.rlib")),
        ("keep/b.rlib", (False, "!keep/*.rlib")),
    ],
)
def test_paths_are_matched_as_gitignore_does(path, match):
    assert matcher(["target/", "", "# a comment", "*.rlib", "!keep/*.rlib"], "ignore")(path) == match


@pytest.mark.parametrize("pattern", ["!", "\\"])
def test_what_is_no_pattern_is_refused_by_name(pattern):
    with pytest.raises(InputError, match=r"^ignore: .*no gitignore pattern"):
        matcher([pattern], "ignore")


def test_attributes_are_set_and_unset_for_paths():
    text = """
# comment linguist-generated
*.pb.rs   linguist-generated
own.pb.rs -linguist-generated
api/**    text=auto linguist-generated=true
api/main.rs linguist-generated=false
"with space.rs" linguist-generated
old.rs !linguist-generated
lib.rs linguist-vendored
[attr]made linguist-generated
!no.rs linguist-generated
\\ linguist-generated
"""
    assert attribute_patterns(text, "linguist-generated") == [
        "*.pb.rs",
        "!own.pb.rs",
        "api/**",
        "!api/main.rs",
        "with space.rs",
        "!old.rs",
    ]
    assert attribute_patterns(text, "linguist-vendored") == ["lib.rs"]
