"""How soon MULTIVI's converged score is passed: by the closed-form floor of our conversions, before any network is trained."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.multiomics.splits import Split
from benchmarks.multiomics.translation import AUROC, SECONDS, log_depth
from benchmarks.peers import PeerResult
from virtualcell.autoencoder.reduced_rank import Products
from virtualcell.data.catalogue import load_demo
from virtualcell.evaluation.multiomics import auroc_per_feature
from virtualcell.evaluation.report import Claim, Row
from virtualcell.modalities import MODALITIES

COMPONENTS, RIDGE, PERMUTATIONS = 20, 0.01, 10
"""One fixed form of the floor; the conversions of a model choose theirs by cross-validation."""


def floor_alone(split: Split) -> tuple[np.ndarray, float]:
    """P(open | RNA) of the test cells by the linear floor, and the CPU seconds from counts to regression."""
    train, test = split.tables
    began = time.process_time()
    kinds = {m: MODALITIES[split.kinds[m]](len(split.features[m]), 50 if m == "rna" else 2) for m in ("rna", "atac")}
    values, _, _ = train.rows(np.arange(train.n_cells), torch.device("cpu"))
    with torch.no_grad():
        for m, kind in kinds.items():
            kind.fit(train.values[m], split.seed)
        columns = [*range(COMPONENTS), 50]
        x = kinds["rna"].scores(values["rna"])[:, columns].double().numpy()
        products = Products(x, kinds["atac"].n_features, split.seed, PERMUTATIONS)
        products.add(np.arange(train.n_cells), kinds["atac"].response(values["atac"]).numpy())
        found = products.solve(kinds["atac"].response_weight.numpy(), ridge=RIDGE)
        foretell, spread = log_depth(split, x)
        took = time.process_time() - began
        new, _, _ = test.rows(np.arange(test.n_cells), torch.device("cpu"))
        x_test = kinds["rna"].scores(new["rna"])[:, columns].double().numpy()
        eta = torch.from_numpy(found.predict(x_test)).float()
        return kinds["atac"].predict(eta, torch.from_numpy(foretell(x_test)).float(), spread).numpy(), took


def table(seeds: Sequence[int], cache: Path | None) -> tuple[list[Row], list[Claim]]:
    """Rows of the floor and, where MULTIVI's results are in the cache, what share of its CPU time passes its score."""
    cells, rows, ratios, ahead = load_demo("a549"), [], [], []
    scores, seconds = [], []
    for seed in seeds:
        split = Split.of(cells, seed)
        predicted, took = floor_alone(split)
        y = split.readings("atac")[1]
        scores.append(float(np.nanmean(auroc_per_feature(y, predicted))))
        seconds.append(took)
        kept = None if cache is None else cache / f"a549_multivi_{seed}.npz"
        if kept is not None and kept.is_file():
            peer = PeerResult.load(kept)
            best = max(peer.curve["test_auroc"])
            ahead.append(scores[-1] - best)
            ratios.append(took / peer.cpu_seconds)
    for metric, values in ((AUROC, scores), (SECONDS, seconds)):
        rows.append(
            Row.over_seeds("VirtualCell, linear floor alone", metric, values, where="a549, held-out cells", seeds=tuple(seeds))
        )
    if not ratios:
        return rows, []
    return rows, [
        Claim("A549: AUROC of the floor alone over MULTIVI's best checkpoint, worst seed", min(ahead), ">", 0.0),
        Claim("A549: CPU time of the floor alone over MULTIVI's, worst seed", max(ratios), "<=", 0.1),
    ]
