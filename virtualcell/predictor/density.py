"""Kernel density of measured cells: where the predictor starts, and where nothing was ever seen."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

NEIGHBOUR = 10
NARROW = 0.7
"""Factor on the usual distance to the tenth neighbour: at 1, monocytes and neutrophils of the haematopoiesis cells share one
well."""

LEAST = 0.25
"""Smallest bandwidth over the cells' standard deviation."""

MOST, SHARPENED = 2000, 10_000
"""Cells that are kernel centres where a density is asked roughly, and where it must be fine: a pass has few cells."""

CHUNK = 2000
TABLE = 20_000_000
"""Distances held at once."""


class Density:
    """Gaussian kernel density of states z (cells, d); the bandwidth follows the usual distance to the tenth neighbour."""

    def __init__(self, z: Tensor):
        self.z = z
        self.centres = z[:: -(-len(z) // MOST)]
        some = z[:: max(1, len(z) // 500)]
        tenth, rows = min(NEIGHBOUR + 1, len(z)), max(1, TABLE // len(z))
        neighbour = torch.cat([torch.cdist(part, z).kthvalue(tenth, dim=1).values for part in some.split(rows)])
        narrow = NARROW * float(neighbour.median()) / z.shape[1] ** 0.5
        # In few dimensions neighbours are so near that the slopes would be too steep for the integrator's steps.
        self.bandwidth = max(narrow, LEAST * float(z.var(0).mean().sqrt()))

        # Of all but one in fifty of the cells: beyond it they are few.
        self.rim = float(torch.quantile(self.log(some), 0.02))
        # Of a cell that stands alone (or of the rim, where that is lower: many dimensions in which most cells stand alone): below
        # this there is none.
        self.empty = min(self.rim, -math.log(len(self.centres)))

    def log(self, at: Tensor) -> Tensor:
        """Log density up to a constant, (points,)."""
        square = torch.cdist(at, self.centres, compute_mode="donot_use_mm_for_euclid_dist") ** 2
        return torch.logsumexp(-square / (2 * self.bandwidth**2), 1) - math.log(len(self.centres))

    def score(self, at: Tensor, centres: Tensor) -> Tensor:
        """grad log density, (points, d), from the given kernel centres."""
        square = torch.cdist(at, centres, compute_mode="donot_use_mm_for_euclid_dist") ** 2
        kernel = torch.softmax(-square / (2 * self.bandwidth**2), 1)
        return (kernel @ centres - at) / self.bandwidth**2

    @cached_property
    def sharpened(self) -> Tensor:
        """All cells (10,000 of them evenly, where there are more), each moved half a mean shift uphill, (centres, d).

        A density of these is wider than that of the cells by the bandwidth to the fourth power only, not to the second (data
        sharpening, Choi & Hall 1999, Biometrika 86, sec. 2).
        """
        centres = self.z
        if len(self.z) > SHARPENED:
            centres = self.z[torch.linspace(0, len(self.z) - 1, SHARPENED).round().long().to(self.z.device)]
        uphill = torch.cat([self.score(some, centres) for some in centres.split(CHUNK)])
        return centres + 0.5 * self.bandwidth**2 * uphill

    def around(self, cells: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """n points, (n, d), from among ``cells`` (m, d) to five bandwidths off."""
        base = cells[torch.randint(len(cells), (n,), generator=generator).to(cells.device)]
        far = 5 * torch.rand((n, 1), generator=generator).to(cells.device)
        return base + far * self.bandwidth * torch.randn(base.shape, generator=generator).to(cells.device)

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n points around measured cells and grad log density there; both (n, d)."""
        device = self.z.device
        centres = self.z if len(self.z) <= MOST else self.z[torch.randperm(len(self.z), generator=generator)[:MOST].to(device)]
        at = self.around(centres, n, generator)
        return at, self.score(at, centres)
