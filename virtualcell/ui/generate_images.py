"""Generate, fourth view: pictures of blood cells drawn from a few knobs, beside photographs that the model reads alike."""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.data.catalogue import models_folder
from virtualcell.demo import Bundle
from virtualcell.figures.drawn_images import drawn_images, marked_sheet
from virtualcell.generative.images import FOLDER, PART, ImageCodes, as_png, load_blood_cells, split_by_slide
from virtualcell.generative.images_knobs import effects
from virtualcell.schema import DataError
from virtualcell.ui import code_generate, state, words
from virtualcell.ui import generate as g
from virtualcell.ui import generate_images_tested as told
from virtualcell.ui.generate_files import SYNTHETIC
from virtualcell.ui.generate_images_knobs import knobs as turned_knobs
from virtualcell.ui.generate_images_tested import Pictures
from virtualcell.ui.generate_tested import judged, report
from virtualcell.ui.parts import chart
from virtualcell.ui.theme import look

ACROSS, HOW_MANY, STEPS = 6, 36, 9
ENOUGH = 30
"""Photographs of a kind that are the least to say how much it varies; of one with fewer, all photographs say it."""


@st.cache_resource(max_entries=2, show_spinner="Opening the pictures and reading the code of each …")
def _pictures(stamp: int) -> Pictures:
    cells, model = load_blood_cells(), ImageCodes.load()
    probabilities, continuous = model.read(cells.images)
    unseen = split_by_slide(cells, model.settings.seed).test
    return Pictures(model, cells, probabilities.argmax(axis=1), continuous, unseen)


@st.cache_resource(max_entries=64, show_spinner="Drawing pictures …")
def _draw(stamp: int, category: int, continuous: tuple[float, ...], noise: float, seed: int, n: int) -> np.ndarray:
    codes = np.tile(np.asarray(continuous, dtype=np.float32), (n, 1))
    return _pictures(stamp).model.draw(np.full(n, category), codes, seed=seed, noise=noise)


@st.cache_data(max_entries=64, show_spinner="Measuring what each knob does …")
def _effects(stamp: int, category: int, continuous: tuple[float, ...]) -> list[dict[str, float]]:
    found = _pictures(stamp)
    return effects(found.model, found.cells.images[_varied(found, category)], category, continuous)


def _varied(found: Pictures, category: int) -> np.ndarray:
    """(n,) bool: the photographs in whose variation what a knob does to a kind is told."""
    own = found.category == category
    return own if own.sum() >= ENOUGH else np.ones_like(own)


@st.cache_resource(max_entries=64, show_spinner="Turning each knob from end to end …")
def _turn(stamp: int, category: int, continuous: tuple[float, ...], noise: float, seed: int) -> np.ndarray:
    """(knobs, STEPS, 32, 32, 3): one picture with each knob turned, all else held."""
    model, kind, codes = _pictures(stamp).model, np.array([category]), np.array([continuous])
    rows = [model.turn(kind, which, codes, steps=STEPS, seed=seed, noise=noise)[:, 0] for which in range(len(continuous))]
    return np.stack(rows)


def images(b: Bundle) -> g.Shown | None:
    """Draws the view; None where its model is missing."""
    folder = models_folder() / FOLDER
    if not (folder / f"{PART}.json").is_file():
        st.info("The model of blood-cell images is not here, so nothing is drawn. This command trains it:", icon=None)
        st.code("python -m virtualcell.generative.images_train", language="bash")
        return None
    stamp = state.changed(folder)
    try:
        found = _pictures(stamp)
    except DataError as error:
        st.error(f"{error.problem} What to do: {error.next_step}")
        return None
    n, knobs = found.model.n_categories, found.model.n_continuous
    main, side = st.columns([3.2, 1], gap="medium")
    with side:
        # The same pictures whichever cells are chosen above: these keys are of no demo.
        names = named(found.model)
        name = st.selectbox(
            "Kind of picture", list(names), key="image-code", bind="query-params",
            help="Kinds that the model found without being told their names, the commonest first. Each is called by what most "
            "photographs of it show.",
        )  # fmt: skip
        category = names[name]
        continuous = tuple(
            float(st.slider(f"Knob {i + 1}", -1.0, 1.0, 0.0, 0.1, key=f"image-knob-{i + 1}", bind="query-params"))
            for i in range(knobs)
        )
        noise = float(st.slider("Noise", 0.0, 2.0, 1.0, 0.25, key="image-noise", bind="query-params", help=NOISE))
        seed = int(st.number_input("Draw number", 0, 9999, 0, 1, key="image-seed", bind="query-params", help="The seed."))
    # Without noise every picture with the same knobs is the same one.
    many = HOW_MANY if noise else 1
    drawn, rows = _draw(stamp, category, continuous, noise, seed, many), alike(found, category, continuous)
    file = file_name(found.model, category, continuous, noise, seed)
    with main:
        titles = ("drawn by the model", f"photographs of this kind ({len(rows)})")
        fig = drawn_images(drawn, found.cells.images[rows], titles=titles, across=ACROSS, look=look())
        kinds = words.listed(sorted(set(found.cells.labels[rows].tolist()))) or "none"
        alt = f"{len(drawn)} drawn pictures of code {category + 1}, beside {len(rows)} photographs ({kinds})"
        chart(fig, "images-drawn", alt=alt, file=f"{file}-beside-photographs")
        same = "all with the same knobs, each with chance of its own" if noise else "without noise these knobs make one picture"
        st.caption(
            f"Left: {same}. Right: photographs that the model reads as this kind, "
            "those nearest to the knobs first. All are 32 pixels wide; none tells how large a cell is."
        )
    with side:
        record = {"category": category + 1, "continuous": list(continuous), "noise": noise, "seed": seed}
        st.download_button(
            "Drawn pictures (PNG)", lambda: as_png(marked_sheet(drawn), record), f"{file}.png", "image/png",
            key="images-png", on_click="ignore", width="stretch",
        )  # fmt: skip
        st.caption("Marked as synthetic: in the file's name, in words under the pictures, and inside the file.")
    tested = report(folder)
    told.passing(found, tested)
    own = _varied(found, category)
    turned_knobs(
        _turn(stamp, category, continuous, noise, seed), _effects(stamp, category, continuous), kind=name,
        of="all photographs" if own.all() else f"the {own.sum():,} photographs of this kind", file=f"{file}-knobs",
    )  # fmt: skip
    told.sorting(b, found, tested)
    told.settled(found)
    if tested is not None:
        judged(b, told.OVER_SEEDS, "Beside simpler ways to sort and to draw pictures", ours=told.OURS, folder=folder)
    said = words.listed([f"{value:g}" for value in continuous])
    return g.Shown(
        code=lambda: code_generate.images(b, category, continuous, noise, seed, many, ACROSS, rows),
        methods=lambda: (
            f"Images of blood cells (number: {many}; 32 x 32 pixels) were drawn by a generator with interpretable codes "
            f"(InfoGAN) that was trained on {found.model.record['images']['training']:,} crops of the BCCD data set without "
            f"their labels: categorical code {category + 1} of {n}, continuous codes {said}, {noise:g} times the noise, "
            f"seed {seed}."
        ),
    )


NOISE = "How far pictures with the same knobs may differ: 0 not at all, 1 as learned."


def named(model: ImageCodes) -> dict[str, int]:
    """Codes as they are called, the commonest first -> their number."""
    # Kinds that no photograph is of come last, however often the generator would draw them.
    order = sorted(range(model.n_categories), key=lambda k: (-model.names[k].images, -model.prior[k]))
    said = {}
    for k in order:
        one = model.names[k]
        said[f"{k + 1}: {one.kind}, {one.share:.0%}" if one.images else f"{k + 1}: no photograph"] = k
    return said


def file_name(model: ImageCodes, category: int, continuous: tuple[float, ...], noise: float, seed: int) -> str:
    """What a file of drawn pictures is called: another kind, place of a knob, noise or draw is another name."""
    kind = f"{category + 1}-{model.names[category].kind.replace(' ', '_')}" if model.names[category].images else f"{category + 1}"
    places = "_".join(f"{value:g}" for value in continuous)
    return f"blood_cells-{SYNTHETIC}-kind_{kind}-knobs_{places}-noise_{noise:g}-draw_{seed}"


def alike(found: Pictures, category: int, continuous: tuple[float, ...]) -> np.ndarray:
    """At most HOW_MANY photographs with this code, those first whose continuous codes are nearest."""
    rows = np.flatnonzero(found.category == category)
    away = np.linalg.norm(found.continuous[rows] - np.asarray(continuous), axis=1)
    return rows[np.argsort(away, kind="stable")[:HOW_MANY]]
