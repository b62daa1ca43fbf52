"""The linear law: its closed forms, that it is found again in cells that follow it, and that others contradict it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, solve_continuous_lyapunov

from virtualcell.training.linear import MOST_DIMENSIONS, LinearLaw, does_the_job, fit_linear
from virtualcell.training.transitions import Transition, make_transitions

MATRIX = np.array([[2.0, -1.5], [1.0, 1.2]])
REST, DIFFUSION = np.array([0.5, -0.3]), 0.25
PUSH = np.array([1.0, 0.4])
TIMES = (0.0, 0.3, 0.6, 1.0)


def law(matrix: np.ndarray = MATRIX, diffusion: float = DIFFUSION) -> LinearLaw:
    at_rest = solve_continuous_lyapunov(matrix, 2 * diffusion * np.eye(len(matrix)))
    rest, push = (torch.from_numpy(x) for x in (REST, PUSH))
    return LinearLaw(torch.from_numpy(matrix), rest, torch.from_numpy(at_rest), diffusion, {"A": push}, turning=True)


def follow(n: int, seed: int, treated: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Cells that follow ``law()`` from a narrow start, their times, and which are treated (half of those after the start)."""
    generator = torch.Generator().manual_seed(seed)
    cells, time, names = [], [], []
    for t in TIMES:
        for name in (None, "A") if treated and t > 0 else (None,):
            start = torch.tensor([-1.5, 1.0]) + 0.3 * torch.randn(n, 2, generator=generator, dtype=torch.float64)
            cells.append(law().carried(start, t, name, generator).numpy() if t else start.numpy())
            time.append(np.full(n, t))
            names.append(np.full(n, name or "control"))
    return np.concatenate(cells), np.concatenate(time), np.concatenate(names) if treated else None


@pytest.mark.parametrize("treatment", [None, "A"])
def test_cells_are_carried_as_the_exact_solution_says(treatment: str | None) -> None:
    start, n = np.array([2.0, -1.0]), 20_000
    found = law().carried(torch.from_numpy(np.tile(start, (n, 1))), 0.7, treatment, torch.Generator().manual_seed(0)).numpy()
    push = PUSH if treatment else np.zeros(2)
    rest = REST + np.linalg.solve(MATRIX, push)
    flow, at_rest = expm(-0.7 * MATRIX), solve_continuous_lyapunov(MATRIX, 2 * DIFFUSION * np.eye(2))
    np.testing.assert_allclose(found.mean(0), rest + flow @ (start - rest), atol=0.015)
    np.testing.assert_allclose(np.cov(found.T), at_rest - flow @ at_rest @ flow.T, atol=0.01)


rates = st.floats(0.3, 4.0)


@given(rates, rates, st.floats(-3, 3), st.floats(0.05, 2.0))
@settings(max_examples=25)
def test_as_a_landscape_that_turns_it_has_the_same_drift_and_the_same_rest(a: float, b: float, turn: float, d: float) -> None:
    matrix = np.array([[a, -turn], [turn, b]])  # stable: its symmetric part is positive
    one = law(matrix, d)
    generator = torch.Generator().manual_seed(0)
    states = (torch.from_numpy(REST) + 0.4 * torch.randn(200, 2, generator=generator, dtype=torch.float64)).float()
    model = one.dynamics(states, 8, 20, wall=5.0)
    inside = states[model.potential._radius(states) < 0.9 * model.potential.wall_radius]
    with torch.no_grad():
        drift, slope = model.drift(inside).double().numpy(), model.potential.gradient(inside).double().numpy()
    away = inside.double().numpy() - REST
    np.testing.assert_allclose(drift, -away @ matrix.T, atol=1e-3 * (1 + np.abs(drift).max()))
    # U = -D log p of the population at rest.
    at_rest = solve_continuous_lyapunov(matrix, 2 * d * np.eye(2))
    np.testing.assert_allclose(slope, d * away @ np.linalg.inv(at_rest), atol=1e-3 * (1 + np.abs(slope).max()))
    assert model.diffusion.item() == pytest.approx(d, rel=1e-5)
    torch.testing.assert_close(model.force("A"), torch.from_numpy(PUSH).float())


@pytest.mark.parametrize("known", [True, False])
def test_the_law_is_found_again_in_cells_that_follow_it(known: bool) -> None:
    cells, time, names = follow(4000, 0, treated=True)
    moves = make_transitions(time, names, "control", 1.0)
    found = fit_linear(cells, moves, DIFFUSION if known else 0.1, known=known, turning=True)
    assert found is not None
    np.testing.assert_allclose(found.matrix.numpy(), MATRIX, atol=0.15)
    np.testing.assert_allclose(found.rest.numpy(), REST, atol=0.06)
    np.testing.assert_allclose(found.pushes["A"].numpy(), PUSH, atol=0.15)
    assert found.diffusion == (pytest.approx(DIFFUSION, abs=0) if known else pytest.approx(DIFFUSION, rel=0.06))
    expected = solve_continuous_lyapunov(found.matrix.numpy(), 2 * found.diffusion * np.eye(2))
    np.testing.assert_allclose(found.covariance.numpy(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("d", [2, 8])
def test_of_a_slope_in_many_dimensions_no_rotation_is_made(d: int) -> None:
    rng = np.random.default_rng(d)
    axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
    matrix = axes @ np.diag(np.linspace(0.5, 5.0, d)) @ axes.T
    true = LinearLaw(
        torch.from_numpy(matrix), torch.zeros(d, dtype=torch.float64), torch.from_numpy(np.linalg.inv(matrix)), 1.0, {}
    )
    generator = torch.Generator().manual_seed(0)
    start = 2 * torch.eye(d, dtype=torch.float64)[0] + 0.3 * torch.randn(4000, d, generator=generator, dtype=torch.float64)
    time = np.repeat(np.linspace(0, 1, 4), 1000)
    rows = [start[time == t] if t == 0 else true.carried(start[time == t], t, None, generator) for t in np.unique(time)]
    cells = np.concatenate([part.numpy() for part in rows])
    moves = make_transitions(time, None, "control", 0.0)
    found = fit_linear(cells, moves, 1.0, known=True)
    assert found is not None
    assert does_the_job(found, cells, moves) >= 0.01
    torch.testing.assert_close(found.matrix, found.matrix.T)
    drift, learned = cells @ matrix.T, (cells - found.rest.numpy()) @ found.matrix.numpy().T
    assert ((drift - learned) ** 2).sum() < 0.02 * ((drift - drift.mean(0)) ** 2).sum()


def test_a_pull_keeps_diffusion_near_its_start() -> None:
    cells, time, _ = follow(300, 1)
    moves = make_transitions(time, None, "control", 0.0)
    loose, held = (fit_linear(cells, moves, 1.0, known=False, pull=pull) for pull in (0.0, 1e3))
    assert loose is not None
    assert held is not None
    assert held.diffusion == pytest.approx(1.0, rel=0.02)
    assert loose.diffusion < 0.5


@pytest.mark.parametrize(("early", "late"), [(200, 200), (40, 400), (400, 40)])
def test_under_the_law_itself_the_p_value_is_even(early: int, late: int) -> None:
    p_values = []
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        start, source = (
            torch.tensor([-1.5, 1.0]) + 0.3 * torch.randn(n, 2, generator=generator, dtype=torch.float64) for n in (early, late)
        )
        cells = np.concatenate([start.numpy(), law().carried(source, 0.2, None, generator).numpy()])
        move = Transition(np.arange(early), np.arange(early, early + late), 0.2, None, 1.0)
        p_values.append(does_the_job(law(), cells, [move], seed))
    assert 0.3 < np.median(p_values) < 0.7
    assert np.mean(np.array(p_values) < 0.1) <= 0.25
    assert np.mean(np.array(p_values) > 0.9) <= 0.25


def test_a_transition_from_one_cell_leaves_no_law() -> None:
    cells, time, names = follow(30, 3, treated=True)
    assert names is not None
    names = np.where(time == TIMES[1], "control", names)
    names[np.flatnonzero(time == TIMES[1])[0]] = "A"
    moves = make_transitions(time, names, "control", 1.0)
    assert any(len(t.source) == 1 for t in moves)
    assert fit_linear(cells, moves, DIFFUSION, known=True) is None


def test_too_many_dimensions_leave_no_law() -> None:
    cells, time = np.random.default_rng(0).normal(size=(100, MOST_DIMENSIONS + 1)), np.repeat([0.0, 1.0], 50)
    assert fit_linear(cells, make_transitions(time, None, "control", 0.0), 1.0, known=False) is None


def test_cells_that_part_into_two_valleys_contradict_every_linear_law() -> None:
    rng = np.random.default_rng(0)
    start, end = 0.3 * rng.normal(size=(200, 2)), 0.3 * rng.normal(size=(200, 2))
    end[:, 0] += rng.choice([-2.0, 2.0], 200)
    cells, time = np.concatenate([start, end]), np.repeat([0.0, 1.0], 200)
    moves = make_transitions(time, None, "control", 1.0)
    found = fit_linear(cells, moves, 0.3, known=False)
    assert found is None or does_the_job(found, cells, moves) < 0.01


@pytest.mark.parametrize("n_times", [2, 7, 10])
def test_however_many_times_were_measured_a_false_law_can_be_contradicted(n_times: int) -> None:
    # Cells that stay far from where the law takes them.
    time = np.repeat(np.linspace(0, 1, n_times), 30)
    cells = np.random.default_rng(0).normal(5.0, 0.1, (len(time), 2))
    assert does_the_job(law(), cells, make_transitions(time, None, "control", 0.0)) < 0.01


def test_without_a_move_there_is_no_law() -> None:
    stays = Transition(np.arange(5), np.arange(5), 1.0, None, 1.0, stationary=True)
    assert fit_linear(np.random.default_rng(0).normal(size=(5, 2)), [stays], 0.1, known=True) is None


def test_where_nothing_comes_to_rest_there_is_no_law() -> None:
    # Cells fly apart ever faster, with a diffusion that is known to be next to nothing.
    rng = np.random.default_rng(0)
    first = rng.normal(size=(300, 2))
    cells, time = np.concatenate([first, 3 * first, 9 * first]), np.repeat([0.0, 0.5, 1.0], 300)
    assert fit_linear(cells, make_transitions(time, None, "control", 0.0), 1e-3, known=True) is None
