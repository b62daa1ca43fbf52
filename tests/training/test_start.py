"""The start in closed form: how far a decoder goes along its first step."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from virtualcell.autoencoder.model import Autoencoder
from virtualcell.training.described import nats_of_average, nats_of_cells
from virtualcell.training.start import start_linear, step_length
from virtualcell.training.table import CellTable

CPU = torch.device("cpu")


def types_apart(fold: float, seed: int = 0, n: int = 800, features: int = 120) -> CellTable:
    """A common and a rare cell type (one cell in 20); half of the features are ``fold`` times as frequent in the rare one."""
    rng = np.random.default_rng(seed)
    kind = (rng.random(n) < 0.05).astype(int)
    own = 1 + np.arange(features) % 2
    rate = 0.03 * np.where(own[None] == kind[:, None], fold, 1.0) * rng.lognormal(0, 0.3, (n, 1))
    rna = rng.poisson(20 * rate).astype(np.float32)
    atac = (rng.random((n, features)) < -np.expm1(-rate)).astype(np.float32)
    mask = np.ones((n, 2), dtype=bool)
    return CellTable({"rna": sp.csr_matrix(rna), "atac": sp.csr_matrix(atac)}, mask, np.zeros(n, dtype=np.int64))


@pytest.mark.parametrize("fold", [1.0, 3.0, 40.0])
def test_the_start_describes_new_cells_no_worse_than_the_average_cell(fold: float) -> None:
    """A whole step of Fisher scoring overshoots where rates differ by a factor: forty times the rate asks for 39, not 3.7."""
    table = types_apart(fold)
    torch.manual_seed(0)
    model = Autoencoder({"rna": 120, "atac": 120}, {"rna": "rna", "atac": "atac"}, {"rna": 10, "atac": 10}, 6, 16)
    training, new = np.arange(500), np.arange(500, 800)
    start_linear(model, table, training, 0, CPU)
    gain = nats_of_cells(model, table, new, CPU) - nats_of_average(model, table, new, CPU)
    noise = gain.std(0) / np.sqrt(len(new))
    assert (gain.mean(0) > -2 * noise - 1e-3).all()
    if fold == 40.0:
        assert (gain.mean(0) > (3.0, 0.5)).all()


def test_a_marker_gene_of_a_small_type_does_not_drown_the_others() -> None:
    """Through the softmax one gene whose step overshoots takes the molecules of all: a whole step loses 2.3 nats a cell."""
    rng = np.random.default_rng(0)
    kind = rng.random(900) < 0.03
    rate = np.tile(rng.lognormal(0, 1, 30), (900, 1))
    rate[:, 0] = np.where(kind, 1.0, 0.001) * rate.sum(1)
    counts = rng.poisson(200 * rate / rate.sum(1, keepdims=True)).astype(np.float32)
    table = CellTable({"rna": sp.csr_matrix(counts)}, np.ones((900, 1), bool), np.zeros(900, np.int64))
    torch.manual_seed(0)
    model = Autoencoder({"rna": 30}, {"rna": "rna"}, {"rna": 6}, 2, 16)
    start_linear(model, table, np.arange(600), 0, CPU)
    new = np.arange(600, 900)
    assert (nats_of_cells(model, table, new, CPU) - nats_of_average(model, table, new, CPU)).mean() > 1


def test_a_gaussian_step_is_taken_whole_however_far_a_cell_lies() -> None:
    rng = np.random.default_rng(0)
    far = rng.random(1000) < 0.005
    values = (rng.normal(size=(1000, 8)) + 40.0 * far[:, None]).astype(np.float32)
    values = (values - values.mean(0)) / values.std(0)
    table = CellTable({"cytof": values}, np.ones((1000, 1), bool), np.zeros(1000, np.int64))
    model = Autoencoder({"cytof": 8}, {"cytof": "continuous"}, {"cytof": 4}, 2, 16)
    model.modalities["cytof"].fit(values, 0)
    x = (far - far.mean())[:, None]
    loadings = torch.from_numpy(np.linalg.lstsq(x, values, rcond=None)[0])
    rows = np.arange(1000)
    whole = step_length(model, "cytof", x, loadings, table, rows, 0, CPU)
    assert float(whole.min()) > 1 - 2 / 2**5
    half = step_length(model, "cytof", x, 2 * loadings, table, rows, 0, CPU)
    torch.testing.assert_close(half, torch.full((8,), 0.5, dtype=torch.float64), rtol=0.1, atol=0)
