"""Values drawn from each likelihood occur as often as its own log_prob says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chi2, kstest, norm

from tests.modalities.samples import make_fitted, make_values
from virtualcell.modalities import MODALITIES, Modality

CELLS = 20_000
COUNTED = ["atac", "atac-poisson", "protein", "rna", "rna-zinb"]


def prepared(name: str) -> tuple[Modality, torch.Tensor]:
    kind = make_fitted(name, make_values(name, 200, 6), n_components=3, moved=True).eval()
    output = kind.base + 0.4 * torch.randn(len(kind.base), generator=torch.Generator().manual_seed(3))
    return kind, output.detach()


@pytest.mark.parametrize("name", COUNTED)
def test_counts_are_as_frequent_as_their_probability(name: str) -> None:
    kind, output = prepared(name)
    depth = torch.full((CELLS, 1), 40.0)
    with torch.no_grad():
        drawn = kind.sample(output.expand(CELLS, -1), depth, np.random.default_rng(0))
        assert drawn.dtype == torch.float32
        assert drawn.shape == (CELLS, 6)
        for feature in range(6):
            # Bins of the counts, the last of which holds all that is larger: Pearson's chi-square test.
            top = int(drawn[:, feature].max()) + 1
            table = torch.arange(top + 1.0)[:, None].expand(-1, 6)
            p = kind.log_prob(table, output.expand(top + 1, -1), depth[: top + 1]).exp()[:, feature].double().numpy()
            seen = np.bincount(drawn[:, feature].long().numpy(), minlength=top + 1)
            last = max(1, int(np.flatnonzero(p * CELLS >= 10).max()))
            expected = CELLS * np.append(p[:last], 1 - p[:last].sum())
            found = np.append(seen[:last], seen[last:].sum())
            enough = expected >= 5
            statistic = ((found - expected)[enough] ** 2 / expected[enough]).sum()
            assert statistic < chi2.ppf(1 - 1e-5, max(1, enough.sum() - 1)), (name, feature)


def test_continuous_values_are_normal_around_the_expectation() -> None:
    kind, output = prepared("continuous")
    with torch.no_grad():
        drawn = kind.sample(output.expand(CELLS, -1), torch.zeros(CELLS, 1), np.random.default_rng(0))
        wanted = kind.expectation(output[None])[0]
        spread = kind.value_scale * (0.5 * kind.log_variance).exp()
    for feature in range(6):
        z = ((drawn[:, feature] - wanted[feature]) / spread[feature]).numpy()
        assert kstest(z, norm.cdf).pvalue > 1e-4


def test_methylated_reads_are_beta_binomial_given_their_coverage() -> None:
    kind, output = prepared("methylation")
    depth = torch.full((CELLS, 1), 30.0)
    with torch.no_grad():
        drawn = kind.sample(output.expand(CELLS, -1), depth, np.random.default_rng(0))
        methylated, coverage = drawn.chunk(2, 1)
        assert (coverage.sum(1) == 30).all()
        assert (methylated <= coverage).all()
        of_five = coverage[:, 0] == 5
        seen = np.bincount(methylated[of_five, 0].long().numpy(), minlength=6)
        k = torch.arange(6.0)
        table = torch.zeros(6, 12)
        table[:, 0], table[:, 6] = k, 5
        p = kind.log_prob(table, output.expand(6, -1), depth[:6]).exp()[:, 0].double().numpy()
    assert p.sum() == pytest.approx(1, abs=1e-5)
    expected = p * seen.sum()
    assert ((seen - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-5, 5)


@pytest.mark.parametrize("name", sorted(MODALITIES))
def test_the_same_generator_gives_the_same_values(name: str) -> None:
    kind, output = prepared(name)
    depth = torch.full((50, 1), 30.0)
    with torch.no_grad():
        first, second, other = (kind.sample(output.expand(50, -1), depth, np.random.default_rng(s)) for s in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
