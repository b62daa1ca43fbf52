"""The landscape benchmark: its truths, its judge (which must give the true law full marks), and its claims."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from benchmarks.landscape.__main__ import DENSITY, GRID, LATE, main
from benchmarks.landscape.__main__ import OURS as OURS_NAME
from benchmarks.landscape.answers import Answer, minima, of_density, on_grid
from benchmarks.landscape.claims import WORST, claims_of
from benchmarks.landscape.scores import (
    ATTRACTOR,
    BANDS,
    BARRIER,
    CALLED,
    COMMITTOR,
    COVARIANCE,
    FLAGGED,
    HELD,
    LOST,
    OVERSAID,
    SHARE,
    SPURIOUS,
    UNSAID,
    WIDTH,
    bands_hold,
    of_no_motion,
    score,
)
from benchmarks.landscape.truth import Truth
from benchmarks.landscape.variants import VARIANTS, Variant
from virtualcell.data.known.rotational_field import SHARE as TURNING
from virtualcell.data.known_systems import KNOWN_SYSTEMS
from virtualcell.data.three_wells import DIFFUSION, saddles, wells
from virtualcell.evaluation.grid import Grid

N = 150
PLAIN = [variant for variant in VARIANTS.values() if variant.name in KNOWN_SYSTEMS]
OURS = "ours"


def perfect(variant: Variant, seed: int = 0) -> Answer:
    truth, cells = Truth(variant.system), variant.cells(seed, N)
    system = variant.system
    return Answer(
        attractors=system.places,
        barriers=dict(truth.barriers),
        committor=truth.committor(cells.xy[truth.between(cells)]) if truth.fates else None,
        unidentified=frozenset(truth.hardly_crossed(cells)),
        covariance=system.covariance if system.linear is not None else None,
        share=truth.share(cells),
    )


def test_all_systems_and_all_ways_to_take_growth_are_asked() -> None:
    assert {variant.system.name for variant in VARIANTS.values()} == set(KNOWN_SYSTEMS)
    assert {variant.growth for variant in VARIANTS.values() if variant.growing} == {"given", "sizes", "transport", "none"}
    assert [variant.name for variant in VARIANTS.values() if not variant.told] == [
        "three wells, noise learned",
        "three wells, growth from snapshots",
        "three wells, growth ignored",
        "three wells, times shuffled",
    ]


def test_truths_are_those_of_the_closed_forms() -> None:
    barriers = Truth(KNOWN_SYSTEMS["three wells"]).barriers
    bottom = {well.name: well.energy for well in wells()}
    for saddle in saddles():
        for a, b in (saddle.between, saddle.between[::-1]):
            assert barriers[a, b] == pytest.approx((saddle.energy - bottom[a]) / DIFFUSION, abs=0.01)
    turning = VARIANTS["rotational field"]
    assert Truth(turning.system).share(turning.cells(0, N)) == pytest.approx(TURNING, abs=0.01)
    assert 0.02 < Truth(KNOWN_SYSTEMS["toggle switch"]).share(VARIANTS["toggle switch"].cells(0, N)) < 0.1


@pytest.mark.parametrize("variant", PLAIN, ids=lambda v: v.name)
def test_the_true_law_gets_full_marks(variant: Variant) -> None:
    """Read off a grid by the same code that reads off what was learned."""
    system, cells, truth = variant.system, variant.cells(0, N), Truth(variant.system)
    found = score(on_grid(system.drift, system, cells.xy, cells.xy[truth.between(cells)], truth.fates), truth, cells)
    assert found[ATTRACTOR] < 0.05
    assert found[SPURIOUS] == 0
    assert abs(found[SHARE]) < 0.01
    assert found.get(BARRIER, 0) < 2
    assert found.get(COMMITTOR, 0) < 0.01
    assert found.get(COVARIANCE, 0) < 1
    assert (BARRIER in found) == bool(system.forward)
    assert (COMMITTOR in found) == (len(system.attractors) > 1)
    assert (COVARIANCE in found) == (system.linear is not None)


def test_a_wrong_law_loses_marks() -> None:
    variant = VARIANTS["double well"]
    system, cells, truth = variant.system, variant.cells(0, N), Truth(variant.system)
    asked = truth.between(cells)
    steeper = score(on_grid(lambda xy: 1.5 * system.drift(xy), system, cells.xy, cells.xy[asked], truth.fates), truth, cells)
    assert steeper[BARRIER] == pytest.approx(50, abs=2)
    assert steeper[COMMITTOR] > 0.01
    around = score(
        on_grid(lambda xy: system.drift(xy) + xy[:, ::-1] * (1, -1), system, cells.xy, cells.xy[asked], truth.fates), truth, cells
    )
    assert around[SHARE] > 0.1


def test_a_density_of_pooled_cells_is_no_landscape() -> None:
    """It doubles the barriers of three wells, and shows the start of the binary choice as an attractor."""
    variant = VARIANTS["three wells"]
    cells, truth = variant.cells(0, 600), Truth(variant.system)
    found = score(of_density(variant.system, cells.xy, cells.xy[truth.between(cells)], truth.fates), truth, cells)
    assert found[BARRIER] > 50
    assert found[ATTRACTOR] < 0.15
    choice = VARIANTS["binary choice"]
    cells, truth = choice.cells(0, 600), Truth(choice.system)
    assert score(of_density(choice.system, cells.xy, cells.xy[truth.between(cells)], truth.fates), truth, cells)[SPURIOUS] >= 1


def test_minima_are_where_cells_descend() -> None:
    grid = Grid.over((-2, 2, -2, 2), 81)
    x, y = grid.points.T
    energy = ((x**2 - 1) ** 2 + y**2).reshape(81, 81)
    cells = np.random.default_rng(0).normal((1, 0), 0.2, (500, 2))
    np.testing.assert_allclose(minima(grid, energy, cells), [[1, 0]], atol=0.03)
    both = minima(grid, energy, np.concatenate([cells, -cells[:50]]))
    np.testing.assert_allclose(both, [[1, 0], [-1, 0]], atol=0.03)


def test_scores_count_what_is_missing_and_what_is_too_much() -> None:
    variant = VARIANTS["three wells"]
    truth, cells, right = Truth(variant.system), variant.cells(0, N), perfect(VARIANTS["three wells"])
    full = score(right, truth, cells)
    assert {full[metric] for metric in (BARRIER, COMMITTOR, ATTRACTOR, SPURIOUS, SHARE, UNSAID, OVERSAID)} == {0.0}
    assert right.barriers is not None
    two = {passage: height for passage, height in right.barriers.items() if passage != ("Progenitor", "Fate B")}
    assert score(dataclasses.replace(right, barriers=two), truth, cells)[BARRIER] == LOST
    more = dataclasses.replace(right, attractors=np.concatenate([right.attractors, [[2.0, 2.0]]]))
    assert score(more, truth, cells)[SPURIOUS] == 1
    none = score(dataclasses.replace(right, attractors=np.empty((0, 2)), barriers=None), truth, cells)
    assert none[ATTRACTOR] > 5
    assert none[SPURIOUS] == 0
    assert BARRIER not in none, "a method that was not asked for barriers has no error"
    fewer = dataclasses.replace(right, attractors=right.attractors[1:])
    assert score(fewer, truth, cells)[ATTRACTOR] > 1
    assert score(dataclasses.replace(right, unidentified=frozenset()), truth, cells)[OVERSAID] == len(truth.hardly_crossed(cells))
    everything = dataclasses.replace(right, unidentified=frozenset(right.barriers))
    assert score(everything, truth, cells)[UNSAID] == 2
    assert ("Progenitor", "Fate A") not in truth.hardly_crossed(cells)
    assert ("Fate A", "Progenitor") in truth.hardly_crossed(cells)


def test_of_shuffled_times_passes_that_are_called_identifiable_count() -> None:
    bands = {("A", "B"): (0.4, 2.0), ("B", "A"): (-0.3, 0.9)}
    answer = Answer(np.zeros((1, 2)), {}, identified=frozenset({("A", "B"), ("B", "A")}), bands=bands)
    assert of_no_motion(answer) == {CALLED: 2}


def test_a_band_holds_what_lies_within_it() -> None:
    truth = Truth(KNOWN_SYSTEMS["three wells"])
    a, b = (truth.barriers["Progenitor", fate] for fate in ("Fate A", "Fate B"))
    bands = {
        ("Progenitor", "Fate A"): (a - 1, a + 1),
        ("Progenitor", "Fate B"): (b + 0.1, b + 1.1),
        ("Fate A", "Progenitor"): (0, 9),
    }
    said = bands_hold(Answer(np.zeros((1, 2)), bands=bands), truth)
    assert (said[BANDS], said[HELD], said[WIDTH]) == (2, 1, pytest.approx(1.5))


def test_variants_tell_the_fit_what_they_say() -> None:
    told = ("given", "from sizes of small cultures", "ignored", "from sizes")
    given, sizes, ignored, large = (VARIANTS[f"three wells, growth {how}"] for how in told)
    cells = given.cells(0, 40)
    assert cells is sizes.cells(0, 40) is ignored.cells(0, 40)
    assert large.pool > sizes.pool
    span = given.system.span
    rates = given.arguments(cells)["growth_rates"](cells.xy)
    assert given.system.growth is not None
    np.testing.assert_allclose(rates, given.system.growth(cells.xy) * span)
    assert given.arguments(cells)["diffusion"] == pytest.approx(DIFFUSION * span)
    assert sorted(sizes.arguments(cells)["population_sizes"]) == sorted(set(cells.spans))
    assert sizes.arguments(cells)["population_sizes"][1.0] > 1.5
    assert {"growth_rates", "population_sizes"}.isdisjoint(ignored.arguments(cells))
    shuffled = VARIANTS["three wells, times shuffled"]
    plain = shuffled.cells(0, 40)
    assert sorted(shuffled.time(plain, 0)) == sorted(plain.spans)
    assert (shuffled.time(plain, 0) != plain.spans).mean() > 0.5
    np.testing.assert_array_equal(ignored.time(cells, 0), cells.spans)


def test_a_claim_is_held_by_the_worst_seed() -> None:
    found = {OURS: {BARRIER: [3.0, 21.0], SHARE: [0.02, -0.3], COMMITTOR: [0.01, 0.02], UNSAID: [0.0, 1.0]}}
    said = {claim.name: claim for claim in claims_of("three wells", OURS, found)}
    assert said[f"three wells: {BARRIER}, worst seed"].value == 21
    assert not said[f"three wells: {BARRIER}, worst seed"].holds
    assert not said[f"three wells: {SHARE}, worst seed"].holds
    assert said[f"three wells: {COMMITTOR}, worst seed"].holds
    assert not said[f"three wells: {UNSAID}, all seeds together"].holds
    assert WORST == {BARRIER: 20, COMMITTOR: 0.06, ATTRACTOR: 0.15, COVARIANCE: 5, SHARE: 0.1}


def test_nothing_is_claimed_of_answers_that_cannot_be_known() -> None:
    values = {BARRIER: [90.0], COMMITTOR: [0.3], FLAGGED: [1.0]}
    assert not claims_of("three wells, growth ignored", OURS, {OURS: values})
    of_shuffled = {CALLED: [1.0, 0.0]}
    said = claims_of("three wells, times shuffled", OURS, {OURS: values | of_shuffled})
    assert {claim.name.split(": ")[1].split(",")[0]: claim.holds for claim in said} == {CALLED: False}


def test_what_is_not_answered_counts_as_wrong() -> None:
    """A fit that lost the fates, its passes and its bands must not pass by saying nothing."""
    variant = VARIANTS["three wells"]
    truth, cells = Truth(variant.system), variant.cells(0, N)
    silent = score(dataclasses.replace(perfect(variant), barriers={}, committor=None, unidentified=frozenset()), truth, cells)
    true = truth.committor(cells.xy[truth.between(cells)])
    assert silent[COMMITTOR] == 0.5
    assert silent[UNSAID] == len(variant.system.forward)
    nowhere = np.full(len(true), np.nan)
    assert score(dataclasses.replace(perfect(variant), committor=nowhere), truth, cells)[COMMITTOR] == 0.5
    assert bands_hold(Answer(np.zeros((1, 2))), truth) == {BANDS: 2.0, HELD: 0.0}


@pytest.mark.slow
def test_a_small_run_prints_every_method_beside_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--seeds", "1", "--systems", "double well", "three wells, growth ignored", "--json"])
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    rows = {(row["where"], row["method"], row["metric"]): row["value"] for row in said["rows"]}
    height = "forward barrier Left to Right, in D"
    assert rows["double well", "truth", height] == pytest.approx(1.81, abs=0.01)
    assert {("double well", method, ATTRACTOR) for method in (OURS_NAME, GRID, DENSITY, LATE)} <= set(rows)
    assert f"double well: {ATTRACTOR}, worst seed" in {claim["name"] for claim in said["claims"]}
    assert rows["three wells, growth ignored", OURS_NAME, FLAGGED] == 1, "the fit says that growth is ignored"
    assert not any(claim["name"].startswith(f"three wells, growth ignored: {BARRIER}") for claim in said["claims"])
