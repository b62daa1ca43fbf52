"""Translation between embeddings: the deterministic one, normal noise around it, and what training against an adversary adds."""

from __future__ import annotations

import numpy as np
import torch

from virtualcell.evaluation.generated import conditional_energy_distance, energy_score
from virtualcell.evaluation.two_sample import classifier_auroc
from virtualcell.generative.adversary_learning import scaled, split, spread_of
from virtualcell.generative.adversary_translator import fit_translator
from virtualcell.generative.material import Material

POINT, NORMAL, SHARP, USED = (
    "deterministic translation",
    "with normal noise",
    "trained against the adversary",
    "kept by inner cells",
)
DRAWS = 10


def sharpening(known: Material, test: Material, pair: tuple[str, str], seed: int) -> dict[str, dict[str, float]]:
    """Energy score a cell, energy distance of source and target together and two-sample AUROC on test cells, in units of the
    training cells' standard deviations."""
    a, b = (known.embeddings[m].astype(np.float64) for m in pair)
    fit, _, stop, judge = split(np.flatnonzero(known.both(*pair) & ~known.held_out), seed)
    scale = spread_of(a[fit]), spread_of(b[fit])
    parts = [(scaled(a[rows], scale[0]), scaled(b[rows], scale[1])) for rows in (fit, stop, judge)]
    translator = fit_translator(parts[0], parts[1], parts[2], seed)
    x, truth = scaled(test.embeddings[pair[0]], scale[0]), scaled(test.embeddings[pair[1]], scale[1]).numpy()
    drawn = {}
    with torch.no_grad():
        drawn[POINT] = translator.mean(x).numpy()[None]
        for name, way in ((NORMAL, False), (SHARP, True)):
            noise = torch.Generator().manual_seed(seed)
            drawn[name] = np.stack([translator.draw(x, noise, sharpened=way).numpy() for _ in range(DRAWS)])
    source, ids = x.numpy(), np.arange(len(truth))
    found = {
        name: {
            "translation: energy score a cell": float(energy_score(draws, truth).mean()),
            "translation: energy distance, source and target": float(
                np.mean([conditional_energy_distance(one, truth, source) for one in draws])
            ),
            "translation: AUROC measured against drawn": classifier_auroc(
                np.hstack([source, truth]), np.hstack([source, draws[0]]), (ids, ids), seed=seed
            ),
        }
        for name, draws in drawn.items()
    }
    found[SHARP][USED] = float(translator.kept)
    return found
