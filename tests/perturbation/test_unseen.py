"""Genes that were never switched: predicted from genes that vary with them, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from virtualcell.perturbation.response import Response
from virtualcell.perturbation.unseen import CoExpression, UnseenTargets, ridge

PROGRAMMES, TARGETS, GENES, CELLS = 3, 18, 80, 300
NAMES = [f"t{i}" for i in range(TARGETS)]


def untreated(seed: int = 0) -> np.ndarray:
    """Cells (n, targets) in which targets of one programme rise and fall together."""
    rng = np.random.default_rng(seed)
    activity = rng.normal(size=(CELLS, PROGRAMMES))
    return np.maximum(3 + activity[:, np.arange(TARGETS) % PROGRAMMES] + rng.normal(size=(CELLS, TARGETS)), 0)


def measured(seed: int = 0, missing: str = "") -> tuple[Response, dict[str, np.ndarray]]:
    """A fitted response in which targets of one programme do much the same, and the true effects."""
    rng = np.random.default_rng(seed)
    of_programme = rng.normal(size=(PROGRAMMES, GENES))
    effects = {name: of_programme[i % PROGRAMMES] + 0.2 * rng.normal(size=GENES) for i, name in enumerate(NAMES)}
    response = Response()
    response.treatments = [name for name in NAMES if name != missing]
    response.shared = {name: effects[name] for name in response.treatments}
    response.error = {name: np.full(GENES, 0.1) for name in response.treatments}
    response.common = {name: np.full(GENES, 0.1) for name in response.treatments}
    return response, effects


def test_a_gene_does_what_genes_that_vary_with_it_do() -> None:
    together = CoExpression.of(untreated(), NAMES)
    for name in NAMES[:PROGRAMMES]:
        response, effects = measured(missing=name)
        model = UnseenTargets().fit(response, together)
        assert model.chance <= 0.02
        assert np.corrcoef(model.change(name), effects[name])[0, 1] > 0.8
        assert np.linalg.norm(model.change(name) - effects[name]) < 0.6 * np.linalg.norm(effects[name])


def test_it_abstains_where_co_expression_says_nothing() -> None:
    response, _ = measured()
    rng, answers = np.random.default_rng(0), 0
    for seed in range(20):
        together = CoExpression.of(rng.gamma(4.0, size=(CELLS, TARGETS)), NAMES)
        model = UnseenTargets().fit(response, together, seed)
        answers += model.chosen is not None
        if model.chosen is None:
            with pytest.raises(LookupError, match="Nothing supports"):
                model.change("t0")
    assert answers <= 4, "about one in twenty by chance"


def test_it_abstains_of_genes_that_no_cell_shows_and_from_few_targets() -> None:
    cells = untreated()
    cells[:, 3] = 0.0
    together = CoExpression.of(cells, NAMES)
    response, _ = measured(missing="t3")
    with pytest.raises(LookupError, match="'t3' does not vary"):
        UnseenTargets().fit(response, together).change("t3")
    response.treatments = NAMES[:3]
    with pytest.raises(LookupError, match="Nothing supports"):
        UnseenTargets().fit(response, together).change("t4")


def test_places_are_correlations_with_components_of_cells() -> None:
    cells = untreated()
    together = CoExpression.of(cells, NAMES)
    apart = (cells - cells.mean(0)) / cells.std(0)
    width, axes = np.linalg.eigh(apart @ apart.T)
    order = np.argsort(-width)[:5]
    for i, name in enumerate(NAMES):
        by_hand = [np.corrcoef(apart[:, i], axes[:, k])[0, 1] * np.sqrt(width[k] / width[order[0]]) for k in order]
        np.testing.assert_allclose(np.abs(together.places[name][:5]), np.abs(by_hand), atol=1e-8)
    with pytest.raises(ValueError, match="No gene varies"):
        CoExpression.of(np.ones((5, 2)), ["a", "b"])


def test_the_ridge_is_the_linear_map_that_it_is_called() -> None:
    rng = np.random.default_rng(0)
    places, effects, place = rng.normal(size=(9, 4)), rng.normal(size=(9, 6)), rng.normal(size=4)
    spread, middle = places - places.mean(0), effects.mean(0)
    strength = 0.3 * (spread**2).sum() / 9
    slope = np.linalg.solve(spread.T @ spread + strength * np.eye(4), spread.T @ (effects - middle))
    np.testing.assert_allclose(ridge(places, place, 0.3) @ effects, middle + (place - places.mean(0)) @ slope)


def test_gain_is_what_leaving_out_each_target_says() -> None:
    response, effects = measured()
    together = CoExpression.of(untreated(), NAMES)
    model = UnseenTargets().fit(response, together)
    assert model.chosen is not None
    k, strength, share = model.chosen
    table, places = np.array(list(effects.values())), np.array([together.places[name][:k] for name in NAMES])
    found, none, others = [], [], []
    for i in range(TARGETS):
        kept = np.arange(TARGETS) != i
        predicted = share * (ridge(places[kept], places[i], strength) @ table[kept])
        noise = GENES * 0.02
        for errors, guess in ((found, predicted), (none, 0 * predicted), (others, table[kept].mean(0))):
            errors.append(np.sqrt(((guess - table[i]) ** 2).sum() + noise))
    assert model.gain == pytest.approx(min(np.mean(none), np.mean(others)) - np.mean(found))
