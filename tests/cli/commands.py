"""Runs the command line in this process, and the data that it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtualcell.cli import main

A549 = Path(__file__).parents[2] / "assets" / "data" / "scicar_a549_rna_atac.h5mu"
KANG = A549.with_name("kang_ifnb_pbmc.h5ad")


def run(*arguments: object) -> int:
    """Exit status of the command line, in this process."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def refused(capsys, *arguments: object) -> str:
    """What a refused command says: status 2, nothing on stdout but what came before, no traceback."""
    capsys.readouterr()
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return " ".join(said.split())
