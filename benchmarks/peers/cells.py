"""The cells that a peer gets: numpy and scipy only, so that the peers' own environment reads it too."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

PARTS = ("train", "test")


@dataclass(frozen=True)
class Cells:
    """Raw counts of training and test cells by modality ("rna", "atac" as 0 or 1, "prot"), CSR float32 (cells, features)."""

    train: Mapping[str, sp.csr_matrix]
    test: Mapping[str, sp.csr_matrix]
    batch_train: np.ndarray
    """Batch codes from 0 up, (cells,)."""
    batch_test: np.ndarray

    def __post_init__(self) -> None:
        if list(self.train) != list(self.test):
            raise ValueError(f"training cells have {list(self.train)}, test cells {list(self.test)}.")
        for part, batch in zip(PARTS, (self.batch_train, self.batch_test)):
            lengths = {name: counts.shape[0] for name, counts in getattr(self, part).items()} | {"batch": len(batch)}
            if len(set(lengths.values())) != 1:
                raise ValueError(f"{part}: numbers of cells differ: {lengths}.")
        for name in self.train:
            if self.train[name].shape[1] != self.test[name].shape[1]:
                raise ValueError(f"{name}: training and test cells have different features.")

    def arrays(self) -> dict[str, np.ndarray]:
        """Plain arrays in one canonical form: sorted columns, float32 values, int64 places."""
        found: dict[str, np.ndarray] = {"modalities": np.array(list(self.train))}
        for part in PARTS:
            found[f"{part}_batch"] = np.asarray(getattr(self, f"batch_{part}"), dtype=np.int64)
            for name, counts in getattr(self, part).items():
                matrix = sp.csr_matrix(counts, dtype=np.float32, copy=True)
                matrix.sum_duplicates()
                matrix.eliminate_zeros()
                found[f"{part}_{name}_data"] = matrix.data
                found[f"{part}_{name}_indices"] = matrix.indices.astype(np.int64)
                found[f"{part}_{name}_indptr"] = matrix.indptr.astype(np.int64)
                found[f"{part}_{name}_shape"] = np.array(matrix.shape, dtype=np.int64)
        return found

    def save(self, path: Path) -> None:
        np.savez(path, **self.arrays())

    @classmethod
    def load(cls, path: Path) -> Cells:
        with np.load(path, allow_pickle=False) as file:
            names = [str(name) for name in file["modalities"]]
            counts = {
                part: {
                    name: sp.csr_matrix(
                        tuple(file[f"{part}_{name}_{piece}"] for piece in ("data", "indices", "indptr")),
                        shape=tuple(int(n) for n in file[f"{part}_{name}_shape"]),
                    )
                    for name in names
                }
                for part in PARTS
            }
            return cls(counts["train"], counts["test"], file["train_batch"], file["test_batch"])

    def digest(self) -> str:
        """sha256 of all values: two results can be compared only where it is the same."""
        total = hashlib.sha256()
        for name, array in self.arrays().items():
            total.update(f"{name} {array.dtype} {array.shape}".encode())
            total.update(np.ascontiguousarray(array).tobytes())
        return total.hexdigest()
