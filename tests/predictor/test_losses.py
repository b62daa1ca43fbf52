"""Distances as losses: Sinkhorn's against transport computed otherwise, and what every loss of the table must do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from virtualcell.predictor import distance as module
from virtualcell.predictor.distance import BLUR, LOSSES, Loss, sinkhorn_divergence
from virtualcell.schema import PredictorSettings


def cells(n: int, seed: int, d: int = 2) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d))).float()


def entropic(a: np.ndarray, b: np.ndarray, w: np.ndarray, blur: float) -> float:
    """min_P <P, C> + blur KL(P | w x u), u even, by plain iterations in the log domain."""
    cost, u = np.linalg.norm(a[:, None] - b[None], axis=2), np.full(len(b), 1 / len(b))
    f, g = np.zeros(len(a)), np.zeros(len(b))
    for _ in range(3000):
        f = -blur * np.log(np.exp((g - cost) / blur) @ u)
        g = -blur * np.log(np.exp((f[:, None] - cost) / blur).T @ w)
    return float(f @ w + g @ u)


@pytest.mark.parametrize("weighted", [False, True])
def test_sinkhorn_is_the_debiased_cost_of_entropic_transport(weighted: bool) -> None:
    a, b = cells(25, 0), cells(30, 1) + 1.0
    logs = torch.from_numpy(np.random.default_rng(2).normal(size=25)).float() if weighted else None
    w = np.full(25, 1 / 25) if logs is None else torch.softmax(logs, 0).numpy()
    x, y = a.double().numpy(), b.double().numpy()
    blur = BLUR * (w @ np.linalg.norm(x[:, None] - y[None], axis=2)).mean()
    u = np.full(30, 1 / 30)
    # Self-transport of weighted cells: the plan's other side is weighted too.
    own = np.linalg.norm(x[:, None] - x[None], axis=2)
    f = np.zeros(25)
    for _ in range(3000):
        f = 0.5 * (f - blur * np.log(np.exp((f - own) / blur) @ w))
    expected = entropic(x, y, w, blur) - f @ w - 0.5 * entropic(y, y, u, blur)
    assert float(sinkhorn_divergence(a, b, logs)) == pytest.approx(expected, rel=5e-3)


@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 10_000), st.floats(0, 3))
@settings(max_examples=20)
def test_sinkhorn_is_never_negative_and_at_most_near_w1(n: int, m: int, seed: int, shift: float) -> None:
    a, b = cells(n, seed), cells(m, seed + 1) + shift
    w1 = ot.emd2(np.full(n, 1 / n), np.full(m, 1 / m), torch.cdist(a, b).double().numpy())
    found = float(sinkhorn_divergence(a, b))
    assert -2e-3 <= found <= 1.02 * w1 + 2e-3
    assert abs(float(sinkhorn_divergence(a, a))) < 2e-3


def test_two_cells_are_as_far_as_they_are_and_pull_straight() -> None:
    a, b = torch.tensor([[1.0, 2.0]], requires_grad=True), torch.tensor([[4.0, 6.0]])
    found = sinkhorn_divergence(a, b)
    found.backward()
    assert found.item() == pytest.approx(5.0, rel=1e-4)
    torch.testing.assert_close(a.grad, torch.tensor([[-0.6, -0.8]]), rtol=1e-3, atol=1e-3)


def test_its_slope_is_that_of_the_divergence_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, logs = cells(12, 3).double(), cells(15, 4).double() + 0.7, cells(12, 5)[:, 0].double()
    blur = BLUR * float((torch.softmax(logs, 0) @ torch.cdist(a, b)).mean())
    z, free = a.clone().requires_grad_(), logs.clone().requires_grad_()
    sinkhorn_divergence(z, b, free).backward()
    toward, heavier = cells(12, 6).double(), cells(12, 7)[:, 0].double()
    own = module._entropic
    # With the blur held, as it is in the slope.
    monkeypatch.setattr(module, "_entropic", lambda p, q, w, u, _: own(p, q, w, u, blur))

    def rise(move: Callable[[float], Tensor]) -> float:
        return float(move(1e-3) - move(-1e-3)) / 2e-3

    across = rise(lambda h: sinkhorn_divergence(a + h * toward, b, logs))
    assert float((z.grad * toward).sum()) == pytest.approx(across, rel=0.03, abs=1e-3)
    weight = rise(lambda h: sinkhorn_divergence(a, b, logs + h * heavier))
    assert float((free.grad * heavier).sum()) == pytest.approx(weight, rel=0.03, abs=1e-3)


@pytest.fixture(params=list(LOSSES))
def loss(request: pytest.FixtureRequest) -> Loss:
    return LOSSES[request.param](cells(500, 10))


def test_a_loss_rises_with_the_shift_and_falls_along_its_slope(loss: Loss) -> None:
    a, b = cells(200, 11), cells(250, 12)
    heights = [float(loss(a + shift, b, None)) for shift in (0.0, 0.3, 0.8)]
    assert heights[0] < 0.5 * heights[1] < 0.5 * heights[2]
    z = (a + 0.5).requires_grad_()
    loss(z, b, None).backward()
    assert (z.grad.sum(0) > 0).all(), "the mean is drawn back"


@pytest.mark.parametrize("name", list(LOSSES))
def test_cells_without_weight_do_not_count(name: str) -> None:
    loss, a, b = LOSSES[name](cells(500, 10)), cells(40, 13), cells(50, 14) + 0.4
    none = torch.cat([torch.zeros(40), torch.full((10,), -50.0)])
    far = torch.cat([a, cells(10, 15) + 9])
    assert float(loss(far, b, none)) == pytest.approx(float(loss(a, b, None)), rel=2e-3)


def test_a_loss_asks_cells_that_lie_right_to_become_more(loss: Loss) -> None:
    a, b = cells(100, 13), cells(120, 14) + 0.6
    logs = torch.zeros(100, requires_grad=True)
    loss(a, b, logs).backward()
    assert torch.isfinite(logs.grad).all()
    right = a.sum(1) > 0  # b lies that way
    assert logs.grad[right].sum() < 0 < logs.grad[~right].sum()


def test_the_settings_name_a_loss() -> None:
    assert PredictorSettings().distance in LOSSES
    assert set(LOSSES) == {"whitened", "energy", "sinkhorn"}
