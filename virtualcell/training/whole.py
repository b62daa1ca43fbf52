"""The whole fit: cells and what is said of them in, a trained model out."""

from __future__ import annotations

import dataclasses
import json
import logging
import time as clock
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import torch
from mudata import MuData

from virtualcell import __version__
from virtualcell.data.changes import told
from virtualcell.data.check import check, file_of, require
from virtualcell.data.preprocess import preprocess
from virtualcell.predictor.distance import require_distance
from virtualcell.schema import Settings
from virtualcell.training.autoencoder import train_autoencoder
from virtualcell.training.conversion import fit_conversions
from virtualcell.training.epochs import Progress
from virtualcell.training.fingerprint import fingerprint
from virtualcell.training.fitted import Fitted, states_of
from virtualcell.training.given import as_mudata, clone_matrix, data_digest, kinds_of, known_growth, labels_of
from virtualcell.training.growth import KnownGrowth
from virtualcell.training.kept import Keeper
from virtualcell.training.rank import collapsed_below, effective_rank
from virtualcell.training.refits import Crossed, DynamicsFit, fit_dynamics
from virtualcell.training.table import CellTable, batch_labels, make_table

logger = logging.getLogger("virtualcell")


def fit_whole(
    cells: MuData | ad.AnnData,
    settings: Settings,
    device: torch.device,
    progress: Progress | None,
    crossed: Crossed,
    checkpoint: Path | None = None,
) -> Fitted:
    """States learned from the counts and, where there are several times or treatments, the dynamics that lead on.

    settings.columns says what is known of the cells, which are not changed; crossed: see ``fit_dynamics``. checkpoint: folder in
    which the fit is written as it goes, and from which it goes on (``VirtualCell.fit``). Raises DataError where the cells cannot
    be used, before anything is trained.
    """
    began = clock.perf_counter()
    columns, seed = settings.columns, settings.seed
    cells = as_mudata(cells)
    kinds = kinds_of(cells, settings.kinds)
    require(check(cells, columns, kinds), file=file_of(cells))
    require_distance(settings.predictor.distance)
    digest = data_digest(cells, kinds)
    keep = Keeper(checkpoint, fingerprint(cells, digest, settings)) if checkpoint is not None else Keeper()
    barcodes = clone_matrix(cells, columns.clones)
    prepared = preprocess(cells, settings.preprocess, kinds=kinds)
    if barcodes is not None:
        barcodes = barcodes[cells.obs_names.get_indexer(prepared.obs_names)]
    features = {m: [str(name) for name in prepared.mod[m].var_names] for m in prepared.mod}
    covariates = columns.covariates
    batches = sorted(batch_labels(prepared.obs, covariates).unique()) if covariates else []
    kinds = {m: kinds[m] for m in features}
    table = make_table(prepared, features, covariates, batches, kinds=kinds)
    given = moments = None
    if columns.time is not None:
        given = prepared.obs[columns.time].to_numpy(dtype=float)
        first, last = given.min(), given.max()
        moments = (given - first) / (last - first) if last > first else None
    names = prepared.obs[columns.perturbation].astype(str).to_numpy() if columns.perturbation else None
    treated = names is not None and len(set(names)) > 1
    said_of_growth = known_growth(prepared, columns, given, moments)
    known = KnownGrowth(
        said_of_growth.get("growth", "transport"), said_of_growth.get("growth_rates"), said_of_growth.get("population_sizes", {})
    )
    known.check(moments, treated=treated, distance=settings.predictor.distance, field=str(columns.population_size))
    trained = train_autoencoder(
        table, settings.autoencoder, kinds, settings.preprocess.n_components, max(1, len(batches)), seed, device, progress, keep
    )
    keep.follow(trained.model.state_dict())
    translator, conversions = fit_conversions(trained, table, settings.autoencoder.hidden, seed, device, progress, keep)
    states = states_of(trained.model, table, device)
    moved = None
    if moments is not None or treated:
        moved = fit_dynamics(
            states,
            settings.predictor,
            time=moments,
            treatment=names,
            control=columns.control,
            clones=barcodes,
            diffusion_known=settings.predictor.diffusion_known,
            **said_of_growth,
            seed=seed,
            device=device,
            progress=progress,
            crossed=crossed,
            keep=keep,
        )
    parts = [trained.model] + ([moved.dynamics] if moved is not None else [])
    rank = effective_rank(states)
    record: dict[str, Any] = {
        "version": __version__,
        "seed": seed,
        "digest": digest,
        "changes": told(cells),
        "file": str(cells.uns.get("virtualcell_source", {}).get("file", "")),
        "n_cells": int(prepared.n_obs),
        "modalities": {m: len(f) for m, f in features.items()},
        "measured": _patterns(table),
        "held_out": prepared.obs_names[trained.validation].tolist(),
        "residuals": trained.gates,
        "conversions": {key: dataclasses.asdict(q) | {"related": q.related} for key, q in conversions.items()},
        "parameters": int(sum(p.numel() for part in parts for p in part.parameters())),
        "parameters_predictor": int(sum(p.numel() for part in parts[1:] for p in part.parameters())),
        "effective_rank": rank,
        "latent_dim": int(states.shape[1]),
        "span": [float(given.min()), float(given.max())] if given is not None and moments is not None else None,
        "treatments": _known_treatments(moved, names, columns.control),
        "labels": labels_of(prepared, columns).tolist(),
        "treatment_of": names.tolist() if names is not None else None,
        **_of_motion(moved),
        "preprocess": json.loads(json.dumps(prepared.uns["virtualcell_preprocess"], default=str)),
        "history": {"autoencoder": trained.history} | ({"predictor": moved.history} if moved is not None else {}),
    }
    if rank < collapsed_below(states.shape[1]):
        logger.warning(
            "The %d latent dimensions act as %.2f only (effective rank): the encoder has collapsed.", states.shape[1], rank
        )
    logger.info("Fitted in %.0f s on %s.", clock.perf_counter() - began, device)
    return Fitted(
        settings,
        device,
        trained.model,
        translator,
        kinds,
        features,
        batches,
        moved.dynamics if moved is not None else None,
        tuple(moved.refits) if moved is not None else (),
        {"states": states} | ({"time": given} if given is not None and moments is not None else {}),
        record,
    )


def _of_motion(moved: DynamicsFit | None) -> dict[str, Any]:
    """What a fit of the dynamics says of itself."""
    return {
        "diffusion": float(moved.dynamics.diffusion.detach()) if moved is not None else None,
        "growth_known": moved.growth_known if moved is not None else "",
        "growth_identified": moved is not None and moved.growth_identified,
        "steps_a_span": moved.dynamics.euler_steps if moved is not None else None,
        "rotation_share": moved.rotation_share if moved is not None else None,
        "linear": moved is not None and moved.linear,
        "linear_p": moved.linear_p if moved is not None else None,
    }


def _known_treatments(moved: DynamicsFit | None, names: np.ndarray | None, control: str) -> list[str]:
    """Measured treatments that have a force: one cell alone teaches none."""
    if names is None or moved is None:
        return []
    known = set(moved.dynamics.treatments)
    return sorted(name for name in set(names) - {control} if set(name.split("+")) <= known)


def _patterns(table: CellTable) -> dict[str, int]:
    """How many cells were measured in which modalities: {"rna+atac": 1200, "rna": 300}."""
    names = np.array(list(table.values))
    kinds, counts = np.unique(table.mask, axis=0, return_counts=True)
    return {"+".join(names[kind]): int(n) for kind, n in zip(kinds, counts, strict=True)}
