import logging

import pytest

from codelm.cli.engines import engine_for
from codelm.errors import InputError
from codelm.saved_run import SavedRun
from codelm.serving.tuned_engine import TunedEngine


@pytest.fixture
def open_engine(learned_run, caplog, monkeypatch, tmp_path):
    """Return a function that opens an engine with the run, and returns it with what was said of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caplog.set_level(logging.INFO, "codelm.cli.engines")

    def open_(name, run=learned_run):
        with engine_for(name, SavedRun(run), None, 16) as engine:
            return engine, [each.message for each in caplog.records if each.name == "codelm.cli.engines"]

    return open_


@pytest.fixture
def llama_cpp(monkeypatch):
    """Let llama.cpp be there, as far as asking for it goes."""
    monkeypatch.setattr("codelm.cli.engines.refuse_no_llama_cpp", lambda: None)
    monkeypatch.setattr("codelm.cli.engines.has_gpu", lambda: False)


def test_without_its_package_it_is_pytorch_or_an_error(open_engine, monkeypatch):
    monkeypatch.setattr("codelm.serving.llama_cpp.find_spec", lambda name: None)
    engine, [said] = open_engine("auto")
    assert isinstance(engine, TunedEngine)
    assert said.startswith("engine: PyTorch, not llama.cpp: xllamacpp")
    assert said.endswith("pip install 'codelm[serve]'")
    with pytest.raises(InputError, match="is not installed: pip install"):
        open_engine("llama.cpp")
    assert isinstance(open_engine("pytorch")[0], TunedEngine)


def test_a_package_that_does_not_load_is_a_line(open_engine, monkeypatch, tmp_path):
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('GLIBC_2.99 not found')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "xllamacpp", raising=False)
    with pytest.raises(InputError, match=r"does not load: ImportError: GLIBC_2\.99"):
        open_engine("llama.cpp")


@pytest.mark.usefixtures("llama_cpp")
def test_a_base_that_it_cannot_read_is_pytorch_or_an_error(open_engine, tuned_run):
    engine, [said] = open_engine("auto", tuned_run[0])  # with a tokenizer that merges nothing
    assert isinstance(engine, TunedEngine)
    assert "the tokenizer of the base is not that of a StarCoder2" in said
    with pytest.raises(InputError, match="not that of a StarCoder2"):
        open_engine("llama.cpp", tuned_run[0])


@pytest.mark.usefixtures("llama_cpp")
def test_another_architecture_is_named(open_engine, monkeypatch):
    config = type("Config", (), {"model_type": "llama"})
    monkeypatch.setattr("codelm.cli.engines.load_config", lambda base, revision: config)
    with pytest.raises(InputError, match="is a llama: give --engine pytorch"):
        open_engine("llama.cpp")


@pytest.mark.usefixtures("llama_cpp")
def test_a_gpu_that_pytorch_alone_uses_decides(open_engine, monkeypatch):
    def not_asked(*arguments):
        raise AssertionError

    monkeypatch.setattr("codelm.cli.engines.torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("codelm.cli.engines.served_gguf", not_asked)
    monkeypatch.setattr("codelm.cli.engines.load_tuned", lambda run, base: "model")
    monkeypatch.setattr("codelm.cli.engines.TunedEngine", lambda model, max_tokens: model)
    engine, [said] = open_engine("auto")
    assert engine == "model"
    assert "does not use the GPU" in said


@pytest.mark.usefixtures("llama_cpp")
@pytest.mark.parametrize("is_writable", [True, False])
def test_its_file_is_in_the_user_s_cache_or_for_once_in_another_folder(open_engine, monkeypatch, tmp_path, is_writable):
    folders = []

    def served(source, cache):
        folders.append(cache)
        assert cache.exists() != is_writable  # the cache is made when something is written to it
        raise InputError("enough")

    monkeypatch.setattr("codelm.cli.engines.served_gguf", served)
    monkeypatch.setattr("codelm.cli.engines.os.access", lambda folder, mode: is_writable)
    with pytest.raises(InputError, match="enough"):
        open_engine("llama.cpp")
    [folder] = folders
    assert (folder == tmp_path / "cache" / "codelm") == is_writable
    assert not folder.exists()
