"""Which dose: of constant pushes in a plane without slopes, dose times force is how far cells go."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from virtualcell.perturbation.doses import rank_doses
from virtualcell.predictor.dynamics import Dynamics


class Flat(Dynamics):
    """No drift; "right" moves by 1 a span along x, "up" by 1 along y."""

    def __init__(self) -> None:
        super().__init__(2, 4, 0.05, ("right", "up"), euler_steps=8)
        with torch.no_grad():
            self.forces[:] = torch.eye(2)

    def own_drift(self, z: Tensor) -> Tensor:
        return torch.zeros_like(z)


@pytest.fixture(scope="module")
def cells() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 2))


def test_the_dose_that_goes_as_far_as_the_goal_comes_first(cells: np.ndarray) -> None:
    law = Flat().eval()
    for treatment, dose in (("right", 2.0), ("up", 4.0)):
        goal = cells[::-1] + dose * np.eye(2)[["right", "up"].index(treatment)]
        table = rank_doses(law, cells, goal)
        assert (table["treatment"][0], table["dose"][0]) == (treatment, dose)
        assert table["closer"][0] > 0.95
        other = table[table["treatment"] != treatment]
        assert (other["closer"] < 0).all(), "the other way is farther at every dose"
    assert (table["measured"] == (table["dose"] == 1)).all()
    assert len(table) == 10


def test_twice_the_time_is_twice_the_dose(cells: np.ndarray) -> None:
    goal = cells + 4 * np.eye(2)[0]
    table = rank_doses(Flat().eval(), cells, goal, duration=2.0)
    assert (table["treatment"][0], table["dose"][0]) == ("right", 2.0)


def test_what_has_no_force_or_no_such_dose_is_refused(cells: np.ndarray) -> None:
    law = Flat().eval()
    with pytest.raises(LookupError, match="'left' has no force"):
        rank_doses(law, cells, cells, treatments=["left"])
    for doses in ([0.0], [17.0], [np.nan], []):
        with pytest.raises(ValueError, match="Doses are above 0"):
            rank_doses(law, cells, cells, doses=doses)
    with pytest.raises(ValueError, match="Two cells or more"):
        rank_doses(law, cells, cells[:1])
    with pytest.raises(ValueError, match="no force of any"):
        rank_doses(law, cells, cells, treatments=[])


def test_cells_arrive_at_the_dose_that_leads_to_the_goal(cells: np.ndarray) -> None:
    goal = cells[::-1] + 4 * np.eye(2)[0]
    table = rank_doses(Flat().eval(), cells, goal).set_index(["treatment", "dose"])
    assert table.loc[("right", 4.0), "arriving"] > 0.8
    assert table.loc[("up", 4.0), "arriving"] < 0.1
    assert (table["low"] <= table["arriving"]).all()
    assert (table["arriving"] <= table["high"]).all()
    assert table["arriving_untreated"].iloc[0] < 0.1
    assert table["arriving_goal"].iloc[0] > 0.8
    assert rank_doses(Flat().eval(), cells[:9], goal)["arriving"].isna().all()
