"""A blend's scores follow from mean distances; its weights are those of the law that was sampled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.generative.samples import examples
from virtualcell.evaluation.generated import conditional_energy_distance, energy_score, nearest_ratio
from virtualcell.generative.blend import Blend
from virtualcell.generative.denoiser import NetworkSettings
from virtualcell.generative.examples import Examples
from virtualcell.generative.frame import Frame
from virtualcell.generative.laws import Ground, Law, fresh_smooth
from virtualcell.generative.resampled import SMOOTH, Resampled
from virtualcell.generative.sampler import Sampler

RNG = np.random.default_rng
NONE = np.zeros((600, 0))


def test_scores_of_one_law_are_those_of_its_draws() -> None:
    rng = RNG(0)
    x = rng.normal(size=(600, 2))
    y, draws = x + rng.normal(size=(600, 2)), x + rng.normal(size=(12, 600, 2))
    blend = Blend.of([draws], y, NONE)
    one = np.ones(1)
    assert blend.score(one) == pytest.approx(energy_score(draws, y).mean(), abs=1e-9)
    apart = np.mean([conditional_energy_distance(draws[r], y) for r in range(3)])
    assert blend.distance(one) == pytest.approx(apart, abs=0.02)  # its term within is of two draws


def test_the_true_law_takes_the_weight_and_a_mixture_of_two_is_found() -> None:
    rng = RNG(1)
    right, wide = rng.normal(size=(12, 600, 2)), 3 * rng.normal(size=(12, 600, 2))
    weights = Blend.of([right, wide], rng.normal(size=(600, 2)), NONE).weights()
    assert weights[0] > 0.85
    left, up = rng.normal(-4, 0.5, (12, 600, 2)), rng.normal(4, 0.5, (12, 600, 2))
    y = np.where(rng.random((600, 1)) < 0.3, rng.normal(-4, 0.5, (600, 2)), rng.normal(4, 0.5, (600, 2)))
    found = Blend.of([left, up], y, NONE).weights()
    assert found[0] == pytest.approx(0.3, abs=0.06)
    assert found.sum() == pytest.approx(1)


def test_resampled_residuals_keep_their_spread_and_follow_the_line() -> None:
    u = RNG(2).exponential(size=(800, 1)) - 1
    law = Resampled.of(Frame(np.array([[2.0]]), np.array([1.0]), np.eye(1), u), np.zeros((800, 0)), np.ones(800), 0)
    n = 20_000
    generator = torch.Generator().manual_seed(0)
    c = torch.full((n, 1), 3.0)
    drawn = law(c, torch.randn(n, 1, generator=generator), torch.rand(n, generator=generator), 1.0).numpy()[:, 0] - 7
    assert drawn.std() == pytest.approx(u.std(), rel=0.04)
    assert (drawn**3).mean() / drawn.std() ** 3 > 1.2  # as lopsided as what was measured
    still = law(c[:2], torch.zeros(2, 1), torch.tensor([0.1, 0.9]), 0.0)
    np.testing.assert_allclose(still.numpy(), 7, atol=1e-5)


def test_a_rare_condition_is_drawn_from_its_own_cells() -> None:
    kind = np.repeat([[1.0, 0.0], [0.0, 1.0]], [790, 10], axis=0)
    u = np.where(kind[:, :1] == 1, -1.0, 79.0)
    law = Resampled.of(Frame(np.zeros((2, 1)), np.zeros(1), np.eye(1), u), kind, np.ones(800), 0)
    lot = torch.linspace(0, 0.999, 500)
    start = torch.zeros(500, 1)
    rare, common, any_ = (law(torch.tensor([row]).repeat(500, 1), start, lot, 1.0) for row in ([0.0, 1], [1.0, 0], [0.0, 0]))
    assert (rare > 50).all()
    assert (common < 0).all()
    assert 0 < (any_ > 50).float().mean() < 0.03


def test_of_many_cells_those_that_were_kept_stand_for_the_others() -> None:
    n = 10_000
    rare = np.arange(n) < 500
    u = np.where(rare, 1.0, 0.0)[:, None]
    law = Resampled.of(Frame(np.zeros((0, 1)), np.zeros(1), np.eye(1), u), np.zeros((n, 0)), np.where(rare, 10.0, 1.0), 0)
    kept = law.residuals[:, 0] > law.residuals.mean()
    assert 0.2 < kept.float().mean() < 0.5  # more of the rare ones are kept
    drawn = law(torch.zeros(20_000, 0), torch.zeros(20_000, 1), torch.linspace(0, 0.99999, 20_000), 1.0)
    assert (drawn > drawn.mean()).float().mean() == pytest.approx(0.05, abs=0.02)  # and drawn as often as measured


def test_residuals_are_smoothed_until_they_are_as_new_as_other_cells() -> None:
    def cells(n: int, seed: int) -> Examples:
        return examples(np.zeros((n, 0)), RNG(seed).normal(size=(n, 6)))

    ground, judges = Ground.of(cells(500, 0), np.ones((1, 0)), 0), cells(200, 1)
    chosen = fresh_smooth([ground], [judges], 0)
    assert chosen > SMOOTH

    def ratio(smooth: float) -> float:
        law = ground.member(Law(None, smooth=smooth), NetworkSettings(), 0)
        drawn = Sampler([law], torch.ones(1), 0).draw(judges.given, 1, seed=3)[0]
        return nearest_ratio(drawn, ground.cells.target, judges.target)

    assert ratio(SMOOTH) < 0.6
    assert 0.9 < ratio(chosen) < 1.3
