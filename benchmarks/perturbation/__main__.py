"""What a treatment does to cells in which it was never measured, every rule and ours by the same judge.

    python -m benchmarks.perturbation --json

Kang: interferon in each of five cell types, and each of two donors, held out in turn: predicted cells start from half of the
untreated cells of that type, the measured change is taken from the other half. Norman: five doubles from their singles, singles
never measured in any pair, and which of 18 genes was switched on, from half of its cells. Inverse: which treatment a cell, or a
population, was given, by the head of the product and by others. Intervals are over seeds, which draw
the halves; cells are the same in all. Toggle switch: the push at which a simulated cell no longer rolls back, learned from cells
that were pushed less than half as much; seeds draw new cells. Edits: genes of the interferon response raised in what the model
reads, beside genes alike in expression and co-expression.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from benchmarks.arguments import parser, report
from benchmarks.perturbation import edits, inverse, kang, norman, toggle, unseen
from virtualcell.demo import bar
from virtualcell.evaluation.report import Claim, Row

PARTS = {
    "kang": kang.run,
    "norman": norman.run,
    "unseen": unseen.run,
    "inverse": inverse.run,
    "toggle": toggle.run,
    "edits": edits.run,
}


def main(arguments: Sequence[str] | None = None) -> None:
    known = parser("perturbation", __doc__)
    known.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    known.add_argument("--seeds", type=int, default=5, help="how many")
    chosen = known.parse_args(arguments)
    torch.set_num_threads(1)
    rows: list[Row] = []
    claims: list[Claim] = []
    shown, progress = bar()
    with shown:
        for part in chosen.parts:
            more, said = PARTS[part](range(chosen.seeds), progress)
            rows, claims = [*rows, *more], [*claims, *said]
    report(chosen, rows, claims)


if __name__ == "__main__":
    main()
