"""Generate, expensive assays: told with their intervals beside what was withheld."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.pages.generate_views import figure, metric, values, view, words
from virtualcell.demo import load_bundle
from virtualcell.ui import generate as g
from virtualcell.ui import generate_assays, generate_tested

pytestmark = pytest.mark.slow


def test_expensive_assays_are_told_with_their_intervals_beside_what_was_withheld():
    from virtualcell.data.simulate_assays import truth_of

    at = view("assays", g.ASSAYS, **{"assay-assays": "proteins"})
    b = load_bundle("assays")
    inside = float(metric(at, "Truth inside its interval").removesuffix(" %"))
    assert 85 <= inside <= 97
    cell = at.selectbox(key="assay-cell-assays").value
    truth = b.model.reading(truth_of(b.cells[[cell]], "prot", b.model.features("prot")), "prot")[0]
    points = {t["name"]: t for t in figure(at, "assay-bars-assays")["data"]}
    shown = dict(zip(points["withheld"]["y"], values(points["withheld"]["x"]), strict=True))
    assert all(np.isclose(truth[b.model.features("prot").index(name)], value, atol=1e-4) for name, value in shown.items())
    patterns = figure(at, "assay-patterns")
    assert len(patterns["data"]) == 3


def test_where_nothing_is_lacking_an_assay_is_hidden_as_a_test():
    at = view("cite", g.ASSAYS)
    assert "As a test, one is hidden" in words(at)
    assert "Which cells have which assay" not in words(at), "all have all"
    assert not {"assay-cite", "assay-cells-cite"} & {one.key for one in at.selectbox}, "there is no other"
    assert "Expensive assay: proteins" in words(at)
    assert "one expected value" in words(at)
    assert re.search(r"Agreement over them \(correlation\): \*\*0\.\d\d\*\*. Bias, expected less", words(view("a549", g.ASSAYS)))
    assert "Only RNA was measured" in words(view("kang", g.ASSAYS))


def test_a_test_of_one_assay_says_nothing_of_another(monkeypatch):
    def made(method: str, metric: str, value: float, target: str) -> dict:
        where = f"assays, completed, rna to {target}, cells without it"
        return {"method": method, "metric": metric, "value": value, "low": None, "high": None, "seeds": [0], "where": where}

    rows = [made("VirtualCell", "mean squared error", error, target) for target, error in (("atac", 5), ("prot", 7))]
    rows += [made("mean of all cells", "mean squared error", 9, target) for target in ("atac", "prot")]
    rows.append(made("VirtualCell", "share inside the 90 % interval", 0.88, "prot"))
    monkeypatch.setattr(generate_tested, "report", lambda folder: {"rows": rows, "claims": []})
    monkeypatch.setattr(generate_assays, "report", generate_tested.report)
    proteins = words(view("assays", g.ASSAYS, **{"assay-assays": "proteins"}))
    assert "this model 7" in proteins
    assert "held 88 %" in proteins
    peaks = words(view("assays", g.ASSAYS, **{"assay-assays": "chromatin"}))
    assert "this model 5" in peaks
    assert "intervals held" not in peaks
