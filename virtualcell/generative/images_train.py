"""Trains the image codes that come with VirtualCell: ``python -m virtualcell.generative.images_train``."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from virtualcell.data.catalogue import models_folder
from virtualcell.generative.images import FOLDER, ImageCodes
from virtualcell.generative.images_data import load_blood_cells, split_by_slide
from virtualcell.generative.images_fit import ImageSettings, fit_images
from virtualcell.generative.images_record import described
from virtualcell.training.epochs import Progress

SHIPPED = 20
"""Seed of the codes that come with VirtualCell. The benchmark judges it in every run, whatever its other seeds are."""


def train(settings: ImageSettings | None = None, *, progress: Progress | None = None) -> ImageCodes:
    """Codes of the blood-cell images. The seed of the settings draws the slides trained on and the networks' first weights.

    One thread, so that the same seed gives the same codes. Labels are read only afterwards, to name the codes and to count.
    """
    settings = settings or ImageSettings(seed=SHIPPED)
    cells = load_blood_cells()
    slides = split_by_slide(cells, settings.seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        fitted = fit_images(cells.images[slides.training], cells.images[slides.validation], settings, progress=progress)
    finally:
        torch.set_num_threads(threads)
    return described(ImageCodes.of(fitted, settings), cells, slides, fitted.seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Trains the codes of blood-cell images into assets/models.")
    parser.add_argument("--seed", type=int, default=SHIPPED, help="of the slides trained on and of the networks")
    parser.add_argument("--steps", type=int, default=ImageSettings().steps, help="of training (default: as delivered)")
    parser.add_argument("--out", type=Path, default=models_folder() / FOLDER)
    chosen = parser.parse_args(arguments)
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total}  {task.fields[figures]}"), TimeElapsedColumn())
    with Bar(TextColumn("images"), *columns) as shown:
        task = shown.add_task("images", figures="")

        def progress(_: str, done: int, total: int, figures: dict[str, float]) -> None:
            said = "  ".join(f"{name} {value:.3g}" for name, value in figures.items())
            shown.update(task, completed=done, total=total, figures=said)

        codes = train(dataclasses.replace(ImageSettings(), seed=chosen.seed, steps=chosen.steps), progress=progress)
        codes.save(chosen.out)
        r = codes.record
        said = f"{codes.n_categories} codes, purity {r['purity']:.3f}, ARI {r['ari']:.3f}"
        shown.console.print(f"{said} on {r['slides']['test']} slides never trained on")


if __name__ == "__main__":
    main()
