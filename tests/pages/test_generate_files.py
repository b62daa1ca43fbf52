"""Generate, files: each says that what it holds is synthetic."""

from __future__ import annotations

import io
import json

import anndata as ad
import mudata
import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.generate_views import view
from virtualcell.demo import load_bundle
from virtualcell.ui import generate as g
from virtualcell.ui.generate_files import written

pytestmark = pytest.mark.slow


def files(at: AppTest, monkeypatch) -> dict[str, object]:
    """Name of each file that can be taken away -> what makes it."""
    found = {}
    monkeypatch.setattr(st, "download_button", lambda label, data, file_name=None, *a, **more: found.__setitem__(file_name, data))
    at.run()
    assert not at.exception
    return found


@pytest.mark.parametrize(("demo", "name", "file"), [("cite", g.MISSING, "rna-to-prot"), ("simulated", g.NEW, "cells")])
def test_files_of_drawn_cells_say_everywhere_that_they_are_synthetic(demo, name, file, monkeypatch, tmp_path):
    at = view(demo, name)
    offered = files(at, monkeypatch)
    assert all("synthetic" in key for key in offered if key and file in key)
    path = tmp_path / "cells.h5mu"
    path.write_bytes(offered[f"{demo}-synthetic-{file}.h5mu"]())
    cells = mudata.read_h5mu(path)
    for table in (cells, *cells.mod.values()):
        assert table.obs["synthetic"].all()
        assert table.uns["synthetic"]["model"] == load_bundle(demo).model.record["digest"]
        assert "never measured" in table.uns["synthetic"]["warning"]
    path = tmp_path / "cells.h5ad"
    path.write_bytes(offered[f"{demo}-synthetic-{file}.h5ad"]())
    one = ad.read_h5ad(path)
    assert one.obs["synthetic"].all()
    assert "link" in one.uns["virtualcell"]
    assert one.X.min() >= 0
    tables = {key: made for key, made in offered.items() if key and "synthetic" in key and key.endswith(".csv")}
    assert len(tables) == 2, "states, and features"
    for made in tables.values():
        assert pd.read_csv(io.StringIO(made()), comment="#")["synthetic"].all()


def test_a_written_file_keeps_the_marks_of_its_cells():
    b = load_bundle("simulated")
    cells = b.model.synthetic(b.model.draw_cells(5))
    assert not {"virtualcell"} & set(next(iter(cells.mod.values())).uns)
    assert len(written(cells, "h5ad", {"link": "x"})) > 1000
    assert not {"virtualcell"} & set(next(iter(cells.mod.values())).uns), "what was drawn is not changed"


def test_drawn_pictures_say_that_they_are_synthetic(monkeypatch):
    at = view("kang", g.IMAGES)
    offered = files(at, monkeypatch)
    (name,) = [one for one in offered if one and one.endswith(".png")]
    assert name.startswith("blood_cells-synthetic-kind_1-red_cell-knobs_0_0_0-noise_1-draw_0")
    data = offered[name]()
    assert json.loads(Image.open(io.BytesIO(data)).text["synthetic"])["synthetic"] is True
