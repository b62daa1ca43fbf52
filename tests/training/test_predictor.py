"""The training of the predictor: what it is told stays as told, what it starts from, and what it averages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from virtualcell.predictor.distance import LOSSES
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import DataError, PredictorSettings
from virtualcell.training.average import Average
from virtualcell.training.predictor import train_predictor
from virtualcell.training.sizes import pushes_of, start_diffusion, wall_strength
from virtualcell.training.transitions import make_transitions

QUICK = PredictorSettings(width=8, steps=6, warm_steps=10, rollouts=40, euler_steps=8)
TIME = np.repeat([0.0, 0.5, 1.0], 60)


@pytest.fixture(scope="module")
def cells() -> np.ndarray:
    """A population that moves to the right by two."""
    rng = np.random.default_rng(0)
    return (0.4 * rng.normal(size=(180, 2)) + np.stack([2 * TIME, 0 * TIME], 1)).astype(np.float32)


@pytest.fixture(scope="module")
def fitted(cells: np.ndarray) -> Dynamics:
    return train_predictor(cells, QUICK, time=TIME).dynamics


def parameters(model: Dynamics) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def same(a: Dynamics, b: Dynamics) -> bool:
    return all(torch.equal(x, y) for x, y in zip(parameters(a).values(), parameters(b).values(), strict=True))


@pytest.mark.parametrize(("steps", "expected"), [(8, (6 + 7) / 2), (20, (15 + 16 + 17 + 18 + 19) / 5), (5, 4.0)])
def test_the_average_is_that_of_the_last_quarter(steps: int, expected: float) -> None:
    model = Dynamics(2, 4, 0.1)
    model.growth.requires_grad_(requires_grad=False)
    kept = model.growth.last.bias.clone()
    average = Average(model, steps)
    for step in range(steps):
        with torch.no_grad():
            for p in model.parameters():
                p.fill_(float(step))
            model.growth.last.bias.copy_(kept)
        average.update(model, step)
    average.into(model)
    for name, p in model.named_parameters():
        if not name.startswith("growth"):
            torch.testing.assert_close(p.detach(), torch.full_like(p, expected))
    assert torch.equal(model.growth.last.bias, kept), "what is not trained is not averaged"


def test_too_few_steps_for_a_quarter_leave_the_last() -> None:
    model = Dynamics(2, 4, 0.1)
    average, before = Average(model, 3), parameters(model)
    for step in range(3):
        average.update(model, step)
    average.into(model)
    assert all(torch.equal(p, before[name]) for name, p in parameters(model).items())


@pytest.mark.parametrize("distance", list(LOSSES))
def test_every_named_distance_trains(distance: str, cells: np.ndarray, fitted: Dynamics) -> None:
    found = train_predictor(cells, replace(QUICK, distance=distance), time=TIME)
    assert np.isfinite([h["match"] for h in found.history if "match" in h]).all()
    assert all(torch.isfinite(p).all() for p in found.dynamics.parameters())
    assert same(found.dynamics, fitted) == (distance == QUICK.distance), "the name decides"


def test_another_distance_is_refused(cells: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"distance='far' is not known.*whitened, energy, sinkhorn"):
        train_predictor(cells, replace(QUICK, distance="far"), time=TIME)


@pytest.mark.parametrize("settings", [QUICK, replace(QUICK, stationary_weight=0.0)])
def test_one_population_is_refused(settings: PredictorSettings, cells: np.ndarray) -> None:
    with pytest.raises(DataError, match="one population of two or more cells only"):
        train_predictor(cells, settings, time=np.zeros(180))


def test_diffusion_that_is_known_stays(cells: np.ndarray) -> None:
    known = train_predictor(cells, QUICK, time=TIME, diffusion=0.123, diffusion_known=True).dynamics
    assert known.diffusion.item() == pytest.approx(0.123, rel=1e-6)
    free = train_predictor(cells, QUICK, time=TIME, diffusion=0.123).dynamics
    assert abs(np.log(free.diffusion.item() / 0.123)) > 1e-4


def test_where_diffusion_starts_in_closed_form(cells: np.ndarray) -> None:
    moves = make_transitions(TIME, None, "control", 1.0)
    within = np.mean([cells[t == TIME].var(0).mean() for t in (0.0, 0.5, 1.0)])
    for size in (1.0, 0.05):
        found = start_diffusion(cells, moves, replace(QUICK, diffusion=size))
        assert found == pytest.approx(0.5 * size * within, rel=1e-5)
    # The population moves by two in a span: 2 * 2 / 1, as fast as from each time to the next.
    assert wall_strength(cells, moves, 0.1) == pytest.approx(20 * (4 + 0.2), rel=0.2)


def test_a_start_is_gone_on_from_and_left_as_it_was(cells: np.ndarray, fitted: Dynamics) -> None:
    before = parameters(fitted)
    still = train_predictor(cells, replace(QUICK, learning_rate=1e-12), time=TIME, start=fitted)
    for name, p in parameters(still.dynamics).items():
        torch.testing.assert_close(p, before[name], atol=1e-6, rtol=1e-5)
    assert not any("warm" in h for h in still.history), "the start from the density is left out"
    moved = train_predictor(cells, QUICK, time=TIME, start=fitted).dynamics
    assert not same(moved, fitted)
    assert all(torch.equal(p, before[name]) for name, p in parameters(fitted).items())
    assert fitted.rotation is None
    turning = train_predictor(cells, QUICK, time=TIME, start=fitted, rotation=True).dynamics
    assert turning.rotation is not None
    assert turning.rotation.linear.weight.any()
    assert fitted.rotation is None


def test_the_seed_decides(cells: np.ndarray, fitted: Dynamics) -> None:
    assert same(train_predictor(cells, QUICK, time=TIME).dynamics, fitted)
    assert not same(train_predictor(cells, QUICK, time=TIME, seed=1).dynamics, fitted)


def test_what_is_known_of_growth_is_said(cells: np.ndarray) -> None:
    rates = train_predictor(cells, QUICK, time=TIME, growth="given", growth_rates=lambda z: 0.5 + 0 * z[:, 0])
    assert rates.growth_identified
    assert rates.growth_known.startswith("Growth rates were given")
    with torch.no_grad():
        np.testing.assert_allclose(rates.dynamics.growth(torch.from_numpy(cells)).numpy(), 0.5, atol=0.1)
    nothing = train_predictor(cells, QUICK, time=TIME, growth="none")
    assert not nothing.growth_identified
    assert "ignored" in nothing.growth_known
    assert not nothing.dynamics.growth(torch.from_numpy(cells)).any()


def test_a_population_that_moves_is_carried_along(cells: np.ndarray) -> None:
    # Steps as short as usual: the wall round the cells is steep.
    longer = replace(QUICK, steps=300, rollouts=100, euler_steps=24, warm_steps=100, stationary_weight=0.0)
    for treatment, names in ((None, None), ("drug", np.where(TIME > 0, "drug", "control"))):
        model = train_predictor(cells, longer, time=TIME, treatment=names).dynamics
        start = torch.from_numpy(cells[TIME == 0]).repeat(20, 1)
        with torch.no_grad():
            half, end = (model.rollout(start, t, torch.Generator().manual_seed(0), treatment)[0].mean(0) for t in (0.5, 1.0))
        np.testing.assert_allclose(half.numpy(), [1, 0], atol=0.35)
        np.testing.assert_allclose(end.numpy(), [2, 0], atol=0.35)


SIZED = {"growth": "sizes", "population_sizes": {0.0: 1.0, 0.5: 2.0, 1.0: 4.0}}


@pytest.mark.parametrize(("told", "times"), [({}, 1), (SIZED, 2)], ids=["unknown", "sizes"])
def test_where_sizes_are_known_training_takes_twice_as_many_steps(cells: np.ndarray, told: dict[str, Any], times: int) -> None:
    seen: list[tuple[str, int, int]] = []
    train_predictor(cells, QUICK, time=TIME, progress=lambda stage, done, total, _: seen.append((stage, done, total)), **told)
    assert seen[-1] == ("predictor", times * QUICK.steps, times * QUICK.steps)


def test_a_loss_that_is_no_number_is_told(cells: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"loss became (nan|-?inf) at step .*lower PredictorSettings.learning_rate"):
        train_predictor(cells, replace(QUICK, learning_rate=1e30, steps=20), time=TIME)


def test_an_interaction_is_learned_only_where_both_parts_were_measured_alone() -> None:
    names = np.repeat(["control", "A", "B", "A+B", "A+C"], 5)
    found = pushes_of(make_transitions(None, names, "control", 1.0))
    assert found == ("A", "B", "C", "A+B")
