"""Encoding as compression: does one code for all modalities describe cells better than a code for each, at equal total size?"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from virtualcell.schema import AutoencoderSettings
from virtualcell.training.autoencoder import train_autoencoder
from virtualcell.training.described import nats_of_cells
from virtualcell.training.table import CellTable


def shuffle_pairs(table: CellTable, keep: str, rng: np.random.Generator, within: np.ndarray | None = None) -> CellTable:
    """The same cells with every modality but ``keep`` dealt out anew: pairs are broken, each modality stays what it was.

    within: (cells,) labels such as times; partners are exchanged only among cells of one label. All cells must have all
    modalities measured.
    """
    if not table.mask.all():
        raise ValueError("Pairs can be shuffled only among cells in which everything was measured.")
    order = np.arange(table.n_cells)
    for label in [None] if within is None else np.unique(within):
        rows = order if label is None else np.flatnonzero(within == label)
        order[rows] = rng.permutation(rows)
    values = {m: x if m == keep else x[order] for m, x in table.values.items()}
    return dataclasses.replace(table, values=values)


def code(
    train: CellTable,
    test: CellTable,
    kinds: dict[str, str],
    settings: AutoencoderSettings,
    d: int,
    seed: int,
    n_components: int = 50,
) -> tuple[np.ndarray, float]:
    """Held-out nats of each test cell (cells,) from d latent dimensions, and the mean over inner validation cells.

    The code of a cell is the posterior mean: d numbers. All modalities of both tables are coded together.
    """
    device = torch.device("cpu")
    chosen = dataclasses.replace(settings, latent_dim=d)
    fit = train_autoencoder(train, chosen, kinds, n_components, max(1, len(np.unique(train.batch))), seed, device)
    best = max(figures["validation_nats"] for figures in fit.history)
    return nats_of_cells(fit.model, test, np.arange(test.n_cells), device).sum(1), best


def separate_codes(
    train: CellTable, test: CellTable, kinds: dict[str, str], settings: AutoencoderSettings, d: int, seed: int
) -> tuple[np.ndarray, dict[str, int]]:
    """Held-out nats of each test cell (cells,) where two modalities are coded apart, and how they share the d dimensions.

    A quarter, half or three quarters go to the first; inner validation chooses.
    """
    first, second = train.values
    shares = sorted({max(1, min(d - 1, round(d * part))) for part in (0.25, 0.5, 0.75)})
    found = {}
    for k in shares:
        one, other = [
            code(train.only([m]), test.only([m]), {m: kinds[m]}, settings, size, seed)
            for m, size in ((first, k), (second, d - k))
        ]
        found[k] = one[0] + other[0], one[1] + other[1]
    best = max(found, key=lambda k: found[k][1])
    return found[best][0], {first: best, second: d - best}


def smallest_within_one_error(sizes: list[int], nats: np.ndarray) -> int:
    """The smallest latent size whose mean is within one standard error of the best (Breiman et al. 1984, one-standard-error
    rule); nats: (seeds or cells, sizes), the error is that of the paired difference to the best."""
    mean = nats.mean(0)
    best = int(mean.argmax())
    for i in range(len(sizes)):
        difference = nats[:, best] - nats[:, i]
        error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
        if difference.mean() <= error:
            return sizes[i]
    return sizes[best]
