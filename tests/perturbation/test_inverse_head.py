"""Which treatment it was: right where the answer is known in closed form, and no more certain than the cells allow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from virtualcell.perturbation.inverse import rank_treatments
from virtualcell.perturbation.inverse_head import InverseHead
from virtualcell.perturbation.response import Response
from virtualcell.perturbation.saved import load_response, save_response
from virtualcell.perturbation.screen import Screen
from virtualcell.schema import DataError

GENES = 20


def cells(effect: np.ndarray, n: int, rng: np.random.Generator, scale: np.ndarray | float = 1.0) -> np.ndarray:
    return effect + scale * rng.normal(size=(n, len(effect)))


def screen(effects: dict[str, np.ndarray], n: int, seed: int = 0, scale: np.ndarray | float = 1.0) -> Screen:
    rng = np.random.default_rng(seed)
    table = [cells(effect, n, rng, scale) for effect in effects.values()]
    return Screen.of(np.concatenate(table), np.repeat(list(effects), n))


def test_two_treatments_are_told_apart_as_often_as_bayes_rule_does() -> None:
    """Two normals a distance d apart with one covariance: 1 - Phi(d / 2) of cells are mistaken, whatever the scales of genes."""
    rng = np.random.default_rng(3)
    scale = np.geomspace(0.5, 4.0, GENES)
    effects = {"control": np.zeros(GENES), "a": scale * np.eye(GENES)[0], "b": -scale * np.eye(GENES)[0]}
    head = InverseHead.fit(screen(effects, 4000, scale=scale), sizes=(GENES,))
    start, goal = cells(effects["control"], 4000, rng, scale), cells(effects["a"], 4000, rng, scale)
    said = head.cells(start, goal, ["a", "b"])
    assert (said[:, 0] > said[:, 1]).mean() == pytest.approx(norm.cdf(1.0), abs=0.02)
    # And each probability is that of Bayes' rule: log odds are the distance along the line between them.
    odds = 2 * goal[:, 0] / scale[0]
    assert np.abs((said[:, 0] - said[:, 1]) - odds).mean() < 0.15
    np.testing.assert_allclose(np.exp(said).sum(1), 1.0)


def test_said_probabilities_come_true_though_cells_are_few() -> None:
    """Of 12 cells each, measured changes are mostly chance: what is said with probability p is right in a share p of cases, and
    taking the changes as measured would claim far more."""
    rng = np.random.default_rng(5)
    sure, right, bold = [], [], []
    for seed in range(6):
        effects = {"control": np.zeros(GENES)} | {f"t{i}": 0.4 * rng.normal(size=GENES) for i in range(12)}
        head = InverseHead.fit(screen(effects, 12, seed), sizes=(10,))
        names = list(head.names)
        plain = replace(head, between=np.full_like(head.between, np.inf), n=np.full_like(head.n, 1e9))
        start = cells(effects["control"], 200, rng)
        for i, name in enumerate(names):
            goal = cells(effects[name], 100, rng)
            said, raw = (np.exp(one.cells(start, goal, names)) for one in (head, plain))
            sure.append(said.max(1).mean())
            right.append((said.argmax(1) == i).mean())
            bold.append(raw.max(1).mean() - (raw.argmax(1) == i).mean())
    assert np.mean(sure) == pytest.approx(np.mean(right), abs=0.04)
    assert np.mean(bold) > 0.08


def test_treatments_that_do_the_same_share_the_probability() -> None:
    """Measured from few cells the two differ by chance; only a rule that takes their means as known is certain of one of them."""
    rng = np.random.default_rng(1)
    same = 2 * np.eye(GENES)[0]
    effects = {"control": np.zeros(GENES), "a": same, "b": same} | {f"t{i}": 2 * np.eye(GENES)[i + 1] for i in range(5)}
    certain, bold = [], []
    for seed in range(40):
        head = InverseHead.fit(screen(effects, 40, seed), sizes=(10,))
        start, goal = cells(effects["control"], 100, rng), cells(same, 400, rng)
        said = np.exp(head.population(start, goal, [*effects]))
        names = list(effects)
        assert said[names.index("a")] + said[names.index("b")] > 0.95
        assert np.exp(head.cells(start, goal, ["a", "b"])).mean(0) == pytest.approx([0.5, 0.5], abs=0.15)
        plain = replace(head, between=np.full_like(head.between, np.inf), n=np.full_like(head.n, 1e9))
        for one, found in ((head, certain), (plain, bold)):
            found.append(np.exp(one.population(start, goal, ["a", "b"])).max())
    assert np.mean(certain) < 0.8
    certainly, boldly = (np.mean(np.array(found) > 0.99) for found in (certain, bold))
    assert boldly > 0.5
    assert certainly < boldly / 4


def test_where_all_treatments_do_nothing_none_is_named() -> None:
    rng = np.random.default_rng(2)
    effects = {name: np.zeros(GENES) for name in ("control", *(f"t{i}" for i in range(10)))}
    head = InverseHead.fit(screen(effects, 50), sizes=(10,))
    said = np.exp(head.population(rng.normal(size=(100, GENES)), rng.normal(size=(100, GENES)), head.names))
    assert said.max() < 0.4


def test_other_cells_are_judged_from_where_they_start() -> None:
    """Start and goal of another kind, far from all training cells: only the way between them tells."""
    rng = np.random.default_rng(4)
    effects = {"control": np.zeros(GENES)} | {f"t{i}": 3 * np.eye(GENES)[i] for i in range(6)}
    head = InverseHead.fit(screen(effects, 100), sizes=(10,))
    elsewhere = 3 * np.eye(GENES)[1]  # which, without a start, looks like t1
    start, goal = cells(elsewhere, 100, rng), cells(elsewhere + effects["t4"], 100, rng)
    assert head.names[head.population(start, goal, head.names).argmax()] == "t4"
    unmoved = [head.control, *head.names]
    assert unmoved[head.population(start, cells(elsewhere, 100, rng), unmoved).argmax()] == "control"


def test_changes_are_taken_within_groups() -> None:
    """Treated cells are mostly of one type, untreated ones of the other: the difference of types is no effect."""
    rng = np.random.default_rng(6)
    types = {"x": np.zeros(GENES), "y": 6 * np.eye(GENES)[0]}
    push = 2 * np.eye(GENES)[1]
    parts = [("control", "x", 180), ("control", "y", 20), ("a", "x", 20), ("a", "y", 180)]
    table = np.concatenate([cells(types[kind] + push * (name == "a"), n, rng) for name, kind, n in parts])
    names, groups = (np.repeat([part[i] for part in parts], [part[2] for part in parts]) for i in (0, 1))
    head = InverseHead.fit(Screen.of(table, names, groups), sizes=(10,))
    change = np.linalg.lstsq(head.basis, head.mean[0] - head.untreated, rcond=None)[0]
    assert abs(change[0]) < 0.5
    assert change[1] > 1.0
    start = cells(types["x"], 100, rng)
    assert np.exp(head.population(start, cells(types["x"], 100, rng), ["control", "a"]))[0] > 0.9
    assert np.exp(head.population(start, cells(types["x"] + push, 100, rng), ["control", "a"]))[1] > 0.9


def test_pairs_that_were_not_measured_add_and_are_less_sure() -> None:
    rng = np.random.default_rng(7)
    effects = {"control": np.zeros(GENES)} | {f"t{i}": 2 * np.eye(GENES)[i] for i in range(6)}
    head = InverseHead.fit(screen(effects, 60), sizes=(10,))
    names = [*head.names, "t0+t3", "t1+t2"]
    goal = cells(effects["t0"] + effects["t3"], 100, rng)
    assert names[head.population(cells(effects["control"], 100, rng), goal, names).argmax()] == "t0+t3"
    assert (head._outcome("t0+t3")[1] > head._outcome("t0")[1]).all()
    assert (head._outcome("t3+t0")[0] == head._outcome("t0+t3")[0]).all()


def test_what_cannot_be_said_is_refused() -> None:
    effects = {"control": np.zeros(GENES), "a": np.eye(GENES)[0], "b": np.eye(GENES)[1]}
    known = screen(effects, 30)
    head = InverseHead.fit(known)
    at = known.untreated()
    for names in (["a"], ["a", "a"]):
        with pytest.raises(ValueError, match="Of one treatment alone"):
            head.cells(at, at, names)
    for name in ("c", "a+c", "a+a"):
        with pytest.raises(LookupError, match="never measured"):
            head.population(at, at, ["a", name])
    with pytest.raises(ValueError, match="must be cells"):
        head.population(at[:0], at, ["a", "b"])
    with pytest.raises(ValueError, match="must be cells"):
        head.population(at, at[:0], ["a", "b"])
    with pytest.raises(ValueError, match="No treatment was measured"):
        InverseHead.fit(Screen.of(at, np.repeat("control", len(at))))


def test_saved_and_loaded_it_says_the_same_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    effects = {"control": np.zeros(GENES)} | {f"t{i}": 2 * np.eye(GENES)[i] for i in range(6)}
    known = screen(effects, 40)
    head = InverseHead.fit(known)
    save_response(Response(head=head).fit(known), tmp_path, "digest")
    again = load_response(tmp_path, "digest", GENES).head
    names = [*effects, "t0+t1"]
    start, goal = known.untreated(), known.treated("t2", "")
    np.testing.assert_allclose(again.population(start, goal, names), head.population(start, goal, names), rtol=1e-3, atol=1e-3)
    save_response(Response(head=replace(head, mean=head.mean[1:])).fit(known), tmp_path, "digest")
    with pytest.raises(DataError, match="do not fit together"):
        load_response(tmp_path, "digest", GENES)
    save_response(Response().fit(known), tmp_path, "digest")
    assert load_response(tmp_path, "digest", GENES).head is None


def test_the_ranking_goes_by_probability_where_there_is_one() -> None:
    rng = np.random.default_rng(8)
    effects = {"control": np.zeros(GENES)} | {f"t{i}": 1.5 * np.eye(GENES)[i] for i in range(6)}
    known = screen(effects, 40)
    model = Response(head=InverseHead.fit(known)).fit(known)
    table = rank_treatments(model, known.untreated(), cells(effects["t3"], 40, rng), list(effects)[1:])
    assert table["treatment"][0] == "t3"
    assert table["probability"].sum() == pytest.approx(1.0)
    assert (np.diff(table["probability"]) <= 0).all()
    alone = rank_treatments(model, known.untreated(), cells(effects["t3"], 40, rng), ["t3"])
    assert alone["probability"].isna().all()
