"""The benchmark of maps: its cells, its sums and its claims; what it drives is tested in tests/browser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.app.__main__ import CLAIMED, OURS, PEER, main, told
from benchmarks.app.cells import make_cells, slice_of
from benchmarks.app.server import Server
from benchmarks.app.visit import near
from virtualcell.demo import load_bundle
from virtualcell.explore.polygon import members


def visit(first: float, recolour: float, sent: float, **more: float) -> dict[str, float]:
    return {"first paint, s": first, "first paint, MB": 4.0, "recolour, s": recolour, "recolour, MB": sent, **more}


LASSO = {"lasso to statistics, s": 1.0, "lasso, sent by the browser, kB": 3.0, "lasso, cells": 220_000.0}


def test_ratios_are_medians_of_pairs_and_claims_are_computed():
    ours = [visit(5, 1, 0.3, **LASSO), visit(6, 1, 0.3, **LASSO), visit(60, 1, 0.3, **LASSO)]
    theirs = [visit(50, 10, 12), visit(20, 10, 12), visit(400, 10, 12)]
    rows, claims = told({CLAIMED: {OURS: ours, PEER: theirs}})
    ratios = {row.metric: row.value for row in rows if "/" in row.method}
    assert ratios["first paint, s"] == pytest.approx(0.15)  # of 0.1, 0.3 and 0.15
    assert ratios["recolour, MB"] == pytest.approx(0.025)
    medians = {(row.method, row.metric): row for row in rows}
    assert medians[OURS, "first paint, s"].value == 6
    assert (medians[OURS, "first paint, s"].low, medians[OURS, "first paint, s"].high) == (5, 60)
    assert len(claims) == 6
    assert all(claim.holds for claim in claims)
    slow = told({CLAIMED: {OURS: [visit(11, 3, 1.3, **LASSO)], PEER: [visit(50, 10, 12)]}})[1]
    assert [claim.name for claim in slow if not claim.holds] == [
        "1,000,000 cells: first paint, s, ours / scattergl",
        "1,000,000 cells: recolour, s, ours / scattergl",
        "1,000,000 cells: recolour, MB, ours / scattergl",
        "1,000,000 cells: a recolour sends, MB",
    ]
    assert told({1000: {OURS: ours, PEER: theirs}})[1] == []


def test_cells_are_those_of_the_demo_moved_a_little(tmp_path):
    bundle = load_bundle("a549")
    with np.load(make_cells(bundle, 20_000, tmp_path), allow_pickle=False) as found:
        positions, amounts, genes = found["positions"], found["amounts"], found["genes"].tolist()
        states = found["states"][found["state"]]
    assert (positions.shape, amounts.shape, len(genes)) == ((20_000, 2), (20_000, 12), 12)
    assert len(np.unique(positions, axis=0)) > 19_900
    gene = bundle.cells.mod["rna"][:, genes[0]].X
    share = np.mean(np.asarray(gene.todense() if hasattr(gene, "todense") else gene) > 0)
    assert np.mean(amounts[:, 0] > 0) == pytest.approx(share, abs=0.02)
    assert len(np.unique(states)) >= 2
    inside = members(positions, slice_of(positions, 0.22))
    assert len(inside) == pytest.approx(4400, abs=5)


def test_pixels_near_a_colour_are_counted():
    pixels = np.full((4, 5, 3), 255, dtype=np.int16)
    pixels[1, 2] = (34, 136, 51)
    pixels[3, 3] = (40, 130, 60)
    pixels[0, 0] = (80, 136, 51)
    assert near(pixels, np.array([[34, 136, 51]])) == 2


def test_memory_is_that_of_the_process():
    held = "import time; x = bytearray(80_000_000); x[::4096] = b'1' * len(x[::4096]); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", held], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        memory = Server("", process.pid, Path()).memory()
        assert 80 < memory["now"] <= memory["most"] < 150
    finally:
        process.kill()
        process.wait()
    assert Server("", os.getpid(), Path()).memory()["now"] > 10


@pytest.mark.parametrize("arguments", [["--cells"], ["--cells", "5"], ["--repeats", "0"]])
def test_nothing_to_measure_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert "ask for" in capsys.readouterr().err


def test_data_and_program_are_counted_apart():
    from benchmarks.app.visit import Visit

    found = Visit.__new__(Visit)
    found.host, found.wrong, found._kinds = "127.0.0.1:1", [], {}
    found.received, found.sent = {"data": 0.0, "code": 0.0}, 0.0
    for request, url in (("1", "http://127.0.0.1:1/static/js/x.js"), ("2", "http://127.0.0.1:1/media/abc.gz")):
        found._request({"requestId": request, "request": {"url": url}})
        found._loaded({"requestId": request, "encodedDataLength": int(request) * 1_000_000})
    found._frame({"response": {"opcode": 2, "payloadData": "QUJD"}}, "received")
    found._frame({"response": {"opcode": 1, "payloadData": "hello"}}, "sent")
    assert found.taken() == {"data MB": 2.000003, "code MB": 1.0, "sent bytes": 5.0}
    assert found.taken() == {"data MB": 0.0, "code MB": 0.0, "sent bytes": 0.0}
    found._request({"requestId": "3", "request": {"url": "https://fonts.example/x"}})
    assert found.wrong == ["request to https://fonts.example/x"]
