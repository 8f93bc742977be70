from pathlib import Path

import pytest

from codelm.cli.config_files import checked_arguments, shipped_folder
from codelm.errors import InputError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("name: mine\n")


@pytest.mark.parametrize(
    "given", [["--config", "mine.yaml"], ["--config=mine.yaml"], ["-c", "mine.yaml"], ["-cmine.yaml"]]
)
def test_every_spelling_of_a_configuration_is_checked(given):
    assert checked_arguments(given) == ["--config=mine.yaml"]
    Path("mine.yaml").write_text("name: x\nname: y\n")
    with pytest.raises(InputError, match="stands twice"):
        checked_arguments(given)


def test_settings_keep_their_order_around_configurations():
    Path("last.ckpt").write_bytes(b"PK\x03\x04\xff")
    before, after = ["--name", "x"], ["--trainer.logger=my.Logger", "--ckpt_path", "last.ckpt"]
    given = [*before, "--config", "mine.yaml", *after, "--config=mine.yaml"]
    assert checked_arguments(given) == [*before, "--config=mine.yaml", *after, "--config=mine.yaml"]


def test_without_a_configuration_the_shipped_default_comes_first():
    Path("configs").mkdir()
    Path("configs/default.yaml").write_text("name: of another project\n")
    assert checked_arguments(["--name", "x"]) == [f"--config={shipped_folder() / 'default.yaml'}", "--name", "x"]


@pytest.mark.parametrize("name", ["configs/rust.yaml", "rust.yaml", "rust", "configs/hardware/6gb.yaml"])
def test_a_shipped_configuration_is_found_from_any_folder(name):
    assert checked_arguments(["--config", name])[0].startswith(f"--config={shipped_folder()}/")


def test_a_file_of_ones_own_comes_before_the_shipped_one():
    Path("configs").mkdir()
    Path("configs/rust.yaml").write_text("name: mine\n")
    assert checked_arguments(["--config", "configs/rust.yaml"]) == ["--config=configs/rust.yaml"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("configs/rsut.yaml", None, "did you mean configs/rust"),
        ("../../etc/x.yaml", None, "no config file"),
        ("", None, "no config file"),
        ("x" * 5000, None, "no config file"),
        ("~nobody/x.yaml", None, "no config file"),
        (".", None, r"config \. is a folder; give a YAML file"),
        ("configs/hardware", None, "is a folder; give a YAML file"),
        ("rusty.yaml", None, r"no config file 'rusty\.yaml': did you mean configs/rust\?"),
        ("mine", None, r"no config file 'mine'; codelm comes with configs/bases/llama\.yaml, configs/default"),
        ("c.yaml", b"", "is empty"),
        ("c.yaml", b"# nothing\n", "is empty"),
        ("c.yaml", b"- a\n", "holds no settings"),
        ("c.yaml", b"just text", "holds no settings"),
        ("c.yaml", b"\x00\x01\xff", "not text"),
    ],
)
def test_a_configuration_that_is_none_is_refused(name, content, says):
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        checked_arguments(["--config", name])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("evaluation: false\n", "line 1: evaluation: false is not a group of settings"),
        ("data: 3\n", "line 1: data: 3 is not a group of settings"),
        ("name: x\nmodel: [lora, 8]\n", "line 2: model: a list is not"),
        ("trainer: yes\n", "trainer: yes is not"),
        ("behavior:\n", "behavior: nothing is not"),
        ("early_stopping: 3\n", "early_stopping: 3 is not"),
        ("checkpoint: nowhere.yaml\n", "checkpoint: nowhere.yaml is not"),
    ],
)
def test_one_thing_in_place_of_a_group_of_settings_is_refused(content, says):
    Path("c.yaml").write_text(content)
    with pytest.raises(InputError, match=says):
        checked_arguments(["--config", "c.yaml"])
