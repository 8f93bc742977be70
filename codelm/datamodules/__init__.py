"""Histories as batches; needs torch, lightning and a tokenizer, but neither peft nor bitsandbytes."""

from codelm.datamodules.git_commits import GitCommitDataModule
from codelm.datamodules.packed import PackedDataModule

__all__ = ["GitCommitDataModule", "PackedDataModule"]
