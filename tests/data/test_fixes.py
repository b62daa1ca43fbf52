"""Each remedy takes away the finding that it is offered for, changes nothing in place and tells what it did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from virtualcell.data.changes import complete_features, told, unique_names, without_modality
from virtualcell.data.check import check
from virtualcell.data.fixes import Draft, Fix, fixes
from virtualcell.data.read import read
from virtualcell.schema import COUNTS_LAYER, DEFAULT_KINDS, MEASURED_KEY, Columns

TIME = Columns(time="time")


@pytest.fixture
def sound(adata_of, mudata_of):
    """180 cells, 60 at each of three times, without a fault."""
    adata = adata_of(180, 20)
    adata.X.data += 1
    adata.obsm["X_clone"] = np.arange(360.0).reshape(180, 2)
    cells = mudata_of(rna=adata[:, np.asarray(adata.X.sum(axis=0)).ravel() > 0].copy())
    cells.obsm["X_clone"] = np.arange(360.0).reshape(180, 2)
    cells.uns["virtualcell_source"] = {"file": "mine.h5ad", "sha256": "0" * 64}
    return cells


def found(draft: Draft, cause: str) -> list:
    return [f for f in check(draft.cells, draft.columns, DEFAULT_KINDS | draft.kinds) if f.cause == cause]


def offered(draft: Draft, cause: str) -> list[Fix]:
    (finding,) = found(draft, cause)
    return list(fixes(finding, draft))


def healed(draft: Draft, cause: str, label: str = "") -> Draft:
    """The draft after the first remedy whose label has these words; its finding is gone and the old draft as before."""
    remedy = next(fix for fix in offered(draft, cause) if label in fix.label)
    before = draft.cells.obs.copy(), draft.cells.n_obs, told(draft.cells)
    new = remedy.make(draft)
    assert not found(new, cause)
    assert found(draft, cause), "the draft that was given was changed"
    pd.testing.assert_frame_equal(draft.cells.obs, before[0])
    assert (draft.cells.n_obs, told(draft.cells)) == before[1:]
    return new


def test_sound_cells_are_offered_nothing(sound):
    assert not [fix for finding in check(sound, TIME) for fix in fixes(finding, Draft(sound, TIME))]


def test_times_of_text_become_numbers_in_a_column_beside(sound):
    sound.obs["when"] = pd.Categorical(["0h", "90 min", "3h"] * 60)
    new = healed(Draft(sound, Columns(time="when")), "times are text", "Read them as numbers")
    assert new.columns.time == "when_h"
    assert new.columns.time_unit == "h"
    assert list(new.cells.obs["when_h"][:3]) == [0.0, 1.5, 3.0]
    assert list(new.cells.obs["when"][:3]) == ["0h", "90 min", "3h"]
    (sentence,) = told(new.cells)
    assert "'when'" in sentence
    assert "90 min → 1.5" in sentence


def test_a_new_column_takes_the_place_of_none(sound):
    sound.obs["when"], sound.obs["when_d"] = ["day 0", "day 1", "day 4"] * 60, 7.0
    new = healed(Draft(sound, Columns(time="when")), "times are text")
    assert new.columns == Columns(time="when_d_number", time_unit="d")
    assert set(new.cells.obs["when_d"]) == {7.0}


def test_texts_that_are_no_time_are_named_and_then_left_out(sound):
    sound.obs["when"] = ["0h", "unknown", "3h"] * 60
    (fix,) = offered(Draft(sound, Columns(time="when")), "times are text")
    assert fix.detail == "As numbers (h): 0h → 0, 3h → 3. No time stands in: unknown."
    new = healed(healed(Draft(sound, Columns(time="when")), "times are text"), "time missing", "60 cells out")
    assert new.cells.n_obs == 120
    assert len(told(new.cells)) == 2


def test_names_without_any_time_are_not_made_into_times(sound):
    sound.obs["when"] = ["early", "middle", "late"] * 60
    assert offered(Draft(sound, Columns(time="when")), "times are text") == []


def test_cells_without_time_or_treatment_are_left_out_with_all_that_is_known_of_the_others(sound):
    sound.obs["drug"] = ["dmso", "dex", None] * 60
    sound.obs.loc[sound.obs_names[:6], "time"] = np.nan
    draft = Draft(sound, Columns(time="time", perturbation="drug", control="dmso"))
    new = healed(healed(draft, "time missing"), "treatment missing")
    kept = np.flatnonzero(sound.obs["time"].notna() & sound.obs["drug"].notna())
    assert list(new.cells.obs_names) == list(sound.obs_names[kept])
    np.testing.assert_array_equal(new.cells.obsm["X_clone"], sound.obsm["X_clone"][kept])
    np.testing.assert_array_equal(new.cells["rna"].X.toarray(), sound["rna"].X.toarray()[kept])
    assert new.cells.obsm[MEASURED_KEY].shape == (len(kept), 1)
    assert ["6 of 180" in told(new.cells)[0], "of 174" in told(new.cells)[1]] == [True, True]


def test_repeated_cell_names_get_numbers_and_keep_their_order(adata_of, tmp_path):
    adata = adata_of(120, 20)
    adata.X.data += 1
    adata.obs_names = [f"cell{i // 2}" for i in range(120)]
    adata.obsm["X_pca"] = np.arange(240.0).reshape(120, 2)
    adata.write_h5ad(tmp_path / "twice.h5ad")
    cells = read(tmp_path / "twice.h5ad")
    new = healed(Draft(cells, TIME), "names repeat").cells
    assert list(new.obs_names[:4]) == ["cell0", "cell0-1", "cell1", "cell1-1"]
    assert list(new.obs["time"]) == list(adata.obs["time"])
    np.testing.assert_array_equal(new.obsm["X_pca"], adata.obsm["X_pca"])
    np.testing.assert_array_equal(new["rna"].X.toarray(), adata.X.toarray())
    assert "60 cell(s)" in told(new)[0]


def test_untreated_cells_under_another_name(sound):
    sound.obs["drug"] = ["dex", "DMSO 0.1%", "dex"] * 60
    draft = Draft(sound, Columns(time="time", perturbation="drug"))
    assert [fix.label for fix in offered(draft, "control unknown")] == [
        "Untreated: DMSO 0.1%",
        "Untreated: dex",
    ]
    assert healed(draft, "control unknown").columns.control == "DMSO 0.1%"


@pytest.mark.parametrize("place", ["X", "raw", "umi"])
def test_counts_that_stand_elsewhere(sound, place):
    counts = sound["rna"].X.copy()
    if place == "X":
        sound["rna"].layers[COUNTS_LAYER] = counts.log1p()
    elif place == "umi":
        sound["rna"].layers["umi"], sound["rna"].X = counts, counts.log1p()
    else:
        sound["rna"].raw = AnnData(
            sp.hstack([counts, counts[:, :3]]).tocsr(), obs=sound["rna"].obs,
            var=pd.DataFrame(index=[*[f"other{i}" for i in range(counts.shape[1])], "x", "y", "z"]),
        )  # fmt: skip
        sound["rna"].X = counts.log1p()
    new = healed(Draft(sound, TIME), "no counts", place).cells
    taken = new["rna"].layers[COUNTS_LAYER].toarray()
    np.testing.assert_array_equal(taken[:, : counts.shape[1]], counts.toarray())
    assert taken.shape[1] == counts.shape[1] + (3 if place == "raw" else 0)
    assert list(new.obs["time"]) == list(sound.obs["time"])
    assert "counts of rna" in told(new)[0]


def test_values_without_any_counts_can_only_be_used_as_they_are(sound):
    sound["rna"].X = sound["rna"].X.log1p()
    (fix,) = offered(Draft(sound, TIME), "no counts")
    assert "as they are" in fix.label
    new = healed(Draft(sound, TIME), "no counts")
    assert new.kinds == {"rna": "continuous"}
    sound["rna"].X.data[0] = np.nan
    assert offered(Draft(sound, TIME), "no counts") == []


def test_repeated_gene_names_are_numbered(sound):
    names = list(sound["rna"].var_names)
    sound["rna"].var_names = [names[0], names[0], *names[2:]]
    new = healed(Draft(sound, TIME), "features repeat").cells
    assert list(new["rna"].var_names[:2]) == [names[0], f"{names[0]}-1"]
    assert list(sound["rna"].var_names[:2]) == [names[0], names[0]]


def test_cells_without_counts(sound):
    matrix = sound["rna"].X.tolil()
    matrix[3] = 0
    sound["rna"].X = matrix.tocsr()
    new = healed(Draft(sound, TIME), "cells empty", "1 cells out")
    assert sound.obs_names[3] not in new.cells.obs_names


def test_a_measurement_of_unknown_kind_is_named_or_left_out(adata_of, mudata_of):
    rna, other = adata_of(90, 20), adata_of(90, 8, prefix="M")
    rna.X.data += 1
    cells = mudata_of(rna=rna, markers=other)
    draft = Draft(cells, TIME)
    assert healed(draft, "kind unknown", "surface proteins").kinds == {"markers": "protein"}
    new = healed(draft, "kind unknown", "Leave it out").cells
    assert list(new.mod) == ["rna"]
    assert new.obsm[MEASURED_KEY].shape == (90, 1)
    only = MuData({"markers": other})
    only.obs, only.obsm[MEASURED_KEY] = other.obs, np.ones((90, 1), bool)
    assert "Leave it out" not in [fix.label for fix in offered(Draft(only, TIME), "kind unknown")]


def test_cells_that_only_the_modality_left_out_measured_go_with_it(adata_of, mudata_of):
    cells = mudata_of(rna=adata_of(60, 10), other=adata_of(60, 5, first_cell=30))
    new = without_modality(cells, "other")
    assert list(new.obs_names) == [f"cell{i}" for i in range(60)]
    assert list(new.obs["time"]) == [float(i % 3) for i in range(60)]
    assert new.obsm[MEASURED_KEY].all()


def test_features_that_lack_values(sound):
    values = np.random.default_rng(0).normal(size=(180, 4)).astype(np.float32)
    values[5, 1] = np.nan
    values[7, 3] = np.inf
    adata = AnnData(values, obs=sound["rna"].obs)
    cells = MuData({"cytof": adata})
    cells.obs, cells.obsm[MEASURED_KEY] = sound.obs, np.ones((180, 1), bool)
    new = healed(Draft(cells, TIME), "values missing", "2 of 4 features").cells
    np.testing.assert_array_equal(new["cytof"].X, values[:, [0, 2]])
    np.testing.assert_array_equal(complete_features(AnnData(sp.csr_matrix(values))), [True, False, True, False])


def test_a_value_behind_which_no_read_stands_is_not_missing():
    values, coverage = np.array([[np.nan, 1.0], [0.5, np.nan]]), np.array([[0, 3], [2, 4]])
    cells = AnnData(values)
    cells.layers["coverage"] = coverage
    np.testing.assert_array_equal(complete_features(cells), [True, False])


def test_a_batch_that_is_the_time_is_not_corrected_for(sound):
    sound.obs["plate"] = sound.obs["time"].map({0.0: "a", 1.0: "b", 2.0: "c"})
    new = healed(Draft(sound, Columns(time="time", batch="plate")), "batch is time")
    assert new.columns == TIME
    assert new.cells is sound


def test_what_was_done_is_written_with_the_cells(sound, tmp_path):
    sound.obs_names = [f"cell{i}" for i in range(180)]
    sound.obs["when"] = ["0h", "1h", "3h"] * 60
    new = healed(Draft(sound, Columns(time="when")), "times are text").cells
    new.write_h5mu(tmp_path / "cells.h5mu")
    assert told(read(tmp_path / "cells.h5mu")) == told(new)
    assert len(told(new)) == 1


def test_unique_names_leaves_unique_ones(sound):
    assert list(unique_names(sound).obs_names) == list(sound.obs_names)
