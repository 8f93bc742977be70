#!/usr/bin/env python3
"""Measure codelm beside a peer, in one run on one machine: what counts is the ratio, and that both found the same.

.venv/bin/python -m experiments.bench ~/src/ripgrep [COMMITS]

Both read the same commits. Still different: GitPython reads binary files and files above 1 MB as well, which codelm
passes over, and it leaves the hunks unread, which codelm takes apart.
"""

import sys
import time
from collections.abc import Callable, Sequence

import torch
from git import NULL_TREE, Repo
from torch import Tensor
from torch.nn.functional import cross_entropy

from codelm.git.repository import open_repository, read_commits, read_graph
from codelm.modules.losses import weighted_nll_sum

COMMITS = 300
ROUNDS = 3
TOKENS, WIDTH, VOCABULARY = 1024, 768, 49_152


def timed(work: Callable[[], float]) -> tuple[float, float]:
    """Return the best time of a few rounds, in seconds, and what came out."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - began)
    return min(times), found


def newest(folder: str, count: int) -> list[str]:
    """Return the newest commits that are not merges."""
    return [node.sha for node in reversed(read_graph(open_repository(folder))) if not node.is_merge][:count]


def read_with_codelm(folder: str, shas: Sequence[str]) -> int:
    """Read commits with their hunks and the contents of the changed files; return the bytes of the contents."""
    commits = read_commits(open_repository(folder), shas, lambda path: None, 1_000_000)
    return sum(len((change.after or "").encode()) for commit in commits for change in commit.changes)


def read_with_gitpython(folder: str, shas: Sequence[str]) -> int:
    """Do it with GitPython: a process for each diff."""
    repository, size = Repo(folder), 0
    for commit in map(repository.commit, shas):
        if commit.parents:
            diffs = commit.diff(commit.parents[0], create_patch=True, unified=0, R=True)
        else:
            diffs = commit.diff(NULL_TREE, create_patch=True, unified=0)
        size += sum(len(diff.b_blob.data_stream.read()) for diff in diffs if diff.b_blob)
    return size


def loss_of(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[], float]:
    """Return one forward and backward pass of a loss over 1,024 positions and StarCoder2's vocabulary."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(1, TOKENS, WIDTH, generator=generator)
    head = torch.randn(VOCABULARY, WIDTH, generator=generator) / WIDTH**0.5
    labels = torch.randint(VOCABULARY, (1, TOKENS), generator=generator)

    def step() -> float:
        loss = function(hidden.clone().requires_grad_(), head, labels)
        torch.autograd.backward(loss)
        return loss.item()

    return step


def chunked(hidden: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    """Ours: never all logits at once."""
    return weighted_nll_sum(hidden, head, labels, torch.ones(labels.shape))


def in_full(hidden: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    """The plain way: all logits, then PyTorch's cross entropy."""
    return cross_entropy((hidden @ head.T)[0, :-1], labels[0, 1:], reduction="sum")


def main(folder: str, count: int = COMMITS) -> None:
    """Print a table: what was done, what each found in what time, and how many times as long the peer took."""
    shas = newest(folder, count)
    races = [
        (
            f"bytes of {len(shas)} commits; GitPython",
            lambda: read_with_codelm(folder, shas),
            lambda: read_with_gitpython(folder, shas),
        ),
        ("loss of 1,024 tokens; full logits", loss_of(chunked), loss_of(in_full)),
    ]
    print(f"{'what; peer':<36}{'codelm found':>14}{'peer found':>14}{'codelm s':>10}{'peer s':>10}{'ratio':>8}")
    for what, ours, theirs in races:
        (mine, found), (peer, peer_found) = timed(ours), timed(theirs)
        print(f"{what:<36}{found:>14,.0f}{peer_found:>14,.0f}{mine:>10.2f}{peer:>10.2f}{peer / mine:>8.1f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:]))
