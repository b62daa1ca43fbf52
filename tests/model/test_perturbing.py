"""Treatments that were measured beside their control: what the model says of them, keeps on disk, and refuses to say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scipy.sparse as sp

from virtualcell.model import VirtualCell
from virtualcell.perturbation.saved import FILE
from virtualcell.schema import AutoencoderSettings, DataError, PredictorSettings, PreprocessSettings, Settings

SMALL = Settings(
    preprocess=PreprocessSettings(n_components=8),
    autoencoder=AutoencoderSettings(latent_dim=3, hidden=16, epochs=2, min_steps=20),
    predictor=PredictorSettings(width=16, steps=10, warm_steps=10, rollouts=32, euler_steps=6),
)
GENES, CELLS = 80, 60
RAISED = {"a": [0, 1], "b": [2, 3], "a+c": [0, 1, 4]}


def counted(time: bool = False) -> ad.AnnData:
    """Cells in which a treatment makes its genes four times as many, as counts."""
    rng = np.random.default_rng(0)
    rate = rng.uniform(1, 6, GENES)
    names = np.repeat(["control", *RAISED], CELLS)
    level = np.tile(rate, (len(names), 1))
    for name, genes in RAISED.items():
        level[np.ix_(names == name, genes)] *= 4
    cells = ad.AnnData(sp.csr_matrix(rng.poisson(level).astype(np.float32)))
    cells.var_names = [f"g{i}" for i in range(GENES)]
    cells.obs_names = [f"c{i}" for i in range(len(names))]
    cells.obs["given"] = names
    if time:
        cells.obs["hour"] = np.tile([0.0, 1.0], len(names) // 2)
    return cells


@pytest.fixture(scope="module")
def cells() -> ad.AnnData:
    return counted()


@pytest.fixture(scope="module")
def model(cells: ad.AnnData) -> VirtualCell:
    return VirtualCell(SMALL).fit(cells, perturbation="given", device="cpu")


def folds(model: VirtualCell, cells: ad.AnnData, treatment: str):
    untreated = cells[(cells.obs["given"] == "control").to_numpy()].copy()
    effect = model.perturb(untreated, treatment=treatment)
    return effect, effect.genes.set_index("gene")


def test_what_was_measured_is_what_is_said(model: VirtualCell, cells: ad.AnnData) -> None:
    effect, table = folds(model, cells, "a")
    assert effect.kind == "measured treatment"
    raised = table.loc[["g0", "g1"]]
    assert raised["log2_fold_change"].to_numpy() == pytest.approx([2.0, 2.0], abs=0.4)
    assert (raised["low"] > 1).all()
    others = table.drop(["g0", "g1"])
    assert (np.sign(others["low"]) != np.sign(others["high"])).mean() > 0.9
    assert ((table["low"] <= table["log2_fold_change"]) & (table["log2_fold_change"] <= table["high"])).all()
    # Before is what was measured of the untreated, and the fold is that of the treated over it: back from means of logarithms.
    given = cells.obs["given"].to_numpy()
    depth = float(np.median(np.asarray(cells.X[given == "control"].sum(1))))

    def typical(name: str) -> np.ndarray:
        counts = cells.X[given == name].toarray()
        return np.expm1(np.log1p(depth * counts / counts.sum(1)[:, None]).mean(0)) * 1e4 / depth

    before, after = typical("control"), typical("a")
    names = list(cells.var_names)
    np.testing.assert_allclose(table.loc[names, "before"], before, rtol=0.01)
    measured = np.log2((after + 0.5) / (before + 0.5))
    inside = (table.loc[names, "low"] <= measured) & (measured <= table.loc[names, "high"])
    assert inside.mean() > 0.85, "an interval that misses what was measured says nothing"


def test_two_that_were_never_given_together_add(model: VirtualCell, cells: ad.AnnData) -> None:
    effect, table = folds(model, cells, "a+b")
    assert effect.kind == "treatments added, not measured together"
    assert (table.loc[["g0", "g1", "g2", "g3"], "log2_fold_change"] > 1.4).all()
    assert folds(model, cells, "a+c")[0].kind == "measured treatment"


def test_a_part_that_was_never_measured_alone_is_refused(model: VirtualCell, cells: ad.AnnData) -> None:
    for treatment in ("b+c", "c"):
        with pytest.raises(DataError, match="'c' was never measured"):
            folds(model, cells, treatment)


def test_treated_states_are_those_of_the_predicted_counts(model: VirtualCell, cells: ad.AnnData) -> None:
    effect, _ = folds(model, cells, "a")
    measured = model.embed(cells.copy())[(cells.obs["given"] == "a").to_numpy()]
    apart = np.linalg.norm(effect.treated.mean(0) - measured.mean(0))
    assert apart < 0.5 * np.linalg.norm(effect.untreated.mean(0) - measured.mean(0))
    np.testing.assert_allclose(effect.untreated, effect.start, atol=1e-5)


def test_the_push_that_leads_there_comes_first(model: VirtualCell, cells: ad.AnnData) -> None:
    names = cells.obs["given"].to_numpy()
    start, goal = (cells[names == name].copy() for name in ("control", "b"))
    table = model.which_push(start, goal)
    assert table["treatment"].iloc[0] == "b"
    assert set(table["treatment"]) == {"a", "b", "a+c", "a+b"}
    assert table["probability"].sum() == pytest.approx(1.0)
    assert table["arriving"][0] > 2 * table["arriving_untreated"][0]
    with pytest.raises(DataError, match="never measured"):
        model.which_push(start, goal, ["nothing"])
    with pytest.raises(DataError, match="no treatment to rank"):
        model.which_push(start, goal, [])


def test_relearned_without_a_goal_it_does_not_know_the_goal(model: VirtualCell, cells: ad.AnnData) -> None:
    names = cells.obs["given"].to_numpy()
    less = model.relearned(cells[names != "b"].copy())
    assert set(less.response.treatments) == {"a", "a+c"}
    assert set(model.response.treatments) == {"a", "b", "a+c"}, "the model itself stays as it was"
    again = model.relearned(cells)
    np.testing.assert_allclose(again.response.shared["a"], model.response.shared["a"], atol=1e-6)
    with pytest.raises(DataError, match="No treatment was measured"):
        model.relearned(cells[names == "control"].copy())


def test_saved_and_loaded_it_says_the_same(model: VirtualCell, cells: ad.AnnData, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = VirtualCell.load(tmp_path)
    for treatment in ("a", "a+b"):
        np.testing.assert_allclose(
            folds(again, cells, treatment)[1]["log2_fold_change"].sort_index(),
            folds(model, cells, treatment)[1]["log2_fold_change"].sort_index(),
            atol=1e-4,
        )
    (tmp_path / FILE).write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"broken.*"):
        VirtualCell.load(tmp_path)


def test_with_times_a_treatment_is_a_force_and_no_old_response_stays(cells: ad.AnnData, tmp_path: Path) -> None:
    timed = counted(time=True)
    moving = VirtualCell(replace(SMALL)).fit(timed, time="hour", perturbation="given", device="cpu")
    assert moving.response is None
    with pytest.raises(DataError, match="at one time"):
        moving.which_push(timed, timed)
    (tmp_path / FILE).write_bytes(b"of an earlier model")
    moving.save(tmp_path)
    assert not (tmp_path / FILE).exists()
