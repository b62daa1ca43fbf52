"""Views of an image that show the same cell: turned, mirrored, shifted a little, in slightly other light.

The discriminator sees drawn and real images only through them (DiffAugment, Zhao et al. 2020), so that 1,000 images do not run
out; and the code of a cell must not depend on them. Every step can be differentiated.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Views:
    """How far a view may go. shift: pixels; brightness, saturation, contrast: largest change, of a range of [-1, 1], of the
    colours' distance from grey, of the distance from the image's mean; 0: never changed."""

    shift: int
    brightness: float
    saturation: float
    contrast: float

    def __call__(self, x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """A random view of each of (n, 3, side, side) images."""
        return _light(_shifted(_turned(x, rng), self.shift, rng), self, rng)


def _turned(x: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """One of the eight symmetries of the square: a cell on a slide has no up and no left."""
    for axis in (2, 3):
        x = torch.where(_coin(len(x), rng), x.flip(axis), x)
    return torch.where(_coin(len(x), rng), x.transpose(2, 3), x)


def _shifted(x: torch.Tensor, most: int, rng: torch.Generator) -> torch.Tensor:
    """By whole pixels; what comes in at the edge mirrors what is there."""
    if most == 0:
        return x
    n, side = len(x), x.shape[-1]
    padded = F.pad(x, (most,) * 4, mode="reflect")
    start = torch.randint(0, 2 * most + 1, (2, n, 1), generator=rng)
    down, right = start + torch.arange(side)
    rows = torch.arange(n)[:, None, None]
    return padded[rows, :, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)


def _light(x: torch.Tensor, views: Views, rng: torch.Generator) -> torch.Tensor:
    amounts = 2 * torch.rand(3, len(x), 1, 1, 1, generator=rng) - 1
    x = x + amounts[0] * views.brightness
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * (1 + amounts[1] * views.saturation)
    middle = x.mean((1, 2, 3), keepdim=True)
    return middle + (x - middle) * (1 + amounts[2] * views.contrast)


def _coin(n: int, rng: torch.Generator) -> torch.Tensor:
    return torch.rand(n, 1, 1, 1, generator=rng) < 0.5
