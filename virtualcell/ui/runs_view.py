"""One training: how far it is, live, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from virtualcell import jobs
from virtualcell.figures.training_curves import PANELS, training_curves
from virtualcell.jobs.stages import HIDDEN
from virtualcell.schema import DataError
from virtualcell.training.rank import collapsed_below
from virtualcell.ui.again import command
from virtualcell.ui.parts import chart
from virtualcell.ui.runs_table import MEASURE, hidden_rows
from virtualcell.ui.runs_words import collapse, duration, progress_words, share_done
from virtualcell.ui.theme import look
from virtualcell.ui.words import MEASURED, literal, verdict

EVERY_S = 2.0
"""How often a training is looked at while it runs."""


def view(run: jobs.Run) -> None:
    """The whole view of a run; it follows by itself while the run waits or works."""
    status = run.status()
    measured = ", ".join(f"{n:,} {MEASURED.get(name, name)}" for name, n in run.modalities.items())
    st.caption(literal(f"{run.file or 'Upload'}: {run.n_cells:,} cells, {measured} · {_columns(run)}"))
    if status.over:
        _end(run, status)
        _curves(run)
    else:
        # A timer only while there is something to see: the fragment ends itself by drawing the whole page.
        st.fragment(_live, run_every=EVERY_S)(run.id)
    _actions(run, status)
    with st.expander("Settings of this model"):
        st.code(command(run.file or "cells.h5mu", run.settings), language="bash")
        st.caption("The same training from a terminal, where nothing in the cells was changed on this page.")


def _live(run_id: str) -> None:
    """Drawn every two seconds: the bar, the stage, the time left and the curves."""
    try:
        run = jobs.run(run_id)
        status = run.status()
    except DataError:
        st.rerun()  # deleted by another reader
        return
    if status.over:
        st.rerun()
    st.progress(min(1.0, share_done(status)), text=progress_words(status))
    _curves(run)


def _end(run: jobs.Run, status: jobs.Status) -> None:
    if status.state == "failed":
        error = status.error or {"problem": "It stopped without a word.", "next_step": "resume it."}
        st.error(f"**The training failed.** {error['problem']}\n\n**What to do:** {error['next_step']}")
    elif status.state == "cancelled":
        st.info("**Cancelled.** What was learned until then is kept: resume to go on from there, or delete it.", icon=None)
    else:
        _figures(run, status)


def _figures(run: jobs.Run, status: jobs.Status) -> None:
    try:
        found = jobs.figures(run)
    except DataError as error:
        st.error(f"{error.problem}\n\n**What to do:** {error.next_step}")
        return
    warning = collapse(found["effective_rank"], found["latent_dim"])
    if warning is not None:
        st.warning(warning, icon=None)
    if status.note is not None:
        st.warning(
            "**The generators could not be trained**, so the page Generate draws nothing from this model. All else is whole. "
            f"{literal(status.note['problem'])}\n\n**What to do:** {literal(status.note['next_step'])}",
            icon=None,
        )
    first, second, third, fourth = st.columns(4)
    spread = found.get("nats_over_average_error")  # runs of earlier versions have none
    first.metric(
        "Over the average cell",
        f"{found['nats_over_average']:,.1f}" + (f" ± {1.96 * spread:,.1f} nats" if spread is not None else " nats"),
        help=f"On {found['held_out_cells']:,} cells that it did not learn from (they chose when to stop, "
        "which flatters a little): log-likelihood of a cell, all its measurements together, over "
        "that of the average cell. Above 0 is better. ±: 95 % interval over these cells, of this one training.",
    )  # fmt: skip
    second.metric(
        "Numbers of the state in use",
        f"{found['effective_rank']:.1f} of {found['latent_dim']}",
        help="Effective rank of the states.",
    )
    third.metric("Trained in", duration(found["seconds"]))
    if found.get("attractors") is not None:
        fourth.metric("Resting places", f"{found['attractors']:,}", help="Valleys of the landscape in which cells come to rest.")
    rows = hidden_rows(run)
    if rows:
        st.markdown(f"Tested on a hidden time ({rows[0]['where'].partition(', ')[2]}, {MEASURE}): {verdict(rows)}")
    with st.container(horizontal=True):
        for label, page, there in (
            ("Explore", "pages/explore.py", True),
            ("Trajectories", "pages/trajectories.py", found["moves"] and run.columns.time is not None),
            ("Landscape", "pages/landscape.py", found["moves"]),
            ("Perturb", "pages/perturb.py", found["moves"] and run.columns.perturbation is not None),
        ):
            if there and st.button(label, key=f"open-{label.lower()}", type="primary" if label == "Explore" else "secondary"):
                st.switch_page(page, query_params={"demo": run.id})


def _curves(run: jobs.Run) -> None:
    try:
        found = jobs.history(run)
    except DataError as error:
        st.error(f"{error.problem}\n\n**What to do:** {error.next_step}")
        return
    if not any(column in found and found[column].notna().any() for column, *_ in PANELS):
        st.caption("Curves are drawn here as soon as there is something to see.")
        return
    dims = run.settings.autoencoder.latent_dim
    fig = training_curves(found, latent_dim=dims, collapsed_below=collapsed_below(dims), hidden=HIDDEN, look=look())
    chart(fig, f"curves-{run.id}", alt=f"Losses and effective rank of {run.name} over its steps", file=f"{run.id}-training")
    if found["stage"].str.startswith(HIDDEN).any():
        st.caption("Grey: trained again without one time, to predict it.")


def _actions(run: jobs.Run, status: jobs.Status) -> None:
    with st.container(horizontal=True):
        if not status.over:
            stopping = status.stage == "stopping"
            st.button("Cancel", key=f"cancel-{run.id}", on_click=_ask, args=(jobs.cancel, run.id), disabled=stopping)
            return
        if status.state != "done":
            st.button("Resume", key=f"resume-{run.id}", on_click=_ask, args=(jobs.resume, run.id), type="primary")
        with st.popover("Delete"):
            st.markdown(f"Delete **{literal(run.name)}** with its cells and its model, for everyone? This cannot be undone.")
            st.button("Delete for good", key=f"delete-{run.id}", on_click=_ask, args=(jobs.delete, run.id))
    said = st.session_state.pop("run-refused", None)
    if said is not None:
        st.error(said)


def _ask(what: Callable[[str], None], run_id: str) -> None:
    """Called before the page is drawn; what could not be done is told when it is drawn."""
    try:
        what(run_id)
    except DataError as error:
        st.session_state["run-refused"] = f"{error.problem}\n\n**What to do:** {error.next_step}"


def _columns(run: jobs.Run) -> str:
    c = run.columns
    parts = [
        f"time: {c.time} in {c.time_unit}" if c.time else "",
        f"treatment: {c.perturbation}, untreated are {c.control}" if c.perturbation else "",
        f"cell state: {c.state}" if c.state else "",
        f"batch: {c.batch}" if c.batch else "",
        f"donor: {c.donor}" if c.donor else "",
        f"clones: {c.clones}" if c.clones else "",
    ]
    return " · ".join(part for part in parts if part) or "no columns were named"
