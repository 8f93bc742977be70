"""Building a store of encoded samples from repositories, with a count of all that is dropped on the way.

The training split is made of the files as of the cut and the changes of the commits before it; validation and test are
the changes of the commits after it. Merge commits are not diffed: what they bring in is learned from the commits that
they merge, so a change made in the merge itself is not seen.
"""

import time
from collections.abc import Sequence
from typing import Any

from codelm.git.environment import git_version
from codelm.git.repository import Repository
from codelm.history.completeness import write_unread
from codelm.history.earlier_stores import EarlierStore, write_reusable
from codelm.history.facts import History, Progress, analysis_facts, history_facts, open_histories, split_totals
from codelm.history.filters.drops import format_table, total
from codelm.history.filters.judged_texts import JudgedTexts
from codelm.history.held_out_changes import held_out_writer
from codelm.history.reading import HistoryReader
from codelm.history.sample_writer import SampleWriter
from codelm.history.store import Split, StoreWriter
from codelm.history.store_settings import StoreSettings, family_of
from codelm.history.tokenization.encoder import Encoder

__all__ = ["build_store", "reading_facts"]


def build_store(
    repositories: Sequence[Repository],
    settings: StoreSettings,
    encoder: Encoder,
    writer: StoreWriter,
    progress: Progress,
    earlier: EarlierStore | None = None,
) -> dict[str, Any]:
    """Write the samples of all histories and return the facts: what was read, dropped, split and written.

    Args:
        repositories: The opened repositories.
        settings: What decides the samples.
        encoder: The tokenizer.
        writer: Takes the samples.
        progress: Displays how many files and commits have been read.
        earlier: The `newest_store` of the same family, whose samples are used again; the result is the same without it.

    Raises:
        InputError: A history cannot be split.
        DamagedDataError: A repository is damaged.
    """
    started = time.perf_counter()
    with (
        held_out_writer(writer.folder) as write_held_out,
        open_histories(repositories, settings.filters, settings.held_out, settings.learned) as histories,
    ):
        samples = SampleWriter(encoder, writer, settings.sequence_length, earlier)
        judged = JudgedTexts(earlier.judged if earlier else frozenset())
        write = samples.write, write_held_out, writer.add_commit
        reader = HistoryReader(settings, encoder.count, encoder.format, *write, progress, judged)
        reader.read(histories)
        # Here, where paths can still be filtered: a file that a merge brought in was in no commit that was read.
        analysis = [analysis_facts(history, progress) for history in histories]
    write_reusable(writer.folder, family_of(repositories, settings, encoder), samples.groups, judged.passed)
    write_unread(writer.folder, repositories, [history.readability for history in histories])
    seconds_analysing = sum(facts["seconds"] for facts in analysis)
    return {
        "analysis": {"seconds": seconds_analysing, "repositories": analysis},
        "scrape": {
            "seconds": time.perf_counter() - started - samples.seconds - seconds_analysing,
            "git": git_version(),
            **reading_facts(histories, reader),
        },
        "tokenize": {
            "seconds": samples.seconds,
            "without_targets": samples.without_targets,
            "format": encoder.format_facts(),
            **{split.name.lower(): split_totals(writer.table, split) for split in Split},
        },
        "paths": list(reader.paths),
    }


def reading_facts(histories: Sequence[History], reader: HistoryReader) -> dict[str, Any]:
    """Return the facts of what a reader has read: the split, what was kept of it, and what was dropped and why."""
    return {
        "repositories": [history_facts(history) for history in histories],
        "dropped": {name: drops.as_dict() for name, drops in reader.drops.items()},
        "table": format_table(total(reader.drops.values())),
    }
