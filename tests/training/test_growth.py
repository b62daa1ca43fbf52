"""What is known of growth: what is refused, what is said, and that the growth of a predictor follows it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from virtualcell.predictor.distance import LOSSES
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.whitened import WhitenedDistance
from virtualcell.schema import DataError
from virtualcell.training.growth import MODES, GrowthTerm, KnownGrowth
from virtualcell.training.transitions import make_transitions

TIME = np.repeat([0.0, 0.4, 1.0], 100)
SIZES = {0.0: 1.0, 0.4: 2.0, 1.0: 5.0}
KNOWN = {
    "transport": KnownGrowth(),
    "none": KnownGrowth("none"),
    "given": KnownGrowth("given", rates=np.ones(300)),
    "sizes": KnownGrowth("sizes", sizes=SIZES),
}


@pytest.fixture
def cells() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32)


@pytest.fixture
def model() -> Dynamics:
    torch.manual_seed(0)
    return Dynamics(2, 4, 0.1)


def term(known: KnownGrowth, cells: np.ndarray, time: np.ndarray | None = TIME) -> GrowthTerm:
    transitions = make_transitions(TIME, None, "control", 1.0)
    return GrowthTerm(known, cells, torch.from_numpy(cells), transitions, time, np.random.default_rng(1))


def test_every_mode_says_what_it_knows() -> None:
    assert set(KNOWN) == set(MODES)
    said = {mode: known.said(timed=True) for mode, known in KNOWN.items()}
    assert len(set(said.values())) == 4
    assert "cannot be told apart from drift" in said["transport"]
    assert "ignored" in said["none"]
    assert "given" in said["given"]
    assert "population sizes" in said["sizes"]
    assert {known.said(timed=False) for known in KNOWN.values()} == {""}


def test_only_rates_and_sizes_are_more_than_the_snapshots() -> None:
    assert {mode for mode, known in KNOWN.items() if known.identified} == {"given", "sizes"}
    assert {mode for mode, known in KNOWN.items() if known.counts} == {"transport", "given", "sizes"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mode": "guess"}, "growth='guess' is not known.*transport, none, given, sizes"),
        ({"mode": "given"}, "Rates belong to growth='given'"),
        ({"mode": "none", "rates": np.ones(3)}, "Rates belong to growth='given'"),
        ({"mode": "sizes"}, "Sizes belong to growth='sizes'"),
        ({"mode": "transport", "sizes": SIZES}, "Sizes belong to growth='sizes'"),
        ({"mode": "given", "rates": np.array([1.0, np.nan])}, "A growth rate is not a number"),
        ({"mode": "given", "rates": np.array([1.0, np.inf])}, "A growth rate is not a number"),
        ({"mode": "sizes", "sizes": {0.0: 1.0, 1.0: 0.0}}, "not above 0"),
        ({"mode": "sizes", "sizes": {0.0: 1.0, 1.0: np.nan}}, "not above 0"),
    ],
)
def test_what_does_not_fit_together_is_refused(arguments: dict, said: str) -> None:
    with pytest.raises(DataError, match=said):
        KnownGrowth(**arguments)


def test_rates_for_other_cells_and_times_without_a_size_are_refused(cells: np.ndarray) -> None:
    with pytest.raises(DataError, match="299 growth rates were given for 300 cells"):
        term(KnownGrowth("given", rates=np.ones(299)), cells)
    with pytest.raises(DataError, match="no population size for 1 of the measured times"):
        KnownGrowth("sizes", sizes={0.0: 1.0, 1.0: 5.0}).check(TIME, treated=False, distance="whitened")


def test_sizes_are_refused_where_they_would_be_read_wrongly() -> None:
    known = KNOWN["sizes"]
    known.check(TIME, treated=False, distance="whitened")
    KNOWN["transport"].check(TIME, treated=True, distance="energy")
    with pytest.raises(DataError, match="field size: A time has one population size, and treated and untreated"):
        known.check(TIME, treated=True, distance="whitened", field="size")
    for distance in set(LOSSES) - {"whitened"}:
        with pytest.raises(DataError, match=r"compares shares of cells, not numbers.*distance='whitened'"):
            known.check(TIME, treated=False, distance=distance)


@pytest.mark.parametrize("height", [1.5, 8.0])
def test_given_rates_are_fitted_once_and_then_kept(height: float, cells: np.ndarray, model: Dynamics) -> None:
    rates = height / (1 + np.exp(-3 * cells[:, 0].astype(float)))
    given = term(KnownGrowth("given", rates=rates), cells)
    given.prepare(model, torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = model.growth(torch.from_numpy(cells)).numpy()
    assert np.sqrt(np.mean((found - rates) ** 2)) < 0.05 * height, "also beyond the bound of rates that are learned"
    assert not any(p.requires_grad for p in model.growth.parameters())
    assert given.loss(model, 1.0) == 0


def test_ignored_growth_stays_zero(cells: np.ndarray, model: Dynamics) -> None:
    none = term(KNOWN["none"], cells)
    none.prepare(model, torch.Generator())
    assert not any(p.requires_grad for p in model.growth.parameters())
    assert not model.growth(torch.from_numpy(cells)).any()
    assert none.loss(model, 1.0) == 0


def test_numbers_of_cells_set_growth_where_it_is_and_its_spread_is_what_they_ask_for(cells: np.ndarray, model: Dynamics) -> None:
    """Two clusters stay where they are; one grows by e, the other keeps its number, and the size of the whole is known."""
    right = np.arange(len(cells)) % 2 == 0
    cells = cells + np.where(right[:, None], 3.0, -3.0).astype(np.float32) * np.array([1, 0], np.float32)
    grown = np.where(right, np.e, 1.0)
    sizes = term(KnownGrowth("sizes", sizes={0.0: 1.0, 0.4: 1.0, 1.0: float(grown.mean())}), cells)
    sizes.prepare(model, torch.Generator())
    whole = next(t for t in make_transitions(TIME, None, "control", 0.0) if t.duration == 1.0)
    states = torch.from_numpy(cells)
    distance = WhitenedDistance(states)
    rng = np.random.default_rng(0)
    optimiser = torch.optim.Adam(model.growth.parameters(), lr=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 400)
    for _ in range(400):
        start = states[rng.integers(0, len(states), 200)]
        later = states[rng.choice(len(states), 200, p=grown / grown.sum())]
        optimiser.zero_grad()
        apart = distance.of_numbers(start, later, model.growth(start) - sizes.log_ratio(whole))
        (apart + sizes.loss(model, 1.0)).backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        found = model.growth(states).numpy()
    assert np.exp(found).mean() == pytest.approx(grown.mean(), rel=0.05)
    assert found[right].mean() == pytest.approx(1.0, abs=0.15)
    assert found[~right].mean() == pytest.approx(0.0, abs=0.15)


def test_the_size_of_a_population_over_that_of_an_earlier_one(cells: np.ndarray) -> None:
    sizes = term(KNOWN["sizes"], cells)
    found = {(TIME[t.source[0]], TIME[t.target[0]]): sizes.log_ratio(t) for t in make_transitions(TIME, None, "control", 0.0)}
    assert found == {(a, b): pytest.approx(np.log(SIZES[b] / SIZES[a])) for a, b in ((0.0, 0.4), (0.0, 1.0), (0.4, 1.0))}


def test_transport_asks_for_growth_where_a_cluster_expands(model: Dynamics) -> None:
    rng = np.random.default_rng(0)
    side = np.concatenate([np.repeat([-3.0, 3.0], n) for n in ((50, 50), (30, 70), (15, 85))])
    cells = (np.stack([side, 0 * side], 1) + 0.3 * rng.normal(size=(300, 2))).astype(np.float32)
    asked = term(KNOWN["transport"], cells)
    asked.prepare(model, torch.Generator())
    optimiser = torch.optim.Adam(model.growth.parameters(), lr=0.02)
    for _ in range(200):
        optimiser.zero_grad()
        asked.loss(model, 1.0).backward()
        optimiser.step()
    with torch.no_grad():
        found = model.growth(torch.from_numpy(cells)).numpy()
    assert found[side > 0].mean() > 0.05 > -0.05 > found[side < 0].mean()


def test_without_times_nothing_is_asked(cells: np.ndarray, model: Dynamics) -> None:
    for known in (KNOWN["transport"], KNOWN["sizes"]):
        assert term(known, cells, time=None).loss(model, 1.0) == 0


def test_a_few_cells_may_have_to_divide_as_fast_as_the_whole_population_grows(cells: np.ndarray, model: Dynamics) -> None:
    """Sizes that rise by e^2.4 within .4 of a span: six a span, and four times that where a quarter of the cells does it."""
    term(KnownGrowth("sizes", sizes={0.0: 1.0, 0.4: float(np.exp(2.4)), 1.0: 12.0}), cells).prepare(model, torch.Generator())
    assert float(model.growth.max_rate) == pytest.approx(24.0)
    assert model.growth.last.bias.requires_grad
    slow = Dynamics(2, 4, 0.1)
    term(KnownGrowth("sizes", sizes={0.0: 1.0, 0.4: 1.05, 1.0: 1.1}), cells).prepare(slow, torch.Generator())
    assert float(slow.growth.max_rate) == 3.0, "never less than where nothing is known"
