"""Translation between modalities and what the latent says, method by method, on test cells."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mudata import MuData
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict

from benchmarks.multiomics.glm import fit_glm, predict_glm
from benchmarks.multiomics.splits import Split
from benchmarks.peers.splits import rows as halves
from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.autoencoder.fusion.late import StackedPredictor
from virtualcell.evaluation.multiomics import (
    TunedRidge,
    auroc_per_feature,
    knn_translate,
    log_likelihood_gain,
    pearson_per_feature,
    permuted,
    time_read,
)
from virtualcell.modalities import MODALITIES
from virtualcell.model import VirtualCell
from virtualcell.schema import Settings
from virtualcell.training.autoencoder import train_autoencoder
from virtualcell.training.described import encode_table, nats_of_cells
from virtualcell.training.rank import effective_rank

AUROC, GAIN, PEARSON = "RNA to ATAC: AUROC per peak", "RNA to ATAC: gain, nats a cell", "ATAC to RNA: Pearson per gene"
PROTEIN, RMSE = "RNA to protein: Pearson per protein", "RNA to protein: RMSE"
NATS, TIME, RANK = "described: nats a cell", "time read from the latent", "effective rank"
SECONDS = "CPU seconds"
OURS = "VirtualCell"
CPU = torch.device("cpu")
NULL = " (pairs permuted)"
TOP_GENES = 200
NEIGHBOURS = (20, 50, 150)

Found = dict[str, dict[str, float]]


class Judge:
    """Scores the predictions of every method against the same test cells, with the permuted-pair null beside each."""

    def __init__(self, split: Split):
        self.split = split
        self.found: Found = {}
        self.shuffled = permuted(np.arange(split.tables[1].n_cells), split.seed)
        self.readings = {m: split.readings(m) for m in split.features}
        rna = self.readings["rna"][0]
        self.top = np.argsort(-rna.var(0))[:TOP_GENES]

    def judge(self, method: str, modality: str, predicted: np.ndarray) -> None:
        found = self.found.setdefault(method, {})
        train, test = self.readings[modality]
        for note, rows in (("", slice(None)), (NULL, self.shuffled)):
            given = np.asarray(predicted, dtype=np.float64)[rows]
            if modality == "atac":
                base = train.mean(0)
                found[AUROC + note] = float(np.nanmean(auroc_per_feature(test, given)))
                found[GAIN + note] = float(log_likelihood_gain(test, given, base).mean())
            elif modality == "rna":
                found[PEARSON + note] = float(np.nanmean(pearson_per_feature(test[:, self.top], given[:, self.top])))
            else:
                found[PROTEIN + note] = float(np.nanmean(pearson_per_feature(test, given)))
                found[RMSE + note] = float(np.sqrt(((test - given) ** 2).mean()))

    def note(self, method: str, **figures: float) -> None:
        self.found.setdefault(method, {}).update(figures)


def directions(split: Split) -> list[tuple[str, str]]:
    return [("rna", "atac"), ("atac", "rna")] if "atac" in split.features else [("rna", "prot")]


def baselines(judge: Judge) -> None:
    """Per-feature mean, kNN and ridge, tuned on inner cells, and the reduced-rank Bernoulli regression."""
    split = judge.split
    for source, target in directions(split):
        (x, x_test), (y, y_test) = split.scores(source), judge.readings[target]
        judge.judge("per-feature mean", target, np.broadcast_to(y.mean(0), y_test.shape))
        began = time.process_time()
        kind = "bernoulli" if target == "atac" else "squared"
        ridge = TunedRidge(kind, seed=split.seed).fit(x, y)
        judge.judge("ridge, tuned", target, ridge.predict(x_test))
        judge.note("ridge, tuned", **{SECONDS: time.process_time() - began + judge.found["ridge, tuned"].get(SECONDS, 0.0)})
        began = time.process_time()
        columns = [*range(min(50, x.shape[1] - 1)), x.shape[1] - 1]
        k = _best_k(x[:, columns], y, target, split.seed)
        guess = knn_translate(x[:, columns], y, x_test[:, columns], k)
        if target == "atac":  # as the ridge: a share of nought among the neighbours is not the impossible
            guess = (guess * k + y.mean(0)) / (k + 1)
        judge.judge("kNN, tuned", target, guess)
        judge.note("kNN, tuned", **{SECONDS: time.process_time() - began + judge.found["kNN, tuned"].get(SECONDS, 0.0)})
        if target == "atac":
            began = time.process_time()
            judge.judge("number of open peaks alone, from RNA", target, _depth_alone(split, x[:, columns], x_test[:, columns]))
            found, rank, _ = fit_glm(x[:, columns], y, split.seed)
            judge.judge("reduced-rank Bernoulli GLM", target, predict_glm(found, x_test[:, columns]))
            judge.note("reduced-rank Bernoulli GLM", **{SECONDS: time.process_time() - began, RANK: rank})


def log_depth(split: Split, x: np.ndarray) -> tuple[Callable[[np.ndarray], np.ndarray], float]:
    """Ridge regression of the log number of open peaks on scores x of the training cells, and the spread around it."""
    depth = np.log(np.maximum(np.asarray(split.tables[0].values["atac"].sum(1)).ravel(), 1.0))
    alphas, folds = np.logspace(-1, 4, 16), KFold(5, shuffle=True, random_state=split.seed)
    spread = depth - cross_val_predict(RidgeCV(alphas), x, depth, cv=folds)
    return RidgeCV(alphas).fit(x, depth).predict, float(spread.std())


def _depth_alone(split: Split, x: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """P(open) where RNA foretells how many peaks of a cell are seen open, and nothing of which ones."""
    kind = MODALITIES[split.kinds["atac"]](len(split.features["atac"]), 2)
    kind.fit(split.tables[0].values["atac"], split.seed)
    foretell, spread = log_depth(split, x)
    nothing = torch.zeros(len(x_test), kind.n_features)
    with torch.no_grad():
        return kind.predict(nothing, torch.from_numpy(foretell(x_test)).float(), spread).numpy()


def _best_k(x: np.ndarray, y: np.ndarray, target: str, seed: int) -> int:
    order = np.random.default_rng(seed).permutation(len(x))
    check, rest = order[: len(x) // 5], order[len(x) // 5 :]
    choices = [k for k in NEIGHBOURS if k < len(rest) // 2]

    def score(k: int) -> float:
        guess = knn_translate(x[rest], y[rest], x[check], k)
        if target == "atac":
            base = y[rest].mean(0)
            return float(log_likelihood_gain(y[check], (guess * k + base) / (k + 1), base).mean())
        return -float(((guess - y[check]) ** 2).mean())

    return max(choices, key=score)


def ours(judge: Judge, cells: MuData, settings: Settings, labels: np.ndarray | None, progress: Any = None) -> None:
    """Fits the whole model, as a user does, and judges its conversions.

    labels: (cells,) times of all cells in the order of ``cells``, read from the latent; None where there are none.
    """
    split = judge.split
    began = time.process_time()
    model = VirtualCell(dataclasses.replace(settings, seed=split.seed)).fit(
        split.train, batch=split.batch, device="cpu", progress=progress
    )
    judge.note(OURS, **{SECONDS: time.process_time() - began})
    for source, target in directions(split):
        found = model.translate(split.test, source=source, target=target)
        judge.judge(OURS, target, found.X)
        measured = judge.readings[target][1]
        if "low" in found.layers:
            inside = (measured >= found.layers["low"]) & (measured <= found.layers["high"])
            judge.note(OURS, **{f"{source} to {target}: share inside the 90 % interval": float(inside.mean())})
        else:
            judge.note(OURS, **{f"{source} to {target}: peaks open, over predicted": float(measured.sum() / found.X.sum())})
    judge.note(OURS, **{NATS: float(model.log_likelihood(split.test).sum(axis=1).mean()), RANK: model.record["effective_rank"]})
    if labels is not None:
        judge.note(OURS, **{TIME: time_read(model.embed(cells.copy()), labels, seed=split.seed)})


def fusion(judge: Judge, cells: MuData, settings: Settings, name: str, labels: np.ndarray | None, progress: Any = None) -> None:
    """Fits the autoencoder with one fusion and judges what its latent says: of the other modality when one is seen, of the cell
    itself, of time. No conversion is involved."""
    split = judge.split
    train, test = split.tables
    began = time.process_time()
    chosen = dataclasses.replace(settings.autoencoder, fusion=name)
    fit = train_autoencoder(
        train, chosen, split.kinds, settings.preprocess.n_components, max(1, len(split.batches)), split.seed, CPU, progress
    )
    method = f"fusion: {name}"
    judge.note(method, **{SECONDS: time.process_time() - began})
    model = fit.model
    for source, target in directions(split):
        part = np.zeros(test.mask.shape, dtype=bool)
        part[:, model.names.index(source)] = True
        with torch.no_grad():
            output = model.decoders[target](torch.from_numpy(encode_table(model, test, CPU, part)))
            value = model.modalities[target].expectation(output).numpy()
        if target == "rna":
            value = np.log1p(value)
        elif target == "prot":
            value = np.log1p(value) - np.log1p(value).mean(1, keepdims=True)
        judge.judge(method, target, value)
    nats = nats_of_cells(model, test, np.arange(test.n_cells), CPU).sum(1).mean()
    states = [encode_table(model, table, CPU) for table in (train, test)]
    judge.note(method, **{NATS: float(nats), RANK: effective_rank(states[0])})
    if labels is None:
        return
    training, held_out = halves(cells.n_obs, split.seed)
    if name == "late":
        blocks = model.fusion.blocks
        features = [{m: part[:, blocks[m]] for m in model.names} for part in states]
        stacked = StackedPredictor().fit(features[0], labels[training].astype(str), seed=split.seed)
        accuracy = float((stacked.predict(features[1]) == labels[held_out].astype(str)).mean())
        judge.note(method, **{TIME: accuracy})
        return
    latent = np.concatenate(states)[np.argsort(np.r_[training, held_out])]
    judge.note(method, **{TIME: time_read(latent, labels, seed=split.seed)})


def every_fusion() -> tuple[str, ...]:
    return tuple(FUSIONS)


def time_from_components(judge: Judge, cells: MuData, labels: np.ndarray, modality: str, k: int = 20) -> float:
    """Time read from the leading components of one modality, fitted to training cells."""
    split = judge.split
    scores = split.scores(modality)
    training, test = halves(cells.n_obs, split.seed)
    order = np.argsort(np.r_[training, test])
    return time_read(np.concatenate(scores)[order][:, :k], labels, seed=split.seed)
