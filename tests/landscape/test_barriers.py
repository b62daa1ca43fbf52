"""Passes between attractors: their heights, intervals, directions, and whether any cell was seen to cross."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import t as student
from torch import Tensor, nn

from tests.landscape.samples import Flat, ThreeWells, Wells, moving
from virtualcell.data import three_wells
from virtualcell.landscape.barriers import any_crossed, find_barriers
from virtualcell.landscape.committor import first_arrivals
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import Barrier

D = 0.5
ENDS = {"left": np.array([-1.0, 0.0]), "right": np.array([1.0, 0.0])}
NONE = np.empty((0, 2)), None, np.empty(0, dtype=int)


def counted(*shares: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States, times and valleys of so many cells left and right at each time."""
    basin = np.concatenate([np.repeat([0, 1], counts) for counts in shares])
    time = np.repeat(np.arange(len(shares), dtype=float), [sum(counts) for counts in shares])
    return np.stack([2.0 * basin - 1, 0 * basin], 1), time, basin


RIGHTWARD, LEFTWARD = counted((1000, 0), (700, 300)), counted((0, 1000), (300, 700))


def by_way(found: tuple[Barrier, ...]) -> dict[tuple[str, str], Barrier]:
    return {(b.start, b.end): b for b in found}


def test_of_three_wells_all_six_heights_are_known() -> None:
    wells = {well.name: well for well in three_wells.wells()}
    places = {name: well.xy for name, well in wells.items()}
    found = by_way(find_barriers(moving(ThreeWells(), three_wells.DIFFUSION), places, *NONE))
    assert len(found) == 6
    for saddle in three_wells.saddles():
        for start, end in (saddle.between, saddle.between[::-1]):
            barrier = found[start, end]
            height = (saddle.energy - wells[start].energy) / three_wells.DIFFUSION
            assert barrier.height == barrier.path.barrier == pytest.approx(height, rel=0.01)
            np.testing.assert_allclose(barrier.path.states[0], wells[start].xy, atol=1e-5)
            np.testing.assert_allclose(barrier.path.states[barrier.path.saddle], saddle.xy, atol=0.01)
            assert barrier.path.energy[0] == 0
            assert (barrier.low, barrier.high) == (None, None), "no refit, no interval"
            assert barrier.crossings == 0, "without times nothing was seen to cross"
            assert not barrier.identifiable


class Waves(Flat):
    """U = (1 - cos 2 pi x) / 2 + y^2: a valley at every whole x, 1 deep."""

    def forward(self, z: Tensor) -> Tensor:
        return 0.5 - 0.5 * torch.cos(2 * torch.pi * z[:, 0]) + z[:, 1] ** 2

    def gradient(self, z: Tensor) -> Tensor:
        return torch.stack([torch.pi * torch.sin(2 * torch.pi * z[:, 0]), 2 * z[:, 1]], 1)


def test_a_way_through_a_third_valley_is_no_pass() -> None:
    places = {name: np.array([x, 0.0]) for name, x in (("a", 0.0), ("c", 2.0), ("b", 1.0))}
    found = by_way(find_barriers(moving(Waves(2, 2), D), places, *NONE))
    assert set(found) == {("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")}
    for barrier in found.values():
        assert barrier.height == pytest.approx(1 / D, rel=0.01)


def test_cells_that_crossed_make_the_way_they_went_identifiable() -> None:
    found = by_way(find_barriers(moving(Wells(), D), ENDS, *counted((1000, 0), (700, 300))))
    assert found["left", "right"].crossings == pytest.approx(300)
    assert found["left", "right"].identifiable
    assert found["right", "left"].crossings == 0
    assert not found["right", "left"].identifiable


def test_cells_that_start_at_a_pass_and_spread_have_not_crossed_it() -> None:
    # All begin a hair to the right of it, and would all slide to the right if there were no noise.
    states, time, basin = counted((0, 500), (245, 255))
    states[:500, 0] = 0.01
    assert not any(barrier.identifiable for barrier in find_barriers(moving(Wells(), D), ENDS, states, time, basin))


@pytest.mark.parametrize("times", [1, 10])
@pytest.mark.parametrize(("crossed", "identifiable"), [(30, True), (15, False)])
def test_a_few_of_a_population_do_not_make_a_height_however_often_it_was_measured(
    crossed: int, identifiable: bool, times: int
) -> None:
    found = by_way(find_barriers(moving(Wells(), D), ENDS, *counted((400, 0), *[(400 - crossed, crossed)] * times)))
    assert found["left", "right"].crossings == pytest.approx(crossed)
    assert found["left", "right"].identifiable == identifiable


class Dividing(nn.Module):
    """Cells right of the pass become four in a unit of time."""

    def forward(self, z: Tensor) -> Tensor:
        return torch.where(z[:, 0] > 0, np.log(4.0), 0.0)


@pytest.mark.parametrize("known", [False, True])
def test_what_divided_is_not_taken_for_what_crossed_where_growth_is_known(known: bool) -> None:
    dynamics = moving(Wells(), D)
    dynamics.growth = Dividing()
    found = by_way(find_barriers(dynamics, ENDS, *counted((500, 500), (200, 800)), growth_known=known))
    assert found["left", "right"].identifiable != known
    assert found["left", "right"].crossings == pytest.approx(0 if known else 300)


def test_the_interval_is_students_over_the_refits() -> None:
    heights, tilts = np.array([0.8, 1.1, 1.0, 1.4]), (0.0, 0.05, -0.1, 0.1)
    diffusions = (0.5, 0.4, 0.6, 0.5)
    wells = [Wells(2, h, c) for h, c in zip(heights, tilts, strict=True)]
    refits = [moving(w, d) for w, d in zip(wells, diffusions, strict=True)]
    for side, name in ((0, ("left", "right")), (2, ("right", "left"))):
        crossed = RIGHTWARD if side == 0 else LEFTWARD
        found = by_way(find_barriers(moving(Wells(), D), ENDS, *crossed, refits=refits))
        at = [w.at_rest() for w in wells]
        own = [(w.along(x[1]) - w.along(x[side])) / d for w, x, d in zip(wells, at, diffusions, strict=True)]
        wide = student.ppf(0.975, 4) * np.sqrt(np.mean((np.array(own) - 1 / D) ** 2))
        assert found[name].height == pytest.approx(1 / D, rel=0.01)
        assert found[name].low == pytest.approx(max(0.0, 1 / D - wide), abs=0.03)
        assert found[name].high == pytest.approx(1 / D + wide, abs=0.03)
    two = by_way(find_barriers(moving(Wells(), D), ENDS, *RIGHTWARD, refits=refits[:2]))
    assert two["left", "right"].high is None


def test_a_pass_that_nobody_crossed_has_no_band_however_well_refits_agree() -> None:
    refits = [moving(Wells(), D)] * 4
    for cells, sure in ((NONE, ()), (RIGHTWARD, (("left", "right"),))):
        found = by_way(find_barriers(moving(Wells(), D), ENDS, *cells, refits=refits))
        assert [way for way, barrier in found.items() if barrier.low is not None or barrier.high is not None] == list(sure)


def test_refits_are_asked_for_only_where_some_pass_was_crossed(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(dynamics: Dynamics, cells: tuple[np.ndarray, np.ndarray, np.ndarray], known: bool = False) -> bool:
        states, time, _ = cells
        return any_crossed(dynamics, states.astype(np.float32), time, known)

    wells = moving(Wells(), D)
    assert asked(wells, RIGHTWARD)
    assert asked(wells, LEFTWARD)
    assert not asked(wells, counted((1000, 0), (1000, 0))), "nobody crossed"
    assert not asked(moving(Wells(2, 1.0, 2.0), D), RIGHTWARD), "one valley has no pass"
    assert not any_crossed(wells, np.empty((0, 2), np.float32), np.empty(0), growth_known=False)
    dividing = moving(Wells(), D)
    dividing.growth = Dividing()
    told = counted((500, 500), (200, 800))
    assert asked(dividing, told)
    assert not asked(dividing, told, known=True), "they divided"

    class Unlike(Wells):
        def forward(self, z: Tensor) -> Tensor:
            return super().forward(z) * torch.nan

    # Some solvers raise where there is no number: nobody is asked.
    monkeypatch.setattr("virtualcell.landscape.barriers.find_valleys", lambda *_: pytest.fail("asked all the same"))
    assert not asked(moving(Unlike(), D), RIGHTWARD)


def test_of_very_many_cells_a_sample_of_each_time_is_followed_and_stands_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    all_of_them = by_way(find_barriers(moving(Wells(), D), ENDS, *RIGHTWARD))["left", "right"]
    monkeypatch.setattr("virtualcell.landscape.barriers.ASKED", 250)
    followed = []

    def counting(dynamics: Dynamics, states: np.ndarray, *others: object) -> np.ndarray:
        followed.append(len(states))
        return first_arrivals(dynamics, states, *others)

    monkeypatch.setattr("virtualcell.landscape.barriers.first_arrivals", counting)
    some = by_way(find_barriers(moving(Wells(), D), ENDS, *RIGHTWARD))["left", "right"]
    assert followed == [500]
    assert some.identifiable
    assert some.crossings == pytest.approx(all_of_them.crossings, rel=0.25)


def test_where_a_refit_has_lost_a_valley_its_pass_has_no_height() -> None:
    # A tilt of more than 8 / 3^1.5 = 1.54 leaves one valley only.
    refits = [moving(Wells(2, 1.0, c), D) for c in (0.0, 0.0, 2.0)]
    found = by_way(find_barriers(moving(Wells(), D), ENDS, *RIGHTWARD, refits=refits))
    wide = student.ppf(0.975, 3) * (1 / D) / 3**0.5
    assert found["left", "right"].high == pytest.approx(1 / D + wide, rel=0.02)
    assert found["left", "right"].low == 0


def test_where_all_refits_have_lost_a_valley_the_height_is_not_sure() -> None:
    refits = [moving(Wells(2, 1.0, 2.0), D)] * 3
    found = by_way(find_barriers(moving(Wells(), D), ENDS, *RIGHTWARD, refits=refits))
    assert (found["left", "right"].low, found["left", "right"].high) == (
        0,
        pytest.approx((1 + student.ppf(0.975, 3)) / D, rel=0.02),
    )
