"""Lightning datamodules that serve git histories as batches; they import neither peft nor bitsandbytes."""

from codelm.datamodules.git_commits import GitCommitDataModule
from codelm.datamodules.packed import PackedDataModule

__all__ = ["GitCommitDataModule", "PackedDataModule"]
