"""Ratios of gamma functions of counts, from tables: most counts are small, and log gamma is the slowest step of a likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

TABLE = 24
"""Counts up to here are looked up."""


def log_factorial(count: Tensor) -> Tensor:
    """log(k!) of whole numbers from 0 up, (nnz,)."""
    table = torch.lgamma(torch.arange(1, TABLE + 2, device=count.device, dtype=count.dtype))
    found = table.index_select(0, count.long().clamp_(max=TABLE))
    large = (count > TABLE).nonzero()[:, 0]
    if len(large):
        found[large] = torch.lgamma(count[large] + 1)
    return found


def log_rising(theta: Tensor, column: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """log [Gamma(k + theta) / (Gamma(theta) k!)] and the derivative of log Gamma(k + theta) - log Gamma(theta) by theta.

    theta: (features,); column: feature of each count (nnz,); count: whole numbers (nnz,). For a whole number k these are the sums
    of log((theta + i) / (1 + i)) and of 1 / (theta + i) over i < k, which lose no digits where theta is large.
    """
    step = torch.arange(TABLE, device=theta.device, dtype=theta.dtype)
    above = theta[:, None] + step
    zero = theta.new_zeros(len(theta), 1)
    logs = torch.cat([zero, torch.log(above / (1 + step)).cumsum(1)], 1)
    slopes = torch.cat([zero, above.reciprocal().cumsum(1)], 1)
    place = count.long().clamp_(max=TABLE).add_(column, alpha=TABLE + 1)
    log, slope = logs.view(-1).index_select(0, place), slopes.view(-1).index_select(0, place)
    large = (count > TABLE).nonzero()[:, 0]
    if len(large):
        # From k = TABLE on, differences of large numbers: double precision where the device has it.
        k, at = count[large], theta[column[large]]
        if theta.device.type != "mps":
            k, at = k.double(), at.double()
        first = torch.full_like(k, TABLE)
        more = torch.lgamma(k + at) - torch.lgamma(first + at) - torch.lgamma(k + 1) + torch.lgamma(first + 1)
        log[large] += more.to(log.dtype)
        slope[large] += (torch.digamma(k + at) - torch.digamma(first + at)).to(log.dtype)
    return log, slope
