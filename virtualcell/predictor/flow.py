"""A field that carries a population through time: velocity and growth of every state at every time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

LARGEST_RATE = 3.0
"""Growth is cut here, in logarithms a unit of time."""


class Flow(nn.Module):
    """dz/dt = v(z, t) and d log w/dt = g(z, t), for many members at once that share nothing but their shape.

    Each member is a network of three hidden layers (SELU), as is usual in flow matching (Tong et al. 2024, OT-CFM, appendix E).
    z: (members, cells, d), t: (members, cells, 1).
    """

    def __init__(self, members: int, d: int, width: int = 64, depth: int = 3):
        super().__init__()
        sizes = [d + 1, *[width] * depth, d + 1]
        # The start of nn.Linear, for each member.
        self.weight = nn.ParameterList((2 * torch.rand(members, a, b) - 1) / a**0.5 for a, b in pairwise(sizes))
        self.bias = nn.ParameterList((2 * torch.rand(members, 1, b) - 1) / a**0.5 for a, b in pairwise(sizes))
        self.d = d

    def forward(self, z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Velocity (members, cells, d) and growth (members, cells)."""
        hidden = torch.cat([z, t], 2)
        for i, (weight, bias) in enumerate(zip(self.weight, self.bias, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if i < len(self.weight) - 1:
                hidden = torch.selu(hidden)
        return hidden[..., : self.d], hidden[..., self.d]

    @torch.no_grad()
    def rollout(
        self, start: np.ndarray, t0: float, ends: list[float], steps: int = 40, latest: float = np.inf
    ) -> tuple[np.ndarray, np.ndarray]:
        """Carries cells (n, d) from t0 to each of the rising (or, back in time, falling) ``ends`` by the midpoint rule.

        Returns states (ends, members, n, d) and log weights (ends, members, n); steps: at least so many a unit of time;
        after ``latest`` the field stays what it is then.
        """
        way = [b - a for a, b in pairwise([t0, *ends])]
        if not (all(step > 0 for step in way) or all(step < 0 for step in way)):
            said = ", ".join(f"{end:g}" for end in ends)
            raise ValueError(f"Times must all rise, or all fall, from the start: {t0:g}, {said}.")
        members, device = self.weight[0].shape[0], self.weight[0].device
        z = torch.from_numpy(np.ascontiguousarray(start, dtype=np.float32)).to(device).expand(members, -1, -1)
        log_weight = torch.zeros(z.shape[:2], device=device)
        states, weights, now = [], [], t0
        for end in ends:
            n = max(1, int(np.ceil(abs(end - now) * steps)))
            h = (end - now) / n
            for i in range(n):
                early, middle = (
                    torch.full((members, z.shape[1], 1), min(now + (i + part) * h, latest), device=device) for part in (0, 0.5)
                )
                half = z + 0.5 * h * self(z, early)[0]
                velocity, growth = self(half, middle)
                z, log_weight = z + h * velocity, log_weight + h * growth.clamp(-LARGEST_RATE, LARGEST_RATE)
            now = end
            states.append(z.cpu().numpy().astype(np.float64))
            weights.append(log_weight.cpu().numpy().astype(np.float64))
        return np.stack(states), np.stack(weights)
