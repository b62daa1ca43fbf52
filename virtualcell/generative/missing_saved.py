"""The samplers of one model as weights and a record, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from virtualcell.generative.conditions import Vocabulary
from virtualcell.generative.depths import Depths
from virtualcell.generative.intervals import Reliability
from virtualcell.generative.known import Known
from virtualcell.generative.missing import MissingSampler
from virtualcell.generative.plausible import Plausible
from virtualcell.generative.residuals import Residuals
from virtualcell.generative.sampler import Sampler

NAME = "samplers"
FORMAT = 3
"""Of the files; others are refused."""
NAMED = ("treatment", "label")

Weights = dict[str, torch.Tensor]


def state_of(samplers: MissingSampler) -> tuple[Weights, dict[str, Any]]:
    """Weights and record, for ``saved.write_part``."""
    known = samplers.known
    weights = {f"{name}|{k}": v for name, s in samplers.named().items() for k, v in s.state_dict().items()}
    weights |= {f"reference|{m}": torch.from_numpy(values) for m, values in known.reference.items()}
    for m, depth in samplers.depth.items():
        for part in ("coef", "residuals", "bounds"):
            weights[f"depth|{m}|{part}"] = torch.from_numpy(getattr(depth, part).astype(np.float32))
    for m, left in samplers.residuals.items():
        weights |= {f"residuals|{m}|mean": torch.from_numpy(left.mean), f"residuals|{m}|root": torch.from_numpy(left.root)}
    weights |= {f"reliability|{k}": torch.from_numpy(r.levels.astype(np.float32)) for k, r in samplers.reliability.items()}
    weights |= {"states": torch.from_numpy(known.states), "sample": torch.from_numpy(known.sample.astype(np.int32))}
    weights |= {"time": torch.from_numpy(known.time.astype(np.float64)), "batch": torch.from_numpy(known.batch.astype(np.int32))}
    names = {}
    for what, values in zip(NAMED, (known.treatment, known.labels), strict=True):
        names[what] = sorted(set(map(str, values)))
        weights[what] = torch.from_numpy(np.searchsorted(names[what], values.astype(str)).astype(np.int32))
    vocabulary = known.vocabulary
    return weights, {
        "format": FORMAT,
        "vocabulary": {"times": vocabulary.times, "treatments": vocabulary.treatments, "labels": vocabulary.labels},
        "names": names,
        "depth": {m: depth.intercept for m, depth in samplers.depth.items()},
        "residuals": list(samplers.residuals),
        "limits": known.limits,
        "plausible": {
            m: {"line": p.line.tolist(), "least": p.least, "bounds": p.bounds.tolist()} for m, p in samplers.plausible.items()
        },
        "seconds": samplers.seconds,
        "samplers": {name: {"shape": s.shape(), "record": s.record} for name, s in samplers.named().items()},
    }


def of_state(weights: Weights, record: dict[str, Any]) -> MissingSampler:
    """From what ``state_of`` gave. Raises KeyError, TypeError, ValueError, IndexError or RuntimeError where it is of another
    version."""
    if record["format"] != FORMAT:
        raise ValueError(f"format {record['format']} instead of {FORMAT}")
    found: dict[str, Sampler] = {}
    for name, described in record["samplers"].items():
        sampler = found[name] = Sampler.empty(described["shape"])
        sampler.load_state_dict({k.removeprefix(f"{name}|"): v for k, v in weights.items() if k.startswith(f"{name}|")})
        sampler.record = described["record"]
        sampler.eval().requires_grad_(requires_grad=False)

    def under(what: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(f"{what}|"): v.numpy() for k, v in weights.items() if k.startswith(f"{what}|")}

    treatment, label = (np.asarray(record["names"][what], dtype=object)[weights[what].numpy()] for what in NAMED)
    known = Known(
        Vocabulary.from_dict(record["vocabulary"]),
        weights["time"].numpy(),
        treatment,
        label,
        weights["batch"].numpy(),
        weights["sample"].numpy(),
        under("reference"),
        weights["states"].numpy(),
        record["limits"],
    )
    depth = {m: (weights[f"depth|{m}|coef"].numpy(), intercept) for m, intercept in record["depth"].items()}
    left = record["residuals"]
    return MissingSampler(
        known,
        {k.removeprefix("prior."): s for k, s in found.items() if k.startswith("prior.")},
        {k.removeprefix("decoder."): s for k, s in found.items() if k.startswith("decoder.")},
        found["cells"],
        {
            m: Depths(*line, *(weights[f"depth|{m}|{part}"].numpy() for part in ("residuals", "bounds")))
            for m, line in depth.items()
        },
        {m: Residuals(weights[f"residuals|{m}|mean"].numpy(), weights[f"residuals|{m}|root"].numpy()) for m in left},
        {m: Plausible(np.array(p["line"]), p["least"], np.array(p["bounds"])) for m, p in record["plausible"].items()},
        {k: Reliability(levels) for k, levels in under("reliability").items()},
        record["seconds"],
    )
