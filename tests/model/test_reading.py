"""The public class reads cells: what it writes, what it keeps, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData
from mudata import MuData

from tests.model.samples import SMALL, a549
from virtualcell.model import VirtualCell
from virtualcell.schema import DataError, Settings
from virtualcell.training.given import data_digest


def weights(model: VirtualCell, folder: Path) -> bytes:
    model.save(folder)
    return (folder / "model.safetensors").read_bytes() + (folder / "cells.safetensors").read_bytes()


def test_fitting_leaves_the_cells_as_they_are() -> None:
    cells = a549(n=120)
    before, slots = data_digest(cells), (set(cells.obs), set(cells.obsm), set(cells.uns))
    VirtualCell(SMALL).fit(cells, time="time_h", device="cpu")
    assert data_digest(cells) == before
    assert (set(cells.obs), set(cells.obsm), set(cells.uns)) == slots


def test_embedding_writes_the_states_and_where_they_come_from(model: VirtualCell, cells: MuData) -> None:
    given = cells.copy()
    states = model.embed(given)
    assert states.shape == (400, 4)
    assert states.dtype == np.float32
    np.testing.assert_array_equal(given.obsm["X_vc"], states)
    np.testing.assert_array_equal(model.states, states)
    record = given.uns["virtualcell"]
    assert record["digest"] == data_digest(cells)
    assert record["seed"] == 0
    assert record["n_cells"] == 400
    assert '"latent_dim": 4' in record["settings"]


def test_a_cell_is_read_the_same_alone(model: VirtualCell, cells: MuData) -> None:
    np.testing.assert_allclose(model.embed(cells[[7]].copy())[0], model.states[7], rtol=1e-4, atol=1e-5)


def test_what_is_saved_is_what_is_loaded(model: VirtualCell, cells: MuData, tmp_path: Path) -> None:
    model.save(tmp_path / "m")
    again = VirtualCell.load(tmp_path / "m")
    assert again.settings == model.settings
    np.testing.assert_array_equal(again.embed(cells.copy()), model.embed(cells.copy()))
    a, b = (m.predict(cells[:20].copy(), duration=3.0, frames=4) for m in (again, model))
    np.testing.assert_array_equal(a.states, b.states)
    np.testing.assert_array_equal(a.log_weights, b.log_weights)
    a, b = (m.landscape(12) for m in (again, model))
    np.testing.assert_array_equal(a.energy, b.energy)
    assert [x.name for x in a.attractors] == [x.name for x in b.attractors]
    np.testing.assert_array_equal(again.decode(again.states[:5]), model.decode(model.states[:5]))
    a, b = (m.translate(cells, source="atac", target="rna") for m in (again, model))
    np.testing.assert_array_equal(a.X, b.X)
    np.testing.assert_array_equal(a.layers["high"], b.layers["high"])
    assert again.record == json.loads(json.dumps(model.record))
    assert {p.name for p in (tmp_path / "m").iterdir()} == {"model.safetensors", "cells.safetensors", "model.json"}


@pytest.mark.parametrize("file", ["model.safetensors", "cells.safetensors"])
def test_files_of_two_models_do_not_mix(model: VirtualCell, kang: VirtualCell, tmp_path: Path, file: str) -> None:
    model.save(tmp_path / "a")
    kang.save(tmp_path / "b")
    (tmp_path / "a" / file).write_bytes((tmp_path / "b" / file).read_bytes())
    with pytest.raises(DataError, match="do not belong together"):
        VirtualCell.load(tmp_path / "a")


def test_the_same_seed_gives_the_same_model_and_another_seed_another(tmp_path: Path) -> None:
    cells = a549(n=120)
    fits = [VirtualCell(Settings(**{**vars(SMALL), "seed": seed})).fit(cells, time="time_h", device="cpu") for seed in (1, 1, 2)]
    first, second, other = (weights(m, tmp_path / str(i)) for i, m in enumerate(fits))
    assert first == second
    assert first != other


def test_a_fit_that_does_not_come_to_its_end_leaves_the_earlier_one_as_it_was(model: VirtualCell, cells: MuData) -> None:
    class Enough(Exception):
        pass

    def stop(stage: str, *_: object) -> None:
        if stage != "autoencoder":
            raise Enough

    before, record = model.embed(cells), dict(model.record)
    with pytest.raises(Enough):
        model.fit(cells, device="cpu", time="time_h", time_unit="d", progress=stop)
    np.testing.assert_array_equal(model.embed(cells), before)
    assert model.record == record
    assert model.settings.columns.time_unit == "h"
    fresh = VirtualCell(SMALL)
    with pytest.raises(Enough):
        fresh.fit(cells, device="cpu", time="time_h", progress=stop)
    with pytest.raises(RuntimeError, match="has not been fitted"):
        fresh.embed(cells)


def test_how_well_cells_are_described_beside_the_average_cell(model: VirtualCell, cells: MuData) -> None:
    found, average = model.log_likelihood(cells), model.baseline_log_likelihood(cells)
    for table in (found, average):
        assert table.shape == (400, 2)
        assert table.index.tolist() == cells.obs_names.tolist()
        assert table.columns.tolist() == ["rna", "atac"]
        assert (table < 0).all().all()
    assert (found.sum(axis=1) - average.sum(axis=1)).mean() > 0
    # The average cell does not know which cell it is: only depth and counts differ.
    assert average["rna"].std() > 0
    alone = model.log_likelihood(cells["rna"])
    assert alone["atac"].isna().all()
    assert alone["rna"].notna().all()


def test_the_record_says_what_was_measured_kept_out_and_related(model: VirtualCell, cells: MuData) -> None:
    record = model.record
    assert record["measured"] == {"rna+atac": 400}
    assert len(record["held_out"]) == 40
    assert set(record["held_out"]) < set(cells.obs_names)
    assert set(record["residuals"]) == {"rna", "atac"}
    assert set(record["conversions"]) == {"rna->atac", "atac->rna"}
    for quality in record["conversions"].values():
        assert set(quality) >= {"n_cells", "rank", "components", "gate", "floor", "used", "standard_error", "related"}
        assert quality["n_cells"] == 360
        assert quality["related"] == (quality["used"] > 2 * quality["standard_error"])
    assert json.loads(json.dumps(record["conversions"])) == record["conversions"]


def test_batches_are_known_by_name(kang: VirtualCell, kang_cells: MuData) -> None:
    assert kang._fitted.batches == sorted(kang_cells.obs["donor"].astype(str).unique())


def test_errors_in_plain_words(model: VirtualCell, cells: MuData) -> None:
    with pytest.raises(RuntimeError, match="has not been fitted: call fit"):
        VirtualCell().embed(cells)
    with pytest.raises(DataError, match="does not read the gene 'NOSUCH'"):
        model.perturb(cells, genes="NOSUCH")
    with pytest.raises(ValueError, match="either a treatment or an edit of genes"):
        model.perturb(cells)
    with pytest.raises(ValueError, match="above 0"):
        model.predict(states=model.states[:2], duration=0.0)
    with pytest.raises(DataError, match="does not know NOSUCH"):
        model.decode(model.states[:2], features=["NOSUCH"])
    with pytest.raises(DataError, match="no obsm slot 'X_none'"):
        VirtualCell(SMALL).fit(cells, time="time_h", clones="X_none", device="cpu")


def test_one_time_and_no_treatment_gives_states_but_no_predictor(kang_cells: MuData) -> None:
    only: AnnData = kang_cells["rna"][:120].copy()
    model = VirtualCell(SMALL).fit(only, device="cpu")
    assert not model.moves
    assert model.embed(only).shape == (120, 4)
    assert only.obsm["X_vc"].shape == (120, 4)
    for ask in (lambda: model.predict(only, duration=1.0), model.landscape):
        with pytest.raises(DataError, match="no predictor"):
            ask()
