"""All populations of a fit rolled out together: one batch in which every source starts at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from virtualcell.predictor.dynamics import Dynamics
from virtualcell.training.transitions import Transition

SAME = 1e-9
"""Spans by which durations may differ and be the same."""

FARTHEST = 10.0
"""Times the mean gradient of cells at the end, what may come back along the way of one."""


@dataclass(frozen=True)
class Course:
    """One source under one treatment, and the transitions that it is followed through, shortest first."""

    source: np.ndarray
    treatment: str | None
    transitions: tuple[Transition, ...]

    @property
    def weight(self) -> float:
        return sum(t.weight for t in self.transitions)

    @property
    def stationary(self) -> bool:
        """Whether it only says that a population stays what it is."""
        return all(t.stationary for t in self.transitions)

    @property
    def next_only(self) -> Course:
        """Without the transitions that skip a time."""
        return Course(self.source, self.treatment, self.transitions[:1])


def make_courses(transitions: list[Transition]) -> list[Course]:
    """Transitions of the same source and treatment share their rollout: what is later follows from what is earlier."""
    groups: dict[tuple, list[Transition]] = {}
    for t in transitions:
        # The prior that a population stays starts from it, too, but compares it with itself: a course of its own.
        groups.setdefault((t.source.tobytes(), t.treatment, t.stationary), []).append(t)
    return [Course(some[0].source, some[0].treatment, tuple(sorted(some, key=lambda t: t.duration))) for some in groups.values()]


def roll(
    model: Dynamics, courses: list[Course], starts: list[Tensor], generator: torch.Generator, grow: bool = True
) -> list[tuple[Transition, Tensor, Tensor]]:
    """Carries the cells of every course, starts[i] (cells, d), to the end of each of its transitions.

    Returns for every transition its end states (cells, d) and log weights (cells,). Courses may start at different times of the
    experiment: only how long a cell has moved counts.
    """
    z = torch.cat(starts)
    log_weight = torch.zeros(len(z), device=z.device)
    owner = torch.cat([torch.full((len(start),), i) for i, start in enumerate(starts)])
    pushes = [model.force(course.treatment) for course in courses]
    pushed = any(isinstance(push, Tensor) for push in pushes)
    force: Tensor | float = 0.0
    if pushed:
        of_course = torch.stack([push if isinstance(push, Tensor) else torch.zeros_like(z[0]) for push in pushes])
        force = of_course[owner.to(z.device)]
    found: list[tuple[Transition, Tensor, Tensor]] = []
    now = 0.0
    bound = _Bound()
    for end in _ends(courses):
        steps = max(1, math.ceil(model.euler_steps * (end - now) - 1e-9))
        dt, now = (end - now) / steps, end
        for _ in range(steps):
            z, log_weight = model.step(z, log_weight, dt, force, torch.randn(z.shape, generator=generator).to(z.device), grow)
            bound.on_the_way(z)
        read = model.outcome(z, dt, torch.randn(z.shape, generator=generator).to(z.device))
        bound.at_the_end(read)
        over = []
        for i, course in enumerate(courses):
            for t in course.transitions:
                if abs(t.duration - end) <= SAME:
                    mine = (owner == i).nonzero()[:, 0].to(z.device)
                    found.append((t, read[mine], log_weight[mine]))
            if abs(course.transitions[-1].duration - end) <= SAME:
                over.append(i)
        if over:
            going = torch.isin(owner, torch.tensor(over), invert=True)
            where = going.to(z.device)
            z, log_weight, owner = z[where], log_weight[where], owner[going]
            force = force[where] if isinstance(force, Tensor) else force
    return found


def _ends(courses: list[Course]) -> list[float]:
    """Durations after which something is read, those that differ by rounding alone (1/3 and 2/3 - 1/3) once."""
    ends: list[float] = []
    for duration in sorted({t.duration for course in courses for t in course.transitions}):
        if not ends or duration - ends[-1] > SAME:
            ends.append(duration)
    return ends


class _Bound:
    """Keeps the gradient that comes back along a cell's way to FARTHEST times what cells have at the end, on average.

    A cell that lingers on a pass ends here or there by a hair: its gradient grows with every step that it lingers, and a few such
    cells would drown what all others say.
    """

    def __init__(self) -> None:
        self.scale = 0.0

    def at_the_end(self, read: Tensor) -> None:
        if read.requires_grad:
            read.register_hook(self._measure)

    def on_the_way(self, z: Tensor) -> None:
        if z.requires_grad:
            z.register_hook(self._bounded)

    def _measure(self, gradient: Tensor) -> None:
        self.scale = max(self.scale, float(gradient.norm(dim=1).mean()))

    def _bounded(self, gradient: Tensor) -> Tensor:
        most = FARTHEST * self.scale
        return gradient * (most / gradient.norm(dim=1, keepdim=True).clamp_min(max(most, 1e-30)))
