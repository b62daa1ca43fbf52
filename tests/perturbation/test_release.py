"""A push over the hill, of a law whose critical push is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from virtualcell.perturbation.release import critical_dose, push_and_release
from virtualcell.predictor.dynamics import Dynamics

CRITICAL = 2 / (3 * math.sqrt(3))
"""Of dx = x - x^3 + s: where the left valley and the pass meet."""

SPANS = 25.0


class DoubleWell(Dynamics):
    """dx = x - x^3, dy = -y, in spans of one unit of time, pushed along x by .1."""

    def __init__(self) -> None:
        super().__init__(2, 4, 0.05, ("push",), euler_steps=16)
        with torch.no_grad():
            self.forces[0] = torch.tensor([0.1, 0.0])

    def own_drift(self, z: Tensor) -> Tensor:
        return torch.stack([z[:, 0] - z[:, 0] ** 3, -z[:, 1]], 1)


@pytest.fixture(scope="module")
def dynamics() -> DoubleWell:
    return DoubleWell().eval()


LEFT = np.array([-1.0, 0.0], dtype=np.float32)


def test_a_weak_push_rolls_back_and_a_strong_one_does_not(dynamics: DoubleWell) -> None:
    for share, back in ((0.9, True), (1.1, False)):
        found = push_and_release(dynamics, LEFT[None], "push", dose=share * CRITICAL / 0.1, duration=SPANS, rest=SPANS, near=0.1)
        assert found.back.tolist() == [back]
        np.testing.assert_allclose(found.rested[0], [-1.0 if back else 1.0, 0.0], atol=0.01)
        assert found.pushed[0, 0] > -0.9


def test_the_critical_push_is_the_known_one(dynamics: DoubleWell) -> None:
    found = critical_dose(dynamics, LEFT, "push", duration=SPANS, rest=SPANS, near=0.1)
    assert found is not None
    assert 0.1 * found == pytest.approx(CRITICAL, rel=0.05)  # above it by what a push of finite duration takes
    short = critical_dose(dynamics, LEFT, "push", duration=2.0, rest=SPANS, near=0.1)
    assert short is not None
    assert short > 1.2 * found, "a short push must be stronger"


def test_from_the_other_side_no_such_push_leads_away(dynamics: DoubleWell) -> None:
    assert critical_dose(dynamics, -LEFT, "push", duration=SPANS, rest=SPANS, near=0.1) is None


def test_with_noise_some_leave_and_the_seed_decides(dynamics: DoubleWell) -> None:
    start = np.tile(LEFT, (200, 1))
    asked = {"dose": 0.8 * CRITICAL / 0.1, "duration": 10.0, "rest": 5.0, "near": 0.8, "noise": 1.0}
    first, again, other = (push_and_release(dynamics, start, "push", seed=seed, **asked).back for seed in (0, 0, 1))
    assert 0 < first.mean() < 1
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_is_no_dose_or_treatment_is_refused(dynamics: DoubleWell) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        push_and_release(dynamics, LEFT[None], "push", dose=-1.0, near=0.1)
    with pytest.raises(KeyError, match="was not measured"):
        push_and_release(dynamics, LEFT[None], "other", near=0.1)
