"""The multi-omic benchmark on small simulated cells: no test cell is learned from, nulls are nulls, the table follows figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from mudata import MuData

from benchmarks.multiomics import __main__ as program
from benchmarks.multiomics import coding
from benchmarks.multiomics.splits import Split
from benchmarks.multiomics.table import KNN, RIDGE, claims_of, leaderboard, rows_of
from benchmarks.multiomics.translation import AUROC, GAIN, NATS, NULL, OURS, PEARSON, PROTEIN, RMSE, SECONDS, TIME, Judge
from benchmarks.peers import splits as peer_splits
from virtualcell.data.simulate_pairs import oracle_probability, simulate_pairs
from virtualcell.evaluation.multiomics import log_likelihood_gain
from virtualcell.schema import AutoencoderSettings, PredictorSettings, PreprocessSettings, Settings

TINY = Settings(
    preprocess=PreprocessSettings(n_components=8),
    autoencoder=AutoencoderSettings(latent_dim=4, hidden=8, epochs=1, min_steps=1, batch_size=128),
    predictor=PredictorSettings(width=8, steps=3, warm_steps=3, rollouts=8, euler_steps=4),
)


def simulated(n: int = 240, relation: str = "linear") -> MuData:
    cells = simulate_pairs(relation, n_cells=n, n_genes=40, n_peaks=60, seed=5)
    cells.obs["time_h"] = cells.obs.pop("time")
    return cells


@pytest.fixture(scope="module")
def cells() -> MuData:
    return simulated()


@pytest.fixture(scope="module")
def split(cells: MuData) -> Split:
    return Split.of(cells, 0)


# -- split -----------------------------------------------------------------------------------------------------------------------
def test_a_fifth_is_kept_and_every_cell_is_in_one_part(cells: MuData, split: Split) -> None:
    assert (split.train.n_obs, split.test.n_obs) == (192, 48)
    assert {*split.train.obs_names} | {*split.test.obs_names} == {*cells.obs_names}
    assert set(Split.of(cells, 1).test.obs_names) != set(split.test.obs_names)


def test_peers_get_the_same_cells(cells: MuData, split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_splits, "load_demo", lambda key: cells.copy())
    given = peer_splits.split("a549", 0)
    assert cells.obs_names[given.train].tolist() == split.train.obs_names.tolist()
    assert cells.obs_names[given.test].tolist() == split.test.obs_names.tolist()
    assert {m: set(f) for m, f in given.features.items()} == {m: set(f) for m, f in split.features.items()}


def edited(cells: MuData, rows: np.ndarray) -> MuData:
    """Other counts, with a gene and a peak that no other cell has."""
    found = cells.copy()
    for m in found.mod:
        counts = found[m].X.toarray()
        counts[:, 0] = 0
        counts[rows] = counts[rows][:, ::-1]
        counts[rows, 0] = 1
        found[m].X = sp.csr_matrix(counts)
    return found


def test_no_test_cell_reaches_features_components_or_readings_of_training(cells: MuData, split: Split) -> None:
    test = cells.obs_names.get_indexer(split.test.obs_names)
    plain, changed = Split.of(edited(cells, test[:0]), 0), Split.of(edited(cells, test), 0)
    assert plain.features == changed.features
    for m, features in changed.features.items():
        assert cells[m].var_names[0] not in features  # a feature that test cells alone have
        for what in (Split.scores, Split.readings):
            first, second = (what(s, m) for s in (plain, changed))
            np.testing.assert_array_equal(first[0], second[0])
            assert not np.array_equal(first[1], second[1])  # and the change was there to be seen
    # Had training cells been changed, all of this would have moved.
    training = cells.obs_names.get_indexer(split.train.obs_names)
    moved = Split.of(edited(cells, training[:20]), 0)
    assert all(cells[m].var_names[0] in f for m, f in moved.features.items())
    assert not np.array_equal(plain.readings("rna")[0][:, -10:], moved.readings("rna")[0][:, -10:])


def test_scores_end_with_the_depth_and_readings_are_in_the_unit_of_translation(split: Split) -> None:
    scores, new = split.scores("rna")
    assert scores.shape == (192, 40)
    assert new.shape == (48, 40)
    depth = np.asarray(split.train["rna"].X.sum(1)).ravel()
    assert np.corrcoef(scores[:, -1], np.log1p(depth))[0, 1] > 0.999
    assert set(np.unique(split.readings("atac")[1])) == {0.0, 1.0}


# -- judge -----------------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def judged(cells: MuData, split: Split) -> Judge:
    judge = Judge(split)
    for m, (train, test) in judge.readings.items():
        judge.judge("truth", m, test)
        judge.judge("mean", m, np.broadcast_to(train.mean(0), test.shape))
    oracle = oracle_probability(cells)[cells.obs_names.get_indexer(split.test.obs_names)]
    place = cells["atac"].var_names.get_indexer(split.features["atac"])
    judge.judge("oracle", "atac", oracle[:, place])
    return judge


def test_the_truth_scores_best_and_permuted_pairs_score_nothing(judged: Judge) -> None:
    truth = judged.found["truth"]
    assert truth[AUROC] == truth[PEARSON] == pytest.approx(1.0)
    assert truth[GAIN] > 20
    assert truth[AUROC + NULL] == pytest.approx(0.5, abs=0.03)
    assert truth[PEARSON + NULL] == pytest.approx(0.0, abs=0.06)
    # A wrong certainty costs more than knowing nothing.
    assert truth[GAIN + NULL] < 0
    oracle = judged.found["oracle"]
    assert oracle[GAIN] > 0 > oracle[GAIN + NULL]
    assert 0.5 < oracle[AUROC] < 1


def test_what_is_the_same_for_every_cell_scores_as_its_own_null(judged: Judge) -> None:
    mean = judged.found["mean"]
    assert mean[AUROC] == mean[AUROC + NULL] == 0.5
    assert mean[GAIN] == mean[GAIN + NULL] == pytest.approx(0.0, abs=1e-9)
    assert mean[PEARSON] == mean[PEARSON + NULL] == 0.0


def test_the_null_is_the_same_prediction_for_other_cells(judged: Judge) -> None:
    """No cell's figures are lost or counted twice: the null is taken by hand."""
    assert sorted(judged.shuffled) == list(range(48))
    assert (judged.shuffled != np.arange(48)).sum() > 40
    train, test = judged.readings["atac"]
    given = np.clip(test, 0.2, 0.8)
    judged.judge("hedged", "atac", given)
    expected = log_likelihood_gain(test, given[judged.shuffled], train.mean(0)).mean()
    assert judged.found["hedged"][GAIN + NULL] == pytest.approx(expected)
    judged.note("hedged", seconds=3.0)
    assert judged.found["hedged"]["seconds"] == 3.0
    assert GAIN in judged.found["hedged"]


# -- table -----------------------------------------------------------------------------------------------------------------------
def made_up(shift: float) -> dict[str, dict[str, float]]:
    return {
        RIDGE: {AUROC: 0.60, GAIN: 3.0, PEARSON: 0.30, SECONDS: 1.0, AUROC + NULL: 0.5},
        OURS: {AUROC: 0.61 + shift, GAIN: 3.5, PEARSON: 0.31 - shift, SECONDS: 9.0, TIME: 0.95, NATS: -100.0},
        "MULTIVI": {AUROC: 0.58, PEARSON: 0.2, SECONDS: 100.0, TIME: 0.9},
        "fusion: late": {AUROC: 0.55, NATS: -101.0, TIME: 0.8},
    }


A549 = [made_up(0.0), made_up(0.002), made_up(-0.007)]


def test_rows_are_means_over_seeds_with_intervals() -> None:
    rows = {(row.method, row.metric): row for row in rows_of("a549", A549, [0, 1, 2])}
    assert set(rows) == {(method, metric) for method, figures in made_up(0).items() for metric in figures}
    row = rows[OURS, AUROC]
    assert row.value == pytest.approx(0.61 - 0.005 / 3)
    assert row.low < row.value < row.high
    assert row.seeds == (0, 1, 2)
    assert "held-out" in row.where


def test_a_figure_that_one_seed_lacks_is_over_the_others_and_no_claim() -> None:
    lacking = [made_up(0.0), {m: dict(f) for m, f in made_up(0.0).items()}]
    del lacking[1][OURS][NATS]
    del lacking[1]["MULTIVI"]
    found = {(row.method, row.metric): row for row in rows_of("a549", lacking, [0, 1])}
    assert found[OURS, NATS].seeds == (0,)
    assert found[OURS, NATS].low is None
    assert found[OURS, AUROC].seeds == (0, 1)
    assert found["MULTIVI", AUROC].seeds == (0,)
    assert not any("MULTIVI" in claim.name for claim in claims_of("a549", lacking))


def test_claims_are_of_the_worst_seed_and_can_fail() -> None:
    claims = {claim.name: claim for claim in claims_of("a549", A549)}
    over_ridge = claims["A549, RNA to ATAC: AUROC over tuned ridge, worst seed"]
    assert over_ridge.value == pytest.approx(0.003)
    assert not over_ridge.holds
    assert claims_of("a549", A549[:2])[0].holds
    assert claims["A549, ATAC to RNA: Pearson over MULTIVI, worst seed"].value == pytest.approx(0.108)
    assert not any("UniVI" in name for name in claims)
    alone = [{m: f for m, f in table.items() if m != "MULTIVI"} for table in A549]
    assert not any("MULTIVI" in claim.name for claim in claims_of("a549", alone))
    assert claims_of("a549", [{RIDGE: made_up(0)[RIDGE]}]) == []


def test_claims_of_protein_are_over_the_better_of_two() -> None:
    tables = [
        {
            RIDGE: {PROTEIN: 0.5, RMSE: 1.0},
            KNN: {PROTEIN: 0.4, RMSE: 0.8},
            OURS: {PROTEIN: 0.48, RMSE: 0.82},
        }
    ]
    pearson, rmse = claims_of("cite", tables)
    assert pearson.value == pytest.approx(-0.02)
    assert not pearson.holds
    assert rmse.value == pytest.approx(0.82 / 0.8)
    assert rmse.holds


def test_the_leaderboard_says_nothing_where_nothing_was_measured() -> None:
    board = leaderboard(A549)
    json.dumps(board, allow_nan=False)
    assert board["columns"] == [AUROC, GAIN, PEARSON, NATS, TIME, SECONDS]
    assert board["higher_is_better"] == [True, True, True, True, True, False]
    rows = {row["method"]: row for row in board["rows"]}
    assert {m: row["group"] for m, row in rows.items()} == {
        RIDGE: "baseline",
        OURS: "ours",
        "MULTIVI": "peer",
        "fusion: late": "ours",
    }
    assert rows["MULTIVI"]["values"][board["columns"].index(GAIN)] is None
    value, low, high = rows[OURS]["values"][0]
    assert low < value < high
    assert value == pytest.approx(0.61 - 0.005 / 3)
    # One seed has no interval.
    assert leaderboard(A549[:1])["rows"][0]["values"][0] == [0.60, 0.60, 0.60]


# -- compression -----------------------------------------------------------------------------------------------------------------
def one(true: float, shuffled: float, separate: float) -> dict:
    return {"sizes": {}, "pairs": {k: {"joint": v, "separate": separate} for k, v in (("true", true), ("shuffled", shuffled))}}


def test_the_answer_follows_from_the_figures() -> None:
    related = coding.summary([one(-10.0, -13.0, -12.0), one(-10.2, -13.1, -12.1), one(-9.9, -13.1, -12.0)], 8, "time")
    assert related["related"]
    assert related["pairs"]["true"]["difference"][0] == pytest.approx(2.0)
    assert "are related, and one code pays" in related["answer"]
    assert "better than two separate codes" in related["answer"]
    none = coding.summary([one(-13.0, -13.0, -12.0), one(-13.2, -13.1, -12.1), one(-13.1, -13.2, -12.0)], 8, "time")
    assert not none["related"]
    assert "not told apart from shuffled pairs, and one code does not pay" in none["answer"]
    assert "two separate codes of the same total size describe new cells better, by 1.1" in none["answer"]
    # Related, and yet better described apart: two questions with two answers.
    both = coding.summary([one(-12.0, -13.0, -10.0), one(-12.1, -13.1, -10.2), one(-12.1, -13.0, -10.1)], 8, "time")
    assert both["related"]
    assert "are related, but one code does not pay" in both["answer"]
    assert "are related, but one code is not shown to pay" in coding.sentence(8, (1.0, 0.5, 1.5), (0.1, -0.2, 0.4), 3)
    once = coding.summary([one(-10.0, -13.0, -12.0)], 8, "time")
    assert not once["related"]
    assert "no interval" in once["answer"]


def test_the_curve_has_a_smallest_size_that_is_enough() -> None:
    found = coding.curve(np.array([[1.0, 5.0, 5.1], [1.1, 5.2, 5.1]]), (1, 2, 4))
    assert found["chosen"] == 2
    assert found["nats"][0][0] == pytest.approx(1.05)
    assert coding.curve(np.array([[1.0, 5.0, 5.1]]), (1, 2, 4))["nats"][0] == [1.0, 1.0, 1.0]
    # Within each split, though the splits' levels are far apart: -0.1 and -0.3.
    found = coding.curve(np.array([[1.0, 5.0, 5.1], [71.0, 75.0, 75.3]]), (1, 2, 4))
    assert found["against_best"][1] == pytest.approx([-0.2, -0.2 - 12.706 * 0.1, -0.2 + 12.706 * 0.1], rel=1e-3)
    assert found["against_best"][2] == [0.0] * 3


# -- program ---------------------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_program_prints_one_json_object_on_the_last_line(
    cells: MuData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("VIRTUALCELL_PEERS", raising=False)
    monkeypatch.setitem(program.DEMO_SETTINGS, "a549", TINY)
    for module in (program, peer_splits):
        monkeypatch.setattr(module, "load_demo", lambda key: cells.copy())
    out = tmp_path / "found.json"
    program.main(
        ["--demo", "a549", "--seeds", "0", "--parts", "translation", "coding", "--fusions", "late", "--json", "--out", str(out)]
    )
    said, written = json.loads(capsys.readouterr().out.splitlines()[-1]), json.loads(out.read_text())
    assert said == {key: written[key] for key in ("rows", "claims")}
    assert {"leaderboard", "coding", "rate"} <= set(written)
    figures = {(row["method"], row["metric"]): row["value"] for row in said["rows"]}
    assert all(np.isfinite(value) for value in figures.values())
    for method in (OURS, RIDGE, KNN, "reduced-rank Bernoulli GLM"):
        assert 0.4 < figures[method, AUROC] < 1
        assert figures[method, AUROC + NULL] == pytest.approx(0.5, abs=0.06)
    assert figures[OURS, GAIN] > figures[OURS, GAIN + NULL]
    assert {"fusion: late", "per-feature mean"} <= {method for method, _ in figures}
    claims = {claim["name"]: claim for claim in said["claims"]}
    over = claims["A549, RNA to ATAC: AUROC over tuned ridge, worst seed"]
    assert over["value"] == pytest.approx(figures[OURS, AUROC] - figures[RIDGE, AUROC])
    assert over["holds"] == (over["value"] >= 0.004)
    assert written["rate"]["chosen"] in coding.SIZES
    assert set(written["coding"]["pairs"]) == {"true", "shuffled", "shuffled within time"}
