import shutil
from dataclasses import asdict

import pytest
from huggingface_hub import file_download

from codelm.modules.base_identity import Identity, changed_files, identify

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tiny_base, tmp_path, monkeypatch):
    """A cache of the model hub's with one commit of nobody/base on its main branch."""
    folder = tmp_path / "hub" / "models--nobody--base"
    shutil.copytree(tiny_base, folder / "snapshots" / COMMIT)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(file_download.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return folder


def test_a_base_of_the_hub_is_known_by_its_commit_though_no_revision_was_given(hub, tiny_base):
    identity = identify("nobody/base")
    assert identity.hub_commit == COMMIT
    assert identity.files == identify(str(tiny_base)).files
    assert identify("nobody/base", COMMIT) == identity


def test_a_base_that_was_never_fetched_is_not_known(hub):
    assert identify("nobody/else") == identify("nobody/base", "v7") == Identity(None, None)


def test_two_folders_of_one_base_are_alike_and_another_value_or_setting_shows(tiny_base, tmp_path):
    folders = [shutil.copytree(tiny_base, tmp_path / name) for name in ("same", "value", "setting", "token")]
    weights = bytearray((folders[1] / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folders[1] / "model.safetensors").write_bytes(weights)
    (folders[2] / "config.json").write_text((folders[2] / "config.json").read_text().replace("128", "256"))
    (folders[3] / "tokenizer.json").write_text((folders[3] / "tokenizer.json").read_text() + "\n")
    same, *others = (identify(str(folder)) for folder in folders)
    assert same == identify(str(tiny_base))
    assert same.hub_commit is None
    assert len({same, *others}) == 4
    whole = asdict(same.files)
    assert [changed_files(each.files, whole) for each in others] == [["weights"], ["config"], ["tokenizer"]]
    del whole["tokenizer_sha256"]  # which earlier versions did not record
    assert changed_files(others[-1].files, whole) == []
