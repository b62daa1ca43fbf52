"""Trains the predictor: populations are rolled from every earlier time to every later one and compared with the measured ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from virtualcell.predictor.couplings import growth_targets
from virtualcell.predictor.density import Density
from virtualcell.predictor.distance import energy_distance, energy_score
from virtualcell.predictor.dynamics import Dynamics
from virtualcell.schema import DataError, PredictorSettings
from virtualcell.training.autoencoder import Progress
from virtualcell.training.transitions import Transition, make_transitions

CLONE_DRAWS = 8
"""Simulated descendants of each barcoded cell at each step."""


WALL = 20.0
"""Height of the wall, twice the radius out, over the energy that moves populations in one span."""


@dataclass
class PredictorFit:
    dynamics: Dynamics
    history: list[dict[str, float]] = field(default_factory=list)
    growth_known: str = ""


def train_predictor(
    z: np.ndarray,
    settings: PredictorSettings,
    *,
    time: np.ndarray | None,
    treatment: np.ndarray | None = None,
    control: str = "control",
    clones: sp.csr_matrix | None = None,
    diffusion: float | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    progress: Progress | None = None,
) -> PredictorFit:
    """Fits the dynamics to cell states z (cells, d).

    time: (cells,) in spans, first 0 and last 1; treatment: (cells,) names; clones: (cells, clones) indicator of heritable
    barcodes; diffusion: where D starts, in latent units^2 a span; by default settings.diffusion decides.
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
    if diffusion is None:
        populations = {rows.tobytes(): rows for t in transitions for rows in (t.source, t.target)}
        within = np.mean([z[rows].var(0).mean() for rows in populations.values() if len(rows) > 1])
        diffusion = float(0.5 * settings.diffusion * within)
    parts = tuple(dict.fromkeys(part for t in transitions if t.treatment for part in t.treatment.split("+")))
    model = Dynamics(z.shape[1], settings.width, diffusion, parts, settings.euler_steps).to(device)
    states = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32)).to(device)
    # As strong as what carries the populations: the wall must hold whatever drift the populations call for.
    moved = max(float(((z[t.target].mean(0) - z[t.source].mean(0)) ** 2).sum()) / t.duration for t in transitions)
    model.potential.enclose(states, diffusion, WALL * (moved + diffusion * z.shape[1]))
    first_log_diffusion = float(np.log(diffusion))
    history: list[dict[str, float]] = []
    density = Density(states)
    _warm_start(model, density, settings, generator, history, progress)

    growth_rows, growth_values, growth_known = _growth_targets(z, transitions, time, rng)
    sisters = _sisters(clones, time)
    others = [p for name, p in model.named_parameters() if name != "log_diffusion"]
    rate = settings.learning_rate
    optimiser = torch.optim.AdamW(
        [{"params": others, "weight_decay": settings.weight_decay}, {"params": [model.log_diffusion], "weight_decay": 0.0}],
        lr=rate,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [rate, 4 * rate], total_steps=settings.steps)
    weights = np.array([t.weight for t in transitions])
    for step in range(settings.steps):
        # All transitions where they are few; a weighted draw of them where there are many treatments.
        if len(transitions) <= 6:
            chosen, factor = transitions, weights
        else:
            pick = rng.choice(len(transitions), 6, replace=False, p=weights / weights.sum())
            chosen, factor = [transitions[i] for i in pick], np.ones(6)
        match = torch.zeros((), device=device)
        for t, w in zip(chosen, factor, strict=True):
            a, b = _draw(t, rng, settings.rollouts)
            end, log_weight = model.rollout(states[a], t.duration, generator, t.treatment)
            # Populations weigh cells by growth but may not set it: free to choose, it would reweight cells at will.
            # Standing still needs no growth: cells that stay as a population are compared as they are.
            log_weight = log_weight.detach()
            match = match + w * energy_distance(end, states[b], None if t.stationary or not growth_known else log_weight)
        loss = match / factor.sum()
        figures = {"match": float(loss.detach())}
        # Snapshots hardly bound D from above (mixing ever faster fits a population at rest): a weak pull to where it started.
        loss = loss + settings.diffusion_weight * (model.log_diffusion - first_log_diffusion) ** 2
        loss = loss + settings.off_manifold_weight * _off_manifold(model, density, generator)
        if len(growth_rows):
            some = torch.from_numpy(rng.integers(0, len(growth_rows), 256))
            asked = torch.from_numpy(growth_values[some.numpy()]).float().to(device)
            given = model.growth(states[torch.from_numpy(growth_rows[some.numpy()]).to(device)])
            anywhere = states[torch.from_numpy(rng.integers(0, len(states), 256)).to(device)]
            asking = ((given - asked) ** 2).mean() + (model.growth(anywhere) ** 2).mean()
            loss = loss + settings.growth_penalty * 0.05 * asking
        if len(sisters) and time is not None:
            pick = sisters[rng.integers(0, len(sisters), min(len(sisters), 64))]
            clone_loss = _clone_loss(model, states, pick, time, generator)
            loss = loss + settings.clone_weight * clone_loss
            figures["clones"] = float(clone_loss.detach())
        figures["diffusion"] = float(model.diffusion.detach())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        if not np.isfinite(figures["match"]):
            raise FloatingPointError("The predictor's loss is not a number; lower PredictorSettings.learning_rate.")
        if step % 20 == 0 or step == settings.steps - 1:
            history.append(figures)
            if progress is not None:
                progress("predictor", step + 1, settings.steps, figures)
    return PredictorFit(model.eval(), history, growth_known)


def _draw(t: Transition, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    # A small population is drawn with replacement as a start (each rollout has noise of its own) but never as a target.
    start = rng.choice(t.source, n, replace=len(t.source) < n)
    end = rng.choice(t.target, min(2 * n, len(t.target)), replace=False)
    return start, end


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
    optimiser = torch.optim.Adam(model.potential.parameters(), lr=1e-2)
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
    """Soft prior: away from measured cells the landscape rises, at least half as steeply as -D log density does.

    One-sided, so that it says nothing where the slope is steep enough; without it the network is free to dig holes in the many
    directions in which no cell was ever seen, and the attractors lie there.
    """
    at, score = density.sample(128, generator)
    steep = score.norm(dim=1)
    uphill = -(model.potential.gradient(at) * score).sum(1) / steep.clamp_min(1e-6)
    wanted = 0.5 * model.diffusion.detach() * steep
    return ((wanted - uphill).clamp_min(0.0) ** 2).mean() / (wanted**2).mean().clamp_min(1e-12)


def _growth_targets(
    z: np.ndarray, transitions: list[Transition], time: np.ndarray | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, str]:
    if time is None:
        return np.empty(0, np.int64), np.empty(0), ""
    rows, values = [], []
    for t in transitions:
        if t.stationary or t.weight < 1.0:
            continue
        a = rng.choice(t.source, min(600, len(t.source)), replace=False)
        b = rng.choice(t.target, min(600, len(t.target)), replace=False)
        rows.append(a)
        values.append(growth_targets(z[a], z[b], t.duration))
    known = (
        "No division markers or population sizes were given: growth follows unbalanced transport between adjacent time points, "
        "and cannot be told apart from drift by these snapshots alone."
    )
    return np.concatenate(rows), np.concatenate(values), known


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
