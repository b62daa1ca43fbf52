"""A reduced-rank Bernoulli regression on the same scores: what the likelihood alone gives."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

RANKS, PENALTIES, STEPS, BATCH = (1, 2, 5), (10.0, 100.0), 150, 512


def fit_glm(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[nn.ParameterDict, int, float]:
    """log(-log(1 - p)) = base + x W V by Adam; rank and ridge penalty on W V chosen on a fifth of the training cells."""
    order = np.random.default_rng(seed).permutation(len(x))
    check, rest = order[: len(x) // 5], order[len(x) // 5 :]
    scored = {}
    for rank in RANKS:
        for penalty in PENALTIES:
            found = _train(x[rest], y[rest], rank, penalty, seed)
            p = predict_glm(found, x[check])
            scored[rank, penalty] = float((y[check] * np.log(p) + (1 - y[check]) * np.log1p(-p)).sum(1).mean())
    rank, penalty = max(scored, key=lambda key: scored[key])
    return _train(x, y, rank, penalty, seed), rank, penalty


@torch.no_grad()
def predict_glm(found: nn.ParameterDict, x: np.ndarray) -> np.ndarray:
    output = found["base"] + torch.from_numpy(x).float() @ found["w"] @ found["v"]
    return (-torch.expm1(-output.exp())).clamp(1e-5, 1 - 1e-5).numpy()


def _train(x: np.ndarray, y: np.ndarray, rank: int, penalty: float, seed: int) -> nn.ParameterDict:
    generator = torch.Generator().manual_seed(seed)
    inputs, targets = torch.from_numpy(x).float(), torch.from_numpy(y).float()
    share = (targets.sum(0) + 0.5) / (len(targets) + 1)
    found = nn.ParameterDict(
        {
            "w": torch.randn(inputs.shape[1], rank, generator=generator) * 0.1,
            "v": torch.randn(rank, targets.shape[1], generator=generator) * 0.01,
            "base": torch.log(-torch.log1p(-share)),
        }
    )
    optimiser = torch.optim.Adam(found.parameters(), 0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.02, total_steps=STEPS)
    for _ in range(STEPS):
        rows = torch.randint(len(inputs), (min(BATCH, len(inputs)),), generator=generator)
        rate = (found["base"] + inputs[rows] @ found["w"] @ found["v"]).exp()
        opened = targets[rows] > 0
        nats = torch.log(torch.expm1(rate[opened].clamp_min(1e-8))).sum() - rate.sum()
        loss = -nats / len(rows) + 0.5 * penalty / len(inputs) * _squares(found["w"], found["v"])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return found.requires_grad_(False)


def _squares(w: Tensor, v: Tensor) -> Tensor:
    """Sum of squares of the product w v without the product."""
    return ((w.T @ w) * (v @ v.T)).sum()
