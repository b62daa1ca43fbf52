"""Encoding as compression: joint against separate codes on true and shuffled pairs, and the rate-distortion curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.multiomics.splits import Split
from virtualcell.evaluation.coding import code, separate_codes, shuffle_pairs, smallest_within_one_error
from virtualcell.evaluation.intervals import seed_interval
from virtualcell.evaluation.report import Row
from virtualcell.schema import AutoencoderSettings

TOTAL = 8
SIZES = (1, 2, 4, 8, 12, 16, 24)


def one_seed(
    split: Split, settings: AutoencoderSettings, labels: tuple[np.ndarray, np.ndarray] | None, d: int = TOTAL
) -> dict[str, Any]:
    """Held-out nats a cell with d latent dimensions in all; labels: times of training and test cells for the shuffle within."""
    train, test = split.tables
    first = next(iter(train.values))
    separate, sizes = separate_codes(train, test, split.kinds, settings, d, split.seed)
    found: dict[str, Any] = {"sizes": sizes, "pairs": {}}
    kinds_of_pairs = ["true", "shuffled", *(["shuffled within"] if labels is not None else [])]
    for kind in kinds_of_pairs:
        rng = np.random.default_rng(split.seed)
        tables = train, test
        if kind != "true":
            within = labels if kind == "shuffled within" and labels is not None else (None, None)
            tables = tuple(shuffle_pairs(t, first, rng, w) for t, w in zip((train, test), within, strict=True))
        joint, _ = code(*tables, split.kinds, settings, d, split.seed)
        # Shuffling deals the cells of one modality out anew; what a separate code says of them all stays the same.
        found["pairs"][kind] = {"joint": float(joint.mean()), "separate": float(separate.mean())}
    return found


def rate(split: Split, settings: AutoencoderSettings, sizes: tuple[int, ...] = SIZES) -> np.ndarray:
    """Held-out nats a cell by latent size, (sizes,)."""
    train, test = split.tables
    return np.array([code(train, test, split.kinds, settings, d, split.seed)[0].mean() for d in sizes])


def summary(found: list[dict[str, Any]], d: int, group: str) -> dict[str, Any]:
    """Means over seeds with intervals, and the answer in one sentence."""

    def over(values: list[float]) -> list[float]:
        if len(values) == 1:
            return [values[0]] * 3
        interval = seed_interval(values)
        return [interval.value, interval.low, interval.high]

    pairs = {}
    for kind in found[0]["pairs"]:
        joint, separate = ([f["pairs"][kind][way] for f in found] for way in ("joint", "separate"))
        name = f"shuffled within {group}" if kind == "shuffled within" else kind
        pairs[name] = {
            "joint": over(joint),
            "separate": over(separate),
            "difference": over([j - s for j, s in zip(joint, separate, strict=True)]),
        }
    true, null = ([f["pairs"][kind]["joint"] for f in found] for kind in ("true", "shuffled"))
    worth = over([t - n for t, n in zip(true, null, strict=True)])
    related = len(found) > 1 and worth[1] > 0
    answer = sentence(d, worth, pairs["true"]["difference"], len(found))
    return {"d": d, "pairs": pairs, "pairing": worth, "related": bool(related), "answer": answer}


def sentence(d: int, worth: Sequence[float], advantage: Sequence[float], n_seeds: int) -> str:
    """What the figures say, in words; worth, advantage: mean and bounds of the 95 % interval, in nats a cell."""
    said = f"To one joint code of {d} numbers the true pairing is worth {worth[0]:+.1f} nats a cell"
    if n_seeds == 1:
        return f"{said} (one split, so no interval)."
    related = worth[1] > 0
    said += f" (95 % interval {worth[1]:.1f} to {worth[2]:.1f}): "
    said += "the two measurements are related, " if related else "not told apart from shuffled pairs, "
    if advantage[1] > 0:
        join = "and" if related else "but"
        return (
            f"{said}{join} one code pays: it describes new cells better than two separate codes of the same total size, "
            f"by {advantage[0]:.1f} nats a cell."
        )
    said += "but" if related else "and"
    if advantage[2] < 0:
        return (
            f"{said} one code does not pay: two separate codes of the same total size describe new cells better, "
            f"by {-advantage[0]:.1f} nats a cell."
        )
    return (
        f"{said} one code is not shown to pay: two separate codes of the same total size do as well "
        f"(joint minus separate {advantage[0]:+.1f} nats a cell)."
    )


def curve(nats: np.ndarray, sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """nats: (seeds, sizes). against_best: each size minus the one that is best on average, within each split."""

    def over(columns: np.ndarray) -> list[list[float]]:
        if len(columns) == 1:
            return [[float(value)] * 3 for value in columns[0]]
        intervals = [seed_interval(list(column)) for column in columns.T]
        return [[interval.value, interval.low, interval.high] for interval in intervals]

    best = nats[:, [int(nats.mean(0).argmax())]]
    chosen = smallest_within_one_error(list(sizes), nats)
    return {"sizes": list(sizes), "nats": over(nats), "against_best": over(nats - best), "chosen": chosen}


def rows(key: str, answer: dict[str, Any], rate_curve: dict[str, Any], seeds: Sequence[int]) -> list[Row]:
    """The table's lines."""

    def line(method: str, where: str, numbers: list[float]) -> Row:
        value, low, high = numbers
        bounds = {} if len(seeds) == 1 else {"low": low, "high": high, "interval": "95%, Student's t over seeds"}
        return Row(method, "described: nats a cell", value, where=where, seeds=tuple(seeds), **bounds)

    found = [
        line(
            f"{way} code" if way != "difference" else "joint minus separate",
            f"{key}, {pairs} pairs, {answer['d']} numbers",
            numbers,
        )
        for pairs, ways in answer["pairs"].items()
        for way, numbers in ways.items()
    ]
    return found + [
        line(f"latent size {size}", f"{key}, rate-distortion", numbers)
        for size, numbers in zip(rate_curve["sizes"], rate_curve["nats"], strict=True)
    ]
