import io
import shutil

import pytest

from codelm.cli.entry_point import main
from codelm.cli.verbs import complete
from codelm.errors import InputError
from codelm.inference.place import Place
from codelm.inference.tuned_model import TunedModel
from codelm.modules.generation import Generated


@pytest.fixture
def written(tuned_run, capsys):
    """Return a function that gives what a command writes to standard output."""

    def run(*arguments, status=0):
        assert main(["complete", *arguments, "--max_new_tokens=8", f"--output={tuned_run[0].parent.parent}"]) == status
        return capsys.readouterr().out

    return run


def test_a_prompt_is_completed_by_the_newest_run_or_the_named_one(written):
    newest, named = written("fn a"), written("numbers", "fn a")
    assert newest == named
    assert newest.startswith("fn a")
    assert len(newest) > len("fn a\n")


def test_a_base_that_is_a_folder_is_found_by_the_link_beside_the_configuration(tuned_run, roomy_base, tmp_path, capsys):
    folder = tmp_path / "numbers" / "version_0"
    shutil.copytree(tuned_run[0], folder)
    for name in ("config.yaml", "MANIFEST.json"):
        (folder / name).write_text((folder / name).read_text().replace(str(roomy_base), "roomy"))
    (folder / "base.roomy").symlink_to(roomy_base, target_is_directory=True)
    texts = []
    for runs in (tmp_path, tuned_run[0].parent.parent):
        assert main(["complete", "numbers", "fn a", "--max_new_tokens=8", f"--output={runs}"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]


def test_the_base_is_shown_beside(written):
    both = written("fn a", "--base")
    base, tuned = both.removeprefix("base:\n\n").split("\n\ntuned:\n\n")
    assert base.startswith("fn a")
    assert tuned == written("fn a")
    assert base != tuned.rstrip("\n")


def test_standard_input_and_files_are_not_repeated(written, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO("fn a"))
    piped = written("-")
    assert "fn a" + piped == written("fn a")
    (tmp_path / "lib.rs").write_text("fn a")
    assert written("numbers", f"--file={tmp_path / 'lib.rs'}", "--path=src/lib.rs") == piped


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_is_written_has_the_line_ends_of_the_file(written, monkeypatch, tmp_path, end):
    def write(model, places, sampling, *, until, **options):
        assert not any(until[0](text) for text in ("a", "a\r", "a\r\n", "a\r\nb\n"))
        return [Generated("a\r\nb\n", stopped=True)]

    monkeypatch.setattr(TunedModel, "write", write)
    (tmp_path / "lib.rs").write_bytes(f"fn a() {{{end}{end}}}{end}".encode())
    assert written("numbers", f"--file={tmp_path / 'lib.rs'}", "--at=2:1") == f"a{end}b{end}\n"


@pytest.mark.parametrize(
    ("lines", "shown"),
    [(1, "\n \n  a;\n"), (2, "\n \n  a;\n\n"), (3, "\n \n  a;\n\nb;\n"), (4, "\n \n  a;\n\nb;\nc\n")],
)
def test_empty_lines_before_the_first_do_not_count(written, monkeypatch, lines, shown):
    """Behind the end of a line an answer begins with a line break: one line of it was none."""
    text = "\n \n  a;\n\nb;\nc"

    def write(model, places, sampling, *, until, **options):
        for end in range(len(text)):
            if until[0](text[:end]):
                return [Generated(text[:end], stopped=True)]
        return [Generated(text, stopped=True)]

    monkeypatch.setattr(TunedModel, "write", write)
    assert written("fn a() {", "--suffix=}", f"--lines={lines}") == f"fn a() {{{shown}"


def test_each_line_is_a_prompt_when_interactive(written, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("fn a\nfn b\n"))
    assert written("--interactive") == written("fn a") + written("fn b")


def test_other_code_is_shown_before_the_place(written, monkeypatch, tmp_path):
    from codelm.inference.prompt_maker import PromptMaker

    prompts, encode = [], PromptMaker.encode

    def kept(maker, places, new_tokens, files=()):
        prompts.extend(maker.prompt(place, new_tokens, files).text for place in places)
        return encode(maker, places, new_tokens, files)

    monkeypatch.setattr(PromptMaker, "encode", kept)
    (tmp_path / "other.rs").write_text("fn a_thing() -> Thing {}\n")
    (tmp_path / "far.rs").write_text("struct Nothing;\n")
    show = [f"--show={tmp_path / name}" for name in ("far.rs", "other.rs")]
    alone, shown = written("fn a_thing"), written("fn a_thing", *show)
    assert alone != shown
    assert ["fn a_thing() -> Thing" in each for each in prompts] == [False, True]
    assert "other.rs" in prompts[1]
    assert "Nothing" not in prompts[1]


def test_an_error_behind_a_prompt_has_a_line_of_its_own(written, monkeypatch):
    def fail(*_, **__):
        raise InputError("gone")

    monkeypatch.setattr("codelm.inference.tuned_model.TunedModel.write", fail)
    assert written("fn a", status=2) == "fn a\n"


def test_a_base_that_cannot_fill_in_goes_on_at_a_place_in_a_file(written, monkeypatch, tmp_path, caplog):
    (tmp_path / "lib.rs").write_text("fn a\n}\n")
    alone = written("fn a").removeprefix("fn a")
    monkeypatch.setattr("codelm.inference.prompt_maker.PromptMaker.fills_in", False)
    assert written("numbers", f"--file={tmp_path / 'lib.rs'}", "--at=1:5", "--path=src/lib.rs") == alone
    assert "writes from left to right: it does not see what follows the place" in caplog.text


def test_a_base_that_cannot_fill_in_refuses_a_suffix_before_anything_is_printed(written, monkeypatch):
    monkeypatch.setattr("codelm.inference.prompt_maker.PromptMaker.fills_in", False)
    assert written("fn a", "--suffix=}", status=2) == ""


def test_a_temperature_near_zero_takes_the_likeliest(written):
    assert written("fn a", "--temperature=1e-320") == written("fn a")


def test_a_seed_decides_what_is_drawn(written):
    one, same, other = (written("fn a", "--temperature=1", f"--seed={seed}") for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize(
    ("place", "text", "lines", "kept"),
    [
        (Place("a.rs", "fn a"), "() {\n    b\n}\nfn c() {}\n", None, ("() {\n    b\n}", True)),
        (Place("a.rs", "fn a"), "() {\n    b", None, ("() {\n    b", False)),
        (Place("a.py", "def a"), "():\n    b\nc = 1\n", None, ("():\n    b", True)),
        (Place("a.txt", "a"), "b\n\nc\n", None, ("b\n\nc\n", False)),
        (Place("a.rs", "fn a", "}"), "() {\n}\nfn c() {}", None, ("() {\n}\nfn c() {}", False)),
        (Place("a.txt", "a"), "b\nc\nd", 2, ("b\nc", True)),
    ],
)
def test_a_text_is_kept_up_to_the_end_of_what_was_begun(place, text, lines, kept):
    assert complete._kept(place, text, lines) == kept


def test_bytes_on_standard_input_that_are_no_text_are_refused_in_a_line(tuned_run, monkeypatch, capsys):
    for errors in ("strict", "surrogateescape"):
        for arguments in (["-"], ["--interactive"]):
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"fn \xff"), "utf-8", errors))
            assert main(["complete", *arguments, f"--output={tuned_run[0].parent.parent}"]) == 2
            assert capsys.readouterr().err.count("standard input is not text in UTF-8") == 1


def test_a_file_and_its_folders_may_have_names_that_are_no_text(written, tmp_path):
    file = tmp_path / "b\udcff.rs"
    file.write_text("fn a")
    assert written("numbers", f"--file={file}") == written("numbers", f"--file={file}", "--path=b?.rs")


def test_the_file_itself_is_refused_by_whatever_name(tuned_run, capsys, tmp_path):
    (tmp_path / "a.rs").write_text("fn a")
    (tmp_path / "hard.rs").hardlink_to(tmp_path / "a.rs")
    (tmp_path / "soft.rs").symlink_to("a.rs")
    for name in ("hard.rs", "soft.rs", "../" + tmp_path.name + "/a.rs"):
        arguments = [f"--file={tmp_path / 'a.rs'}", f"--show={tmp_path / name}"]
        assert main(["complete", *arguments, f"--output={tuned_run[0].parent.parent}"]) == 2
        assert "names the file itself" in capsys.readouterr().err


def test_a_circle_of_links_costs_a_line(tuned_run, capsys, tmp_path):
    (tmp_path / "loop.rs").symlink_to("loop.rs")
    arguments = [f"--file={tmp_path / 'loop.rs'}", f"--show={tmp_path / 'loop.rs'}"]
    assert main(["complete", *arguments, f"--output={tuned_run[0].parent.parent}"]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs a prompt"),
        (["a", "b", "c"], "put quotes around a prompt"),
        (["a", "--at=1:1"], "give --file, too"),
        (["--file=a", "--suffix=b"], "leave --suffix out"),
        (["--file=a", "--interactive"], "leave --file out"),
        (["--file=nowhere.rs"], "cannot be read"),
        (["a", "--file="], "--file is empty: give FILE, or leave it out"),
        (["a", "--show=nowhere.rs"], "cannot be read"),
        (["fn \udcff a"], "the prompt is not text in UTF-8"),
        (["a", "--suffix=\udcff"], "--suffix is not text in UTF-8"),
        (["a", "--path=a\nb.rs"], "one line of text"),
        (["a", "--max_new_tokens=0"], "1 or more"),
        (["a", "--lines=0"], "1 or more"),
        (["a", "--lines=x"], "invalid int value"),
        (["a", "--temperature=-1"], "0 or more"),
        (["a", "--temperature=nan"], "0 or more"),
        (["a", "--temperature=inf"], "0 or more"),
        (["a", "--seed=-1"], "--seed: give a number from 0 to 4294967295"),
        (["a", "--seed=4294967296"], "--seed: give a number"),
        (["nothing", "--temperature", "-1", "a"], "--temperature"),
        (["a", "--top_p=0"], "above 0"),
        (["a", "--sufix=b"], "did you mean --suffix"),
        (["nothing", "a"], "no run 'nothing'"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line(tuned_run, capsys, arguments, message):
    assert main(["complete", *arguments, f"--output={tuned_run[0].parent.parent}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
