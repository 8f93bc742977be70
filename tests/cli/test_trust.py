from pathlib import Path

import pytest

from codelm.cli.trust import FirstLook
from codelm.errors import InputError


@pytest.fixture
def look_at(tmp_path, monkeypatch):
    """Write the text to a configuration and look at it."""
    monkeypatch.chdir(tmp_path)

    def look(text, allow_code=False):
        Path("config.yaml").write_text(text)
        FirstLook(allow_code).at_file(Path("config.yaml"))

    return look


HIDING_PLACES = {
    "class_path": "trainer:\n  logger:\n    class_path: evil.C\n",
    "quoted": "trainer:\n  logger:\n    class_path: ' evil.C '\n",
    "bare text": "trainer:\n  logger: evil.C\n",
    "dotted key": "trainer.logger: evil.C\n",
    "list": "trainer:\n  callbacks: [evil.C]\n",
    "appended list": "trainer:\n  callbacks+: [{class_path: evil.C}]\n",
    "appended item": "trainer:\n  callbacks+: evil.C\n",
    "argument of a trusted class": (
        "trainer:\n  callbacks:\n  - class_path: lightning.pytorch.callbacks.StochasticWeightAveraging\n"
        "    init_args: {avg_fn: evil.f}\n"
    ),
    "YAML in text": "trainer:\n  logger: 'class_path: evil.C'\n",
    "whole part in text": "trainer: '{logger: evil.C}'\n",
    "config in text": "config: '{trainer: {logger: evil.C}}'\n",
    "alias": "x: &a evil.C\ntrainer:\n  logger: *a\n",
    "merge": "x: &a {logger: evil.C}\ntrainer:\n  <<: *a\n",
    "part file": "trainer: part.txt\n",
    "value file": "trainer:\n  logger: value.txt\n",
    "config file": "config: whole.txt\n",
    "file in a file": "config: outer.txt\n",
    "subcommand": "fit:\n  trainer:\n    logger: evil.C\n",
    "JSON": '{"trainer": {"logger": {"class_path": "evil.C"}}}',
    "torch but not an optimizer": "trainer:\n  logger: {class_path: torch.hub.load}\n",
    "in model": "model:\n  anything: {class_path: evil.C}\n",
}


@pytest.mark.parametrize("text", HIDING_PLACES.values(), ids=HIDING_PLACES)
def test_strange_code_is_found_wherever_it_hides(look_at, text):
    Path("part.txt").write_text("logger: evil.C\n")
    Path("value.txt").write_text("evil.C\n")
    Path("whole.txt").write_text("trainer: {logger: evil.C}\n")
    Path("outer.txt").write_text("config: whole.txt\n")
    with pytest.raises(InputError, match="--allow_code"):
        look_at(text)
    look_at(text, allow_code=True)


@pytest.mark.parametrize(
    "text",
    [
        "trainer:\n  callbacks:\n  - class_path: EarlyStopping\n    init_args: {monitor: val.loss}\n",
        "trainer:\n  logger: lightning.pytorch.loggers.CSVLogger\n  default_root_dir: out.d\n  max_time: 00:00:03:00\n",
        "trainer:\n  callbacks: [{class_path: codelm.callbacks.Manifest}]\n",
        "model:\n  optimizer: {class_path: torch.optim.AdamW}\n",
        "data:\n  repo: fd.git\n  revision: v1.2\n  cache: ~nobody/x\n",
        "behavior:\n  prompts: ['std.io', 'class_path: evil.C', '#[derive(']\n",
        "",
    ],
)
def test_ordinary_settings_pass(look_at, text):
    look_at(text)


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "model:\n  r: 1\n  x: {}\n  r: 2\n", "trainer: '{a: 1, a: 2}'"])
def test_a_key_that_stands_twice_is_refused(look_at, text):
    with pytest.raises(InputError, match="stands twice"):
        look_at(text)


def test_a_double_key_is_named_with_both_lines(look_at):
    with pytest.raises(InputError, match=r"line 3: seed stands twice, first on line 1"):
        look_at("seed: 1\nname: x\nseed: 2\n")


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "trainer: &t {x: {y: *t}}\n", "trainer: '&t [[*t]]'\n"])
def test_an_alias_of_what_holds_it_is_refused(look_at, text):
    with pytest.raises(InputError, match="line 1: an alias leads back"):
        look_at(text)


def test_an_alias_that_comes_twice_passes(look_at):
    look_at("a: &a [1]\nb: &b [*a, *a]\nc: {d: *b, e: [*a, *b]}\n")


@pytest.mark.parametrize("text", ["config: config.yaml\n", "trainer: config.yaml\n"])
def test_a_configuration_that_points_at_itself_comes_to_an_end(look_at, text):
    look_at(text)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"model: [\n", "line 2: not valid YAML"),
        (b"\x80\x02}q\x00.", "not text"),
        (b"a: \x00\n", "not text"),
        (b"\xff\xfea\x00:\x00", "not text"),
        (b"a: b: c\n", "line 1: not valid YAML"),
        (b"[" * 100_000, "YAML"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_place(tmp_path, content, says):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(InputError, match=says):
        FirstLook(allow_code=False).at_file(tmp_path / "c.yaml")


def test_a_value_that_names_a_weight_file_is_no_configuration(look_at):
    Path("base.bin").write_bytes(b"\x80\x02\xff")
    look_at("model:\n  base: base.bin\n")


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"\x80\x02", b"\xff\xfe"], ids=["zip", "pickle", "not UTF-8"])
def test_of_a_checkpoint_only_the_beginning_is_read(look_at, monkeypatch, head):
    Path("last.ckpt").write_bytes(head + b"x" * 2000)
    read, whole = Path.read_text, []
    monkeypatch.setattr(Path, "read_text", lambda path, *rest: whole.append(path.name) or read(path, *rest))
    look_at("ckpt_path: last.ckpt\n")
    assert set(whole) == {"config.yaml"}


def test_a_character_at_the_border_of_the_beginning_hides_nothing(look_at):
    Path("part.txt").write_text("#" + "é" * 1000 + "\nlogger: evil.C\n")
    with pytest.raises(InputError, match="--allow_code"):
        look_at("trainer: part.txt\n")
