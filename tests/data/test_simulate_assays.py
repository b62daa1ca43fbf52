"""Primary and secondary assays: the file holds what was measured, and the seed what was withheld."""

from __future__ import annotations

import numpy as np

from virtualcell.data.catalogue import load_demo
from virtualcell.data.simulate_assays import PATTERNS, PRIMARY, simulate_assays, withheld
from virtualcell.schema import MEASURED_KEY


def test_the_delivered_file_is_what_the_command_makes() -> None:
    delivered, made = load_demo("assays"), simulate_assays()
    for name in made.mod:
        np.testing.assert_array_equal(delivered[name].X.toarray(), made[name].X.toarray())
    np.testing.assert_array_equal(delivered.obsm[MEASURED_KEY], made.obsm[MEASURED_KEY])
    assert delivered.obs["state"].astype(str).tolist() == made.obs["state"].astype(str).tolist()


def test_every_cell_has_the_primary_assay_and_a_third_each_pattern() -> None:
    cells = load_demo("assays")
    measured = cells.obsm[MEASURED_KEY]
    names = list(cells.mod)
    assert measured[:, names.index(PRIMARY)].all()
    found = {tuple(name for name, has in zip(names, row, strict=True) if has) for row in measured}
    assert found == {tuple(sorted(pattern, key=names.index)) for pattern in PATTERNS}
    for place, name in enumerate(names):
        total = np.asarray(cells[name].X.sum(1)).ravel()
        assert ((total > 0) == measured[:, place]).all(), "no count of what was withheld is in the file"


def test_what_was_withheld_is_made_again_and_agrees_with_what_was_measured() -> None:
    cells = load_demo("assays")
    truth = withheld(cells)
    for place, name in enumerate(cells.mod):
        has = cells.obsm[MEASURED_KEY][:, place]
        np.testing.assert_array_equal(truth[name][has].toarray(), cells[name].X[has].toarray())
        assert np.asarray(truth[name].sum(1)).ravel().min() > 0
