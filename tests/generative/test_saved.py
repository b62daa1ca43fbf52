"""A generator's two files: what is broken, missing or of another model is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from virtualcell.generative.saved import read_part, write_part
from virtualcell.schema import DataError


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_part(tmp_path, "codes", {"w": torch.arange(3.0)}, {"kinds": [1, 2]}, "abc")
    found = read_part(tmp_path, "codes", "abc")
    assert found is not None
    assert found[0]["w"].tolist() == [0, 1, 2]
    assert found[1]["kinds"] == [1, 2]
    assert read_part(tmp_path, "pairs", "abc") is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("codes.json", None, "missing"),
        ("codes.safetensors", None, "missing"),
        ("codes.json", b"{", "broken"),
        ("codes.json", b'{"digest": "other"}', "another model"),
        ("codes.json", b"[]", "another model"),
        ("codes.safetensors", b"no tensors", "broken"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    write_part(tmp_path, "codes", {"w": torch.zeros(1)}, {}, "abc")
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        read_part(tmp_path, "codes", "abc")
    assert error.value.file == str(tmp_path / name)
