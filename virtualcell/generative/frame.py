"""In which coordinates a mixture and a network describe a target: around a linear map, or as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from virtualcell.generative.core import Core
from virtualcell.generative.moments import covariance, power
from virtualcell.generative.ridge import Linear


@dataclass(frozen=True)
class Frame:
    """target = intercept (d,) + condition @ coef (p, d) + u @ colour (d, d), u (cells, d) of about unit variance."""

    coef: np.ndarray
    intercept: np.ndarray
    colour: np.ndarray
    u: np.ndarray

    @classmethod
    def around(cls, linear: Linear) -> Frame:
        """Whitened residuals of a linear map that did not see the cell."""
        spread = covariance(linear.residuals)
        return cls(linear.coef, linear.intercept, power(spread, 0.5), linear.residuals @ power(spread, -0.5))

    @classmethod
    def plain(cls, target: np.ndarray, p: int) -> Frame:
        """No linear map, each dimension in units of its own spread."""
        centre, scale = target.mean(0), target.std(0) + 1e-9
        return cls(np.zeros((p, len(centre))), centre, np.diag(scale), (target - centre) / scale)

    def core(self, k: int, e: int) -> Core:
        """A core of k components with this linear map, its mixture not fitted yet."""
        core = Core(len(self.coef), len(self.intercept), k, e)
        for name in ("coef", "intercept", "colour"):
            getattr(core, name).copy_(torch.from_numpy(getattr(self, name)))
        return core

    def of(self, given: np.ndarray, target: np.ndarray) -> np.ndarray:
        """u of other cells, (cells, d)."""
        return np.asarray((target - self.intercept - given @ self.coef) @ np.linalg.inv(self.colour))
