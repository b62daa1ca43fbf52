"""The multi-omic autoencoder measured: translation, fusions, compression, known answers and speed.

    python -m benchmarks.multiomics --json                             # everything, 3 seeds
    python -m benchmarks.multiomics --demo a549 --out assets/models/a549/multiomics.json
    python -m benchmarks.multiomics --parts known throughput

A fifth of the cells is kept from all training, chosen anew with each seed; features, components and every choice come from the
other cells. Beside every figure stands the one of permuted pairs: the same predictions, held against other cells' measurements.
Where VIRTUALCELL_PEERS names an environment that has them, MULTIVI, TOTALVI (scvi-tools 1.4.2) and UniVI 1.2.1 are trained on the
same cells, each with the best of three settings by its own inner validation; --peers-cache keeps what they gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.arguments import parser, report
from benchmarks.multiomics import coding, known, reach, throughput
from benchmarks.multiomics.peers import judge_peers
from benchmarks.multiomics.splits import Split
from benchmarks.multiomics.table import claims_of, leaderboard, rows_of
from benchmarks.multiomics.translation import TIME, Found, Judge, baselines, every_fusion, fusion, ours, time_from_components
from benchmarks.peers.splits import rows as halves
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.demo import DEMO_SETTINGS, bar
from virtualcell.evaluation.report import Claim, Row

PARTS = ("translation", "coding", "known", "throughput")


def translate(key: str, seeds: Sequence[int], fusions: Sequence[str], cache: Path | None, progress: Any) -> list[Found]:
    """Figures of every method on a demo's test cells, one table a seed."""
    demo, cells = DEMOS[key], load_demo(key)
    labels = cells.obs[demo.columns.time].to_numpy(dtype=float) if demo.columns.time else None
    tables = []
    for seed in seeds:
        judge = Judge(Split.of(cells, seed, batch=demo.columns.batch))
        baselines(judge)
        if labels is not None:
            for m in judge.split.features:
                judge.note(f"{m} components alone (20)", **{TIME: time_from_components(judge, cells, labels, m)})
        ours(judge, cells, DEMO_SETTINGS[key], labels, progress)
        for name in fusions:
            fusion(judge, cells, DEMO_SETTINGS[key], name, labels, progress)
        judge_peers(judge, key, labels, cache)
        tables.append(judge.found)
    return tables


def compress(key: str, seeds: Sequence[int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Joint against separate codes, and the rate-distortion curve."""
    demo, cells = DEMOS[key], load_demo(key)
    column = demo.columns.time or demo.columns.state
    settings = DEMO_SETTINGS[key].autoencoder
    found, nats = [], []
    for seed in seeds:
        split = Split.of(cells, seed, batch=demo.columns.batch)
        labels = None
        if column:
            values = cells.obs[column].astype(str).to_numpy()
            training, test = halves(cells.n_obs, seed)
            labels = values[training], values[test]
        found.append(coding.one_seed(split, settings, labels))
        nats.append(coding.rate(split, settings))
    group = "time" if demo.columns.time else "cell type"
    return coding.summary(found, coding.TOTAL, group), coding.curve(np.array(nats))


def main(arguments: Sequence[str] | None = None) -> None:
    command = parser("multiomics", __doc__)
    command.add_argument(
        "--demo", nargs="*", default=["a549", "cite"], choices=[k for k, d in DEMOS.items() if k in ("a549", "cite")]
    )
    command.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    command.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    command.add_argument("--fusions", nargs="+", default=list(every_fusion()), choices=every_fusion())
    command.add_argument("--peers-cache", type=Path, help="folder with what the peers gave before")
    chosen = command.parse_args(arguments)
    torch.set_num_threads(1)
    rows: list[Row] = []
    claims: list[Claim] = []
    extra: dict[str, Any] = {}
    shown, progress = bar()
    with shown:
        for key in chosen.demo:
            if "translation" in chosen.parts:
                tables = translate(key, chosen.seeds, chosen.fusions, chosen.peers_cache, progress)
                rows += rows_of(key, tables, chosen.seeds)
                claims += claims_of(key, tables)
                extra.setdefault(key, {})["leaderboard"] = leaderboard(tables)
            if "coding" in chosen.parts:
                answer, curve = compress(key, chosen.seeds)
                extra.setdefault(key, {}).update(coding=answer, rate=curve)
                rows += coding.rows(key, answer, curve, chosen.seeds)
        if "known" in chosen.parts:
            for table in (known.table(chosen.seeds, progress), known.coding_table(chosen.seeds)):
                rows, claims = rows + table[0], claims + table[1]
        if "throughput" in chosen.parts:
            for table in (throughput.table(chosen.seeds), reach.table(chosen.seeds, chosen.peers_cache)):
                rows, claims = rows + table[0], claims + table[1]
    if len(chosen.demo) == 1:  # what a page of one demo reads stands at the top
        extra = extra.get(chosen.demo[0], {})
    report(chosen, rows, claims, extra)


if __name__ == "__main__":
    main()
