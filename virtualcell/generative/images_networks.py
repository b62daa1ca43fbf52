"""The three networks of InfoGAN on small images: generator, discriminator and the head that reads codes. Pixels in [-1, 1]."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


class CodedNorm(nn.Module):
    """Batch normalisation with scale and shift from the codes, so that every resolution hears them (de Vries et al. 2017)."""

    def __init__(self, channels: int, code: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.turn = nn.Linear(code, 2 * channels)
        nn.init.normal_(self.turn.weight, std=0.02)
        nn.init.zeros_(self.turn.bias)

    def forward(self, x: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
        scale, shift = self.turn(code)[:, :, None, None].chunk(2, dim=1)
        return self.norm(x) * (1 + scale) + shift


class Generator(nn.Module):
    """Codes and noise -> image: (n, K + C) and (n, noise) -> (n, 3, 32, 32). Source: Radford et al. 2016 (DCGAN), with nearest
    neighbours and a convolution for each doubling, which leaves no chequerboard."""

    def __init__(self, code: int, noise: int, width: int):
        super().__init__()
        sizes = (4 * width, 2 * width, width, width // 2)  # each doubling costs the same
        self.start = nn.Linear(code + noise, sizes[0] * 16)
        self.norms = nn.ModuleList(CodedNorm(size, code) for size in sizes)
        self.steps = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(sizes))
        self.last = nn.Conv2d(sizes[-1], 3, 3, padding=1)

    def forward(self, code: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        x = self.start(torch.cat([code, noise], dim=1)).unflatten(1, (-1, 4, 4))
        x = x.contiguous(memory_format=torch.channels_last)
        for norm, step in zip(self.norms[:-1], self.steps, strict=True):
            x = step(F.interpolate(F.relu(norm(x, code)), scale_factor=2.0))
        return torch.tanh(self.last(F.relu(self.norms[-1](x, code))))


class Discriminator(nn.Module):
    """Image -> how real it looks, a logit (n,). Without normalisation: its slope is held flat in training."""

    def __init__(self, width: int):
        super().__init__()
        sizes = (3, width, 2 * width, 4 * width)
        self.steps = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1) for a, b in pairwise(sizes))
        self.last = nn.Linear(4 * width * 16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for step in self.steps:
            x = F.leaky_relu(step(x), 0.2)
        return self.last(x.flatten(1))[:, 0]


class CodeHead(nn.Module):
    """Image -> logits of the categorical code (n, K) and the continuous codes (n, C) in [-1, 1].

    A network of its own: in the first InfoGAN it shares the discriminator's layers, but what tells real from drawn (grain, edges)
    is not what tells kinds of cell apart.
    """

    def __init__(self, n_categories: int, n_continuous: int, width: int):
        super().__init__()
        sizes = (3, width, 2 * width, 4 * width)
        self.steps = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1, bias=False) for a, b in pairwise(sizes))
        self.norms = nn.ModuleList(nn.BatchNorm2d(size) for size in sizes[1:])
        self.hidden = nn.Linear(4 * width * 16, 4 * width)
        self.category = nn.Linear(4 * width, n_categories)
        self.continuous = nn.Linear(4 * width, n_continuous)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        for step, norm in zip(self.steps, self.norms, strict=True):
            x = F.leaky_relu(norm(step(x)), 0.2)
        x = F.leaky_relu(self.hidden(x.flatten(1)), 0.2)
        return self.category(x), torch.tanh(self.continuous(x))
