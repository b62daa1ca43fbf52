"""Drawn cells are refused, and what gave them away is said."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from mudata import MuData

from virtualcell.generative.watermark import is_synthetic, mark, refuse_synthetic, signs
from virtualcell.schema import DataError


def table(*names: str) -> ad.AnnData:
    return ad.AnnData(np.ones((len(names), 3), dtype=np.float32), obs=pd.DataFrame(index=list(names)))


def refusal(cells: MuData | ad.AnnData) -> DataError:
    with pytest.raises(DataError, match="synthetic") as refused:
        refuse_synthetic(cells)
    return refused.value


def test_measured_cells_are_no_drawn_ones() -> None:
    cells = table("a", "b", "my-synthetic-biology")
    cells.obs["synthetic"] = [False, False, False]
    assert signs(cells) == {}
    refuse_synthetic(cells)
    refuse_synthetic(MuData({"rna": cells}))


def test_a_name_alone_is_said_to_be_why_and_how_to_be_rid_of_it() -> None:
    said = refusal(MuData({"rna": table("a", "synthetic-promoter-1", "b")}))
    assert said.field == "obs_names"
    assert "1 of 3 cells are called as drawn ones are, such as synthetic-promoter-1" in said.problem
    assert 'give them names that do not begin with "synthetic-".' in said.next_step


@pytest.mark.parametrize("value", [True, "True", "true", 1, 1.0, "1.0"])
def test_a_column_alone_is_said_to_be_why(value: object) -> None:
    cells = table("a", "b")
    cells.obs["synthetic"] = pd.Series([value, None], index=cells.obs_names, dtype=object)
    said = refusal(cells)
    assert said.field == "obs['synthetic']"
    assert "1 of 2 cells are marked as drawn" in said.problem
    assert "names" not in said.next_step


def test_what_was_drawn_tells_by_every_mark() -> None:
    drawn = mark(MuData({"rna": table("synthetic-0", "synthetic-1")}), {"generator": "x"})
    assert is_synthetic(drawn)
    assert refusal(drawn).field == "uns['synthetic'], obs['synthetic'], obs_names"
    assert refusal(drawn["rna"]).field == "uns['synthetic'], obs['synthetic'], obs_names"
    drawn["rna"].obs = drawn["rna"].obs.drop(columns="synthetic").set_index(pd.Index(["a", "b"]))
    assert set(signs(drawn["rna"])) == {"uns['synthetic']"}
