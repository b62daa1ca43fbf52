"""The negative binomial of a cell's counts, its dense part touched a few times and its gamma functions on non-zeros only."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from virtualcell.modalities.log_gamma import log_rising
from virtualcell.modalities.values import Counts

TINY = 1e-30
"""Below this a float32 is nearly too small to be written; its logarithm is then taken from where it came from."""


def log_nb(counts: Tensor, log_mean: Tensor, log_theta: Tensor) -> Tensor:
    """Log-probability of every count, same shape: the formula as it is written.

    mean = exp(log_mean), variance = mean + mean^2 / theta.
    """
    theta = log_theta.exp()
    log_above = torch.logaddexp(log_theta, log_mean)  # log(theta + mean)
    return (
        torch.lgamma(counts + theta)
        - torch.lgamma(theta)
        - torch.lgamma(counts + 1)
        + theta * (log_theta - log_above)
        + counts * (log_mean - log_above)
    )


def draw_nb(mean: Tensor, log_theta: Tensor, generator: np.random.Generator) -> Tensor:
    """Counts of the distribution of ``log_nb``, float32 in the shape of mean: a Poisson number around a gamma mean."""
    theta = log_theta.detach().double().exp().cpu().numpy()
    wanted = mean.detach().double().cpu().numpy()
    around = generator.gamma(np.broadcast_to(theta, wanted.shape)) * (wanted / theta)
    return torch.from_numpy(generator.poisson(around).astype(np.float32))


def negative_binomial(counts: Counts, output: Tensor, log_theta: Tensor) -> Tensor:
    """Log-likelihood (cells,) of counts with mean = depth * softmax(output) and one theta a feature.

    output: float32 (cells, features); log_theta: (features,). Gradients run to both. The same as the sum of ``log_nb``.
    """
    return _NegativeBinomial.apply(output, log_theta, counts)


def at_non_zeros(counts: Counts, ratio: Tensor, output: Tensor, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What only the counted entries add, all (nnz,).

    ratio: dense mean / theta. Returns log P(k) - log P(0); theta / (theta + mean); the derivative of log P(k) - log P(0) by log
    theta. The derivative by log mean is k times the second.
    """
    k, column = counts.value, counts.column
    r = ratio.view(-1).index_select(0, counts.flat)
    rest = 1 / (1 + r)
    log_share = torch.log(r * rest)  # log [mean / (theta + mean)]
    if lowest(r) < TINY:
        scale = counts.depth().log()[:, 0] - torch.logsumexp(output, 1)
        log_r = output.reshape(-1).index_select(0, counts.flat) + scale[counts.row] - theta.log()[column]
        log_share = torch.where(r < TINY, log_r, log_share)
    log, slope = log_rising(theta, column, k)
    slope.mul_(theta.index_select(0, column)).addcmul_(k, rest, value=-1)
    return log.addcmul_(k, log_share), rest, slope


def lowest(values: Tensor) -> float:
    """The smallest of values; infinity where there are none."""
    return float(values.amin()) if values.numel() else torch.inf


class _NegativeBinomial(torch.autograd.Function):
    # With r = mean / theta: log P(0) = -theta log(1 + r), its derivative by log mean is -mean / (1 + r), and by log theta
    # mean / (1 + r) - theta log(1 + r).
    @staticmethod
    def forward(ctx: Any, output: Tensor, log_theta: Tensor, counts: Counts) -> Tensor:
        theta, depth = log_theta.exp(), counts.depth()
        mean = torch.softmax(output, 1).mul_(depth)
        ratio = mean / theta
        log, rest, by_theta = at_non_zeros(counts, ratio, output, theta)
        log_above = torch.log1p(ratio)
        if any(ctx.needs_input_grad):
            pull = torch.div(mean, ratio.add_(1), out=ratio)  # minus the derivative of log P(0) by log mean
            ctx.save_for_backward(mean, pull, log_above, theta, depth, counts.value * rest, by_theta)
            ctx.counts = counts
        return counts.row_sums(log) - log_above @ theta

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        mean, pull, log_above, theta, depth, push, by_theta = ctx.saved_tensors
        counts: Counts = ctx.counts
        by_output = by_log_theta = None
        at = weight.index_select(0, counts.row)
        if ctx.needs_input_grad[0]:
            # Through the softmax: what all features of a cell gain is taken from each by its share of the mean.
            total = counts.row_sums(push) - pull.sum(1)
            by_output = mean * (-weight * total / depth[:, 0].clamp_min(1))[:, None]
            by_output.addcmul_(pull, weight[:, None], value=-1)
            by_output.view(-1).index_add_(0, counts.flat, at * push)
        if ctx.needs_input_grad[1]:
            by_log_theta = weight @ pull - theta * (weight @ log_above) + counts.column_sums(at * by_theta)
        return by_output, by_log_theta, None
