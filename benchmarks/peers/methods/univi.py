"""UniVI (Ashford et al. 2026), as its README trains it, with an ATAC decoder of P(open) per peak in place of LSI scores."""

from __future__ import annotations

import time
from typing import Any

import anndata
import numpy as np
import torch
import univi
from univi import ModalityConfig, TrainingConfig, UniVIConfig, UniVIMultiModalVAE, UniVITrainer
from univi.workflows import make_loader

from benchmarks.peers.cells import Cells
from benchmarks.peers.methods.watch import Scores, Watch, inner_split
from benchmarks.peers.result import PeerResult
from benchmarks.peers.scores import accessibility_scores, gain, log_per_ten_thousand, most_variable, pearson_per_feature

README = {
    "latent_dim": 30,
    "beta": 1.25,
    "gamma": 4.35,
    "rna_hidden": [512, 256, 128],
    "atac_hidden": [128, 64],
    "lr": 1e-3,
    "weight_decay": 1e-4,
    "batch_size": 256,
    "patience": 50,
}
"""The values of the quickstart in its README; ``beta`` and ``gamma`` rise from 0 as they do there."""


class Scaled:
    """log1p of counts per 10,000, each gene standardised on the cells trained on (its RNAPreprocessor, scale=True)."""

    def __init__(self, logs: np.ndarray) -> None:
        self.mean, spread = logs.mean(0), logs.std(0)
        self.spread = np.where(spread > 0, spread, 1.0)

    def scale(self, logs: np.ndarray) -> np.ndarray:
        return ((logs - self.mean) / self.spread).astype(np.float32)

    def unscale(self, values: np.ndarray) -> np.ndarray:
        return values * self.spread + self.mean


class Trainer(UniVITrainer):
    """Its own trainer, which tells the watch of every epoch and takes the CPU time of each."""

    def __init__(self, *arguments: Any, watch: Watch | None = None, **others: Any) -> None:
        super().__init__(*arguments, **others)
        self.watch, self.cpu = watch, []

    def _run_one_epoch(self, epoch: int, train: bool = True) -> tuple[float, float, float]:
        began = time.process_time()
        found = super()._run_one_epoch(epoch, train)
        if train:
            self.cpu.append(time.process_time() - began)
        if self.watch is not None and not train:
            self.watch.epoch_ended(epoch)
        return found


def build(n_genes: int, n_peaks: int, settings: dict[str, Any], seed: int) -> UniVIMultiModalVAE:
    torch.manual_seed(seed)
    s = README | settings
    rna, atac = list(s["rna_hidden"]), list(s["atac_hidden"])
    return UniVIMultiModalVAE(
        UniVIConfig(
            latent_dim=s["latent_dim"],
            beta=s["beta"],
            gamma=s["gamma"],
            encoder_dropout=0.1,
            decoder_dropout=0.05,
            kl_anneal_start=50,
            kl_anneal_end=85,
            align_anneal_start=75,
            align_anneal_end=110,
            modalities=[
                ModalityConfig("rna", n_genes, rna, rna[::-1], likelihood="gaussian"),
                ModalityConfig("atac", n_peaks, atac, atac[::-1], likelihood="bernoulli"),
            ],
        )
    )


def loader(rna: np.ndarray, atac: np.ndarray, **others: Any) -> torch.utils.data.DataLoader:
    """Its own loader, over dense arrays, which it reads faster than sparse ones."""
    names = [f"cell{i}" for i in range(len(rna))]
    parts = {"rna": anndata.AnnData(rna), "atac": anndata.AnnData(atac)}
    for part in parts.values():
        part.obs_names = names
    return make_loader(parts, **others)


def run(cells: Cells, settings: dict[str, Any], seed: int) -> PeerResult:
    s = README | settings
    logs = log_per_ten_thousand(cells.train["rna"])
    atac = cells.train["atac"].toarray()
    fit, own = (np.array(part) for part in inner_split(len(logs), seed))
    scaled = Scaled(logs[fit])
    logs_test = log_per_ten_thousand(cells.test["rna"])
    rna, rna_test = scaled.scale(logs), scaled.scale(logs_test)
    atac_test = cells.test["atac"].toarray()
    base, base_fit = atac.mean(0), atac[fit].mean(0)
    model = build(rna.shape[1], atac.shape[1], s, seed)

    @torch.no_grad()
    def latent(**values: np.ndarray) -> torch.Tensor:
        means, log_variances = model.encode_modalities({name: torch.from_numpy(value) for name, value in values.items()})
        return model.mixture_of_experts(means, log_variances)[0]

    @torch.no_grad()
    def opened(z: torch.Tensor) -> np.ndarray:
        return torch.sigmoid(model.decoders["atac"](z)["logits"]).numpy()

    def expressed(z: torch.Tensor) -> np.ndarray:
        with torch.no_grad():
            return np.maximum(scaled.unscale(model.decoders["rna"](z).numpy()), 0.0)

    top = most_variable(cells.train["rna"])

    def correlation(measured: np.ndarray, **values: np.ndarray) -> float:
        return float(pearson_per_feature(measured[:, top], expressed(latent(**values))[:, top]).mean())

    def scores() -> tuple[Scores, Scores]:
        own_gain = gain(atac[own], opened(latent(rna=rna[own])), base_fit).mean()
        test = accessibility_scores(atac_test, opened(latent(rna=rna_test)), base)
        test["pearson"] = correlation(logs_test, atac=atac_test)
        return {"gain": float(own_gain), "pearson": correlation(logs[own], atac=atac[own])}, test

    watch = Watch(model, scores, settings["every"])
    trainer = Trainer(
        model,
        train_loader=loader(rna[fit], atac[fit], batch_size=s["batch_size"], shuffle=True, drop_last=True, seed=seed),
        val_loader=loader(rna[own], atac[own], batch_size=1024),
        train_cfg=TrainingConfig(
            n_epochs=s["max_epochs"],
            batch_size=s["batch_size"],
            lr=s["lr"],
            weight_decay=s["weight_decay"],
            device="cpu",
            seed=seed,
            early_stopping=True,
            patience=s["patience"],
            best_epoch_warmup=min(110, s["max_epochs"]),
        ),
        watch=watch,
    )
    trainer.fit()  # ends with the weights of its best validation loss
    seconds, epochs = watch.seconds(), len(trainer.cpu)
    watch.check(epochs)
    model.eval()
    joint = latent(rna=rna_test, atac=atac_test)
    latent_train = latent(rna=rna, atac=atac).numpy()
    p = np.clip(opened(joint), 1e-7, 1 - 1e-7).astype(np.float64)
    watch.keep_best("gain")
    p_atac, p_train = opened(latent(rna=rna_test)), opened(latent(rna=rna)).mean(0)
    watch.keep_best("pearson")
    made = expressed(latent(atac=atac_test))
    return PeerResult(
        method="univi",
        seed=seed,
        settings=settings,
        cpu_seconds=seconds,
        epochs=epochs,
        cells_per_second=len(fit) * epochs / seconds,
        p_atac=p_atac.astype(np.float16),
        p_atac_train=p_train,
        rna=made.astype(np.float16),
        latent_train=latent_train,
        latent_test=joint.numpy(),
        curve=watch.curve,
        nats={"atac": float(-(atac_test * np.log(p) + (1 - atac_test) * np.log1p(-p)).sum(1).mean())},
        notes={
            "kept_epochs": watch.kept_epochs,
            "stopped_at_best_epoch": trainer.best_epoch,
            "hidden": {"rna": s["rna_hidden"], "atac": s["atac_hidden"]},
            "latent": s["latent_dim"],
            "versions": {"univi": univi.__version__, "torch": torch.__version__},
        },
    )


def throughput(cells: Cells, settings: dict[str, Any], seed: int) -> PeerResult:
    """Training cells per CPU-second, no validation, median epoch after the first."""
    s = README | settings
    rna = Scaled(log_per_ten_thousand(cells.train["rna"])).scale(log_per_ten_thousand(cells.train["rna"]))
    atac = cells.train["atac"].toarray()
    model = build(rna.shape[1], atac.shape[1], s, seed)
    trainer = Trainer(
        model,
        train_loader=loader(rna, atac, batch_size=s["batch_size"], shuffle=True, seed=seed),
        train_cfg=TrainingConfig(n_epochs=s["max_epochs"], lr=s["lr"], weight_decay=s["weight_decay"], device="cpu", seed=seed),
    )
    trainer.fit()
    return PeerResult(
        method="throughput",
        seed=seed,
        settings=settings,
        cpu_seconds=sum(trainer.cpu),
        epochs=len(trainer.cpu),
        cells_per_second=len(rna) / float(np.median(trainer.cpu[1:])),
        notes={
            "hidden": {"rna": s["rna_hidden"], "atac": s["atac_hidden"]},
            "latent": s["latent_dim"],
            "parameters": sum(p.numel() for p in model.parameters()),
            "epoch_cpu_seconds": trainer.cpu,
        },
    )
