"""The linear start of an autoencoder: components, linear experts and decoder loadings in closed form, before any gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from virtualcell.autoencoder.linear import fit_linear_core
from virtualcell.autoencoder.model import Autoencoder
from virtualcell.autoencoder.reduced_rank import Products, reduced_rank
from virtualcell.training.table import CellTable

CHUNK = 1024


def start_linear(model: Autoencoder, table: CellTable, training: np.ndarray, seed: int, device: torch.device) -> None:
    """Fits input transforms, the linear core of the fusion and the loadings of the decoders to the training rows; moves the model
    to the device."""
    measured = {m: table.mask[:, i] for i, m in enumerate(model.names)}
    for m in model.names:
        model.modalities[m].fit(table.values[m][training[measured[m][training]]], seed)
    model.to(device)
    codes = table.batch[training]
    scores: dict[str, np.ndarray] = {}
    with torch.no_grad():
        for m in model.names:
            kind, mean = model.modalities[m], model.batch_means[m].mean
            found = torch.cat([kind.scores(table.rows(rows, device)[0][m]) for rows in chunks(training)]).cpu().double().numpy()
            if len(mean) > 1:
                for code in np.unique(codes):
                    here = (codes == code) & measured[m][training]
                    if here.any():  # a batch without this measurement is not shifted
                        mean[code] = torch.from_numpy(found[here].mean(0)).to(mean)
            scores[m] = found - mean.cpu().numpy()[codes]
            model.decoders[m].bias.copy_(kind.base)
    core = fit_linear_core(scores, {m: measured[m][training] for m in model.names}, model.d, seed)
    model.fusion.start_from(core)
    # Half way between equal spread in all dimensions (noise would count as much as signal) and the spread of the components
    # themselves (a few dimensions would be all that counts).
    model.latent_scale.copy_(torch.from_numpy(np.sqrt(core.scale / core.scale.max())))
    if hasattr(model.fusion, "fit_extractors"):
        given = {m: torch.from_numpy(x).float().to(device) for m, x in scores.items()}
        model.fusion.fit_extractors(given, {m: torch.from_numpy(measured[m][training]).to(device) for m in model.names}, seed)
    model.fusion.eval()
    with torch.no_grad():
        mask = torch.from_numpy(table.mask[training]).to(device)
        z = model.fusion({m: torch.from_numpy(x).float().to(device) for m, x in scores.items()}, mask)[0].cpu().double()
    for i, m in enumerate(model.names):
        decoder = model.decoders[m]
        here = table.mask[training, i]
        inputs = z[here] if decoder.block is None else z[here][:, decoder.block]
        found = reduced_rank(gather(model, m, inputs, table, training[here], seed, device))
        with torch.no_grad():
            decoder.weight[: decoder.d] = (found.left @ found.right).to(decoder.weight)
            decoder.bias -= (found.x_mean @ found.left @ found.right).to(decoder.bias)


def gather(
    model: Autoencoder, m: str, x: Tensor, table: CellTable, rows: np.ndarray, seed: int, device: torch.device
) -> Products:
    """Products of inputs x (rows, inputs) with the slope of modality m's log-likelihood at the average cell's output."""
    kind = model.modalities[m]
    products = Products(x, kind.base.shape[0], seed)
    for place in np.array_split(np.arange(len(rows)), max(1, len(rows) // CHUNK)):
        values = table.rows(rows[place], device)[0][m]
        output = kind.base.expand(len(place), -1).clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(kind.log_likelihood(values, output).sum(), output)
        products.add(place, slope.cpu())
    return products


def chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    yield from np.array_split(rows, max(1, len(rows) // CHUNK))
