"""Random parts of a cell, effective rank and the choice of processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from virtualcell.training.device import autocast, choose_device
from virtualcell.training.epochs import random_subset
from virtualcell.training.rank import effective_rank


def test_a_part_is_never_empty_and_only_of_what_was_measured() -> None:
    mask = torch.tensor([[True, True, True], [True, False, False], [False, True, True], [False, False, True]]).repeat(500, 1)
    part = random_subset(mask, torch.Generator().manual_seed(0))
    assert not (part & ~mask).any()
    assert part.any(1).all()
    whole = part[::4]
    # Every one of the seven parts of three is drawn; single ones more often, as empty draws become single ones.
    codes, numbers = torch.unique(whole.long() @ torch.tensor([1, 2, 4]), return_counts=True)
    assert codes.tolist() == list(range(1, 8))
    single = numbers[[0, 1, 3]].float().mean() / 500
    assert float(single) == pytest.approx(1 / 8 + 1 / 24, abs=0.03)


@pytest.mark.parametrize(
    ("scales", "expected"), [([1.0, 1.0, 1.0, 1.0], 4.0), ([1.0, 1.0, 0.0, 0.0], 2.0), ([3.0, 0.0, 0.0, 0.0], 1.0)]
)
def test_effective_rank_of_known_spectra(scales: list[float], expected: float) -> None:
    # Corners of a box: a covariance that is diagonal to the last digit.
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 4), -1).reshape(-1, 4)
    assert effective_rank(corners * scales) == pytest.approx(expected, abs=1e-6)


def test_effective_rank_is_exp_of_entropy_and_blind_to_turning() -> None:
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 3), -1).reshape(-1, 3)
    z = corners * np.sqrt([0.5, 0.3, 0.2])
    share = np.array([0.5, 0.3, 0.2])
    expected = np.prod(share**-share)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert effective_rank(z) == pytest.approx(expected, rel=1e-9)
    assert effective_rank(z @ turn * 7) == pytest.approx(expected, rel=1e-9)


def test_processors() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == expected
    with pytest.raises(ValueError, match=r"'abacus' is not known; choose auto, cpu, cuda or mps"):
        choose_device("abacus")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="this machine has none"):
            choose_device("cuda:0")


def test_half_precision_is_for_cuda_only() -> None:
    with autocast(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
