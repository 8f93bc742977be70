import pytest
import torch

from codelm.bases.tokenizer import load_tokenizer
from codelm.errors import CodelmError
from codelm.export.gguf_model import write_gguf
from codelm.export.read_back import (
    probe_logits,
    read_folder,
    read_gguf,
    refuse_other_logits,
    refuse_other_tokens,
    unreadable_refused,
)
from codelm.modules.base_model import load_base
from experiments.torture.subjects import merging_tokenizer

FACTS = {"name": "numbers", "base": "some/base"}


@pytest.fixture
def file(tiny_base, tmp_path):
    """A GGUF file of the tiny base, in float32."""
    write_gguf(tmp_path / "a.gguf", load_base(str(tiny_base)), merging_tokenizer(), "f32", FACTS)
    return tmp_path / "a.gguf"


def test_a_file_read_back_computes_the_same(file, tiny_base, capfd):
    base = load_base(str(tiny_base))
    capfd.readouterr()
    found = read_gguf(file, base.config, "sdpa")
    assert capfd.readouterr().err == ""
    assert not found.training
    assert torch.equal(probe_logits(found), probe_logits(base))
    assert refuse_other_logits("a.gguf", probe_logits(base), probe_logits(found), "f32") == 0


def test_a_rotation_of_another_base_would_show(file, tiny_base):
    base = load_base(str(tiny_base))
    base.config.rope_parameters["rope_theta"] = 100.0
    found = read_gguf(file, base.config, "sdpa")
    with pytest.raises(CodelmError, match="its logits differ by up to"):
        refuse_other_logits("a.gguf", probe_logits(load_base(str(tiny_base))), probe_logits(found), "f32")


def test_weights_that_are_not_there_are_refused(file, tiny_base):
    config = load_base(str(tiny_base)).config
    config.num_hidden_layers = 3
    with pytest.raises(CodelmError, match=r"a\.gguf was not exported"):
        read_gguf(file, config, "sdpa")


def test_what_cannot_be_read_back_is_refused_in_a_line_and_the_system_s_errors_stay():
    with (
        pytest.raises(CodelmError, match=r"^a\.gguf was not exported: read back, ValueError: magic$"),
        unreadable_refused("a.gguf"),
    ):
        raise ValueError("magic")
    with pytest.raises(OSError, match="gone"), unreadable_refused("a.gguf"):
        raise OSError("gone")


@pytest.mark.parametrize(("kind", "difference"), [("f32", 0.01), ("f16", 0.01), ("f16", float("nan"))])
def test_rounding_explains_small_differences_alone(kind, difference):
    logits = torch.zeros(2, 3, 4)
    assert refuse_other_logits("a", logits, logits + 1e-4, kind) == pytest.approx(1e-4)
    with pytest.raises(CodelmError, match="was not exported"):
        refuse_other_logits("a", logits, logits + difference, kind)
    assert refuse_other_logits("a", logits, logits + 0.01, "q8_0") == pytest.approx(0.01)


def test_the_tokenizer_is_read_back_and_another_one_shows(file, tiny_base):
    refuse_other_tokens(file, merging_tokenizer())
    for other in (load_tokenizer(str(tiny_base)), load_tokenizer("tiny")):
        with pytest.raises(CodelmError, match="its tokenizer is another one"):
            refuse_other_tokens(file, other)


def test_a_folder_is_read_in_float32(tmp_path, tiny_base):
    base = load_base(str(tiny_base), dtype=torch.float16)
    base.save_pretrained(tmp_path)
    assert torch.equal(probe_logits(read_folder(tmp_path, "sdpa")), probe_logits(base.float()))
