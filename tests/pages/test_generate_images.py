"""Generate, pictures: drawn ones beside photographs, both of the chosen code."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.pages.generate_views import figure, metric, view, words
from virtualcell.ui import generate as g
from virtualcell.ui.generate_images import file_name, named
from virtualcell.ui.generate_images_knobs import named_changes

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


def test_without_noise_there_is_one_picture():
    at = view("kang", g.IMAGES, **{"image-noise": "0.0"})
    assert "without noise these knobs make one picture" in words(at)
    assert "chance of its own" not in words(at)
    drawn, photographs = (
        Image.open(io.BytesIO(base64.b64decode(one["source"].split(",")[1]))) for one in figure(at, "images-drawn")["data"]
    )
    right_of_the_first = np.asarray(drawn)[:, 34:]
    assert (right_of_the_first == right_of_the_first[0, 0]).all(), "paper"
    assert np.ptp(np.asarray(drawn)[:32, :32]) > 20
    assert np.ptp(np.asarray(photographs)[:, 34:]) > 20


def test_each_knob_is_named_by_what_it_does_to_the_kind_that_is_shown():
    from virtualcell.generative.images import ImageCodes

    model = ImageCodes.load()
    rows = []
    for name in (name for name, k in named(model).items() if model.names[k].images):
        told = list(figure(view("kang", g.IMAGES, **{"image-code": name}), "images-turned")["layout"]["yaxis"]["ticktext"])
        assert len({one.split("</b>")[1] for one in told}) == model.n_continuous, "no two knobs have the same words"
        rows.append(told)
    assert len({tuple(one) for one in rows}) == len(rows), "another kind, other words"
    changes = {"size": -1.24, "lightness": 0.5, "grain": 0.1}
    assert named_changes(changes) == ["smaller 1.2", "lighter 0.5"]
    grounds = {"lightness of the ground": -3.0, "red over blue of the ground": 2.0}
    assert named_changes(changes | grounds) == ["darker ground 3.0", "smaller 1.2", "lighter 0.5"]
    places = ((0.0, 0.5, 0.0), (0.5, 0.0, 0.0))
    files_of = {
        file_name(model, kind, at, noise, seed) for kind in (0, 1) for at in places for noise in (0, 1.0) for seed in (0, 1)
    }
    assert len(files_of) == 16
