"""A store made by hand: samples of known length, each token's id telling which sample it is from."""

import pytest


def samples_of(lengths, part, writer):
    import numpy as np

    from codelm.history.samples.formats import Kind, Role
    from codelm.history.tokenization.encoding import Encoded

    for number, length in enumerate(lengths):
        roles = np.full(length, Role.TARGET, np.uint8)
        roles[: length // 2] = Role.CONTEXT
        ids = np.full(length, 10 + number, np.uint32)
        writer.add(Encoded(ids, roles, Kind.CHANGE), part, commit=number // 2, path=0)


@pytest.fixture
def make_store(tmp_path):
    from codelm.history.store import Part, building, open_store

    def make(train=(5, 9, 3, 12, 7), validation=(6, 4), test=(8,)):
        with building(tmp_path / "store") as (writer, _):
            for part, lengths in zip(Part, (train, validation, test), strict=True):
                samples_of(lengths, part, writer)
        return open_store(tmp_path / "store")

    return make
