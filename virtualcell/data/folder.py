"""A folder of this computer whose files readers may open: what is in it, and nothing outside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from virtualcell.schema import DataError

SUFFIXES = (".h5ad", ".h5mu", ".h5", ".zarr")
"""Of files and folders that ``read`` takes, beside folders with a 10x matrix."""

MOST = 500
"""Files that are listed."""

DEEPEST = 6
"""Folders within folders that are looked into."""


def files(root: Path) -> list[str]:
    """Names, relative to ``root`` and sorted, of what ``read`` may take; at most 500. Links that lead out are left out."""
    root = root.resolve()
    found = []
    for path in _walk(root, DEEPEST):
        if path.resolve().is_relative_to(root):
            found.append(path.relative_to(root).as_posix())
            if len(found) == MOST:
                break
    return sorted(found)


def inside(root: Path, name: str) -> Path:
    """The file or folder ``name`` of ``root``, with every link followed. Raises DataError where that lies outside, or is not."""
    root = root.resolve()
    try:
        path = (root / name).resolve()
    except (OSError, RuntimeError, ValueError):  # a name that no file can have, or links that run in a circle
        path = root.parent
    if path == root or not path.is_relative_to(root):
        raise DataError("It lies outside the data folder.", next_step="Choose one of the files that are listed.", file=name)
    if not path.exists():
        raise DataError("It is no longer in the data folder.", next_step="Choose one of the files that are listed.", file=name)
    return path


def _walk(folder: Path, deepest: int) -> Iterator[Path]:
    try:
        parts = sorted(os.scandir(folder), key=lambda part: part.name)
    except OSError:  # a folder that this program may not look into
        return
    inner = []
    for part in parts:
        path = Path(part.path)
        if part.name.startswith("."):
            continue
        if part.is_dir():
            if path.suffix == ".zarr" or _is_10x(path):
                yield path
            elif deepest and not part.is_symlink():
                inner.append(path)
        elif path.suffix in SUFFIXES[:3]:
            yield path
    for path in inner:
        yield from _walk(path, deepest - 1)


def _is_10x(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("matrix.mtx", "matrix.mtx.gz"))
