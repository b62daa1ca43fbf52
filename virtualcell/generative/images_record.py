"""What codes of images hold: labels, which no training saw, name each code and count how pure it is.

Labels did choose settings and what the codes start from, but never those of the slides that judge (``slides_that_judge``): labels
of the slides that an earlier rule put aside for choices, and of validation slides of seeds 10 to 12.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from virtualcell.generative.images import CodeName, ImageCodes
from virtualcell.generative.images_data import BloodCells, Slides


@dataclass(frozen=True)
class Sorting:
    """How well groups sort the kinds of cell. named: share of the test images whose kind is the one that most training images of
    their group have; pure: the same with the majority among the test images themselves, which is never lower; ari: adjusted Rand
    index with the kinds on test images; groups: how many test images are in; recall: of each kind, the share named rightly."""

    named: float
    pure: float
    ari: float
    groups: int
    recall: dict[str, float]


def names_of(groups: np.ndarray, labels: np.ndarray, n_groups: int) -> tuple[CodeName, ...]:
    """The commonest label of each group, with its share; the first in alphabetical order where two are equally common."""
    found = []
    for group in range(n_groups):
        kinds, counts = np.unique(labels[groups == group], return_counts=True)
        most = counts.argmax() if len(counts) else None
        found.append(
            CodeName("", 0.0, 0) if most is None else CodeName(str(kinds[most]), counts[most] / counts.sum(), int(counts.sum()))
        )
    return tuple(found)


def sorting(training: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], n_groups: int) -> Sorting:
    """training, test: (groups (n,), labels (n,)) each. A group that no training image has is named rightly for none."""
    names = np.array([name.kind for name in names_of(*training, n_groups)])
    groups, labels = test
    right = names[groups] == labels
    pure = sum(np.unique(labels[groups == group], return_counts=True)[1].max() for group in np.unique(groups)) / len(labels)
    recall = {str(kind): float(right[labels == kind].mean()) for kind in np.unique(labels)}
    ari = float(adjusted_rand_score(labels, groups))
    return Sorting(float(right.mean()), float(pure), ari, len(np.unique(groups)), recall)


def read_categories(codes: ImageCodes, images: np.ndarray) -> np.ndarray:
    """The likeliest categorical code of each image, (n,)."""
    return codes.read(images)[0].argmax(1)


def read_again(codes: ImageCodes, n: int = 600, seed: int = 0) -> dict[str, Any]:
    """Whether what is drawn is read as what was asked for: share of n images whose category is read rightly (categories by the
    prior), and of each continuous code the correlation between what was asked for and what is read."""
    rng = np.random.default_rng(seed)
    category = rng.choice(codes.n_categories, n, p=codes.prior / codes.prior.sum())
    continuous = rng.uniform(-1, 1, (n, codes.n_continuous)).astype(np.float32)
    probabilities, values = codes.read(codes.draw(category, continuous, seed))
    correlations = [float(np.corrcoef(continuous[:, c], values[:, c])[0, 1]) for c in range(codes.n_continuous)]
    return {"category": float((probabilities.argmax(1) == category).mean()), "continuous": correlations}


def described(codes: ImageCodes, cells: BloodCells, slides: Slides, seconds: float) -> ImageCodes:
    """The same codes with names from the training slides and the record of what they reach on the test slides."""
    training, test = ((read_categories(codes, cells.images[rows]), cells.labels[rows]) for rows in (slides.training, slides.test))
    found = sorting(training, test, codes.n_categories)
    record = {
        "purity": found.named,
        "plain_purity": found.pure,
        "ari": found.ari,
        "codes_used": found.groups,
        "recall": found.recall,
        "read_again": read_again(codes),
        "cpu_seconds": round(seconds, 1),
        "images": {part: len(getattr(slides, part)) for part in ("training", "validation", "test")},
        "slides": {part: len(np.unique(cells.slide[getattr(slides, part)])) for part in ("training", "validation", "test")},
    }
    return replace(codes, names=names_of(*training, codes.n_categories), record=record)
