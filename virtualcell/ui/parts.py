"""Pieces of a page that several pages draw."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from virtualcell.ui import link
from virtualcell.ui.words import SIMULATED, literal

if TYPE_CHECKING:
    from virtualcell.demo import Bundle
FORMATS: dict[str, dict[str, Any]] = {"SVG": {"format": "svg"}, "PNG": {"format": "png", "scale": 3}}
"""How the camera above a figure saves it; a PNG has three times the screen's points, which is enough for print."""

_SAVED_AS = "figures-saved-as"


def saved_as() -> str:
    """Format in which figures are saved: a key of FORMATS."""
    found = st.session_state.get(_SAVED_AS)
    return found if found in FORMATS else next(iter(FORMATS))


def save_as(name: str) -> None:
    """Chooses the format, for this session: it is no part of a view, so no link has it."""
    st.session_state[_SAVED_AS] = name


def chart(fig: go.Figure, key: str, *, alt: str, file: str = "virtualcell", **others: Any) -> Any:
    """A figure as it was built, with a button that saves it in the browser, as ``saved_as`` says. alt: for readers who cannot see
    it."""
    tools = ["select2d", "lasso2d"] if "on_select" not in others else []
    config = {
        "displaylogo": False,
        "scrollZoom": True,
        "modeBarButtonsToRemove": [*tools, "autoScale2d", "toggleSpikelines", "hoverClosestCartesian", "hoverCompareCartesian"],
        "toImageButtonOptions": {"filename": file, **FORMATS[saved_as()]},
    }
    return st.plotly_chart(fig, key=key, theme=None, config=config, alt=alt, **others)


def lead(b: Bundle, sentence: str) -> DeltaGenerator:
    """One line under the title that says what one looks at; simulated cells are called so on every page. Returns the place beside
    it, where ``share`` puts its button."""
    if b.demo.simulated:
        st.warning(SIMULATED, icon=None)
    said, place = st.columns([3.6, 1], vertical_alignment="top", gap="medium")
    said.markdown(f":gray[{sentence}]")
    return place


def source(b: Bundle) -> dict[str, Any]:
    """What every result carries: model, data, seed and settings."""
    record = b.model.record
    return {
        "demo": b.demo.key,
        "virtualcell": record["version"],
        "data sha256": record["digest"],
        "model seed": record["seed"],
        "settings": json.dumps(b.model.settings.to_dict(), sort_keys=True),
    }


def caveats(b: Bundle) -> None:
    """What to know of the data before reading a figure of them, in small print."""
    st.caption("Know before you read this: " + " ".join(b.demo.caveats))


def source_and_terms(b: Bundle) -> str:
    """Where the cells are from and on which terms they may be used; of a reader's own cells, which file they came from."""
    said = f"Source: {b.demo.citation}"
    if b.demo.source_url:
        said += f" [{b.demo.source_url}]({b.demo.source_url})"
    elif b.demo.file:
        said += f", from the file {literal(b.demo.file)}"
    return f"{said}  \nTerms of the data: {b.demo.licence}." if b.demo.licence else f"{said}."


def short_citation(citation: str) -> str:
    """First author and year of a citation; all up to the first comma where it names no "et al."."""
    year = re.search(r"\((\d{4})\)", citation)
    author, others, _ = citation.partition(" et al.")
    return f"{author}{others} {year[1]}" if others and year else citation.split(",")[0]


def provenance(b: Bundle, *more: str) -> None:
    """Small print: which model, which data, which seed."""
    record = b.model.record
    line = f"VirtualCell {record['version']}, data {record['digest'][:8]}, model seed {record['seed']}"
    kind = "Simulated cells." if b.demo.simulated else f"Data: {short_citation(b.demo.citation)}."
    st.caption(" · ".join([line, *more]) + f". {kind}")


def table_download(b: Bundle, table: pd.DataFrame | Callable[[], pd.DataFrame], name: str, label: str = "Table as CSV") -> None:
    """The whole table as CSV with its source and the link of the view in comment lines on top; a function is called when the file
    is asked for."""
    # Now: when the file is asked for, no page is there to say its link.
    found = source(b) | {"link": link.address()}
    head = "".join(f"# {key}: {value}\n" for key, value in found.items())

    def text() -> str:
        return head + (table() if callable(table) else table).to_csv(index=False)

    made = text if callable(table) else text()
    st.download_button(label, made, file_name=f"{b.demo.key}-{name}.csv", mime="text/csv", key=f"csv-{name}", on_click="ignore")


def heldout_panels(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Rows of a report grouped by where they were measured and by which measure, in the order of the report."""
    panels: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        panels.setdefault((row["where"], row["metric"]), []).append(row)
    return panels
