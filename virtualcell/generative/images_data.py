"""Images of stained blood cells: what comes with VirtualCell, and how it was made from the larger crops.

``python -m virtualcell.generative.images_data CROPS.npz`` makes the file in assets/data again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from virtualcell.data.catalogue import data_folder, manifest
from virtualcell.schema import DataError

FILE = "bccd_blood_cells_32px.npz"
SIDE = 32
"""Pixels along each side of an image."""
TEST, VALIDATION, TEST_SEED = 0.25, 0.2, 364
"""Shares of the slides, and the chance by which those that judge were drawn."""
KINDS = {"RBC": "red cell", "WBC": "white cell", "Platelets": "platelet"}
"""The source's names of the kinds of cell -> ours."""


@dataclass(frozen=True)
class BloodCells:
    """images: (n, 32, 32, 3) uint8, red green blue; labels: (n,) kind of cell, one of ``KINDS``' values; slide: (n,) name of the
    photograph that a cell was cut out of. Every crop was resized to the same side, so nothing here tells how large a cell is."""

    images: np.ndarray
    labels: np.ndarray
    slide: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Slides:
    """Rows of each part, ascending; no slide is in two parts. validation: watched while training; test: only ever judged on."""

    training: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def load_blood_cells(path: Path | None = None) -> BloodCells:
    """The images that come with VirtualCell, or those of another file of this form; nothing is unpickled. Raises DataError."""
    path = path or data_folder() / FILE
    again = "get the file again from the repository."
    try:
        with np.load(path, allow_pickle=False) as found:
            tiles, labels, slide = found["tiles"], found["labels"], found["slide"]
        column = np.asarray(Image.open(io.BytesIO(tiles.tobytes())).convert("RGB"))
        images = column.reshape(-1, SIDE, SIDE, 3)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"The images cannot be read ({error}).", next_step=again, file=str(path)) from error
    if not len(images) == len(labels) == len(slide):
        raise DataError(
            f"{len(images)} images, {len(labels)} labels and {len(slide)} slides do not match.", next_step=again, file=str(path)
        )
    return BloodCells(images, labels, slide)


def digest_of_images(path: Path | None = None) -> str:
    """SHA-256 of the image file: a model says what it was trained on by it."""
    path = path or data_folder() / FILE
    if not path.is_file():
        raise DataError("The images are missing.", next_step="get the file again from the repository.", file=str(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def orientations(images: np.ndarray) -> list[np.ndarray]:
    """(n, side, side, 3) -> eight of the same shape: turned by 0, 90, 180 and 270 degrees, as they are and mirrored. Views, no
    copies. A cell on a slide has no up and no left."""
    return [np.rot90(one, quarters, (1, 2)) for one in (images, images[:, :, ::-1]) for quarters in range(4)]


def slides_that_judge(cells: BloodCells) -> np.ndarray:
    """Names of the slides that judge, ascending: a quarter of all, the same for every seed.

    Drawn evenly from slides that show the same kinds of cell, so that white cells and platelets are among them as often as
    elsewhere. None is of the slides by whose labels settings were chosen (``_looked_at``). Raises DataError.
    """
    names, place = np.unique(cells.slide, return_inverse=True)
    if len(names) < 3:
        raise DataError(
            f"{len(names)} slides are too few to split.", next_step="give images of at least three slides.", field="slide"
        )
    shown = [" and ".join(np.unique(cells.labels[place == i])) for i in range(len(names))]
    order = np.random.default_rng(TEST_SEED).permutation(np.flatnonzero(~np.isin(names, _looked_at(names))))
    # In the order of the kinds shown, chance within: every so-manieth slide then takes its share of each kind.
    order = order[np.argsort(np.array(shown)[order], kind="stable")]
    n = max(1, round(TEST * len(names)))
    return np.sort(names[order[np.linspace(0, len(order) - 1, n).round().astype(int)]])


def _looked_at(names: np.ndarray) -> np.ndarray:
    """The slides that an earlier rule had put aside for choices with seed 0. Settings were compared by their labels."""
    n_test, n_validation = (max(1, round(share * len(names))) for share in (TEST, VALIDATION))
    return np.random.default_rng(0).permutation(names)[n_test : n_test + n_validation]


def split_by_slide(cells: BloodCells, seed: int) -> Slides:
    """Whole slides in three parts: those of ``slides_that_judge``, which no seed changes, and of the others a fifth of all
    slides, drawn by the seed, for validation.

    Cells of one slide share its stain and its light: were they in two parts, a model would be judged on what it has seen.
    """
    names, test = np.unique(cells.slide), slides_that_judge(cells)
    others = np.random.default_rng(seed).permutation(np.setdiff1d(names, test))
    n_validation = max(1, round(VALIDATION * len(names)))
    parts = others[n_validation:], others[:n_validation], test
    return Slides(*(np.flatnonzero(np.isin(cells.slide, part)) for part in parts))


def shrink(images: np.ndarray) -> np.ndarray:
    """(n, any, any, 3) uint8 at 32 x 32, each new pixel the mean of the area it covers."""
    size = (SIDE, SIDE)
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)) for image in images])


def write_images(images: np.ndarray, labels: np.ndarray, slide: np.ndarray, path: Path) -> None:
    """One file: the images below one another as a PNG (lossless, two thirds of what zip makes of them), labels and slides."""
    png = io.BytesIO()
    Image.fromarray(images.reshape(-1, SIDE, 3)).save(png, "PNG", optimize=True)
    tiles = np.frombuffer(png.getvalue(), dtype=np.uint8)
    with path.open("wb") as file:
        np.savez(file, tiles=tiles, labels=labels.astype(str), slide=slide.astype(str))


def entry(path: Path) -> dict[str, Any]:
    """What the manifest says of the file."""
    cells = load_blood_cells(path)
    return {
        "demo": None,
        "source": "https://github.com/Shenggan/BCCD_Dataset",
        "provenance": "Shenggan/BCCD_Dataset (MIT): cells cut out along the boxes of its annotators and resized to 48 x 48, "
        "then to 32 x 32 by the mean over areas (python -m virtualcell.generative.images_data)",
        "citation": "Shenggan. BCCD Dataset: blood cell count and detection (2017). Photographs and annotations: cosmicad and "
        "akshaylamba.",
        "licence": "MIT (repository of BCCD_Dataset)",
        "simulated": False,
        "sha256": digest_of_images(path),
        "bytes": path.stat().st_size,
        "cells": len(cells),
        "features": {"image": SIDE * SIDE * 3},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Makes the 32-pixel images from larger crops, and their entry in the manifest.")
    parser.add_argument("crops", type=Path, help="npz with images (n, height, width, 3) uint8, labels and source_image")
    chosen = parser.parse_args(arguments)
    with np.load(chosen.crops, allow_pickle=False) as found:
        labels = np.array([KINDS[str(label)] for label in found["labels"]])
        slide = np.array([Path(str(name)).stem for name in found["source_image"]])
        write_images(shrink(found["images"]), labels, slide, data_folder() / FILE)
    entries = manifest() | {FILE: entry(data_folder() / FILE)}
    (data_folder() / "manifest.json").write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
