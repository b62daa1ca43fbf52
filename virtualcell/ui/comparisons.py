"""Which way of joining the measurements is best, and whether joining them pays: what the benchmark of a demo found."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.demo import Bundle, models_folder
from virtualcell.figures.coding import coding, rate
from virtualcell.figures.leaderboard import leaderboard
from virtualcell.ui import state
from virtualcell.ui.modalities import NAT
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

MULTIOMICS = "multiomics.json"
"""What ``python -m benchmarks.multiomics`` writes beside the model."""


@st.cache_data(max_entries=8, show_spinner=False)
def _benchmark(key: str, stamp: int) -> dict[str, Any] | None:
    path = models_folder() / key / MULTIOMICS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def benchmark(b: Bundle) -> dict[str, Any] | None:
    """What ``python -m benchmarks.multiomics`` found for this demo; None where it was not run."""
    return _benchmark(b.demo.key, state.stamp(b))


def board_table(board: dict[str, Any]) -> pd.DataFrame:
    """The leaderboard as a table: method, kind of method, and mean, low and high of each measure."""
    table = pd.DataFrame({"method": [row["method"] for row in board["rows"]], "kind": [row["group"] for row in board["rows"]]})
    for place, name in enumerate(board["columns"]):
        for part, title in enumerate((name, f"{name}, low", f"{name}, high")):
            table[title] = [row["values"][place][part] if row["values"][place] is not None else np.nan for row in board["rows"]]
    return table


def command(b: Bundle) -> str:
    """The command that makes the comparison of this demo."""
    return f"python -m benchmarks.multiomics --demo {b.demo.key} --out assets/models/{b.demo.key}/{MULTIOMICS}"


def comparisons(b: Bundle) -> None:
    """Which way of joining the measurements is best, and whether joining pays; from the benchmark of the demo."""
    found = benchmark(b)
    st.markdown("##### Which way of joining the measurements is best?")
    if found is None:
        st.markdown(":gray[Not compared yet for these cells. This command does it (hours on a small computer):]")
        st.code(command(b), language="bash")
        return
    board = found.get("leaderboard")
    if board and board["rows"]:
        rows = board["rows"]
        names, groups, values = ([row[key] for row in rows] for key in ("method", "group", "values"))
        fig = leaderboard(board["columns"], board["higher_is_better"], names, groups, values, look=look())
        chart(fig, "leaderboard", alt="Every method by every measure", file=f"{b.demo.key}-leaderboard")
        st.caption(
            "Unseen cells; intervals are over reruns with other seeds. Method on top: best by the first measure.",
            help=glossary(board["columns"]),
        )
        with st.expander("As a table"):
            table = board_table(board)
            st.dataframe(table, hide_index=True)
            table_download(b, table, "leaderboard")
    code, sizes = found.get("coding"), found.get("rate")
    if code or sizes:
        st.markdown("##### Is it worth describing them together?")
        left, right = st.columns(2, gap="large")
        with left:
            if code:
                pairs = {name: tuple(entry["difference"]) for name, entry in code["pairs"].items()}
                fig = coding(pairs, unit="nats a cell", look=look())
                chart(fig, "coding", alt="Joint against separate description", file=f"{b.demo.key}-coding")
                st.caption(
                    f"Unseen cells described by {code['d']} numbers made of all measurements, against {code['d']} numbers shared "
                    "out among them. Shuffled: each cell was given the partner of another.",
                    help=NAT,
                )
        with right:
            if sizes:
                fig = rate(np.array(sizes["sizes"]), np.array(sizes["nats"]), sizes["chosen"], look=look())
                chart(fig, "rate", alt="Likelihood of unseen cells by size of the description", file=f"{b.demo.key}-rate")
                st.caption("Marked: the smallest size within one standard error of the best.", help=NAT)
    with st.expander("Every number and claim of this comparison"):
        _claims(found)
        rows = pd.DataFrame(found.get("rows", []))
        if len(rows):
            rows["seeds"] = rows["seeds"].map(lambda seeds: ", ".join(map(str, seeds)))
            st.dataframe(rows, hide_index=True)
            table_download(b, rows, "multiomics")


WORDS = {
    "AUROC": "AUROC: chance that a cell in which a peak is open was given a higher probability than one in which it is closed; "
    "0.5 is guessing.",
    "nats": NAT,
    "Pearson": "Pearson: correlation over cells of what was predicted with what was measured; 0 says nothing, 1 all.",
    "RMSE": "RMSE: how far a prediction is off, typically.",
    "described": "Described: log-likelihood of all that was measured in unseen cells, given their states.",
    "time read": "Time read: how often the time of unseen cells is named rightly from their states.",
    "CPU seconds": "CPU seconds: what the training took.",
}


def glossary(columns: list[str]) -> str:
    """What the words in the names of measures mean."""
    return " ".join(meaning for word, meaning in WORDS.items() if any(word in column for column in columns))


def _claims(found: dict[str, Any]) -> None:
    for claim in found.get("claims", []):
        sign = ":green[holds]" if claim["holds"] else ":red[does not hold]"
        st.markdown(f"{sign}: {claim['name']} ({claim['value']:.3g}, target {claim['target']})")
