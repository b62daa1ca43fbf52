"""The learned part of a pair score: a critic that is shown true, swapped and generated pairs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from virtualcell.generative.adversary_learning import train_correction

HIDDEN, WIDTH, DROPOUT = 64, 32, 0.2
STEPS, PATIENCE = 1200, 10

Generate = Callable[[Tensor, torch.Generator], Tensor]
"""A conditional translator: inputs of the source (cells, p) -> drawn inputs of the target (cells, q)."""


class Critic(nn.Module):
    """Inputs of the source (n, p) and of the target (m, q) -> what it adds to the score of every pair, (n, m).

    f(a) @ g(b) + h(a) + k(b): a separable critic (Poole et al. 2019, "On variational bounds of mutual information", sec. 2), by
    which every cell of a batch serves as the swapped partner of every other. Starts at zero.
    """

    def __init__(self, p: int, q: int):
        super().__init__()
        self.source, self.target = _trunk(p), _trunk(q)
        self.source_last, self.target_last = nn.Linear(HIDDEN, WIDTH + 1), nn.Linear(HIDDEN, WIDTH + 1)
        nn.init.zeros_(self.source_last.weight)
        nn.init.zeros_(self.source_last.bias)
        with torch.no_grad():
            self.target_last.weight[-1].zero_()
            self.target_last.bias.zero_()

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        f, g = self._sides(source, target)
        return f[:, :-1] @ g[:, :-1].T + f[:, -1:] + g[:, -1]

    def rows(self, source: Tensor, target: Tensor) -> Tensor:
        """Of row i with row i alone, (n,)."""
        f, g = self._sides(source, target)
        return (f[:, :-1] * g[:, :-1]).sum(1) + f[:, -1] + g[:, -1]

    def _sides(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return self.source_last(self.source(source)), self.target_last(self.target(target))


def _trunk(n_in: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, HIDDEN), nn.SiLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, HIDDEN), nn.SiLU())


def pair_losses(scores: Tensor) -> Tensor:
    """Logistic loss of each cell of a square matrix of scores, (n,): its true pair called true, its swapped ones called swapped.

    True and swapped pairs weigh the same, so that the best score is the log ratio of their densities.
    """
    own = F.softplus(-scores.diagonal())
    every = F.softplus(scores)
    return own + (every.sum(1) - every.diagonal()) / max(1, len(scores) - 1)


def train_critic(
    fit: tuple[Tensor, Tensor],
    stop: tuple[Tensor, Tensor],
    core: Callable[[Tensor, Tensor], Tensor],
    seed: int,
    *,
    generate: Generate | None = None,
    weight: float = 0.5,
) -> Critic:
    """A critic on top of a core's scores, from matched rows; stops when the cells of ``stop`` do not gain.

    fit, stop: inputs of source (n, p) and target (n, q), standardised. core: the same inputs -> (n, m) scores. generate: draws
    targets for sources; such pairs then make up the share ``weight`` of what is called false, swapped pairs the rest (Reed et al.
    2016, algorithm 1, where it is 1/2).
    """
    torch.manual_seed(seed)
    critic = Critic(fit[0].shape[1], fit[1].shape[1])
    noise = torch.Generator().manual_seed(seed)
    fixed = core(*stop)

    def loss(rows: Tensor) -> Tensor:
        source, target = fit[0][rows], fit[1][rows]
        scores = core(source, target) + critic(source, target)
        if generate is None:
            return pair_losses(scores).mean()
        drawn = generate(source, noise)
        made = core(source, drawn).diagonal() + critic.rows(source, drawn)
        true = F.softplus(-scores.diagonal()).mean()
        swapped = pair_losses(scores).mean() - true
        return true + (1 - weight) * swapped + weight * F.softplus(made).mean()

    def check() -> Tensor:
        return pair_losses(fixed + critic(*stop)).mean()

    return train_correction(critic, loss, check, len(fit[0]), steps=STEPS, patience=PATIENCE, seed=seed)
