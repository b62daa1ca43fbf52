"""Expression over time, predicted and measured, in one unit: counts per 10,000."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from virtualcell.demo import Bundle


@dataclass(frozen=True)
class Curves:
    """Mean and middle 80 % of the predicted cells, counted by their descendants, each (times, genes)."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Points:
    """times: (M,). mean and standard error over measured cells, each (M, genes)."""

    times: np.ndarray
    mean: np.ndarray
    error: np.ndarray


def curves(amount: np.ndarray, log_weights: np.ndarray) -> Curves:
    """Predicted expression at each time; cells count as many times as they have descendants.

    amount: (T, n, genes) in the predicted cells. log_weights: (T, n).
    """
    weight = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    each = np.broadcast_to(weight[:, :, None], amount.shape)
    low, high = np.quantile(amount, [0.1, 0.9], axis=1, weights=each, method="inverted_cdf")
    return Curves(np.einsum("tn,tng->tg", weight, amount), low, high)


def curve_table(found: Curves, axis: np.ndarray, genes: list[str]) -> pd.DataFrame:
    """The same as a long table: time, gene, mean, low, high."""
    parts = [
        pd.DataFrame({"time": axis, "gene": gene, "mean": found.mean[:, i], "low": found.low[:, i], "high": found.high[:, i]})
        for i, gene in enumerate(genes)
    ]
    return pd.concat(parts, ignore_index=True)


def untreated(b: Bundle) -> np.ndarray:
    """Which cells no treatment moved apart from time, (cells,) boolean: a prediction without one is compared with these."""
    column = b.demo.columns.perturbation
    return np.ones(b.cells.n_obs, dtype=bool) if column is None else (b.cells.obs[column] == b.demo.columns.control).to_numpy()


def composition(b: Bundle, time: float) -> pd.Series | None:
    """Share of each annotated kind among the untreated cells of a time, by name; None where none was measured then."""
    obs, columns = b.cells.obs, b.demo.columns
    then = np.isclose(obs[columns.time].to_numpy(dtype=float), time) & untreated(b)
    return obs.loc[then, columns.state].astype(str).value_counts(normalize=True) if then.any() else None


def points(b: Bundle, genes: list[str]) -> Points:
    """Measured expression of the same genes in untreated cells at each time at which there were some."""
    rna = b.cells.mod["rna"]
    counts = rna.layers["counts"]
    total = np.asarray(counts.sum(axis=1), dtype=float).ravel()
    chosen = counts[:, rna.var_names.get_indexer(genes)]
    amount = np.asarray(chosen.todense() if hasattr(chosen, "todense") else chosen, dtype=float)
    amount = 1e4 * amount / np.maximum(total, 1)[:, None]
    time = b.cells.obs[b.demo.columns.time].to_numpy(dtype=float)
    counted = (total > 0) & untreated(b)
    times = np.unique(time[counted])
    groups = [amount[(time == at) & counted] for at in times]
    mean = np.stack([group.mean(axis=0) for group in groups])
    error = np.stack([group.std(axis=0, ddof=1) / np.sqrt(len(group)) for group in groups])
    return Points(times, mean, error)
