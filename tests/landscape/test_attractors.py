"""Attractors of potentials whose minima and basins are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.landscape.samples import AXES, ORIGIN, Quadratic, ThreeWells, Wells, around_both_wells
from virtualcell.data import three_wells
from virtualcell.landscape import attractors
from virtualcell.landscape.attractors import descend, find_attractors


def test_both_wells_are_found_where_they_are_with_their_basins() -> None:
    states, side = around_both_wells()
    diffusion = 0.25
    found, basin = find_attractors(Wells(3, tilt=0.3), diffusion, states, side, AXES, ORIGIN)
    left, _, right = Wells(3, tilt=0.3).at_rest()
    assert {a.name for a in found} == {"left", "right"}
    for a in found:
        x = {"left": left, "right": right}[a.name]
        np.testing.assert_allclose(a.state, [x, 0, 0], atol=2e-3)
        np.testing.assert_allclose(a.xy, [x, 0], atol=2e-3)
        assert a.energy == pytest.approx(((x**2 - 1) ** 2 + 0.3 * x) / diffusion, abs=1e-3)
        assert a.min_curvature == pytest.approx(min(12 * x**2 - 4, 2.0), rel=1e-2)
        assert a.n_cells == (side == a.name).sum()
        assert a.purity == 1.0
    # Every cell belongs to the well on its side of the saddle.
    for index, a in enumerate(found):
        np.testing.assert_array_equal(basin == index, side == a.name)


def test_a_saddle_is_no_attractor() -> None:
    # Cells on the ridge of an even double well rest exactly at the saddle.
    states = np.zeros((40, 3), dtype=np.float32)
    states[:, 1] = np.linspace(-1, 1, 40)
    found, basin = find_attractors(Wells(3), 1.0, states, np.array(["a"] * 40), AXES, ORIGIN)
    assert found == ()
    assert (basin == -1).all()


def test_descent_never_rises_and_ends_at_rest() -> None:
    states, _ = around_both_wells()
    potential, z = Wells(3, tilt=0.3), torch.from_numpy(states)
    ends = descend(potential, z)
    assert (potential(ends) <= potential(z) + 1e-6).all()
    assert float(potential.gradient(ends).norm(dim=1).max()) < 1e-3


def test_in_a_plane_descent_leaves_the_drawn_coordinates() -> None:
    states, _ = around_both_wells()
    plane = torch.linalg.qr(torch.randn(3, 2, generator=torch.Generator().manual_seed(0)))[0].T
    z = torch.from_numpy(states)
    ends = descend(Quadratic(np.diag([1.0, 2.0, 3.0]), np.zeros(3)), z, plane=plane, steps=250)
    # Single precision: rounding adds up over the steps.
    torch.testing.assert_close(ends @ plane.T, z @ plane.T, atol=1e-3, rtol=0)
    assert float((ends - z).norm(dim=1).max()) > 0.5


def test_a_minimum_between_many_kinds_of_cells_is_called_mixed() -> None:
    states, _ = around_both_wells()
    kinds = np.array(list("abcdefgh"))[np.arange(200) % 8]
    found, _ = find_attractors(Wells(3, tilt=0.3), 0.25, states, kinds, AXES, ORIGIN)
    assert [a.name for a in found] == ["mixed", "mixed (2)"]
    assert all(a.purity < 0.5 for a in found)


def test_no_two_attractors_have_one_name() -> None:
    wells = three_wells.wells()
    rng = np.random.default_rng(0)
    states = np.concatenate([well.xy + rng.normal(0, 0.05, (60, 2)) for well in wells]).astype(np.float32)
    kinds = np.repeat(["T", "T (2)", "T"], 60)
    found, _ = find_attractors(ThreeWells(), three_wells.DIFFUSION, states, kinds, np.eye(2), np.zeros(2))
    assert len({a.name for a in found}) == len(found) == 3


def test_cells_that_are_not_followed_lie_in_the_valley_of_their_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    states, side = around_both_wells()
    monkeypatch.setattr(attractors, "FOLLOWED", 50)
    found, basin = find_attractors(Wells(3, tilt=0.3), 0.25, states, side, AXES, ORIGIN)
    for index, a in enumerate(found):  # all but some on the ridge
        assert np.mean((basin == index) == (side == a.name)) > 0.9
    assert sum(a.n_cells for a in found) == len(states)
