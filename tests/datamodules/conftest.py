"""A store made by hand: samples of known length, each token's id telling which sample it is from."""

import pytest


def add_samples(writer, split, lengths):
    import numpy as np

    from codelm.history.samples.pieces import Kind, Role
    from codelm.history.tokenization.encoder import Encoded

    for number, length in enumerate(lengths):
        roles = np.full(length, Role.TARGET, np.uint8)
        roles[: length // 2] = Role.CONTEXT
        ids = np.full(length, 10 + number, np.uint32)
        writer.add(Encoded(ids, roles, Kind.CHANGE), split, commit=number // 2, path=0)


@pytest.fixture
def make_store(tmp_path):
    from codelm.history.store import Split, new_store, open_store

    def make(train=(5, 9, 3, 12, 7), validation=(6, 4), test=(8,)):
        with new_store(tmp_path / "store") as (writer, _):
            for split, lengths in zip(Split, (train, validation, test), strict=True):
                add_samples(writer, split, lengths)
        return open_store(tmp_path / "store")

    return make
