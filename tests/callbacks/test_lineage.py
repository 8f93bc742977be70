import json
import shutil
from pathlib import Path

import pytest

from codelm.errors import InputError


@pytest.fixture
def first(make_module, tmp_path):
    """The adapter of a run, with no more in its manifest than that it is one."""
    module = make_module()
    module.configure_model()
    folder = tmp_path / "earlier" / "version_0"
    module.save_adapter(folder / "adapter")
    (folder / "MANIFEST.json").write_text(json.dumps({"codelm_manifest": 1}))
    return folder / "adapter"


def test_a_run_that_goes_on_remembers_what_it_began_with(run_history, make_module, first):
    def train(**options):
        trainer, _, _ = run_history(module=make_module(adapter=str(first)), **options)
        return trainer, json.loads((Path(trainer.log_dir) / "MANIFEST.json").read_text())

    trainer, content = train(max_epochs=1)
    [began] = content["refreshed_from"]
    assert began["run"] == "earlier/version_0"
    (first.parent / "MANIFEST.json").unlink()
    last = next(Path(trainer.log_dir).glob("checkpoints/last*.ckpt"))
    _, content = train(max_epochs=2, ckpt_path=str(last))
    assert content["refreshed_from"] == [began]
    assert content["refresh"]["commits"] > 0
    shutil.copy(Path(trainer.log_dir) / "adapter/adapter_model.safetensors", first)
    with pytest.raises(InputError, match=r"is not the one that the run began with: .* --model\.adapter null to go on"):
        train(max_epochs=3, ckpt_path=str(last))
