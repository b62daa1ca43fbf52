"""Which predictor serves a gap, decided without a look at the gap: by measured times that are hidden on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from virtualcell.evaluation.floor import split_half
from virtualcell.evaluation.metrics import energy_distance
from virtualcell.predictor.population import Predictor, Snapshots

LEAST_INNER = 2
"""Hidden times below which there is no spread of a gain over times, and so no guard against chance."""


@dataclass(frozen=True)
class Trial:
    """One candidate at one hidden time: its energy distance to the cells measured there, and the default's."""

    candidate: str
    hidden: float
    seed: int
    distance: float
    default: float
    noise: float
    """Energy distance of two halves of the cells measured there, mean without sign: less cannot be told from 0."""

    @property
    def gain(self) -> float:
        """Share of the default's distance that the candidate takes away; below 0 where it is worse."""
        return (self.default - self.distance) / max(self.default, self.noise)


@dataclass(frozen=True)
class Choice:
    """The predictor chosen, why, and every figure that was looked at."""

    name: str
    default: str
    reason: str
    trials: tuple[Trial, ...]

    def table(self) -> list[dict[str, Any]]:
        """A row a candidate, best first: candidate, mean gain over hidden times, its spread over them (None for one time), the
        least gain, mean energy distance, times, and whether it was chosen."""
        rows = []
        for name in dict.fromkeys(trial.candidate for trial in self.trials):
            gains = _gains(self.trials, name)
            mine = [trial for trial in self.trials if trial.candidate == name]
            rows.append(
                {
                    "candidate": name,
                    "gain": float(np.mean(list(gains.values()))),
                    "spread": float(np.std(list(gains.values()), ddof=1)) if len(gains) > 1 else None,
                    "least gain": min(gains.values()),
                    "energy distance": float(np.mean([trial.distance for trial in mine])),
                    "times": list(gains),
                    "chosen": name == self.name,
                }
            )
        return sorted(rows, key=lambda row: -row["gain"])


def choose(
    candidates: Sequence[Predictor],
    snapshots: Snapshots,
    *,
    default: str,
    seeds: Sequence[int] = (0,),
    progress: Callable[[float, int, str], None] | None = None,
) -> Choice:
    """Hides every inner measured time in turn, predicts it from the others by each candidate, and compares.

    snapshots: training times only; what is to be predicted must not be among them. Candidates are fitted anew for each hidden
    time and seed. default: the name of the candidate that wins unless another is closer at every hidden time, and on average by
    more than the spread (standard deviation) of its gain over them; among several such, the largest mean gain. Fewer than two
    inner times (four measured ones) have no spread: the default stays, by principle, and the reason says so. Two are a weak
    guard: of candidates just as good as the default, with normal gains, one in five passes (u > sqrt(2) |v| for independent u,
    v). A hidden time makes its gap wider than the one to be served, so what is learned here is of harder gaps. ValueError for
    names that are not distinct and a default that is not among them.
    """
    names = [candidate.name for candidate in candidates]
    if len(set(names)) < len(names) or default not in names:
        raise ValueError(f"Candidates need names of their own, {default!r} among them; there are {', '.join(names)}.")
    times = sorted(snapshots)
    trials = [
        trial
        for hidden in times[1:-1]
        for seed in seeds
        for trial in _trials(candidates, snapshots, hidden, seed, default, progress)
    ]
    name, reason = _decide(trials, names, default, len(times))
    return Choice(name, default, reason, tuple(trials))


def _trials(
    candidates: Sequence[Predictor],
    snapshots: Snapshots,
    hidden: float,
    seed: int,
    default: str,
    progress: Callable[[float, int, str], None] | None,
) -> list[Trial]:
    seen = {t: x for t, x in snapshots.items() if t != hidden}
    before = max(t for t in seen if t < hidden)
    found = {}
    for candidate in candidates:
        if progress is not None:
            progress(hidden, seed, candidate.name)
        given = candidate.fit(seen, seed).carry(seen[before], before, hidden, seed)
        found[candidate.name] = energy_distance(given.states, snapshots[hidden], given.weights)
    noise = float(np.abs(split_half(snapshots[hidden], 10, seed, energy_distance)).mean())
    return [Trial(name, hidden, seed, distance, found[default], noise) for name, distance in found.items()]


def _gains(trials: Sequence[Trial], name: str) -> dict[float, float]:
    """Hidden time -> gain, mean over seeds."""
    mine = [trial for trial in trials if trial.candidate == name]
    return {t: float(np.mean([trial.gain for trial in mine if trial.hidden == t])) for t in sorted({x.hidden for x in mine})}


def _decide(trials: Sequence[Trial], names: Sequence[str], default: str, n_times: int) -> tuple[str, str]:
    inner = sorted({trial.hidden for trial in trials})
    if len(inner) < LEAST_INNER:
        return default, (
            f"{n_times} measured times leave {len(inner) or 'none'} to hide between others; {LEAST_INNER} are needed to see "
            f"how a gain varies. {default} stays, as settled beforehand."
        )
    where = ", ".join(f"{t:g}" for t in inner)
    better = {}
    for name in names:
        gains = np.array(list(_gains(trials, name).values()))
        if name != default and (gains > 0).all() and gains.mean() > gains.std(ddof=1):
            better[name] = float(gains.mean())
    if not better:
        return default, f"At the hidden times {where} nothing was closer than {default} every time and by more than the spread."
    best = max(better, key=lambda name: better[name])
    return best, f"At the hidden times {where} {best} was closer than {default} every time, by {better[best]:.0%} on average."
