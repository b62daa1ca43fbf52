"""Barcoded sisters: which pairs there are, and that they pull what they should."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.training.clones import Sisters

TIME = np.array([0.0, 0.0, 1.0, 1.0, 0.5])
CLONES = sp.csr_matrix(np.array([[1, 0], [0, 1], [1, 0], [0, 1], [1, 0]]))


def test_pairs_lead_from_earlier_to_later_within_a_clone() -> None:
    found = Sisters.of(CLONES, TIME, None, "control")
    pairs = {tuple(row): gap for row, gap in zip(found.rows.tolist(), found.gap.tolist(), strict=True)}
    assert pairs == {(0, 2): 1.0, (0, 4): 0.5, (1, 3): 1.0, (4, 2): 0.5}
    assert set(found.treatment) == {None}
    assert len(Sisters.of(None, TIME, None, "control")) == len(Sisters.of(CLONES, None, None, "control")) == 0


def test_a_treated_sister_comes_from_an_untreated_cell_or_one_treated_alike() -> None:
    treatment = np.array(["control", "drug", "drug", "control", "other"])
    found = Sisters.of(CLONES, TIME, treatment, "control")
    said = {tuple(row): name for row, name in zip(found.rows.tolist(), found.treatment.tolist(), strict=True)}
    # 1 was given the drug and its late sister nothing; 4 was given another than 2.
    assert said == {(0, 2): "drug", (0, 4): "other"}


def test_what_treated_sisters_did_is_laid_to_the_treatment() -> None:
    torch.manual_seed(0)
    model = Dynamics(2, 4, 1e-6, ("drug",), euler_steps=20)
    with torch.no_grad():
        model.potential.last.zero_()
    n = 40
    rng = np.random.default_rng(0)
    early = rng.normal(0, 0.3, (n, 2))
    states = torch.from_numpy(np.concatenate([early, early + np.array([2.0, 0.0])])).float()
    time, treatment = np.repeat([0.0, 1.0], n), np.repeat(["control", "drug"], n)
    clones = sp.csr_matrix(np.concatenate([np.eye(n), np.eye(n)]))
    sisters = Sisters.of(clones, time, treatment, "control")
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    before = float(sisters.loss(model, states, torch.Generator().manual_seed(0)).detach())
    for step in range(80):
        optimiser.zero_grad()
        sisters.loss(model, states, torch.Generator().manual_seed(step)).backward()
        optimiser.step()
    after = float(sisters.loss(model, states, torch.Generator().manual_seed(0)).detach())
    assert after < 0.3 * before
    assert float(model.forces[0, 0]) > 0.5, "the push of the drug leads to the right"


def test_sisters_given_what_was_measured_in_one_cell_are_left_out() -> None:
    found = Sisters.of(CLONES, TIME, np.array(["control", "control", "drug", "control", "other"]), "control")
    assert set(found.treatment) == {"drug", "other", None}
    assert set(found.pushed_by(("drug",)).treatment) == {"drug", None}
    assert set(found.pushed_by(()).treatment) == {None}
