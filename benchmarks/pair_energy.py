"""Does the energy tell the true next population from others? Cells kept from all training, in subsamples of 50.

    python -m benchmarks.pair_energy --json

The cells of each time are split in halves. One half trains: scaling, autoencoder, predictor and the choice among ways to compare
populations. Of the other, 50 cells of a time are carried to the next time and compared with 50 cells measured there, with 50 of
every other time ("wrong time"; the start's own time is also shown by itself), and with 50 in which every gene is permuted among
the cells of its time, so that each is distributed as measured but none belongs to the others ("gene-shuffled"; embryoid bodies
come without genes: components). "Time-reversed": the later population carried on by the same time and compared with the earlier
one, against the right way round. A figure is the probability (AUROC) that the false pair has the higher energy, the mean over
times and over all false populations of a kind; the worst of them stands beside it.

The same energies with simple predictions in the predictor's place: no change, noise only, the shift of the training means, and
the training cells of the next time themselves, which is what remembering without any dynamics would reach. The predictor's
settings for embryoid bodies were chosen on the training half of seed 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anndata as ad
import numpy as np
import scipy.sparse as sp
import torch
from mudata import MuData
from sklearn.metrics import roc_auc_score

from benchmarks.arguments import parser, report
from benchmarks.trajectories.data import components
from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.counts import counts_of
from virtualcell.demo import DEMO_SETTINGS
from virtualcell.evaluation.report import Claim, Row
from virtualcell.model import VirtualCell
from virtualcell.predictor.compatibility import DIVERGENCES, outlier_p_values, population_energy, unexpected
from virtualcell.predictor.futures import Futures
from virtualcell.schema import MEASURED_KEY, PredictorSettings
from virtualcell.training.predictor import train_predictor

SPACES = ("EB, 5 PCs", "EB, 10 PCs", "A549, latent")
SETTINGS = PredictorSettings(
    width=64, rollouts=256, steps=600, learning_rate=3e-3, stationary_weight=0.0, off_manifold_weight=0.1
)
"""For embryoid bodies; the lung cells have those of their demo. More rollouts and steps than the demos have, so that shape and
not only place of a population is learned; nothing says that the last population stays what it is, and what was never seen is left
freer."""

CELLS, REPEATS, COPIES = 50, 30, 10
"""Cells in a subsample, subsamples a transition, futures of each start cell."""

WRONG, UNMOVED, REVERSED, SHUFFLED = "wrong time", "the start's own time", "time-reversed", "gene-shuffled"
CONTRASTS = (WRONG, REVERSED, SHUFFLED)
CHOSEN, OURS = "VirtualCell, way chosen on training cells", "VirtualCell"
TARGET = 0.8

Carried = tuple[np.ndarray, np.ndarray]
"""States (n, d) and log weights (n,)."""
Figures = dict[tuple[str, str], float]
"""(method, metric) -> value."""
Predict = Callable[[np.ndarray, int, int], Carried]
"""(start cells (n, d), index of an interval, seed) -> the population after that interval."""


@dataclass(frozen=True)
class Halves:
    """times: rising, in spans; training, test, shuffled: cells (n, d) at each of them. predict: what was learned on training."""

    times: np.ndarray
    training: list[np.ndarray]
    test: list[np.ndarray]
    shuffled: list[np.ndarray]
    shuffled_training: list[np.ndarray]
    model: torch.nn.Module

    def gap(self, at: int) -> float:
        return float(np.diff(self.times)[at])

    def predict(self, start: np.ndarray, gap: float, seed: int) -> Carried:
        z = torch.from_numpy(np.repeat(start, COPIES, 0).astype(np.float32))
        with torch.no_grad():
            end, weight = self.model.rollout(z, gap, torch.Generator().manual_seed(seed))
        return end.double().numpy(), weight.double().numpy()


def permuted(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each column in an order of its own."""
    return np.asarray(rng.permuted(cells, axis=0))


def permuted_genes(cells: MuData, rng: np.random.Generator) -> MuData:
    """Each gene's (peak's) counts permuted among the cells."""
    parts = {}
    for name, adata in cells.mod.items():
        counts = sp.csr_matrix(permuted(counts_of(adata, modality=name).toarray(), rng))
        parts[name] = ad.AnnData(counts, obs=adata.obs[[]], var=adata.var)
    mixed = MuData(parts)
    mixed.obs = cells.obs.copy()
    mixed.obsm[MEASURED_KEY] = cells.obsm[MEASURED_KEY]
    return mixed


def split(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whether a cell trains: half of the cells of every time."""
    training = np.zeros(len(time), dtype=bool)
    for t in np.unique(time):
        rows = np.flatnonzero(time == t)
        training[rng.permutation(rows)[: len(rows) // 2]] = True
    return training


def embryoid(space: str, seed: int, settings: PredictorSettings | None) -> Halves:
    found = components(space)
    time = np.concatenate([np.full(len(x), t) for t, x in found.items()])
    z, rng = np.concatenate(list(found.values())), np.random.default_rng(seed)
    training = split(time, rng)
    z = (z - z[training].mean(0)) / z[training].std(0)
    times = np.unique(time)
    moments = (time - times[0]) / (times[-1] - times[0])
    model = train_predictor(z[training].astype(np.float32), settings or SETTINGS, time=moments[training], seed=seed).dynamics
    halves = [[z[half & (time == t)] for t in times] for half in (training, ~training)]
    mixed = [[permuted(cells, rng) for cells in half] for half in halves]
    return Halves(np.unique(moments), halves[0], halves[1], mixed[1], mixed[0], model)


def lung(seed: int, settings: PredictorSettings | None) -> Halves:
    cells, rng = load_demo("a549"), np.random.default_rng(seed)
    column = DEMOS["a549"].columns.time
    time = cells.obs[column].to_numpy(dtype=float)
    training = split(time, rng)
    demo = DEMO_SETTINGS["a549"].plain()
    whole = dataclasses.replace(demo, seed=seed, predictor=settings or demo.predictor)
    model = VirtualCell(whole).fit(cells[np.flatnonzero(training)].copy(), time=column, device="cpu")
    times = np.unique(time)
    rows = [[np.flatnonzero(half & (time == t)) for t in times] for half in (training, ~training)]
    halves = [[model.embed(cells[some].copy()).astype(np.float64) for some in half] for half in rows]
    mixed = [[model.embed(permuted_genes(cells[some].copy(), rng)).astype(np.float64) for some in half] for half in rows]
    spans = (times - times[0]) / (times[-1] - times[0])
    return Halves(spans, halves[0], halves[1], mixed[1], mixed[0], model.dynamics)


def predictions(halves: Halves) -> dict[str, Predict]:
    """Ours, and simple rules with the same interface that know the training cells."""
    means = [cells.mean(0) for cells in halves.training]
    rates = [
        (b.var(0) - a.var(0)).mean() / halves.gap(i)
        for i, (a, b) in enumerate(zip(halves.training, halves.training[1:], strict=False))
    ]
    rate = max(0.0, float(np.mean(rates)))

    def noise(start: np.ndarray, at: int, seed: int) -> Carried:
        z = np.repeat(start, COPIES, 0)
        return z + np.sqrt(rate * halves.gap(at)) * np.random.default_rng(seed).normal(size=z.shape), np.zeros(len(z))

    def shift(start: np.ndarray, at: int, seed: int) -> Carried:
        return start + means[at + 1] - means[at], np.zeros(len(start))

    def remember(start: np.ndarray, at: int, seed: int) -> Carried:
        cells = halves.training[at + 1]
        return cells, np.zeros(len(cells))

    return {
        OURS: lambda start, at, seed: halves.predict(start, halves.gap(at), seed),
        "no change": lambda start, at, seed: (start, np.zeros(len(start))),
        "noise only": noise,
        "mean shift": shift,
        "training cells of the next time": remember,
    }


def contrasts(
    halves: Halves, predict: Predict, methods: Sequence[str], seed: int, repeats: int, on_training: bool = False
) -> dict[str, dict[str, list[float]]]:
    """Way of comparing -> contrast -> AUROC of each false population (transition and kind)."""
    cells = halves.training if on_training else halves.test
    mixed = halves.shuffled_training if on_training else halves.shuffled
    rng = np.random.default_rng([seed, on_training])
    found: dict[str, dict[str, list[float]]] = {m: {c: [] for c in (*CONTRASTS, UNMOVED)} for m in methods}

    def some(population: np.ndarray) -> np.ndarray:
        return population[rng.choice(len(population), min(CELLS, len(population)), replace=False)]

    for at in range(len(cells) - 1):
        energies: dict[tuple[str, str, int], list[float]] = {}
        for repeat in range(repeats):
            start, true = some(cells[at]), some(cells[at + 1])
            onward, back = predict(start, at, 2 * repeat), predict(true, at, 2 * repeat + 1)
            asked = {("true", 0): (onward, true), (SHUFFLED, 0): (onward, some(mixed[at + 1])), (REVERSED, 0): (back, start)}
            asked |= {(WRONG, t): (onward, some(cells[t])) for t in range(len(cells)) if t != at + 1}
            for (kind, t), ((states, weights), measured) in asked.items():
                for method in methods:
                    energy = population_energy(states, measured, weights, method=method)
                    energies.setdefault((method, kind, t), []).append(energy)
        for (method, kind, t), false in energies.items():
            if kind != "true":
                right = energies[method, "true", 0]
                value = float(roc_auc_score([0] * len(right) + [1] * len(false), [*right, *false]))
                found[method][kind].append(value)
                if kind == WRONG and t == at:
                    found[method][UNMOVED].append(value)
    return found


def strangers(halves: Halves, seed: int) -> dict[str, list[float]]:
    """Shares of cells with p <= .05: of the true next time, by both references, and of the start's own time, by the second."""
    shares: dict[str, list[float]] = {"expected": [], "forgiven": [], "unmoved": []}
    for at in range(len(halves.times) - 1):
        futures = Futures.of(halves.model, halves.training[at], halves.gap(at), rollouts=16, seed=seed, shared_noise=False)
        true, seen, own = (futures.together(x) for x in (halves.test[at + 1], halves.training[at + 1], halves.test[at]))
        chances = {
            "expected": unexpected(halves.model, halves.training[at], halves.test[at + 1], halves.gap(at), seed=seed).chances,
            "forgiven": outlier_p_values(true, seen),
            "unmoved": outlier_p_values(own, seen),
        }
        for name, found in chances.items():
            shares[name].append(float((found <= 0.05).mean()))
    return shares


def one_seed(
    space: str, seed: int, settings: PredictorSettings | None = None, repeats: int = REPEATS
) -> dict[tuple[str, str], float]:
    """All figures of a split with a training of its own."""
    halves = lung(seed, settings) if space.startswith("A549") else embryoid(space, seed, settings)
    found: Figures = {}
    ways = list(DIVERGENCES)
    tuning = contrasts(halves, predictions(halves)[OURS], ways, seed, repeats, on_training=True)
    best = max(ways, key=lambda way: min(np.mean(tuning[way][kind]) for kind in CONTRASTS))
    for name, predict in predictions(halves).items():
        judged = contrasts(halves, predict, ways if name == OURS else ["gaussian", "distance"], seed, repeats)
        for way, kinds in judged.items():
            for kind, values in kinds.items():
                found[f"{name}, {way}", f"{kind}, AUROC"] = float(np.mean(values))
                found[f"{name}, {way}", f"{kind}, worst AUROC"] = float(np.min(values))
                if name == OURS and way == best:
                    found[CHOSEN, f"{kind}, AUROC"] = float(np.mean(values))
                    found[CHOSEN, f"{kind}, worst AUROC"] = float(np.min(values))
    for way in ways:
        for kind in CONTRASTS:
            found[f"{OURS}, {way}, on training cells", f"{kind}, AUROC"] = float(np.mean(tuning[way][kind]))
    shares = strangers(halves, seed)
    found["cells of the next time, against the prediction", "share with p <= .05"] = float(np.mean(shares["expected"]))
    found["cells of the next time, against training cells", "share with p <= .05"] = float(np.mean(shares["forgiven"]))
    found["cells that have not moved, against training cells", "share with p <= .05"] = float(np.mean(shares["unmoved"]))
    return found


def tables(space: str, results: list[Figures], seeds: Sequence[int]) -> tuple[list[Row], list[Claim]]:
    rows = [
        Row.over_seeds(method, metric, [r[method, metric] for r in results], where=space, seeds=tuple(seeds), n_cells=CELLS)
        for method, metric in results[0]
    ]
    value = {(row.method, row.metric): row for row in rows}
    claims = []
    for kind in CONTRASTS:
        row = value[CHOSEN, f"{kind}, AUROC"]
        claims.append(Claim(f"{space}: true next population against {kind}, AUROC", row.value, ">=", TARGET))
        if row.low is not None:
            claims.append(Claim(f"{space}: the same, lower bound over seeds", row.low, ">=", TARGET))
    return rows, claims


def main(arguments: Sequence[str] | None = None) -> None:
    known = parser("pair_energy", __doc__)
    known.add_argument("--spaces", nargs="+", default=list(SPACES), choices=SPACES)
    known.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    chosen = known.parse_args(arguments)
    torch.set_num_threads(1)
    rows: list[Row] = []
    claims: list[Claim] = []
    for space in chosen.spaces:
        more, said = tables(space, [one_seed(space, seed) for seed in chosen.seeds], chosen.seeds)
        rows, claims = rows + more, claims + said
    report(chosen, rows, claims)


if __name__ == "__main__":
    main()
