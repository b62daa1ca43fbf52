"""TOTALVI of scvi-tools (Gayoso et al. 2021), asked for the proteins of cells of which only RNA was measured."""

from __future__ import annotations

from typing import Any

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
import scvi
import torch

from benchmarks.peers.cells import Cells
from benchmarks.peers.methods.multivi import EpochEnd
from benchmarks.peers.methods.watch import Scores, Watch, inner_split
from benchmarks.peers.result import PeerResult
from benchmarks.peers.scores import centred_log_ratio, protein_scores

SAMPLES = 25
"""Draws from the posterior over which the expected proteins are averaged."""


def table(rna: sp.csr_matrix, proteins: np.ndarray, batch: list[str]) -> anndata.AnnData:
    data = anndata.AnnData(rna, obs=pd.DataFrame({"batch": batch}, index=[f"cell{i}" for i in range(len(batch))]))
    data.obsm["proteins"] = pd.DataFrame(proteins, index=data.obs_names, columns=[f"p{i}" for i in range(proteins.shape[1])])
    return data


def run(cells: Cells, settings: dict[str, Any], seed: int) -> PeerResult:
    """Train on cells with RNA and proteins, then give the test cells without their proteins.

    ``settings["rna_only"]``: as in its tutorial on CITE-seq with RNA-seq, cells without proteins stand in batches of their own.
    The training cells are then given a second time without their proteins, so that the encoder learns such cells and no test
    cell is needed for it. Without it a test cell is given with zero proteins in the batch it comes from.
    """
    scvi.settings.seed = seed
    rna, proteins = cells.train["rna"], cells.train["prot"].toarray()
    names, names_test = ([f"b{code}" for code in batch] for batch in (cells.batch_train, cells.batch_test))
    n = len(names)
    fit, own = (np.array(part) for part in inner_split(n, seed))
    without = bool(settings.get("rna_only", False))
    suffix = " RNA only" if without else ""
    if without:
        data = table(
            sp.vstack([rna, rna], format="csr"),
            np.concatenate([proteins, np.zeros_like(proteins)]),
            names + [name + suffix for name in names],
        )
        rows = np.concatenate([fit, n + fit]), np.concatenate([own, n + own])
    else:
        data, rows = table(rna, proteins, names), (fit, own)
    scvi.model.TOTALVI.setup_anndata(data, protein_expression_obsm_key="proteins", batch_key="batch")
    sizes = {name: settings[name] for name in ("n_latent", "n_hidden", "dropout_rate_encoder") if name in settings}
    model = scvi.model.TOTALVI(data, **sizes)

    def expected(rna_counts: sp.csr_matrix, batch: list[str]) -> dict[str, np.ndarray]:
        """Centred log ratios given RNA only: with background counts or without, the mean taken of counts or of log ratios."""
        shown = table(rna_counts, np.zeros((len(batch), proteins.shape[1]), np.float32), [name + suffix for name in batch])
        found: dict[str, np.ndarray] = {}
        for name in dict.fromkeys(batch):
            at = np.flatnonzero(np.array(batch) == name)
            for background in ("with background", "foreground only"):
                draws = model.get_normalized_expression(
                    shown,
                    indices=at,
                    transform_batch=name,
                    gene_list=[],
                    n_samples=SAMPLES,
                    include_protein_background=background == "with background",
                    return_mean=False,
                    return_numpy=True,
                )[1].transpose(2, 0, 1)
                ways = {
                    f"{background}, expected counts": centred_log_ratio(draws.mean(0)),
                    f"{background}, expected log ratios": np.mean([centred_log_ratio(draw) for draw in draws], axis=0),
                }
                for way, values in ways.items():
                    found.setdefault(way, np.zeros((len(batch), proteins.shape[1])))[at] = values
        return found

    measured, measured_test = centred_log_ratio(proteins[own]), centred_log_ratio(cells.test["prot"].toarray())
    names_own = [names[i] for i in own]

    def best_way() -> tuple[str, Scores]:
        found = {way: protein_scores(measured, values) for way, values in expected(rna[own], names_own).items()}
        way = max(found, key=lambda name: found[name]["pearson"])
        return way, found[way]

    def scores() -> tuple[Scores, Scores]:
        way, inner = best_way()
        return {"pearson": inner["pearson"]}, protein_scores(measured_test, expected(cells.test["rna"], names_test)[way])

    watch = Watch(model.module, scores, settings["every"])
    epochs = EpochEnd(watch)
    training = {name: settings[name] for name in ("lr", "batch_size") if name in settings}
    model.train(
        max_epochs=settings["max_epochs"],
        accelerator="cpu",
        devices=1,
        callbacks=[epochs],
        enable_progress_bar=False,
        external_indexing=[*rows, np.array([], dtype=int)],
        **training,
    )
    seconds = watch.seconds()
    watch.ended(len(epochs.cpu))
    model.module.eval()
    test = table(cells.test["rna"], cells.test["prot"].toarray(), names_test)
    latents = [model.get_latent_representation(data) for data in (table(rna, proteins, names), test)]
    nats_test = nats(model, test)
    watch.keep_best("pearson")

    way, _ = best_way()
    return PeerResult(
        method="totalvi",
        seed=seed,
        settings=settings,
        cpu_seconds=seconds,
        epochs=len(epochs.cpu),
        cells_per_second=len(rows[0]) * len(epochs.cpu) / seconds,
        protein=expected(cells.test["rna"], names_test)[way].astype(np.float16),
        latent_train=latents[0],
        latent_test=latents[1],
        curve=watch.curve,
        nats=nats_test,
        notes={
            "protein": way,
            "kept_epochs": watch.kept_epochs,
            "latent": int(model.module.n_latent),
            "hidden": int(settings.get("n_hidden", 256)),
            "versions": {"scvi-tools": scvi.__version__, "torch": torch.__version__},
        },
    )


@torch.no_grad()
def nats(model: scvi.model.TOTALVI, data: anndata.AnnData) -> dict[str, float]:
    """Reconstruction of RNA and proteins from one draw of the joint latent, nats per cell."""
    data = model._validate_anndata(data)
    total: dict[str, list[np.ndarray]] = {"rna": [], "prot": []}
    for tensors in model._make_data_loader(adata=data, batch_size=256):
        _, _, loss = model.module(tensors)
        total["rna"].append(loss.reconstruction_loss["reconst_loss_gene"].numpy())
        total["prot"].append(loss.reconstruction_loss["reconst_loss_protein"].numpy())
    return {name: float(np.concatenate(values).mean()) for name, values in total.items()}
