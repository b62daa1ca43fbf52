"""Every likelihood, as fast as it is written, against its formula entry by entry in double precision: values and gradients."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.modalities.samples import as_values, make_fitted, make_values
from virtualcell.modalities import MODALITIES, Modality

KINDS = sorted(MODALITIES)


def by_formula(kind: Modality, dense: np.ndarray, output: torch.Tensor, weight: torch.Tensor) -> list[torch.Tensor]:
    """Log-likelihood (cells,) and gradients of its weighted sum by output and by every parameter, from log_prob in float64."""
    wide = copy.deepcopy(kind).double()
    values, output = torch.from_numpy(dense).double(), output.detach().double().requires_grad_()
    depth = kind.depth(as_values(kind, dense)).double()
    found = wide.log_prob(values, output, depth).sum(1)
    (found * weight.double()).sum().backward()
    return [found.detach(), output.grad, *(p.grad for p in wide.parameters())]


def as_written(kind: Modality, dense: np.ndarray, output: torch.Tensor, weight: torch.Tensor) -> list[torch.Tensor]:
    kind.zero_grad()
    output = output.detach().clone().requires_grad_()
    found = kind.log_likelihood(as_values(kind, dense), output)
    (found * weight).sum().backward()
    return [found.detach(), output.grad, *(p.grad for p in kind.parameters())]


def agree(kind: Modality, dense: np.ndarray, output: torch.Tensor) -> None:
    weight = torch.linspace(-1, 2, len(dense))
    expected, found = by_formula(kind, dense, output, weight), as_written(kind, dense, output, weight)
    names = ["value", "gradient by output", *(f"gradient by {name}" for name, _ in kind.named_parameters())]
    for name, a, b in zip(names, found, expected, strict=True):
        assert torch.isfinite(a).all(), name
        # Sums over features and cells: what is allowed grows with the largest of them. Dense kinds are the formula itself, with
        # the rounding of gamma functions in single precision.
        largest = max(1.0, float(b.abs().max()))
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=(1e-5 if kind.sparse else 2e-4) * largest, err_msg=name)


def near_base(kind: Modality, n: int, spread: float, seed: int = 1) -> torch.Tensor:
    return kind.base + spread * torch.randn(n, len(kind.base), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("spread", [0.3, 2.0])
def test_value_and_gradients_are_those_of_the_formula(name: str, spread: float) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense, moved=True)
    agree(kind, dense, near_base(kind, len(dense), spread))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("level", [-90.0, -30.0, 30.0])
def test_extreme_outputs_are_exact(name: str, level: float) -> None:
    """Half of the outputs far away: means that float32 can hardly write, and outputs beyond the limits."""
    if name == "continuous" and abs(level) > 30:
        level = 30.0 * np.sign(level)
    dense = make_values(name)
    kind = make_fitted(name, dense, moved=True)
    output = near_base(kind, len(dense), 0.5)
    output[:, ::2] += level
    agree(kind, dense, output)


@pytest.mark.parametrize("name", ["rna", "rna-zinb", "atac", "atac-poisson"])
@pytest.mark.parametrize("log_theta", [-6.0, 8.0])
def test_extreme_dispersions_and_large_counts_are_exact(name: str, log_theta: float) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense)
    if name != "atac":
        dense = dense * np.where(np.arange(dense.shape[1]) % 3 == 0, 40, 1).astype(np.float32)
    with torch.no_grad():
        for parameter in kind.parameters():
            parameter.fill_(log_theta)
    agree(kind, dense, near_base(kind, len(dense), 0.5))


@pytest.mark.parametrize("name", KINDS)
def test_a_cell_without_depth_among_others(name: str) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense, moved=True)
    dense[[0, 7, -1]] = 0.0
    agree(kind, dense, near_base(kind, len(dense), 0.5))


@pytest.mark.parametrize("name", KINDS)
def test_only_cells_without_depth(name: str) -> None:
    kind = make_fitted(name, make_values(name))
    dense = np.zeros((3, kind.width * kind.n_features), np.float32)
    agree(kind, dense, near_base(kind, 3, 0.5))


@given(st.sampled_from(KINDS), st.integers(0, 2**31), st.floats(0.01, 4.0), st.integers(1, 5), st.integers(2, 9))
def test_any_cells(name: str, seed: int, spread: float, n_cells: int, n_features: int) -> None:
    kind = make_fitted(name, make_values(name, 30, n_features, seed), 1, moved=True)
    dense = make_values(name, n_cells, n_features, seed + 1)
    agree(kind, dense, near_base(kind, n_cells, spread, seed))


@pytest.mark.parametrize("name", KINDS)
def test_half_precision_outputs_are_read_in_full_precision(name: str) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense)
    output = near_base(kind, len(dense), 0.5).bfloat16()
    expected = kind.log_likelihood(as_values(kind, dense), output.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = kind.log_likelihood(as_values(kind, dense), output)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", KINDS)
def test_gradients_asked_for_twice_are_the_same(name: str) -> None:
    dense = make_values(name)
    kind = make_fitted(name, dense)
    output = near_base(kind, len(dense), 0.5).requires_grad_()
    total = kind.log_likelihood(as_values(kind, dense), output).sum()
    first, second = (torch.autograd.grad(total, output, retain_graph=True)[0].clone() for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", KINDS)
def test_without_gradients_the_value_is_the_same_and_nothing_is_changed(name: str) -> None:
    dense = make_values(name)
    kind, values = make_fitted(name, dense), as_values(make_fitted(name, dense), dense)
    output = near_base(kind, len(dense), 0.5).requires_grad_()
    before = output.detach().clone()
    expected = kind.log_likelihood(values, output).detach()
    with torch.no_grad():
        found = kind.log_likelihood(values, output)
    torch.testing.assert_close(found, expected)
    assert torch.equal(output.detach(), before)
