"""The linear start of an autoencoder: components, linear experts and decoder loadings in closed form, before any gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from virtualcell.autoencoder.linear import fit_linear_core
from virtualcell.autoencoder.model import Autoencoder
from virtualcell.autoencoder.reduced_rank import Products, ReducedRank
from virtualcell.training.table import CellTable

CHUNK = 1024
FEW = 10
LINE_CELLS = 1024
"""Cells on which the length of a step is chosen."""
HALVINGS = 6
LARGEST_CHANGE = 8.0
"""In the logarithm of a rate: no step is tried that takes one of those cells further from the average, as e^8 is more than any
gene changes and rates beyond are cut off."""


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
                everywhere = found[measured[m][training]].mean(0)
                for code in np.unique(codes):
                    here = (codes == code) & measured[m][training]
                    if here.any():
                        # A mean of few cells is mostly noise: it is drawn to that of all.
                        trust = here.sum() / (here.sum() + FEW)
                        mean[code] = torch.from_numpy(trust * found[here].mean(0) + (1 - trust) * everywhere).to(mean)
                    else:
                        mean[code] = torch.from_numpy(everywhere).to(mean)
            scores[m] = found - mean.cpu().numpy()[codes]
            model.decoders[m].bias.copy_(kind.base)
    core = fit_linear_core(scores, {m: measured[m][training] for m in model.names}, model.d, seed)
    model.fusion.start_from(core)
    # Half way between equal spread in all dimensions (noise would count as much as signal) and the spread of the components
    # themselves (a few dimensions would be all that counts).
    model.latent_scale.copy_(torch.from_numpy(np.sqrt(core.scale / core.scale.max())))
    if hasattr(model.fusion, "fit_extractors"):
        model.fusion.fit_extractors(scores, {m: measured[m][training] for m in model.names}, seed)
    model.fusion.eval()
    with torch.no_grad():
        mask = torch.from_numpy(table.mask[training]).to(device)
        z = model.fusion({m: torch.from_numpy(x).float().to(device) for m, x in scores.items()}, mask)[0].cpu().double()
    for i, m in enumerate(model.names):
        decoder = model.decoders[m]
        here = table.mask[training, i]
        if model.fusion.blocks is not None:
            with torch.no_grad():
                decoder.block.zero_()
                decoder.block[model.fusion.blocks[m]] = 1.0
        inputs = z[here].numpy() * decoder.block.cpu().numpy()
        if not inputs.any():
            continue  # a modality without a dimension of its own: every cell is described as the average
        found = decoder_start(model, m, inputs, table, training[here], seed, device)
        loadings = torch.from_numpy(found.left @ found.right)
        loadings = loadings * step_length(model, m, inputs - found.x_mean, loadings, table, training[here], seed, device)
        with torch.no_grad():
            decoder.weight[: decoder.d] = loadings.to(decoder.weight)
            decoder.bias -= (torch.from_numpy(found.x_mean) @ loadings).to(decoder.bias)


def decoder_start(
    model: Autoencoder, m: str, x: np.ndarray, table: CellTable, rows: np.ndarray, seed: int, device: torch.device
) -> ReducedRank:
    """One step of Fisher scoring from the average cell's output: loadings of the latent x (rows, d) for modality m, shrunk to
    what stands out of the noise."""
    kind = model.modalities[m]
    products = Products(x, len(kind.base), seed)
    for place in np.array_split(np.arange(len(rows)), max(1, len(rows) // CHUNK)):
        values = table.rows(rows[place], device)[0][m]
        output = kind.base.expand(len(place), -1).clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(kind.log_likelihood(values, output).sum(), output)
        products.add(place, slope.cpu().numpy())
    # The slope has the information as its variance: slope / information is the step.
    information = np.maximum(products.squares / len(rows), 1e-12)
    found = products.solve(1 / information)
    return ReducedRank(found.left, found.right / information, found.x_mean, found.singular, found.edge)


def step_length(
    model: Autoencoder,
    m: str,
    x: np.ndarray,
    loadings: Tensor,
    table: CellTable,
    rows: np.ndarray,
    seed: int,
    device: torch.device,
) -> Tensor:
    """Which part of the step from the average cell's output, 0 to 1 for each output, makes the cells likeliest; (outputs,).

    x: (rows, d) centred latent, loadings: (d, outputs). A step of Fisher scoring is right where an output changes little and
    far too long where it changes much: ten times the rate in some cells is 2.3 in the logarithm, and the step asks for 9.
    The likelihood along the step has one summit, so halving the interval by the sign of its slope finds it; where outputs share
    a softmax or a mixture all are moved at once, which comes close.
    """
    kind = model.modalities[m]
    few = np.random.default_rng(seed).permutation(len(rows))[:LINE_CELLS]
    values = table.rows(rows[few], device)[0][m]
    change = (torch.from_numpy(x[few]) @ loadings).float().to(device)
    low, high = (torch.full_like(change[0], end) for end in (0.0, 2.0))
    if kind.counted:
        high = (LARGEST_CHANGE / change.abs().amax(0).clamp_min(1e-12)).clamp(max=2.0)
    for _ in range(HALVINGS):
        length = (low + high) / 2
        output = (kind.base + length * change).requires_grad_(True)
        (slope,) = torch.autograd.grad(kind.log_likelihood(values, output).sum(), output)
        uphill = (slope * change).sum(0)
        low, high = torch.where(uphill >= 0, length, low), torch.where(uphill >= 0, high, length)
    return low.clamp(max=1.0).cpu().double()


def response_products(
    model: Autoencoder,
    m: str,
    x: np.ndarray,
    table: CellTable,
    rows: np.ndarray,
    seed: int,
    device: torch.device,
    permutations: int,
) -> Products:
    """Products of inputs x (rows, inputs) with modality m's response, for a reduced-rank regression of it."""
    kind = model.modalities[m]
    products = Products(x, kind.n_features, seed, permutations)
    with torch.no_grad():
        for place in np.array_split(np.arange(len(rows)), max(1, len(rows) // CHUNK)):
            products.add(place, kind.response(table.rows(rows[place], device)[0][m]).cpu().numpy())
    return products


def chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    yield from np.array_split(rows, max(1, len(rows) // CHUNK))
