"""The generators measured on held-out cells: drawn measurements, codes, images, pairs, assays and rare states.

    python -m benchmarks.generate --json                                   # everything, 5 seeds
    python -m benchmarks.generate --parts samplers --demo a549 --beside     # writes assets/models/a549/generate.json

A fifth of the cells is kept from all training (of the autoencoder, too), chosen anew with each seed; every choice comes from the
other cells. Beside each generator stand the deterministic translation, a conditional Gaussian mixture and what two halves of the
measured cells reach. Blood-cell images have one set of slides that judges, the same for every seed; beside the seeds that are
asked for, that of the model that is shipped is always trained and judged, in rows of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import torch

from benchmarks.arguments import parser, report
from benchmarks.generate.beside import write_beside
from virtualcell.data.catalogue import DEMOS, models_folder
from virtualcell.demo import bar
from virtualcell.evaluation.report import Claim, Row

PARTS = ("samplers", "rare", "codes", "images", "pairs", "assays")
SEEDS = [30, 31, 32, 33, 34]
"""Splits that were not looked at while the generators were designed, which was done with 0 to 11 and, in part, 20 to 24. They are
of the same cells, most of which were test cells of a split that was looked at."""
OF_DEMOS = {"samplers": "WAYS", "rare": "DEMO_KEYS", "codes": "DEMO_KEYS", "pairs": "DEMO_KEYS"}
"""Parts that --demo narrows down -> what names the demos that each measures; the other parts have cells of their own."""


def main(arguments: Sequence[str] | None = None) -> None:
    command = parser("generate", __doc__)
    command.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    command.add_argument("--demo", nargs="+", choices=list(DEMOS), help="these demos only, in the parts that measure demos")
    command.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    command.add_argument("--beside", action="store_true", help="also write each model's figures beside it, for the page")
    chosen = command.parse_args(arguments)
    parts = {name: importlib.import_module(f"benchmarks.generate.{name}") for name in chosen.parts}
    measured = {name: tuple(getattr(part, OF_DEMOS[name])) for name, part in parts.items() if name in OF_DEMOS}
    for demo in chosen.demo or ():
        if not any(demo in keys for keys in measured.values()):
            known = "; ".join(f"{name}: {', '.join(keys)}" for name, keys in measured.items()) or "no demo at all"
            command.error(
                f"argument --demo: {demo} is measured by none of the parts {', '.join(chosen.parts)}. "
                f"What to do: choose another demo or other --parts; these parts measure {known}."
            )
    torch.set_num_threads(1)
    rows: list[Row] = []
    claims: list[Claim] = []
    shown, progress = bar()
    with shown:
        for name, part in parts.items():
            more = {"demos": chosen.demo} if name in OF_DEMOS and chosen.demo else {}
            found = part.run(chosen.seeds, progress, **more)
            rows, claims = rows + found[0], claims + found[1]
    if chosen.beside:
        for path in write_beside(rows, claims, models_folder()):
            shown.console.print(f"wrote {path}")
    report(chosen, rows, claims)


if __name__ == "__main__":
    main()
