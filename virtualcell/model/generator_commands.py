"""What the commands `virtualcell generators` and `virtualcell draw` do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from virtualcell.schema import DataError

if TYPE_CHECKING:
    from mudata import MuData

    from virtualcell.model import VirtualCell
    from virtualcell.training.epochs import Progress


def train_generators(model: VirtualCell, folder: Path, cells: MuData, seed: int | None, progress: Progress) -> str:
    """Trains a loaded model's generators on the cells that it was trained on, and writes them into its folder; says which."""
    model.fit_generators(cells, seed=seed, progress=progress).save_generators(folder)
    return f"Written beside the model: {', '.join(model.generators)} ({folder})"


def draw_cells(model: VirtualCell, n: int, *, seed: int, **asked: Any) -> tuple[MuData, str]:
    """New cells with counts, and a sentence on them."""
    return model.synthetic(model.draw_cells(n, seed=seed, **asked), seed=seed), f"{n:,} new cells."


def draw_missing(
    model: VirtualCell, cells: MuData, source: str, target: str, n_draws: int, *, seed: int, **asked: Any
) -> tuple[MuData, str]:
    """Draws of a missing measurement with counts, and a sentence on them. Raises DataError where every cell is refused."""
    draw = model.draw_missing(cells, source=source, target=target, n_draws=n_draws, seed=seed, **asked)
    reasons = sorted(set(draw.why[draw.refused].tolist()))
    if draw.refused.all():
        raise DataError(
            f"Nothing was drawn for any of the cells. {' '.join(reasons)}",
            next_step="give cells like those that the model was trained on.",
            field="CELLS",
        )
    refused = f" {draw.refused.sum():,} cells were refused: {' '.join(reasons)}" if reasons else ""
    n_cells = int((~draw.refused).sum())
    return model.synthetic(draw, seed=seed), f"{target} drawn from {source} for {n_cells:,} cells, {n_draws} times each.{refused}"
