"""What a map costs in the browser, ours beside Plotly's scattergl in the same run; and twenty readers at once.

    python -m benchmarks.app --cells 10000 100000 1000000 --json
    python -m benchmarks.app --cells --sessions 20 --json

Cells are those of the A549 demo, drawn with replacement and moved a little. Both renderers show the same cells in the same page
of the same server; scattergl gets float32 positions and one byte of colour a cell through ``st.plotly_chart``, its leanest form.
Chromium draws in software. A time ends when a screenshot of the map's rectangle shows enough pixels of the new colours. The
browser has opened a small map before, so that the program's own files are in its cache and are not counted. Visits of the two
renderers alternate; the table holds medians of ``--repeats`` visits, ratios are medians of paired ratios.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.app.cells import make_cells, slice_of
from benchmarks.app.maps import look_at
from benchmarks.app.server import ROOT, serving
from benchmarks.app.sessions import readers
from benchmarks.app.visit import FLAGS, chromium
from benchmarks.arguments import parser, report
from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import load_bundle, models_folder
from virtualcell.evaluation.report import Claim, Row

OURS, PEER = "our map", "Plotly scattergl"
RENDERERS = {OURS: "webgl", PEER: "scattergl"}
CLAIMED = 1_000_000
SHARE = 0.22  # of the cells inside the lasso

Found = dict[str, list[dict[str, float]]]


def measure(sizes: Sequence[int], repeats: int) -> dict[int, Found]:
    """Visits of each size and renderer, in the order in which they were made."""
    bundle, found = load_bundle("a549"), {}
    with TemporaryDirectory() as folder:
        script = Path(folder) / "many_cells.py"
        script.write_text(f"from virtualcell.ui.many_cells import page\n\npage({folder!r})\n")
        make_cells(bundle, 1000, Path(folder))
        for n in sizes:
            with np.load(make_cells(bundle, n, Path(folder)), allow_pickle=False) as cells:
                positions, genes = cells["positions"], cells["genes"].tolist()
            box, outline = (positions.min(axis=0), positions.max(axis=0)), slice_of(positions, SHARE)
            # A server a size: its memory is then that of these cells alone.
            with serving(script) as server, sync_playwright() as playwright:
                found[n] = {method: [] for method in RENDERERS}
                for turn in range(repeats + 1):
                    order = list(RENDERERS) if turn % 2 else list(RENDERERS)[::-1]
                    for method in order:
                        # A browser a visit: the memory of one never weighs on the other.
                        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
                        try:
                            drawn = outline if method == OURS else None
                            visit = look_at(browser, server, n, RENDERERS[method], genes[0], drawn, box)
                        finally:
                            browser.close()
                        print(f"{n:>9,} {method:<17}", {key: round(value, 3) for key, value in visit.items()}, flush=True)
                        if turn:  # the first visits warm the server up: it reads the cells and imports what it needs
                            found[n][method].append(visit)
    return found


def told(found: dict[int, Found]) -> tuple[list[Row], list[Claim]]:
    """Medians as rows, and what we say of a million cells."""
    rows, claims = [], []
    for n, visits in found.items():
        for method, of_method in visits.items():
            for metric in of_method[0]:
                values = [visit[metric] for visit in of_method]
                rows.append(
                    Row(
                        method,
                        metric,
                        statistics.median(values),
                        min(values),
                        max(values),
                        "lowest and highest of the visits",
                        where=f"{n:,} cells",
                    )
                )
        ratios = {
            metric: statistics.median(
                ours[metric] / theirs[metric] for ours, theirs in zip(visits[OURS], visits[PEER], strict=True)
            )
            for metric in ("first paint, s", "first paint, MB", "recolour, s", "recolour, MB")
        }
        rows += [Row(f"{OURS} / {PEER}", metric, ratio, where=f"{n:,} cells") for metric, ratio in ratios.items()]
        if n == CLAIMED:
            bounds = {"first paint, s": 0.2, "recolour, s": 0.2, "recolour, MB": 0.1}
            claims += [
                Claim(f"{n:,} cells: {metric}, ours / scattergl", ratios[metric], "<=", most) for metric, most in bounds.items()
            ]
            ours = {metric: statistics.median(visit[metric] for visit in visits[OURS]) for metric in visits[OURS][0]}
            claims += [
                Claim(f"{n:,} cells: a recolour sends, MB", ours["recolour, MB"], "<=", 1.0),
                Claim(f"{n:,} cells: cells inside the lasso", ours["lasso, cells"], ">=", 200_000),
                Claim(f"{n:,} cells: the browser sends for a lasso, kB", ours["lasso, sent by the browser, kB"], "<", 100),
            ]
    return rows, claims


def together(n: int) -> tuple[list[Row], list[Claim]]:
    """n readers at once on every demo that was built."""
    built = [key for key in DEMOS if (models_folder() / key).exists()]
    with serving(ROOT / "app.py") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        try:
            found = readers(browser, server, built, n)
        finally:
            browser.close()
    where = f"{n} readers on {len(built)} demos"
    rows = [Row("app.py", metric, value, where=where) for metric, value in found.items()]
    claims = [
        Claim(f"{where}: errors", found["errors"], "<=", 0),
        Claim(f"{where}: server memory at most, MB", found["server memory at most, MB"], "<", 2048),
    ]
    return rows, claims


def main(arguments: Sequence[str] | None = None) -> None:
    known = parser("app", __doc__)
    known.add_argument("--cells", type=int, nargs="*", default=[10_000, 100_000, CLAIMED], help="numbers of cells; none: no maps")
    known.add_argument("--repeats", type=int, default=3, help="visits of each renderer after one that warms up")
    known.add_argument("--sessions", type=int, default=0, help="readers at once on the real app")
    chosen = known.parse_args(arguments)
    if chosen.repeats < 1 or any(n < 100 for n in chosen.cells) or not (chosen.cells or chosen.sessions):
        known.error("ask for at least one visit, maps of at least 100 cells, and maps or sessions")
    rows, claims = told(measure(chosen.cells, chosen.repeats)) if chosen.cells else ([], [])
    if chosen.sessions:
        more, said = together(chosen.sessions)
        rows, claims = rows + more, claims + said
    report(chosen, rows, claims)


if __name__ == "__main__":
    main()
