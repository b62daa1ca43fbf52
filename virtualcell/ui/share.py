"""One place on each page to take the view away: its link, its code, a paragraph for a paper, and the cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from virtualcell.demo import Bundle
from virtualcell.explore import Annotation
from virtualcell.training.given import RNA
from virtualcell.ui import downloads, link, state
from virtualcell.ui.parts import FORMATS, save_as, saved_as, table_download

Said = str | Callable[[], str]
"""A text, or what makes it when it is asked for."""


def share(
    b: Bundle,
    *,
    code: Said,
    methods: Said,
    annotations: Sequence[Annotation] = (),
    place: DeltaGenerator | None = None,
) -> None:
    """A button that opens the link, the code, the paragraph and the downloads of the view; called once, after all controls.

    code: Python that draws the view's main figure without the app. methods: a paragraph for a paper. Both may be functions, which
    are called when a reader opens it. annotations: names that the reader gave to cells, for the files. place: where the
    button stands; without it, where the call is.
    """
    link.only(state.own(b, ""))
    with place if place is not None else st.container():
        _share(b, code, methods, tuple(annotations))


# By itself, so that opening it draws nothing else of the page again, and finds the link as the address bar has it then.
@st.fragment
def _share(b: Bundle, code: Said, methods: Said, annotations: tuple[Annotation, ...]) -> None:
    opened = st.popover("Share & export", key="share", on_change="rerun", width="stretch")
    if not opened.open:
        return
    with opened:
        address = link.address()
        st.markdown("**Link to this view**")
        st.code(address, language=None, wrap_lines=True)
        if len(address) > link.LONGEST_LINK:
            st.caption("This link is very long: some mail programs will cut it.")
        st.caption("Opens the same view on any computer that reaches this server.")
        as_code, as_words, as_files = st.tabs(["Code for this view", "Methods paragraph", "Figures and cells"])
        with as_code:
            st.code(_text(code), language="python", height=340)
        with as_words:
            st.code(_text(methods), language=None, wrap_lines=True, height=340)
        with as_files:
            _format()
            _files(b, address, annotations)


def _format() -> None:
    chosen = st.segmented_control(
        "The camera above a figure saves it as", list(FORMATS), default=saved_as(), required=True, key="share-format",
        help="SVG: lines and letters stay sharp and can be edited. PNG: a picture, three times as fine as on screen.",
    )  # fmt: skip
    if chosen != saved_as():
        save_as(chosen)
        st.rerun()


def _files(b: Bundle, address: str, annotations: tuple[Annotation, ...]) -> None:
    columns = st.columns(3, gap="small")
    offers = [("Cells with states (.h5mu)", "h5mu", downloads.h5mu)]
    if RNA in b.cells.mod:
        offers.append(("RNA with states (.h5ad)", "h5ad", downloads.h5ad))
    for column, (label, ending, made) in zip(columns, offers, strict=False):
        with column:
            # Made when asked for: writing all cells takes seconds.
            st.download_button(
                label,
                lambda made=made: made(b, address, annotations),
                f"{b.demo.key}-with-states.{ending}",
                "application/x-hdf5",
                key=f"share-{ending}",
                on_click="ignore",
                width="stretch",
            )
    with columns[-1]:
        table_download(b, lambda: downloads.states(b, annotations), "cell-states", "Cell states (CSV)")
    st.caption(
        'Each file says where it is from: data, model, settings, seed and this link (in uns["virtualcell"]; in a CSV on top).'
    )


def _text(said: Said) -> str:
    return said() if callable(said) else said
