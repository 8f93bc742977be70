"""One or more repositories' git histories as packed training rows."""

import logging
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from lightning.pytorch.trainer.states import TrainerFn
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from codelm.datamodules.checks import (
    open_repositories,
    refuse_different_histories,
    refuse_no_repository,
    refuse_other_history,
    refuse_other_ranks,
)
from codelm.datamodules.history_report import log_report
from codelm.datamodules.packed import PackedDataModule
from codelm.datamodules.progress import show_progress
from codelm.datamodules.prompt_format import encoder_for, format_notices
from codelm.errors import InputError
from codelm.git.repository import Repository
from codelm.history.build import build_store
from codelm.history.completeness import clone_notices, has_been_completed
from codelm.history.earlier_stores import newest_store
from codelm.history.epochs.importance import Importance
from codelm.history.epochs.refresh import Refresh, training_draw
from codelm.history.filters.settings import Filters
from codelm.history.provenance import provenance
from codelm.history.samples.formats import Formats
from codelm.history.setting_checks import refuse_invalid_shares, refuse_too_small
from codelm.history.store import DamagedStoreError, Split, new_store, open_store
from codelm.history.store_folders import remove_store
from codelm.history.store_settings import StoreSettings, cache_folder, family_of, store_key, with_format
from codelm.history.tokenization.encoder import Encoder

__all__ = ["GitCommitDataModule"]

log = logging.getLogger(__name__)


class GitCommitDataModule(PackedDataModule):
    """A repository's git history as training, validation and test data: the newest commits are held out.

    The first run reads the history, tokenises it and stores the result in a cache; a second run on an unchanged
    history starts at once. Neither peft nor bitsandbytes is needed:

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
        repo: Folder of the repository, or a list of several.
        revision: Branch, tag, commit or range (A..B) whose commits are used.
        sequence_length: Tokens in a row; no sample is longer.
        batch_size: Rows in a batch; auto: as many as fit into memory, of the ``trainer.accumulate_grad_batches`` rows
            that an optimizer step then has, as the command decides (1 in other programs).
        filters: Which commits and files are left out.
        formats: How changes and files are written as samples.
        importance: How often a sample is drawn, relative to the others.
        curriculum: "competence" starts with short samples of small commits and adds the others by and by; "none" draws
            from all samples from the start.
        curriculum_epochs: Epochs until the curriculum draws from all samples.
        held_out: Share of the commits, the newest, that is not trained on: the older half of it is the validation data,
            the newer half the test data.
        max_commits: Number of commits to train on, the newest before the held-out ones; null for all, 0 for whole files
            alone.
        refresh: What an earlier training has learned of the history; ``codelm refresh`` fills it in.
        context_weight: Loss weight of unchanged lines around a change; added lines have 1. A weight of 1 learned no
            worse than 0.1 where both were measured (docs/results.md).
        cache: Folder for tokenised histories; null for ``codelm`` in the user's cache folder.
        seed: Seed of the draw and the order of samples.
        num_workers: Processes that prepare batches, no more than there are cores; 0 prepares them in the main process.
        tokenizer_revision: Branch, tag or commit of the tokenizer on the model hub; the command takes the base's.
        prompts: Texts that `predict` completes; the command takes the prompts of behavioural evaluation.
    """

    def __init__(
        self,
        tokenizer: str = "bigcode/starcoder2-3b",
        repo: str | list[str] = ".",
        revision: str = "HEAD",
        *,
        sequence_length: int = 2048,
        batch_size: int | Literal["auto"] = 8,
        filters: Filters = Filters(),
        formats: Formats = Formats(),
        importance: Importance = Importance(),
        curriculum: Literal["competence", "none"] = "competence",
        curriculum_epochs: float = 1.0,
        held_out: float = 0.1,
        max_commits: int | None = None,
        refresh: Refresh = Refresh(),
        context_weight: float = 1.0,
        cache: str | None = None,
        seed: int = 42,
        num_workers: int = 0,
        tokenizer_revision: str | None = None,
        prompts: list[str] | None = None,
    ) -> None:
        self.chooses_batch_size = batch_size == "auto"
        batch_size = 1 if batch_size == "auto" else batch_size
        refuse_too_small(sequence_length=sequence_length, batch_size=batch_size, max_commits=max_commits)
        refuse_too_small(curriculum_epochs=curriculum_epochs, seed=seed, num_workers=num_workers)
        refuse_invalid_shares(context_weight=context_weight, held_out=held_out)
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
        self.cache = cache_folder(cache)
        self.prompts = prompts or []
        self.refresh = refresh
        read = sequence_length, filters, formats, held_out, max_commits, seed
        self.store_settings = StoreSettings(*read, tuple(refresh.learned))

    @cached_property
    def repositories(self) -> list[Repository]:
        """The opened repositories."""
        return open_repositories(self.repo, self.revision)

    @cached_property
    def encoder(self) -> Encoder:
        """The base model's tokenizer, with the format that its samples are written in."""
        return encoder_for(self.tokenizer, self.tokenizer_revision, self.store_settings.formats.fim_format)

    @property
    def _decided(self) -> StoreSettings:
        """The settings of the store, which name the format."""
        return with_format(self.store_settings, self.encoder.wanted_format.name)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that decide what a training ends with, but for the histories (see `state_dict`)."""
        read = self._decided
        names = ("filters", "formats", "held_out", "max_commits")
        own = {"importance": self.importance, "refresh": self.refresh, "tokenizer": self.encoder.fingerprint}
        return super().settings | {name: getattr(read, name) for name in names} | own

    @property
    def store_folder(self) -> Path:
        """The folder of the tokenised history, which `prepare_data` makes."""
        return self.cache / store_key(self.repositories, self._decided, self.encoder.fingerprint)

    def prepare_data(self) -> None:
        """Read, filter, split and tokenise the histories, unless the cache holds the result or `predict` runs."""
        if self.trainer is not None and self.trainer.state.fn == TrainerFn.PREDICTING:
            return
        folder = self.store_folder
        if folder.exists() and self._can_use(folder):
            log.info("history: using the tokenised one in %s", folder)
            return
        notices = format_notices(self.tokenizer, self.store_settings.formats.fim_format, self.encoder)
        for notice in [*notices, *clone_notices(self.repositories)]:
            log.warning(notice)
        log.info("history: reading %s", ", ".join(repository.path for repository in self.repositories))
        decided_by = self.repositories, self.store_settings, self.encoder
        earlier = newest_store(self.cache, family_of(*decided_by))
        with new_store(folder) as (writer, facts):
            facts |= build_store(*decided_by, writer, show_progress, earlier)
            log_report(facts, earlier)

    def _can_use(self, folder: Path) -> bool:
        """Open the tokenised history and return True; remove it and return False where it must be made anew."""
        try:
            store = open_store(folder)
        except DamagedStoreError as error:
            log.warning("history: reading it again, since the cache %s is damaged (%s)", folder, error.what)
        else:
            if not has_been_completed(folder, self.repositories):
                self.store = store
                return True
            log.info("history: reading it again, since file contents are there that were missing")
        remove_store(folder)
        return False

    def setup(self, stage: str | None = None) -> None:
        """Open the tokenised history; `predict` takes prompts instead. Refuse to complete or to test nothing.

        Each process compares the checksums, and all of them whether they have opened the same history.
        """
        if stage == "predict":
            if not self.prompts:
                raise InputError("no prompts to complete: list some in behavior.prompts")
            return
        super().setup(stage)
        if getattr(self, "store", None) is None or self.store.folder != self.store_folder:
            self.store = open_store(self.store_folder)  # once in a process, since all of it is read
        if self.trainer is not None:
            refuse_different_histories(self.trainer, self.store)
        if stage == "test" and not len(self.store.indices(Split.TEST)):  # Lightning would skip the test in silence
            raise InputError(
                "nothing is left of the test part of the history: raise data.held_out, loosen data.filters, "
                "or give a longer history"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the provenance of the history and the number of processes, which checkpoints carry."""
        return {"learned_from": provenance(self.store.facts["scrape"]), "ranks": self.training_ranks}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Refuse to resume on another history: the losses of the base and the best so far are the old one's.

        Likewise on another number of processes, which would make other steps of the rows.
        """
        ranks = self.ranks_of_checkpoint = state_dict.get("ranks", 1)  # earlier versions trained in one
        if self.trainer is not None and self.trainer.state.fn == TrainerFn.FITTING:
            refuse_other_ranks(ranks, self.trainer.world_size)
            refuse_other_history(state_dict["learned_from"], provenance(self.store.facts["scrape"]))

    def predict_dataloader(self) -> DataLoader[list[str]]:
        """Return the loader of the prompts, in lists of ``batch_size``."""
        return DataLoader(self.prompts, batch_size=self.batch_size, collate_fn=list)  # type: ignore[arg-type]

    @property
    def facts(self) -> dict[str, Any]:
        """Counts of what was read, dropped and tokenised, for the manifest."""
        facts = self.store.facts
        packed = facts["tokenize"] | {"packing_efficiency": self.packing_efficiency()}
        return {"analysis": facts["analysis"], "scrape": facts["scrape"], "tokenize": packed}

    @cached_property
    def draw(self) -> tuple[NDArray[np.float64], int]:
        """Importances by the rules of `Importance`, and the draws of an epoch; both as far as `Refresh` has them."""
        training, paths = self.store.samples[self.store.indices(Split.TRAIN)], self.store.facts["paths"]
        return training_draw(training, self.store.commits, paths, self.importance, self.refresh)
