"""Translation sharpened by an adversary: one measurement's embedding drawn from another's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import Tensor, nn
from torch.nn import functional as F

from virtualcell.autoencoder.residual import Residual
from virtualcell.generative.adversary_learning import Best, batches, surely_above_zero

HIDDEN, NOISE = 64, 8
STEPS, LEARNING_RATE = 600, 3e-3
BETAS = (0.5, 0.9)
FIDELITY = 10.0
"""Weight of the regression loss beside the adversarial one."""
PENALTY = 1.0
"""Weight of the squared slope of the critic at true pairs (R1: Mescheder et al. 2018), without which the game does not settle."""
AVERAGED = 4
"""Draws whose mean the regression loss holds to the measured value: the mean is held, the spread is left to the adversary."""
CHECK_EVERY, CHECK_DRAWS, PATIENCE = 30, 8, 8
ALPHAS = np.logspace(-2, 4, 13)


class Discriminator(nn.Module):
    """Source and target of one pair (n, p), (n, q) -> logit (n,) that it is true: matched and measured."""

    def __init__(self, p: int, q: int):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(p + q, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 1))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        found: Tensor = self.net(torch.cat([source, target], 1))[:, 0]
        return found


@dataclass(frozen=True)
class SharpTranslator:
    """Draws the target's inputs from the source's, both standardised: ridge regression, normal noise of the residuals' covariance
    and, where it draws better (``kept``), a network of source and noise that was trained against a matching-aware discriminator.

    weight (p, q), bias (q,), spread (q, q): of the linear normal core; scores: energy score a cell on the judging cells, of the
    core ("core") and with the network ("sharpened").
    """

    weight: Tensor
    bias: Tensor
    spread: Tensor
    residual: Residual
    kept: bool
    scores: dict[str, float]

    def mean(self, source: Tensor) -> Tensor:
        """The deterministic translation, (cells, q)."""
        return source @ self.weight + self.bias

    def draw(self, source: Tensor, generator: torch.Generator, *, sharpened: bool | None = None) -> Tensor:
        """One draw for each cell, (cells, q); sharpened: with the network, by default where it was kept."""
        normal = torch.randn(len(source), len(self.bias), generator=generator)
        noise = torch.randn(len(source), NOISE, generator=generator)
        found = self.mean(source) + normal @ self.spread.T
        if self.kept if sharpened is None else sharpened:
            found = found + self.residual(torch.cat([source, normal, noise], 1))
        return found


def fit_translator(
    fit: tuple[Tensor, Tensor], stop: tuple[Tensor, Tensor], judge: tuple[Tensor, Tensor], seed: int
) -> SharpTranslator:
    """From matched rows of standardised inputs; stop ends the game where draws are best, judge says whether it was worth it.

    The discriminator learns as in Reed et al. 2016, algorithm 1: true pairs against swapped and drawn ones, half each. The
    network is kept where the energy score of its draws on the judging cells is lower by more than one standard error.
    """
    x, y = (part.double().numpy() for part in fit)
    ridge = RidgeCV(ALPHAS, alpha_per_target=True).fit(x, y)
    weight = torch.from_numpy(np.atleast_2d(ridge.coef_).T.astype(np.float32))
    bias = torch.from_numpy(np.atleast_1d(ridge.intercept_).astype(np.float32))
    left = y - ridge.predict(x).reshape(y.shape)
    covariance = np.atleast_2d(np.cov(left.T)) + 1e-6 * np.eye(y.shape[1])
    spread = torch.from_numpy(np.linalg.cholesky(covariance).astype(np.float32))
    torch.manual_seed(seed)
    p, q = x.shape[1], y.shape[1]
    maker, critic = Residual(p + q + NOISE, HIDDEN, q), Discriminator(p, q)
    made = SharpTranslator(weight, bias, spread, maker, True, {})
    optimisers = [torch.optim.Adam(part.parameters(), LEARNING_RATE, betas=BETAS) for part in (critic, maker)]
    noise = torch.Generator().manual_seed(seed)
    best = Best(maker, float(draw_scores(made, *stop, seed).mean()), PATIENCE)
    for step, rows in enumerate(batches(len(x), STEPS, seed), start=1):
        source, target = fit[0][rows], fit[1][rows]
        draws = [made.draw(source, noise) for _ in range(AVERAGED)]
        real = target.clone().requires_grad_(True)
        said = critic(source, real)
        (slope,) = torch.autograd.grad(said.sum(), real, create_graph=True)
        false = F.softplus(critic(source, target.roll(1, 0))).mean() + F.softplus(critic(source, draws[0].detach())).mean()
        loss = F.softplus(-said).mean() + 0.5 * false + 0.5 * PENALTY * (slope**2).sum(1).mean()
        optimisers[0].zero_grad()
        loss.backward()
        optimisers[0].step()
        several = torch.stack(draws)
        # Less what a mean of few draws varies by itself: otherwise the regression would narrow what is drawn.
        off = ((several.mean(0) - target) ** 2 - several.var(0) / AVERAGED).mean()
        fooled = F.softplus(-critic(source, draws[0])).mean() + FIDELITY * off
        optimisers[1].zero_grad()
        fooled.backward()
        optimisers[1].step()
        if step % CHECK_EVERY == 0 and best.over(float(draw_scores(made, *stop, seed).mean())):
            break
    best.restore()
    scores = {name: draw_scores(made, *judge, seed, sharpened=way) for name, way in (("core", False), ("sharpened", True))}
    better = surely_above_zero(scores["core"] - scores["sharpened"])
    return SharpTranslator(weight, bias, spread, maker, better, {k: float(v.mean()) for k, v in scores.items()})


@torch.no_grad()
def draw_scores(
    translator: SharpTranslator, source: Tensor, target: Tensor, seed: int, *, sharpened: bool | None = None
) -> np.ndarray:
    """Energy score of each cell, (cells,), lower is better: mean distance of draws to the measured value minus half the mean
    distance among draws (Gneiting & Raftery 2007, eq. 22)."""
    noise = torch.Generator().manual_seed(seed)
    draws = torch.stack([translator.draw(source, noise, sharpened=sharpened) for _ in range(CHECK_DRAWS)], 1)
    off = torch.linalg.vector_norm(draws - target[:, None], dim=2).mean(1)
    apart = torch.cdist(draws, draws).sum((1, 2)) / (CHECK_DRAWS * (CHECK_DRAWS - 1))
    return np.asarray((off - 0.5 * apart).double().numpy())
