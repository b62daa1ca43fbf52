"""What generator, discriminator and code head are trained on.

Sources: Goodfellow et al. 2014 (non-saturating loss), Mescheder et al. 2018, arXiv:1801.04406, eq. 9 (R1), Chen et al. 2016,
arXiv:1606.03657, eq. 4-5 (lower bound of the mutual information), Ojha et al. 2020, arXiv:1910.01112 (a prior that is learned).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from virtualcell.generative.infogan_networks import Generator, Reader

CONTINUOUS_ENTROPY = math.log(2.0)
"""Nats of a uniform code on [-1, 1]."""


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Of logits (n,) of real and of generated states: mean softplus, a number."""
    return functional.softplus(-real).mean() + functional.softplus(made).mean()


def generator_loss(made: Tensor) -> Tensor:
    """Non-saturating: of logits (n,) of generated states."""
    return functional.softplus(-made).mean()


def slope_penalty(reader: Reader, real: Tensor) -> Tensor:
    """R1: mean squared length of the discriminator's gradient at real states (n, d)."""
    states = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(reader.judge(states).sum(), states, create_graph=True)
    return (gradient**2).sum(1).mean()


def information(
    log_probabilities: Tensor, mean: Tensor, log_variance: Tensor, category: Tensor, continuous: Tensor, prior: Tensor
) -> tuple[Tensor, Tensor]:
    """Lower bound of the mutual information of codes and generated states, in nats: of the category, of each continuous code.

    The entropy of the prior plus the mean log posterior of the true codes, category (n,) and continuous (n, C).
    """
    entropy = -(prior * prior.clamp_min(1e-12).log()).sum()
    of_category = entropy + log_probabilities.gather(1, category[:, None]).mean()
    nats = -0.5 * ((continuous - mean) ** 2 / log_variance.exp() + log_variance + math.log(2 * math.pi))
    return of_category, CONTINUOUS_ENTROPY + nats.mean(0)


def inconsistency(generator: Generator, noise: Tensor, first: Tensor, second: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """How differently turning the continuous codes from ``start`` to ``end`` (n, C) moves cells of two categories (n, K): mean
    squared difference of the two moves, with all else held."""
    one = generator(noise, first, end) - generator(noise, first, start)
    other = generator(noise, second, end) - generator(noise, second, start)
    return ((one - other) ** 2).sum(1).mean()


def unlike_spread(measured: Tensor, made: Tensor) -> Tensor:
    """How differently measured and generated states lie about what the generator makes of their codes without noise, both
    residuals (n, d): squared difference of their second moments, over those of the measured ones squared."""
    of_measured, of_made = (one.T @ one / len(one) for one in (measured, made))
    return ((of_made - of_measured) ** 2).sum() / (of_measured**2).sum().detach().clamp_min(1e-12)
