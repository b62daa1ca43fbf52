"""``virtualcell landscape``."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from tests.cli.commands import refused, run
from virtualcell.model import VirtualCell
from virtualcell.schema import Barrier, EnergyPath


def test_landscape_is_finite_among_the_cells_and_the_same_in_both_formats(model, tmp_path):
    for name in ("u.npz", "u.json"):
        assert run("landscape", model, "--out", tmp_path / name, "--resolution", 16) == 0
    text, arrays = json.loads((tmp_path / "u.json").read_text()), np.load(tmp_path / "u.npz")
    assert arrays["energy"].shape == (16, 16)
    assert np.isfinite(arrays["energy"][arrays["supported"]]).all()
    # Zero is the lowest point drawn: of the grid, or an attractor between grid points.
    lowest = min([arrays["energy"][arrays["supported"]].min(), *(a["energy"] for a in json.loads(str(arrays["attractors"])))])
    assert lowest == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(np.array(text["energy"], dtype=float), arrays["energy"], rtol=1e-6)
    assert len(text["attractors"]) == len(json.loads(str(arrays["attractors"])))


def test_passes_are_written_in_both_formats(model, tmp_path, monkeypatch):
    honest = VirtualCell.landscape
    path = EnergyPath(np.zeros((3, 8), np.float32), np.array([0.0, 1.5, -1.0]), 1)
    seen, unseen = Barrier("A", "B", 1.5, 1.0, 2.0, 30.0, True, path), Barrier("B", "A", 2.5, None, None, 0.0, False, path)

    def with_passes(self, resolution=60):
        return dataclasses.replace(honest(self, resolution), barriers=(seen, unseen), rotation_share=None, density=None)

    monkeypatch.setattr(VirtualCell, "landscape", with_passes)
    for name in ("u.npz", "u.json"):
        assert run("landscape", model, "--out", tmp_path / name, "--resolution", 16) == 0
    text, arrays = json.loads((tmp_path / "u.json").read_text()), np.load(tmp_path / "u.npz", allow_pickle=False)
    for barriers in (text["barriers"], json.loads(str(arrays["barriers"]))):
        assert [b["height"] for b in barriers] == [1.5, 2.5]
        assert [b["low"] for b in barriers] == [1.0, None]
        assert barriers[0]["path"]["energy"] == [0.0, 1.5, -1.0]
    assert "rotation_share" not in text
    assert all(arrays[name].dtype != object for name in arrays)


def test_a_landscape_without_a_finite_height_is_refused_and_not_written(model, tmp_path, capsys):
    broken = VirtualCell.load(model)
    with torch.no_grad():
        broken.dynamics.potential.last[0] = torch.nan
    broken.save(tmp_path / "broken")
    asked = ("landscape", tmp_path / "broken", "--out", tmp_path / "u.json", "--resolution", 16)
    said = refused(capsys, *asked)
    assert "no finite height" in said
    assert "broken" in said, "the model is named"
    assert not (tmp_path / "u.json").exists()
