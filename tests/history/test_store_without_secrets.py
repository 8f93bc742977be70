import re
from dataclasses import asdict

import pytest

from codelm.git.repository import open_repository
from codelm.history.build import build_store
from codelm.history.filters.secrets import find_secrets
from codelm.history.filters.settings import Filters
from codelm.history.held_out_changes import held_out_changes
from codelm.history.samples.formats import Formats
from codelm.history.store import new_store, open_store
from codelm.history.store_settings import StoreSettings
from tests.history.filters.credentials import CREDENTIALS

CO_AUTHORED = {"message": "Add x\n\nCo-Authored-By: Claude <noreply@anthropic.com>\n"}
AGENT = {"author": "copilot-swe-agent[bot] <198982749+Copilot@users.noreply.github.com>"}


@pytest.fixture
def store_of(encoder, tmp_path):
    def make(repository):
        settings = StoreSettings(512, Filters(), Formats(), held_out=0.4, max_commits=None, seed=1)
        with new_store(tmp_path / "store") as (writer, facts):
            facts |= build_store([repository], settings, encoder, writer, lambda items, total, description: items)
        return open_store(tmp_path / "store")

    return make


def values(text):
    """Return the words of the credentials in a text that are long enough to be told from ordinary ones."""
    found = [text[secret.start : secret.end] for secret in find_secrets(text)]
    return {word for value in found for word in re.findall(r"[\w+/.-]{9,}", value)} - {"SharedAccessKey"}


def test_no_credential_is_left_anywhere_in_a_store(make_repository, store_of, encoder):
    texts = list(CREDENTIALS.values())
    code = "pub fn number_{n}() -> u64 {{\n    let number = {n} * {n};\n    number + {n}\n}}\n"
    commits, lines = [], {}
    for number, text in enumerate(texts):
        path = f"src/part_{number % 9}.txt"
        lines[path] = code.format(n=number) + lines.get(path, "// A part.\n") + text + "\n"
        commits.append(({path: lines[path]}, {"message": f"Add part {number}\n\n{texts[-number]}"}))
    commits += [({path: code.format(n=path[-5]) + "// clean\n"}, {"message": "Clean"}) for path in lines]
    store = store_of(open_repository(make_repository(commits)))
    everything = "\n".join(
        [
            *(encoder.decode(store.sample(index)[0]) for index in range(len(store.samples))),
            *(str(asdict(change)) for change in held_out_changes(store.folder)),
            str(store.facts),
        ]
    )
    assert all(f"number_{number}()" in everything for number in range(9, len(texts)))
    assert "REDACTED" in everything
    dropped = store.facts["scrape"]["dropped"]
    assert sum(dropped["train"]["hunks"].values()) > 30
    assert any(reason.startswith("secret in message: ") for reason in dropped["train"]["values"])
    assert {word for text in texts for word in values(text) if word in everything} == set()


def test_agents_are_kept_and_counted(make_repository, store_of):
    commits = [({"a.rs": f"fn number_{n}() -> u64 {{ {n} }}\n"}, AGENT if n % 3 else CO_AUTHORED) for n in range(12)]
    (history,) = store_of(open_repository(make_repository(commits))).facts["scrape"]["repositories"]
    assert history["agents"] == {"copilot-swe-agent": 8}
    assert history["agents_as_co_authors"] == {"claude": 4}
    assert sum(history["kept"][split] for split in ("train", "validation", "test")) == 12
