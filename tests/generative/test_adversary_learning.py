"""What stops a network, refuses it and calibrates it, on losses that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from virtualcell.generative.adversary_learning import Best, best_temperature, choose_gate, split


def test_the_weights_of_the_least_loss_are_restored() -> None:
    network = torch.nn.Linear(1, 1)
    best = Best(network, 1.0, patience=2, gain=0.1)
    stopped = []
    for look, loss in enumerate((0.5, 0.45, 0.3, 0.31, 0.29)):  # .45 and .29 gain too little
        with torch.no_grad():
            network.weight.fill_(look)
        stopped.append(best.over(loss))
    assert stopped == [False, False, False, False, True]
    assert best.loss == 0.3
    best.restore()
    assert network.weight.item() == 2
    assert not network.training


def test_a_gate_opens_only_for_what_surely_gains() -> None:
    rng = np.random.default_rng(0)
    noise = torch.from_numpy(rng.normal(size=400))
    for gain, gate in ((0.01, 0.0), (1.0, 0.75)):
        found, losses = choose_gate(lambda g, gain=gain: gain * (g - 0.75) ** 2 + g * noise)
        assert found == gate
        assert losses[0.5] == pytest.approx(gain * 0.0625 + 0.5 * float(noise.mean()))


def test_the_temperature_undoes_a_known_one() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = torch.from_numpy((chances.cumsum(1) < rng.random((20_000, 1))).sum(1))
    assert best_temperature(2.5 * logits, lambda given: F.cross_entropy(given, truth)) == pytest.approx(2.5, rel=0.05)


def test_no_cell_both_teaches_and_judges() -> None:
    fit, inner, stop, judge = split(np.arange(100, 200), seed=1)
    assert sorted([*fit, *inner]) == list(range(100, 200))
    assert sorted([*stop, *judge]) == sorted(inner)
    assert (len(fit), len(stop), len(judge)) == (80, 10, 10)
