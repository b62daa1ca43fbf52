"""Likelihoods of a Poisson rate = depth * exp(output), whose zeros all say -rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from virtualcell.modalities.negative_binomial import TINY, lowest
from virtualcell.modalities.values import Counts

HIGHEST = 5.0
"""A decoder's output counts up to here: no feature takes more than exp(5) times a cell's whole depth."""

Seen = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(k, rate, log rate) of the non-zeros, (nnz,), to log P(k) and its derivative by log rate."""


def log_rate_likelihood(counts: Counts, output: Tensor, depth: Tensor, seen: Seen) -> Tensor:
    """Log-likelihood (cells,): -rate for every zero, ``seen`` for every non-zero.

    output: float32 (cells, features); depth: (cells, 1) above 0.
    """
    return _LogRate.apply(output, counts, depth, seen)


class _LogRate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, output: Tensor, counts: Counts, depth: Tensor, seen: Seen) -> Tensor:
        total, slope = _terms(output, counts, depth, seen)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(output)
            ctx.slope, ctx.again = slope, (counts, depth, seen)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor, None, None, None]:
        # The one large array is handed on as the gradient itself; who asks for it twice has it computed twice.
        slope, ctx.slope = ctx.slope, None
        if slope is None:
            slope = _terms(*ctx.saved_tensors, *ctx.again)[1]
        return slope.mul_(-(weight[:, None] * ctx.again[1])), None, None, None


def _terms(output: Tensor, counts: Counts, depth: Tensor, seen: Seen, *, capped: bool = False) -> tuple[Tensor, Tensor]:
    """Log-likelihood (cells,) and minus its derivative by the output, divided by depth (cells, features)."""
    flat = counts.flat
    slope = torch.exp(output).contiguous()
    share = slope.view(-1).index_select(0, flat)
    log_share = share.log()
    if lowest(share) < TINY:
        log_share = output.reshape(-1).index_select(0, flat)
    depth_at = depth[:, 0].index_select(0, counts.row)
    log, derivative = seen(counts.value, depth_at * share, depth_at.log() + log_share)
    derivative = derivative / depth_at
    slope.view(-1).scatter_(0, flat, -derivative)
    zeros = slope.sum(1) + counts.row_sums(derivative)
    if not capped:
        # The limit on outputs costs no pass of its own: an output above it shows in the sum of its cell.
        limit = torch.e**HIGHEST
        if not bool((zeros <= limit).all()) or -lowest(-share) > limit:
            total, slope = _terms(output.clamp(max=HIGHEST), counts, depth, seen, capped=True)
            return total, slope.mul_(output <= HIGHEST)
    return counts.row_sums(log) - depth[:, 0] * zeros, slope
