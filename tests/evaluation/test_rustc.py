"""rustc's parser as a judge: what it takes, what it never opens, and when it is not asked at all."""

import pytest

from codelm.errors import InputError, ResourceError
from codelm.evaluation import rustc, sandbox
from codelm.evaluation.general import texts

WHOLE = "fn main() {}\n"
BROKEN = "fn main( {}\n"


@pytest.fixture(scope="module")
def real():
    """A compiler and a sandbox for it; without them there is nothing to test."""
    try:
        rustc.check()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture
def make_toolchain(make_program, tmp_path):
    """Return a function that makes a compiler and a bubblewrap that says what it is told to."""

    def make(said):
        (tmp_path / "rust/bin").mkdir(parents=True)
        (tmp_path / "rust/bin/rustc").touch()
        make_program("rustc", f"echo {tmp_path}/rust")
        make_program("bwrap", said)

    return make


def test_without_rustc_it_is_refused(make_program):
    make_program("bwrap", "exit 0")
    with pytest.raises(InputError, match=r"there is no rustc; install Rust, or leave evaluation\.rustc false"):
        rustc.check()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'error: no toolchain'\\\\n'is installed' >&2; exit 1", "error: no toolchain"),
        ("echo /nowhere", "/nowhere"),
        ("echo .", "names no toolchain"),
        ("", "names no toolchain"),
    ],
    ids=["it fails", "a folder that is not there", "the current folder", "silence"],
)
def test_a_rustc_without_toolchain_is_refused_in_a_line(make_program, script, why):
    make_program("rustc", script)
    with pytest.raises(InputError, match=why) as refusal:
        rustc.check()
    assert "\n" not in str(refusal.value)


def test_a_rustc_that_is_no_program_is_refused(make_program):
    make_program("rustc", "").write_bytes(b"\x7fELF is all there is")
    with pytest.raises(InputError, match="Exec format error"):
        rustc.check()


def test_a_project_does_not_choose_the_compiler(make_program, tmp_path, monkeypatch):
    (tmp_path / "rust-toolchain.toml").write_text('[toolchain]\nchannel = "nightly-2015-01-01"\n')
    monkeypatch.chdir(tmp_path)
    make_program("rustc", f"pwd > {tmp_path}/where")
    with pytest.raises(InputError):
        rustc.check()
    assert (tmp_path / "where").read_text() == "/\n"


def test_without_a_sandbox_it_is_refused(make_toolchain):
    make_toolchain("echo 'bwrap: No permissions' >&2; exit 1")
    with pytest.raises(InputError, match="bwrap: No permissions"):
        rustc.check()


@pytest.mark.parametrize("said", ["echo 1 1", "echo 0 0", "echo 127 127"], ids=["no flag", "no parser", "no start"])
def test_a_rustc_that_does_not_tell_good_from_bad_is_refused(make_toolchain, said):
    make_toolchain(said)
    with pytest.raises(InputError, match=r"install Rust 1\.85"):
        rustc.check()


def test_a_sandbox_that_ends_early_is_no_verdict(make_toolchain):
    make_toolchain("echo 0")
    assert rustc.accepted([WHOLE], "2021") == [True]
    with pytest.raises(ResourceError, match="ended early"):
        rustc.accepted([WHOLE, BROKEN], "2021")


def test_the_compiler_is_told_to_stop_behind_its_parser(make_toolchain, tmp_path):
    make_toolchain(f'printf "%s\\n" "$@" > {tmp_path}/words; echo 0')
    rustc.accepted([WHOLE], "2018")
    words = (tmp_path / "words").read_text().splitlines()
    assert any("rustc -Zparse-crate-root-only" in word for word in words)
    assert words[-3:] == ["sh", "2018", "0.rs"]
    lent = words.index(str(tmp_path / "rust"))
    assert words[lent - 1 : lent + 2] == ["--ro-bind", str(tmp_path / "rust"), "/rust"]


def test_it_tells_rust_from_what_only_looks_like_it(real):
    good = [
        WHOLE,
        "",
        "impl<'a, T: A<'a> + ?Sized> B for C<T> where D: E {}\n",
        "fn f() { let Some(a) = b else { c }; }\n",
    ]
    bad = [BROKEN, "let a = 1;\n", "fn f() { a + }\n", 'fn f() { "\n', "fn f() { match a { 1 => } }\n", "\ud800"]
    assert rustc.accepted(good + bad, "2021") == [True] * len(good) + [False] * len(bad)


def test_it_takes_every_program_of_the_general_code(real):
    assert all(rustc.accepted([text.text for text in texts() if text.language == "rust"], "2021"))


@pytest.mark.parametrize(
    "text",
    [
        'const A: &str = include_str!("/etc/passwd");\n',
        'include!("/etc/passwd");\n',
        "mod gone;\n",
        '#[path = "/etc/passwd"]\nmod gone;\n',
        '#![doc = include_str!("gone.md")]\n',
        'const A: &str = env!("GONE");\n',
        'compile_error!("expanded");\n',
        "use gone::derive;\n#[derive(Gone)]\nstruct A;\n",
        "macro_rules! m { ($($t:tt)*) => { m!($($t)* $($t)*); } }\nm!(a b);\n",
        "const A: u32 = { loop {} };\n",
    ],
)
def test_nothing_that_a_text_names_is_opened_expanded_or_evaluated(real, text):
    assert rustc.accepted([text], "2021") == [True], "had it been, it would have failed"


def test_texts_do_not_see_one_another(real):
    assert rustc.accepted(['#[path = "1.rs"]\nmod other;\ninclude!("1.rs");\n', BROKEN], "2021") == [True, False]


def test_even_a_compiler_that_expands_macros_finds_no_file_of_the_machine(real, tmp_path):
    (tmp_path / "a.rs").write_text('pub const A: &str = include_str!("/etc/passwd");\n')
    ended = sandbox.run(
        ["/rust/bin/rustc", "--crate-type=lib", "--emit=metadata", "a.rs"],
        tmp_path,
        lent={rustc.toolchain(): "/rust"},
        variables=rustc.VARIABLES,
    )
    assert ended.status == 1
    assert "couldn't read `/etc/passwd`" in ended.complaint


def test_endless_input_ends_at_the_bounds(real, tmp_path):
    words = ["/rust/bin/rustc", "-Zparse-crate-root-only", "/dev/zero"]
    ended = sandbox.run(words, tmp_path, lent={rustc.toolchain(): "/rust"}, variables=rustc.VARIABLES)
    assert ended.status != 0


def test_a_text_that_breaks_the_parser_is_not_taken_and_harms_no_other(real):
    deep = "fn f() {" + "(" * 200_000 + ")" * 200_000 + "}\n"
    assert rustc.accepted([WHOLE, deep, WHOLE.upper(), WHOLE], "2021") == [True, False, False, True]


def test_each_text_has_its_answer_however_many_there_are(real):
    many = [WHOLE.replace("main", f"f{number % 40}") if number % 3 else BROKEN for number in range(120)]
    assert rustc.accepted(many, "2021") == [text != BROKEN for text in many]
    assert rustc.accepted([], "2021") == []


def test_fillings_are_held_to_the_newest_edition_that_takes_the_real_file(real):
    modern = "async fn f() {}\n"
    old = "trait A { fn f(u8); }\n"
    found = rustc.held_to_real(
        [modern, "fn gen() {}\n", old, "no Rust at all\n"],
        [[modern, BROKEN, "fn gen() {}\n"], ["fn gen() {}\n"], [old, modern], [WHOLE, BROKEN]],
    )
    assert found == [[True, False, False], [True], [True, False], [None, None]]
    assert rustc.held_to_real([], []) == []
