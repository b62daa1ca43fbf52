"""A run that is asked for before it has a model, or that is none of this server's: what the page says instead of its figures."""

from __future__ import annotations

import streamlit as st

from virtualcell import jobs
from virtualcell.jobs.stages import words
from virtualcell.schema import DataError
from virtualcell.ui.frame import PAGES
from virtualcell.ui.runs_words import duration
from virtualcell.ui.words import literal

YOURS = "Your cells"
"""Title of the page that lists runs."""

STATES = {
    "queued": "This training waits for its turn.",
    "running": "This training is not finished yet.",
    "interrupted": "This training was interrupted; it goes on by itself.",
    "cancelled": "This training was cancelled before it was finished.",
    "failed": "This training failed.",
}


def is_run(key: str) -> bool:
    """Whether a key names a run, one of this server's or not, rather than a demo."""
    return key.startswith("run-")


def title(key: str) -> str:
    """A run that cannot be looked at, as the picker calls it."""
    try:
        return f"{jobs.run(key).name} ({key}, not finished)"
    except DataError:
        return "No such run on this server"


def stop_unless_done(key: str) -> None:
    """Returns where the run is finished; else says how far it is, on the page, and ends the page there."""
    try:
        found = jobs.run(key)
        status = found.status()
    except DataError as error:
        st.warning(f"**{error.problem}** It was deleted, or the link comes from another server.", icon=None)
        _to_the_list("See the runs of this server")
        st.stop()
    if status.state == "done":
        return
    st.info(f"**{literal(found.name)}.** {STATES[status.state]}", icon=None)
    if status.error is not None:
        st.markdown(f"{status.error['problem']}\n\n**What to do:** {status.error['next_step']}")
    if status.state in ("queued", "running", "interrupted"):
        _wait(key)
    _to_the_list("See its progress")
    st.stop()


@st.fragment(run_every=2)
def _wait(key: str) -> None:
    """One line that follows the run, and draws the page when it is finished."""
    try:
        status = jobs.run(key).status()
    except DataError:
        st.rerun()
    if status.over:
        st.rerun()
    steps = f", {status.done:,} of {status.total:,}" if status.total else ""
    left = f"; {duration(status.seconds_left)} left" if status.seconds_left is not None else ""
    place = (
        f"Number {status.place_in_queue} in the queue" if status.place_in_queue else f"Now: {words(status.stage)}{steps}{left}"
    )
    st.markdown(f":gray[{place}. This page opens by itself when it is done.]")


def _to_the_list(label: str) -> None:
    page = next((file for file, name in PAGES if name == YOURS), None)
    if page is not None and st.button(label, key="to-your-cells", type="primary"):
        st.switch_page(page)
