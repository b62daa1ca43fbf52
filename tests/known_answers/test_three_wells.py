"""The predictor on cells from a landscape with a known answer: three wells in the plane and a known diffusion.

Only the cells' places and times are given. The order of the wells' heights is tested and their size is not: the progenitor's well
is learned less than half as high over the fates as it truly is. Shares of fates are those of the weighted cells: the simulated
cells neither divide nor die, but snapshots do not tell that.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from virtualcell.data.simulate import simulate_three_wells
from virtualcell.data.three_wells import DIFFUSION, wells
from virtualcell.evaluation.metrics import energy_distance
from virtualcell.landscape.attractors import find_attractors
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import Attractor, PredictorSettings
from virtualcell.training.predictor import train_predictor

pytestmark = pytest.mark.slow

N = 200


@dataclasses.dataclass(frozen=True)
class Fitted:
    dynamics: Dynamics
    span: float
    attractors: tuple[Attractor, ...]
    seed: int


@pytest.fixture(scope="module", params=[0, 1], ids=["seed 0", "seed 1"])
def fitted(request: pytest.FixtureRequest) -> Fitted:
    cells = simulate_three_wells(request.param, N)
    places, time = cells.obsm["true_latent"].astype(np.float32), cells.obs["time"].to_numpy()
    span = float(time.max())
    dynamics = train_predictor(places, PredictorSettings(steps=300), time=time / span, seed=request.param).dynamics
    state = cells.obs["state"].astype(str).to_numpy()
    found, _ = find_attractors(
        dynamics.potential,
        float(dynamics.diffusion.detach()),
        places,
        state,
        np.eye(2, dtype=np.float32),
        np.zeros(2, np.float32),
    )
    return Fitted(dynamics, span, found, request.param)


def test_new_cells_are_carried_to_where_cells_are_measured(fitted: Fitted) -> None:
    new = simulate_three_wells(fitted.seed + 1000, N)
    places, time = new.obsm["true_latent"].astype(np.float32), new.obs["time"].to_numpy()
    start = torch.from_numpy(places[time == 0])
    for t in (2.0, 4.0, 8.0):
        with torch.no_grad():
            end, log_weight = fitted.dynamics.rollout(start, t / fitted.span, torch.Generator().manual_seed(1))
        measured = places[time == t]
        ours = energy_distance(end.numpy(), measured, np.exp(log_weight.numpy()))
        nothing = energy_distance(places[time == 0], measured)
        assert ours < 0.2 * nothing, f"time {t:g}: {ours:.3f} against {nothing:.3f} of no change"


def test_each_true_well_is_found_and_no_other(fitted: Fitted) -> None:
    assert sorted(a.name for a in fitted.attractors) == sorted(w.name for w in wells())
    for well in wells():
        (found,) = [a for a in fitted.attractors if a.name == well.name]
        # The wells lie 1.8 to 2.1 apart. The progenitor's is found about 0.2 too near the fates, those of the fates within 0.12.
        allowed = 0.3 if well.name == "Progenitor" else 0.2
        assert np.linalg.norm(found.state - well.xy) < allowed, f"{well.name} at {found.state}, truly at {well.xy}"
        assert found.purity > 0.9
        assert found.min_curvature > 0


def test_fates_lie_lower_than_the_progenitor(fitted: Fitted) -> None:
    energy = {a.name: a.energy for a in fitted.attractors}
    assert energy["Fate A"] < energy["Fate B"] < energy["Progenitor"]


def test_diffusion_is_right_within_a_factor_of_two(fitted: Fitted) -> None:
    found = float(fitted.dynamics.diffusion.detach()) / fitted.span
    assert DIFFUSION / 2 < found < 2 * DIFFUSION


def test_most_progenitors_leave_and_reach_both_fates(fitted: Fitted) -> None:
    new = simulate_three_wells(fitted.seed + 1000, N)
    places, time = new.obsm["true_latent"].astype(np.float32), new.obs["time"].to_numpy()
    with torch.no_grad():
        end, log_weight = fitted.dynamics.rollout(torch.from_numpy(places[time == 0]), 1.0, torch.Generator().manual_seed(2))
    centres = np.stack([w.xy for w in wells()])

    def shares(xy: np.ndarray, weights: np.ndarray) -> np.ndarray:
        nearest = np.linalg.norm(xy[:, None] - centres, axis=2).argmin(1)
        return np.bincount(nearest, weights, minlength=3) / weights.sum()

    ours, true = shares(end.numpy(), np.exp(log_weight.numpy())), shares(places[time == 8.0], np.ones(N))
    np.testing.assert_allclose(ours, true, atol=0.15)
    assert ours[1:].min() > 0.15
