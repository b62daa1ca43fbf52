"""How much was counted in a drawn cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV


@dataclass(frozen=True)
class Depths:
    """Log depth = intercept + state @ coef + a residual of a measured cell. coef (d,), residuals (cells,), between the lowest and
    the highest measured log depth, bounds (2,)."""

    coef: np.ndarray
    intercept: float
    residuals: np.ndarray
    bounds: np.ndarray

    @classmethod
    def fit(cls, states: np.ndarray, depth: np.ndarray) -> Depths:
        """From measured cells: states (cells, d), depth (cells,) above 0. A cell's state knows its depth a little: what is left
        is as spread as measured."""
        log = np.log(depth.astype(np.float64))
        found = RidgeCV(np.logspace(-2, 4, 13)).fit(states, log)
        left = log - found.predict(states)
        return cls(found.coef_, float(found.intercept_), left, np.array([log.min(), log.max()]))

    def draw(self, states: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Depths (cells,) for states (cells, d)."""
        drawn = self.intercept + states @ self.coef + generator.choice(self.residuals, len(states))
        return np.asarray(np.exp(drawn.clip(*self.bounds)))
