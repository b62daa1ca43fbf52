"""Settings of a new training that suit the cells: a quick look, and the usual."""

from __future__ import annotations

from dataclasses import replace

from mudata import MuData

from virtualcell.jobs.stages import Plan
from virtualcell.schema import AutoencoderSettings, Columns, PredictorSettings, Settings

QUICK, STANDARD = "Quick look", "Standard"
SAID = {
    QUICK: "Shows in a few minutes whether the columns are right and the cells tell something. Do not quote its figures.",
    STANDARD: "What the demos were trained with; passes of the landscape get their intervals.",
}
"""How thorough a training is -> what it is good for."""


def preset(name: str, cells: MuData, columns: Columns) -> Settings:
    """Settings for these cells. name: QUICK or STANDARD; ValueError for another."""
    if name not in SAID:
        raise ValueError(f"{name!r} is none of {', '.join(SAID)}")
    autoencoder = AutoencoderSettings(latent_dim=latent_dim(cells.n_obs, len(cells.mod)), epochs=epochs(cells.n_obs))
    predictor = PredictorSettings()
    if columns.time is None or cells.obs[columns.time].nunique() < 2:
        # One time only: nothing says how untreated cells move, so they start almost at rest instead of mixing.
        predictor = replace(predictor, diffusion=0.05)
    if name == QUICK:
        autoencoder = replace(autoencoder, epochs=max(3, autoencoder.epochs // 5), min_steps=120)
        predictor = replace(predictor, steps=150, warm_steps=200, refits=0, turning=False)
    return Settings(columns=columns, autoencoder=autoencoder, predictor=predictor)


def latent_dim(n_cells: int, n_kinds: int) -> int:
    """Numbers in a cell's state: fewer cells and fewer kinds of measurement bear fewer."""
    if n_cells < 1000:
        return 8
    return 12 if n_kinds == 1 and n_cells < 5000 else 16


def epochs(n_cells: int) -> int:
    """Passes over the cells: many cells make many steps in one pass."""
    return 40 if n_cells <= 50_000 else 20 if n_cells <= 200_000 else 10


def times(cells: MuData, columns: Columns) -> int:
    """Different measured times; 0 without a column."""
    return cells.obs[columns.time].nunique() if columns.time is not None else 0


def seconds(cells: MuData, columns: Columns, settings: Settings, *, hidden: bool) -> float:
    """About how long a training takes on one core of an ordinary computer. hidden: whether a middle time is hidden too."""
    plan = Plan.of(
        settings,
        cells.n_obs,
        sum(adata.n_vars for adata in cells.mod.values()),
        len(cells.mod),
        times(cells, columns),
        columns.perturbation is not None,
        hidden,
    )
    return sum(took for _, took in plan.stages)


def said(seconds: float) -> str:
    """A duration as a range, since computers differ threefold and do other things: "2 to 6 min"."""
    if 3 * seconds < 5400:
        low = max(1, round(seconds / 60))
        return f"{low} to {max(low + 1, round(3 * seconds / 60))} min"
    return f"{seconds / 3600:.1f} to {seconds / 1200:.1f} h"
