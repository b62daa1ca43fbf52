"""Generate, pairs and labels: judged beside shuffled ones and beside their own test."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.pages.generate_views import figure, metric, values, view, words
from virtualcell.demo import load_bundle
from virtualcell.ui import generate as g
from virtualcell.ui import generate_tested
from virtualcell.ui.generate_pairs import auroc

pytestmark = pytest.mark.slow


def test_pairs_are_judged_beside_shuffled_ones():
    at = view("a549", g.PAIRS)
    share = int(metric(at, "True pair scored higher").removesuffix(" %"))
    low, high = map(int, re.match(r"(\d+) to (\d+) %", next(m.delta for m in at.metric if "True pair" in m.label)).groups())
    assert low <= share <= high
    hills = {t["name"].split(" (")[0]: (values(t["x"]), values(t["y"])) for t in figure(at, "pair-scores-a549")["data"]}
    (x, true), (_, shuffled) = hills["of the same cell"], hills["of two different cells"]
    higher = true @ (np.tril(np.ones((len(x), len(x))), -1) + np.eye(len(x)) / 2) @ shuffled  # a tie in a bin counts half
    assert share == pytest.approx(100 * higher, abs=2)
    if low != 50:  # else the whole number does not tell on which side it is
        assert ("do not show" in words(at)) == (low < 50)
    (labels,) = figure(at, "label-scores-a549")["data"]
    np.testing.assert_allclose(values(labels["z"]).reshape(3, 3).sum(axis=1), 1, atol=1e-5)
    (table,) = [one for one in at.dataframe if "score" in one.value]
    assert table.value["score"].is_monotonic_increasing


def test_cells_that_are_not_judged_are_counted_with_their_reasons():
    b = load_bundle("a549")
    held = b.cells[b.cells.obs_names.isin(b.model.record["held_out"])]
    why = b.model.refusals(held, "rna", "atac")
    at = view("a549", g.PAIRS)
    shown = [one.value for one in at.metric if one.label == "Refused"]
    assert shown == [f"{(why != '').sum()} of {len(why)}"] * 2, "of the pairs, and of the labels"
    reason = next(str(one) for one in why if "fits what" in one).replace("rna", "RNA").replace("atac", "chromatin")
    assert any(reason in caption.value for caption in at.caption)
    assert any("If a tenth of" in caption.value and "0% of these" in caption.value for caption in at.caption)


def test_labels_stand_beside_their_own_test(monkeypatch):
    def made(method: str, metric: str, value: float, where: str) -> dict:
        where = f"a549, {where}, held-out cells"
        return {"method": method, "metric": metric, "value": value, "low": None, "high": None, "seeds": [0], "where": where}

    rows = [
        made(who, "AUROC, own time against others", 0.9 + i / 100, "labels") for i, who in enumerate(("VirtualCell", "other"))
    ]
    rows += [made(who, "accuracy, state", 0.1, "labels") for who in ("VirtualCell", "other")]
    auroc_of_pairs = "AUROC, own against another cell's"
    rows += [made(who, auroc_of_pairs, 0.7 + i / 10, "rna with atac") for i, who in enumerate(("VirtualCell", "other"))]
    claims = [{"name": f"a549, labels: AUROC, own {of}, worst seed", "holds": True, "value": 0.9, "target": "> 0.5"}
              for of in ("time", "state")]  # fmt: skip
    monkeypatch.setattr(generate_tested, "report", lambda folder: {"rows": rows, "claims": claims})
    at = view("a549", g.PAIRS)
    assert "this model 0.7" in words(at)
    assert "this model 0.9" in words(at)
    assert "own time against others" in words(at)
    assert "state" not in "".join(block.value for block in at.markdown if "worst seed" in block.value), "time is asked for"
    assert not any("accuracy" in block.value for block in at.markdown)


def test_the_interval_around_the_auroc_holds_chance_where_there_is_none():
    rng = np.random.default_rng(0)
    value, low, high = auroc(rng.normal(size=400), rng.normal(size=400), 0)
    assert low < 0.5 < high
    assert low < value < high
    value, low, _ = auroc(rng.normal(3, 1, 400), rng.normal(size=400), 0)
    assert value > low > 0.95
