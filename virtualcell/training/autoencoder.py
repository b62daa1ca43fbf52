"""Trains the multi-omic autoencoder on the chosen objectives, from a linear start that it is compared with at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.autoencoder.model import Autoencoder
from virtualcell.modalities import MODALITIES
from virtualcell.schema import AutoencoderSettings, DataError
from virtualcell.training.described import nats_per_cell
from virtualcell.training.epochs import STAGE, Epochs, Progress
from virtualcell.training.kept import Keeper
from virtualcell.training.objectives import OBJECTIVES
from virtualcell.training.start import start_linear
from virtualcell.training.table import CellTable

VALIDATION_SHARE = 0.1
MIN_CELLS = 30
"""Training cells that a modality must have been measured in: fewer do not show the noise of a regression on the latent."""


@dataclass
class AutoencoderFit:
    """The target encoder with its decoders, what was seen on the way, and the rows that no gradient came from."""

    model: Autoencoder
    history: list[dict[str, float]] = field(default_factory=list)
    gates: dict[str, float] = field(default_factory=dict)
    """By learned residual: nats a validation cell that it is worth; it is kept where that is above 0."""
    training: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    validation: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


def train_autoencoder(
    table: CellTable,
    settings: AutoencoderSettings,
    kinds: dict[str, str],
    n_components: int,
    n_batches: int,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
    keep: Keeper | None = None,
) -> AutoencoderFit:
    """Fits an autoencoder to every cell of the table; a tenth of them is kept from the gradients, chooses the epoch and decides
    which residuals stay.

    Raises DataError for an objective or a fusion that is not known, a modality measured in too few cells, and a loss that is no
    number. keep: where the epochs are written as they go, and taken up again.
    """
    for what, names, known in (("objectives", settings.objectives, OBJECTIVES), ("fusion", [settings.fusion], FUSIONS)):
        if unknown := sorted(set(names) - set(known)):
            raise DataError(
                f"{', '.join(unknown)} is not known.", next_step=f"choose among {', '.join(sorted(known))}.", field=what
            )
    if settings.features_per_step < 1:
        raise DataError("No feature can be scored.", next_step="give 1 or more.", field="features_per_step")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    order = rng.permutation(table.n_cells)
    n_validation = max(1, int(VALIDATION_SHARE * table.n_cells))
    validation, training = np.sort(order[:n_validation]), np.sort(order[n_validation:])

    names = list(table.values)
    measured = {m: table.mask[:, i] for i, m in enumerate(names)}
    features = {m: table.values[m].shape[1] // MODALITIES[kinds[m]].width for m in names}
    for m in names:
        if (found := int(measured[m][training].sum())) < MIN_CELLS:
            raise DataError(
                f"{m} was measured in {found} of the cells that are learned from; at least {MIN_CELLS} are needed.",
                next_step=f"add cells with {m} or leave this kind of measurement out.",
                field=m,
            )
    components = {m: min(n_components, features[m] - 1, int(measured[m][training].sum()) - 1) for m in names}
    model = Autoencoder(features, kinds, components, settings.latent_dim, settings.hidden, n_batches, settings.fusion)
    keep = keep or Keeper()
    kept = keep.read(STAGE)
    if kept is not None and kept.finished:
        model.load_state_dict(kept.part("target"))
        model = model.to(device).requires_grad_(requires_grad=False).eval()
        return AutoencoderFit(model, kept.record["history"], kept.record["gates"], training, validation)
    if kept is None:
        start_linear(model, table, training, seed, device)
    epochs = Epochs(model.to(device), table, settings, training, validation, rng, generator, device)
    if kept is None:
        epochs.start()
    else:
        epochs.take_up(kept)
    epochs.run(keep, progress)
    target = epochs.target
    gates = keep_what_helps(target, table, validation, device)
    weights = {f"target.{k}": v for k, v in target.state_dict().items()}
    keep.finish(STAGE, weights, {"history": epochs.history, "gates": gates})
    return AutoencoderFit(target, epochs.history, gates, training, validation)


@torch.no_grad()
def keep_what_helps(model: Autoencoder, table: CellTable, validation: np.ndarray, device: torch.device) -> dict[str, float]:
    """Switches off every decoder residual without which validation cells are described at least as well; nats a cell that each is
    worth."""
    worth = {}
    best = nats_per_cell(model, table, validation, device)
    for m, decoder in model.decoders.items():
        decoder.gate.fill_(0.0)
        without = nats_per_cell(model, table, validation, device)
        worth[m] = best - without
        if without >= best:
            best = without
        else:
            decoder.gate.fill_(1.0)
    return worth
