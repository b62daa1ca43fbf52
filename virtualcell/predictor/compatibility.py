"""The energy of a pair of populations: how badly a measured population fits where the predictor carries another."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from virtualcell.predictor.distance import energy_distance
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.futures import Futures, as_states
from virtualcell.schema import DataError

OWN = 2000
"""Cells that the model draws, beside which measured ones are asked whether they were expected."""

LEAST_STARTS = 20
"""Fewer start cells, half of which make a density, make none."""


def population_energy(
    predicted: np.ndarray, measured: np.ndarray, log_weights: np.ndarray | None = None, *, method: str = "gaussian"
) -> float:
    """How far the measured population (m, d) is from the predicted one (n, d) with log weights (n,); 0 where they are one law.

    A divergence, not a mean of pair energies: that would be lowest for cells in a heap at the likeliest place. method, in nats
    where not said otherwise: "gaussian": Kullback-Leibler divergence of mean and covariance, measured from predicted (needs more
    cells than coordinates); "kernel": cross-entropy under a kernel estimate of the predicted law minus the leave-one-out entropy
    of the measured one, kernels alike; "distance": unbiased energy distance, in the unit of the space. Only compare values for
    the same number of measured cells. DataError names the field that cannot be used.
    """
    if method not in DIVERGENCES:
        raise DataError(f"There is no method {method!r}.", next_step=f"choose one of {', '.join(DIVERGENCES)}.", field="method")
    a, b = (_population(cells, name) for cells, name in ((predicted, "predicted"), (measured, "measured")))
    if a.shape[1] != b.shape[1]:
        raise DataError(
            f"It has {b.shape[1]} coordinates, the predicted cells have {a.shape[1]}.",
            next_step="embed both with one model.",
            field="measured",
        )
    weights = np.full(len(a), -math.log(len(a))) if log_weights is None else np.asarray(log_weights, dtype=np.float64)
    if weights.shape != (len(a),) or not np.isfinite(weights).all():
        raise DataError("It must be one finite number a predicted cell.", next_step="leave it out.", field="log_weights")
    return DIVERGENCES[method](a, b, weights - logsumexp(weights))


def outlier_p_values(energies: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Share of expected cells that fit as badly as each cell, (m,) in (0, 1]: small for a cell that the predictor did not expect.

    energies: (m,) of the cells asked; expected: (k,) energies of cells drawn from the prediction (``unexpected``), which tests
    the prediction itself, or of measured cells that went the same way, which forgives what the predictor gets wrong for them
    all. With exchangeable cells at most a share a of p-values is a or less (Vovk, Gammerman & Shafer 2005, prop. 2.4): cells
    drawn from the very mixture that gives the energies are not exchangeable with any others.
    """
    reference = np.sort(np.asarray(expected, dtype=np.float64))
    if not len(reference) or not np.isfinite(reference).all():
        raise DataError("There are no expected energies.", next_step="draw cells from the prediction.", field="expected")
    return (1 + len(reference) - np.searchsorted(reference, energies, side="left")) / (1 + len(reference))


@dataclass(frozen=True)
class Unexpected:
    """How well measured cells fit a prediction, beside cells that the model itself predicts.

    chances: (m,) share of the model's own cells that fit as badly as each measured one, in (0, 1]; drawn: (k, d) these own cells,
    and drawn_chances (k,) the same share for each of them.
    """

    chances: np.ndarray
    drawn: np.ndarray
    drawn_chances: np.ndarray


def unexpected(dynamics: Dynamics, start: np.ndarray, measured: np.ndarray, duration: float, *, seed: int = 0) -> Unexpected:
    """Which of the measured cells (m, d) lie where the prediction from start (n, d), ``duration`` spans earlier, puts hardly any.

    Half of the start cells, drawn by the seed, make the density; the model's own cells come from the other half, as the measured
    ones come from cells that were not seen: compared with draws from the density itself, in many dimensions most cells of a model
    that is right would look unexpected. For the same reason each half meets random numbers of its own. Raises DataError naming
    start or measured.
    """
    if len(start) < LEAST_STARTS:
        raise DataError(
            f"{len(start)} start cells are too few to say where the prediction puts cells.",
            next_step=f"give {LEAST_STARTS} or more.",
            field="start",
        )
    order = np.random.default_rng(seed).permutation(len(start))
    seeds = [int(found) for found in np.random.SeedSequence(seed).generate_state(3)]
    density, others = (
        Futures.of(dynamics, np.asarray(start)[rows], duration, rollouts=16, seed=drawn_by, shared_noise=False)
        for rows, drawn_by in zip(np.array_split(order, 2), seeds, strict=False)
    )
    drawn = others.draw(OWN, seeds[2])
    own = density.together(drawn)
    energies = density.together(as_states(measured, "measured", dynamics).cpu().numpy())
    return Unexpected(outlier_p_values(energies, own), drawn.astype(np.float32), outlier_p_values(own, own))


def _gaussian(predicted: np.ndarray, measured: np.ndarray, log_weights: np.ndarray) -> float:
    d = measured.shape[1]
    for cells, name in ((predicted, "predicted"), (measured, "measured")):
        if len(cells) < d + 2:
            raise DataError(
                f"{len(cells)} cells in {d} coordinates have no covariance.", next_step=f"give {d + 2} cells or more.", field=name
            )
    weights = np.exp(log_weights)
    away = weights @ predicted - measured.mean(0)
    wide = np.atleast_2d(np.cov(predicted.T, aweights=weights))
    narrow = np.atleast_2d(np.cov(measured.T))
    logs = np.linalg.slogdet(wide).logabsdet - np.linalg.slogdet(narrow).logabsdet
    if not math.isfinite(logs):
        raise DataError("The cells lie in a plane.", next_step="give cells that differ in every coordinate.", field="measured")
    return float(0.5 * (np.trace(np.linalg.solve(wide, narrow)) + away @ np.linalg.solve(wide, away) - d + logs))


def _kernel(predicted: np.ndarray, measured: np.ndarray, log_weights: np.ndarray) -> float:
    m, d = measured.shape
    if m < 3:
        raise DataError(f"{m} cells have no entropy.", next_step="give three cells or more.", field="measured")
    # Scott's rule for the measured cells, on the spread of the predicted ones: one ruler for all populations that are compared.
    spread = np.sqrt(np.exp(log_weights) @ (predicted - np.exp(log_weights) @ predicted) ** 2) * m ** (-1 / (d + 4))
    seen, drawn = measured / spread, predicted / spread
    own = -0.5 * cdist(seen, seen, "sqeuclidean")
    np.fill_diagonal(own, -np.inf)
    entropy = -np.mean(logsumexp(own, axis=1) - math.log(m - 1))
    cross = -np.mean(logsumexp(-0.5 * cdist(seen, drawn, "sqeuclidean") + log_weights, axis=1))
    return float(cross - entropy)


def _distance(predicted: np.ndarray, measured: np.ndarray, log_weights: np.ndarray) -> float:
    return float(energy_distance(*(torch.from_numpy(x) for x in (predicted, measured, log_weights))))


DIVERGENCES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "gaussian": _gaussian,
    "kernel": _kernel,
    "distance": _distance,
}


def _population(cells: np.ndarray, name: str) -> np.ndarray:
    given = np.ascontiguousarray(cells, dtype=np.float64)
    if given.ndim != 2 or len(given) < 2 or not given.shape[1] or not np.isfinite(given).all():
        raise DataError(
            "It must be two or more cells of finite coordinates.", next_step="leave out cells that are not.", field=name
        )
    return given
