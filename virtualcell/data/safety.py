"""Refuse files that would run code or look at other files of this machine while they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from virtualcell.schema import DataError

HARMLESS_CODECS = frozenset(
    {
        "blosc",
        "bytes",
        "bz2",
        "crc32c",
        "delta",
        "gzip",
        "lz4",
        "lzma",
        "sharding_indexed",
        "shuffle",
        "transpose",
        "zlib",
        "zstd",
    }
    | {"vlen-array", "vlen-bytes", "vlen-utf8"}
)
"""Ways to store a zarr array that only rearrange numbers and text. The codec "pickle" is not one: it runs code."""

WHAT_TO_DO = "Write the file anew with write_h5ad of anndata or write_h5mu of mudata, and read that."


def refuse_unsafe(path: Path) -> None:
    """Raise DataError when a zarr folder stores anything but numbers and text, or an HDF5 file refers to another file."""
    if path.is_dir():
        _refuse_unsafe_zarr(path)
    else:
        _refuse_outside_links(path)


def _refuse_unsafe_zarr(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_symlink():
            raise DataError(
                f"The folder refers to another place on this machine ({file.name}).", next_step=WHAT_TO_DO, file=folder.name
            )
        if file.name not in {".zarray", ".zmetadata", "zarr.json"}:
            continue
        try:
            codecs = set(_codecs(json.loads(file.read_text(encoding="utf-8"))))
        except ValueError as error:
            raise DataError(f"{file.name} is damaged.", next_step="Copy the whole folder again.", file=folder.name) from error
        strange = sorted(codecs - HARMLESS_CODECS)
        if strange:
            raise DataError(
                f"It stores values in a way that could run a program while it is read ({', '.join(strange)}).",
                next_step=WHAT_TO_DO,
                file=folder.name,
            )


def _codecs(value: Any) -> Iterator[str]:
    """Names of all codecs in zarr metadata of version 2 (compressor, filters: "id") or 3 (codecs: "name")."""
    if isinstance(value, list):
        for part in value:
            yield from _codecs(part)
    elif isinstance(value, dict):
        for codec in (value.get("compressor"), *_listed(value.get("filters"))):
            if isinstance(codec, dict) and "id" in codec:
                yield str(codec["id"])
        for codec in (*_listed(value.get("codecs")), *_listed(value.get("index_codecs"))):
            if isinstance(codec, dict):
                yield str(codec.get("name")).removeprefix("numcodecs.")
            elif isinstance(codec, str):
                yield codec.removeprefix("numcodecs.")
        for part in value.values():
            yield from _codecs(part)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _refuse_outside_links(path: Path) -> None:
    with h5py.File(path, "r") as file:
        for name in _outside(file):
            raise DataError(f"Part of it ({name}) stands in another file.", next_step=WHAT_TO_DO, file=path.name)


def _outside(group: h5py.Group) -> Iterator[str]:
    for key in group:
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield f"{group.name}/{key}"
        elif isinstance(link, h5py.HardLink):
            part = group[key]
            if isinstance(part, h5py.Group):
                yield from _outside(part)
            elif isinstance(part, h5py.Dataset) and (part.external or part.is_virtual):
                yield part.name
