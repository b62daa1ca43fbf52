"""MULTIVI of scvi-tools (Ashuach et al. 2023), as its makers train it and treat cells in which one modality was not measured."""

from __future__ import annotations

import time
from typing import Any

import anndata
import lightning
import mudata
import numpy as np
import scipy.sparse as sp
import scvi
import torch

from benchmarks.peers.cells import Cells
from benchmarks.peers.methods.watch import Scores, Watch, inner_split
from benchmarks.peers.result import PeerResult
from benchmarks.peers.scores import accessibility_scores, gain, log_per_ten_thousand, most_variable, pearson_per_feature

CHUNK = 512


class EpochEnd(lightning.pytorch.Callback):
    """Tells the watch of every epoch, and takes the CPU time of each."""

    def __init__(self, watch: Watch | None = None) -> None:
        self.watch, self.cpu = watch, []

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        self.began = time.process_time()

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        self.cpu.append(time.process_time() - self.began)
        if self.watch is not None:
            self.watch.epoch_ended(trainer.current_epoch + 1)


def build(rna: sp.csr_matrix, atac: sp.csr_matrix, batch: np.ndarray, settings: dict[str, Any], seed: int) -> scvi.model.MULTIVI:
    """An untrained model of paired cells; ``n_hidden`` and ``n_latent`` of None are its own defaults."""
    scvi.settings.seed = seed
    names = [f"cell{i}" for i in range(len(batch))]
    parts = {"rna": anndata.AnnData(rna), "atac": anndata.AnnData(atac)}
    for name, part in parts.items():
        part.obs_names = names
        part.var_names = [f"{name}{i}" for i in range(part.n_vars)]
    data = mudata.MuData(parts)
    data.obs["batch"] = [f"b{code}" for code in batch]
    scvi.model.MULTIVI.setup_mudata(data, batch_key="batch", modalities={"rna_layer": "rna", "atac_layer": "atac"})
    chosen = {name: settings[name] for name in ("n_hidden", "n_latent", "dropout_rate", "gene_likelihood") if name in settings}
    return scvi.model.MULTIVI(data, **chosen)


def codes(model: scvi.model.MULTIVI, batch: np.ndarray) -> np.ndarray:
    """The model's own numbers of our batch codes. Raises KeyError for a batch that it was not trained on."""
    known = model.adata_manager.get_state_registry(scvi.REGISTRY_KEYS.BATCH_KEY).categorical_mapping
    number = {str(name): i for i, name in enumerate(known)}
    return np.array([number[f"b{code}"] for code in batch])


class Reader:
    """The trained module on cells of which one modality, or none, is missing.

    MULTIVI takes a modality without any counts as not measured: it masks its encoder, and its decoder imputes. What is called
    here is ``inference`` and ``generative`` of the module, at the posterior mean, as ``get_normalized_accessibility`` does.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module

    @torch.no_grad()
    def read(self, rna: sp.csr_matrix, atac: sp.csr_matrix, batch: np.ndarray, seen: tuple[str, ...]) -> dict[str, np.ndarray]:
        """ "latent", "p" (peaks, without depth), "depth" (cells,), "rate" (gene shares), "drop" (zero inflation), "nats_*"."""
        m, found = self.module, {}
        for start in range(0, len(batch), CHUNK):
            rows = slice(start, start + CHUNK)
            values = {"rna": torch.from_numpy(rna[rows].toarray()), "atac": torch.from_numpy(atac[rows].toarray())}
            shown = [value if name in seen else torch.zeros_like(value) for name, value in values.items()]
            n = len(shown[0])
            index, label = torch.from_numpy(batch[rows]).long()[:, None], torch.zeros(n, 1, dtype=torch.long)
            inferred = m.inference(
                x=torch.cat(shown, 1),
                y=torch.zeros(n, 1),
                batch_index=index,
                cont_covs=None,
                cat_covs=None,
                label=label,
                cell_idx=torch.arange(n),
                size_factor=None,
            )
            made = m.generative(
                z=inferred["z"],
                qz_m=inferred["qz_m"],
                batch_index=index,
                libsize_expr=inferred["libsize_expr"],
                use_z_mean=True,
                label=label,
            )
            drop = torch.sigmoid(made["px_dropout"]) if m.gene_likelihood == "zinb" else torch.zeros(1)
            part = {
                "latent": inferred["qz_m"],
                "p": made["p"] * torch.sigmoid(m.region_factors),
                "depth": inferred["libsize_acc"][:, 0],
                "rate": made["px_scale"],
                "expected": made["px_scale"] * (1 - drop),
            }
            if len(seen) == 2:
                part["nats_rna"] = m.get_reconstruction_loss_expression(
                    values["rna"], made["px_rate"], made["px_r"], made["px_dropout"]
                )
                part["nats_atac"] = m.get_reconstruction_loss_accessibility(values["atac"], made["p"], inferred["libsize_acc"])
            for name, value in part.items():
                found.setdefault(name, []).append(value.numpy())
        return {name: np.concatenate(values) for name, values in found.items()}


def accessibility(read: dict[str, np.ndarray], mean_depth: float) -> dict[str, np.ndarray]:
    """P(open | RNA only) in two ways: by the mean depth of the training cells, and by the depth the model itself imputes."""
    return {
        "mean depth of the training cells": read["p"] * mean_depth,
        "depth imputed by the model": read["p"] * read["depth"][:, None],
    }


def expression(read: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """log1p of counts per 10,000 in two ways: the decoded share of each gene, and the same with zero inflation."""
    expected = read["expected"] / read["expected"].sum(1, keepdims=True)
    return {"decoded share": np.log1p(1e4 * read["rate"]), "share with zero inflation": np.log1p(1e4 * expected)}


def run(cells: Cells, settings: dict[str, Any], seed: int) -> PeerResult:
    rna, atac = cells.train["rna"], cells.train["atac"]
    model = build(rna, atac, cells.batch_train, settings, seed)
    batch, batch_test = codes(model, cells.batch_train), codes(model, cells.batch_test)
    fit, own = (np.array(part) for part in inner_split(len(batch), seed))
    reader = Reader(model.module)
    base = np.asarray(atac.mean(0)).ravel()
    base_fit = np.asarray(atac[fit].mean(0)).ravel()
    opened, opened_test = atac[own].toarray(), cells.test["atac"].toarray()
    top = most_variable(rna)
    logs, logs_test = log_per_ten_thousand(rna[own])[:, top], log_per_ten_thousand(cells.test["rna"])[:, top]
    pair = ("rna", "atac")
    inner = rna[own], atac[own], batch[own]
    outer = cells.test["rna"], cells.test["atac"], batch_test

    def mean_depth(rows: np.ndarray) -> float:
        return float(reader.read(rna[rows], atac[rows], batch[rows], pair)["depth"].mean())

    def best_accessibility(depth: float) -> tuple[str, float]:
        ways = accessibility(reader.read(*inner, ("rna",)), depth)
        found = {way: float(gain(opened, p, base_fit).mean()) for way, p in ways.items()}
        way = max(found, key=found.__getitem__)
        return way, found[way]

    def best_expression() -> tuple[str, float]:
        ways = expression(reader.read(*inner, ("atac",)))
        found = {way: float(pearson_per_feature(logs, values[:, top]).mean()) for way, values in ways.items()}
        way = max(found, key=found.__getitem__)
        return way, found[way]

    def scores() -> tuple[Scores, Scores]:
        depth = mean_depth(fit[:: max(len(fit) // CHUNK, 1)])  # every so many of them are enough on the way
        way, reached = best_accessibility(depth)
        form, correlation = best_expression()
        test = accessibility_scores(opened_test, accessibility(reader.read(*outer, ("rna",)), depth)[way], base)
        made = expression(reader.read(*outer, ("atac",)))[form][:, top]
        test["pearson"] = float(pearson_per_feature(logs_test, made).mean())
        return {"gain": reached, "pearson": correlation}, test

    watch = Watch(model.module, scores, settings["every"])
    epochs = EpochEnd(watch)
    training = {name: settings[name] for name in ("lr", "batch_size", "weight_decay") if name in settings}
    model.train(
        max_epochs=settings["max_epochs"],
        accelerator="cpu",
        devices=1,
        callbacks=[epochs],
        enable_progress_bar=False,
        datasplitter_kwargs={"external_indexing": [fit, own, np.array([], dtype=int)]},
        **training,
    )
    seconds = watch.seconds()
    watch.ended(len(epochs.cpu))
    model.module.eval()
    joint, latent_train = reader.read(*outer, pair), reader.read(rna, atac, batch, pair)["latent"]
    watch.keep_best("gain")
    depth = mean_depth(fit)
    way, _ = best_accessibility(depth)
    p_atac = accessibility(reader.read(*outer, ("rna",)), depth)[way]
    p_train = accessibility(reader.read(rna, atac, batch, ("rna",)), depth)[way].mean(0)
    watch.keep_best("pearson")
    form, _ = best_expression()
    rna_test = expression(reader.read(*outer, ("atac",)))[form]
    return PeerResult(
        method="multivi",
        seed=seed,
        settings=settings,
        cpu_seconds=seconds,
        epochs=len(epochs.cpu),
        cells_per_second=len(fit) * len(epochs.cpu) / seconds,
        p_atac=p_atac.astype(np.float16),
        p_atac_train=p_train,
        rna=rna_test.astype(np.float16),
        latent_train=latent_train,
        latent_test=joint["latent"],
        curve=watch.curve,
        nats={name: float(joint[f"nats_{name}"].mean()) for name in ("rna", "atac")},
        notes={
            "accessibility": way,
            "expression": form,
            "kept_epochs": watch.kept_epochs,
            "hidden": int(model.module.n_hidden),
            "latent": int(model.module.n_latent),
            "versions": {"scvi-tools": scvi.__version__, "torch": torch.__version__},
        },
    )


def throughput(cells: Cells, settings: dict[str, Any], seed: int) -> PeerResult:
    """Training cells per CPU-second, no validation, median epoch after the first."""
    model = build(cells.train["rna"], cells.train["atac"], cells.batch_train, settings, seed)
    epochs, n = EpochEnd(), len(cells.batch_train)
    model.train(
        max_epochs=settings["max_epochs"],
        batch_size=settings["batch_size"],
        train_size=1.0,
        early_stopping=False,
        accelerator="cpu",
        devices=1,
        callbacks=[epochs],
        enable_progress_bar=False,
    )
    return PeerResult(
        method="throughput",
        seed=seed,
        settings=settings,
        cpu_seconds=sum(epochs.cpu),
        epochs=len(epochs.cpu),
        cells_per_second=n / float(np.median(epochs.cpu[1:])),
        notes={
            "hidden": int(model.module.n_hidden),
            "latent": int(model.module.n_latent),
            "parameters": sum(p.numel() for p in model.module.parameters()),
            "epoch_cpu_seconds": epochs.cpu,
        },
    )
