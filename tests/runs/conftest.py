import zipfile

import pytest


@pytest.fixture
def runs(tmp_path):
    """Two runs named ``x``: version_2 with both checkpoints, version_10 with only the last."""
    for version, names in (("version_2", ["last", "epoch=1-step=9"]), ("version_10", ["last"])):
        (tmp_path / "x" / version / "checkpoints").mkdir(parents=True)
        for name in names:
            with zipfile.ZipFile(tmp_path / "x" / version / "checkpoints" / f"{name}.ckpt", "w") as archive:
                archive.writestr("data", "weights")
    return tmp_path
