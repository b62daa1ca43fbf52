"""The third step: name a training, say how thorough it is, and start it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from virtualcell import jobs
from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.schema import DataError, Settings
from virtualcell.ui import runs_settings as presets
from virtualcell.ui.uploads import Given

_PRESSED = "own-pressed"


def start(own: Given) -> str | None:
    """Controls of a new training; the id of the run that the reader started just now, else None."""
    left, right = st.columns([1, 1.5], gap="large")
    with left:
        stem = Path(own.name).name.split(".")[0].replace("_", " ")
        name = st.text_input("Name", stem, key="own-name", max_chars=80, help="Under this name you find the model again.")
        way = st.segmented_control("How thorough", list(presets.SAID), default=presets.STANDARD, required=True, key="own-way")
        way = way or presets.STANDARD
        st.caption(presets.SAID[way])
    settings = presets.preset(way, own.cells, own.columns)
    with right, st.expander("Advanced settings"):
        settings, hidden = _advanced(own, settings, way)
    long = presets.seconds(own.cells, own.columns, settings, hidden=hidden)
    waiting = sum(not run.status().over for run in _known())
    with left:
        st.button("Train", type="primary", key="own-train", width="stretch", on_click=_press)
        after = f" {waiting} other training(s) come first." if waiting else ""
        st.caption(
            f"Takes {presets.said(long)}, by what else this computer does.{after} You may close the browser: the training goes "
            "on, and this page shows it again."
        )
    with right:
        st.caption(_meaning(own))
    # A note of the press, not the press itself, which is lost where the page is drawn again before it comes here.
    return _submit(own, settings, name, hidden) if st.session_state.pop(_PRESSED, False) else None


def _press() -> None:
    st.session_state[_PRESSED] = True


def _advanced(own: Given, settings: Settings, way: str) -> tuple[Settings, bool]:
    """The settings as the reader changed them, and whether a time is hidden and predicted. Keys follow the way: each has its own
    usual values."""
    moves = presets.times(own.cells, own.columns) > 1 or own.columns.perturbation is not None
    autoencoder, predictor = settings.autoencoder, settings.predictor
    first, second, third = st.columns(3)
    dims = first.number_input(
        "Numbers in a cell's state", 2, 64, autoencoder.latent_dim, key=f"own-dims-{way}",
        help="Latent dimensions. Fewer make a simpler landscape; too few cannot tell cell types apart.",
    )  # fmt: skip
    epochs = second.number_input(
        "Passes over the cells",
        1,
        500,
        autoencoder.epochs,
        key=f"own-epochs-{way}",
        help="Epochs. Few cells are passed more often.",
    )
    steps = third.number_input(
        "Steps of the movement", 10, 5000, predictor.steps, 50, key=f"own-steps-{way}", disabled=not moves,
        help="Steps in which the landscape is fitted. Without times or treatments there are none.",
    )  # fmt: skip
    seed = first.number_input("Random seed", 0, 999, 0, key="own-seed", help="The same seed gives the same model.")
    fusion = second.selectbox(
        "Measurements become one state by", sorted(FUSIONS), index=sorted(FUSIONS).index(autoencoder.fusion), key="own-fusion",
        disabled=len(own.cells.mod) < 2, help="Only where several kinds were measured.",
    )  # fmt: skip
    between = presets.times(own.cells, own.columns) > 2
    hidden = st.toggle(
        "Test on a hidden time", key="own-hidden", disabled=not between,
        help="Trains a second time without a middle time and predicts it: how far can predictions be trusted? Takes about as "
        "long again, and needs three times or more.",
    )  # fmt: skip
    autoencoder = replace(autoencoder, latent_dim=int(dims), epochs=int(epochs), fusion=fusion)
    changed = replace(settings, autoencoder=autoencoder, predictor=replace(predictor, steps=int(steps)), seed=int(seed))
    return changed, bool(hidden and between)


def _meaning(own: Given) -> str:
    """What the columns that were chosen will allow."""
    times, treated = presets.times(own.cells, own.columns), own.columns.perturbation is not None
    if times > 1:
        movement = f"From {times} times it learns how cells move: trajectories, a landscape and fates."
        return f"{movement} From the treatment it learns what pushes them." if treated else movement
    if treated:
        return (
            "From treated beside untreated cells it learns what a treatment does. Without several times, nothing is said of when."
        )
    return "Without several times or a treatment it learns the states of cells and how measurements relate; nothing of movement."


def _submit(own: Given, settings: Settings, name: str, hidden: bool) -> str | None:
    try:
        with st.spinner("Putting the cells in place …", show_time=True):
            run = jobs.submit(own.cells, own.columns, settings, name=name, kinds=own.kinds, measure=hidden)
    except DataError as error:
        st.error(f"**The training could not start.** {error.problem}\n\n**What to do:** {error.next_step}")
        return None
    return run.id


def _known() -> list[jobs.Run]:
    try:
        return jobs.runs()
    except (DataError, OSError):
        return []  # the list of models says what is wrong with the folder
