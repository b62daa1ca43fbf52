"""Which way of joining the measurements is best, and whether joining them pays: what the benchmark of a demo found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import Bundle
from virtualcell.figures.coding import coding, rate
from virtualcell.figures.leaderboard import GROUPS, leaderboard, log_interval, ranking
from virtualcell.ui import state
from virtualcell.ui.modalities import NAT
from virtualcell.ui.parts import chart, table_download
from virtualcell.ui.theme import look
from virtualcell.ui.verdict import JOINED, best_joining, method_called

MULTIOMICS = "multiomics.json"
"""What ``python -m benchmarks.multiomics`` writes beside the model."""


@st.cache_data(max_entries=8, show_spinner=False)
def _benchmark(folder: Path, stamp: int) -> dict[str, Any] | None:
    path = folder / MULTIOMICS
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def benchmark(b: Bundle) -> dict[str, Any] | None:
    """What ``python -m benchmarks.multiomics`` found for this demo; None where it was not run."""
    return _benchmark(b.folder, state.stamp(b))


@dataclass(frozen=True)
class Board:
    """The leaderboard, best method by the first measure on top.

    methods, kinds: (methods,) as the page calls them. values: (methods, measures, 3) mean, low and high, NaN where a method
    cannot do it. once: (methods, measures) whether there was one split only.
    """

    columns: list[str]
    higher_is_better: list[bool]
    methods: list[str]
    kinds: list[str]
    values: np.ndarray
    once: np.ndarray

    def table(self) -> pd.DataFrame:
        """Method, kind of method, and mean, low and high of each measure; low and high are empty where there was one split."""
        table = pd.DataFrame({"method": self.methods, "kind": [GROUPS[kind] for kind in self.kinds]})
        for place, name in enumerate(self.columns):
            bounds = np.where(self.once[:, place, None], np.nan, self.values[:, place, 1:])
            table[name], (table[f"{name}, low"], table[f"{name}, high"]) = self.values[:, place, 0], bounds.T
        return table.dropna(axis=1, how="all")

    def text(self) -> pd.DataFrame:
        """The same to read: "0.5767 (0.5447 to 0.6087)", nothing where there is nothing."""
        table = pd.DataFrame({"method": self.methods, "kind": [GROUPS[kind] for kind in self.kinds]})
        for place, name in enumerate(self.columns):
            table[name] = [
                "" if np.isnan(mean) else f"{mean:.4g}" if once else f"{mean:.4g} ({low:.4g} to {high:.4g})"
                for (mean, low, high), once in zip(self.values[:, place], self.once[:, place], strict=True)
            ]
        return table.loc[:, (table != "").any()]


def board_of(found: dict[str, Any]) -> Board:
    """The leaderboard of a benchmark; intervals of times, which cannot be negative, are taken on the scale of logarithms."""
    board = found["leaderboard"]
    rows, columns = board["rows"], board["columns"]
    splits = {(row["method"], row["metric"]): len(row["seeds"]) for row in found.get("rows", [])}
    values = np.array([[[np.nan] * 3 if value is None else value for value in row["values"]] for row in rows], dtype=float)
    for place, name in enumerate(columns):
        if name.endswith("seconds"):
            values[:, place] = log_interval(values[:, place])
    once = np.array([[splits.get((row["method"], name)) == 1 for name in columns] for row in rows])
    order = ranking(values, board["higher_is_better"])
    methods = [method_called(row["method"]) for row in rows]
    kinds = ["fusion" if row["method"].startswith("fusion: ") else row["group"] for row in rows]
    return Board(
        columns,
        board["higher_is_better"],
        [methods[i] for i in order],
        [kinds[i] for i in order],
        values[order],
        once[order],
    )


def command(b: Bundle) -> str:
    """The command that makes the comparison of this demo."""
    return f"python -m benchmarks.multiomics --demo {b.demo.key} --out assets/models/{b.demo.key}/{MULTIOMICS}"


def comparisons(b: Bundle) -> None:
    """Which way of joining the measurements is best, and whether joining pays; from the benchmark of the demo."""
    found = benchmark(b)
    st.markdown("##### Which way of joining the measurements is best?")
    if found is None and b.demo.key not in DEMOS:
        st.markdown(":gray[Not compared for your own cells: so far this comparison is made of the demo data only.]")
        return
    if found is None:
        st.markdown(":gray[Not compared yet for these cells. This command does it (hours on a small computer):]")
        st.code(command(b), language="bash")
        return
    board = found.get("leaderboard")
    if board and board["rows"]:
        shown = board_of(found)
        st.markdown(best_joining(board, b.model.settings.autoencoder.fusion))
        fig = leaderboard(
            shown.columns, shown.higher_is_better, shown.methods, shown.kinds, shown.values, once=shown.once, look=look()
        )
        chart(fig, "leaderboard", alt="Every method by every measure", file=f"{b.demo.key}-leaderboard")
        joined = " ".join(f"{name[0].upper()}{name[1:]}: {meaning}." for name, meaning in JOINED.values())
        st.caption(
            "Unseen cells; intervals (95 %) are over other splits of the cells. Hollow: one split, so no interval. "
            'Method on top: best by the first measure. Rows that begin with "joined" predict one measurement from the other '
            "through the joint description alone; VirtualCell adds a conversion step of its own.",
            help=f"{glossary(board['columns'])}\n\nWays of joining. {joined}",
        )
        with st.expander("As a table"):
            st.dataframe(shown.text(), hide_index=True)
            table_download(b, shown.table(), "leaderboard")
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
                fig = rate(np.array(sizes["sizes"]), np.array(sizes["against_best"]), sizes["chosen"], look=look())
                chart(fig, "rate", alt="Likelihood of unseen cells by size of the description", file=f"{b.demo.key}-rate")
                st.caption(
                    "Each size minus the best, within the same split of the cells, with a 95 % interval over splits. Marked: the "
                    "smallest within one standard error of the best.",
                    help=NAT,
                )
    with st.expander("Every number and claim of this comparison"):
        _claims(found)
        rows = pd.DataFrame(found.get("rows", []))
        if len(rows):
            rows["seeds"] = rows["seeds"].map(lambda seeds: ", ".join(map(str, seeds)))
            rows = rows.dropna(axis=1, how="all")
            # As text: an empty number would be written "None".
            st.dataframe(
                rows.map(lambda entry: "" if pd.isna(entry) else f"{entry:.4g}" if isinstance(entry, float) else entry),
                hide_index=True,
            )
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
