"""The feed-forward part of each block computed for some tokens of a batch at a time.

Its inner states are four times as wide as the others in StarCoder2, and a backward pass needs several of them at once:
with 16,384 tokens they were a quarter of a training step's memory. Under gradient checkpointing they are computed again
anyway, so that doing it by chunk costs no further products.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["chunk_mlps"]

_CHUNK_TOKENS = 1024
"""Tokens in a chunk."""
_NAMES = ("mlp", "feed_forward", "ffn")
"""What transformers calls the part, by family."""


def chunk_mlps(model: nn.Module, *, chunk_tokens: int = _CHUNK_TOKENS) -> int:
    """Let the feed-forward parts of a model compute by chunks of so many tokens; return how many parts there are.

    For parts whose output for a token depends on that token alone, and in training only beside gradient checkpointing:
    each is computed a second time in the backward pass, and nothing of it is kept until then.
    """
    parts = [module for name, module in model.named_modules() if name.rpartition(".")[2] in _NAMES]
    for part in parts:
        part.forward = _ChunkedForward(part, chunk_tokens)
    return len(parts)


class _ChunkedForward:
    """The forward pass of a feed-forward part."""

    def __init__(self, part: nn.Module, chunk_tokens: int) -> None:
        self.whole: Callable[[Tensor], Tensor] = part.forward
        self.part = part
        self.chunk_tokens = chunk_tokens

    def __call__(self, x: Tensor, *arguments: Any, **options: Any) -> Tensor:
        """Return the part's output for states ``[..., T, H]``."""
        tokens = x.shape[:-1].numel()
        if tokens <= self.chunk_tokens or arguments or options:
            return self.whole(x, *arguments, **options)
        trained = [parameter for parameter in self.part.parameters() if parameter.requires_grad]
        if not torch.is_grad_enabled() or not (trained or x.requires_grad):
            return self.by_chunk(x)
        # Only what requires a gradient has a node that keeps it.
        kept = _Kept.apply(x if x.requires_grad else x.detach().requires_grad_())  # type: ignore[no-untyped-call]
        output: Tensor = _ChunkedMLP.apply(kept, self, kept.grad_fn, *trained)  # type: ignore[no-untyped-call]
        return output

    def by_chunk(self, x: Tensor) -> Tensor:
        """Return the output, computed chunk by chunk, without what a gradient would need."""
        chunks = torch.split(x.reshape(-1, x.shape[-1]), self.chunk_tokens)
        return torch.cat([self.whole(chunk[None])[0] for chunk in chunks]).view(*x.shape[:-1], -1)


class _Kept(torch.autograd.Function):
    """Passes a tensor on, and keeps it for the backward pass.

    A function of its own, since a checkpoint that computes a block again stops at the last tensor that it has to
    provide: were it kept by the function behind it, all chunks would be computed before.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Return the tensor."""
        ctx.save_for_backward(x)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Return its gradient."""
        return gradients[0]


class _ChunkedMLP(torch.autograd.Function):
    """The output of all chunks; each is computed again for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, mlp: _ChunkedForward, kept: Any, *trained: Tensor) -> Tensor:
        """Return the output, ``[..., T, out]``.

        Args:
            ctx: Autograd's context.
            x: The input, ``[..., T, H]``.
            mlp: Computes it.
            kept: The node that keeps the input.
            trained: The part's parameters that get a gradient.
        """
        ctx.mlp, ctx.kept, ctx.trained = mlp, kept, trained
        ctx.draws, ctx.autocast = torch.get_rng_state(), _autocast(x.device.type)
        ctx.draws_of_gpu = torch.cuda.get_rng_state(x.device) if x.is_cuda else None
        with torch.no_grad():
            return mlp.by_chunk(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the input and of the parameters."""
        [x], mlp, trained = ctx.kept.saved_tensors, ctx.mlp, list(ctx.trained)
        of_x = torch.empty_like(x)
        of_trained: list[Tensor] = [torch.zeros_like(parameter) for parameter in trained]
        split = (torch.split(each.reshape(-1, each.shape[-1]), mlp.chunk_tokens) for each in (x, of_x, gradients[0]))
        with torch.random.fork_rng([x.device] if x.is_cuda else []), torch.enable_grad(), ctx.autocast:
            # Dropout draws as in the forward pass: a seed on the CPU, or on the GPU where PEFT computes a layer.
            torch.set_rng_state(ctx.draws)
            if x.is_cuda:
                torch.cuda.set_rng_state(ctx.draws_of_gpu, x.device)
            for chunk, of_chunk, of_output in zip(*split, strict=True):
                entered = chunk.detach().requires_grad_()
                output = mlp.whole(entered[None])[0]
                of_entered, *of_parameters = torch.autograd.grad(output, [entered, *trained], of_output)
                of_chunk.copy_(of_entered)
                for total, part in zip(of_trained, of_parameters, strict=True):
                    total += part
        return of_x, None, None, *of_trained


def _autocast(device: str) -> AbstractContextManager[Any]:
    """Return a context with autocast as it is now; the backward pass has none."""
    enabled = torch.is_autocast_enabled(device)
    return torch.autocast(device, torch.get_autocast_dtype(device) if enabled else None, enabled=enabled)
