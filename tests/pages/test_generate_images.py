"""Generate, pictures: drawn ones beside photographs, both of the chosen code."""

from __future__ import annotations

import json
import re

import pytest

from tests.pages.generate_views import figure, metric, view, words
from virtualcell.ui import generate as g
from virtualcell.ui.generate_images import named

pytestmark = pytest.mark.slow


def test_pictures_are_drawn_beside_photographs_of_the_same_code():
    from virtualcell.data.catalogue import models_folder
    from virtualcell.generative.images import FOLDER, ImageCodes, load_blood_cells

    model, cells = ImageCodes.load(), load_blood_cells()
    name, category = [(name, k) for name, k in named(model).items() if model.names[k].images][-1]
    at = view("kang", g.IMAGES, **{"image-code": name, "image-knob-1": "0.5"})
    drawn, photographs = figure(at, "images-drawn")["data"]
    assert drawn["zsmooth"] is False
    n = int(re.search(r"\((\d+)\)", figure(at, "images-drawn")["layout"]["annotations"][1]["text"])[1])
    assert n == min(36, (model.read(cells.images)[0].argmax(1) == category).sum())
    assert drawn["source"] != photographs["source"]
    assert metric(at, "Named rightly by their code") == f"{100 * model.record['purity']:.1f} %"
    assert "BCCD" in words(at)
    beside = json.loads((models_folder() / FOLDER / "generate.json").read_text())["rows"]
    shipped = [row for row in beside if row["where"].endswith(f"shipped (seed {model.settings.seed})")]
    (told,) = [row["value"] for row in shipped if row["metric"].startswith("AUROC")]
    assert metric(at, "Drawn one recognised") == f"{100 * told:.0f} %"
