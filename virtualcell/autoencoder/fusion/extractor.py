"""Features of one modality, learned from that modality alone and then frozen."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEPS, BATCH, LEARNING_RATE = 600, 256, 3e-3


class Extractor(nn.Module):
    """Scores (cells, inputs) -> k features of about unit variance, from a small autoencoder of the scores; never any gradient.

    Before ``fit`` all features are zero.
    """

    def __init__(self, n_in: int, hidden: int, k: int):
        super().__init__()
        self.hidden, self.k = hidden, k
        self.network = nn.Sequential(nn.Linear(n_in, hidden), nn.SiLU(), nn.Linear(hidden, k))
        self.network.requires_grad_(False)
        self.register_buffer("mean", torch.zeros(n_in))
        self.register_buffer("scale", torch.ones(n_in))
        self.register_buffer("feature_mean", torch.zeros(k))
        self.register_buffer("feature_precision", torch.zeros(k))  # 1 / standard deviation

    def fit(self, scores: Tensor, seed: int) -> float:
        """Trains scores -> k features -> scores on measured cells by Adam; returns the share of variance that is given back.

        scores: (cells, inputs). Inputs keep their relative size: the components of a modality are ordered by it.
        """
        x = scores.detach().cpu().float()
        mean, scale = x.mean(0), x.std().clamp_min(1e-6).expand(x.shape[1])
        x = (x - mean) / scale
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = nn.Sequential(nn.Linear(x.shape[1], self.hidden), nn.SiLU(), nn.Linear(self.hidden, self.k))
            decoder = nn.Sequential(nn.Linear(self.k, self.hidden), nn.SiLU(), nn.Linear(self.hidden, x.shape[1]))
            optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], LEARNING_RATE)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
            with torch.enable_grad():
                for _ in range(STEPS):
                    rows = x[torch.randint(len(x), (min(BATCH, len(x)),))]
                    loss = (decoder(encoder(rows)) - rows).pow(2).mean()
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    schedule.step()
        with torch.no_grad():
            features = encoder(x)
            given_back = 1 - float((decoder(features) - x).pow(2).mean() / x.pow(2).mean().clamp_min(1e-12))
            self.network.load_state_dict(encoder.state_dict())
            self.mean.copy_(mean)
            self.scale.copy_(scale)
            self.feature_mean.copy_(features.mean(0))
            self.feature_precision.copy_(1 / features.std(0).clamp_min(1e-6))
        return given_back

    @torch.no_grad()
    def forward(self, scores: Tensor) -> Tensor:
        features = self.network((scores - self.mean) / self.scale)
        return (features.float() - self.feature_mean) * self.feature_precision
