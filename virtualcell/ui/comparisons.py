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
from virtualcell.ui.modalities import NAT, called
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look

MULTIOMICS = "multiomics.json"
"""What ``python -m benchmarks.multiomics`` writes beside the model."""

NUMBER_ALONE = "number of open peaks alone, from RNA"
"""The method that foretells how many peaks of a cell are open, and nothing of which ones."""


@st.cache_data(max_entries=8, show_spinner=False)
def _benchmark(key: str, stamp: int) -> dict[str, Any] | None:
    path = models_folder() / key / MULTIOMICS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def benchmark(b: Bundle) -> dict[str, Any] | None:
    """What ``python -m benchmarks.multiomics`` found for this demo; None where it was not run."""
    return _benchmark(b.demo.key, state.stamp(b))


def number_alone(board: dict[str, Any]) -> str:
    """How much better than by the average cell unseen cells are predicted, and how much of it the number of open peaks gives.

    Empty where the leaderboard has no such gain.
    """
    place = next((i for i, name in enumerate(board["columns"]) if "gain, nats" in name), None)
    gain = {row["method"]: row["values"][place] for row in board["rows"]} if place is not None else {}
    ours, alone = gain.get("VirtualCell"), gain.get(NUMBER_ALONE)
    if place is None or ours is None:
        return ""
    way = board["columns"][place].split(":")[0].replace("ATAC", called("atac"))
    total = ours[0]
    if total <= 0:
        return f"{way}, unseen cells are predicted no better than by the average cell ({total:+.1f} nats a cell)."
    said = f"{way}, unseen cells are predicted {total:.1f} nats a cell better than by the average cell"
    if alone is None:
        return f"{said}."
    if alone[0] >= total:
        return f"{said}; the number of open peaks alone gives as much ({alone[0]:.1f})."
    if alone[0] <= 0:
        return f"{said}; the number of open peaks alone gives nothing."
    return f"{said}; of the {total:.1f} nats, {alone[0]:.1f} come from the number of open peaks alone."


def joint_code(code: dict[str, Any]) -> tuple[bool | None, str]:
    """Whether one joint code pays (None: not told), and the same as a sentence with its figures."""
    mean, low, high = code["pairs"]["true"]["difference"]
    apart = "two separate codes of the same total size"
    if low == high:
        return None, f"Not told from one split (joint minus separate {mean:+.1f} nats a cell)."
    worth, at_least, _ = code["pairing"]
    paired = f"the true pairing is worth {worth:.1f} nats a cell to the joint code"
    if low > 0:
        said = f"Yes: one code of {code['d']} numbers describes unseen cells better than {apart}, by {mean:.1f} nats a cell"
        return True, f"{said} (95 % interval {low:.1f} to {high:.1f})."
    if high < 0:
        said = f"No: {apart} ({code['d']} numbers) describe unseen cells better, by {-mean:.1f} nats a cell"
        said += f" (95 % interval {-high:.1f} to {-low:.1f})"
    else:
        said = f"Not shown: {apart} ({code['d']} numbers) do as well"
        said += f" (joint minus separate {mean:+.1f} nats a cell, 95 % interval {low:.1f} to {high:.1f})"
    return (False if high < 0 else None), f"{said}{f', although {paired}' if at_least > 0 else ''}."


def verdict(relation: str, related: bool, code: dict[str, Any]) -> str:
    """Both questions in one sentence: is one told by the other, and does it pay to describe them by one code?"""
    pays, _ = joint_code(code)
    clause = {
        True: "one joint code of both pays",
        False: "one joint code of both does not pay",
        None: "one joint code of both is not shown to pay",
    }[pays]
    return f"{relation.rstrip('.')}, {'and' if related == bool(pays) else 'but'} {clause}."


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
