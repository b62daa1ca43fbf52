"""Pushed for a while, then let go: on a double well whose critical push is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.landscape.samples import Wells
from virtualcell.landscape.dose_response import BACK, OUTCOMES, SETTLED, STAYED, dose_response, outcomes, valley_of
from virtualcell.predictor.dynamics import Dynamics

CRITICAL = 8 / (3 * math.sqrt(3))
"""The steepest slope between the wells of (x^2 - 1)^2."""

VALLEYS = np.array([[1.0, 0.0], [-1.0, 0.0]], dtype=np.float32)
START = np.tile(VALLEYS[1], (40, 1))


def pushed(diffusion: float) -> Dynamics:
    dynamics = Dynamics(2, 2, diffusion, ("push",), euler_steps=200)
    dynamics.potential = Wells()
    with torch.no_grad():
        dynamics.forces[0] = torch.tensor([1.0, 0.0])
    return dynamics.eval()


def shares(diffusion: float, doses: list[float], **options: float) -> dict[str, list[float]]:
    table = dose_response(pushed(diffusion), VALLEYS, START, "push", np.array(doses), **options)
    assert np.allclose(table.groupby("dose")["share"].sum(), 1.0)
    assert (table["low"] <= table["share"]).all()
    assert (table["share"] <= table["high"]).all()
    return {name: table.loc[table["outcome"] == name, "share"].tolist() for name in OUTCOMES}


def test_next_to_no_noise_settles_from_the_critical_push_on() -> None:
    found = shares(1e-6, [0.0, 0.9 * CRITICAL, 1.2 * CRITICAL], duration=6.0, rest=3.0)
    assert found[SETTLED] == [0.0, 0.0, 1.0]
    assert found[STAYED] == [1.0, 1.0, 0.0]


def test_noise_lets_some_over_the_pass_and_more_of_them_under_a_push() -> None:
    found = shares(0.25, [0.0, 0.5 * CRITICAL, 2 * CRITICAL], duration=1.0, rest=0.5)
    assert found[SETTLED][0] < found[SETTLED][1] < found[SETTLED][2]
    assert found[BACK][0] < 0.2
    assert found[SETTLED][2] > 0.9


def test_each_dose_has_the_same_noise() -> None:
    once, again = (shares(0.25, doses, duration=1.0, rest=0.5) for doses in ([1.0, 2.0], [1.0]))
    for name in OUTCOMES:
        assert once[name][0] == again[name][0]


def test_an_outcome_is_where_a_cell_is_after_the_rest() -> None:
    found = outcomes(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), np.array([0, 0, 1, 0]))
    assert found.tolist() == [STAYED, BACK, SETTLED, SETTLED]


@pytest.mark.parametrize(("x", "valley"), [(-0.05, 1), (0.05, 0), (2.0, 0)])
def test_a_cell_belongs_to_the_valley_that_it_rolls_into(x: float, valley: int) -> None:
    assert valley_of(pushed(0.1), VALLEYS, np.array([[x, 0.7]])).tolist() == [valley]
