import json

import pytest
from huggingface_hub import file_download

from codelm.export.licence import base_licence


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\npipeline_tag: text\nlicense: bigcode-openrail-m\n---\n# A\n", "bigcode-openrail-m"),
        ('---\nlicense: "mit"\n---\n', "mit"),
        ("---\nlicense:\n- mit\n---\n", None),
        ("---\ntags: a\n---\nlicense: mit\n", None),
        ("license: mit\n", None),
        ("", None),
    ],
)
def test_the_licence_is_what_the_card_s_head_says(tmp_path, card, licence):
    (tmp_path / "README.md").write_text(card)
    assert base_licence(str(tmp_path)) == licence


@pytest.mark.parametrize(("config", "licence"), [({"license": "mit"}, "mit"), ({"license": 1}, None), ([], None)])
def test_or_what_the_configuration_says(tmp_path, config, licence):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert base_licence(str(tmp_path)) == licence


def test_of_a_folder_that_is_gone_nothing_is_known(tmp_path):
    assert base_licence(str(tmp_path / "gone")) is None


def test_the_bundled_base_is_under_the_package_s_own():
    assert base_licence("tiny") == "apache-2.0"


def test_of_the_hub_only_the_cache_is_read(tmp_path, monkeypatch):
    folder = tmp_path / "models--nobody--base"
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    monkeypatch.setattr(file_download.constants, "HF_HUB_CACHE", str(tmp_path))
    assert base_licence("nobody/base") is None
    (folder / "snapshots" / "abc" / "README.md").write_text("---\nlicense: mit\n---\n")
    assert base_licence("nobody/base") == "mit"
    assert base_licence("nobody/else") is None
