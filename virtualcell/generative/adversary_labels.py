"""Scores labels: could a cell in this state have this time, this treatment, this annotation?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.covariance import LedoitWolf
from torch import Tensor
from torch.nn import functional as F

from virtualcell.autoencoder.residual import Residual
from virtualcell.generative.material import Material
from virtualcell.schema import UNKNOWN, DataError

MIN_OF_LABEL, MIN_CALIBRATION = 10, 40
"""Cells that a label needs to be learned; and that are needed to calibrate on held-out ones."""
HIDDEN, STEPS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 64, 600, 256, 3e-3, 0.1
CHECK_EVERY, PATIENCE = 20, 8
GATES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class LabelScorer:
    """Which labels fit a cell's state (states (cells, d) of one model).

    The linear core is a normal distribution for each label with one covariance (linear discriminant, Fisher 1936): logits are
    states @ weight (d, k) + bias (k,). A residual network adds ``gate`` times what it learned; all is divided by ``temperature``.
    share: (k,) of the training cells with each label.
    """

    column: str
    labels: tuple[str, ...]
    weight: np.ndarray
    bias: np.ndarray
    residual: Residual
    gate: float
    temperature: float
    scale: np.ndarray
    share: np.ndarray
    record: Mapping[str, Any]

    def probability(self, states: np.ndarray) -> np.ndarray:
        """Probability of each label given the state, (cells, k); rows add up to 1. Raises DataError for states of another
        width."""
        logits = self._logits(states) / self.temperature
        logits -= logits.max(1, keepdims=True)
        found = np.exp(logits)
        return found / found.sum(1, keepdims=True)

    def score(self, states: np.ndarray) -> np.ndarray:
        """Nats, (cells, k): log of the label's probability given the state over its share among all cells; above 0 where the
        state speaks for the label."""
        return np.log(np.maximum(self.probability(states), 1e-12)) - np.log(self.share)

    def _logits(self, states: np.ndarray) -> np.ndarray:
        given = np.asarray(states, dtype=np.float64)
        if given.ndim != 2 or given.shape[1] != len(self.weight):
            raise DataError(
                f"The states have shape {given.shape}, not (cells, {len(self.weight)}).",
                next_step="give states of this model.",
                field=self.column,
            )
        found = given @ self.weight + self.bias
        if self.gate:
            with torch.no_grad():
                found = found + self.gate * self.residual(_scaled(given, self.scale)).double().numpy()
        return found


def fit_labels(states: np.ndarray, labels: np.ndarray, held_out: np.ndarray, column: str, *, seed: int = 0) -> LabelScorer:
    """Learns which labels go with which states from cells that are not held out.

    states (cells, d); labels (cells,) str; held_out (cells,) bool: they set the temperature alone (where there are 40, else inner
    cells do). Labels of fewer than 10 cells and unknown ones are left out. Raises DataError where fewer than two labels are left.
    """
    names, count = np.unique(labels[~held_out], return_counts=True)
    kept = [str(name) for name, n in zip(names, count, strict=True) if n >= MIN_OF_LABEL and name != UNKNOWN]
    if len(kept) < 2:
        raise DataError(
            f"{column} has {len(kept)} labels with at least {MIN_OF_LABEL} cells; it takes two.",
            next_step="choose another column.",
            field=column,
        )
    z = np.asarray(states, dtype=np.float64)
    code = np.array([kept.index(str(name)) if str(name) in kept else -1 for name in labels])
    order = np.random.default_rng(seed).permutation(np.flatnonzero((code >= 0) & ~held_out))
    inner, fit = order[: len(order) // 5], order[len(order) // 5 :]
    stop, judge = inner[::2], inner[1::2]
    weight, bias, share = _discriminant(z[fit], code[fit], len(kept))
    scale = np.stack([z[fit].mean(0), np.maximum(z[fit].std(0), 1e-9)])
    parts = {
        name: (
            _scaled(z[rows], scale),
            torch.from_numpy((z[rows] @ weight + bias).astype(np.float32)),
            torch.from_numpy(code[rows]),
        )
        for name, rows in (("fit", fit), ("stop", stop), ("judge", judge))
    }
    residual = _train(parts["fit"], parts["stop"], z.shape[1], len(kept), seed)
    x, core, truth = parts["judge"]
    with torch.no_grad():
        losses = {gate: F.cross_entropy(core + gate * residual(x), truth, reduction="none").double().numpy() for gate in GATES}
    gate = min(GATES, key=lambda g: float(losses[g].mean()))
    gain = losses[0.0] - losses[gate]
    if gain.mean() <= gain.std(ddof=1) / np.sqrt(len(gain)):
        gate = 0.0
    held = np.flatnonzero((code >= 0) & held_out)
    calibration = held if len(held) >= MIN_CALIBRATION else inner
    raw = LabelScorer(column, tuple(kept), weight, bias, residual, gate, 1.0, scale, share, {})
    temperature = _temperature(raw._logits(z[calibration]), code[calibration])
    record = {
        "cells": len(order),
        "calibrated on": "held-out cells" if calibration is held else "inner validation cells",
        "loss of the core": float(losses[0.0].mean()),
        "loss with the residual": float(losses[1.0].mean()),
        "seed": seed,
    }
    return LabelScorer(column, tuple(kept), weight, bias, residual, gate, temperature, scale, share, record)


def labels_by_column(material: Material, columns: Mapping[str, str | None]) -> dict[str, np.ndarray]:
    """What the cells are called, (cells,) str, by what it is: "time", "treatment", "state"; columns: their columns of obs."""
    found = {}
    if material.time is not None:
        found["time"] = np.array([f"{t:g}" for t in material.time])
    if material.treatment is not None:
        found["treatment"] = material.treatment
    if columns.get("state") is not None:
        found["state"] = material.labels
    return found


def _discriminant(z: np.ndarray, code: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight (d, k), bias (k,) and share (k,) of the linear discriminant with a shrunk covariance (Ledoit & Wolf 2004)."""
    means = np.stack([z[code == i].mean(0) for i in range(k)])
    share = np.bincount(code, minlength=k) / len(code)
    precision = np.linalg.pinv(LedoitWolf().fit(z - means[code]).covariance_)
    weight = precision @ means.T
    return weight, np.log(share) - 0.5 * np.einsum("kd,dk->k", means, weight), share


def _train(fit: tuple[Tensor, Tensor, Tensor], stop: tuple[Tensor, Tensor, Tensor], d: int, k: int, seed: int) -> Residual:
    """What the linear core leaves, stopped where other cells do not gain."""
    torch.manual_seed(seed)
    residual = Residual(d, HIDDEN, k)
    optimiser = torch.optim.AdamW(residual.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rng = np.random.default_rng(seed)
    best, kept, waited = float(F.cross_entropy(stop[1], stop[2])), _copied(residual), 0
    for step in range(STEPS):
        rows = torch.from_numpy(rng.choice(len(fit[0]), min(BATCH, len(fit[0])), replace=False))
        loss = F.cross_entropy(fit[1][rows] + residual(fit[0][rows]), fit[2][rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % CHECK_EVERY == 0:
            with torch.no_grad():
                found = float(F.cross_entropy(stop[1] + residual(stop[0]), stop[2]))
            best, kept, waited = (found, _copied(residual), 0) if found < best - 1e-4 else (best, kept, waited + 1)
            if waited >= PATIENCE:
                break
    residual.load_state_dict(kept)
    return residual.eval()


def _temperature(logits: np.ndarray, code: np.ndarray) -> float:
    given, truth = torch.from_numpy(logits), torch.from_numpy(code)

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(given / np.exp(log_temperature), truth))

    return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 3.0), method="bounded").x))


def _scaled(states: np.ndarray, scale: np.ndarray) -> Tensor:
    return torch.from_numpy(((states - scale[0]) / scale[1]).astype(np.float32))


def _copied(module: torch.nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in module.state_dict().items()}
