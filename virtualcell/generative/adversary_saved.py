"""All scorers of a model together, to and from its folder: ``pairs.json`` and ``pairs.safetensors``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from virtualcell.autoencoder.residual import Residual
from virtualcell.generative.adversary import MIN_CELLS, PairScorer, fit_pairs
from virtualcell.generative.adversary_critic import Critic
from virtualcell.generative.adversary_gaussian import GaussianPairs
from virtualcell.generative.adversary_labels import HIDDEN, LabelScorer, fit_labels, labels_by_column
from virtualcell.generative.adversary_seen import Seen
from virtualcell.generative.material import Material
from virtualcell.generative.plausible import Plausible
from virtualcell.generative.saved import read_part, write_part
from virtualcell.schema import DataError
from virtualcell.training.epochs import Progress

NAME = "pairs"
CORE = ("source_mean", "source_map", "target_mean", "target_map", "correlations")


@dataclass(frozen=True)
class Scorers:
    """pairs: by two modalities in the model's order; labels: by "time", "treatment", "state"; seen: by modality, what it looks
    like in the cells from which was learned."""

    pairs: Mapping[tuple[str, str], PairScorer]
    labels: Mapping[str, LabelScorer]
    seen: Mapping[str, Seen]


def fit_scorers(
    material: Material,
    columns: Mapping[str, str | None],
    seen: Mapping[str, Seen],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Scorers:
    """One scorer for every two modalities measured together in enough cells and for every kind of label with two values."""
    pairs = {
        (a, b): fit_pairs(material, a, b, seed=seed, progress=progress)
        for a, b in combinations(material.embeddings, 2)
        if (material.both(a, b) & ~material.held_out).sum() >= MIN_CELLS
    }
    labels = {}
    for column, names in labels_by_column(material, columns).items():
        try:
            labels[column] = fit_labels(material.states, names, material.held_out, column, seed=seed)
        except DataError:  # fewer than two labels with enough cells: there is nothing to tell apart
            continue
    return Scorers(pairs, labels, seen)


def write_scorers(scorers: Scorers, folder: Path, digest: str) -> None:
    """Writes both files (``virtualcell.generative.saved``)."""
    weights: dict[str, Tensor] = {}
    record: dict[str, Any] = {"pairs": [], "labels": [], "seen": {}}
    for i, scorer in enumerate(scorers.pairs.values()):
        arrays = {name: getattr(scorer.core, name) for name in CORE}
        arrays |= {"scale.source": scorer.scale[0], "scale.target": scorer.scale[1]}
        arrays |= {"matched": scorer.matched, "swapped": scorer.swapped}
        arrays |= {f"within.{kind}": values for kind, values in scorer.swapped_within.items()}
        weights |= {f"pair{i}.{name}": torch.from_numpy(np.array(values)) for name, values in arrays.items()}
        weights |= {f"pair{i}.critic.{name}": value for name, value in scorer.critic.state_dict().items()}
        said = {"source": scorer.source, "target": scorer.target, "gate": scorer.gate, "temperature": scorer.temperature}
        record["pairs"].append(said | {"record": dict(scorer.record)})
    for i, one in enumerate(scorers.labels.values()):
        arrays = {"weight": one.weight, "bias": one.bias, "scale": one.scale, "share": one.share}
        weights |= {f"label{i}.{name}": torch.from_numpy(np.array(values)) for name, values in arrays.items()}
        weights |= {f"label{i}.residual.{name}": value for name, value in one.residual.state_dict().items()}
        about = {"column": one.column, "labels": list(one.labels), "gate": one.gate, "temperature": one.temperature}
        record["labels"].append(about | {"record": dict(one.record)})
    for name, kept in scorers.seen.items():
        arrays = {"embeddings": kept.embeddings, "line": kept.plausible.line, "bounds": kept.plausible.bounds}
        weights |= {f"seen.{name}.{part}": torch.from_numpy(np.array(values)) for part, values in arrays.items()}
        record["seen"][name] = {"least": kept.plausible.least}
    write_part(folder, NAME, weights, record, digest)


def read_scorers(folder: Path, digest: str) -> Scorers | None:
    """What ``write_scorers`` wrote; None where there is nothing. Raises DataError naming a file that is broken or of another
    model."""
    found = read_part(folder, NAME, digest)
    if found is None:
        return None
    weights, record = found
    try:
        pairs = [_pair(weights, f"pair{i}.", said) for i, said in enumerate(record["pairs"])]
        labels = [_label(weights, f"label{i}.", said) for i, said in enumerate(record["labels"])]
        seen = {str(name): _seen(weights, f"seen.{name}.", said) for name, said in record["seen"].items()}
    except (KeyError, TypeError, ValueError, RuntimeError, IndexError) as error:
        raise DataError(
            f"This file does not hold what {NAME}.json says ({type(error).__name__}: {error}).",
            next_step="copy the folder again, or train the generators again with `virtualcell generators`.",
            file=str(folder / f"{NAME}.safetensors"),
        ) from error
    return Scorers({(p.source, p.target): p for p in pairs}, {one.column: one for one in labels}, seen)


def _pair(weights: dict[str, Tensor], prefix: str, said: dict[str, Any]) -> PairScorer:
    own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    core = GaussianPairs(**{name: own[name].numpy() for name in CORE})
    critic = Critic(len(core.source_mean), len(core.target_mean))
    critic.load_state_dict(_inside(own, "critic."))
    scale = (own["scale.source"].numpy(), own["scale.target"].numpy())
    return PairScorer(
        str(said["source"]),
        str(said["target"]),
        core,
        critic.eval(),
        float(said["gate"]),
        float(said["temperature"]),
        scale,
        own["matched"].numpy(),
        own["swapped"].numpy(),
        {kind: values.numpy() for kind, values in _inside(own, "within.").items()},
        dict(said["record"]),
    )


def _label(weights: dict[str, Tensor], prefix: str, said: dict[str, Any]) -> LabelScorer:
    own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
    residual = Residual(len(own["weight"]), HIDDEN, len(own["bias"]))
    residual.load_state_dict(_inside(own, "residual."))
    return LabelScorer(
        str(said["column"]),
        tuple(str(name) for name in said["labels"]),
        own["weight"].numpy(),
        own["bias"].numpy(),
        residual.eval(),
        float(said["gate"]),
        float(said["temperature"]),
        own["scale"].numpy(),
        own["share"].numpy(),
        dict(said["record"]),
    )


def _seen(weights: dict[str, Tensor], prefix: str, said: dict[str, Any]) -> Seen:
    line, bounds = (weights[prefix + name].numpy() for name in ("line", "bounds"))
    return Seen(weights[prefix + "embeddings"].numpy(), Plausible(line, float(said["least"]), bounds))


def _inside(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
