"""All that a training loop changes as it runs: weights, optimiser, schedule, and where the random numbers are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from virtualcell.training.kept import Kept

SCHEDULE = ("last_epoch", "_step_count", "_last_lr")
"""What a schedule that is a function of the step alone changes."""


@dataclass
class LoopState:
    """modules: by name, with distinct weights; schedule: of the optimiser, a function of the step alone (one cycle); generator,
    rng: those that the loop draws from."""

    modules: dict[str, nn.Module]
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    rng: np.random.Generator | None = None

    def now(self, tensors: Mapping[str, Tensor] | None = None, **record: Any) -> Kept:
        """The loop as it stands, with more tensors and facts of its own."""
        found = {f"{name}.{k}": v for name, module in self.modules.items() for k, v in module.state_dict().items()}
        optimiser = self.optimiser.state_dict()
        for i, state in optimiser["state"].items():
            found |= {f"optimiser.{i}.{k}": torch.as_tensor(v) for k, v in state.items()}
        found |= {"random.generator": self.generator.get_state(), "random.torch": torch.get_rng_state()}
        state_of_schedule = self.schedule.state_dict()
        facts = {
            "groups": optimiser["param_groups"],
            "schedule": {name: state_of_schedule[name] for name in SCHEDULE},
            "rng": None if self.rng is None else self.rng.bit_generator.state,
        }
        return Kept({**found, **(tensors or {})}, {**facts, **record})

    def take_up(self, kept: Kept) -> None:
        """Goes back to where ``now`` was called."""
        for name, module in self.modules.items():
            module.load_state_dict(kept.part(name))
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in kept.part("optimiser").items():
            i, name = key.split(".")
            states.setdefault(int(i), {})[name] = value
        groups = [group | {"betas": tuple(group["betas"])} for group in kept.record["groups"]]
        self.optimiser.load_state_dict({"state": states, "param_groups": groups})
        self.schedule.load_state_dict(kept.record["schedule"])
        self.generator.set_state(kept.tensors["random.generator"])
        torch.set_rng_state(kept.tensors["random.torch"])
        if self.rng is not None:
            self.rng.bit_generator.state = kept.record["rng"]
