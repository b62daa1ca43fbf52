"""The held-out benchmark: the form of its answer, and that no held-out cell reaches the training."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp
from mudata import MuData

from benchmarks.heldout_time import EQUAL, FLOWS, OURS, extrapolate, forward, one_seed, pseudobulk, run
from virtualcell.data.catalogue import load_demo
from virtualcell.evaluation.report import payload
from virtualcell.evaluation.rules import rules
from virtualcell.model import VirtualCell
from virtualcell.schema import MEASURED_KEY, AutoencoderSettings, PredictorSettings, PreprocessSettings, Settings

SMALL = Settings(
    preprocess=PreprocessSettings(n_components=10),
    autoencoder=AutoencoderSettings(latent_dim=2, hidden=16, epochs=2, min_steps=20),
    predictor=PredictorSettings(width=16, steps=15, warm_steps=20, rollouts=32, euler_steps=8),
)


@pytest.mark.slow
def test_rows_and_claims_are_computed_from_the_same_run() -> None:
    rows, claims, extra = run("simulated", [0, 1], SMALL)
    said = json.loads(json.dumps(payload(rows, claims) | extra))
    methods = {row["method"] for row in said["rows"]}
    assert {OURS, FLOWS, "floor: two halves of the measured cells"} | {rule.name for rule in rules()} <= methods
    assert all(set(claim) == {"name", "value", "target", "holds"} for claim in said["claims"])
    table = {(row["method"], row["metric"]): row for row in said["rows"]}
    for claim in said["claims"]:
        metric, other = claim["name"].removesuffix(" by more than seed noise").split(" below ")
        assert claim["value"] == pytest.approx(table[OURS, metric]["high"])
        assert claim["target"] == f"< {table[other, metric]['low']:.6g}"
        assert claim["holds"] == (table[OURS, metric]["high"] < table[other, metric]["low"])
    assert len(said["claims"]) == 4
    for method in methods - {"floor: two halves of the measured cells"}:
        assert {"W1", EQUAL, "energy distance", "MMD"} <= {metric for name, metric in table if name == method}, method
    floor = table["floor: two halves of the measured cells", "energy distance"]["value"]
    assert floor < table["no change", "energy distance"]["value"]


@pytest.mark.slow
def test_the_horizon_follows_from_the_last_time_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[set[float]] = []
    original = VirtualCell.fit

    def watch(model: VirtualCell, cells, **arguments):
        shown.append(set(cells.obs[arguments["time"]].astype(float)))
        return original(model, cells, **arguments)

    monkeypatch.setattr(VirtualCell, "fit", watch)
    rows, extra = extrapolate("simulated", (0, 1, 2), SMALL)
    assert shown == [{0.0, 2.0, 4.0}] * 3
    for key, method in (("horizon", OURS), ("horizon_flows", FLOWS)):
        found = json.loads(json.dumps(extra[key]))
        assert found["unit"] == "time units"
        assert {(row["method"], row["last"], row["time"]) for row in found["evidence"]} == {(method, 4.0, 8.0)}
        assert [row["seed"] for row in found["evidence"]] == [0, 1, 2]
        beaten = all(r["energy"] < r["energy_no_change"] and r["w1"] < r["w1_no_change"] for r in found["evidence"])
        assert found["beyond_last"] == (4.0 if beaten else 0.0)
    table = {(row.method, row.metric): row.value for row in rows}
    assert {"no change", "mean shift", OURS, FLOWS} <= {method for method, _ in table}
    mean = np.mean([row["energy"] for row in extra["horizon"]["evidence"]])
    assert table[OURS, "energy distance"] == pytest.approx(mean)
    assert all(row.where == "simulated, 8 time units held out, beyond the last time" for row in rows)


def small_a549() -> MuData:
    cells = load_demo("a549")
    rng = np.random.default_rng(0)
    some = cells[np.sort(rng.choice(cells.n_obs, 240, replace=False))].copy()
    small = MuData({"rna": some["rna"].copy(), "atac": some["atac"][:, :300].copy()})
    small.obs, small.obsm[MEASURED_KEY] = some.obs.copy(), some.obsm[MEASURED_KEY]
    return small


@pytest.mark.slow
def test_what_the_held_out_cells_read_does_not_change_the_prediction() -> None:
    cells = small_a549()
    changed = cells.copy()
    held = (changed.obs["time_h"] == 1).to_numpy()
    for name in changed.mod:
        counts = changed[name].X.toarray()
        counts[held] = counts[held][:, ::-1] + (name == "rna")  # other genes, other depth
        changed[name].X = sp.csr_matrix(counts)
    first, second = (one_seed(c, "a549", 1.0, SMALL) for c in (cells, changed))
    assert first.curves["genes"].keys() == {"FKBP5", "PER1", "TSC22D3"}
    assert first.curves == second.curves
    # The change was seen where it should be: in what the prediction is compared with.
    assert first.figures["no change"]["RMSE of change"] != second.figures["no change"]["RMSE of change"]


@pytest.mark.slow
def test_ours_makes_no_fewer_cells_than_were_measured() -> None:
    cells = small_a549()
    model = VirtualCell(SMALL).fit(cells, time="time_h", device="cpu")
    path = forward(model, model.embed(cells)[:34], 1.0, 100)
    # Every start cell as often as every other, or the population would be another one.
    assert np.bincount(path.start).tolist() == [3] * 34
    assert len(np.unique(path.states[-1], axis=0)) == 102
    assert len(forward(model, model.embed(cells)[:34], 1.0, 20).start) == 34


def test_mean_expression_is_log_of_mean_counts_per_ten_thousand() -> None:
    cells = small_a549()
    genes = ["PER1", "FKBP5"]
    counts = cells["rna"].layers["counts"].toarray() if "counts" in cells["rna"].layers else cells["rna"].X.toarray()
    # Per 10,000 of the counts of the asked genes alone, so that prediction and measurement have the same sum.
    chosen = counts[:, [list(cells["rna"].var_names).index(g) for g in genes]]
    expected = np.log1p((1e4 * chosen / np.maximum(chosen.sum(1, keepdims=True), 1)).mean(0))
    np.testing.assert_allclose(pseudobulk(cells, genes), expected, rtol=1e-5)
