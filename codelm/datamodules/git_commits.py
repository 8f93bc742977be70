"""One or more repositories' git histories as packed training rows."""

import logging
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from lightning.pytorch.trainer.states import TrainerFn
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from codelm.bases.tokenizer import load_tokenizer
from codelm.datamodules.limits import open_all, refuse_no_repository, refuse_odd_shares, refuse_too_small
from codelm.datamodules.packed import PackedDataModule
from codelm.datamodules.progress import show_progress
from codelm.errors import InputError
from codelm.git.repository import Repository
from codelm.history.build import Recipe, mine, store_key
from codelm.history.epochs.importance import Importance, commit_cap, sample_weight
from codelm.history.facts import shallow_notices
from codelm.history.filters.selection import Filters
from codelm.history.provenance import origin, told
from codelm.history.samples.formats import Formats, Kind, shortcomings
from codelm.history.store import Part, Store, building, open_store
from codelm.history.tokenization.encoding import Encoder

log = logging.getLogger(__name__)


class GitCommitDataModule(PackedDataModule):
    """Learns from the past of a repository and is judged on what came after.

    The first run reads the history, tokenises it and keeps the result in a cache; a second run on an unchanged
    history starts at once. Needs neither peft nor bitsandbytes:

        data = GitCommitDataModule("bigcode/starcoder2-3b", repo="~/src/ripgrep")
        data.prepare_data()
        data.setup("fit")
        for batch in data.train_dataloader(): ...

    A batch is a dict, a `codelm.batch.Batch` of ``B`` rows of ``T`` positions: ``input_ids``, ``position_ids`` (0 where
    a sample begins, which sees none before it: give the model no attention mask), ``labels`` (not shifted, -100 where
    nothing is learned) and ``weights`` of the labels, each ``[B, T]``; and the scalar ``step_weight``, by which a loss
    that is summed over the labels is divided, so that accumulated batches make one exact step.

    Args:
        tokenizer: Name or folder of the base model whose tokenizer is used.
        repo: The repository's folder, or several.
        revision: Learn from the commits that this branch, tag, id or range (A..B) reaches.
        sequence_length: Tokens in a row; no sample is longer.
        batch_size: Rows in a batch.
        filters: What is left out.
        formats: How samples are written.
        importance: How often a sample is drawn, relative to the others.
        curriculum: Begin with short samples of small commits and grow to all of them ("competence"), or draw from all
            from the start ("none").
        curriculum_epochs: How many epochs the curriculum takes.
        held_out: Share of the newest commits that training does not see; the older half validates, the newer tests.
        max_commits: Learn from the newest so many commits before the held-out ones; null for all, 0 for files
            alone.
        context_weight: Loss weight of unchanged lines around a change, beside 1 for added ones: 1 learned no worse
            than 0.1 where both were measured (docs/results.md).
        cache: Folder that keeps tokenised histories; null for codelm's own in the user's cache folder.
        seed: Decides the draw and the order of samples.
        num_workers: Processes that prepare batches; 0 prepares them in the main process.
        tokenizer_revision: The model hub's branch, tag or commit of the tokenizer; the command takes the base's.
        prompts: What `predict` completes; the command takes the prompts of behavioural evaluation.
    """

    def __init__(
        self,
        tokenizer: str = "bigcode/starcoder2-3b",
        repo: str | list[str] = ".",
        revision: str = "HEAD",
        *,
        sequence_length: int = 2048,
        batch_size: int = 8,
        filters: Filters = Filters(),
        formats: Formats = Formats(),
        importance: Importance = Importance(),
        curriculum: Literal["competence", "none"] = "competence",
        curriculum_epochs: float = 1.0,
        held_out: float = 0.1,
        max_commits: int | None = None,
        context_weight: float = 1.0,
        cache: str | None = None,
        seed: int = 42,
        num_workers: int = 0,
        tokenizer_revision: str | None = None,
        prompts: list[str] | None = None,
    ) -> None:
        refuse_too_small(sequence_length=sequence_length, batch_size=batch_size, max_commits=max_commits)
        refuse_too_small(curriculum_epochs=curriculum_epochs, seed=seed, num_workers=num_workers)
        refuse_odd_shares(context_weight=context_weight, held_out=held_out)
        super().__init__(
            sequence_length=sequence_length,
            batch_size=batch_size,
            context_weight=context_weight,
            curriculum_epochs=curriculum_epochs if curriculum == "competence" else 0.0,
            seed=seed,
            num_workers=num_workers,
        )
        self.tokenizer = tokenizer
        self.tokenizer_revision = tokenizer_revision
        self.repo = [repo] if isinstance(repo, str) else repo
        refuse_no_repository(self.repo)
        self.revision = revision
        self.importance = importance
        self.cache = Path(cache).expanduser() if cache else default_cache()
        self.prompts = prompts or []
        self.recipe = Recipe(sequence_length, filters, formats, held_out, max_commits, seed)

    @cached_property
    def repositories(self) -> list[Repository]:
        """The opened repositories."""
        return open_all(self.repo, self.revision)

    @cached_property
    def encoder(self) -> Encoder:
        """The base model's tokenizer."""
        return Encoder(load_tokenizer(self.tokenizer, self.tokenizer_revision))

    @property
    def store_folder(self) -> Path:
        """Where the tokenised history lies, or will lie."""
        return self.cache / store_key(self.repositories, self.recipe, self.encoder.fingerprint)

    def prepare_data(self) -> None:
        """Read, filter, split and tokenise the histories, unless the cache holds the result or `predict` asks."""
        if self.trainer is not None and self.trainer.state.fn == TrainerFn.PREDICTING:
            return
        folder = self.store_folder
        if folder.exists():
            log.info("history: using the tokenised one in %s", folder)
            return
        for notice in [*shortcomings(self.encoder.special), *shallow_notices(self.repositories)]:
            log.warning(notice)
        log.info("history: reading %s", ", ".join(repository.path for repository in self.repositories))
        with building(folder) as (writer, facts):
            facts |= mine(self.repositories, self.recipe, self.encoder, writer, show_progress)
            tell(facts, "train", "validation")

    def setup(self, stage: str | None = None) -> None:
        """Open the tokenised history; `predict` takes prompts instead.

        Raises:
            InputError: There is no prompt, or nothing to test.
        """
        if stage == "predict":
            require_prompts(self.prompts)
            return
        super().setup(stage)
        self.store = open_store(self.store_folder)
        if stage == "test":
            require_test(self.store)

    def state_dict(self) -> dict[str, Any]:
        """Keep with a checkpoint what it has learned from."""
        return {"learned_from": origin(self.store.facts["scrape"])}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Refuse to go on with another history: the base's losses, and what is best so far, are of the old one.

        Raises:
            InputError: The checkpoint has learned from another one, or from the same one up to another commit.
        """
        if self.trainer is None or self.trainer.state.fn != TrainerFn.FITTING:
            return
        given, learned = origin(self.store.facts["scrape"]), state_dict["learned_from"]
        if given != learned:
            raise InputError(
                f"the checkpoint has learned from {told(learned)}, this is {told(given)}: go on with the config.yaml "
                "of its run, which names the commit, or begin a new run without --ckpt_path"
            )

    def predict_dataloader(self) -> DataLoader[list[str]]:
        """Return the prompts, in lists of as many as there are rows in a batch."""
        prompts: Any = self.prompts  # a list does as a dataset
        return DataLoader(prompts, batch_size=self.batch_size, collate_fn=list)

    @property
    def facts(self) -> dict[str, Any]:
        """What was read, dropped and tokenised, for the manifest."""
        facts = {name: self.store.facts[name] for name in ("analysis", "scrape", "tokenize")}
        facts["tokenize"] = facts["tokenize"] | {"packing_efficiency": self.packing_efficiency()}
        return facts

    @cached_property
    def importances(self) -> NDArray[np.float64]:
        """How often each training sample is drawn, by the rules of `Importance`."""
        return weights_of(self.store, self.importance)


def weights_of(store: Store, importance: Importance) -> NDArray[np.float64]:
    """Return the weight of each training sample, ``[samples]``: the product of its rules and the cap on its commit."""
    samples = store.samples[store.part(Part.TRAIN)]
    commits, paths = store.facts["commits"], store.facts["paths"]
    changes, inverse = np.unique(samples[["commit", "path"]], return_inverse=True)
    now = newest_time([commits[index] for index in np.unique(samples["commit"])])
    weights = []
    for change in changes:
        commit = commits[change["commit"]]
        when = now if commit["time"] is None else commit["time"]
        weights.append(sample_weight(paths[change["path"]], commit["message"], commit["author"], when, now, importance))
    tokens = np.bincount(samples["commit"], weights=samples["targets"], minlength=1)
    caps = commit_cap(tokens, importance.max_commit_tokens)[samples["commit"]]
    return np.array(weights)[inverse] * np.where(samples["kind"] == Kind.FILE, importance.whole_files, caps)


def newest_time(commits: Sequence[dict[str, Any]]) -> int:
    """Return when the newest commits of the repositories were written; ``commits`` come newest first in each.

    Newest by ancestry: one commit with a date in the future would make all others look old.
    """
    newest: dict[str, int] = {}
    for commit in commits:
        if commit["time"] is not None:
            newest.setdefault(commit["repository"], commit["time"])
    return max(newest.values(), default=0)


def report(facts: dict[str, Any]) -> str:
    """Return what a person wants to know of a history that has just been read: what was kept, and what was not."""
    return "\n".join([*map(sentence, facts["scrape"]["repositories"]), facts["scrape"]["table"]])


def sentence(history: dict[str, Any]) -> str:
    """Return one history's counts in one line."""
    kept, split = history["kept"], history["split"]
    parts = ", ".join(f"{kept[part]:,} of {split[part]:,} to {part}" for part in ("train", "validation", "test"))
    commits = f"{history['non_merges']:,} commits, {history['merges']:,} merges"
    return f"{history['name']} at {history['tip'][:12]}: {commits}; kept {parts}, and {kept['files']:,} files"


def tell(facts: dict[str, Any], *needed: str) -> None:
    """Log what was kept of a history and what was not; refuse one of which nothing is left in a part that is needed.

    Raises:
        InputError: A part has no sample.
    """
    empty = [part for part in needed if not facts["tokenize"][part]["samples"]]
    log.log(logging.WARNING if empty else logging.INFO, report(facts))  # --quiet must not hide what the error points to
    if empty:
        raise InputError(
            f"nothing is left of the {empty[0]} part of the history; the table above says what was dropped and why: "
            "loosen data.filters, change data.held_out or data.max_commits, or give a longer history"
        )


def require_prompts(prompts: Sequence[str]) -> None:
    """Raise `InputError` where there is nothing to complete."""
    if not prompts:
        raise InputError("no prompts to complete: list some in behavior.prompts")


def require_test(store: Store) -> None:
    """Raise `InputError` where no sample is left to test: Lightning would skip the test without a number."""
    if not len(store.part(Part.TEST)):
        raise InputError(
            "nothing is left of the test part of the history: raise data.held_out, loosen data.filters, "
            "or give a longer history"
        )


def default_cache() -> Path:
    """Return the folder for tokenised histories: the platform's cache folder, as the XDG base directories name it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codelm"
