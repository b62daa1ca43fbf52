"""The paragraph for a paper says nothing that the record, the settings, the cells or the view do not say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest

import virtualcell
from virtualcell.data.catalogue import DEMOS
from virtualcell.ui import asked, state
from virtualcell.ui.methods import SOFTWARE, methods
from virtualcell.ui.trajectory_paths import clock, way

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def numbers(text: str) -> set[float]:
    return {float(found.replace(",", "")) for found in NUMBER.findall(text)}


def told(b) -> list[float]:
    """All numbers that are known of a model and its cells, in any rounding that a sentence may use."""
    record, demo = b.model.record, b.demo
    held = len(record["held_out"])
    listed = {key: value for key, value in record.items() if key not in ("held_out", "labels", "treatment_of", "history")}
    known = [*numbers(json.dumps(listed)), *numbers(json.dumps(b.model.settings.to_dict()))]
    known += [held, 100 * held / record["n_cells"], len(record["treatments"])]
    known += list(numbers(f"{demo.citation} {demo.source_url} {demo.file} {demo.columns.control} {record['treatments']}"))
    known += [] if demo.columns.time is None else list(np.unique(state.values(b, demo.columns.time)))
    return known


@pytest.mark.parametrize("demo", DEMOS)
def test_every_number_comes_from_the_record(demo):
    b = state.bundle(demo)
    text = methods(b, "")
    text = text.replace("sqrt(2 D)", "").replace(b.model.record["digest"], "")
    for name in (*SOFTWARE, "VirtualCell"):
        there = virtualcell.__version__ if name == "VirtualCell" else version(name)
        assert f"{name} {there}" in text
        text = text.replace(f"{name} {there}", "")
    known = np.array(told(b), dtype=float)
    for number in numbers(text):
        assert np.isclose(known, number, rtol=5e-3, atol=0).any() or np.isclose(np.round(known, 1), number).any(), number


@pytest.mark.parametrize("demo", DEMOS)
def test_it_says_of_each_data_set_what_is_true_of_it(demo):
    b = state.bundle(demo)
    text, record = methods(b, ""), b.model.record
    assert f"{record['n_cells']:,}" in text
    assert record["digest"] in text
    assert ("simulated cells" in text) == b.demo.simulated
    assert ("No predictor of movement" in text) == (not b.model.moves)
    assert ("one measured time" in text) == (b.model.moves and record["span"] is None)
    assert ("constant force" in text) == bool(b.model.moves and record["treatments"])
    assert ("fusion" in text) == (len(record["modalities"]) > 1)
    assert b.demo.citation.rstrip(".") in text
    assert "None" not in text
    assert "nan" not in text.split()
    assert ".." not in text
    assert "  " not in text


def test_the_view_is_in_it_with_all_that_was_chosen():
    b = state.bundle("larry")
    time = state.values(b, "time_d")
    rows = np.flatnonzero(time == 4.0)
    shown = way(b, rows, clock(4.0, 6.0, b.model.span), on="map", noise=0.5, seed=7)
    text = methods(b, asked.moved(b, shown, "time: 4 d"))
    n = min(len(rows), 400)
    assert f"{n:,} cells of 4 d (“time: 4 d”)" in text
    assert "carried to 6 d with 0.5 times the noise" in text
    assert "(seed 7)" in text


def test_own_cells_have_no_citation_and_are_called_so():
    b = state.bundle("kang")
    mine = replace(b, demo=replace(b.demo, key="run-7f3k2c", citation="", source_url="", licence="", file="mine.h5ad"))
    text = methods(mine, "")
    assert "They are our own (file mine.h5ad)." in text
    assert "Kang" not in text
    assert "Source" not in text
    assert "your own" not in methods(replace(mine, demo=replace(mine.demo, citation="your own cells")), "")
