"""The known systems against mathematics: gradients, attractors, linear motion solved exactly, growth, and counted passages."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.linalg import expm

from virtualcell.data.known.binary_choice import BEFORE, potential
from virtualcell.data.known.rotational_field import SHARE
from virtualcell.data.known.system import KnownSystem
from virtualcell.data.known_systems import KNOWN_SYSTEMS
from virtualcell.data.three_wells import saddles

SYSTEMS = pytest.mark.parametrize("system", KNOWN_SYSTEMS.values(), ids=KNOWN_SYSTEMS.keys())
GRADIENT = [system for system in KNOWN_SYSTEMS.values() if system.potential is not None]
STEP = 1e-6


def places_in(system: KnownSystem, n: int = 200) -> np.ndarray:
    x0, x1, y0, y1 = system.box
    return np.random.default_rng(0).uniform((x0, y0), (x1, y1), (n, 2)) * 0.8


def jacobian(system: KnownSystem, place: np.ndarray) -> np.ndarray:
    ahead, back = (system.drift(place + sign * STEP * np.eye(2)) for sign in (1, -1))
    return ((ahead - back) / (2 * STEP)).T


def test_the_six_systems_of_the_known_answers_are_here() -> None:
    assert list(KNOWN_SYSTEMS) == [
        "three wells",
        "double well",
        "binary choice",
        "quadratic well",
        "rotational field",
        "toggle switch",
    ]


@pytest.mark.parametrize("system", GRADIENT, ids=lambda s: s.name)
def test_a_drift_with_a_potential_is_its_slope(system: KnownSystem) -> None:
    assert system.potential is not None
    places = places_in(system)
    for axis, unit in enumerate(np.eye(2)):
        slope = (system.potential(places + STEP * unit) - system.potential(places - STEP * unit)) / (2 * STEP)
        np.testing.assert_allclose(system.drift(places)[:, axis], -slope, rtol=1e-5, atol=1e-5)


@SYSTEMS
def test_attractors_are_stable_rests_and_there_are_no_others(system: KnownSystem) -> None:
    for place in system.places:
        assert np.linalg.norm(system.drift(place[None])) < 1e-9
        assert np.linalg.eigvals(jacobian(system, place)).real.max() < 0
    still = dataclasses.replace(system, diffusion=0.0)
    ends = still.move(places_in(system), 6 * system.span, np.random.default_rng(0)).xy
    distance = np.linalg.norm(ends[:, None] - system.places, axis=2)
    # One that starts on a ridge may still be on its way.
    assert (distance.min(axis=1) < 0.01).mean() > 0.97
    assert set(distance[distance.min(axis=1) < 0.01].argmin(axis=1)) == set(range(len(system.places)))


@pytest.mark.parametrize("name", ["rotational field", "toggle switch"])
def test_a_drift_without_a_potential_is_no_gradient(name: str) -> None:
    system = KNOWN_SYSTEMS[name]
    curls = [matrix[1, 0] - matrix[0, 1] for matrix in (jacobian(system, place) for place in places_in(system, 20))]
    assert system.potential is None
    assert np.abs(curls).max() > 0.1


def test_the_share_of_the_rotation_is_that_of_its_parts() -> None:
    away = np.array([0.7, -1.1])
    system = KNOWN_SYSTEMS["rotational field"]
    drift = system.drift(system.places[0] + away)
    falling = (drift @ away) / np.linalg.norm(away)
    assert 1 - falling**2 / (drift @ drift) == pytest.approx(SHARE)


def test_the_binary_choice_takes_the_valley_of_the_progenitor_away() -> None:
    system = KNOWN_SYSTEMS["binary choice"]
    start = system.start(20_000, np.random.default_rng(0)).mean(axis=0)
    around = start + 0.2 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    assert (potential(around, BEFORE) > potential(start, BEFORE)).all()
    assert system.potential is not None
    assert (system.potential(around) < system.potential(start)).any()


@pytest.mark.parametrize("name", ["quadratic well", "rotational field"])
def test_a_linear_system_moves_as_its_solution_says(name: str) -> None:
    """Mean and covariance of dz = -A (z - c) dt + noise, at every time (Gardiner, Handbook of Stochastic Methods, 4.4.6)."""
    system, n = KNOWN_SYSTEMS[name], 4000
    assert system.linear is not None
    np.testing.assert_allclose(jacobian(system, system.places[0]), -system.linear, atol=1e-6)
    first = system.start(200_000, np.random.default_rng(1))
    cells = system.snapshots(0, n)
    for time in system.times:
        decay = expm(-system.linear * time)
        mean = system.places[0] + decay @ (first.mean(axis=0) - system.places[0])
        spread = decay @ (np.cov(first.T) - system.covariance) @ decay.T + system.covariance
        xy = cells.xy[cells.time == time]
        np.testing.assert_allclose(xy.mean(axis=0), mean, atol=4 * np.sqrt(spread.max() / n))
        np.testing.assert_allclose(np.cov(xy.T), spread, atol=5 * spread.max() * np.sqrt(2 / n))


@SYSTEMS
def test_snapshots_are_given_as_an_experiment_gives_them(system: KnownSystem) -> None:
    cells = system.snapshots(3, 50)
    again, other = system.snapshots(3, 50), system.snapshots(4, 50)
    assert cells.xy.shape == (50 * len(system.times), 2)
    assert cells.xy.dtype == np.float64
    assert cells.spans.min() == 0
    assert cells.spans.max() == 1
    assert set(cells.state) <= set(system.attractors)
    assert set(cells.sizes.values()) == {1.0}, "nothing divides unless it is asked to"
    np.testing.assert_array_equal(cells.xy, again.xy)
    assert not np.allclose(cells.xy, other.xy)
    x0, x1, y0, y1 = system.box
    assert ((cells.xy > (x0, y0)) & (cells.xy < (x1, y1))).all()


@SYSTEMS
def test_forward_passages_are_many_and_ways_back_few(system: KnownSystem) -> None:
    """What can be asked of a model depends on what its cells did: tens of percent forward, next to nothing back."""
    n = 300
    cells = system.snapshots(0, n)
    assert set(cells.crossings) == {(a, b) for a in system.attractors for b in system.attractors if a != b}
    late = cells.state[cells.time == system.span]
    for start, end in system.forward:
        assert cells.crossings[start, end] > 0.1 * n
        assert (late == end).mean() > 0.2
        assert cells.crossings[end, start] < 0.02 * n * len(system.times)


def test_a_passage_is_counted_once_however_often_a_cell_trembles_on_the_way() -> None:
    """A path that is drawn: out of the first core and back, then over to the second, to and fro at its rim, and home."""
    way = [-1.0, -0.4, -1.0, 0.0, 0.6, 0.9, 0.6, 0.9, 0.0, -0.9]
    steps = iter(np.diff(way))
    system = KnownSystem(
        name="drawn",
        diffusion=0.0,
        times=(0.0, float(len(way) - 1)),
        drift=lambda xy: np.array([[next(steps), 0.0]]),
        potential=None,
        attractors={"Left": np.array([-1.0, 0.0]), "Right": np.array([1.0, 0.0])},
        forward=(),
        start=lambda n, rng: np.array([[-1.0, 0.0]]),
        box=(-2, 2, -2, 2),
        step=1.0,
    )
    moved = system.move(system.start(1, np.random.default_rng(0)), system.span, np.random.default_rng(0))
    assert moved.xy[0, 0] == pytest.approx(way[-1])
    np.testing.assert_array_equal(moved.passages[0], [[0, 1], [1, 0]])


def test_growth_counts_cells_and_draws_those_that_divided() -> None:
    system = KNOWN_SYSTEMS["three wells"]
    short = dataclasses.replace(system, times=(0.0, 2.0), step=0.02)
    growing, plain = short.snapshots(0, 600, growing=True), short.snapshots(0, 600)
    assert growing.sizes[0.0] == 1.0
    # The rate averaged over the cells that are there is how fast their number grows.
    ahead = dataclasses.replace(system, times=(0.0, 2.0, 2.2), step=0.02).snapshots(1, 2000, growing=True)
    assert system.growth is not None
    rate = np.mean([system.growth(ahead.xy[ahead.time == time]).mean() for time in (2.0, 2.2)])
    assert np.log(ahead.sizes[2.2] / ahead.sizes[2.0]) / 0.2 == pytest.approx(rate, abs=0.05)
    late = [(cells.state[cells.time == 2.0] == "Fate B").mean() for cells in (growing, plain)]
    assert late[0] > late[1]


def test_uniform_growth_makes_the_population_grow_exponentially() -> None:
    system = dataclasses.replace(KNOWN_SYSTEMS["double well"], growth=lambda xy: np.full(len(xy), 0.7), times=(0.0, 1.0, 2.0))
    sizes = system.snapshots(0, 20, growing=True).sizes
    assert sizes == pytest.approx({0.0: 1.0, 1.0: np.exp(0.7), 2.0: np.exp(1.4)})


def test_the_size_of_a_culture_strays_less_the_more_founders_it_has() -> None:
    short = dataclasses.replace(KNOWN_SYSTEMS["three wells"], times=(0.0, 8.0), step=0.05)
    strays = {
        pool: np.std([np.log(short.snapshots(i, 20, growing=True, pool=pool).sizes[8.0]) for i in range(12)]) for pool in (4, 64)
    }
    # By the square root of their number, 4; the bound leaves room for a spread that was measured twelve times.
    assert strays[64] < 0.5 * strays[4]


def test_growth_is_refused_where_there_is_none() -> None:
    with pytest.raises(ValueError, match="no growth"):
        KNOWN_SYSTEMS["quadratic well"].snapshots(0, 10, growing=True)
    with pytest.raises(ValueError, match="not linear"):
        _ = KNOWN_SYSTEMS["three wells"].covariance


def test_three_wells_are_those_that_stood_before() -> None:
    system = KNOWN_SYSTEMS["three wells"]
    for saddle in saddles():
        assert np.linalg.norm(system.drift(saddle.xy[None])) < 1e-9
        low, high = np.sort(np.linalg.eigvals(jacobian(system, saddle.xy)).real)
        assert low < 0 < high


def test_cells_drawn_from_a_growing_population_are_those_that_weights_of_undisturbed_paths_give() -> None:
    system = dataclasses.replace(KNOWN_SYSTEMS["three wells"], times=(0.0, 8.0), step=0.02)
    cells = system.snapshots(0, 1000, growing=True)
    late = cells.xy[cells.time == 8.0]
    rng = np.random.default_rng(1)
    straight = system.move(system.start(8000, rng), 8.0, rng, growing=True)
    weight = np.exp(straight.log_weight)
    assert cells.sizes[8.0] == pytest.approx(weight.mean(), rel=0.15)
    drawn = np.linalg.norm(late[:, None] - system.places, axis=2).argmin(axis=1)
    weighed = np.linalg.norm(straight.xy[:, None] - system.places, axis=2).argmin(axis=1)
    shares = np.bincount(weighed, weight, minlength=3) / weight.sum()
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / len(drawn), shares, atol=0.05)
    assert len(np.unique(late, axis=0)) > 0.95 * len(late), "sisters have moved apart"
