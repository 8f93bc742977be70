import ast
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codelm.evaluation.general import FOLDER, library_texts, own_texts, rust_library
from codelm.metrics.syntax.trees import faults_of

PROGRAMS = pytest.mark.parametrize("program", own_texts(), ids=lambda program: program.name)


def code(size, letter="a"):
    return letter * (size - 1) + "\n"


def library(folder, files):
    """Write files of a library, ``{path: text}``, and return its folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def test_the_package_carries_about_sixty_kilobytes_most_of_it_rust():
    sizes = Counter()
    for text in own_texts():
        sizes[text.source] += len(text.text.encode())
    assert set(sizes) == {"own rust", "own python"}
    assert 55_000 < sizes.total() < 70_000
    assert sizes["own rust"] > 2 * sizes["own python"]


def test_every_file_of_the_folder_is_a_text():
    files = [path.name for pattern in ("rust/*.rs", "python/*.py") for path in sorted(FOLDER.glob(pattern))]
    assert [text.name for text in own_texts()] == files


@PROGRAMS
def test_a_program_is_correct_syntax(program):
    assert faults_of(program.language, program.text) == []


@PROGRAMS
def test_a_program_is_less_than_a_quarter_of_its_language(program):
    whole = sum(len(text.text) for text in own_texts() if text.language == program.language)
    assert 2_000 < len(program.text) < 0.25 * whole


@pytest.mark.slow  # seconds of a compiler
@pytest.mark.skipif(shutil.which("rustc") is None, reason="no rustc on this machine")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("rust/*.rs")), ids=lambda path: path.stem)
def test_rust_programs_compile_and_pass_their_own_tests(path, tmp_path):
    program = tmp_path / path.stem
    subprocess.run(["rustc", "--edition", "2021", "--test", "-D", "warnings", "-o", program, path], check=True)
    ran = subprocess.run([program], capture_output=True, text=True, check=True)
    assert "test result: ok. 0 passed" not in ran.stdout


@pytest.mark.parametrize("path", sorted(FOLDER.glob("python/*.py")), ids=lambda path: path.stem)
def test_python_programs_compile_and_need_the_standard_library_only(path):
    tree = ast.parse(path.read_text("utf-8"))
    compile(tree, path, "exec")
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


def test_the_programs_do_not_repeat_each_other():
    lines = Counter(line for text in own_texts() for line in {line.strip() for line in text.text.splitlines()} if line)
    long = {line: files for line, files in lines.items() if len(line) >= 20 and not line.startswith("#[derive(")}
    assert sum(files > 1 for files in long.values()) < 0.01 * len(long)


def test_the_interpreters_own_library_gives_as_much_as_the_limit_allows(tmp_path):
    found = library_texts(rust=tmp_path, limit=30_000)
    assert {(text.language, text.source) for text in found} == {("python", "python standard library")}
    assert 26_000 < sum(len(text.text.encode()) for text in found) <= 30_000
    assert found == library_texts(rust=tmp_path, limit=30_000)


def test_without_installed_sources_there_are_no_local_texts(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSTUP_HOME", str(tmp_path))
    assert library_texts(rust=tmp_path / "gone", python=tmp_path / "gone") == []


def test_rust_comes_from_the_three_crates_and_without_their_tests_and_tables(tmp_path):
    kept = ["core/src/iter/mod.rs", "std/src/io/copy.rs", "alloc/src/rc.rs"]
    left = ["core/src/unicode/data.rs", "alloc/src/rc/tests.rs", "std/tests/a.rs", "backtrace/src/lib.rs"]
    folder = library(tmp_path, {name: code(3_000) for name in kept + left})
    assert sorted(text.name for text in library_texts(rust=folder, python=tmp_path / "none")) == sorted(kept)


def test_python_comes_from_the_language_and_not_from_what_is_installed_beside_it(tmp_path):
    kept = ["abc.py", "json/decoder.py"]
    left = ["site-packages/abc.py", "mine.py", "encodings/cp037.py", "json/tests/x.py"]
    folder = library(tmp_path, {name: code(3_000) for name in kept + left})
    assert sorted(text.name for text in library_texts(python=folder, rust=tmp_path / "none")) == kept


def test_stubs_giants_and_what_is_not_text_are_left_out(tmp_path):
    library(tmp_path, {"abc.py": code(1_999), "ast.py": code(16_001), "bdb.py": code(2_000), "cmd.py": code(16_000)})
    (tmp_path / "csv.py").write_bytes(b"\xff" * 3_000)
    (tmp_path / "dis.py").mkdir()
    found = library_texts(python=tmp_path, rust=tmp_path)
    assert sorted(text.name for text in found) == ["bdb.py", "cmd.py"]


@given(st.lists(st.integers(0, 9_000), min_size=1, max_size=20), st.integers(0, 40_000))
def test_a_selection_never_passes_its_limit_and_stops_only_when_nothing_fits(tmp_path_factory, sizes, limit):
    names = sorted(sys.stdlib_module_names)[: len(sizes)]
    files = {f"{name}.py": code(max(size, 1)) for name, size in zip(names, sizes, strict=True)}
    folder = library(tmp_path_factory.mktemp("library"), files)
    found = {text.name: len(text.text) for text in library_texts(python=folder, rust=folder, limit=limit)}
    left = limit - sum(found.values())
    assert left >= 0
    assert all(len(text) < 2_000 or len(text) > left for name, text in files.items() if name not in found)


def test_the_stable_toolchains_sources_are_taken_before_the_others(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSTUP_HOME", str(tmp_path))
    below = "lib/rustlib/src/rust/library"
    for toolchain in ("1.80.0-x86_64", "nightly-x86_64", "stable-x86_64"):
        (tmp_path / "toolchains" / toolchain / below).mkdir(parents=True)
    (tmp_path / "toolchains/stable-x86_64-without-sources").mkdir()
    assert rust_library() == tmp_path / "toolchains/stable-x86_64" / below
