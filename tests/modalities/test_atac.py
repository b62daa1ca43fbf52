"""The Bernoulli of open peaks and the Poisson of fragments against scipy, TF-IDF against numpy, and translation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.stats import bernoulli, norm, poisson

from tests.modalities.samples import as_values, make_fitted, make_values
from virtualcell.modalities import Counts
from virtualcell.modalities.atac import Atac
from virtualcell.modalities.atac_poisson import AtacPoisson


def counts_of(dense: np.ndarray) -> Counts:
    return Counts.of(sp.csr_matrix(dense))


def test_likelihood_is_bernoulli_with_complementary_log_log() -> None:
    dense = make_values("atac")
    output = np.random.default_rng(1).normal(-4, 1, size=dense.shape)
    found = Atac(15, 3).log_likelihood(counts_of(dense), torch.from_numpy(output)).numpy()
    p = 1 - np.exp(-dense.sum(1, keepdims=True) * np.exp(output))
    np.testing.assert_allclose(found, bernoulli.logpmf(dense.astype(int), p).sum(1), rtol=1e-5)


def test_likelihood_of_fragments_is_poisson() -> None:
    dense = make_values("atac-poisson")
    dense[3, 2] = 90.0
    output = np.random.default_rng(1).normal(-3, 1, size=dense.shape)
    found = AtacPoisson(15, 3).log_likelihood(counts_of(dense), torch.from_numpy(output)).numpy()
    np.testing.assert_allclose(found, poisson.logpmf(dense, dense.sum(1, keepdims=True) * np.exp(output)).sum(1), rtol=1e-5)


def test_a_peak_is_open_when_a_poisson_number_of_fragments_is_not_zero() -> None:
    # Depth 1 with rates that vanish elsewhere: what is left is one peak, open with probability 1 - Poisson(0).
    output = torch.tensor([[-1.0, -60.0, -60.0, -60.0]])
    opened = Atac(4, 1).log_likelihood(counts_of(np.array([[1.0, 0.0, 0.0, 0.0]])), output).exp()
    assert float(opened) == pytest.approx(1 - poisson.pmf(0, np.exp(-1.0)), abs=1e-6)


def test_the_likeliest_rate_is_the_one_that_made_the_peaks() -> None:
    rng = np.random.default_rng(3)
    depth = 30
    truth = np.log(-np.log1p(-depth / 400) / depth)  # of 400 equal peaks, 30 open
    dense = np.zeros((200, 400), dtype=np.float32)
    for row in dense:
        row[rng.choice(400, depth, replace=False)] = 1
    rates = truth + np.linspace(-1, 1, 41)
    likelihood = [float(Atac(400, 1).log_likelihood(counts_of(dense), torch.full((200, 400), float(r))).sum()) for r in rates]
    assert rates[int(np.argmax(likelihood))] == pytest.approx(truth, abs=1e-6)


def test_normalisation_is_tf_idf_by_hand() -> None:
    dense = make_values("atac")
    idf = len(dense) / (1 + dense.sum(0))
    expected = np.log1p(1e4 * dense / dense.sum(1, keepdims=True) * idf)
    np.testing.assert_allclose(make_fitted("atac", dense).normalise(counts_of(dense)).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["atac", "atac-poisson"])
def test_expectation_is_that_of_a_cell_of_median_depth(name: str) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense)
    output = np.random.default_rng(2).normal(-3, 1, size=(5, 15)).astype(np.float32)
    rate = np.median(dense.sum(1)) * np.exp(output)
    found = kind.expectation(torch.from_numpy(output)).numpy()
    np.testing.assert_allclose(found, rate if name == "atac-poisson" else 1 - np.exp(-rate), rtol=1e-4)


def test_base_predicts_how_often_a_peak_is_open_and_how_many_fragments_fall_in_it() -> None:
    dense = make_values("atac", 400)
    kind = make_fitted("atac", dense)
    np.testing.assert_allclose(kind.expectation(kind.base[None]).numpy()[0], dense.mean(0), atol=0.06)
    dense = make_values("atac-poisson", 400)
    kind = make_fitted("atac-poisson", dense)
    np.testing.assert_allclose(
        kind.expectation(kind.base[None]).numpy()[0] / np.median(dense.sum(1)), dense.sum(0) / dense.sum(), atol=1e-4
    )


# -- translation -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["atac", "atac-poisson"])
def test_response_is_the_score_over_its_mean_square(name: str) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense)
    output = kind.base.double().expand(dense.shape).clone().requires_grad_()
    depth = torch.from_numpy(dense.sum(1, keepdims=True)).double()
    kind.log_prob(torch.from_numpy(dense).double(), output, depth).sum().backward()
    information = output.grad.square().mean(0)
    torch.testing.assert_close(kind.response_weight.double(), information, rtol=1e-4, atol=1e-6)
    found = kind.response(counts_of(dense)).double()
    torch.testing.assert_close(found, output.grad / information, rtol=1e-3, atol=1e-4)


def test_response_finds_the_change_of_the_log_rate() -> None:
    """Half of the cells open the first peak more often: the mean response differs by what the log rate differs by."""
    rng = np.random.default_rng(0)
    depth = rng.lognormal(3, 0.5, (20000, 1))
    rate = depth * np.full(40, 1 / 400.0)
    rate[:10000, 0] *= np.exp(0.15)
    rate[10000:, 0] *= np.exp(-0.15)
    dense = (rng.random(rate.shape) < 1 - np.exp(-rate)).astype(np.float32)
    dense = np.hstack([dense, rng.random((20000, 200)) < 1 - np.exp(-depth / 40)]).astype(np.float32)
    kind = make_fitted("atac", dense, 2)
    with torch.no_grad():
        response = kind.response(counts_of(dense))[:, 0].numpy()
    assert response[:10000].mean() - response[10000:].mean() == pytest.approx(0.3, abs=0.12)


@pytest.mark.parametrize("name", ["atac", "atac-poisson"])
def test_prediction_averages_over_the_depth_that_a_cell_might_have(name: str) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense)
    rng = np.random.default_rng(4)
    eta, mean, sd = rng.normal(size=(3, 15)), np.array([1.0, 2.5, 4.0]), 0.6
    found = kind.predict(torch.from_numpy(eta).float(), torch.from_numpy(mean).float(), torch.tensor(sd)).numpy()
    # Numbers drawn evenly from the distribution of log depth, instead of nine nodes.
    depth = np.exp(mean[:, None, None] + sd * norm.ppf((np.arange(4000) + 0.5) / 4000))
    rate = np.exp(kind.base.numpy() + eta)[:, :, None]
    np.testing.assert_allclose(found, (1 - np.exp(-depth * rate)).mean(2), atol=1e-3)
    known = kind.predict(torch.from_numpy(eta).float(), torch.from_numpy(mean).float(), 0.0).numpy()
    np.testing.assert_allclose(known, 1 - np.exp(-np.exp(mean)[:, None] * rate[:, :, 0]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["atac", "atac-poisson"])
def test_a_reading_is_open_or_not_and_scored_as_such(name: str) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense)
    reading = kind.reading(counts_of(dense))
    np.testing.assert_array_equal(reading, dense > 0)
    torch.testing.assert_close(kind.reading_mean, reading.mean(0))
    p = np.random.default_rng(0).uniform(size=dense.shape)
    p[0, :2] = 0.0, 1.0
    found = kind.reading_score(reading, torch.from_numpy(p).float()).numpy()
    np.testing.assert_allclose(found, bernoulli.logpmf(dense > 0, np.clip(p, 1e-5, 1 - 1e-5)).sum(1), rtol=1e-3)


def test_components_come_from_the_non_zeros_alone(monkeypatch) -> None:
    dense = make_values("atac", 80)
    expected = make_fitted("atac", dense)

    def refuse(self) -> None:
        raise AssertionError("made dense")

    monkeypatch.setattr(Counts, "dense", refuse)
    kind = make_fitted("atac", dense)
    assert torch.equal(kind.projection, expected.projection)
    kind.scores(as_values(kind, dense))
    kind.log_likelihood(as_values(kind, dense), kind.base.expand(80, -1))
