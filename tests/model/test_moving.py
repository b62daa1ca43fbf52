"""Cells carried forward and pushed, by the public class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from mudata import MuData

from tests.model.samples import PLAIN, drifting
from virtualcell.model import VirtualCell
from virtualcell.schema import DataError


def test_prediction_is_decided_by_the_seed(model: VirtualCell, cells: MuData) -> None:
    start = cells[:10].copy()
    a, b, c = (model.predict(start, duration=3.0, frames=5, copies=2, seed=s) for s in (4, 4, 5))
    np.testing.assert_array_equal(a.states, b.states)
    assert not np.array_equal(a.states, c.states)
    assert a.states.shape == (5, 20, 4)
    assert a.log_weights.shape == (5, 20)
    np.testing.assert_allclose(a.times, [0, 0.75, 1.5, 2.25, 3.0])
    assert a.start.tolist() == np.repeat(np.arange(10), 2).tolist()
    np.testing.assert_array_equal(a.states[0], model.states[:10][a.start])
    assert not a.log_weights[0].any()


def test_without_noise_all_copies_agree(model: VirtualCell) -> None:
    found = model.predict(states=model.states[:3], duration=1.0, frames=2, copies=2, noise=False).states[-1]
    np.testing.assert_allclose(found[::2], found[1::2], rtol=1e-5)


@pytest.mark.parametrize("noise", [-1.0, np.nan])
def test_noise_is_a_factor_of_what_was_learned(model: VirtualCell, noise: float) -> None:
    with pytest.raises(DataError, match=r"field noise.*give 1 for as much"):
        model.predict(states=model.states[:3], duration=1.0, noise=noise)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"duration": np.inf}, "duration"),
        ({"duration": 0.0}, "duration"),
        ({"duration": np.nan}, "duration"),
        ({"frames": 0}, "frames"),
        ({"copies": 0}, "copies"),
        ({"dose": -1.0}, "dose"),
        ({"dose": np.nan}, "dose"),
        ({"applied": 2.0}, "applied"),
        ({"applied": np.nan}, "applied"),
        ({"states": np.zeros((3, 2))}, "states"),
        ({"states": np.full((3, 4), np.nan)}, "states"),
        ({"states": None}, "cells"),
    ],
)
def test_what_cannot_be_carried_forward_is_named(model: VirtualCell, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(DataError) as caught:
        model.predict(**{"states": model.states[:3], "duration": 1.0, **arguments})
    assert caught.value.field == field


def test_the_landscape_is_the_predictors_own_energy(model: VirtualCell) -> None:
    found = model.landscape(12)
    assert found.attractors
    for a in found.attractors:
        lowest = model.energy(a.state[None])[0]
        around = model.energy(a.state + 0.02 * np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32))
        assert (around >= lowest - 1e-3).all()
    assert found.cell_xy.shape == (400, 2)
    # A cell lies no lower than the surface below it: the surface is the minimum over what is not drawn.
    surface = [found.energy[np.abs(found.y - y).argmin(), np.abs(found.x - x).argmin()] for x, y in found.cell_xy]
    energy = model.energy(model.states)
    assert np.corrcoef(surface, energy)[0, 1] > 0.3


def test_a_knock_out_takes_the_gene_away_and_is_called_what_it_is(model: VirtualCell, cells: MuData) -> None:
    gene = model.features()[int(np.argmax(np.asarray(cells["rna"].X.sum(0)).ravel()))]
    effect = model.perturb(cells, genes=gene, peaks=[], seed=1)
    assert effect.kind == "model sensitivity, not causal evidence"
    assert effect.name == f"{gene} knock-out"
    # By hand: what the encoder reads of RNA, log(1 + counts per 10,000), with nothing but that gene at zero.
    core, table = model._fitted.autoencoder, model._table(cells, None, None)
    values, mask, batch = table.rows(np.arange(cells.n_obs), model.device)
    with torch.no_grad():
        rna = core.modalities["rna"]
        read, depth = rna.normalise(values["rna"]), rna.depth(values["rna"])
        read[:, model.features().index(gene)] = 0
        scores = core.scores(values, batch)
        scores["rna"] = core.batch_means["rna"](rna._with_depth(rna._dense_scores(read), depth), batch)
        edited = (core.fusion(scores, mask)[0] * core.latent_scale).numpy()
    expected = model.predict(states=edited, duration=model.span, frames=2, seed=1).states[-1]
    np.testing.assert_allclose(effect.treated, expected, atol=1e-4)
    assert np.abs(effect.treated - effect.untreated).max() > 1e-2
    assert set(effect.genes["gene"]) == set(model.features())
    assert 0 <= effect.in_domain <= 1


def test_a_gene_that_no_cell_counts_changes_only_when_it_is_raised_to_a_level(model: VirtualCell, cells: MuData) -> None:
    few = cells[:40].copy()
    counts = few["rna"].X.toarray()
    counts[:, 0] = 0
    few["rna"].X = sp.csr_matrix(counts)
    silent = str(few["rna"].var_names[0])
    for fold in (0.0, 4.0):
        effect = model.perturb(few, genes=silent, fold=fold, peaks=[])
        np.testing.assert_array_equal(effect.treated, effect.untreated)
        assert not effect.genes["log2_fold_change"].any()
    assert model.perturb(few, genes=silent, level=50.0, peaks=[]).genes["log2_fold_change"].any()


def test_peaks_that_the_data_place_near_a_gene_go_along(model: VirtualCell, cells: MuData) -> None:
    near = cells["atac"].var
    gene, peak = next(
        (g, p)
        for p, g, apart in zip(near.index, near["nearest_gene"].astype(str), near["dist_tss"], strict=True)
        if g in model.features() and 0 <= apart <= 5000
    )
    both = model.perturb(cells, genes=gene)
    mine = near.index[(near["nearest_gene"] == gene) & (near["dist_tss"].abs() <= 5000)]
    assert peak in mine
    assert both.name == f"{gene} knock-out, {len(mine)} peak{'s' if len(mine) > 1 else ''} closed"
    np.testing.assert_array_equal(both.treated, model.perturb(cells, genes=gene, peaks=list(mine)).treated)
    assert not np.array_equal(both.treated, model.perturb(cells, genes=gene, peaks=[]).treated)
    # Without a word on where genes lie, no peak is touched.
    bare = cells.copy()
    bare["atac"].var = bare["atac"].var[[]]
    assert model.perturb(bare, genes=gene).name == f"{gene} knock-out"
    # With RNA alone there is nothing to close.
    assert model.perturb(cells["rna"].copy(), genes=gene).name == f"{gene} knock-out"
    with pytest.raises(DataError, match="does not read the peak 'chr0-1-2'"):
        model.perturb(cells, genes=gene, peaks=["chr0-1-2"])


def test_what_belongs_to_an_edit_is_refused_of_a_treatment(kang: VirtualCell, kang_cells: MuData) -> None:
    for edit in ({"fold": 0.0}, {"level": 2.0}, {"peaks": []}):
        with pytest.raises(DataError, match="a treatment does what was measured"):
            kang.perturb(kang_cells, treatment=kang.record["treatments"][0], **edit)


def test_a_measured_treatment_pushes_along_its_force(kang: VirtualCell, kang_cells: MuData) -> None:
    (treatment,) = kang.record["treatments"]
    untreated = kang_cells[(kang_cells.obs["perturbation"] == "control").to_numpy()].copy()
    effect = kang.perturb(untreated, treatment=treatment)
    assert effect.kind == "measured treatment"
    measured = kang.embed(kang_cells.copy())
    treated = (kang_cells.obs["perturbation"] == treatment).to_numpy()
    towards = measured[treated].mean(0) - measured[~treated].mean(0)
    assert (effect.treated - effect.untreated).mean(0) @ towards > 0
    with pytest.raises(DataError, match="'moonlight' was not measured"):
        kang.perturb(untreated, treatment="moonlight")


def test_noise_that_is_known_stays_what_it_is() -> None:
    told = replace(PLAIN.predictor, steps=20, refits=0, diffusion=0.7, diffusion_known=True)
    model = VirtualCell(replace(PLAIN, predictor=told)).fit(drifting(60), time="time", device="cpu")
    time = model.times
    within = np.mean([model.states[time == t].var(0).mean() for t in np.unique(time)])
    assert float(model.dynamics.diffusion.detach()) == pytest.approx(0.5 * 0.7 * within, rel=1e-4)


def test_what_are_no_states_or_no_times_is_refused_by_name(model: VirtualCell) -> None:
    states = model.states[:5]
    wide, hollow = np.zeros((5, states.shape[1] + 1)), np.where(np.arange(5)[:, None] == 2, np.nan, states)
    for wrong, said in ((wide, "not \\(.*4,?\\)"), (hollow, "not numbers")):
        for ask in (model.energy, model.decode, model.in_domain):
            with pytest.raises(DataError, match=said):
                ask(wrong)
        with pytest.raises(DataError, match=said):
            model.path(states[0], wrong[2])
        with pytest.raises(DataError, match=said):
            model.committor(wrong, states[0], states[1])
    for ask in (lambda: model.path(states[:2], states[1]), lambda: model.committor(states, states[0], states[1:3])):
        with pytest.raises(DataError, match=r"not \(4,\)"):
            ask()
    with pytest.raises(DataError, match=r"field states: .*not \(cells, 4\)"):
        model.committor(states[0], states[0], states[1])
    with pytest.raises(DataError, match="resolution = 1"):
        model.landscape(1)
    for ask in (model.unexpected, model.pair_energy):
        with pytest.raises(DataError, match="time to simulate is -1"):
            ask(states, states, duration=-1.0)


def test_the_control_is_no_push(kang: VirtualCell, kang_cells: MuData) -> None:
    with pytest.raises(DataError, match="is the control: no push"):
        kang.perturb(kang_cells, treatment="control")


def test_a_distance_that_is_not_known_is_refused_before_anything_is_trained() -> None:
    wrong = replace(PLAIN, predictor=replace(PLAIN.predictor, distance="far"))
    stages: list[str] = []
    with pytest.raises(DataError, match="'far' is not known"):
        VirtualCell(wrong).fit(drifting(60), time="time", device="cpu", progress=lambda stage, *_: stages.append(stage))
    assert stages == []


def test_only_cells_of_the_last_time_name_what_comes_to_it(model: VirtualCell, monkeypatch: pytest.MonkeyPatch) -> None:
    late = model.times == model.times.max()
    kinds = np.where(late, np.where(model.states[:, 0] > 0, "left", "right"), "early")
    monkeypatch.setitem(model.record, "labels", kinds.tolist())
    still = model.predict(states=model.states[~late], duration=model.span, frames=1)
    assert set(model.ends(still, until=0.0)) >= {"early"}
    last = float(model.times.max())
    for reached in ({}, {"until": last}, {"until": last + model.span}):
        assert set(model.ends(still, **reached)) == {"left", "right"}
        assert set(model.fates(still, **reached)["fate"]) == {"left", "right"}
    assert model.names_from_last()
    assert model.names_from_last(last)
    assert not model.names_from_last(last - 0.01 * model.span)
    monkeypatch.setitem(model.record, "labels", np.where(late, "late", "early").tolist())
    assert not model.names_from_last(), "one name tells nothing apart"
    assert set(model.ends(still)) >= {"early"}
    assert model.is_beyond(last + 0.01 * model.span)
    assert not model.is_beyond(last)


def test_a_push_that_is_taken_away_leaves_the_cells_to_their_landscape(kang: VirtualCell) -> None:
    """From the moment of release on, cells move as those that were never pushed do from there."""
    start = kang.states[:20]
    options = {"states": start, "duration": 1.0, "frames": 3, "noise": 0.0, "perturbation": "IFN-beta"}
    pushed, half, stronger = (
        kang.predict(**options, **more).states for more in ({}, {"applied": 0.5}, {"applied": 0.5, "dose": 2.0})
    )
    np.testing.assert_allclose(half[1], pushed[1], rtol=1e-4, atol=1e-5)
    assert not np.allclose(half[2], pushed[2], atol=1e-3)
    free = kang.predict(states=half[1], duration=0.5, frames=2, noise=0.0).states[-1]
    np.testing.assert_allclose(half[2], free, atol=0.02)
    away = np.linalg.norm(stronger[1] - start, axis=1).mean()
    assert away > np.linalg.norm(half[1] - start, axis=1).mean()


def test_the_landscape_under_a_push_is_the_potential_tilted_by_its_force(kang: VirtualCell) -> None:
    free, pushed = kang.landscape(8), kang.landscape(8, perturbation="IFN-beta", dose=2.0)
    np.testing.assert_array_equal(free.cell_xy, pushed.cell_xy)
    assert not pushed.barriers
    for a in pushed.attractors:
        slope = kang.dynamics.potential.gradient(torch.from_numpy(a.state[None]))[0].detach()
        torch.testing.assert_close(slope, 2 * kang.dynamics.force("IFN-beta").detach(), atol=0.01, rtol=0.01)
    with pytest.raises(DataError, match="dose"):
        kang.landscape(8, perturbation="IFN-beta", dose=-1.0)
