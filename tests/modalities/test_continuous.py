"""The Gaussian of continuous values against scipy, and values that are missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from anndata import AnnData
from scipy.stats import norm

from tests.modalities.samples import make_fitted, make_values
from virtualcell.modalities.continuous import Continuous
from virtualcell.schema import DataError


def test_likelihood_is_the_gaussian_of_standardised_values() -> None:
    dense = make_values("continuous")
    kind = make_fitted("continuous", dense, moved=True)
    output = np.random.default_rng(1).normal(size=dense.shape)
    found = kind.log_likelihood(torch.from_numpy(dense), torch.from_numpy(output)).detach().numpy()
    standard = (dense - dense.mean(0)) / dense.std(0)
    expected = norm.logpdf(standard, output, np.exp(kind.log_variance.detach().numpy() / 2)).sum(1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(kind.normalise(torch.from_numpy(dense)), standard, rtol=1e-4, atol=1e-5)


def test_nothing_depends_on_the_unit_of_measurement() -> None:
    dense = make_values("continuous")
    one, two = make_fitted("continuous", dense), make_fitted("continuous", 1000 * dense + 5)
    a, b = torch.from_numpy(dense), torch.from_numpy(1000 * dense + 5)
    output = torch.randn(dense.shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one.scores(a).abs(), two.scores(b).abs(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(one.log_likelihood(a, output), two.log_likelihood(b, output), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(1000 * one.expectation(output) + 5, two.expectation(output), rtol=1e-4, atol=0.1)


def test_expectation_at_base_is_the_mean_as_measured() -> None:
    dense = make_values("continuous")
    kind = make_fitted("continuous", dense)
    np.testing.assert_allclose(kind.expectation(kind.base[None])[0], dense.mean(0), rtol=1e-4)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix])
def test_values_are_read_as_they_are(kind) -> None:
    values = np.random.default_rng(0).normal(size=(4, 3))
    found = Continuous.read(AnnData(kind(values)), "cytof")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, values, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([[1.0, np.nan], [np.inf, 2.0]]), r"2 value\(s\) are missing"),
        (np.array([["a", "b"], ["c", "d"]], dtype=object), "text"),
        (None, "no matrix"),
    ],
)
def test_what_cannot_be_read(values, words: str) -> None:
    adata = AnnData(None if values is None else np.zeros((2, 2)), obs=pd.DataFrame(index=["a", "b"]))
    if values is not None:
        adata._X = values  # anndata itself refuses text
    with pytest.raises(DataError, match=words) as caught:
        Continuous.read(adata, "cytof")
    assert caught.value.field == "cytof: X"
    assert caught.value.next_step
