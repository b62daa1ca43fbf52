"""The code that a page gives for its view draws, in a Python of its own, what the page draws; no text of a reader's gets out of
its quotes."""

from __future__ import annotations

import ast
import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.test_links import open_page, square
from virtualcell.ui import state
from virtualcell.ui.code_for_view import Script, quoted
from virtualcell.ui.marks import DRAWN

pytestmark = pytest.mark.slow  # each view opens a page and starts a Python

ROOT = Path(__file__).resolve().parents[2]

SHOW = "import plotly.graph_objects as go; go.Figure.show = lambda self: print('FIGURE' + self.to_json())\n"


def said(at: AppTest) -> list[str]:
    """All code on the page once a reader has opened link, code and paragraph."""
    at.session_state["share"] = True
    at.run()
    assert not at.exception
    return [element.value for element in at.code]


def shared(at: AppTest) -> tuple[str, str, str]:
    """Link, code and paragraph."""
    found = said(at)
    code = next(text for text in found if "fig.show()" in text)
    place = found.index(code)
    return found[place - 1], code, found[place + 1]


def drawn_by(code: str) -> dict:
    """The figure of a script."""
    (figure,) = figures_of(code)
    return figure


def figures_of(code: str) -> list[dict]:
    """The figures of a script, run where nothing of the app is loaded."""
    run = subprocess.run(
        [sys.executable, "-c", SHOW + code],
        capture_output=True, text=True, cwd=ROOT, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if line.startswith("FIGURE")]
    return [json.loads(line.removeprefix("FIGURE")) for line in lines]


def chart(at: AppTest, key: str) -> dict:
    (found,) = [element for element in at.get("plotly_chart") if key in element.proto.id]
    return json.loads(found.proto.spec)


def same(one: object, other: object, where: str = "figure") -> None:
    """Fails where two figures differ in more than the rounding of another process."""
    if isinstance(one, dict) and "bdata" in one:
        arrays = [np.frombuffer(base64.b64decode(x["bdata"]), dtype=x["dtype"]).astype(float) for x in (one, other)]
        np.testing.assert_allclose(*arrays, rtol=1e-4, atol=1e-5, err_msg=where)
    elif isinstance(one, dict):
        assert isinstance(other, dict), where
        assert one.keys() == other.keys(), where
        for key in one:
            same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert isinstance(other, list), where
        assert len(one) == len(other), where
        for i, (a, z) in enumerate(zip(one, other, strict=True)):
            same(a, z, f"{where}[{i}]")
    elif isinstance(one, float | int) and not isinstance(one, bool):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-5), where
    else:
        assert one == other, where


VIEWS = [
    ("trajectories", "larry", "moving-larry", {"seed": "3", "cells": "50", "noise": "0.5", "until-larry-2": "5"}),
    ("trajectories", "simulated", "moving-simulated", {"start-simulated": "time: 2 time units", "on": "plane", "cells": "400"}),
    ("perturb", "kang", "shift-kang", {"cells-to-push-kang": "cell state: B cells"}),
    ("perturb", "a549", "shift-a549", {"edit-a549": "doubled", "edited-a549": ["PER1", "FKBP5"]}),
    ("landscape", "larry", "surface-larry", {"paths": "20"}),
    ("landscape", "kang", "surface-kang", {"paths": "40"}),
    ("landscape", "simulated", "drop-simulated", {"show": "Drop a ball", "balls": "20"}),
    ("landscape", "simulated", "contours-simulated", {"show": "A way between two", "picture-predicted": "Map from above"}),
    ("modalities", "a549", "viewpoints-a549", {"modality-colour-a549": "FKBP5"}),
    ("modalities", "cite", "viewpoints-cite", {}),
    ("generate", "cite", "drawn-map-cite", {"missing-noise-cite": "0.5", "missing-seed-cite": "3"}),
    ("generate", "a549", "drawn-map-a549", {"missing-way-a549": "chromatin → RNA", "missing-time-a549": "3 h"}),
    ("generate", "simulated", "new-cells-simulated", {"new-state-simulated": "Fate A", "new-on-simulated": "map"}),
    ("generate", "a549", "new-cells-a549", {"generate-a549": "New cells"}),
    ("generate", "simulated", "knob-turned-simulated", {"generate-simulated": "Turn a knob", "knob-1-simulated": "0.5"}),
    ("generate", "kang", "images-drawn", {"generate-kang": "Cell images", "image-knob-1": "-1.0"}),
    ("generate", "cite", "pair-scores-cite", {"generate-cite": "Do they belong together?"}),
    ("generate", "simulated", "label-scores-simulated", {"generate-simulated": "Do they belong together?"}),
    ("generate", "assays", "assay-means-assays", {"generate-assays": "Expensive assays"}),
    ("generate", "cite", "assay-bars-cite", {"generate-cite": "Expensive assays"}),
    ("card", "a549", "quality-rna", {}),
    ("card", "kang", "quality-rna", {}),
]


@pytest.mark.parametrize(("page", "demo", "key", "link"), VIEWS)
def test_code_draws_what_the_page_draws(page, demo, key, link):
    at = open_page(page, demo, **link)
    assert not at.exception
    for name, value in link.items():
        assert at.query_params[name] == value, "the link was not taken"
    address, code, _ = shared(at)
    assert f"demo={demo}" in address
    page_figure, own = chart(at, key), drawn_by(code)
    assert page_figure["data"]
    same(page_figure["data"], own["data"], "data")
    same(page_figure.get("frames", []), own.get("frames", []), "frames")


def test_code_of_a_view_of_two_parts_draws_both():
    at = open_page("generate", "a549", **{"generate-a549": "Do they belong together?"})
    _, code, methods = shared(at)
    drawn = figures_of(code)
    for key, own in zip(("pair-scores-a549", "label-scores-a549"), drawn, strict=True):
        same(chart(at, key)["data"], own["data"], key)
    assert "AUROC" in methods
    assert "plausible" in methods


def test_cells_drawn_by_hand_are_in_the_code():
    b = state.bundle("simulated")
    outline = square(b, np.arange(5))
    link = {"start-simulated": DRAWN, "drawn-simulated": outline}
    at = open_page("trajectories", "simulated", **link)
    assert at.selectbox(key="start-simulated").value == DRAWN
    _, code, _ = shared(at)
    assert quoted(outline) in code
    same(chart(at, "moving-simulated")["data"], drawn_by(code)["data"])


HOSTILE = ['"); import os; os.abort() #', "'\n__import__('os').abort()\n'", "\\", "a\u2028b", "{b!r}", "\x00"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_inside_its_quotes(text):
    assert ast.literal_eval(quoted(text)) == text
    assert ast.literal_eval(quoted({"a": [text, (text,)]})) == {"a": [text, (text,)]}


def test_a_text_that_says_something_else_of_itself_is_quoted_all_the_same():
    class Sly(str):
        def __repr__(self) -> str:
            return "__import__('os').abort()"

    assert ast.literal_eval(quoted(Sly("x"))) == "x"
    with pytest.raises(TypeError, match="cannot be written"):
        quoted(object())


@pytest.mark.parametrize("text", HOSTILE[:4])
def test_names_of_a_run_cannot_add_a_line_to_the_code(text):
    from dataclasses import replace

    b = state.bundle("kang")
    script = Script(replace(b, demo=replace(b.demo, key=text)), "A view")
    script.draws("embedding", quoted(text))
    tree = ast.parse(str(script))
    calls = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert calls == ["load_run", "embedding"]
