"""Effects of treatments without the noise of few cells: shrunk as far as the measured effects themselves say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCALES = 12
"""Widths of effects that are tried beside none at all, from a quarter of the usual error to half more than the largest effect."""

PRIOR = 5.0
"""Genes' worth of belief that there is no effect: Stephens 2017 takes ten; it matters where there are few genes."""

AGREES = 4.0
"""Standard errors of the control: of thousands of genes hardly one strays so far by chance."""

ROUNDS, SETTLED, BLOCK = 400, 1e-4, 20_000_000


@dataclass(frozen=True)
class Effects:
    """effect (treatments, genes): posterior means; control (genes,): the untreated mean, to which all treatments that leave a
    gene alone have added what they know."""

    effect: np.ndarray
    control: np.ndarray


def shrink(mean: np.ndarray, error: np.ndarray, control: np.ndarray, control_error: np.ndarray) -> Effects:
    """Empirical Bayes of treated means (treatments, genes) with standard errors, beside the control's mean and error (genes,).

    An effect is none, or normal around none with one of a range of widths; how often each occurs is learned for every treatment
    from all genes (adaptive shrinkage, Stephens 2017, Biostatistics 18, sec. 2.1), by expectation maximisation. The untreated
    mean is learned with it: few control cells would otherwise lend all effects one and the same error, which sums double. Where
    it would leave what the control's own cells say by more than ``AGREES`` of their errors it stays with them: what all
    treatments change alike is a change, though a small one of that kind cannot be told from chance in the control.
    Errors must be above 0; ValueError where shapes differ.
    """
    if not (mean.shape == error.shape and control.shape == control_error.shape == mean.shape[1:]):
        raise ValueError("Means and errors must be (treatments, genes), those of the control (genes,).")
    if not ((error > 0).all() and (control_error > 0).all()):
        raise ValueError("Errors must be above 0.")
    largest = float(np.abs(mean - control).max())
    widths = np.r_[0.0, np.geomspace(np.median(error) / 4, max(1.5 * largest, np.median(error)), SCALES)]
    share = np.full((len(mean), len(widths)), 1.0 / len(widths))
    middle = control.astype(float)
    known = 1.0 / control_error**2
    size = max(1, BLOCK // (mean.shape[1] * len(widths)))
    blocks = [slice(i, i + size) for i in range(0, len(mean), size)]
    free = True
    for _ in range(ROUNDS):
        before, shares = middle, share.copy()
        above, below = known * control, known.copy()
        for block in blocks:
            found, spread = _responsibility(mean[block] - middle, error[block], widths, share[block])
            counted = found.sum(1) + PRIOR * (np.arange(len(widths)) == 0)
            share[block] = counted / counted.sum(1, keepdims=True)
            weight = (found / spread).sum(-1)
            above, below = above + (weight * mean[block]).sum(0), below + weight.sum(0)
        middle = above / below if free else middle
        moved = max(np.abs(middle - before).max() / (np.abs(control).max() + 1e-12), np.abs(share - shares).max())
        if moved < SETTLED and free:
            # What was learned with genes in the middle that belong elsewhere is learned again.
            free, middle = False, np.where(np.abs(middle - control) > AGREES * control_error, control, middle)
        elif moved < SETTLED:
            break
    effect = np.empty_like(mean, dtype=float)
    for block in blocks:
        found, spread = _responsibility(mean[block] - middle, error[block], widths, share[block])
        effect[block] = (found * (widths**2 / spread)).sum(-1) * (mean[block] - middle)
    return Effects(effect, middle)


def _responsibility(apart: np.ndarray, error: np.ndarray, widths: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How likely each width is for each effect, and the variance that it gives what was measured: (treatments, genes, widths)."""
    spread = error[..., None] ** 2 + widths**2
    log = np.log(np.maximum(share, 1e-300))[:, None, :] - 0.5 * np.log(spread) - 0.5 * apart[..., None] ** 2 / spread
    likely = np.exp(log - log.max(-1, keepdims=True))
    return likely / likely.sum(-1, keepdims=True), spread
