"""Samplers of one model: conditions, refusals, balance, and what is kept on disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.generative.samples import QUICK, material, vocabulary
from virtualcell.evaluation.generated import energy_score, nearest_ratio
from virtualcell.evaluation.metrics import energy_distance
from virtualcell.generative.balance import chances
from virtualcell.generative.conditions import Vocabulary
from virtualcell.generative.fit_missing import FittedMissing, fit_missing
from virtualcell.generative.intervals import Reliability, pit, summary
from virtualcell.generative.missing import MissingSampler
from virtualcell.generative.missing_saved import of_state, state_of
from virtualcell.schema import DataError

HELD = {"label": None, "time": None, "treatment": None, "balanced": False, "noise": 1.0, "seed": 0}


@pytest.fixture(scope="module")
def fitted() -> FittedMissing:
    return fit_missing(material(), seed=0, settings=QUICK)


@pytest.fixture(scope="module")
def samplers(fitted: FittedMissing) -> MissingSampler:
    return fitted.samplers


def test_conditions_are_shares_of_what_was_measured() -> None:
    found = vocabulary().encode(4, np.array([0.0, 2.5, np.nan, 9.0]), np.array(["drug", "", "none", "new"]), "b")
    np.testing.assert_allclose(found[:, :3], [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(found[:, 3:5], [[1, 0], [0, 0], [0, 1], [0, 0]])
    np.testing.assert_allclose(found[:, 5:], [[0, 1]] * 4)
    patterns = vocabulary().patterns()
    assert len(patterns) == 8
    assert patterns[0].tolist() == [1.0] * 7
    assert Vocabulary.of(np.zeros(5), np.full(5, "drug"), None).size == 0  # what never differs says nothing


@pytest.mark.parametrize("asked", [{"time": 5.0}, {"treatment": "new"}, {"label": "c"}])
def test_what_was_never_measured_is_refused(asked: dict[str, object]) -> None:
    with pytest.raises(DataError) as error:
        vocabulary().check(**asked)  # type: ignore[arg-type]
    assert error.value.field == next(iter(asked))


def test_cells_unlike_those_measured_are_refused_with_words(samplers: MissingSampler) -> None:
    given = material(200, 5)
    why = samplers.known.refused("rna", given.embeddings["rna"], given.time, None)
    assert (why == "").mean() > 0.9
    far = given.embeddings["rna"] + 30
    assert all("Nothing like its rna was measured" in word for word in samplers.known.refused("rna", far, given.time, None))
    late = samplers.known.refused("rna", given.embeddings["rna"], np.full(200, 7.0), None)
    assert all("outside the measured times, 0 to 4" in word for word in late)
    unknown = samplers.known.refused("rna", np.full((2, 3), np.nan), None, None)
    assert all(word for word in unknown)
    with pytest.raises(DataError, match="rna to atac"):
        samplers.prior("rna", "prot")


def test_conditions_that_were_never_measured_together_are_refused(samplers: MissingSampler) -> None:
    given = material(4, 5)
    known = samplers.known
    told = np.where(known.time > 0, "drug", "none").astype(object)  # nothing treated at 0
    both = replace(known, treatment=told, vocabulary=replace(known.vocabulary, treatments=("drug", "none")))
    x, time = np.repeat(given.embeddings["rna"][:1], 4, axis=0), np.array([0.0, 0.5, 4.0, np.nan])
    why = both.refused("rna", x, time, np.full(4, "drug", dtype=object))
    assert why.tolist() == ["Its treatment was never measured around its time.", "", "", ""]
    only = replace(known, treatment=np.full(len(told), "none", dtype=object))  # one value: no condition of the vocabulary
    assert all(only.refused("rna", x, time, np.full(4, "drug", dtype=object)) == "Its treatment was never measured.")


def test_new_cells_have_the_measured_shares_or_each_label_alike(samplers: MissingSampler) -> None:
    drawn = samplers.draw_cells(2000, **HELD)
    assert (drawn.labels == "rare").mean() == pytest.approx((material().labels == "rare").mean(), abs=0.02)
    even = samplers.draw_cells(2000, **(HELD | {"balanced": True}))
    assert (even.labels == "rare").mean() == pytest.approx(0.5, abs=0.05)
    rare = samplers.draw_cells(300, **(HELD | {"label": "rare"}))
    common = samplers.draw_cells(300, **(HELD | {"label": "common"}))
    assert rare.states[:, 1].mean() - common.states[:, 1].mean() == pytest.approx(5, abs=0.7)
    between = samplers.draw_cells(500, **(HELD | {"time": 2.5}))
    early, late = (samplers.draw_cells(500, **(HELD | {"time": t})).states[:, 0].mean() for t in (1.0, 4.0))
    assert early - 0.15 < between.states[:, 0].mean() < late + 0.15
    assert between.time is not None
    assert (between.time == 2.5).all()
    with pytest.raises(DataError, match="outside"):
        samplers.draw_cells(5, **(HELD | {"time": 4.5}))
    with pytest.raises(DataError, match="never measured"):
        samplers.draw_cells(5, **(HELD | {"label": "none such"}))


def test_a_state_is_what_both_its_embeddings_say(samplers: MissingSampler) -> None:
    given = material(200, 6)
    known = samplers.conditions(200, given.time, None)
    found = samplers.whole(given.embeddings, known, noise=1.0, seed=0)
    assert np.corrcoef(found[:, 1], given.states[:, 1])[0, 1] > 0.9
    swapped = samplers.whole({k: given.embeddings[k] for k in ("atac", "rna")}, known, noise=1.0, seed=0)
    np.testing.assert_array_equal(found, swapped)


def test_samplers_survive_their_state(samplers: MissingSampler) -> None:
    again = of_state(*state_of(samplers))
    np.testing.assert_array_equal(again.draw_cells(20, **HELD).states, samplers.draw_cells(20, **HELD).states)
    given = material(30, 7)
    c = np.concatenate([given.embeddings["rna"], samplers.conditions(30, given.time, None)], 1)
    for one, other in zip(samplers.priors.values(), again.priors.values(), strict=True):
        np.testing.assert_array_equal(one.draw(c, 2), other.draw(c, 2))
    assert again.record().keys() == samplers.record().keys() == {"rna->atac", "atac->rna", "state of atac+rna", "cells"}


def test_rare_labels_are_shown_as_often_as_common_ones_where_both_are_few() -> None:
    labels = np.repeat(["a", "b"], [90, 10])
    weight = chances(labels, balanced=True)
    assert weight.mean() == pytest.approx(1)
    assert weight[:90].sum() / weight[90:].sum() == pytest.approx(1, abs=0.1)
    assert (chances(labels, balanced=False) == 1).all()


def test_scores_prefer_the_truth() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(300, 2))
    true, narrow, off = (mean + spread * rng.normal(size=(40, 300, 2)) for mean, spread in ((0, 1), (0, 0.3), (1, 1)))
    assert energy_score(true, y).mean() < min(energy_score(narrow, y).mean(), energy_score(off, y).mean())
    # Of normal X and Y in two dimensions it is half the mean distance of two of them, sqrt(pi) / 2.
    assert energy_score(true, y).mean() == pytest.approx(np.sqrt(np.pi) / 2, rel=0.08)
    assert abs(energy_distance(true[0], y)) < 0.03 < energy_distance(off[0], y)


def test_reliability_puts_intervals_right() -> None:
    rng = np.random.default_rng(0)
    draws, measured = 0.5 * rng.normal(size=(200, 100, 20)), rng.normal(size=(100, 20))
    level = Reliability.of([(draws, measured)], seed=0).level(0.8)
    _, low, high = summary(0.5 * rng.normal(size=(400, 100, 20)), level)
    fresh = rng.normal(size=(100, 20))
    assert level > 0.95
    assert ((fresh >= low) & (fresh <= high)).mean() < 0.9 + 0.02
    assert Reliability.trusted().level(0.8) == pytest.approx(0.8)
    ranks = pit(rng.poisson(0.5, (50, 2000)), rng.poisson(0.5, 2000), rng)
    np.testing.assert_allclose(np.quantile(ranks, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.04)


def test_an_embedding_is_refused_where_nothing_like_it_was_measured_under_what_is_held(samplers: MissingSampler) -> None:
    known, n = samplers.known, 40
    place = known.time[known.sample] == 4.0
    reference = known.reference["rna"] + 20.0 * place[:, None]  # what was measured at 4 lies apart
    apart = replace(known, reference={"rna": reference})
    early, late = reference[~place][:n], reference[place][:n]
    for embedding, time, refused in ((early, 0.5, False), (late, 4.0, False), (early, 4.0, True), (late, 0.5, True)):
        times = np.full(n, time)
        assert (apart.refused("rna", embedding, times, None) == "").mean() > 0.8  # each was measured, at some time
        why = apart.refused("rna", embedding, times, None, held=True)
        assert (why != "").mean() > 0.9 if refused else (why != "").mean() < 0.2
        assert not refused or "was measured at this time" in why[why != ""][0]


def test_cells_between_two_times_come_from_the_nearer_one_more_often(samplers: MissingSampler) -> None:
    known = samplers.known
    chance = known.chances(None, 3.4, None, balanced=False)
    assert chance.sum() == pytest.approx(1)
    assert chance[known.time == 4.0].sum() == pytest.approx(0.8)
    assert chance[known.time == 1.0].sum() == pytest.approx(0.2)
    even = known.chances(None, 3.4, None, balanced=True)
    assert even[known.labels == "rare"].sum() == pytest.approx(0.5)


def test_what_judges_intervals_taught_neither_samplers_nor_encoder(fitted: FittedMissing) -> None:
    held_out = np.flatnonzero(material().held_out)
    for key, judges in fitted.judges.items():
        assert np.array_equal(np.sort(np.concatenate([each.rows for each in judges])), held_out)  # few cells: all, in turn
        assert all(each.samplers.priors.keys() == {key} for each in judges)
    # A sampler that judges was fitted without these cells: other values there leave it as it is, and change that of all cells.
    given = material()
    rows = fitted.judges["rna->atac"][0].rows
    embedding = given.embeddings["atac"].copy()
    embedding[rows] += np.random.default_rng(0).normal(size=(len(rows), 3)).astype(np.float32)
    other = fit_missing(replace(given, embeddings=given.embeddings | {"atac": embedding}), seed=0, settings=QUICK)
    unseen = fitted.judges["rna->atac"][0].samplers, other.judges["rna->atac"][0].samplers
    np.testing.assert_array_equal(unseen[0].priors["rna->atac"].population_mean, unseen[1].priors["rna->atac"].population_mean)
    assert not np.array_equal(
        fitted.samplers.priors["rna->atac"].population_mean, other.samplers.priors["rna->atac"].population_mean
    )


def test_new_cells_are_no_copies_of_those_that_were_measured(samplers: MissingSampler) -> None:
    drawn = samplers.draw_cells(400, **HELD).states
    other = material(400, 9).states
    assert nearest_ratio(drawn, material().states, other) > 0.85  # as new as cells of another sample are


def test_a_measurement_that_few_cells_have_still_says_what_is_like_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virtualcell.generative.fit_missing.MANY_CELLS", 60)
    given = material(800)
    has = np.arange(800) < 60  # of the cells, 60 have it
    rare = replace(given, measured=np.stack([np.ones(800, dtype=bool), has], 1), held_out=np.zeros(800, dtype=bool))
    found = fit_missing(rare, seed=0, settings=QUICK).samplers
    assert np.isfinite(found.known.reference["atac"]).all(1).sum() == 60
    assert (found.known.refused("atac", given.embeddings["atac"][:60], None, None) == "").mean() > 0.9


def test_of_a_condition_that_never_differs_the_one_value_can_be_held() -> None:
    given = replace(material(300), time=np.full(300, 3.0), treatment=np.full(300, "drug", dtype=object))
    found = fit_missing(given, seed=0, settings=QUICK).samplers
    assert len(found.draw_cells(5, **(HELD | {"time": 3.0, "treatment": "drug"})).states) == 5
    with pytest.raises(DataError, match="never measured"):
        found.draw_cells(5, **(HELD | {"treatment": "other"}))
    with pytest.raises(DataError, match="outside"):
        found.draw_cells(5, **(HELD | {"time": 4.0}))


def test_too_few_measured_cells_are_no_ground_for_others(samplers: MissingSampler) -> None:
    labels = samplers.known.labels.copy()
    labels[:3] = "two or three"
    few = replace(samplers, known=replace(samplers.known, labels=labels))
    with pytest.raises(DataError, match="Only 3 cells"):
        few.draw_cells(5, **(HELD | {"label": "two or three"}))


def test_cells_of_unknown_label_are_no_label_of_their_own(samplers: MissingSampler) -> None:
    known = samplers.known
    labels = np.where(np.arange(len(known.labels)) % 3 == 0, "unknown", known.labels)
    chance = replace(known, labels=labels).chances(None, None, None, balanced=True)
    assert chance[labels == "unknown"].sum() == 0
    assert Vocabulary.of(None, None, labels).labels == ("common", "rare")
