"""What one modality says of the latent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from virtualcell.autoencoder.linear import LinearCore
from virtualcell.autoencoder.residual import Residual

LOGVAR = (-6.0, 12.0)
"""An expert is never surer than e^-6 of the prior's variance, and at e^12 says nothing."""


class Expert(nn.Module):
    """Scores of one modality (cells, inputs) -> mean and log-variance (cells, d) of a Gaussian expert.

    With R^2 the share of a dimension that the ridge regression explains, the expert has precision R^2 / (1 - R^2) and mean ridge
    / R^2, so that alone, multiplied with the standard normal prior, it gives back the ridge prediction exactly. ``hidden`` is
    the width of a residual network that starts at zero; None: the expert stays linear, with one variance a dimension.
    """

    def __init__(self, n_in: int, d: int, hidden: int | None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_in, d))
        self.bias = nn.Parameter(torch.zeros(d))
        self.logvar = nn.Parameter(torch.zeros(d))
        self.residual = None if hidden is None else Residual(n_in, hidden, 2 * d)

    def start_from(self, core: LinearCore, name: str) -> None:
        r2 = torch.from_numpy(core.r2[name]).float()
        with torch.no_grad():
            shrink = r2.clamp_min(1e-3)
            self.weight.copy_(torch.from_numpy(core.weight[name]).float() / shrink)
            self.bias.copy_(torch.from_numpy(core.bias[name]).float() / shrink)
            self.logvar.copy_(torch.log((1 - r2) / shrink))

    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        mean = (scores @ self.weight + self.bias).float()
        logvar = self.logvar.expand(mean.shape)
        if self.residual is not None:
            more_mean, more_logvar = self.residual(scores).float().chunk(2, 1)
            mean, logvar = mean + more_mean, logvar + more_logvar
        return mean, logvar.clamp(*LOGVAR)
