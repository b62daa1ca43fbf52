"""Surface proteins counted by antibody tags: background and foreground."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from virtualcell.modalities.base import Modality
from virtualcell.modalities.negative_binomial import draw_nb, log_nb


class Protein(Modality):
    """Antibody-tag counts; centred log-ratio for reading, mixture of two negative binomials for likelihood.

    Every antibody has a background that sticks to all cells; a cell that carries the protein shows more. The decoder's output
    moves the foreground mean and, through one slope a protein, the chance of being foreground (Gayoso et al. 2021, totalVI, eq.
    6-8, with the background per protein instead of per cell).
    """

    name = "protein"
    unit = "tag counts"
    reading_unit = "log(1 + tag count) minus its mean over the proteins"

    def __init__(self, n_features: int, n_components: int):
        super().__init__(n_features, n_components)
        self.log_background = nn.Parameter(torch.zeros(n_features))
        self.log_theta = nn.Parameter(torch.full((2, n_features), 1.0))
        self.slope = nn.Parameter(torch.ones(n_features))
        self.offset = nn.Parameter(torch.zeros(n_features))

    def transform(self, values: Tensor) -> Tensor:
        logs = torch.log1p(values)
        return logs - logs.mean(1, keepdim=True)

    def fit_weights(self, values: Tensor) -> None:
        wide = values.double()
        logs = torch.log1p(wide)
        # Two groups of cells for each protein, by two means of the logarithm of counts, and the moments of each.
        low, high = logs.amin(0), logs.amax(0)
        for _ in range(20):
            bright = logs > (low + high) / 2
            low, high = _mean(logs, ~bright), _mean(logs, bright)
        dim, lit = _mean(wide, ~bright).clamp_min(0.1), _mean(wide, bright)
        self.log_background.copy_(torch.log(dim))
        # ``base`` is the log of how much brighter foreground is than background.
        self.base.copy_(torch.log((lit / dim - 1.0).clamp_min(0.1)))
        self.offset.copy_(torch.logit(bright.double().mean(0).clamp(0.05, 0.95)))
        self.slope.fill_(1.0)
        for which, (mean, here) in enumerate(((dim, ~bright), (lit, bright))):
            over = _mean((wide - mean).square(), here) - mean
            self.log_theta[which] = torch.log((mean.square() / over.clamp_min(1e-12)).clamp(0.3, 20.0))

    def parts(self, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Background mean (features,), foreground mean and logit of being foreground (cells, features)."""
        background = self.log_background.clamp(-5, 9).exp()
        foreground = background * (1.0 + output.clamp(-7, 9).exp())
        return background, foreground, self.slope * (output - self.base) + self.offset

    def log_prob(self, values: Tensor, output: Tensor, depth: Tensor) -> Tensor:
        # The mixture needs its two terms apart, and proteins are few: every entry is written out.
        background, foreground, logit = self.parts(output)
        log_theta = self.log_theta.clamp(-6, 8)
        low = F.logsigmoid(-logit) + log_nb(values, torch.log(background).expand_as(values), log_theta[0])
        high = F.logsigmoid(logit) + log_nb(values, torch.log(foreground), log_theta[1])
        return torch.logaddexp(low, high)

    def sample(self, output: Tensor, depth: Tensor, generator: np.random.Generator) -> Tensor:
        background, foreground, logit = self.parts(output)
        lit = torch.from_numpy(generator.random(output.shape)) < torch.sigmoid(logit).detach().cpu()
        log_theta = self.log_theta.clamp(-6, 8)
        dim = draw_nb(background.expand_as(output), log_theta[0], generator)
        return torch.where(lit, draw_nb(foreground, log_theta[1], generator), dim)

    def thin(self, values: Tensor, keep: float, generator: torch.Generator) -> Tensor:
        total = values.cpu()
        return torch.binomial(total, torch.full_like(total, keep), generator=generator).to(values.device)

    def expectation(self, output: Tensor) -> Tensor:
        background, foreground, logit = self.parts(output)
        share = torch.sigmoid(logit)
        return (1 - share) * background + share * foreground


def _mean(values: Tensor, here: Tensor) -> Tensor:
    # Of the cells marked for each protein; of all cells where none is marked.
    none = ~here.any(0)
    weight = (here | none).to(values.dtype)
    return (values * weight).sum(0) / weight.sum(0)
