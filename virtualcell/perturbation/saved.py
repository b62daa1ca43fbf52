"""A response to and from its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from virtualcell.perturbation.inverse_head import InverseHead
from virtualcell.perturbation.response import Response
from virtualcell.schema import DataError

FILE = "response.safetensors"

ARRAYS = ("basis", "untreated", "mean", "n", "middle", "between")
"""Of the head."""


def save_response(response: Response | None, folder: Path, digest: str) -> None:
    """Writes the response into a model's folder, with the digest of its data; none: takes away what was left there."""
    (folder / FILE).unlink(missing_ok=True)
    if response is None:
        return
    arrays = {"centre": response.centre, "components": response.components}
    for i, name in enumerate(response.treatments):
        arrays |= {f"shared.{i}": response.shared[name], f"error.{i}": response.error[name]}
        arrays[f"common.{i}"] = response.common[name]
        if name in response.slope:
            arrays |= {f"middle.{i}": response.middle[name], f"slope.{i}": response.slope[name]}
    head = response.head
    if head is not None:
        arrays |= {f"head.{name}": getattr(head, name) for name in ARRAYS}
    said = {"digest": digest, "treatments": response.treatments, "depth": response.depth, "choice": _plain(response.choice)}
    if head is not None:
        said["head"] = {"control": head.control, "names": list(head.names), "n_untreated": head.n_untreated}
    save_file(
        {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in arrays.items()}, folder / FILE, {"said": json.dumps(said)}
    )


def load_response(folder: Path, digest: str, n_genes: int) -> Response | None:
    """The response of a saved model, None where it has none. Raises DataError where the file is broken or of another model."""
    if not (folder / FILE).is_file():
        return None
    try:
        with safe_open(folder / FILE, framework="np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            said = json.loads(file.metadata()["said"])
        if said["digest"] != digest or arrays["centre"].shape != (n_genes,):
            raise ValueError("it is of another model")
        response = Response(depth=float(said["depth"]))
        response.treatments = list(said["treatments"])
        response.choice = {name: {float(k): v for k, v in table.items()} for name, table in said["choice"].items()}
        response.centre, response.components = arrays["centre"], arrays["components"]
        names = list(enumerate(response.treatments))
        response.shared = {name: arrays[f"shared.{i}"] for i, name in names}
        response.error = {name: arrays[f"error.{i}"] for i, name in names}
        response.common = {name: arrays[f"common.{i}"] for i, name in names}
        response.middle = {name: arrays[f"middle.{i}"] for i, name in names if f"middle.{i}" in arrays}
        response.slope = {name: arrays[f"slope.{i}"] for i, name in names if f"slope.{i}" in arrays}
        response.head = _head(said.get("head"), arrays, n_genes)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"This file of the model is broken ({error}).",
            next_step="copy the folder again or train again.",
            file=str(folder / FILE),
        ) from error
    return response


def _head(said: dict[str, Any] | None, arrays: dict[str, np.ndarray], n_genes: int) -> InverseHead | None:
    """None in files that were written before there was one."""
    if said is None:
        return None
    of = {name: arrays[f"head.{name}"].astype(float) for name in ARRAYS}
    many, size = len(said["names"]), len(of["untreated"])
    shapes = {"basis": (size, n_genes), "mean": (many, size), "n": (many,), "middle": (size,), "between": (size,)}
    if any(of[name].shape != shape for name, shape in shapes.items()):
        raise ValueError("the parts of what tells treatments apart do not fit together")
    return InverseHead(control=str(said["control"]), names=tuple(said["names"]), n_untreated=float(said["n_untreated"]), **of)


def _plain(choice: dict[str, dict[float, float]]) -> dict[str, dict[str, float]]:
    return {name: {str(k): v for k, v in table.items()} for name, table in choice.items()}
