"""A response belongs to one model: it comes back as it was, and no other model's is taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from virtualcell.perturbation.response import Response
from virtualcell.perturbation.saved import FILE, load_response, save_response
from virtualcell.perturbation.screen import Screen
from virtualcell.schema import DataError

GENES, CELLS = 20, 40


def fitted() -> Response:
    rng = np.random.default_rng(0)
    cells, names, groups = [], [], []
    for i, group in enumerate("abc"):
        for name in ("control", "drug"):
            x = 3 + 0.3 * rng.normal(size=(CELLS, GENES))
            x[:, 0] += i
            x[:, 5] += (2 + i) * (name == "drug")
            cells.append(x)
            names += [name] * CELLS
            groups += [group] * CELLS
    return Response(depth=1234.0).fit(Screen.of(np.concatenate(cells), np.array(names), np.array(groups)))


def test_a_response_comes_back_as_it_was(tmp_path: Path) -> None:
    response = fitted()
    assert response.slope, "the part that depends on the cell is saved too"
    save_response(response, tmp_path, "digest")
    again = load_response(tmp_path, "digest", GENES)
    assert again is not None
    cells = 3 + np.random.default_rng(1).normal(size=(7, GENES))
    np.testing.assert_allclose(again.change(cells, "drug"), response.change(cells, "drug"), atol=1e-4)
    np.testing.assert_allclose(again.spread("drug"), response.spread("drug"), rtol=1e-5)
    assert (again.depth, again.treatments, again.choice) == (1234.0, ["drug"], response.choice)


@pytest.mark.parametrize(("digest", "genes"), [("other", GENES), ("digest", GENES + 1)])
def test_a_response_of_another_model_is_refused(tmp_path: Path, digest: str, genes: int) -> None:
    save_response(fitted(), tmp_path, "digest")
    with pytest.raises(DataError, match="of another model") as caught:
        load_response(tmp_path, digest, genes)
    assert FILE in str(caught.value.file)


def test_a_broken_file_is_refused_and_a_missing_one_is_none(tmp_path: Path) -> None:
    assert load_response(tmp_path, "digest", GENES) is None
    save_response(fitted(), tmp_path, "digest")
    whole = load_file(tmp_path / FILE)
    del whole["shared.0"]
    save_file(whole, tmp_path / FILE, {"said": "{}"})
    with pytest.raises(DataError, match="broken"):
        load_response(tmp_path, "digest", GENES)
    (tmp_path / FILE).write_bytes(b"no tensors")
    with pytest.raises(DataError, match="broken"):
        load_response(tmp_path, "digest", GENES)
    save_response(None, tmp_path, "digest")
    assert load_response(tmp_path, "digest", GENES) is None, "what was left of an earlier model is taken away"
