"""Whether a raw measurement looks like one of a cell: a place in latent space alone does not tell nonsense from a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UNUSUAL = 0.01
"""Share of the training cells that agree less with the decoder than is asked of a cell."""


@dataclass(frozen=True)
class Plausible:
    """line (2,): expected log-likelihood a count (nats) = line[0] + line[1] * log depth; least: how far below it a cell may lie;
    bounds (2,): lowest and highest depth of the training cells. Where nothing is counted the depth is 1."""

    line: np.ndarray
    least: float
    bounds: np.ndarray

    @classmethod
    def fit(cls, nats: np.ndarray, depth: np.ndarray) -> Plausible:
        """nats: (cells,) log-likelihood a count of training cells, decoded from embeddings read as new; depth: (cells,) > 0."""
        log = np.log(depth)
        line = np.polynomial.polynomial.polyfit(log, nats, 1) if np.ptp(log) > 0 else np.array([nats.mean(), 0.0])
        left = nats - line[0] - line[1] * log
        return cls(line, float(np.quantile(left, UNUSUAL)), np.array([depth.min(), depth.max()]))

    def why(self, nats: np.ndarray, depth: np.ndarray, name: str) -> np.ndarray:
        """(cells,) str: what is wrong with measurements of the kind ``name``, "" where nothing is."""
        left = nats - self.line[0] - self.line[1] * np.log(depth.clip(min=1e-9))
        low, high = self.bounds
        return np.select(
            [depth < low, depth > high, left < self.least],
            [
                f"Less was counted of its {name} than of any training cell's (below {low:,.0f}).",
                f"More was counted of its {name} than of any training cell's (above {high:,.0f}).",
                f"Its {name} fits what the model expects of such a cell worse than that of 99 of 100 training cells does.",
            ],
            "",
        ).astype(object)
