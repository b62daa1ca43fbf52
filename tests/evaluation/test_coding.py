"""Compression: pairs that are broken without changing a modality, the smallest size that is enough, one code against two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from virtualcell.data.simulate_pairs import simulate_pairs
from virtualcell.evaluation import coding
from virtualcell.evaluation.coding import code, separate_codes, shuffle_pairs, smallest_within_one_error
from virtualcell.schema import AutoencoderSettings
from virtualcell.training.table import CellTable, make_table

KINDS = {"rna": "rna", "atac": "atac"}
SMALL = AutoencoderSettings(hidden=16, epochs=6, min_steps=1, batch_size=128, thinning=1.0, learning_rate=5e-3)


def numbered(n: int = 24) -> CellTable:
    """Cells whose every row says which cell it is."""
    names = np.arange(1, n + 1, dtype=np.float32)[:, None]
    return CellTable(
        {"rna": sp.csr_matrix(names * [1, 2, 3]), "atac": sp.csr_matrix(names), "cytof": np.hstack([names, -names])},
        np.ones((n, 3), dtype=bool),
        np.arange(n) % 2,
    )


def who(table: CellTable, m: str) -> np.ndarray:
    """Number of the cell that each row came from."""
    x = table.values[m]
    return (x.toarray() if sp.issparse(x) else x)[:, 0].astype(int) - 1


# -- broken pairs --------------------------------------------------------------------------------------------------------------
@given(st.integers(0, 10_000), st.sampled_from(["rna", "atac", "cytof"]))
def test_shuffling_deals_whole_rows_out_anew_and_leaves_one_modality(seed: int, keep: str) -> None:
    table = numbered()
    shuffled = shuffle_pairs(table, keep, np.random.default_rng(seed))
    for m in table.values:
        rows = who(shuffled, m)
        assert sorted(rows) == list(range(24))
        x, y = shuffled.values[m], table.values[m][rows]
        assert (x != y).nnz == 0 if sp.issparse(x) else np.array_equal(x, y)
    np.testing.assert_array_equal(who(shuffled, keep), np.arange(24))
    # The others move together: what they say of each other is not broken, only what they say of the one that is kept.
    first, second = (who(shuffled, m) for m in table.values if m != keep)
    np.testing.assert_array_equal(first, second)
    assert (first != np.arange(24)).sum() > 12
    np.testing.assert_array_equal(shuffled.batch, table.batch)
    assert shuffled.mask.all()
    np.testing.assert_array_equal(who(table, "atac"), np.arange(24))  # what was given stays as it was


@given(st.integers(0, 10_000))
def test_within_a_label_partners_have_that_label(seed: int) -> None:
    table, labels = numbered(), np.repeat(["0 h", "1 h", "3 h"], [12, 11, 1])
    rows = who(shuffle_pairs(table, "rna", np.random.default_rng(seed), labels), "atac")
    np.testing.assert_array_equal(labels[rows], labels)
    assert rows[-1] == 23  # alone with its label
    assert (rows[:23] != np.arange(23)).any()
    # Without the label they do not: the check above can fail.
    free = who(shuffle_pairs(table, "rna", np.random.default_rng(seed)), "atac")
    assert (labels[free] != labels).any()


def test_the_same_generator_gives_the_same_pairs() -> None:
    a, b, c = (who(shuffle_pairs(numbered(), "rna", np.random.default_rng(s)), "atac") for s in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_mosaic_has_no_pairs_to_shuffle() -> None:
    table = numbered()
    mask = table.mask.copy()
    mask[3, 1] = False
    with pytest.raises(ValueError, match="everything was measured"):
        shuffle_pairs(replace(table, mask=mask), "rna", np.random.default_rng(0))


# -- size ----------------------------------------------------------------------------------------------------------------------
def test_the_smallest_size_within_one_standard_error_by_hand() -> None:
    # Mean differences to the best (size 8): 4, 0.5, 0, 0.5; standard errors of those of size 4: sd sqrt(0.5), over sqrt(2): 0.5.
    nats = np.array([[6.0, 10.0, 10.0, 9.0], [6.0, 9.0, 10.0, 10.0]])
    assert smallest_within_one_error([2, 4, 8, 16], nats) == 4
    # The same means with a difference that is the same in both seeds: no error, so half a nat is a loss.
    assert smallest_within_one_error([2, 4, 8, 16], np.array([[6.0, 9.5, 10.0, 9.0]] * 2)) == 8


def test_the_error_is_that_of_paired_differences() -> None:
    """Cells that differ wildly in the same way at every size do not blur which size is best."""
    cells = np.random.default_rng(0).normal(scale=100, size=(50, 1))
    assert smallest_within_one_error([1, 2, 4], cells + np.array([0.0, 1.0, 1.2])) == 4
    noise = np.random.default_rng(1).normal(scale=3, size=(50, 3))
    assert smallest_within_one_error([1, 2, 4], cells + np.array([0.0, 5.0, 5.1]) + noise) == 2


def test_one_seed_alone_gives_the_best_size() -> None:
    assert smallest_within_one_error([1, 2, 4], np.array([[1.0, 3.0, 2.9]])) == 2


# -- codes ---------------------------------------------------------------------------------------------------------------------
def halves(relation: str, n: int = 900, new: int = 300) -> tuple[CellTable, CellTable]:
    cells = simulate_pairs(relation, n_cells=n + new, n_genes=60, n_peaks=90, seed=0)
    table = make_table(cells, {m: list(cells[m].var_names) for m in cells.mod}, kinds=KINDS)
    return table.take(np.arange(n)), table.take(np.arange(n, n + new))


def test_separate_codes_take_the_share_that_inner_validation_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test cells are never asked which share is best."""
    train, test = halves("linear", 40, 20)
    inner = {("rna", 2): 1.0, ("atac", 6): 1.0, ("rna", 4): 5.0, ("atac", 4): 0.0, ("rna", 6): 2.0, ("atac", 2): 2.0}
    asked = []

    def made_up(one: CellTable, other: CellTable, kinds: dict, settings: object, d: int, seed: int) -> tuple[np.ndarray, float]:
        (m,) = one.values
        asked.append((m, d))
        assert list(other.values) == [m]
        assert kinds == {m: m}
        return np.full(20, 100.0 if (m, d) == ("rna", 2) else float(d)), inner[m, d]

    monkeypatch.setattr(coding, "code", made_up)
    nats, sizes = separate_codes(train, test, KINDS, SMALL, 8, 0)
    assert sorted(asked) == sorted(inner)
    assert sizes == {"rna": 4, "atac": 4}
    np.testing.assert_array_equal(nats, np.full(20, 8.0))
    asked.clear()
    inner |= {("rna", 1): 0.0, ("atac", 1): 0.0}
    assert separate_codes(train, test, KINDS, SMALL, 2, 0)[1] == {"rna": 1, "atac": 1}
    assert asked == [("rna", 1), ("atac", 1)]


@pytest.mark.slow
def test_one_code_for_both_beats_two_where_they_are_related() -> None:
    (train, test), d = halves("linear"), 4
    joint, _ = code(train, test, KINDS, SMALL, d, 0)
    separate, sizes = separate_codes(train, test, KINDS, SMALL, d, 0)
    assert joint.shape == separate.shape == (300,)
    assert sum(sizes.values()) == d
    difference = joint - separate
    assert difference.mean() > 3 * difference.std(ddof=1) / np.sqrt(300)
    # With broken pairs the advantage is gone.
    rng = np.random.default_rng(0)
    broken, _ = code(*(shuffle_pairs(t, "rna", rng) for t in (train, test)), KINDS, SMALL, d, 0)
    assert broken.mean() < separate.mean()
