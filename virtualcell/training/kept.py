"""What a fit has come to, in a folder, so that it goes on from there after a crash. Nothing is pickled."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

logger = logging.getLogger("virtualcell")

EVERY = 15.0
"""Seconds of work after which a loop writes what it has come to."""

MOST_SHARE = 0.02
"""Of the time, that writing may take: what takes long to write is written less often."""


class Kept(NamedTuple):
    """tensors by name; record: everything else, as JSON takes it."""

    tensors: dict[str, Tensor]
    record: dict[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """Tensors "name.key" by key."""
        return {key.removeprefix(f"{name}."): value for key, value in self.tensors.items() if key.startswith(f"{name}.")}

    @property
    def finished(self) -> bool:
        return bool(self.record.get("finished"))


class Keeper:
    """Writes and reads one file a stage: ``progress-STAGE.safetensors``, with its record as JSON in the file's header.

    belongs: digest of all that decides the fit; a file that belongs to another fit is never used. A file takes the place of the
    one before it at once and is checked by a digest of its content: one that was torn is told and not used. Without a folder
    nothing is kept.
    """

    def __init__(self, folder: Path | None = None, belongs: str = ""):
        self.folder, self.belongs = folder, belongs
        self.last, self.cost = time.monotonic(), 0.0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob("progress-*.tmp"):  # of a process that was killed as it wrote
                left.unlink()

    def due(self) -> bool:
        """Whether a loop should write what it has come to."""
        return self.folder is not None and time.monotonic() - self.last >= max(EVERY, self.cost / MOST_SHARE)

    def write(self, stage: str, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
        """Takes the place of what was kept of the stage."""
        if self.folder is None:
            return
        began = time.monotonic()
        plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        said = json.dumps(record)
        path = self._path(stage)
        fresh = path.with_suffix(".tmp")
        save_file(plain, fresh, {"belongs": self.belongs, "said": said, "content": _digest(plain, said)})
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(fresh, path)
        self.last = time.monotonic()
        self.cost = self.last - began

    def finish(self, stage: str, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
        """Writes what a stage has led to: it is not run again."""
        self.write(stage, tensors, {**record, "finished": True})

    def once(self, stage: str, ask: Callable[[], bool]) -> bool:
        """The answer, which is asked for only where none was kept."""
        if (kept := self.read(stage)) is not None:
            return kept.record["answer"]
        answer = bool(ask())
        self.finish(stage, {}, {"answer": answer})
        return answer

    def read(self, stage: str) -> Kept | None:
        """What was kept of a stage; None where nothing was, or nothing that can be used, which is told."""
        if self.folder is None or not (path := self._path(stage)).is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata()
                # Copies: the file itself will be replaced.
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a dict
            said, belongs = header["said"], header["belongs"]
            if header["content"] != _digest(tensors, said):
                raise ValueError("its content is not what was written")
            record = json.loads(said)
        except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
            logger.warning("%s is broken (%s): this part of the training starts over.", path, error)
            return None
        if belongs != self.belongs:
            logger.warning(
                "%s was kept of other cells or settings, or by another version: this part of the training starts over.", path
            )
            return None
        return Kept(tensors, record)

    def follow(self, tensors: Mapping[str, Tensor]) -> None:
        """What is kept from here on belongs to this outcome of an earlier stage, too: should it ever be another one (on several
        threads no two are alike to the last digit), what was built on it is built again."""
        if self.folder is not None:
            self.belongs = _digest({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, self.belongs)

    def _path(self, stage: str) -> Path:
        assert self.folder is not None
        return self.folder / f"progress-{stage}.safetensors"


def _digest(tensors: Mapping[str, Tensor], said: str) -> str:
    digest = hashlib.blake2b(said.encode(), digest_size=16)
    for name in sorted(tensors):
        digest.update(f"{name} {tuple(tensors[name].shape)} {tensors[name].dtype}".encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
