"""Translation against an adversary: spread and shape of what is drawn are those of known laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from virtualcell.generative.adversary_translator import draw_scores, fit_translator

Rows = tuple[torch.Tensor, torch.Tensor]


def normal_pairs(n: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, 2))
    b = np.c_[0.8 * a[:, 0] + 0.6 * rng.normal(size=n), rng.normal(size=n)]
    return torch.from_numpy(a).float(), torch.from_numpy(b).float()


def curved_pairs(n: int, seed: int) -> Rows:
    """The target follows the square of the source: no line says anything of it."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, 1))
    return torch.from_numpy(a).float(), torch.from_numpy(a**2 - 1 + 0.3 * rng.normal(size=(n, 1))).float()


def test_the_normal_core_draws_the_conditional_law_and_stays_where_it_is_right() -> None:
    found = fit_translator(normal_pairs(1500, 0), normal_pairs(200, 1), normal_pairs(200, 2), seed=0)
    source = torch.tensor([[1.0, 0.0]]).expand(4000, 2)
    drawn = found.draw(source, torch.Generator().manual_seed(0), sharpened=False)
    np.testing.assert_allclose(drawn.mean(0), [0.8, 0.0], atol=0.1)
    np.testing.assert_allclose(drawn.std(0), [0.6, 1.0], atol=0.1)
    assert found.scores["sharpened"] > found.scores["core"] - 0.02


def test_what_no_line_follows_is_drawn_better_than_by_the_core() -> None:
    found = fit_translator(curved_pairs(1500, 0), curved_pairs(200, 1), curved_pairs(300, 2), seed=0)
    assert found.kept
    source, target = curved_pairs(1000, 3)
    core, sharpened = (draw_scores(found, source, target, 0, sharpened=way).mean() for way in (False, True))
    # What the true law scores: the energy score of a normal law with standard deviation 0.3 at its own draws, 0.3 / sqrt(pi).
    best = 0.3 / np.sqrt(np.pi)
    assert sharpened - best < 0.5 * (core - best)
    drawn = found.draw(source, torch.Generator().manual_seed(1)).detach().numpy()
    assert np.corrcoef(drawn[:, 0], source[:, 0].numpy() ** 2)[0, 1] > 0.7
    assert drawn.std() == pytest.approx(float(target.std()), rel=0.25), "the regression beside the adversary narrows nothing"
