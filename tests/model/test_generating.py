"""What a fitted model draws: measurements that are missing, new cells, their counts and their mark."""

from __future__ import annotations

from pathlib import Path

import anndata
import mudata
import numpy as np
import pytest
from mudata import MuData
from scipy.sparse import csr_matrix

from tests.generative.samples import QUICK
from virtualcell.generative.watermark import is_synthetic
from virtualcell.model import VirtualCell
from virtualcell.schema import DataError


@pytest.fixture(scope="module")
def drawing(model: VirtualCell, cells: MuData, tmp_path_factory: pytest.TempPathFactory) -> VirtualCell:
    """A model of its own with generators, so that the shared one stays without; read from disk."""
    folder = tmp_path_factory.mktemp("model")
    model.save(folder)
    own = VirtualCell.load(folder)
    own.fit_generators(cells, settings=QUICK)
    own.save(folder)
    again = VirtualCell.load(folder)
    a, b = (m.draw_missing(cells, source="rna", target="atac", n_draws=2) for m in (own, again))
    np.testing.assert_array_equal(a.states, b.states)
    assert again.generators == own.generators
    return again


def test_a_model_without_generators_says_what_to_do(model: VirtualCell, cells: MuData) -> None:
    assert model.generators == {}
    with pytest.raises(DataError, match="virtualcell generators"):
        model.draw_missing(cells, source="rna", target="atac")
    with pytest.raises(DataError, match="no generators yet"):
        model.draw_cells(3)


def test_a_missing_measurement_is_drawn_from_the_other_alone(drawing: VirtualCell, cells: MuData) -> None:
    found = drawing.draw_missing(cells, source="rna", target="atac", n_draws=4, seed=1)
    assert found.embeddings.shape == found.states.shape == (4, 400, 4)
    assert 0 < (~found.refused).mean() <= 1
    assert np.isnan(found.states[:, found.refused]).all()
    assert np.isfinite(found.states[:, ~found.refused]).all()
    assert ((found.why == "") == ~found.refused).all()
    assert found.refused.mean() < 0.1
    only = drawing.draw_missing(MuData({"rna": cells["rna"].copy()}), source="rna", target="atac", n_draws=1)
    assert only.time is None  # unknown time is a condition of its own
    assert np.isfinite(only.states[:, ~only.refused]).all()
    late = drawing.draw_missing(cells, source="rna", target="atac", n_draws=1, time=3.0)
    assert not np.array_equal(late.embeddings, found.embeddings[:1])
    for asked, said in (({"time": 9.0}, "outside"), ({"treatment": "x"}, "never measured"), ({"noise": 3.0}, "0 to 2")):
        with pytest.raises(DataError, match=said):
            drawing.draw_missing(cells, source="rna", target="atac", **asked)


def test_readings_are_in_the_unit_of_translate_and_as_spread_as_measured(drawing: VirtualCell, cells: MuData) -> None:
    states = drawing.embed(cells.copy())
    for modality in ("rna", "atac"):
        drawn, measured = drawing.draw_readings(states, modality, seed=0), drawing.reading(cells, modality)
        assert drawn.shape == measured.shape
        assert np.corrcoef(drawn.mean(0), measured.mean(0))[0, 1] > 0.95
    assert set(np.unique(drawing.draw_readings(states[:50], "atac"))) == {0.0, 1.0}
    counts = drawing.draw_counts(states, "rna", depth=500.0, seed=0)
    assert counts.sum(1).mean() == pytest.approx(500, rel=0.05)
    np.testing.assert_array_equal(counts, np.rint(counts))
    own = drawing.draw_counts(states, "rna", seed=0).sum(1)
    depth = np.asarray(cells["rna"][:, drawing.features()].X.sum(1)).ravel()
    assert np.quantile(own, 0.5) == pytest.approx(np.quantile(depth, 0.5), rel=0.25)


def test_intervals_hold_most_measurements_and_refused_cells_have_none(drawing: VirtualCell, cells: MuData) -> None:
    some = cells[:60].copy()
    found = drawing.interval(some, source="atac", target="rna", n_draws=60)
    keep = found.obs["why"].to_numpy() == ""
    low, high, read = found.layers["low"][keep], found.layers["high"][keep], drawing.reading(some, "rna")[keep]
    assert ((read >= low) & (read <= high)).mean() > 0.8
    assert (low <= high).all()
    assert np.isnan(found.X[~keep]).all()
    assert "low" not in drawing.interval(some, source="rna", target="atac", n_draws=5).layers
    with pytest.raises(DataError, match="between 0 and 1"):
        drawing.interval(some, source="rna", target="atac", coverage=1.5)


def test_drawn_cells_carry_their_mark_through_files_and_are_not_trained_on(drawing: VirtualCell, tmp_path: Path) -> None:
    cells = drawing.synthetic(drawing.draw_cells(20, time=1.0, seed=2), seed=3)
    assert set(cells.obs["time_h"]) == {1.0}
    cells.write_h5mu(tmp_path / "drawn.h5mu")
    cells["rna"].write_h5ad(tmp_path / "drawn.h5ad")
    again, table = mudata.read_h5mu(tmp_path / "drawn.h5mu"), anndata.read_h5ad(tmp_path / "drawn.h5ad")
    for found in (again, again["rna"], again["atac"], table):
        assert found.obs["synthetic"].all()
        facts = found.uns["synthetic"]
        assert facts["model"] == drawing.record["digest"]
        assert facts["seed"] == 3
        assert facts["noise"] == 1
        assert '"time": 1.0' in facts["conditions"]
        assert "never measured" in facts["warning"]
        assert is_synthetic(found)
    with pytest.raises(DataError, match="synthetic"):
        drawing.fit_generators(again)
    with pytest.raises(DataError, match="synthetic"):
        VirtualCell().fit(again)
    drawing.embed(again)  # they can be looked at as any cells


@pytest.mark.parametrize("join", ["inner", "outer"])
def test_drawn_cells_are_known_among_measured_ones(drawing: VirtualCell, cells: MuData, join: str) -> None:
    drawn = drawing.synthetic(drawing.draw_cells(5)).mod["rna"]
    measured = cells.mod["rna"][:5].copy()
    both = anndata.concat([measured, drawn], join=join)
    assert is_synthetic(both)
    assert not is_synthetic(both[:5].copy())
    drawn.uns.clear()
    drawn.obs["synthetic"] = "True"  # as a table of text keeps it
    assert is_synthetic(drawn)


def test_a_drawn_measurement_becomes_cells(drawing: VirtualCell, cells: MuData) -> None:
    draw = drawing.draw_missing(cells[:10].copy(), source="rna", target="atac", n_draws=3)
    found = drawing.synthetic(draw)
    assert found.n_obs == 3 * (~draw.refused).sum()
    assert set(found.obs["drawn_for"]) <= set(cells.obs_names[:10])


def test_broken_samplers_are_named_and_take_nothing_else_away(drawing: VirtualCell, cells: MuData, tmp_path: Path) -> None:
    drawing.save(tmp_path)
    record = tmp_path / "samplers.json"
    record.write_text(record.read_text().replace('"vocabulary"', '"other"'))
    loaded = VirtualCell.load(tmp_path)
    np.testing.assert_array_equal(loaded.states, drawing.states)
    with pytest.raises(DataError, match="another version") as error:
        loaded.draw_cells(3)
    assert error.value.file == str(record)
    assert VirtualCell.load(tmp_path, generators=False).generators == {}  # and can be trained again


def test_a_broken_generator_leaves_the_others_and_says_so(drawing: VirtualCell, cells: MuData, tmp_path: Path) -> None:
    drawing.save(tmp_path)
    (tmp_path / "pairs.json").write_text("{")
    loaded = VirtualCell.load(tmp_path)
    loaded.draw_cells(3)
    with pytest.raises(DataError, match="broken") as error:
        loaded.pair_scores(cells, source="rna", target="atac")
    assert error.value.file == str(tmp_path / "pairs.json")


def test_generators_of_another_model_do_not_stay_in_the_folder(drawing: VirtualCell, model: VirtualCell, tmp_path: Path) -> None:
    drawing.save(tmp_path)
    model.save(tmp_path)  # the same weights: what stands beside them is still theirs
    assert (tmp_path / "samplers.json").is_file()
    (tmp_path / "model.safetensors").write_bytes(b"of another model of the same cells")
    model.save(tmp_path)
    assert VirtualCell.load(tmp_path).generators == {}
    assert not (tmp_path / "samplers.json").is_file()


def test_no_draws_and_an_order_that_is_none_are_refused(drawing: VirtualCell, cells: MuData) -> None:
    with pytest.raises(DataError, match="0 draws"):
        drawing.draw_missing(cells, source="rna", target="atac", n_draws=0)
    with pytest.raises(DataError, match="order"):
        drawing.suspicious_pairs(cells, source="rna", target="atac", order=np.arange(3))


def test_an_embedding_that_was_never_measured_at_the_time_that_is_held_is_refused(drawing: VirtualCell, cells: MuData) -> None:
    own = drawing.draw_missing(cells, source="rna", target="atac", n_draws=1)
    late = drawing.draw_missing(cells, source="rna", target="atac", n_draws=1, time=3.0)
    assert late.refused.sum() > own.refused.sum()
    assert any("at this time" in word for word in late.why)
    measured = cells.obs["time_h"].to_numpy() == 3.0
    assert late.refused[measured].mean() < 0.15  # they are what was measured then


def test_new_cells_are_of_measured_batches_and_read_in_them(kang: VirtualCell, kang_cells: MuData, tmp_path: Path) -> None:
    kang.save(tmp_path)
    own = VirtualCell.load(tmp_path).fit_generators(kang_cells, settings=QUICK, parts=("samplers",))
    draw = own.draw_cells(60, seed=1)
    drawn = own.synthetic(draw)
    assert set(drawn.obs["donor"]) <= set(kang_cells.obs["donor"].astype(str))
    assert drawn.obs["donor"].nunique() > 1
    some = own.draw_readings(draw.states, "rna", batch=draw.batch, seed=0)
    typical = own.draw_readings(draw.states, "rna", seed=0)
    assert not np.array_equal(some, typical)


def test_values_that_are_none_of_a_cell_are_refused_though_their_place_is_usual(drawing: VirtualCell, cells: MuData) -> None:
    rng = np.random.default_rng(0)
    some = cells[:150].copy()
    assert (drawing.implausible(some, "rna") == "").mean() > 0.9
    x = np.asarray(some["rna"].X.todense())

    def with_rna(values: np.ndarray) -> MuData:
        rna = some["rna"].copy()
        rna.X = csr_matrix(values.astype(np.float32))
        made = MuData({"rna": rna, "atac": some["atac"].copy()})
        made.obs = some.obs.copy()
        return made

    shuffled = with_rna(np.stack([rng.permutation(row) for row in x]))
    why = drawing.implausible(shuffled, "rna")
    assert (why != "").mean() > 0.25  # 200 genes say little: with all of A549's, every such cell is found
    assert any("worse than that of 99 of 100" in word for word in why)
    assert drawing.draw_missing(shuffled, source="rna", target="atac", n_draws=1).refused.mean() > 0.3
    single = np.zeros_like(x)
    single[:, x.sum(0).argmax()] = 1
    assert all("Less was counted" in word for word in drawing.implausible(with_rna(single), "rna"))


def test_generators_learn_from_the_cells_of_their_model_and_nothing_that_is_misnamed(drawing: VirtualCell, cells: MuData) -> None:
    with pytest.raises(DataError, match="not the cells that the model was trained on"):
        drawing.fit_generators(cells[:200].copy(), settings=QUICK)
    for parts in (["sampler"], "samplers"):
        with pytest.raises(DataError, match="are no generators") as error:
            drawing.fit_generators(cells, parts=parts)
        assert error.value.field == "parts"


def test_a_folder_without_generators_leaves_none(drawing: VirtualCell, model: VirtualCell, tmp_path: Path) -> None:
    drawing.save(tmp_path / "a")
    model.save(tmp_path / "b")
    loaded = VirtualCell.load(tmp_path / "a")
    assert loaded.generators
    loaded.load_generators(tmp_path / "b")
    assert loaded.generators == {}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"source": "rna", "target": "rna"}, "itself"),
        ({"source": "rna", "target": "atac", "n_draws": 2.5}, "whole number"),
        ({"source": "rna", "target": "atac", "noise": 3.0}, "0 to 2"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_words(
    drawing: VirtualCell, cells: MuData, asked: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        drawing.draw_missing(cells, **asked)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no cells"):
        drawing.draw_missing(cells[:0].copy(), source="rna", target="atac")
    states = drawing.states[:4]
    for more in ({"depth": -5.0}, {"depth": np.ones(3)}, {"batch": np.zeros(3, dtype=int)}, {"batch": np.full(4, 99)}):
        with pytest.raises(DataError) as error:
            drawing.draw_counts(states, "rna", **more)
        assert error.value.field in more
