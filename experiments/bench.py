"""Measure codelm beside a peer, in one run on one machine: what counts is the ratio, and that both found the same.

.venv/bin/python -m experiments.bench ~/src/ripgrep [COMMITS]

Both read the same commits. Still different: GitPython reads binary files and files above 1 MB as well, which codelm
passes over, and it leaves the hunks unread, which codelm takes apart.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from git import NULL_TREE, Repo
from torch import Tensor
from torch.nn.functional import cross_entropy

from codelm.errors import CodelmError, InputError
from codelm.git.repository import open_repository, read_commits, read_graph
from codelm.modules.losses import weighted_nll_sum

__all__ = ["main", "newest", "read_with_codelm", "read_with_gitpython"]

_COMMITS = 300
_ROUNDS = 3
_TOKENS, _WIDTH, _VOCABULARY = 1024, 768, 49_152


def _timed(work: Callable[[], float]) -> tuple[float, float]:
    """Return the best time of a few rounds, in seconds, and the result."""
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - began)
    return min(times), result


def newest(folder: str, count: int) -> list[str]:
    """Return the SHAs of the newest commits that are not merges."""
    if count < 1:
        raise InputError(f"COMMITS is {count}: give a whole number of 1 or more")
    return [node.sha for node in reversed(read_graph(open_repository(folder))) if not node.is_merge][:count]


def read_with_codelm(folder: str, shas: Sequence[str]) -> int:
    """Read commits with their hunks and the contents of the changed files; return the bytes of the contents."""
    commits = read_commits(open_repository(folder), shas, lambda path: None, 1_000_000)
    return sum(len((change.after or "").encode()) for commit in commits for change in commit.changes)


def read_with_gitpython(folder: str, shas: Sequence[str]) -> int:
    """Do the same with GitPython: a process for each diff."""
    repository, size = Repo(folder), 0
    for commit in map(repository.commit, shas):
        if commit.parents:
            diffs = commit.diff(commit.parents[0], create_patch=True, unified=0, R=True)
        else:
            diffs = commit.diff(NULL_TREE, create_patch=True, unified=0)
        size += sum(len(diff.b_blob.data_stream.read()) for diff in diffs if diff.b_blob)
    return size


def _loss_step(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[], float]:
    """Return one forward and backward pass of a loss over 1,024 positions and StarCoder2's vocabulary.

    ``loss`` takes hidden states ``[1, T, width]``, the head's weights ``[vocabulary, width]`` and labels ``[1, T]``.
    """
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(1, _TOKENS, _WIDTH, generator=generator)
    head = torch.randn(_VOCABULARY, _WIDTH, generator=generator) / _WIDTH**0.5
    labels = torch.randint(_VOCABULARY, (1, _TOKENS), generator=generator)

    def step() -> float:
        value = loss(hidden.clone().requires_grad_(), head, labels)
        torch.autograd.backward(value)
        return value.item()

    return step


def _chunked_loss(hidden: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    """Return codelm's loss, which never holds all logits at once."""
    return weighted_nll_sum(hidden, head, labels, torch.ones(labels.shape))


def _full_loss(hidden: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    """Return PyTorch's cross entropy of all logits."""
    return cross_entropy((hidden @ head.T)[0, :-1], labels[0, 1:], reduction="sum")


def _compare(folder: str, count: int) -> None:
    """Print a table: what was done, what each found in what time, and how many times as long the peer took."""
    shas = newest(folder, count)
    what = f"bytes of {len(shas)} commits; GitPython"
    races: list[tuple[str, Callable[[], float], Callable[[], float]]] = [
        (what, partial(read_with_codelm, folder, shas), partial(read_with_gitpython, folder, shas)),
        ("loss of 1,024 tokens; full logits", _loss_step(_chunked_loss), _loss_step(_full_loss)),
    ]
    print(f"{'what; peer':<36}{'codelm found':>14}{'peer found':>14}{'codelm s':>10}{'peer s':>10}{'ratio':>8}")
    for what, ours, peers in races:
        (seconds, found), (peer_seconds, peer_found) = _timed(ours), _timed(peers)
        ratio = peer_seconds / seconds
        print(f"{what:<36}{found:>14,.0f}{peer_found:>14,.0f}{seconds:>10.2f}{peer_seconds:>10.2f}{ratio:>8.1f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("repository", metavar="REPOSITORY", help="the repository's folder")
    commits = f"newest commits (default: {_COMMITS})"
    parser.add_argument("commits", metavar="COMMITS", type=int, nargs="?", default=_COMMITS, help=commits)
    options = parser.parse_args(arguments)
    try:
        _compare(options.repository, options.commits)
    except CodelmError as error:
        sys.stderr.write(f"experiments.bench: {error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
