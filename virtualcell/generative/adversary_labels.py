"""Scores labels: could a cell in this state have this time, this treatment, this annotation?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from torch import Tensor
from torch.nn import functional as F

from virtualcell.autoencoder.residual import Residual
from virtualcell.generative.adversary_learning import (
    best_temperature,
    calibration_cells,
    choose_gate,
    scaled,
    split,
    spread_of,
    train_correction,
)
from virtualcell.generative.material import Material
from virtualcell.schema import UNKNOWN, DataError

MIN_OF_LABEL = 10
"""Cells that a label needs to be learned."""
HIDDEN, STEPS, PATIENCE = 64, 600, 8
TIME, TREATMENT, STATE = "time", "treatment", "state"
"""Kinds of labels."""


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
                found = found + self.gate * self.residual(scaled(given, self.scale)).double().numpy()
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
    rows = np.flatnonzero((code >= 0) & ~held_out)
    fit, inner, stop, judge = split(rows, seed)
    weight, bias, share = _discriminant(z[fit], code[fit], len(kept))
    scale = spread_of(z[fit])
    x, core = scaled(z, scale), torch.from_numpy((z @ weight + bias).astype(np.float32))
    truth = torch.from_numpy(code)
    torch.manual_seed(seed)
    residual = Residual(z.shape[1], HIDDEN, len(kept))

    def losses(rows: np.ndarray, gate: float = 1.0) -> Tensor:
        """Of each cell, (rows,), where the residual adds ``gate`` times what it says."""
        return F.cross_entropy(core[rows] + gate * residual(x[rows]), truth[rows], reduction="none")

    train_correction(
        residual,
        lambda rows: losses(fit[rows.numpy()]).mean(),
        lambda: losses(stop).mean(),
        len(fit),
        steps=STEPS,
        patience=PATIENCE,
        seed=seed,
    )
    gate, loss = choose_gate(lambda gate: losses(judge, gate))
    calibration, calibrated_on = calibration_cells(np.flatnonzero((code >= 0) & held_out), inner)
    raw = LabelScorer(column, tuple(kept), weight, bias, residual, gate, 1.0, scale, share, {})
    temperature = best_temperature(raw._logits(z[calibration]), lambda logits: F.cross_entropy(logits, truth[calibration]))
    record = {
        "cells": len(rows),
        "calibrated on": calibrated_on,
        "loss of the core": loss[0.0],
        "loss with the residual": loss[1.0],
        "seed": seed,
    }
    return LabelScorer(column, tuple(kept), weight, bias, residual, gate, temperature, scale, share, record)


def labels_by_column(material: Material, columns: Mapping[str, str | None]) -> dict[str, np.ndarray]:
    """What the cells are called, (cells,) str, by what it is: TIME, TREATMENT, STATE; columns: their columns of obs."""
    found = {}
    if material.time is not None:
        found[TIME] = np.array([f"{t:g}" for t in material.time])
    if material.treatment is not None:
        found[TREATMENT] = material.treatment
    if columns.get(STATE) is not None:
        found[STATE] = material.labels
    return found


def _discriminant(z: np.ndarray, code: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weight (d, k), bias (k,) and share (k,) of the linear discriminant with a shrunk covariance (Ledoit & Wolf 2004)."""
    means = np.stack([z[code == i].mean(0) for i in range(k)])
    share = np.bincount(code, minlength=k) / len(code)
    precision = np.linalg.pinv(LedoitWolf().fit(z - means[code]).covariance_)
    weight = precision @ means.T
    return weight, np.log(share) - 0.5 * np.einsum("kd,dk->k", means, weight), share
