"""Codes to and from the folder of their model: ``codes.safetensors`` and ``codes.json``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from virtualcell.generative.infogan import Codes
from virtualcell.generative.infogan_networks import Generator, Reader
from virtualcell.generative.infogan_training import CodeSettings
from virtualcell.generative.saved import read_part, write_part
from virtualcell.schema import DataError

NAME = "codes"


def save_codes(codes: Codes, folder: str | Path, digest: str) -> None:
    """Writes both files; digest: of the model's cells, as in ``record["digest"]`` of the model."""
    parts: dict[str, torch.nn.Module] = {"generator": codes.generator, "reader": codes.reader}
    weights = {f"{name}.{key}": value for name, part in parts.items() for key, value in part.state_dict().items()}
    weights |= {name: torch.from_numpy(np.asarray(getattr(codes, name))) for name in ("mean", "scale", "prior")}
    record = {
        "shape": [len(codes.mean), codes.n_categories, codes.n_continuous],
        "settings": dataclasses.asdict(codes.settings),
        "log": codes.log,
        "record": codes.record,
    }
    write_part(Path(folder), NAME, weights, record, digest)


def load_codes(folder: str | Path, digest: str) -> Codes | None:
    """The codes that were saved; None where none were. Raises DataError naming the file that is missing, broken or of another
    model."""
    found = read_part(Path(folder), NAME, digest)
    if found is None:
        return None
    weights, record = found
    try:
        d, k, c = record["shape"]
        settings = CodeSettings(**record["settings"])
        generator, reader = Generator(d, k, c, settings.hidden), Reader(d, k, c, settings.hidden)
        for name, network in (("generator", generator), ("reader", reader)):
            start = f"{name}."
            network.load_state_dict({key.removeprefix(start): value for key, value in weights.items() if key.startswith(start)})
            network.eval().requires_grad_(requires_grad=False)
        mean, scale, prior = (weights[name].numpy() for name in ("mean", "scale", "prior"))
        if not (mean.shape == scale.shape == (d,) and prior.shape == (k,)):
            raise ValueError("the arrays do not have the shapes that the record names")
        return Codes(settings, generator, reader, mean, scale, prior, list(record["log"]), dict(record["record"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"The codes and their record do not fit each other ({error}).",
            next_step="copy the folder again, or train the generators again with `virtualcell generators`.",
            file=str(Path(folder) / f"{NAME}.json"),
        ) from error
