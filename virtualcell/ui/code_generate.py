"""The scripts that draw the main figures of Generate without the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from virtualcell.demo import Bundle
from virtualcell.ui import code_pages, modalities
from virtualcell.ui.code_for_view import SOME, Script, obs, quoted, rows_called
from virtualcell.ui.generate import KEPT_OUT, MOST_CELLS, unit_of

if TYPE_CHECKING:
    from virtualcell.ui import generate_completed, generate_missing, generate_new, generate_turn

ALONE = """def alone(modality):
    rows = np.flatnonzero(measured[:, list(b.cells.mod).index(modality)])
    found = np.full(b.state.shape, np.nan, dtype=np.float32)
    found[rows] = b.model.embed(b.cells[rows].copy(), modalities=[modality])
    return found"""


def _group(script: Script, b: Bundle, group: str) -> str:
    """Code of the rows of a group as ``generate.cells_choice`` names it."""
    if group == KEPT_OUT:
        return 'np.sort(b.cells.obs_names.get_indexer(b.model.record["held_out"]))'
    return rows_called(script, b, group)


def _both(b: Bundle, *names: str) -> str:
    order = list(b.cells.mod)
    return f"measured[:, {quoted([order.index(name) for name in names])}].all(axis=1)"


def missing(b: Bundle, asked: generate_missing.Asked, beside: np.ndarray, titles: tuple[str, str]) -> str:
    """A missing measurement: the map. beside: rows of the measured cells it is compared with."""
    script = Script(b, "A missing measurement, drawn beside the measured one (Generate)")
    script.use("virtualcell.schema", "MEASURED_KEY")
    script.use("virtualcell.figures.plane", "Plane")
    script.use("virtualcell.figures.drawn_map", "drawn_map")
    target = modalities.called(asked.target)
    script.say("", SOME, "", "measured = np.asarray(b.cells.obsm[MEASURED_KEY], dtype=bool)", "", ALONE, "")
    script.say(f"rows = {_group(script, b, asked.group)}")
    script.say(f"rows = some(rows[{_both(b, asked.source, asked.target)}[rows]], {MOST_CELLS})")
    script.say(
        "found = b.model.draw_missing(",
        f"    b.cells[rows].copy(), source={quoted(asked.source)}, target={quoted(asked.target)}, n_draws={asked.n_draws},",
        f"    noise={quoted(asked.noise)}, seed={asked.seed}, time={quoted(asked.time)}, treatment={quoted(asked.treatment)},",
        ")",
        f"embeddings = alone({quoted(asked.target)})",
        "plane = Plane(embeddings)",
        "places = plane(embeddings)",
    )
    if asked.what_if:
        script.say(
            f"beside = some(np.flatnonzero({_condition(b, asked.time, asked.treatment)} & {_both(b, asked.target)}), "
            f"{MOST_CELLS})"
        )
    script.draws(
        "drawn_map", f"places[{_both(b, asked.target)}]", f"places[{'beside' if asked.what_if else 'rows'}]",
        "plane(found.embeddings[0])", titles=quoted((f"{target}, {titles[0]}", f"{target}, {titles[1]}")), height="530",
    )  # fmt: skip
    return str(script)


def _condition(b: Bundle, time: float | None, treatment: str | None) -> str:
    parts = [] if time is None else [f"np.isclose({obs(b, str(b.demo.columns.time))}, {quoted(time)})"]
    parts += [] if treatment is None else [f"({obs(b, str(b.demo.columns.perturbation))} == {quoted(treatment)})"]
    return " & ".join(parts) or "np.ones(b.cells.n_obs, dtype=bool)"


def new_cells(b: Bundle, asked: generate_new.Asked, rows: np.ndarray, titles: tuple[str, str], kind: str) -> str:
    """New cells: the map. rows: of the measured cells beside them; kind: by what they are coloured, "" for nothing."""
    script = Script(b, "New cells beside measured ones (Generate)")
    script.use("virtualcell.figures.drawn_map", "drawn_map")
    n, label, time, treatment, balanced, noise, seed = asked.request
    script.say(
        f"found = b.model.draw_cells({n}, label={quoted(label)}, time={quoted(time)}, treatment={quoted(treatment)}, "
        f"balanced={balanced}, noise={quoted(noise)}, seed={seed})",
        f"rows = np.array({quoted(rows)})  # measured cells like them, chosen at random",
    )
    if asked.on == "map":
        script.use("virtualcell.figures.placing", "Placing")
        script.say("everyone, places = b.umap2, Placing(b.state, b.umap2)(found.states)")
    else:
        script.use("virtualcell.figures.plane", "Plane")
        script.say("plane = Plane(b.state)", "everyone, places = plane(b.state), plane(found.states)")
    groups: dict[str, str] = {}
    if kind == "time":
        own = f"{obs(b, str(b.demo.columns.time))}[rows]"
        groups = {"groups": f"({own}, found.time)", "kind": quoted(kind), "unit": quoted(b.demo.columns.time_unit)}
    elif kind:
        script.use("virtualcell.training.given", "labels_of")
        groups = {"groups": "(labels_of(b.cells, b.demo.columns)[rows], found.labels)"}
    axes = asked.on if asked.on == "map" else "axis"
    script.draws("drawn_map", "everyone", "everyone[rows]", "places", titles=quoted(titles), **groups, axes=quoted(axes))
    return str(script)


def turned(b: Bundle, asked: generate_turn.Asked, steps: int, n: int) -> str:
    """Turn a knob: the features that change most."""
    script = Script(b, "What one code of the generator changes (Generate)")
    script.use("virtualcell.figures.drawn_codes", "turned")
    share = modalities.yes_or_no(b, asked.modality)
    script.say(
        f"found = b.model.codes.turn({asked.category}, {asked.which}, steps={steps}, seed={asked.seed}, n={n})",
        f"mean = b.model.decode(found, modality={quoted(asked.modality)}).mean(axis=1)",
        "amount = mean" if share else "amount = np.log1p(mean)",
    )
    knob = f"knob {asked.which + 1}"
    script.draws(
        "turned", f"b.model.features({quoted(asked.modality)})", f"np.linspace(-1, 1, {steps})", "amount",
        at=quoted(asked.continuous[asked.which]),
        unit=quoted("share of cells in which it is open" if share else "log(1 + mean amount)"),
        knob=quoted(f"{knob}, from one end to the other"),
    )  # fmt: skip
    return str(script)


def images(
    b: Bundle, category: int, continuous: tuple[float, ...], noise: float, seed: int, n: int, across: int, rows: np.ndarray
) -> str:
    """Cell images: the two grids. rows: of the photographs beside them."""
    script = Script(b, "Blood cells drawn by the model, and photographs (Generate)", opens=False)
    script.use("virtualcell.generative.images", "ImageCodes", "load_blood_cells")
    script.use("virtualcell.figures.drawn_images", "drawn_images")
    script.say(
        "model, cells = ImageCodes.load(), load_blood_cells()",
        f"codes = np.tile(np.array({quoted(continuous)}, dtype=np.float32), ({n}, 1))",
        f"drawn = model.draw(np.full({n}, {category}), codes, seed={seed}, noise={quoted(noise)})",
        f"rows = np.array({quoted(rows)}, dtype=int)  # photographs that the model reads alike",
    )
    titles = ("drawn by the model", f"photographs of this kind ({len(rows)})")
    script.draws("drawn_images", "drawn", "cells.images[rows]", titles=quoted(titles), across=str(across))
    return str(script)


def pairs(b: Bundle, group: str, source: str, target: str, within: str | None, seed: int, most: int) -> str:
    """Do they belong together: scores of true and of shuffled pairs."""
    script = Script(b, "Scores of true and of shuffled pairs (Generate)")
    script.use("virtualcell.schema", "MEASURED_KEY")
    script.use("virtualcell.evaluation.multiomics", "permuted")
    script.use("virtualcell.figures.pair_figures", "pair_scores")
    script.say("", SOME, "", "measured = np.asarray(b.cells.obsm[MEASURED_KEY], dtype=bool)")
    script.say(f"rows = {_group(script, b, group)}")
    script.say(
        f"rows = some(rows[{_both(b, source, target)}[rows]], {most})",
        "cells = b.cells[rows].copy()",
        f"asked = {{'source': {quoted(source)}, 'target': {quoted(target)}}}",
        "true = b.model.pair_scores(cells, **asked)",
        f"order = permuted(np.arange(len(rows)), {seed}{f', {obs(b, within)}[rows]' if within else ''})",
        "shuffled = b.model.pair_scores(cells, **asked, order=order)",
        "kept = np.isfinite(true) & np.isfinite(shuffled)",
    )
    script.draws("pair_scores", "true[kept]", "shuffled[kept]")
    return str(script)


def labels(b: Bundle, group: str, kind: str, column: str, title: str, unit: str, most: int) -> str:
    """Which labels are plausible for the cells of each label."""
    script = Script(b, "How plausible each label is (Generate)")
    script.use("virtualcell.figures.pair_figures", "label_scores")
    script.say("", SOME, "")
    script.say(f"rows = some({_group(script, b, group)}, {most})")
    own = f"{obs(b, column)}[rows]"
    script.say(
        f"table = b.model.label_scores(b.cells[rows].copy(), column={quoted(kind)})",
        "judged = table.notna().all(axis=1).to_numpy()",
        "rows, table = rows[judged], table[judged]",
        f'own = np.array([f"{{time:g}}" for time in {own}])' if column == b.demo.columns.time else f"own = {own}",
        "tried = list(table.columns)",
        "groups = [one for one in tried if (own == one).any()]",
        "share = np.stack([table.to_numpy()[own == one].mean(axis=0) for one in groups])",
    )
    named = f"[one + {quoted(unit)} for one in {{}}]"
    script.draws("label_scores", named.format("groups"), named.format("tried"), "share", asked=quoted(title))
    return str(script)


def assay(b: Bundle, found: generate_completed.Completed, place: int, at: list[int], unit: str) -> str:
    """An expensive assay: one cell's expected readings with their intervals, or of features that are open or closed all of them.

    place: of the cell among the rows; at: features that are drawn; unit: of the second picture.
    """
    bounded = found.low is not None
    if not bounded and found.truth is None:
        return code_pages.all_cells(b, "Generate")
    script = Script(b, "What an assay that was not made would read (Generate)")
    target = quoted(found.target)
    script.say(
        f"cells = b.cells[np.array({quoted(found.rows)})].copy()",
        f"found = b.model.complete(cells, primary={quoted(found.cheap)})[{target}]",
        f"features, at = [str(name) for name in found.var_names], {quoted(at)}",
    )
    if found.known == "withheld":
        script.use("virtualcell.data.simulate_assays", "truth_of")
        script.say(f"truth = b.model.reading(truth_of(cells, {target}, features), {target})")
    elif found.truth is not None:
        script.say(f"truth = b.model.reading(cells, {target})")
    if bounded:
        script.use("virtualcell.figures.drawn_features", "feature_intervals")
        values = [f"np.asarray({name})[{place}, at]" for name in ("found.X", 'found.layers["low"]', 'found.layers["high"]')]
        values += [] if found.truth is None else [f"truth[{place}, at]"]
        named = {"unit": quoted(unit_of(b, found.target)), "known": quoted(found.known)}
        script.draws("feature_intervals", "[features[i] for i in at]", *values, **named)
    else:
        script.use("virtualcell.figures.drawn_features", "means")
        script.draws(
            "means", "features", "truth.mean(0)", "np.asarray(found.X).mean(0)", unit=quoted(unit), share="True",
            smallest=quoted(0.5 / len(found.rows)), titles=quoted((found.known, "expected")), cells="(len(truth), len(truth))",
        )  # fmt: skip
    return str(script)
