"""What every modality fits to training cells: components and depth, and that reading depends on nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from virtualcell.modalities import MODALITIES

N_FEATURES = 15


def sample(name: str, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(1.0, 4.0, size=N_FEATURES), size=(n, N_FEATURES)) + 3.0 * (np.arange(N_FEATURES) == 0)
    return (counts > 2 if name == "atac" else counts).astype(np.float32)


@pytest.mark.parametrize("name", sorted(MODALITIES))
def test_scores_of_a_cell_do_not_depend_on_the_cells_beside_it(name: str) -> None:
    kind = MODALITIES[name](N_FEATURES, 4)
    kind.fit(sp.csr_matrix(sample(name, 80, 0)), seed=0)
    before = {key: value.clone() for key, value in kind.state_dict().items()}
    new = torch.from_numpy(sample(name, 30, 1))
    together = kind.scores(new)
    alone = torch.cat([kind.scores(new[i : i + 1]) for i in range(len(new))])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    for key, value in kind.state_dict().items():
        assert torch.equal(value, before[key]), f"reading cells changed {key}"


@pytest.mark.parametrize("name", sorted(MODALITIES))
def test_scores_of_training_cells_are_centred_components_and_standardised_depth(name: str) -> None:
    counts = sample(name, 80, 0)
    kind = MODALITIES[name](N_FEATURES, 4)
    kind.fit(sp.csr_matrix(counts), seed=0)
    scores = kind.scores(torch.from_numpy(counts)).numpy()
    assert scores.shape == (80, 5)
    np.testing.assert_allclose(scores.mean(0), 0, atol=1e-4)
    # The first component has unit spread and the others keep their share of it.
    assert scores[:, 0].std() == pytest.approx(1, rel=1e-3)
    depth = np.log1p(counts.sum(1))
    np.testing.assert_allclose(scores[:, -1], (depth - depth.mean()) / depth.std(), atol=1e-3)
    covariance = np.cov(scores[:, :-1].T)
    if kind.centred:  # principal components are uncorrelated and ordered
        np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-3)
        assert (np.diff(np.diag(covariance)) <= 1e-6).all()


@pytest.mark.parametrize("name", ["rna", "prot"])
def test_components_explain_what_a_singular_value_decomposition_explains(name: str) -> None:
    counts = sample(name, 80, 0)
    kind = MODALITIES[name](N_FEATURES, 4)
    kind.fit(sp.csr_matrix(counts), seed=0)
    values = kind.normalise(torch.from_numpy(counts)).numpy().astype(np.float64)
    scale = values.std(0)
    standard = (values - values.mean(0)) / np.where(scale > 1e-8, scale, 1)
    singular = np.linalg.svd(standard, compute_uv=False)[:4]
    scores = kind.scores(torch.from_numpy(counts)).numpy()[:, :4]
    np.testing.assert_allclose(np.linalg.norm(scores, axis=0) / np.linalg.norm(scores[:, 0]), singular / singular[0], rtol=1e-3)


def test_the_same_seed_fits_the_same_components() -> None:
    found = []
    for _ in range(2):
        kind = MODALITIES["atac"](N_FEATURES, 4)
        kind.fit(sp.csr_matrix(sample("atac", 80, 0)), seed=3)
        found.append(kind.projection.clone())
    assert torch.equal(*found)
