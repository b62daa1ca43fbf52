"""The perturbation benchmark: no cell that judges is ever learned from, and every method stands before the same judge."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from benchmarks.perturbation import edits, kang, norman, unseen
from benchmarks.perturbation.judge import CEILING, HEADLINE, OURS, Case, Judged, Training, by_size, halves, mean, rows_by_size
from virtualcell.data.catalogue import load_demo
from virtualcell.data.simulate_switch import MEASURED, true_critical
from virtualcell.demo import models_folder
from virtualcell.model import VirtualCell
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.rules_of_groups import rules_across_groups
from virtualcell.perturbation.screen import Screen
from virtualcell.perturbation.unseen import CoExpression

GENES, CELLS = 60, 40


def typed() -> Screen:
    rng = np.random.default_rng(0)
    cells, names, groups = [], [], []
    for i, group in enumerate("abcd"):
        for name in ("control", "drug"):
            x = 2 + 0.3 * rng.normal(size=(CELLS, GENES))
            x[:, i] += 2
            x[:, 10:20] += (1 + 0.2 * i) * (name == "drug")
            cells.append(x)
            names += [name] * CELLS
            groups += [group] * CELLS
    return Screen.of(np.maximum(np.concatenate(cells), 0), np.array(names), np.array(groups))


def watched(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """What every fit of ours gets to see."""
    seen: list[np.ndarray] = []
    original = Response.fit

    def fit(model: Response, screen: Screen, seed: int = 0) -> Response:
        seen.append(screen.expression)
        return original(model, screen, seed)

    monkeypatch.setattr(Response, "fit", fit)
    return seen


def shared(a: np.ndarray, b: np.ndarray) -> int:
    """Cells of a that are among those of b."""
    return len({row.tobytes() for row in a} & {row.tobytes() for row in b})


def test_a_type_held_out_is_not_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, screen = watched(monkeypatch), typed()
    held = (screen.treatment == "drug") & (screen.group == "d")
    found = kang.one(screen, held, {"d": np.flatnonzero(held)}, seed=0)["d"].by_all
    (training,) = seen
    assert not shared(training, screen.expression[held])
    untreated = screen.untreated("d")
    assert shared(training, untreated) == CELLS // 2, "the other half is what the measured change is taken from"
    assert set(found) == {rule.name for rule in rules_across_groups()} | {OURS, CEILING}
    assert found[OURS]["energy distance"] < found["no change"]["energy distance"]
    assert found[CEILING]["Pearson of change"] > 0.8


def test_pairs_are_not_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    effects = {"control": [], "x": [0, 1], "y": [2, 3], "z": [4], "x+y": [0, 1, 2, 3], "y+w": [2, 3, 5]}
    cells = [2 + 0.3 * rng.normal(size=(CELLS, GENES)) + 2 * np.isin(np.arange(GENES), genes) for genes in effects.values()]
    screen = Screen.of(np.concatenate(cells), np.repeat(list(effects), CELLS))
    assert norman.doubles_of(screen) == ["x+y"]
    seen = watched(monkeypatch)
    found = norman.means(norman.one(screen, ["x+y"], seed=0))
    assert not shared(seen[0], screen.treated("x+y", ""))
    assert shared(seen[0], screen.untreated()) == CELLS // 2
    assert found[OURS]["L2 of change"] <= found["additive"]["L2 of change"]


def test_a_gene_left_out_is_in_nothing_that_is_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    names = ["control", "x", "y", "x+y"]
    cells = [2 + 0.3 * rng.normal(size=(CELLS, GENES)) + np.isin(np.arange(GENES), [i]) for i in range(len(names))]
    screen = Screen.of(np.concatenate(cells), np.repeat(names, CELLS))
    seen = watched(monkeypatch)
    together = CoExpression.of(rng.gamma(2.0, size=(50, 4)), ["x", "y", "z", "w"])
    found, silent = unseen.left_out(screen, together, "x", seed=0)
    for name in ("x", "x+y"):
        assert not shared(seen[0], screen.treated(name, ""))
    assert OURS in silent, "one gene that was switched on says nothing of another"
    np.testing.assert_array_equal(found.change[OURS], np.zeros(GENES))


def test_counts_are_fitted_as_the_app_fits_them() -> None:
    rng = np.random.default_rng(0)
    level = {"control": 5.0, "x": 5.0 + 20 * np.eye(GENES)[0], "y": 5.0 + 20 * np.eye(GENES)[1]}
    level["x+y"] = level["x"] + level["y"] - 5.0
    counts = np.concatenate([rng.poisson(np.broadcast_to(rate, (CELLS, GENES))) for rate in level.values()])
    screen = Screen.of(np.full(counts.shape, np.nan), np.repeat(list(level), CELLS))
    found = norman.one(screen, ["x+y"], 0, sp.csr_matrix(counts, dtype=np.float32))["x+y"].by_all
    assert found[OURS]["Pearson of change"] > 0.9
    assert found[OURS]["overlap of changed genes, by size of change"] > 0.4


def test_size_is_measured_by_cells_that_do_not_judge() -> None:
    rng = np.random.default_rng(0)
    start, untreated, first, second = rng.normal(size=(4, CELLS, GENES))
    second = second + 3.0
    training = Training.of(Screen.of(np.r_[start, second], np.repeat(["control", "drug"], CELLS)), 5)
    np.testing.assert_allclose(training.centroid, second.mean(0))
    case = Case(start, untreated, first, first, second)
    assert case.size == pytest.approx(np.linalg.norm(second.mean(0) - start.mean(0)))
    judged = Judged.of(case, {OURS: start}, training)
    again = Judged.of(Case(start, untreated, first, first, second + 1.0), {OURS: start}, training)
    assert again.by_half[OURS] == judged.by_half[OURS]
    assert again.by_half[CEILING] != judged.by_half[CEILING]


def test_thirds_run_from_strong_to_weak() -> None:
    none = np.zeros(1)
    cases = {str(size): Judged({}, {OURS: dict.fromkeys(HEADLINE, size)}, size, {}, none, none) for size in (2.0, 9.0, 5.0, 1.0)}
    found = by_size(list(cases.values()))
    assert [found[name][OURS]["L2 of change"] for name in ("strong", "middle", "weak")] == [7.0, 2.0, 1.0]
    rows = rows_by_size([cases], "here", (0,))
    assert [row.value for row in rows if row.metric == "L2 of change"] == [7.0, 2.0, 1.0]
    assert not by_size(list(cases.values())[:2])


def test_a_mean_is_over_the_cases_that_know_the_figure() -> None:
    assert mean([{"a": 1.0, "b": 3.0}, {"a": 2.0}]) == {"a": 1.5, "b": 3.0}


def test_halves_are_disjoint_and_whole() -> None:
    first, second = halves(np.arange(7), np.random.default_rng(0))
    assert sorted([*first, *second]) == list(range(7))


def test_the_measured_push_is_less_than_half_of_the_critical_one() -> None:
    critical = true_critical(halvings=8)
    assert critical == pytest.approx(0.356, abs=0.02)
    assert critical / 2 > MEASURED


def test_an_edit_is_judged_by_all_genes_but_the_edited_one_and_beside_genes_alike_in_expression():
    measured = np.array([1.0, -1.0, 2.0, 0.0, 5.0])
    answer = np.where(np.arange(5) == 4, -100.0, 3 * measured + 1)
    assert edits.likeness(answer, measured, [4]) == pytest.approx(1.0)
    assert edits.likeness(answer, measured, []) < 0
    assert edits.likeness(np.zeros(5), measured, [4]) == 0
    cells = np.random.default_rng(0).normal(size=(30, 4))
    np.testing.assert_allclose(edits.together(cells, 2), np.cov(cells.T, bias=True)[:, 2])
    mean = np.array([1.0, 1.1, 8.0, 0.9, 2.0])
    assert edits.alike(mean, 0, np.array([True, False, False, False, False]), 2).tolist() == [1, 3]
    assert edits.alike(mean, 0, np.array([True, True, False, False, False]), 2).tolist() == [3, 4]


@pytest.mark.slow
def test_the_answer_of_a_model_is_to_the_level_that_is_asked_for():
    model, cells = VirtualCell.load(models_folder() / "kang"), load_demo("kang")
    start = cells[(cells.obs["perturbation"] == "control").to_numpy()][:60].copy()
    measured = np.zeros(len(model.features()))
    measured[model.features().index("IFIT1")] = 1.0
    little, much = (edits.answer(model, start, "ISG15", level) for level in (20.0, 500.0))
    place = model.features().index("IFIT1")
    assert 0 <= little[place] < much[place]
    assert edits.judged(model, start, {"ISG15": 500.0}, measured, "ISG15") == pytest.approx(
        edits.likeness(much, measured, [model.features().index("ISG15")])
    )
