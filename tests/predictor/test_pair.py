"""The energy of a pair against the exact law of an Ornstein-Uhlenbeck process, of a pair of populations against known ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from virtualcell.predictor.action import least_action
from virtualcell.predictor.compatibility import outlier_p_values, population_energy, unexpected
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.futures import Futures
from virtualcell.predictor.pair import pair_energy
from virtualcell.schema import DataError

RATES, CENTRE, DIFFUSION = np.array([1.0, 2.0, 0.5]), np.array([0.3, 0.0, -0.2]), 0.5
DURATION = 0.7


def bowl(euler_steps: int = 100, treatments: tuple[str, ...] = ()) -> Dynamics:
    """dz_j = -RATES_j (z_j - CENTRE_j) dt + sqrt(2 DIFFUSION) dW_j: the network is silenced, the bowl is left."""
    torch.manual_seed(0)
    dynamics = Dynamics(3, 8, DIFFUSION, treatments, euler_steps)
    with torch.no_grad():
        dynamics.potential.last.zero_()
        dynamics.potential.bowl.copy_(torch.from_numpy(RATES))
        dynamics.potential.centre.copy_(torch.from_numpy(CENTRE))
    return dynamics


def valleys(d: int = 2) -> Dynamics:
    """A landscape that is no bowl."""
    torch.manual_seed(1)
    dynamics = Dynamics(d, 16, 0.3, euler_steps=40)
    dynamics.potential.enclose(torch.randn(400, d), 0.3, 20.0)
    with torch.no_grad():
        dynamics.potential.last.mul_(15.0)
    return dynamics


def exact(start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n, 3) and variance (3,) after DURATION."""
    mean = CENTRE + (start - CENTRE) * np.exp(-RATES * DURATION)
    return mean, DIFFUSION / RATES * (1 - np.exp(-2 * RATES * DURATION))


def pairs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends drawn from the exact law."""
    rng = np.random.default_rng(seed)
    start = rng.normal(size=(n, 3))
    mean, variance = exact(start)
    return start, mean + np.sqrt(variance) * rng.normal(size=(n, 3))


def exact_energy(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    mean, variance = exact(start)
    return -stats.norm.logpdf(end, mean, np.sqrt(variance)).sum(1)


# -- futures ---------------------------------------------------------------------------------------------------------------------
def test_the_density_is_the_exact_law_of_a_linear_drift() -> None:
    start, end = pairs(100)
    wanted = exact_energy(start, end)
    usual = wanted < np.quantile(wanted, 0.95)
    few, many = (Futures.of(bowl(), start, DURATION, rollouts=k).each(end) - wanted for k in (250, 2000))
    assert np.abs(many[usual]).max() < 0.2
    np.testing.assert_allclose(many.mean(), 0.0, atol=0.03)
    # Noise of the draws falls with their root: eight times as many, about a third of it.
    assert np.sqrt((many[usual] ** 2).mean()) < 0.5 * np.sqrt((few[usual] ** 2).mean())
    # All of the way as one Gaussian: then nothing is drawn, and only the integrator's step is left.
    whole = Futures.of(bowl(1000), start, DURATION, rollouts=1, last=1.0).each(end)
    np.testing.assert_allclose(whole, wanted, atol=0.02)


def test_the_density_of_a_curved_landscape_is_that_of_many_rollouts() -> None:
    dynamics, start = valleys(), np.array([[0.8, -0.4]])
    with torch.no_grad():
        ends, _ = dynamics.rollout(torch.tensor(start).float().expand(60_000, 2), 0.6, torch.Generator().manual_seed(5))
    futures = Futures.of(dynamics, start, 0.6, rollouts=2000)
    low, high = np.quantile(ends.numpy(), [0.02, 0.98], axis=0)
    counts, x, y = np.histogram2d(ends[:, 0].numpy(), ends[:, 1].numpy(), bins=12, range=np.stack([low, high], 1))
    # The density in the middle of a bin would miss its curvature: averaged over a bin's quarter points.
    fine = [np.sort(np.concatenate([edge[:-1] + s * np.diff(edge) for s in (0.25, 0.75)])) for edge in (x, y)]
    grid = np.stack([g.ravel() for g in np.meshgrid(*fine, indexing="ij")], 1)
    density = np.exp(-futures.together(grid)).reshape(12, 2, 12, 2).mean((1, 3))
    mass = density * np.diff(x)[0] * np.diff(y)[0]
    assert np.abs(mass - counts / 60_000).sum() < 0.06
    assert not np.allclose(np.corrcoef(ends.numpy().T)[0, 1], 0, atol=0.02) or abs(stats.skew(ends[:, 0].numpy())) > 0.02


def test_table_pairs_and_population_say_the_same() -> None:
    start, end = pairs(6)
    futures = Futures.of(bowl(), start, DURATION, rollouts=32)
    table = futures.table(end[:4])
    assert table.shape == (6, 4)
    np.testing.assert_allclose(np.diag(table), futures.each(end)[:4])
    # Without growth every start cell has as many descendants.
    np.testing.assert_allclose(futures.together(end[:4]), -np.log(np.exp(-table).mean(0)))


def test_growth_counts_between_start_cells_and_not_within_one_place() -> None:
    dynamics = bowl()
    with torch.no_grad():
        dynamics.growth.last.bias.fill_(0.7)
    start, end = pairs(5)
    grown, still = (Futures.of(d, start, DURATION, rollouts=16) for d in (dynamics, bowl()))
    np.testing.assert_allclose(grown.together(end), still.together(end), rtol=1e-6, err_msg="growth alike everywhere is none")
    with torch.no_grad():
        dynamics.growth.inner[0].weight.zero_()
        dynamics.growth.inner[0].weight[0, 0] = 4.0
        dynamics.growth.inner[0].bias.zero_()
        dynamics.growth.last.weight.zero_()
        dynamics.growth.last.weight[0, 0] = 2.0
    there = np.array([[-3.0, 0, 0], [3.0, 0, 0]])
    uneven = Futures.of(dynamics, there, DURATION, rollouts=64)
    mean = exact(there)[0]
    low, high = uneven.together(mean)
    assert high < low - 0.5, "cells that grow make their place likelier"


def test_the_batch_does_not_matter_and_the_seed_does() -> None:
    start, end = pairs(9)
    dynamics = valleys(3)
    whole = Futures.of(dynamics, start, DURATION, seed=3).each(end)
    alone = [Futures.of(dynamics, start[i : i + 1], DURATION, seed=3).each(end[i : i + 1])[0] for i in range(9)]
    np.testing.assert_allclose(whole, alone, rtol=1e-4)
    np.testing.assert_array_equal(whole, Futures.of(dynamics, start, DURATION, seed=3).each(end))
    assert not np.allclose(whole, Futures.of(dynamics, start, DURATION, seed=4).each(end), rtol=1e-4)


def test_drawn_descendants_follow_the_exact_law() -> None:
    start = np.array([[1.0, -1.0, 0.5]])
    drawn = Futures.of(bowl(), start, DURATION, rollouts=2000, shared_noise=False).draw(20_000, seed=2)
    mean, variance = exact(start)
    np.testing.assert_allclose(drawn.mean(0), mean[0], atol=0.04)
    np.testing.assert_allclose(drawn.var(0), variance, rtol=0.06)


# -- least action ----------------------------------------------------------------------------------------------------------------
def test_least_action_is_its_closed_form_for_a_linear_drift() -> None:
    start, end = pairs(20)
    found = least_action(bowl(), start, end, DURATION)
    mean, variance = exact(start)
    # S = |z' - mean|^2 / (2 variance): the exponent of the exact law (Freidlin & Wentzell).
    np.testing.assert_allclose(found.action, ((end - mean) ** 2 / (2 * variance)).sum(1), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found.energy, exact_energy(start, end), atol=1e-3)
    assert found.settled.all()
    assert found.path.shape == (71, 20, 3)
    # The exact bridge: a z e^-kt + b e^kt through both ends.
    t = np.linspace(0, DURATION, 71)[:, None, None]
    bridge = np.sinh(RATES * (DURATION - t)) * (start - CENTRE) + np.sinh(RATES * t) * (end - CENTRE)
    np.testing.assert_allclose(found.path, CENTRE + bridge / np.sinh(RATES * DURATION), atol=1e-3)


def test_following_the_drift_costs_nothing() -> None:
    dynamics = valleys()
    start = np.random.default_rng(0).normal(size=(5, 2))
    with torch.no_grad():
        end, _ = dynamics.rollout(torch.from_numpy(start).float(), 0.5, torch.Generator(), noise=False, keep=None)
    assert least_action(dynamics, start, end.numpy(), 0.5).action.max() < 2e-3
    assert least_action(dynamics, end.numpy(), start, 0.5).action.min() > 0.05, "the way back has to be paid for"


def test_no_other_path_costs_less() -> None:
    dynamics = valleys()
    rng = np.random.default_rng(0)
    start, end = rng.normal(size=(2, 4, 2))
    found = least_action(dynamics, start, end, 0.5, steps=20)
    dt = 0.5 / 20

    def action(path: np.ndarray) -> np.ndarray:
        middle = torch.from_numpy((0.5 * (path[1:] + path[:-1])).reshape(-1, 2)).float()
        with torch.no_grad():
            drift = dynamics.drift(middle).numpy().reshape(20, 4, 2)
        return ((np.diff(path, axis=0) - dt * drift) ** 2).sum((0, 2)) / (4 * float(dynamics.diffusion.detach()) * dt)

    np.testing.assert_allclose(action(found.path), found.action, rtol=1e-4)
    bent = found.path + 0.03 * np.sin(np.pi * np.linspace(0, 1, 21))[:, None, None] * rng.normal(size=(1, 4, 2))
    assert (action(bent) > found.action).all()


def test_action_of_a_pair_does_not_depend_on_the_others() -> None:
    dynamics = valleys(3)
    start, end = pairs(7)
    whole = least_action(dynamics, start, end, DURATION)
    for i in range(7):
        alone = least_action(dynamics, start[i : i + 1], end[i : i + 1], DURATION)
        np.testing.assert_allclose(alone.energy[0], whole.energy[i], rtol=1e-7)
        np.testing.assert_allclose(alone.path[:, 0], whole.path[:, i], atol=1e-6)


# -- both under one interface ----------------------------------------------------------------------------------------------------
def test_both_methods_give_the_same_energy_in_nats() -> None:
    dynamics = valleys()
    start = np.random.default_rng(0).normal(size=(60, 2))
    with torch.no_grad():
        end, _ = dynamics.rollout(torch.from_numpy(start).float(), 0.4, torch.Generator().manual_seed(1))
    density, action = (pair_energy(dynamics, start, end.numpy(), 0.4, method=method) for method in ("density", "action"))
    assert np.abs(density - action).mean() < 0.15
    assert np.corrcoef(density, action)[0, 1] > 0.97


def test_a_treatment_pushes_where_it_says() -> None:
    dynamics = bowl(treatments=("A",))
    with torch.no_grad():
        dynamics.forces.copy_(torch.tensor([[3.0, 0.0, 0.0]]))
    start = np.zeros((2, 3))
    end = exact(start)[0] + np.array([[1.5, 0, 0], [-1.5, 0, 0]])
    for method in ("density", "action"):
        pushed = pair_energy(dynamics, start, end, DURATION, "A", method=method)
        still = pair_energy(dynamics, start, end, DURATION, method=method)
        assert pushed[0] < still[0]
        assert pushed[1] > still[1]


@pytest.mark.parametrize("method", ["density", "action"])
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"duration": 0.0}, "duration"),
        ({"duration": float("nan")}, "duration"),
        ({"treatment": "B"}, "treatment"),
        ({"start": np.zeros((2, 4))}, "start"),
        ({"start": np.full((2, 3), np.nan)}, "start"),
        ({"end": np.zeros((3, 3))}, "end"),
        ({"end": np.zeros(3)}, "end"),
        ({"end": np.full((2, 3), np.inf)}, "end"),
    ],
)
def test_errors_name_the_field(method: str, changed: dict, field: str) -> None:
    given = {"start": np.zeros((2, 3)), "end": np.zeros((2, 3)), "duration": 0.5, "treatment": None} | changed
    with pytest.raises(DataError) as raised:
        pair_energy(bowl(treatments=("A",)), given["start"], given["end"], given["duration"], given["treatment"], method=method)
    assert raised.value.field == field


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(DataError, match="density, action") as raised:
        pair_energy(bowl(), np.zeros((1, 3)), np.zeros((1, 3)), 1.0, method="none")
    assert raised.value.field == "method"


# -- populations -----------------------------------------------------------------------------------------------------------------
METHODS = ("gaussian", "kernel", "distance")


@pytest.mark.parametrize("method", METHODS)
def test_the_right_population_beats_shifted_heaped_and_shuffled_ones(method: str) -> None:
    rng = np.random.default_rng(0)
    law = np.array([[1.0, 0.9, 0], [0.9, 1.0, 0], [0, 0, 1.0]])
    predicted = rng.multivariate_normal(np.zeros(3), law, 2000)
    measured = rng.multivariate_normal(np.zeros(3), law, 300)
    right = population_energy(predicted, measured, method=method)
    assert population_energy(predicted, measured + np.array([0.7, 0, 0]), method=method) > right
    assert population_energy(predicted, 0.3 * measured, method=method) > right, "a heap at the likeliest place is no match"
    shuffled = np.stack([rng.permutation(column) for column in measured.T], 1)
    assert population_energy(predicted, shuffled, method=method) > right


def test_the_gaussian_energy_is_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    predicted, measured = rng.normal(size=(40_000, 2)) * [1.0, 2.0] + [1.0, 0.0], rng.normal(size=(40_000, 2))
    wanted = 0.5 * ((1 + 0.25) + 1.0 - 2 + np.log(4.0))
    assert population_energy(predicted, measured) == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_weights_count_as_repeated_cells(method: str) -> None:
    rng = np.random.default_rng(0)
    predicted, measured = rng.normal(size=(200, 2)), rng.normal(size=(50, 2)) + 0.5
    times = rng.integers(1, 4, 200)
    weighted = population_energy(predicted, measured, np.log(times), method=method)
    repeated = population_energy(np.repeat(predicted, times, 0), measured, method=method)
    # Repeats are taken for further cells where pairs or degrees of freedom are counted.
    assert weighted == pytest.approx(repeated, abs=0.03)
    assert abs(weighted - population_energy(predicted, measured, method=method)) > 1e-4


@pytest.mark.parametrize(
    ("predicted", "measured", "weights", "method", "field"),
    [
        (np.zeros((9, 2)), np.zeros((9, 3)), None, "distance", "measured"),
        (np.ones((9, 2)), np.full((9, 2), np.nan), None, "distance", "measured"),
        (np.ones((1, 2)), np.ones((9, 2)), None, "distance", "predicted"),
        (np.ones((9, 2)), np.ones((9, 2)), np.zeros(4), "distance", "log_weights"),
        (np.random.default_rng(0).normal(size=(9, 4)), np.ones((5, 4)), None, "gaussian", "measured"),
        (np.random.default_rng(0).normal(size=(9, 2)), np.ones((9, 2)), None, "gaussian", "measured"),
        (np.ones((9, 2)), np.ones((2, 2)), None, "kernel", "measured"),
        (np.ones((9, 2)), np.ones((9, 2)), None, "none", "method"),
    ],
)
def test_population_errors_name_the_field(
    predicted: np.ndarray, measured: np.ndarray, weights: np.ndarray | None, method: str, field: str
) -> None:
    with pytest.raises(DataError) as raised:
        population_energy(predicted, measured, weights, method=method)
    assert raised.value.field == field


def test_p_values_are_even_for_expected_cells_and_small_for_strangers() -> None:
    start, end = pairs(400)
    futures = Futures.of(bowl(), start, DURATION, rollouts=16)
    expected = futures.together(futures.draw(999, seed=1))
    own = outlier_p_values(futures.together(end), expected)
    assert stats.kstest(own, "uniform").pvalue > 1e-3
    strangers = outlier_p_values(futures.together(end + 6.0), expected)
    assert strangers.max() <= 0.01
    assert strangers.min() == pytest.approx(1 / 1000)


def even_bowl(d: int) -> Dynamics:
    """dz = -z / 2 dt + sqrt(2 DIFFUSION) dW in d coordinates."""
    dynamics = Dynamics(d, 8, DIFFUSION, (), 20)
    with torch.no_grad():
        dynamics.potential.last.zero_()
        dynamics.potential.bowl.fill_(0.5)
    return dynamics


@pytest.mark.parametrize(("d", "wide"), [(2, 1.0), (12, 1.0), (16, 0.05)])
def test_of_a_model_that_is_right_as_many_cells_are_unexpected_as_said(d: int, wide: float) -> None:
    """The dynamics themselves carry the measured cells, from start cells that are not those asked; in 12 dimensions, of draws
    from the density itself as the reference, a quarter or more would be. From a narrow start noise is all that tells futures
    apart: met by both halves, it would make the model's own cells twins of those in the density."""
    rng = np.random.default_rng(0)
    start, others = ((wide * rng.normal(size=(300, d))).astype(np.float32) for _ in range(2))
    law = even_bowl(d)
    measured = Futures.of(law, others, DURATION, rollouts=1, seed=5, shared_noise=False).draw(2000, 7)
    found = unexpected(law, start, measured, DURATION)
    assert found.drawn.shape == (2000, d)
    assert np.mean(found.drawn_chances <= 0.05) == pytest.approx(0.05, abs=0.002)
    assert np.mean(found.chances <= 0.05) == pytest.approx(0.05, abs=0.03)
    if d == 12:
        itself = Futures.of(law, start, DURATION, rollouts=16, shared_noise=False)
        flagged = outlier_p_values(itself.together(measured), itself.together(itself.draw(999)))
        assert np.mean(flagged <= 0.05) > 0.25
    with pytest.raises(DataError, match="too few"):
        unexpected(law, start[:10], measured, DURATION)


def test_p_values_count_ties_and_need_something_expected() -> None:
    np.testing.assert_allclose(outlier_p_values(np.array([0.0, 2.0, 9.0]), np.array([1.0, 2.0, 3.0])), [1.0, 0.75, 0.25])
    with pytest.raises(DataError) as raised:
        outlier_p_values(np.zeros(2), np.array([]))
    assert raised.value.field == "expected"


def test_many_pairs_are_asked_in_pieces_and_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    start, end = pairs(25)
    whole = pair_energy(bowl(), start, end, DURATION, seed=3)
    monkeypatch.setattr("virtualcell.predictor.pair.AT_ONCE", 10)
    np.testing.assert_allclose(pair_energy(bowl(), start, end, DURATION, seed=3), whole, rtol=1e-5)
