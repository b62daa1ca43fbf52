"""InfoGAN on images, trained without labels: a generator whose codes can be read back from what it draws.

Source: Chen et al. 2016 (InfoGAN). What the categorical code means is told to the head on real images, as Spurr et al. 2017 do
with labels (ss-InfoGAN); here a mixture of Gaussians takes the labels' place (``images_start.py``), for all images.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from virtualcell.generative.images_networks import CodeHead, Discriminator, Generator
from virtualcell.generative.images_start import find_kinds
from virtualcell.generative.images_views import Views
from virtualcell.schema import DataError
from virtualcell.training.epochs import Progress


@dataclass(frozen=True)
class ImageSettings:
    """How the networks are shaped and trained."""

    most_categories: int = 10
    """The start finds how many of them there are."""
    n_continuous: int = 3
    noise: int = 32
    """Numbers that the codes do not explain."""
    width: int = 24
    """Channels at 16 x 16; at 8 x 8 and 4 x 4 there are two and four times as many."""
    head_width: int = 16
    steps: int = 1000
    batch: int = 48
    rate: float = 6e-4
    """Step of Adam for generator and discriminator."""
    flatness: float = 0.02
    """Weight of the discriminator's squared gradient at real images (R1)."""
    flatness_every: int = 8
    """Steps between two times that it is counted, as often as that more strongly (lazy regularisation)."""
    head_rate: float = 1e-3
    information: float = 1.0
    """Weight of the mutual information between categorical code and drawn image."""
    continuous: float = 1.5
    """Weight of the squared error with which continuous codes are read back."""
    taught: float = 1.0
    """Weight of the cross-entropy between the start's kinds of real images and the code read from views of them."""
    same_reading: float = 1.0
    """Weight of the squared difference between the continuous codes read from two views of a real image."""
    average: float = 0.997
    """Decay of the moving averages of generator and head, which are what draws and reads."""
    every: int = 50
    """Steps between two lines of the log."""
    views: Views = field(default_factory=lambda: Views(4, 0.2, 0.4, 0.3))
    """In which the code of an image may not differ."""
    judged_views: Views = field(default_factory=lambda: Views(2, 0.0, 0.0, 0.0))
    """Which the discriminator sees: colours as they are, so that the drawn ones must be right."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.most_categories <= 10:
            problem = f"{self.most_categories} categorical codes cannot be used."
            raise DataError(problem, next_step="choose 2 to 10.", field="most_categories")
        for name in ("n_continuous", "noise", "width", "head_width", "steps", "batch", "every"):
            if getattr(self, name) < 1:
                raise DataError(
                    f"{getattr(self, name)} is too little.", next_step="give a whole number of at least 1.", field=name
                )


@dataclass(frozen=True)
class FittedImages:
    """generator, head: their moving averages, in evaluation mode; prior: (K,) of the codes; log: a line each ``every`` steps;
    seconds: of the processor, start included."""

    generator: Generator
    head: CodeHead
    prior: torch.Tensor
    log: list[dict[str, float]]
    seconds: float


def as_pixels(images: np.ndarray) -> torch.Tensor:
    """(n, 32, 32, 3) uint8 -> (n, 3, 32, 32) float32 in [-1, 1]. Raises DataError."""
    if images.ndim != 4 or images.shape[1:] != (32, 32, 3) or images.dtype != np.uint8:
        raise DataError(
            f"Images of shape {images.shape} and type {images.dtype} cannot be read.",
            next_step="give (images, 32, 32, 3) of type uint8: red, green, blue.",
            field="images",
        )
    x = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


def _entropy(p: torch.Tensor) -> torch.Tensor:
    return -torch.special.xlogy(p, p.clamp_min(1e-12)).sum(-1)


class _Training:
    """prior: (K,) of the categorical code, its shares among the real images."""

    def __init__(self, settings: ImageSettings, prior: torch.Tensor):
        s = self.settings = settings
        self.prior = prior
        torch.manual_seed(s.seed)  # of the networks' first weights
        self.rng = torch.Generator().manual_seed(s.seed)
        code = len(prior) + s.n_continuous
        self.generator, self.discriminator = Generator(code, s.noise, s.width), Discriminator(s.width)
        self.head = CodeHead(len(prior), s.n_continuous, s.head_width)
        for network in (self.generator, self.discriminator, self.head):
            network.to(memory_format=torch.channels_last)
        self.average, self.steady = (copy.deepcopy(net).eval().requires_grad_(False) for net in (self.generator, self.head))
        adam = {"betas": (0.5, 0.99)}
        self.draws = torch.optim.Adam(self.generator.parameters(), lr=s.rate, **adam)
        self.judges = torch.optim.Adam(self.discriminator.parameters(), lr=s.rate, **adam)
        self.reads = torch.optim.Adam(self.head.parameters(), lr=s.head_rate, **adam)
        self.done = 0

    def codes(self, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """category (n,), continuous (n, C) uniform in [-1, 1], noise (n, noise) normal."""
        s = self.settings
        category = torch.multinomial(self.prior, n, replacement=True, generator=self.rng)
        continuous = 2 * torch.rand(n, s.n_continuous, generator=self.rng) - 1
        return category, continuous, torch.randn(n, s.noise, generator=self.rng)

    def step(self, real: torch.Tensor, kinds: torch.Tensor) -> dict[str, float]:
        """One step of all three networks on (batch, 3, 32, 32) real images and their kinds (batch, K)."""
        s, views, judged_views = self.settings, self.settings.views, self.settings.judged_views
        category, continuous, noise = self.codes(len(real))
        drawn = self.generator(coded(category, continuous, len(self.prior)), noise)
        shown = judged_views(real, self.rng)
        penalised = self.done % s.flatness_every == 0
        judged_real = self.discriminator(shown.requires_grad_(penalised))
        judged_drawn = self.discriminator(judged_views(drawn.detach(), self.rng))
        loss_judge = F.softplus(-judged_real).mean() + F.softplus(judged_drawn).mean()
        self.judges.zero_grad()
        if penalised:
            (slope,) = torch.autograd.grad(judged_real.sum(), shown, create_graph=True)
            (s.flatness_every * s.flatness / 2 * slope.square().sum((1, 2, 3)).mean()).backward(retain_graph=True)
        loss_judge.backward()
        self.judges.step()

        shown = torch.cat([views(real, self.rng), views(real, self.rng), views(drawn, self.rng)])
        logits, values = self.head(shown)
        mine, (value, value_other, value_mine) = logits[2 * len(real) :], values.chunk(3)
        informed = F.cross_entropy(mine, category)
        read_back = F.mse_loss(value_mine, continuous)
        taught = F.cross_entropy(logits[: 2 * len(real)], kinds.repeat(2, 1))
        fooled = F.softplus(-self.discriminator(judged_views(drawn, self.rng))).mean()
        loss = fooled + s.information * informed + s.continuous * read_back
        loss = loss + s.taught * taught + s.same_reading * F.mse_loss(value, value_other)
        self.draws.zero_grad()
        self.reads.zero_grad()
        loss.backward()
        self.draws.step()
        self.reads.step()
        self.done += 1
        with torch.no_grad():
            _follow(self.average, self.generator, s.average)
            _follow(self.steady, self.head, s.average)
            bound = _entropy(self.prior).item() - informed.item()
        return {
            "mutual_information": bound,
            "apart_from_start": taught.item() - _entropy(kinds).mean().item(),
            "continuous_error": read_back.item(),
            "loss_generator": fooled.item(),
            "loss_discriminator": loss_judge.item(),
        }

    @torch.no_grad()
    def settled(self, images: torch.Tensor) -> dict[str, float]:
        """How decided the codes of (n, 3, 32, 32) real images are, and how many are in use; nats."""
        p = read_pixels(self.steady, images)[0]
        return {"entropy_of_code": float(_entropy(p).mean()), "entropy_of_use": float(_entropy(p.mean(0)))}


def coded(category: torch.Tensor, continuous: torch.Tensor, n_categories: int) -> torch.Tensor:
    """What the generator hears of the codes: (n, K + C)."""
    return torch.cat([F.one_hot(category, n_categories).float(), continuous], dim=1)


@torch.no_grad()
def read_pixels(head: CodeHead, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities (n, K) and continuous codes (n, C) from a head in evaluation mode."""
    logits, values = head(x)
    return logits.softmax(1), values


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    for old, new in zip(average.parameters(), network.parameters(), strict=True):
        old.lerp_(new, 1 - decay)
    for old, new in zip(average.buffers(), network.buffers(), strict=True):
        old.copy_(new) if not old.is_floating_point() else old.lerp_(new, 1 - decay)


def fit_images(
    images: np.ndarray, watched: np.ndarray, settings: ImageSettings | None = None, *, progress: Progress | None = None
) -> FittedImages:
    """Trains on images (n, 32, 32, 3) uint8. watched: other images, never trained on, whose codes the log follows.

    The same images and seed give the same networks on one thread. progress is told of the stage "images".
    """
    s = settings or ImageSettings()
    real, shown = as_pixels(images), as_pixels(watched)
    if len(real) < s.batch:
        problem = f"{len(real)} images are fewer than a batch of {s.batch}."
        raise DataError(problem, next_step="give more images, or a smaller batch.", field="batch")
    began = time.process_time()
    kinds = torch.from_numpy(find_kinds(images, s.most_categories, s.seed)(images))
    training = _Training(s, kinds.mean(0))
    log: list[dict[str, float]] = []
    order = torch.empty(0, dtype=torch.long)
    figures: dict[str, Any] = {}
    for step in range(1, s.steps + 1):
        if len(order) < s.batch:
            order = torch.randperm(len(real), generator=training.rng)
        rows, order = order[: s.batch], order[s.batch :]
        figures = training.step(real[rows], kinds[rows])
        if step == 1 or step % s.every == 0 or step == s.steps:
            line = {"step": step, **training.settled(shown), **figures}
            if not all(math.isfinite(value) for value in line.values()):
                problem = f"Training left the finite numbers at step {step}."
                raise DataError(problem, next_step="choose a smaller rate.", field="rate")
            log.append(line)
            if progress:
                progress("images", step, s.steps, {key: line[key] for key in ("entropy_of_code", "mutual_information")})
    return FittedImages(training.average, training.steady, training.prior, log, time.process_time() - began)
