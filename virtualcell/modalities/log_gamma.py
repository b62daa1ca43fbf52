"""Ratios of gamma functions of counts, from tables: most counts are small, and log gamma is the slowest step of a likelihood."""

from __future__ import annotations

import torch
from torch import Tensor

TABLE = 24
"""Counts up to here are looked up."""


def log_factorial(count: Tensor) -> Tensor:
    """log(k!) of whole numbers from 0 up, float32, any shape."""
    table = torch.lgamma(torch.arange(TABLE + 1, device=count.device, dtype=torch.float64 if count.device.type != "mps" else None) + 1)
    found = table.float()[count.long().clamp(max=TABLE)]
    large = count > TABLE
    return torch.where(large, torch.lgamma(count + 1), found) if bool(large.any()) else found


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
    place = column * (TABLE + 1) + count.long().clamp(max=TABLE)
    log, slope = logs.view(-1).index_select(0, place), slopes.view(-1).index_select(0, place)
    large = (count > TABLE).nonzero()[:, 0]
    if len(large):
        k, at = count[large], theta[column[large]]
        log[large] += torch.lgamma(k + at) - torch.lgamma(TABLE + at) - torch.lgamma(k + 1) + torch.lgamma(torch.full_like(k, TABLE + 1))
        slope[large] += torch.digamma(k + at) - torch.digamma(TABLE + at)
    return log, slope
