"""Trains the predictor: populations are rolled from every earlier time to every later one and compared with the measured ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
import torch

from virtualcell.predictor.density import Density
from virtualcell.predictor.distance import LOSSES, require_distance
from virtualcell.predictor.dynamics import STIFFNESS, Dynamics
from virtualcell.predictor.rotation import Rotation
from virtualcell.predictor.whitened import WhitenedDistance
from virtualcell.schema import DataError, PredictorSettings
from virtualcell.training.average import Average
from virtualcell.training.clones import Sisters
from virtualcell.training.courses import Course, make_courses, roll
from virtualcell.training.epochs import Progress
from virtualcell.training.growth import GrowthTerm, KnownGrowth
from virtualcell.training.kept import Keeper
from virtualcell.training.loop_state import LoopState
from virtualcell.training.priors import along, off_manifold, warm_start
from virtualcell.training.sizes import pushes_of, slope_scale, start_diffusion, wall_strength
from virtualcell.training.transitions import Transition, make_transitions

CLONES_EVERY = 2
"""Steps from one look at clones to the next: their rollouts cost as much as those of populations."""

STEPS_AGAIN = 10
"""Steps of training from one count of the integrator's steps to the next."""

COARSE = 0.8
"""Stiffness (``Dynamics.steps_a_span``) while the landscape takes shape; in the last quarter, whose mean is kept, it is that of
all later use: cells that take long steps cross passes less often than cells do, and passes learned with them are too low."""

STEPS_UNEVEN = 2
"""Times the steps of training where cells are known to divide unequally: a few cells that become many carry much of what
populations say, and more of chance."""

SLOWER = 0.7
"""Learning rate of the landscape's shape over that of growth and forces: what populations hardly tell of it (how sharp a pass is
along the way and across) wanders with the noise of the rollouts, the further the faster it is learned."""

FASTER = 4.0
"""Times the steepness of valleys that forces are learned by: their gradients are mostly noise of the rollouts, by which Adam
takes small steps, and at one time a force had come to six tenths of its size by the end, where slopes had long come to theirs."""

MOST_COURSES = 6
"""Rolled out at each step."""

ALL_GAPS = 4
"""At every so manieth step populations are followed to all later times."""

STRAY = 0.9
"""Of the way to the wall, an eighth further out than 98 % of the cells: a cell beyond is a stray one."""


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
    keep: Keeper | None = None,
    stage: str = "predictor",
) -> PredictorFit:
    """Fits the dynamics to cell states z (cells, d).

    time: (cells,) in spans, first 0 and last 1; treatment: (cells,) names; clones: (cells, clones) indicator of heritable
    barcodes; diffusion: where D starts, in latent units^2 a span (by default settings.diffusion decides), and stays if
    ``diffusion_known``. growth, growth_rates (cells,) per span or a function of states, population_sizes (time in spans -> size):
    see ``KnownGrowth``. rotation: also fit the part of the drift that is no slope. start: dynamics to go on from (same cells or a
    resample of them), instead of the start from the density. stage: what progress is told under, and under what
    ``keep`` writes the training as it goes, to be taken up again.
    """
    device, keep = device or torch.device("cpu"), keep or Keeper()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    transitions = make_transitions(time, treatment, control, settings.stationary_weight)
    if all(t.stationary for t in transitions):
        raise DataError(
            "There is one population of two or more cells only.",
            next_step="give cells of at least two time points, or of one treatment beside its control.",
            field="time",
        )
    require_distance(settings.distance)
    if callable(growth_rates):
        growth_rates = np.asarray(growth_rates(z), dtype=float)
    known = KnownGrowth(growth, growth_rates, dict(population_sizes or {}))
    known.check(time, treated=any(t.treatment for t in transitions), distance=settings.distance)
    if diffusion is None:
        diffusion = start_diffusion(z, transitions, settings)
    parts = pushes_of(transitions)
    states = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32)).to(device)
    history: list[dict[str, float]] = []
    if start is None:
        model = Dynamics(z.shape[1], settings.width, diffusion, parts, settings.euler_steps, rotation).to(device)
        model.potential.enclose(states, diffusion, wall_strength(z, transitions, diffusion))
    else:
        model = copy.deepcopy(start).to(device).train()
        if rotation and model.rotation is None:
            model.rotation = Rotation(z.shape[1]).to(device)
    kept = keep.read(stage)
    said = known.said(time is not None)
    if kept is not None and kept.finished:
        model.load_state_dict(kept.part("model"))
        model.euler_steps = kept.record["euler_steps"]
        return PredictorFit(model.requires_grad_(requires_grad=True).eval(), kept.record["history"], said, known.identified)
    # Stray cells stand alone: a density would have a mode at each, and the landscape a hole beside the wall.
    density = Density(states[model.potential.within(states, STRAY)])
    if start is None and kept is None:
        warm_start(model, density, settings, generator, history, progress, keep)
    first_log_diffusion = float(np.log(diffusion))
    clock = [p.requires_grad_(not diffusion_known) for p in (model.log_diffusion, model.potential.log_scale)]
    shape = [p for p in model.potential.parameters() if p is not model.potential.log_scale]
    growing = GrowthTerm(known, z, states, transitions, time, rng)
    growing.prepare(model, generator)
    sisters = Sisters.of(clones, time, treatment, control).pushed_by(model.treatments)
    free = [p for p in model.parameters() if p.requires_grad]
    rate, steps = settings.learning_rate, settings.steps * (STEPS_UNEVEN if growing.uneven else 1)
    named = {id(p) for p in (*shape, *clock)}
    named.add(id(model.forces))
    groups = [shape, [p for p in free if id(p) not in named], [p for p in clock if p.requires_grad], [model.forces]]
    decays, rates = [settings.weight_decay, settings.weight_decay, 0.0, 0.0], [SLOWER * rate, rate, 8 * rate]
    if start is not None:
        rates = [SLOWER * rate, SLOWER * rate, rate]
    rates.append(FASTER * rate * slope_scale(z, transitions, diffusion))
    optimiser = torch.optim.AdamW(
        [{"params": group, "weight_decay": decay} for group, decay in zip(groups, decays, strict=True)], lr=rate
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps)
    average = Average(model, steps)
    distance = LOSSES[settings.distance](states)
    courses = make_courses(transitions)
    by_numbers = distance.of_numbers if growing.by_numbers and isinstance(distance, WhitenedDistance) else None
    if growing.uneven:  # followed for long, so few would stand for all that they said little but noise
        courses = [course.next_only for course in courses]
    chances = np.array([course.weight for course in courses])
    state = LoopState({"model": model}, optimiser, schedule, generator, rng)
    first = 0
    if kept is not None:
        first, history = kept.record["steps"], kept.record["history"]
        average.n, average.sums = kept.record["averaged"], {k: v.to(device) for k, v in kept.part("average").items()}
        model.euler_steps = kept.record["euler_steps"]
        state.take_up(kept)
    for step in range(first, steps):
        if step % STEPS_AGAIN == 0:  # the landscape becomes steeper, and steps that overshoot would throw cells out
            fine = step >= average.first
            model.euler_steps = model.steps_a_span(states, STIFFNESS if fine else COARSE)
        # All courses where they are few; a weighted draw of them where there are many treatments.
        chosen = courses
        if len(courses) > MOST_COURSES:
            chosen = [courses[i] for i in rng.choice(len(courses), MOST_COURSES, replace=False, p=chances / chances.sum())]
        # From one time to the next at every step, and to all later ones at every fourth: long ways cost four times as much. That
        # a population stays takes a whole span, too: it is asked at every fourth step and counts four times as much there.
        moving = [course.next_only for course in chosen if not course.stationary]
        whole = step % ALL_GAPS == 0 or not moving
        followed = chosen if whole else moving
        starts = [states[_start(course, rng, settings.rollouts, again=by_numbers is not None)] for course in followed]
        rolled = roll(model, followed, starts, generator, known.counts)
        match, total = torch.zeros((), device=device), 0.0
        for t, end, log_weight in rolled:
            weight = t.weight if chosen is courses else 1.0
            often = ALL_GAPS if t.stationary and moving else 1
            target = states[_target(t, rng, settings.rollouts)]
            if t.stationary or time is None or not known.counts:
                # Standing still needs no growth: cells that stay as a population are compared as they are.
                apart = distance(end, target, None)
            elif by_numbers is not None:
                apart = by_numbers(end, target, log_weight - growing.log_ratio(t))
            else:
                # Populations weigh cells by growth but may not set it, unless their sizes bind it: free to choose, it would
                # reweight cells at will.
                apart = distance(end, target, log_weight.detach())
            match = match + often * weight * apart
            total += weight
        if not whole:
            total += sum(course.weight if chosen is courses else 1.0 for course in chosen if course.stationary)
        loss = match / total
        figures = {"match": float(loss.detach())}
        if not diffusion_known:
            # Snapshots hardly bound D from above (mixing ever faster fits a population at rest): a weak pull to where it started.
            loss = loss + settings.diffusion_weight * (model.diffusion.log() - first_log_diffusion) ** 2
        loss = loss + settings.off_manifold_weight * off_manifold(model, density, generator)
        loss = loss + growing.loss(model, settings.growth_penalty)
        if rotation:
            loss = loss + settings.rotation_penalty * along(model, states, rng)
        if len(sisters) and step % CLONES_EVERY == 0:
            pick = sisters.take(rng.integers(0, len(sisters), min(len(sisters), 64)))
            of_clones = pick.loss(model, states, generator)
            loss = loss + CLONES_EVERY * settings.clone_weight * of_clones
            figures["clones"] = float(of_clones.detach())
        figures["diffusion"] = float(model.diffusion.detach())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(free, 5.0)
        optimiser.step()
        schedule.step()
        average.update(model, step)
        if not np.isfinite(figures["match"]):
            raise DataError(
                f"The predictor's loss became {figures['match']} at step {step + 1}.",
                next_step="look for extreme values among the cells, or lower PredictorSettings.learning_rate.",
                field="learning_rate",
            )
        told = step % 20 == 0 or step == steps - 1
        if told:
            history.append(figures)
        if keep.due():
            sums = {f"average.{name}": total for name, total in average.sums.items()}
            own = {"steps": step + 1, "history": history, "averaged": average.n, "euler_steps": model.euler_steps}
            keep.write(stage, *state.now(sums, **own))
        if told and progress is not None:
            progress(stage, step + 1, steps, figures)
    average.into(model)
    # The landscape may have become steeper than it was when training began.
    model.euler_steps = model.steps_a_span(states)
    weights = {f"model.{k}": v for k, v in model.state_dict().items()}
    keep.finish(stage, weights, {"history": history, "euler_steps": model.euler_steps})
    return PredictorFit(model.requires_grad_(requires_grad=True).eval(), history, said, known.identified)


def _start(course: Course, rng: np.random.Generator, n: int, again: bool) -> np.ndarray:
    # A small population is drawn with replacement: each rollout has noise of its own. So is any whose cells are counted
    # (``again``): what chance adds to the distance is taken off as for independent draws, and taking off more would reward growth
    # that differs between cells.
    return rng.choice(course.source, n, replace=again or len(course.source) < n)


def _target(t: Transition, rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.choice(t.target, min(2 * n, len(t.target)), replace=False)
