"""The parts of a training in their order, in plain words, and how long each is likely to take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from virtualcell.schema import Settings

HIDDEN = "hidden time: "
"""What stages are called while the model is trained again without one time."""

WORDS = {
    "starting": "starting",
    "reading": "reading the cells",
    "autoencoder": "learning the state of each cell",
    "conversion": "relating the kinds of measurement",
    "warm start": "a first landscape from where cells are",
    "predictor": "learning how cells move",
    "refits": "how sure the landscape is",
    "turning": "whether cells also move in circles",
    "generators": "learning to draw cells",
    "map": "drawing the map of the cells",
    "landscape": "drawing the landscape",
    "spaces": "drawing a map of each kind of measurement",
    "figures": "measuring it on cells kept aside",
    "stopping": "stopping",
}


def words(stage: str) -> str:
    """A stage as a reader sees it."""
    plain = stage.removeprefix(HIDDEN)
    said = WORDS.get(plain, plain)
    return f"again without one time: {said}" if stage.startswith(HIDDEN) else said


@dataclass(frozen=True)
class Plan:
    """Stages in order with the seconds that each would take on one core of an ordinary computer."""

    stages: tuple[tuple[str, float], ...]

    @classmethod
    def of(
        cls, settings: Settings, n_cells: int, n_features: int, n_kinds: int, n_times: int, treated: bool, hidden: bool
    ) -> Plan:
        """n_features: of all kinds of measurement together; n_times: measured times (0 or 1: nothing moves in time); treated:
        whether there are treated cells beside a control; hidden: whether a middle time is hidden and predicted too."""
        fit = _fit(settings, n_cells, n_features, n_kinds, n_times, treated)
        moves = n_times > 1 or treated
        views = [
            ("generators", _generators(n_cells, n_kinds)),
            ("map", 12 + 4e-3 * n_cells),
            ("landscape", 6.0 if moves else 0.0),
        ]
        views += [("spaces", n_kinds * (2 + 4e-3 * n_cells)), ("figures", 2 + 1e-3 * n_cells)]
        again = _fit(settings.plain(), n_cells, n_features, n_kinds, n_times - 1, treated) if hidden else []
        again += [("figures", 10 + 5e-3 * n_cells)] if hidden else []
        parts = [("reading", 5 + 1e-7 * n_cells * n_features), *fit, *views, *((HIDDEN + name, s) for name, s in again)]
        return cls(tuple((name, seconds) for name, seconds in parts if seconds > 0))


def _fit(settings: Settings, n_cells: int, n_features: int, n_kinds: int, n_times: int, treated: bool) -> list[tuple[str, float]]:
    ae, predictor = settings.autoencoder, settings.predictor
    training = 0.9 * n_cells
    per_epoch = max(1, int(training) // ae.batch_size)
    epochs = max(ae.epochs, -(-ae.min_steps // per_epoch))
    features = min(n_features, settings.preprocess.n_variable_genes + ae.features_per_step * max(0, n_kinds - 1))
    found = [
        ("autoencoder", epochs * training * (3e-5 + 2.2e-8 * features)),
        ("conversion", 2.5e-3 * n_cells * n_kinds * (n_kinds - 1)),
    ]
    if n_times > 1 or treated:
        # A step rolls cells from every earlier time, or towards every treatment, and through the steps of the integrator.
        step = 0.08 * (predictor.rollouts / 256) * (predictor.euler_steps / 20)
        found += [("warm start", 0.008 * predictor.warm_steps), ("predictor", step * predictor.steps)]
        if n_times > 1:
            found += [("refits", step * predictor.steps * predictor.refits / 6)]
            found += [("turning", step * predictor.steps * 2 / 6 if predictor.turning else 0.0)]
    return found


def _generators(n_cells: int, n_kinds: int) -> float:
    """Seconds: one sampler for new cells, and for every pair of kinds one each way and one for the whole cell."""
    return (1 + 1.5 * n_kinds * (n_kinds - 1)) * (4 + 2.5e-3 * min(n_cells, 20_000))


class Clock:
    """Estimates what is left of a plan, from the pace of what is behind.

    The guess of a stage is scaled by how much longer or shorter the stages so far took than guessed; of the stage at work what
    was seen of its own pace counts more the more of it is done. What is shown moves only part of the way to each new estimate,
    so that it does not jump.
    """

    KNOWN_AFTER_S = 4.0
    MOVES = 0.25
    """Share of the way to the new estimate, each time that it is asked."""

    def __init__(self, plan: Plan, past: dict[str, float] | None = None):
        """past: seconds that stages took in earlier attempts; they go faster now, from their checkpoint."""
        self.plan = plan
        self.spent: dict[str, float] = dict(past or {})
        self.stage = ""
        self._began = self._stage_began = -math.inf
        self._done = 0.0
        self._first_done: tuple[float, float] | None = None
        self._shown: tuple[float, float] | None = None

    def at(self, now: float, stage: str, done: int, total: int) -> float | None:
        """Seconds left at ``now`` (s, any clock that only grows), None before it is known."""
        if self._began == -math.inf:
            self._began = now
        if stage != self.stage:
            if self.stage:
                self.spent[self.stage] = self.spent.get(self.stage, 0.0) + now - self._stage_began
            self.stage, self._stage_began, self._first_done = stage, now, None
        share = done / total if total else 0.0
        if self._first_done is None:
            self._first_done = (now, share)  # a stage that is taken up again does not start at 0
        estimate = self._estimate(now, share)
        if estimate is None:
            return None
        if self._shown is None:
            self._shown = (now, estimate)
        else:
            then, value = self._shown
            counted = max(0.0, value - (now - then))
            self._shown = (now, counted + self.MOVES * (estimate - counted))
        return self._shown[1]

    def _estimate(self, now: float, share: float) -> float | None:
        names = [name for name, _ in self.plan.stages]
        if self.stage not in names or now - self._began < self.KNOWN_AFTER_S:
            return None
        here = names.index(self.stage)
        guess = dict(self.plan.stages)
        inside = now - self._stage_began
        behind = [name for name in names[:here] if name in self.spent]
        # A pace of 1 weighs as much as ten seconds of work: one short stage tells little.
        took, thought = 10.0 + sum(self.spent[name] for name in behind), 10.0 + sum(guess[name] for name in behind)
        assert self._first_done is not None
        since, from_share = self._first_done
        own: float | None = None
        if share > from_share and now > since:
            own = (now - since) * (1 - share) / (share - from_share)
        by_guess = max(
            guess[self.stage] * took / thought * (1 - share) if share else guess[self.stage] * took / thought - inside, 0.0
        )
        if own is None:
            rest = max(by_guess, 0.1 * inside)
        else:
            trust = min(1.0, 4 * (share - from_share))
            rest = trust * own + (1 - trust) * by_guess
            took += (now - since) * trust
            thought += guess[self.stage] * (share - from_share) * trust
        return rest + sum(guess[name] for name in names[here + 1 :]) * took / thought
