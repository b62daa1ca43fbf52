"""Blood-cell images by code: read the codes of an image, draw an image with chosen codes."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import nn

from virtualcell import __version__
from virtualcell.data.catalogue import models_folder
from virtualcell.generative.images_data import (
    KINDS,
    SIDE,
    BloodCells,
    Slides,
    digest_of_images,
    load_blood_cells,
    orientations,
    split_by_slide,
)
from virtualcell.generative.images_fit import (
    FittedImages,
    ImageSettings,
    as_pixels,
    coded,
    fit_images,
    read_pixels,
)
from virtualcell.generative.images_networks import CodeHead, Generator
from virtualcell.generative.images_views import Views
from virtualcell.generative.saved import read_part, write_part
from virtualcell.schema import DataError

__all__ = [
    "KINDS",
    "SIDE",
    "BloodCells",
    "ImageCodes",
    "ImageSettings",
    "Slides",
    "as_png",
    "fit_images",
    "load_blood_cells",
    "split_by_slide",
]

FOLDER, PART = "blood_cells", "images"
BLOCK = 256
"""Images read or drawn at once."""


@dataclass(frozen=True)
class CodeName:
    """What one categorical code mostly holds on the training slides. kind: one of ``KINDS``' values, "" where no image has this
    code; share: of its images that are of this kind, in [0, 1]; images: how many have this code."""

    kind: str
    share: float
    images: int


@dataclass(frozen=True)
class ImageCodes:
    """A trained generator with the head that reads its codes.

    prior: (K,) share of each code; names: (K,), given after training (labels play no part in it); log: a line each few steps
    with step, entropy_of_code and entropy_of_use (nats, of images never trained on), mutual_information (nats, lower bound),
    apart_from_start (nats), continuous_error, loss_generator and loss_discriminator; record: what was measured on the test
    slides.
    """

    settings: ImageSettings
    generator: Generator
    head: CodeHead
    prior: np.ndarray
    names: tuple[CodeName, ...]
    log: list[dict[str, float]]
    record: dict[str, Any]

    @classmethod
    def of(cls, fitted: FittedImages, settings: ImageSettings) -> ImageCodes:
        """Codes without names and record yet."""
        nameless = tuple(CodeName("", 0.0, 0) for _ in fitted.prior)
        return cls(settings, fitted.generator, fitted.head, fitted.prior.numpy(), nameless, fitted.log, {})

    @property
    def n_categories(self) -> int:
        return len(self.prior)

    @property
    def n_continuous(self) -> int:
        return self.settings.n_continuous

    def read(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, 32, 32, 3) uint8 -> probabilities of the categorical code (n, K), continuous codes (n, C) in [-1, 1]."""
        blocks = [read_pixels(self.head, part) for part in as_pixels(images).split(BLOCK)]
        probabilities, continuous = (torch.cat(part).numpy() for part in zip(*blocks, strict=True))
        return probabilities, continuous

    def draw(self, category: np.ndarray, continuous: np.ndarray, seed: int = 0, noise: float = 1.0) -> np.ndarray:
        """Images with these codes: category (m,) whole numbers below K, continuous (m, C) in [-1, 1] -> (m, 32, 32, 3) uint8.

        seed: of what the codes do not say, drawn image by image in order, so that the same place with the same seed differs only
        in the codes; noise: its size in [0, 2], 1 as trained, 0 the typical image of the codes. With any noise each image is
        turned by chance, too: the discriminator saw drawn images so, and the generator draws cells the same way up. Raises
        DataError.
        """
        category, continuous = np.asarray(category), np.asarray(continuous, dtype=np.float32)
        self._check(category, continuous, noise)
        rng = np.random.default_rng(seed)
        rest = noise * rng.standard_normal((len(category), self.settings.noise)).astype(np.float32)
        code = coded(torch.from_numpy(category.astype(np.int64)), torch.from_numpy(continuous), self.n_categories)
        with torch.no_grad():
            parts = [self.generator(*pair) for pair in zip(code.split(BLOCK), torch.from_numpy(rest).split(BLOCK), strict=True)]
        pixels = torch.cat(parts).permute(0, 2, 3, 1).numpy()
        drawn = np.rint((pixels + 1) * 127.5).clip(0, 255).astype(np.uint8)
        if noise == 0:
            return drawn
        which, turned = rng.integers(8, size=len(drawn)), np.empty_like(drawn)
        for i, everyone in enumerate(orientations(drawn)):
            turned[which == i] = everyone[which == i]
        return turned

    def turn(
        self, category: np.ndarray, which: int, continuous: np.ndarray, *, steps: int = 9, seed: int = 0, noise: float = 1.0
    ) -> np.ndarray:
        """(steps, m, 32, 32, 3) uint8: images as of ``draw`` in which one continuous code goes from -1 to 1 in even steps and all
        else, chance included, is held. continuous: (m, C), of which column ``which`` is not looked at. Raises DataError."""
        if not 0 <= which < self.n_continuous:
            raise _no_code(f"There is no continuous code {which}.", f"choose 0 to {self.n_continuous - 1}.", "which")
        frames = []
        for value in np.linspace(-1, 1, steps):
            turned = np.array(continuous, dtype=np.float32)
            turned[..., which] = value
            frames.append(self.draw(category, turned, seed, noise))
        return np.stack(frames)

    def save(self, folder: Path) -> None:
        """Writes images.safetensors and images.json."""
        networks: dict[str, nn.Module] = {"generator": self.generator, "head": self.head}
        weights = {f"{name}.{key}": value for name, net in networks.items() for key, value in net.state_dict().items()}
        record = {
            "settings": dataclasses.asdict(self.settings),
            "prior": self.prior.tolist(),
            "names": [dataclasses.asdict(name) for name in self.names],
            "record": self.record,
            "log": self.log,
        }
        write_part(folder, PART, weights, record, digest_of_images())

    @classmethod
    def load(cls, folder: Path | None = None) -> ImageCodes:
        """The codes that come with VirtualCell, or those of another folder. Raises DataError where they are missing, broken or
        were trained on other images."""
        folder = folder or models_folder() / FOLDER
        found = read_part(folder, PART, digest_of_images())
        again = "train them with `python -m virtualcell.generative.images_train`."
        if found is None:
            raise DataError("The trained image codes are missing.", next_step=again, file=str(folder))
        weights, said = found
        try:
            chosen = dict(said["settings"])
            views = {name: Views(**chosen[name]) for name in ("views", "judged_views")}
            settings = ImageSettings(**(chosen | views))
            prior = np.array(said["prior"])
            generator = Generator(len(prior) + settings.n_continuous, settings.noise, settings.width)
            head = CodeHead(len(prior), settings.n_continuous, settings.head_width)
            networks: dict[str, nn.Module] = {"generator": generator, "head": head}
            for name, network in networks.items():
                part = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
                network.load_state_dict(part)
                network.to(memory_format=torch.channels_last).eval().requires_grad_(False)
            names = tuple(CodeName(**name) for name in said["names"])
            return cls(settings, generator, head, prior, names, said["log"], said["record"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(f"The image codes are broken ({error}).", next_step=again, file=str(folder)) from error

    def _check(self, category: np.ndarray, continuous: np.ndarray, noise: float) -> None:
        if category.ndim != 1 or len(category) == 0 or continuous.shape != (len(category), self.n_continuous):
            shapes = f"Codes of shapes {category.shape} and {continuous.shape} do not go together."
            wanted = f"give (m,) categories and (m, {self.n_continuous}) continuous codes."
            raise _no_code(shapes, wanted, "category, continuous")
        if not np.issubdtype(category.dtype, np.integer) or category.min() < 0 or category.max() >= self.n_categories:
            raise _no_code("No such categorical code.", f"give whole numbers from 0 to {self.n_categories - 1}.", "category")
        if not (np.abs(continuous) <= 1).all():  # also false for what is no number
            raise _no_code("A continuous code is outside of what was trained.", "stay between -1 and 1.", "continuous")
        if not 0 <= noise <= 2:
            raise _no_code(f"Noise of {noise:g} is outside of what was trained.", "stay between 0 and 2.", "noise")


def _no_code(problem: str, next_step: str, field: str) -> DataError:
    return DataError(problem, next_step=next_step, field=field)


def as_png(image: np.ndarray, record: Mapping[str, Any] | None = None) -> bytes:
    """A drawn image (height, width, 3) uint8 as a PNG file whose text chunk "synthetic" says so: generator, version and what else
    the record tells (seed, codes), as JSON."""
    said = {
        "synthetic": True,
        "generator": "VirtualCell image codes (InfoGAN)",
        "version": __version__,
        **(record or {}),
    }
    chunk = PngInfo()
    chunk.add_itxt("synthetic", json.dumps(said, ensure_ascii=False))
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", pnginfo=chunk)
    return file.getvalue()
