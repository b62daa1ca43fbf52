"""One file per kind of measurement: its likelihood and its input transform."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping

from virtualcell.modalities.base import Modality
from virtualcell.modalities.values import Counts, Values
from virtualcell.schema import DEFAULT_KINDS, DataError

__all__ = ["MODALITIES", "Counts", "Modality", "Values", "find_modalities", "modality_of"]


def find_modalities(folders: Iterable[str]) -> dict[str, type[Modality]]:
    """Kinds of measurement by name, from every module of this package in the folders: a new file is enough for a new kind."""
    found: dict[str, type[Modality]] = {}
    for info in pkgutil.iter_modules(folders):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for kind in vars(module).values():
            own = inspect.isclass(kind) and issubclass(kind, Modality) and kind.__module__ == module.__name__
            if not own or inspect.isabstract(kind):
                continue
            if kind.name in found:
                raise TypeError(f"{kind.__module__} and {found[kind.name].__module__} both define the kind {kind.name!r}.")
            found[kind.name] = kind
    return found


MODALITIES: dict[str, type[Modality]] = find_modalities(__path__)
"""Kind of measurement, as settings name it -> class."""


def modality_of(key: str, kinds: Mapping[str, str] | None = None) -> type[Modality]:
    """Class for a key of a MuData, by its kind (default: ``DEFAULT_KINDS``). Raises DataError where there is none."""
    kind = (DEFAULT_KINDS if kinds is None else kinds).get(key)
    if kind not in MODALITIES:
        problem = f"{key!r} has no kind of measurement." if kind is None else f"There is no kind of measurement {kind!r}."
        raise DataError(problem, next_step=f"name its kind, one of {', '.join(sorted(MODALITIES))}.", field=key)
    return MODALITIES[kind]
