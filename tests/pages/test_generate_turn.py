"""Generate, knobs: what turning one changes is what the codes say, and codes are called by their cells."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.pages.generate_views import figure, values, view
from virtualcell.demo import load_bundle
from virtualcell.ui import generate as g
from virtualcell.ui.generate_codes import Read
from virtualcell.ui.generate_codes import named as codes_named
from virtualcell.ui.generate_turn import _how_alike

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
    log = figure(at, "settling-larry")["data"][0]
    assert values(log["y"])[-1] < values(log["y"])[0], "the code of a cell settles"


def test_codes_are_called_by_what_their_cells_are():
    read = Read(np.array([0] * 6 + [1] * 4), np.ones(10), np.zeros((10, 2)))
    labels = np.array(["a"] * 5 + ["b"] * 5)
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
