"""Trains the predictor: populations are rolled from every earlier time to every later one and compared with the measured ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from virtualcell.predictor.density import Density
from virtualcell.predictor.distance import LOSSES, energy_score
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.predictor.rotation import Rotation
from virtualcell.schema import DataError, PredictorSettings
from virtualcell.training.autoencoder import Progress
from virtualcell.training.courses import Course, make_courses, roll
from virtualcell.training.growth import GrowthTerm, KnownGrowth
from virtualcell.training.transitions import Transition, make_transitions

CLONE_DRAWS = 8
"""Simulated descendants of each barcoded cell at each step."""

CLONES_EVERY = 2
"""Steps from one look at clones to the next: their rollouts cost as much as those of populations."""

STEPS_AGAIN = 10
"""Steps of training from one count of the integrator's steps to the next."""

MOST_COURSES = 6
"""Rolled out at each step."""

ALL_GAPS = 4
"""At every so manieth step populations are followed to all later times."""

ROTATION_PULL, CURVED_PULL = 0.001, 100.0
"""What a slope can say, it shall say; what a plain rotation can say, no network shall."""

WALL = 20.0
"""Height of the wall, twice the radius out, over the energy that moves populations in one span."""


@dataclass
class PredictorFit:
    dynamics: Dynamics
    history: list[dict[str, float]] = field(default_factory=list)
    growth_known: str = ""
    """What a reader must know of growth."""
    growth_identified: bool = False
    """Whether rates or sizes were given, rather than read from the snapshots themselves."""


def train_predictor(
    z: np.ndarray,
    settings: PredictorSettings,
    *,
    time: np.ndarray | None,
    treatment: np.ndarray | None = None,
    control: str = "control",
    clones: sp.csr_matrix | None = None,
    diffusion: float | None = None,
    diffusion_known: bool = False,
    growth: str = "transport",
    growth_rates: np.ndarray | Callable[[np.ndarray], np.ndarray] | None = None,
    population_sizes: dict[float, float] | None = None,
    rotation: bool = False,
    start: Dynamics | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    progress: Progress | None = None,
) -> PredictorFit:
    """Fits the dynamics to cell states z (cells, d).

    time: (cells,) in spans, first 0 and last 1; treatment: (cells,) names; clones: (cells, clones) indicator of heritable
    barcodes; diffusion: where D starts, in latent units^2 a span (by default settings.diffusion decides), and stays if
    ``diffusion_known``. growth, growth_rates (cells,) per span or a function of states, population_sizes (time in spans -> size):
    see ``KnownGrowth``. rotation: also fit the part of the drift that is no slope. start: dynamics to go on from (same cells or a
    resample of them), instead of the start from the density.
    """
    device = device or torch.device("cpu")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    transitions = make_transitions(time, treatment, control, settings.stationary_weight)
    if not transitions:
        raise DataError(
            "There is one population of two or more cells only.",
            next_step="give cells of at least two time points, or of one treatment beside its control.",
            field="time",
        )
    if settings.distance not in LOSSES:
        raise DataError(
            f"distance={settings.distance!r} is not known.", next_step=f"choose one of {', '.join(LOSSES)}.", field="distance"
        )
    if callable(growth_rates):
        growth_rates = np.asarray(growth_rates(z), dtype=float)
    known = KnownGrowth(growth, growth_rates, dict(population_sizes or {}))
    if diffusion is None:
        diffusion = start_diffusion(z, transitions, settings)
    parts = tuple(dict.fromkeys(part for t in transitions if t.treatment for part in t.treatment.split("+")))
    states = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32)).to(device)
    density = Density(states)
    history: list[dict[str, float]] = []
    if start is None:
        model = Dynamics(z.shape[1], settings.width, diffusion, parts, settings.euler_steps, rotation).to(device)
        model.potential.enclose(states, diffusion, wall_strength(z, transitions, diffusion))
        _warm_start(model, density, settings, generator, history, progress)
    else:
        model = copy.deepcopy(start).to(device).train()
        if rotation and model.rotation is None:
            model.rotation = Rotation(z.shape[1]).to(device)
    first_log_diffusion = float(np.log(diffusion))
    clock = [p.requires_grad_(not diffusion_known) for p in (model.log_diffusion, model.potential.log_scale)]
    growing = GrowthTerm(known, z, states, transitions, time, rng)
    growing.prepare(model, generator)
    sisters = _sisters(clones, time)
    free = [p for p in model.parameters() if p.requires_grad]
    rate = settings.learning_rate
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in free if all(p is not c for c in clock)], "weight_decay": settings.weight_decay},
            {"params": [p for p in free if any(p is c for c in clock)], "weight_decay": 0.0},
        ],
        lr=rate,
    )
    rates = [rate, 8 * rate] if start is None else [0.5 * rate, rate]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=settings.steps)
    average = Average(model, settings.steps)
    distance = LOSSES[settings.distance](states)
    courses = make_courses(transitions)
    chances = np.array([course.weight for course in courses])
    for step in range(settings.steps):
        if step % STEPS_AGAIN == 0:  # the landscape becomes steeper, and steps that overshoot would throw cells out
            model.euler_steps = model.steps_a_span(states)
        # All courses where they are few; a weighted draw of them where there are many treatments.
        chosen = courses
        if len(courses) > MOST_COURSES:
            chosen = [courses[i] for i in rng.choice(len(courses), MOST_COURSES, replace=False, p=chances / chances.sum())]
        # From one time to the next at every step, and to all later ones at every fourth: long ways cost four times as much. That
        # a population stays takes a whole span, too: it is asked at every fourth step and counts four times as much there.
        moving = [course.next_only for course in chosen if not course.stationary]
        whole = step % ALL_GAPS == 0 or not moving
        followed = chosen if whole else moving
        starts = [states[_start(course, rng, settings.rollouts)] for course in followed]
        rolled = roll(model, followed, starts, generator, known.counts)
        match, total = torch.zeros((), device=device), 0.0
        for t, end, log_weight in rolled:
            weight = t.weight if chosen is courses else 1.0
            # Populations weigh cells by growth but may not set it, unless their sizes bind it: free to choose, it would reweight
            # cells at will. Standing still needs no growth: cells that stay as a population are compared as they are.
            used = None if t.stationary or time is None or not known.counts else log_weight
            used = used if used is None or known.mode == "sizes" else used.detach()
            often = ALL_GAPS if t.stationary and moving else 1
            match = match + often * weight * distance(end, states[_target(t, rng, settings.rollouts)], used)
            total += weight
        if not whole:
            total += sum(course.weight if chosen is courses else 1.0 for course in chosen if course.stationary)
        loss = match / total
        figures = {"match": float(loss.detach())}
        if not diffusion_known:
            # Snapshots hardly bound D from above (mixing ever faster fits a population at rest): a weak pull to where it started.
            loss = loss + settings.diffusion_weight * (model.diffusion.log() - first_log_diffusion) ** 2
        loss = loss + settings.off_manifold_weight * _off_manifold(model, density, generator)
        loss = loss + growing.loss(model, rolled, settings.growth_penalty)
        if rotation:
            loss = loss + settings.rotation_penalty * _along(model, states, rng)
        if len(sisters) and time is not None and step % CLONES_EVERY == 0:
            pick = sisters[rng.integers(0, len(sisters), min(len(sisters), 64))]
            clone_loss = _clone_loss(model, states, pick, time, generator)
            loss = loss + CLONES_EVERY * settings.clone_weight * clone_loss
            figures["clones"] = float(clone_loss.detach())
        figures["diffusion"] = float(model.diffusion.detach())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        average.update(model, step)
        if not np.isfinite(figures["match"]):
            raise FloatingPointError("The predictor's loss is not a number; lower PredictorSettings.learning_rate.")
        if step % 20 == 0 or step == settings.steps - 1:
            history.append(figures)
            if progress is not None:
                progress("predictor", step + 1, settings.steps, figures)
    average.into(model)
    # The landscape may have become steeper than it was when training began.
    model.euler_steps = model.steps_a_span(states)
    return PredictorFit(model.requires_grad_(requires_grad=True).eval(), history, known.said(time is not None), known.identified)


def start_diffusion(z: np.ndarray, transitions: list[Transition], settings: PredictorSettings) -> float:
    """D to start from where it is not known, per span: settings.diffusion over the spread within populations of cells z."""
    populations = {rows.tobytes(): rows for t in transitions for rows in (t.source, t.target)}
    within = np.mean([z[rows].var(0).mean() for rows in populations.values() if len(rows) > 1])
    return float(0.5 * settings.diffusion * within)


def wall_strength(z: np.ndarray, transitions: list[Transition], diffusion: float) -> float:
    """As strong as what carries the populations of cells z (cells, d): the wall must hold whatever drift they call for."""
    moved = max(float(((z[t.target].mean(0) - z[t.source].mean(0)) ** 2).sum()) / t.duration for t in transitions)
    return WALL * (moved + diffusion * z.shape[1])


class Average:
    """Mean of the parameters over the last quarter of training: single steps carry the noise of their rollouts."""

    def __init__(self, model: Dynamics, steps: int):
        self.first, self.n = steps - steps // 4, 0
        self.sums = {name: torch.zeros_like(p) for name, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: Dynamics, step: int) -> None:
        if step >= self.first:
            self.n += 1
            for name, p in model.named_parameters():
                if name in self.sums:
                    self.sums[name] += p

    @torch.no_grad()
    def into(self, model: Dynamics) -> None:
        if self.n:
            for name, p in model.named_parameters():
                if name in self.sums:
                    p.copy_(self.sums[name] / self.n)


def _start(course: Course, rng: np.random.Generator, n: int) -> np.ndarray:
    # A small population is drawn with replacement: each rollout has noise of its own.
    return rng.choice(course.source, n, replace=len(course.source) < n)


def _target(t: Transition, rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.choice(t.target, min(2 * n, len(t.target)), replace=False)


def _along(model: Dynamics, states: Tensor, rng: np.random.Generator) -> Tensor:
    """How far the split of the drift into slope and rotation is from that of a population at rest on the landscape.

    exp(-U / D) is at rest where R . grad U = D div R (no flow of probability has a source): of all splits of one drift this is
    the one whose U is minus D times the logarithm of that density.
    """
    z = states[torch.from_numpy(rng.integers(0, len(states), 256)).to(states.device)].requires_grad_()
    gradient, turning = model.potential.gradient(z), model.turning(z)
    divergence = torch.zeros(len(z), device=z.device)
    for j in range(z.shape[1]):
        divergence = divergence + torch.autograd.grad(turning[:, j].sum(), z, create_graph=True)[0][:, j]
    size = (gradient.detach() ** 2).sum(1).mean() + (turning.detach() ** 2).sum(1).mean()
    source = (gradient * turning).sum(1) - model.diffusion.detach() * divergence
    assert model.rotation is not None
    curved = model.rotation.curved(model.potential.held_standard(z))
    pull = (turning**2).sum(1).mean() + CURVED_PULL * (curved**2).sum(1).mean()
    return ((source / size) ** 2).mean() + ROTATION_PULL * pull / size


def _warm_start(
    model: Dynamics,
    density: Density,
    settings: PredictorSettings,
    generator: torch.Generator,
    history: list[dict[str, float]],
    progress: Progress | None,
) -> None:
    """Starts U near -D log density of the pooled cells: only a start, for a density is not a landscape; the rollouts correct
    it."""
    shape = [p for p in model.potential.parameters() if p is not model.potential.log_scale]
    optimiser = torch.optim.Adam(shape, lr=1e-2)
    for step in range(settings.warm_steps):
        at, score = density.sample(256, generator)
        loss = ((model.potential.gradient(at) + model.diffusion.detach() * score) ** 2).sum(1).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 50 == 0 or step == settings.warm_steps - 1:
            history.append({"warm": float(loss.detach())})
            if progress is not None:
                progress("warm start", step + 1, settings.warm_steps, history[-1])


def _off_manifold(model: Dynamics, density: Density, generator: torch.Generator) -> Tensor:
    """Soft prior: where no cells were measured the landscape rises, at least half as steeply as -D log density does.

    One-sided, so that it says nothing where the slope is steep enough, and silent among the cells, where their motion says what
    the slope is; without it the network is free to dig holes in the many directions in which no cell was ever seen, and the
    attractors lie there.
    """
    at, score = density.sample(128, generator)
    off = (density.log(at) < density.rim).float()
    steep = score.norm(dim=1)
    uphill = -(model.potential.gradient(at) * score).sum(1) / steep.clamp_min(1e-6)
    wanted = 0.5 * model.diffusion.detach() * steep
    return (off * (wanted - uphill).clamp_min(0.0) ** 2).mean() / (wanted**2).mean().clamp_min(1e-12)


def _sisters(clones: sp.csr_matrix | None, time: np.ndarray | None) -> np.ndarray:
    """Pairs (early row, late row) of the same clone at different times, (pairs, 2)."""
    if clones is None or time is None:
        return np.empty((0, 2), np.int64)
    together = (clones @ clones.T).tocoo()
    keep = time[together.row] < time[together.col]
    return np.stack([together.row[keep], together.col[keep]], 1).astype(np.int64)


def _clone_loss(model: Dynamics, states: Tensor, pairs: np.ndarray, time: np.ndarray, generator: torch.Generator) -> Tensor:
    """Energy score of simulated descendants against a measured descendant of the same clone: soft targets, never hard pairs."""
    total, n = torch.zeros((), device=states.device), 0
    gap = np.round(time[pairs[:, 1]] - time[pairs[:, 0]], 6)
    for duration in np.unique(gap):
        some = pairs[gap == duration]
        start = states[torch.from_numpy(some[:, 0]).to(states.device)].repeat(CLONE_DRAWS, 1)
        end, _ = model.rollout(start, float(duration), generator)
        seen = states[torch.from_numpy(some[:, 1]).to(states.device)]
        total = total + len(some) * energy_score(end.reshape(CLONE_DRAWS, len(some), -1), seen)
        n += len(some)
    return total / n
