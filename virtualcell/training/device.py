"""Which processor a fit runs on."""

from __future__ import annotations

import torch


def choose_device(name: str = "auto") -> torch.device:
    """CUDA, else Apple's MPS, else the CPU for "auto"; the named device otherwise. Raises ValueError when it is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    kind = name.split(":")[0]
    if kind not in there:
        raise ValueError(f"device={name!r} is not known; choose auto, cpu, cuda or mps.")
    if not there[kind]:
        raise ValueError(
            f"device={name!r} was asked for, but this machine has none that torch can use; choose device='auto' or 'cpu'."
        )
    return torch.device(name)


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 arithmetic for the networks on CUDA; full precision elsewhere."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")
