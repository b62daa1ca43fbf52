"""Models on disk: what is written is what is read, and broken files are named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from virtualcell.schema import DataError
from virtualcell.training.checkpoint import ARRAYS, RECORD, WEIGHTS, read_checkpoint, write_checkpoint


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    weights = {"a": torch.randn(3, 4).T, "scalar": torch.tensor(2.5)}  # a transposed tensor is not contiguous
    write_checkpoint(
        tmp_path / "model", weights, {"states": np.arange(6.0, dtype=np.float32).reshape(3, 2).T}, {"seed": 3, "names": ["ä"]}
    )
    return tmp_path / "model"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    weights = {"a": torch.randn(3, 4).T, "scalar": torch.tensor(2.5)}
    arrays = {"states": np.arange(6.0, dtype=np.float32).reshape(3, 2).T}
    write_checkpoint(tmp_path / "new" / "model", weights, arrays, {"seed": 3, "names": ["ä"]})
    found, found_arrays, record = read_checkpoint(tmp_path / "new" / "model")
    assert all(torch.equal(found[k], weights[k]) for k in weights)
    np.testing.assert_array_equal(found_arrays["states"], arrays["states"])
    assert record == {"seed": 3, "names": ["ä"]}


@pytest.mark.parametrize("name", [RECORD, WEIGHTS, ARRAYS])
def test_a_missing_file_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(DataError, match=f"no {name} in this folder") as caught:
        read_checkpoint(saved)
    assert str(saved) in str(caught.value)


@pytest.mark.parametrize("name", [RECORD, WEIGHTS, ARRAYS])
@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe\x00\x01" * 40])
def test_a_broken_file_is_an_error_in_plain_words(saved: Path, name: str, content: bytes) -> None:
    (saved / name).write_bytes(content)
    with pytest.raises(DataError, match="broken") as caught:
        read_checkpoint(saved)
    assert str(saved / name) in str(caught.value)


@pytest.mark.parametrize("name", [RECORD, WEIGHTS, ARRAYS])
def test_a_truncated_file_is_an_error_in_plain_words(saved: Path, name: str) -> None:
    whole = (saved / name).read_bytes()
    (saved / name).write_bytes(whole[: len(whole) - 5])
    with pytest.raises(DataError, match="broken") as caught:
        read_checkpoint(saved)
    assert str(saved / name) in str(caught.value)


def test_a_folder_that_was_not_saved_to_the_end_has_no_record(saved: Path) -> None:
    with pytest.raises(TypeError):
        write_checkpoint(saved, {"a": torch.ones(1)}, {}, {"not json": object()})
    with pytest.raises(DataError, match=RECORD):
        read_checkpoint(saved)


def test_the_record_is_plain_json(saved: Path) -> None:
    assert json.loads((saved / RECORD).read_text())["seed"] == 3
