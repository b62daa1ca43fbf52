"""Generate, knobs: what turning one changes is what the codes say, and codes are called by their cells."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.pages.generate_views import figure, values, view, words
from virtualcell.demo import load_bundle
from virtualcell.ui import generate as g
from virtualcell.ui.generate_agreement import of_means
from virtualcell.ui.generate_codes import Read
from virtualcell.ui.generate_codes import named as codes_named
from virtualcell.ui.generate_settled import settled_verdict
from virtualcell.ui.generate_turn import _how_alike, no_knob_follows

pytestmark = pytest.mark.slow


def test_turning_a_knob_changes_what_the_codes_say():
    at = view("larry", g.TURN, **{"turned-larry": "knob 2"})
    b = load_bundle("larry")
    assert b.model.codes is not None
    k = int(at.selectbox(key="code-larry").value.split(":")[0]) - 1
    turned = b.model.codes.turn(k, 1, steps=9, seed=0, n=100)
    amount = np.log1p(b.model.decode(turned).mean(axis=1))
    for trace in figure(at, "knob-turned-larry")["data"]:
        i = b.model.features().index(trace["name"])
        np.testing.assert_allclose(values(trace["y"]), amount[:, i] - amount[4, i], atol=1e-3)
    assert "almost every cell has one clear kind" in words(at)
    log = figure(at, "settling-larry")["data"][0]
    assert values(log["y"])[-1] < values(log["y"])[0], "the code of a cell settles"


def test_codes_are_called_by_what_their_cells_are():
    read = Read(np.array([0] * 6 + [1] * 4), np.ones(10), np.zeros((10, 2)))
    labels = np.array(["a"] * 5 + ["b"] * 5)
    times = np.array(["1 h"] * 2 + ["2 h"] * 4 + ["3 h"] * 4)
    assert codes_named(read, np.array(["a"] * 10), 2, [np.array(["x"] * 10), times]) == [
        "1: a (2 h), 100% of 6 cells",
        "2: a (3 h), 100% of 4 cells",
    ], "kinds of one name are told apart by the first annotation that differs"
    assert codes_named(read, labels, 2, [times]) == ["1: a, 83% of 6 cells", "2: b, 100% of 4 cells"]
    half = np.array(["a"] * 3 + ["b"] * 7)
    assert codes_named(read, half, 2)[0] == "1: mixed, a 50% and b 50% of 6 cells"
    assert codes_named(read, labels, 3) == ["1: a, 83% of 6 cells", "2: b, 100% of 4 cells", "3: hardly any measured cell"]
    assert codes_named(read, ["high A", "high B", ""], 2) == ["1: high A (6 cells)", "2: high B (4 cells)"]


def test_kinds_without_a_name_are_called_by_the_proteins_that_they_have_most_of():
    options = view("cite", g.TURN).selectbox(key="code-cite").options
    proteins = set(load_bundle("cite").model.features("prot"))
    told = [re.match(r"\d: high (\S+) and (\S+) \(", option) for option in options if "hardly any" not in option]
    assert told
    assert all({found[1], found[2]} <= proteins for found in told)
    assert any("CD14" in option for option in options), "monocytes"


def test_cells_that_chance_alone_hardly_sets_apart_are_called_copies():
    cells = np.random.default_rng(0).normal(size=(300, 4))
    variance = cells.var(axis=0, ddof=1).sum()
    assert "nearly copies of one" in _how_alike(variance, 50, cells * 0.01 + 3, "measured")
    assert " 50% as much" in _how_alike(variance, 50, cells / 2, "measured")
    assert "copies" not in _how_alike(variance, 50, cells / 2, "measured")
    assert _how_alike(variance, 2, cells, "measured").startswith("Too few measured cells")
    for size, verdict in ((0.5, "too narrow"), (1.0, "about as measured"), (1.39, "too wide")):
        assert f"(50 of them): **{verdict}**." in _how_alike(variance, 50, cells * size, "measured")


def test_a_knob_that_does_not_follow_the_time_is_said_not_to():
    def made(method: str, metric: str, value: float) -> dict:
        return {"method": method, "metric": metric, "value": value}

    follows = "|rho| of the best with time"
    rows = [made("codes", follows, 0.094), made("principal components of all cells", follows, 0.848)]
    said = no_knob_follows([*rows, made("codes", "ARI with time", 0.73)])
    assert said.startswith("**No knob follows the time**")
    assert "(|rho| 0.09 on held-out cells)" in said
    assert "principal components of all cells do follow it (0.85)" in said
    assert "kinds and times 0.73" in said
    assert "kinds and times" not in no_knob_follows([*rows, made("codes", "ARI with time", 0.1)])
    assert "do follow it" not in no_knob_follows([rows[0], made("principal components of all cells", follows, 0.1)])
    assert no_knob_follows([made("codes", follows, 0.9)]) == no_knob_follows([]) == ""
    assert "No knob follows the time" in words(view("a549", g.TURN))


def test_agreement_and_bias_of_two_means_are_told_apart():
    known = np.array([0.1, 0.2, 0.4])
    assert of_means(known, 1.1 * known, "drawn").endswith(
        "(correlation): **1.00**. Bias, drawn less the other, all together: **+10%**."
    )
    assert "**-1.00**. Bias, drawn less the other, all together: **+0%**" in of_means(known[:2], known[:2][::-1], "drawn")
    assert of_means(np.zeros(3), known, "drawn") == ""
    assert of_means(np.ones(3), np.ones(3) / 2, "expected") == "Bias, expected less the other, all together: **-50%**."


def test_codes_that_did_not_settle_are_said_not_to_have():
    assert settled_verdict([{"entropy_of_code": 1.6}, {"entropy_of_code": 0.05}], 5, "cell").startswith("**Yes.**")
    said = settled_verdict([{"entropy_of_code": np.log(5) / 2}], 5, "picture")
    assert said.startswith("**Not entirely.**")
    assert "50% of the uncertainty about the kind of a picture" in said
