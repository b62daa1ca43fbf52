"""How far a predicted population is from a measured one, every moment weighed by how surely it is known."""

from __future__ import annotations

import torch
from scipy.optimize import brentq
from torch import Tensor

from virtualcell.predictor.density import Density

LANDMARKS, MOMENTS = 200, 50
"""Cells whose distances are the features, and how many combinations of them count."""

MOST = 5000
"""Cells of which landmarks and covariance are made."""

SIZE_ERROR = 0.02
"""Relative error with which the size of a population is taken to be known."""

SMOOTH = 0.7
"""Distance, over that between landmarks, below which a feature is round."""


class WhitenedDistance:
    """Distance of laws by the means of features, (means' difference)' (Sigma + ridge)^-1 (means' difference).

    Features: distance to landmarks spread evenly over the cells, as in the energy distance, so that what is far away pulls too;
    Sigma: their covariance over all measured cells. So weighed it is a regularised Fisher discriminant of kernel features
    (Harchaoui, Bach & Moulines 2007, eq. 3), close to the chi-square divergence, and nearly as sharp as a likelihood (optimal
    weights of a method of moments, Hansen 1982): a few cells on a pass count as much as they say. The plain energy distance
    weighs them by their number, and passes of known landscapes came out a quarter too low and too round. The ridge leaves MOMENTS
    degrees of freedom. Dimensionless; zero in expectation for equal laws.
    """

    def __init__(self, states: Tensor):
        """states: measured cells of all populations, (cells, d)."""
        some = states[:: -(-len(states) // MOST)]
        density = Density(states)
        inner = some[density.log(some) >= density.rim]
        self.landmarks, spacing = _spread(inner if len(inner) > 1 else some, LANDMARKS)
        self.round = SMOOTH * spacing
        self.mean = torch.zeros((), device=states.device)
        features = self._features(some).cpu().double()  # some devices have no float64
        self.mean = features.mean(0).float().to(states.device)
        values, vectors = torch.linalg.eigh(torch.cov(features.T).reshape(len(self.landmarks), -1))
        values = values.clamp_min(1e-12 * float(values.max()))
        wanted = min(float(MOMENTS), 0.5 * len(values))
        ridge = 10 ** brentq(lambda log: float((values / (values + 10**log)).sum()) - wanted, -30.0, 30.0)
        self.axes = (vectors / torch.sqrt(values + ridge)).float().to(states.device)

    def _features(self, x: Tensor) -> Tensor:
        square = (x**2).sum(1)[:, None] + (self.landmarks**2).sum(1)[None] - 2 * x @ self.landmarks.T
        return torch.sqrt(square.clamp_min(0.0) + self.round**2) - self.mean

    def whiten(self, x: Tensor) -> Tensor:
        """Features of cells x (n, d) in which the distance of two populations is that of their means, (n, features)."""
        return self._features(x) @ self.axes

    def __call__(self, a: Tensor, b: Tensor, log_weight: Tensor | None = None) -> Tensor:
        """Of samples a (n, d), weighted, and b (m, d), (); unbiased, so a single value can be slightly negative."""
        w = a.new_full((len(a),), 1.0 / len(a)) if log_weight is None else torch.softmax(log_weight, 0)
        of_a, of_b = self.whiten(a), self.whiten(b)
        mean = w @ of_a
        # What the mean of so many cells strays by chance, taken off.
        itself = (w**2).sum()
        chance = ((w**2) @ (of_a - mean) ** 2).sum() / (1 - itself) + of_b.var(0).sum() / len(b)
        return ((mean - of_b.mean(0)) ** 2).sum() - chance

    def of_numbers(self, a: Tensor, b: Tensor, log_numbers: Tensor) -> Tensor:
        """As above, of numbers of cells in place of shares: each of a (n, d) stands for exp(log_numbers) (n,) of the cells
        measured for one that was followed: 1 on average where the population has the size that it should, ().

        Unbiased for independent draws. Shares are found by dividing by a sum that is itself drawn by chance: where few of the
        followed cells become many, the distance of shares is smallest where they become fewer; here nothing is divided by.
        """
        # Where cells are, m cells say to within 1 / m in these units; a size says what it says beside that.
        size_weight = 1 / (len(b) * SIZE_ERROR**2)
        numbers = torch.exp(log_numbers)[:, None]
        of_a, of_b = numbers * self.whiten(a), self.whiten(b)
        chance = (of_a.var(0).sum() + size_weight * numbers.var()) / len(a) + of_b.var(0).sum() / len(b)
        return ((of_a.mean(0) - of_b.mean(0)) ** 2).sum() + size_weight * (numbers.mean() - 1) ** 2 - chance


def _spread(cells: Tensor, n: int) -> tuple[Tensor, float]:
    """Cells that lie evenly over all (n, d), each the farthest from those before it, and how far the last was."""
    chosen = [int(((cells - cells.mean(0)) ** 2).sum(1).argmin())]
    nearest = torch.full((len(cells),), torch.inf, device=cells.device)
    for _ in range(min(n, len(cells)) - 1):
        nearest = torch.minimum(nearest, ((cells - cells[chosen[-1]]) ** 2).sum(1))
        chosen.append(int(nearest.argmax()))
    return cells[chosen], max(float(nearest[torch.isfinite(nearest)].max()) ** 0.5 if len(chosen) > 1 else 0.0, 1e-6)
