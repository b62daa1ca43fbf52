"""Growth asked for by unbalanced transport, and the kernel density where the predictor starts."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from virtualcell.predictor.couplings import growth_targets
from virtualcell.predictor.density import Density


def test_a_cluster_that_expands_is_asked_to_grow() -> None:
    rng = np.random.default_rng(0)
    left, right = np.array([-3.0, 0.0]), np.array([3.0, 0.0])
    start = np.concatenate([left + 0.3 * rng.normal(size=(100, 2)), right + 0.3 * rng.normal(size=(100, 2))])
    end = np.concatenate([left + 0.3 * rng.normal(size=(40, 2)), right + 0.3 * rng.normal(size=(160, 2))])
    found = growth_targets(start, end, duration=1.0)
    assert found[100:].mean() > 0.1 > -0.1 > found[:100].mean()
    # In twice the time the same growth needs half the rate.
    np.testing.assert_allclose(growth_targets(start, end, duration=2.0), found / 2, rtol=1e-6)


def test_nothing_is_asked_where_the_populations_are_the_same() -> None:
    z = np.random.default_rng(1).normal(size=(150, 2))
    assert np.abs(growth_targets(z, z, 1.0)).mean() < 0.15


def test_one_stray_cell_does_not_change_what_is_asked_of_the_others() -> None:
    rng = np.random.default_rng(0)
    start, end = rng.normal(size=(200, 4)), rng.normal(size=(200, 4))
    stray = start.copy()
    stray[0] = 30.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, before = growth_targets(stray, end, 1.0), growth_targets(start, end, 1.0)
    np.testing.assert_allclose(found[1:], before[1:], atol=0.05)
    assert found[0] < before[0]


def test_the_score_is_the_slope_of_the_log_density() -> None:
    torch.manual_seed(0)
    z = torch.randn(300, 2, dtype=torch.float64)
    density = Density(z)
    at = torch.randn(20, 2, dtype=torch.float64)

    def log_density(points: np.ndarray) -> np.ndarray:
        return logsumexp(multivariate_normal(np.zeros(2), density.bandwidth**2).logpdf(points[:, None] - z.numpy()[None]), axis=1)

    step = 1e-4
    slopes = [(log_density(at.numpy() + e) - log_density(at.numpy() - e)) / (2 * step) for e in step * np.eye(2)]
    np.testing.assert_allclose(density.score(at, z).numpy(), np.stack(slopes, 1), rtol=1e-3, atol=1e-3)


def test_points_lie_around_measured_cells_and_come_again_with_the_seed() -> None:
    z = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    density = Density(z)
    at, score = density.sample(64, torch.Generator().manual_seed(1))
    again, _ = density.sample(64, torch.Generator().manual_seed(1))
    assert torch.equal(at, again)
    assert torch.cdist(at, z).min(1).values.max() < 5 * 6 * density.bandwidth
    assert torch.isfinite(score).all()


def test_sharpened_centres_have_the_spread_of_the_cells_across_a_narrow_trough() -> None:
    """Kernels widen what they smooth: across a narrow trough by three tenths, from sharpened centres by a seventh."""
    torch.manual_seed(0)
    z = torch.randn(4000, 2, dtype=torch.float64) * torch.tensor([1.0, 0.22], dtype=torch.float64)
    density = Density(z)
    assert density.bandwidth == pytest.approx(0.18, abs=0.01)

    def width(centres: torch.Tensor) -> float:
        return float((centres[:, 1].var() + density.bandwidth**2).sqrt())

    assert width(density.centres) > 1.27 * 0.22
    assert 0.95 * 0.22 < width(density.sharpened) < 1.18 * 0.22


@pytest.mark.parametrize("size", [1.0, 10.0])
def test_the_bandwidth_grows_with_the_data(size: float) -> None:
    z = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    assert Density(size * z).bandwidth == pytest.approx(size * Density(z).bandwidth, rel=1e-4)


@pytest.mark.parametrize(("n", "d"), [(500, 2), (2001, 2), (2641, 10)])
def test_below_a_cell_that_stands_alone_there_is_none_however_rows_are_ordered(n: int, d: int) -> None:
    """One cell far out does not move the bound, and a cell of which the density is made is never below it."""
    z = torch.randn(n, d, generator=torch.Generator().manual_seed(0))
    z[3] = 20.0
    density = Density(z)
    assert (density.log(density.centres) >= density.empty - 1e-5).all()
    shuffled = Density(z[torch.randperm(n, generator=torch.Generator().manual_seed(1))])
    assert density.empty == pytest.approx(shuffled.empty, rel=0.35)
    assert float(density.log(z[density.log(z) < density.rim].mean(0, keepdim=True) + 100.0)) < density.empty


def test_every_cell_is_sharpened_and_of_very_many_an_even_part() -> None:
    z = torch.randn(4500, 2, generator=torch.Generator().manual_seed(0))
    density = Density(z)
    moved = 0.5 * density.bandwidth**2 * density.score(z, z)  # at once what is done in parts
    torch.testing.assert_close(density.sharpened, z + moved, atol=1e-5, rtol=0)
    assert len(Density(torch.cat([z] * 3)).sharpened) == 10_000
