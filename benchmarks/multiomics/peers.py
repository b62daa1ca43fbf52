"""The field's methods on the same cells, judged by the same rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.multiomics.translation import AUROC, NATS, RANK, SECONDS, TIME, Judge
from benchmarks.peers import PeerResult, peers_python, run_peer, split, tune
from benchmarks.peers.splits import rows as halves
from virtualcell.evaluation.multiomics import time_read
from virtualcell.training.rank import effective_rank

METHODS = {"a549": ("multivi", "univi"), "cite": ("totalvi",)}
NAMES = {"multivi": "MULTIVI", "univi": "UniVI", "totalvi": "TOTALVI"}


def judge_peers(judge: Judge, key: str, labels: np.ndarray | None, cache: Path | None) -> None:
    """Adds the peers' figures; nothing where VIRTUALCELL_PEERS is not set and nothing is kept in the cache."""
    seed = judge.split.seed
    given = split(key, seed)
    cells = given.cells
    for method in METHODS[key]:
        kept = None if cache is None else cache / f"{key}_{method}_{seed}.npz"
        if kept is not None and kept.is_file():
            result = PeerResult.load(kept)
        elif peers_python() is not None:
            first = split(key, 0).cells
            settings, _ = tune(method, first.train, first.batch_train, 0, cache=None if cache is None else cache / "tune" / key)
            result = run_peer(method, cells.train, cells.test, cells.batch_train, cells.batch_test, seed, settings, cache=kept)
        else:
            continue
        _judge(judge, NAMES[method], result, given.features, labels)


def _judge(judge: Judge, name: str, result: PeerResult, features: dict[str, list[str]], labels: np.ndarray | None) -> None:
    for modality, key, predicted in (
        ("atac", "atac", result.p_atac),
        ("rna", "rna", result.rna),
        ("prot", "prot", result.protein),
    ):
        if predicted is None or key not in judge.split.features:
            continue
        place = {f: i for i, f in enumerate(features[key])}
        judge.judge(name, modality, predicted[:, [place[f] for f in judge.split.features[key]]])
    if result.p_atac is not None and result.p_atac_train is not None:
        base = np.asarray(judge.readings["atac"][0].mean(0))
        order = [features["atac"].index(f) for f in judge.split.features["atac"]]
        spread = np.empty_like(base)
        spread[order] = base
        judge.judge(f"{name}, rates of peaks calibrated", "atac", result.calibrated(spread)[:, order])
    if "test_auroc" in result.curve:
        # No choice of a checkpoint could have done better: what tuning by another score may have cost the method.
        judge.note(f"{name}, its best checkpoint on the test cells", **{AUROC: max(result.curve["test_auroc"])})
    judge.note(name, **{SECONDS: result.cpu_seconds})
    if result.latent_train is None or result.latent_test is None:
        return
    latent = np.concatenate([result.latent_train, result.latent_test])
    judge.note(name, **{RANK: effective_rank(latent)})
    if result.nats:
        judge.note(name, **{f"{NATS} (its own likelihood)": -sum(result.nats.values())})
    if labels is not None:
        training, test = halves(len(labels), judge.split.seed)
        judge.note(name, **{TIME: time_read(latent[np.argsort(np.r_[training, test])], labels, seed=judge.split.seed)})
