"""Cells that a model does not judge: nothing like their measurements was seen."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import torch
from mudata import MuData

from virtualcell.generative.adversary_saved import Scorers
from virtualcell.generative.adversary_seen import Seen
from virtualcell.generative.material import Material
from virtualcell.model.held import Held
from virtualcell.training.described import encode_table
from virtualcell.training.table import CellTable


class Refusing(Held):
    """Is this measurement like those that the model learned from?"""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.pairs: Scorers | None = None

    def refusals(self, cells: MuData | ad.AnnData, *modalities: str) -> np.ndarray:
        """Why nothing is said of cells by these measurements, (cells,) str, "" where something is.

        modalities: those that are needed; by default what was measured in each cell. A cell is refused of which nothing was
        counted, whose embedding by one of them alone lies further out than 99 % of training cells do, of which more or less was
        counted than in any of these, or which fits what the decoder makes of it worse than 99 % of these do. The latter two are
        known where scorers were trained. Raises DataError for a modality that the model does not have.
        """
        for name in modalities:
            self.features(name)
        return self._refused(self._table(cells, None, None, empty=True), modalities)

    def _refused(self, table: CellTable, modalities: tuple[str, ...] = ()) -> np.ndarray:
        core, known = self._fitted.autoencoder, {} if self.pairs is None else self.pairs.seen
        why = np.where(table.mask.any(1), "", "Nothing was counted in it.").astype(object)
        for name in modalities or core.names:
            measured = table.mask[:, list(core.names).index(name)]
            if modalities:
                why[~measured & (why == "")] = f"Nothing was counted of its {name}."
            rows = np.flatnonzero(measured & (why == ""))
            if not len(rows):
                continue
            embedding = self._alone(table, name)
            if name in known:
                why[rows] = known[name].why(embedding[rows], *self._nats_each(table, name, embedding, rows), name)
            else:
                far = f"Nothing like its {name} was measured: it lies further from training cells than 99 of 100 of them do."
                why[rows] = np.where(self.in_domain(embedding[rows]), "", far)
        return why

    def _see(self, material: Material, cells: MuData, seed: int) -> dict[str, Seen]:
        """What every measurement looks like in the cells of the fit; material: the same, read as new."""
        table = self._table(cells, None, None)
        found: dict[str, Seen] = {}
        for name, as_new in material.embeddings.items():
            rows = np.flatnonzero(material.both(name) & ~material.held_out)
            if len(rows):
                seen = Seen.of(self._alone(table, name)[rows], *self._nats_each(table, name, as_new, rows), seed)
                if seen is not None:
                    found[name] = seen
        return found

    def _alone(self, table: CellTable, name: str) -> np.ndarray:
        """Embedding (cells, d) by one modality alone; where it was not measured it says nothing."""
        core = self._fitted.autoencoder
        part = np.zeros_like(table.mask)
        part[:, list(core.names).index(name)] = True
        return (encode_table(core, table, self.device, part) * core.latent_scale.cpu().numpy()).astype(np.float32)

    def _nats_each(
        self, table: CellTable, modality: str, embedding: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log-likelihood a count, and depth, of some rows' values given embeddings (cells, d) by this modality alone, (rows,)
        each; where nothing is counted, log-likelihood a feature and 1."""
        core = self._fitted.autoencoder
        kind, nats, depths = core.modalities[modality], [], []
        with torch.no_grad():
            for part in np.array_split(rows, max(1, len(rows) // 1024)):
                every, _, batch = table.rows(part, self.device)
                z = torch.from_numpy(embedding[part]).to(self.device) / core.latent_scale
                nats.append(kind.nats(every[modality], core.decoders[modality](z, batch)).cpu().numpy())
                depths.append(kind.depth(every[modality])[:, 0].cpu().numpy())
        depth = np.concatenate(depths) if kind.counted else np.ones(len(rows))
        each = depth.clip(min=1e-9) if kind.counted else kind.n_features
        return np.concatenate(nats) / each, depth
