"""Pairs whose conditional is known, as a sampler takes them."""

from __future__ import annotations

import numpy as np

from virtualcell.generative.conditions import Vocabulary
from virtualcell.generative.denoiser import NetworkSettings
from virtualcell.generative.examples import Examples
from virtualcell.generative.fit_sampler import SamplerSettings
from virtualcell.generative.material import Material
from virtualcell.generative.mixture import Form

QUICK = SamplerSettings(
    forms=(Form(1), Form(2)), kinds=("edm",), network=NetworkSettings(width=32, steps=150, every=50, batch_size=128)
)

SLOPE = np.array([[1.0, 0.5], [-0.5, 0.0], [0.0, 2.0]])
COVARIANCE = np.array([[0.5, 0.2], [0.2, 0.3]])


def examples(embedding: np.ndarray, target: np.ndarray, conditions: np.ndarray | None = None) -> Examples:
    given = np.zeros((len(target), 0)) if conditions is None else conditions
    return Examples(embedding, given, target, np.ones(len(target)), np.zeros(len(target), dtype=bool))


def linear_gaussian(n: int, seed: int) -> Examples:
    """target = 1 + embedding @ SLOPE + noise of COVARIANCE."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return examples(x, 1 + x @ SLOPE + rng.multivariate_normal([0, 0], COVARIANCE, n))


def bimodal(n: int, seed: int) -> Examples:
    """First dimension around -2 or +2, each in half of the cells whatever the embedding says; the second follows it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    side = rng.choice([-2.0, 2.0], n)
    return examples(x, np.stack([side, x[:, 0]], 1) + 0.25 * rng.normal(size=(n, 2)))


def material(n: int = 600, seed: int = 0) -> Material:
    """Cells of two measurements, three times and a rare state (one in twenty) that lies apart."""
    rng = np.random.default_rng(seed)
    time = rng.choice([0.0, 1.0, 4.0], n)
    rare = rng.random(n) < 0.05
    z = rng.normal(size=(n, 3)) + time[:, None] * [0.5, 0, 0] + rare[:, None] * np.array([0.0, 5.0, 0.0])
    a, b = z + 0.3 * rng.normal(size=z.shape), z + 0.5 * rng.normal(size=z.shape)
    return Material(
        z.astype(np.float32),
        {"rna": a.astype(np.float32), "atac": b.astype(np.float32)},
        np.ones((n, 2), dtype=bool),
        np.where(rare, "rare", "common"),
        time,
        None,
        rng.integers(0, 2, n),
        np.array([f"cell-{i}" for i in range(n)], dtype=object),
        rng.random(n) < 0.2,
    )


def vocabulary() -> Vocabulary:
    return Vocabulary((0.0, 1.0, 4.0), ("drug", "none"), ("a", "b"))
