"""The beta-binomial of methylated reads against scipy: the worked example of a new kind of measurement (CONTRIBUTING.md)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from anndata import AnnData
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import betabinom

from tests.modalities.samples import make_fitted, make_values
from virtualcell.modalities.methylation import Methylation
from virtualcell.schema import DataError


def sample(n: int = 2000, concentration: float = 5.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Values of cells whose regions have mean fractions 0.1, 0.3, ..., 0.9, and these means."""
    rng = np.random.default_rng(seed)
    mean = np.linspace(0.1, 0.9, 5)
    coverage = rng.poisson(8.0, (n, 5))
    fraction = rng.beta(concentration * mean, concentration * (1 - mean), (n, 5))
    return np.hstack([rng.binomial(coverage, fraction), coverage]).astype(np.float32), mean


# Step 1: the likelihood is the one that is written in the docstring, computed by somebody else.
@given(st.integers(0, 2**31), st.floats(-3.5, 5.0), st.floats(0.1, 3.0))
def test_likelihood_is_that_of_scipy(seed: int, log_concentration: float, spread: float) -> None:
    values = make_values("methylation", 6, 4, seed)
    kind = Methylation(4, 1)
    with torch.no_grad():
        kind.log_concentration.fill_(log_concentration)
        output = np.random.default_rng(seed).normal(0, spread, (6, 4))
        found = kind.log_likelihood(torch.from_numpy(values), torch.from_numpy(output)).numpy()
    a, b = np.exp(log_concentration) * expit(output), np.exp(log_concentration) * expit(-output)
    expected = betabinom.logpmf(values[:, :4], values[:, 4:], a, b).sum(1)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


# Step 2: what the kind says of itself that others do not.
def test_a_region_that_no_read_covers_says_nothing() -> None:
    values = torch.from_numpy(make_values("methylation", 6, 4))
    values[:, 1] = values[:, 5] = 0
    kind = Methylation(4, 1)
    output = torch.randn(6, 4, requires_grad=True)
    kind.log_likelihood(values, output).sum().backward()
    assert not output.grad[:, 1].any()
    assert output.grad[:, 0].all()
    assert float(kind.log_concentration.grad[1]) == 0
    moved = output.detach() + torch.tensor([0.0, 3.0, 0.0, 0.0])
    assert torch.equal(kind.log_likelihood(values, moved), kind.log_likelihood(values, output))


def test_few_reads_move_a_reading_little() -> None:
    values, mean = sample()
    kind = make_fitted("methylation", values, 2)
    read = kind.normalise(torch.tensor([[0.0, 1, 10, 100, 0, 0, 1, 10, 100, 5]])).numpy()[0]
    assert read[0] == pytest.approx(mean[0], abs=0.02)  # nothing was covered: the region's mean
    assert mean[1] < read[1] < 0.5
    assert 0.75 < read[2] < 1
    assert read[3] > 0.98
    assert 0.3 < read[4] < 0.7
    # A posterior mean is the best guess of the fraction behind the reads: better than the fraction of reads itself.
    rng = np.random.default_rng(1)
    fraction = rng.beta(5 * mean, 5 * (1 - mean), (2000, 5))
    coverage = 1 + rng.poisson(2.0, (2000, 5))
    methylated = rng.binomial(coverage, fraction)
    guess = kind.normalise(torch.from_numpy(np.hstack([methylated, coverage]).astype(np.float32))).numpy()
    assert ((guess - fraction) ** 2).mean() < 0.6 * ((methylated / coverage - fraction) ** 2).mean()


def test_means_and_concentrations_start_from_moments() -> None:
    values, mean = sample()
    kind = make_fitted("methylation", values, 2)
    np.testing.assert_allclose(kind.expectation(kind.base[None]).numpy()[0], mean, atol=0.02)
    np.testing.assert_allclose(kind.log_concentration.detach().exp(), 5.0, rtol=0.25)


# Step 3: reading a file, and files that cannot be read.
COVERAGE = np.array([[4, 0, 1], [2, 8, 0]])
METHYLATED = np.array([[1, 0, 1], [0, 6, 0]])


def adata_of(methylated=None, coverage=COVERAGE, fraction=None) -> AnnData:
    adata = AnnData(np.zeros((2, 3), np.float32) if fraction is None else np.asarray(fraction, dtype=np.float32))
    for key, layer in (("methylated", methylated), ("coverage", coverage)):
        if layer is not None:
            adata.layers[key] = layer
    return adata


def test_reads_and_fractions_are_the_same_measurement() -> None:
    expected = np.hstack([METHYLATED, COVERAGE])
    np.testing.assert_array_equal(Methylation.read(adata_of(METHYLATED), "m"), expected)
    with np.errstate(invalid="ignore"):
        fraction = METHYLATED / COVERAGE  # missing where nothing was covered
    assert np.isnan(fraction).sum() == 2
    np.testing.assert_array_equal(Methylation.read(adata_of(fraction=fraction), "m"), expected)


@pytest.mark.parametrize(
    ("adata", "field", "words"),
    [
        (adata_of(METHYLATED, None), "coverage", "how many reads"),
        (adata_of(METHYLATED + 5), "methylated", "more methylated reads than reads"),
        (adata_of(METHYLATED - 1.0), "methylated", "below zero"),
        (adata_of(METHYLATED, np.where(COVERAGE == 0, np.nan, COVERAGE)), "coverage", "write 0"),
        (adata_of(fraction=[[0.5, 0, 1], [0.2, 1.5, 0]]), "X", "not between 0 and 1"),
        (adata_of(fraction=[[0.5, 0, np.nan], [0.2, 1, 0]]), "X", "missing"),
    ],
)
def test_what_cannot_be_read(adata: AnnData, field: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        Methylation.read(adata, "m")
    assert caught.value.field.startswith("m: ")
    assert field in caught.value.field
