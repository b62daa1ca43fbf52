"""Interpretable codes of cell states: a categorical code and continuous codes that make a state, and are read from one.

Source: Chen et al. 2016, InfoGAN, arXiv:1606.03657. The prior of the category is learned, as states are rarely equally frequent
(Ojha et al. 2020, arXiv:1910.01112). Where the codes start is told in ``infogan_start``.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch

from virtualcell.generative.infogan_codes import Codes, checked, no_code, standardised
from virtualcell.generative.infogan_spread import spread_ratio
from virtualcell.generative.infogan_start import choose_groups
from virtualcell.generative.infogan_training import CodeSettings, Game, promise
from virtualcell.generative.material import Material
from virtualcell.training.epochs import Progress

__all__ = ["Codes", "enough_for_codes", "fit_codes", "fit_model_codes"]

logger = logging.getLogger("virtualcell")

STAGE = "codes"
VALIDATION = 7
"""A stream of random numbers of its own: with the plain seed the inner validation cells would be those that the autoencoder kept
out, whose states spread less."""
N_CONTINUOUS = 2
"""Fewer where states have as few coordinates: as many codes as coordinates leave nothing to the noise."""
CELLS_A_CATEGORY = 10
"""Training cells for each category that are the least to learn from."""
SPREAD = (0.67, 1.5)
"""Outside, drawn cells are too alike or too scattered: mean deviation of drawn over measured cells."""
RARELY_USED = 0.01
"""Share of the cells below which a category is called unused."""
COPIES = 0.5
"""Times the spread of measured cells with the same codes, below which drawn ones are called copies of each other."""
READABLE = 0.5
"""Share of the category's entropy that must be read back from drawn cells."""


def fit_codes(
    states: np.ndarray,
    rows: np.ndarray | None = None,
    *,
    n_categories: int | None = None,
    n_continuous: int | None = None,
    settings: CodeSettings | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Codes:
    """Learns codes from the states (n, d) in ``rows`` (all by default), of which a tenth only says which run goes on.

    n_categories: 2 or more; None: as many as a mixture of Gaussians needs (``choose_groups``), at most 8. n_continuous: at most
    d; None: two, or one where d is 2. The same seed gives the same codes on one thread. progress: told of the stage "codes". A
    collapse is told in ``Codes.record["warnings"]`` and logged. Raises DataError for states that are no numbers, too few, or
    more codes than fit.
    """
    settings = settings or CodeSettings()
    given = np.asarray(states)
    given = checked(states, given.shape[-1] if given.ndim else 0)
    if rows is not None:
        given = given[rows]
    n, d = given.shape
    if n_continuous is None:
        n_continuous = min(N_CONTINUOUS, max(1, d - 1))
    if not 1 <= n_continuous <= d:
        raise no_code(f"{n_continuous} continuous codes do not fit {d} coordinates.", f"choose 1 to {d}.", "n_continuous")
    if n_categories is not None and n_categories < 2:
        raise no_code(f"{n_categories} categories tell nothing apart.", "choose 2 or more.", "n_categories")
    if n < CELLS_A_CATEGORY * (n_categories or 2) * 2:
        raise no_code(f"{n} cells are too few.", "give more cells or ask for fewer categories.", "cells")
    mean, deviation = given.mean(0), given.std(0)
    if deviation.max() == 0:
        raise no_code("All cells have the same state.", "give cells that differ.", "states")
    scale = np.maximum(deviation, 1e-3 * deviation.max())
    x = standardised(given, mean, scale)
    order = np.random.default_rng([seed, VALIDATION]).permutation(n)
    n_validation = max(2, int(settings.validation_share * n))
    validation, training = x[np.sort(order[:n_validation])], x[np.sort(order[n_validation:])]
    chosen = n_categories is None
    if n_categories is None:
        n_categories = choose_groups(training, settings.mixture_tries, seed, min(8, n // (2 * CELLS_A_CATEGORY)))
    game, log, promises = _play(training, validation, scale, n_categories, n_continuous, settings, seed, progress)
    codes = Codes(settings, game.average.eval(), game.reader.eval(), mean, scale, game.prior.numpy(), log)
    codes.record.update(
        seed=seed,
        n_cells=len(training),
        n_validation=len(validation),
        groups_chosen_by="information criterion" if chosen else "given",
        promises=promises,
        **{key: value for key, value in log[-1].items() if key not in ("step", "stage")},
    )
    codes.record["spread_at_codes"] = spread_ratio(codes, given, seed=seed)
    codes.record["warnings"] = _collapses(codes, given)
    for sentence in codes.record["warnings"]:
        logger.warning("Codes: %s", sentence)
    return codes


def enough_for_codes(material: Material) -> bool:
    """Whether the cells that may be learned from are many enough for two categories."""
    return int((~material.held_out).sum()) >= 4 * CELLS_A_CATEGORY


def fit_model_codes(material: Material, **how: object) -> Codes:
    """Codes of a model's cells, those that the autoencoder kept out excepted; how: as for ``fit_codes``."""
    return fit_codes(material.states, np.flatnonzero(~material.held_out), **how)  # type: ignore[arg-type]


def _play(
    training: np.ndarray,
    validation: np.ndarray,
    scale: np.ndarray,
    k: int,
    c: int,
    settings: CodeSettings,
    seed: int,
    progress: Progress | None,
) -> tuple[Game, list[dict[str, Any]], list[float]]:
    """Short runs, of which the one with the most promise goes on: game, its log, all promises."""
    cells, s = torch.from_numpy(validation), settings
    warm = s.warm_steps if s.warm_start else 0
    # What an energy distance that counts each cell with itself is on average for samples of one law, n and 2 n large.
    floor = 1.5 / len(cells) * float(torch.pdist(cells).mean())
    total, done = s.starts * (warm + s.short_steps) + s.steps - s.short_steps, 0
    runs: list[tuple[float, Game, list[dict[str, Any]]]] = []

    def advance(game: Game, log: list[dict[str, Any]], until: int) -> None:
        nonlocal done
        now = log[-1]["step"] if log else 0
        if not log:
            log.append({"step": 0, "stage": "start" if warm else "game", **game.look(cells)})
        while now < until:
            game.read_step() if now < warm else game.step()
            now, done = now + 1, done + 1
            if now % s.log_every == 0 or now == until:
                log.append({"step": now, "stage": "start" if now <= warm else "game", **game.look(cells)})
                if progress is not None:
                    shown = {key: log[-1][key] for key in ("entropy_of_code", "mutual_information")}
                    progress(STAGE, min(done, total), total, shown)

    for number in range(s.starts):
        game = Game(training, scale, k, c, s, seed + 1000 * number)
        log: list[dict[str, Any]] = []
        advance(game, log, warm + min(s.short_steps, s.steps))
        runs.append((promise(log[-1], floor), game, log))
    best = max(range(s.starts), key=lambda i: runs[i][0])
    _, game, log = runs[best]
    advance(game, log, warm + s.steps)
    return game, log, [found[0] for found in runs]


def _collapses(codes: Codes, given: np.ndarray) -> list[str]:
    """Sentences about what went wrong, none where nothing did."""
    found, last = [], codes.log[-1]
    if not SPREAD[0] <= last["spread"] <= SPREAD[1]:
        kind = "alike (the generator has collapsed)" if last["spread"] < 1 else "scattered"
        found.append(f"Drawn cells are too {kind}: they spread {last['spread']:.2f} times as far as measured ones.")
    if codes.record["spread_at_codes"] < COPIES:
        share = codes.record["spread_at_codes"]
        found.append(f"With the same codes, drawn cells differ only {share:.2f} times as much as measured ones.")
    use = codes.read(given)[0].mean(0)
    unused = int((use < RARELY_USED).sum())
    if unused:
        found.append(f"{unused} of {len(use)} categories are hardly used by measured cells.")
    entropy_of_prior = float(-(codes.prior * np.log(codes.prior)).sum())
    if last["information_of_category"] < READABLE * entropy_of_prior:
        found.append("The category can hardly be read back from drawn cells.")
    return found
