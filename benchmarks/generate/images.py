"""Codes of blood-cell images on slides never trained on: do they sort the kinds of cell, do drawn images pass for real ones?

The slides that judge are the same for every seed and chose nothing (``images_data.slides_that_judge``); a seed draws which other
slides are trained on, and the networks' first weights. Intervals are therefore over trainings, not over slides; that of the
shipped model's purity is over slides. The seed of the shipped model is trained and judged in every run, in rows of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from benchmarks.generate.beside import IMAGES
from benchmarks.generate.image_copies import NEARER, RATIO, copied
from virtualcell.evaluation.intervals import Interval
from virtualcell.evaluation.report import Claim, Row
from virtualcell.evaluation.two_sample import classifier_auroc
from virtualcell.generative.images import BloodCells, ImageCodes, ImageSettings, Slides, load_blood_cells, split_by_slide
from virtualcell.generative.images_record import Sorting, names_of, read_categories, sorting
from virtualcell.generative.images_start import find_kinds
from virtualcell.generative.images_train import SHIPPED, train

WHERE = f"{IMAGES}, slides never trained on"
OF_SHIPPED = f"{IMAGES}, the model that is shipped (seed {SHIPPED})"
COMPONENTS = 30
"""Principal components of pixels that k-means and the two-sample test see; few enough for 1,000 images."""
MOST = 10
"""Groups that k-means may have: as many as codes may be, and once as many as there are."""
METRICS = {
    "named": "purity (codes named on training slides)",
    "pure": "purity (codes named on test slides)",
    "ari": "ARI with the kinds of cell",
}
TELL = "AUROC of drawn against real"
"""0.5: a classifier cannot tell drawn images from real ones."""
OURS, MIXTURE, RED = "image codes", "Gaussian mixture (start of the codes)", "always red cell"
PIXELS, COLOURS, FEW = (
    f"k-means on pixels ({MOST} groups)",
    f"k-means on colours ({MOST} groups)",
    "k-means on pixels (as many groups as codes)",
)


def colours(images: np.ndarray) -> np.ndarray:
    """Mean and spread of red, green and blue of each image, (n, 6)."""
    pixels = images.reshape(len(images), -1, 3) / 255.0
    return np.concatenate([pixels.mean(1), pixels.std(1)], axis=1)


def by_k_means(x: np.ndarray, cells: BloodCells, slides: Slides, k: int, seed: int) -> Sorting:
    """k groups found on the training slides in columns of equal meaning."""
    found = KMeans(k, n_init=10, random_state=seed).fit(x[slides.training])
    training, test = ((found.predict(x[rows]), cells.labels[rows]) for rows in (slides.training, slides.test))
    return sorting(training, test, k)


def baselines(cells: BloodCells, slides: Slides, k: int, seed: int) -> dict[str, Sorting]:
    """Groups without networks, and one group for all. k: count of our codes."""
    pixels = cells.images.reshape(len(cells), -1) / 255.0
    components = PCA(COMPONENTS, random_state=seed).fit(pixels[slides.training]).transform(pixels)
    simple = colours(cells.images)
    simple = (simple - simple[slides.training].mean(0)) / simple[slides.training].std(0)
    kinds = find_kinds(cells.images[slides.training], ImageSettings().most_categories, seed)
    parts = (slides.training, slides.test)
    start = [(kinds(cells.images[rows]).argmax(1), cells.labels[rows]) for rows in parts]
    one = [(np.zeros(len(rows), dtype=int), cells.labels[rows]) for rows in parts]
    return {
        MIXTURE: sorting(start[0], start[1], kinds.count),
        PIXELS: by_k_means(components, cells, slides, MOST, seed),
        FEW: by_k_means(components, cells, slides, k, seed),
        COLOURS: by_k_means(simple, cells, slides, MOST, seed),
        RED: sorting(one[0], one[1], 1),
    }


def drawn_as_real(codes: ImageCodes, n: int, seed: int) -> np.ndarray:
    """n images whose categories follow the prior and whose continuous codes are uniform, (n, 32, 32, 3) uint8."""
    rng = np.random.default_rng(seed)
    category = rng.choice(codes.n_categories, n, p=codes.prior / codes.prior.sum())
    return codes.draw(category, rng.uniform(-1, 1, (n, codes.n_continuous)), seed)


def realism(codes: ImageCodes, cells: BloodCells, slides: Slides, seed: int) -> dict[str, dict[str, float]]:
    """How well a classifier tells drawn images from the test images, and, for what that means, training images and a normal law
    of the components; of the drawn ones also how near they are to training images."""
    pixels = cells.images.reshape(len(cells), -1) / 255.0
    pca = PCA(COMPONENTS, random_state=seed).fit(pixels[slides.training])
    training, test = pca.transform(pixels[slides.training]), pca.transform(pixels[slides.test])
    rng = np.random.default_rng(seed)
    drawn = drawn_as_real(codes, len(test), seed)
    shapes = {
        OURS: pca.transform(drawn.reshape(len(drawn), -1) / 255.0),
        "normal law of pixel components": rng.multivariate_normal(training.mean(0), np.cov(training.T), len(test)),
        "floor: other real images": training[rng.choice(len(training), len(test), replace=False)],
    }
    found = {name: {TELL: classifier_auroc(test, x, seed=seed)} for name, x in shapes.items()}
    found[OURS] |= copied(drawn, cells.images[slides.training], cells.images[slides.test])
    return found


def over_slides(right: np.ndarray, slide: np.ndarray, draws: int = 2000, seed: int = 0) -> Interval:
    """Share of cells named rightly (n,) with its interval over the slides (n,) that they are on: cells of one slide are alike, so
    slides are drawn again, not cells (cluster bootstrap, percentiles)."""
    _, place = np.unique(slide, return_inverse=True)
    hits, size = np.bincount(place, right), np.bincount(place)
    again = np.random.default_rng(seed).integers(len(size), size=(draws, len(size)))
    low, high = np.quantile(hits[again].sum(1) / size[again].sum(1), (0.025, 0.975))
    return Interval(float(right.mean()), float(low), float(high), 0.95, f"bootstrap over slides, {draws} draws")


def one_seed(codes: ImageCodes, cells: BloodCells, seed: int) -> dict[str, Any]:
    """All figures of one trained model on the slides that judge."""
    slides = split_by_slide(cells, seed)
    training, test = ((read_categories(codes, cells.images[rows]), cells.labels[rows]) for rows in (slides.training, slides.test))
    sorted_ = {OURS: sorting(training, test, codes.n_categories), **baselines(cells, slides, codes.n_categories, seed)}
    names = np.array([name.kind for name in names_of(*training, codes.n_categories)])
    named = over_slides(names[test[0]] == test[1], cells.slide[slides.test])
    figures = {"realism": realism(codes, cells, slides, seed), "codes": codes, "n": len(slides.test)}
    return {"sorting": sorted_, "named": named, **figures}


def run(
    seeds: Sequence[int], progress: Any = None, make: Callable[[int], ImageCodes] | None = None
) -> tuple[list[Row], list[Claim]]:
    """Rows and claims over seeds; and rows of the seed ``SHIPPED`` alone, which counts in the former only where it is among them.

    make: the codes of a seed; by default they are trained.
    """
    cells = load_blood_cells()
    make = make or (lambda seed: train(replace(ImageSettings(), seed=seed), progress=progress))
    found = {seed: one_seed(make(seed), cells, seed) for seed in dict.fromkeys((*seeds, SHIPPED))}
    of_seeds = [found[seed] for seed in seeds]
    named, *rest = (row for row in _rows([found[SHIPPED]], OF_SHIPPED, (SHIPPED,)) if row.method == OURS)
    about = {"where": named.where, "seeds": named.seeds, "n_cells": named.n_cells}
    shipped = [Row.of(OURS, named.metric, found[SHIPPED]["named"], **about), *rest]
    return [*_rows(of_seeds, WHERE, tuple(seeds)), *shipped], _claims(of_seeds)


def _rows(found: list[dict[str, Any]], where: str, seeds: tuple[int, ...]) -> list[Row]:
    about: dict[str, Any] = {"where": where, "seeds": seeds, "n_cells": found[0]["n"]}
    rows = []
    for method in found[0]["sorting"]:
        for field, name in METRICS.items():
            rows.append(Row.over_seeds(method, name, [getattr(f["sorting"][method], field) for f in found], **about))
    for kind in found[0]["sorting"][OURS].recall:
        values = [f["sorting"][OURS].recall[kind] for f in found]
        rows.append(Row.over_seeds(OURS, f"share of {kind}s in codes of their kind", values, **about))
    for method, figures in found[0]["realism"].items():
        for name in figures:
            rows.append(Row.over_seeds(method, name, [f["realism"][method][name] for f in found], **about))
    rows.append(Row.over_seeds(OURS, "number of codes", [f["codes"].n_categories for f in found], **about))
    again = [f["codes"].record["read_again"] for f in found]
    rows.append(Row.over_seeds(OURS, "drawn images read as their code", [a["category"] for a in again], **about))
    least = [min(abs(c) for c in a["continuous"]) for a in again]
    rows.append(Row.over_seeds(OURS, "correlation of the continuous code read and asked for, worst code", least, **about))
    seconds = [f["codes"].record["cpu_seconds"] for f in found]
    return [*rows, Row.over_seeds(OURS, "CPU seconds of training", seconds, **about)]


def _claims(found: list[dict[str, Any]]) -> list[Claim]:
    def of(field: str, method: str = OURS) -> np.ndarray:
        return np.array([getattr(f["sorting"][method], field) for f in found])

    drawn = [f["realism"][OURS] for f in found]
    said: list[tuple[str, float, Any, float]] = [
        ("purity, mean over seeds", of("named").mean(), ">=", 0.9),
        ("purity, worst seed", of("named").min(), ">=", 0.9),
        ("most codes of any seed", max(f["codes"].n_categories for f in found), "<=", 10),
    ]
    for method in (PIXELS, FEW, MIXTURE):
        for field, name in (("named", "purity"), ("ari", "adjusted Rand index")):
            said.append((f"{name} over that of {method}, mean over seeds", (of(field) - of(field, method)).mean(), ">", 0.0))
    said += [
        ("drawn images hardly told from real ones (AUROC), mean over seeds", np.mean([d[TELL] for d in drawn]), "<=", 0.6),
        (f"drawn images, {RATIO}, worst seed", min(d[RATIO] for d in drawn), ">=", 0.8),
        (f"drawn images, {NEARER}, worst seed", max(d[NEARER] for d in drawn), "<=", 0.05),
    ]
    return [Claim(f"{WHERE}: {name}", float(value), relation, bound) for name, value, relation, bound in said]
