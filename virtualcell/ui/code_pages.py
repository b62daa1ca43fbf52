"""The scripts that draw the main figures of Trajectories, Perturb, Modalities and the card without the app."""

from __future__ import annotations

import numpy as np

from virtualcell.demo import Bundle
from virtualcell.perturbation.edit import Edit
from virtualcell.ui import colours, marks, modalities, state, words
from virtualcell.ui.code_for_view import SOME, Script, obs, quoted, rows_called, untreated
from virtualcell.ui.trajectory_paths import MOST, Way
from virtualcell.ui.trajectory_start import OUTLINE

PLACED = "place = Placing(b.state, b.umap2)  # a predicted state stands among its nearest cells"


def moving(b: Bundle, shown: Way, start: str, n_cells: int) -> str:
    """Trajectories: the cells that move. shown: those drawn; start: the name of the cells chosen; n_cells: how many were asked
    for."""
    script = Script(b, "Predicted cells over measured ones (Trajectories)")
    column = b.demo.columns.time
    assert column is not None, "the page stops before this where there is no time"
    packed, duration, frames, copies, noise, seed = shown.request
    n_start = len(np.frombuffer(packed, dtype=np.int64))
    began, until = float(shown.times[0]), len(shown.times)
    script.say("", SOME, "", f"time = {obs(b, column)}", f"rows = {rows_called(script, b, start, OUTLINE)}")
    if b.demo.columns.perturbation is not None and start not in (marks.DRAWN, marks.MARKED):
        script.say(f"rows = np.intersect1d(rows, {untreated(b)})")
    script.say(f"rows = some(rows[time[rows] == {quoted(began)}], {MOST})")
    script.say(f"times = np.linspace({quoted(began)}, {quoted(began + duration)}, {frames})")
    script.say(
        f"found = b.model.predict(states=b.state[rows], duration={quoted(duration)}, frames={frames}, copies={copies}, "
        f"noise={quoted(noise)}, seed={seed})"
    )
    if n_cells <= n_start:
        script.say(f"cells = some(np.arange(len(rows)), {n_cells}) * {copies}  # the first future of some of them")
    else:
        n = len(shown.found.start) // n_start
        script.say(f"cells = (np.arange(len(rows))[:, None] * {copies} + np.arange({n})).ravel()  # {n} futures of each")
    script.use("dataclasses", "replace")
    script.say(
        f"found = replace(found, times=found.times[:{until}], states=found.states[:{until}, cells],",
        f"                log_weights=found.log_weights[:{until}, cells], start=found.start[cells])",
        f"ends = b.model.ends(found, until={quoted(float(shown.times[-1]))})",
    )
    script.use("virtualcell.figures.trajectory", "trajectory")
    if shown.on == "plane":
        background, places = "b.landscape.cell_xy", "b.landscape.on_plane(found.states).astype(np.float32)"
    else:
        script.use("virtualcell.figures.placing", "Placing")
        script.say(PLACED)
        background, places = "b.umap2", "place(found.states)"
    names = sorted(set(b.model.ends(shown.found, until=float(shown.times[-1])).tolist()))
    script.draws(
        "trajectory", background, places, f"times[:{until}]", "ends", unit=quoted(b.demo.columns.time_unit),
        axes=quoted(shown.on), colours=quoted(colours.of(b, names)), cells=quoted(words.measured(b.demo.simulated)), height="600",
    )  # fmt: skip
    return str(script)


def all_cells(b: Bundle, page: str) -> str:
    """The map of all cells, coloured by what a first view is coloured by: where the page predicts nothing."""
    script = Script(b, f"Map of all cells ({page})")
    title, (column, kind) = next(iter(state.known_columns(b).items()), ("", ("", "category")))
    script.use("virtualcell.figures.embedding", "embedding")
    unit = b.demo.columns.time_unit if kind == "time" else ""
    values = obs(b, column) if column else 'np.full(b.cells.n_obs, "cell")'
    script.draws("embedding", "b.umap2", values, name=quoted(title), kind=quoted(kind), unit=quoted(unit))
    return str(script)


def pushed(
    b: Bundle, start: str, *, treatment: str | None, edit: Edit | None, labels: tuple[str, str], most: int, seed: int
) -> str:
    """Perturb: the same cells without and with a push. start: the name of the cells chosen, of which ``most`` are pushed."""
    script = Script(b, "Cells without and with a push (Perturb)")
    columns = b.demo.columns
    rows = rows_called(script, b, start)
    alone = rows if columns.perturbation is None else f"np.intersect1d({rows}, {untreated(b)})"
    script.say("", SOME, "", f"rows = some({alone}, {most})")
    if edit is None:
        asked = f"treatment={quoted(treatment)}"
    else:
        given = {"genes": edit.genes, "fold": edit.fold, "level": edit.level, "peaks": edit.peaks}
        asked = ", ".join(f"{name}={quoted(value)}" for name, value in given.items() if value is not None)
    script.say(f"found = b.model.perturb(b.cells[rows].copy(), {asked}, seed={seed})")
    script.use("virtualcell.figures.placing", "Placing")
    script.use("virtualcell.figures.perturbation", "shift")
    script.say(PLACED)
    groups = {"groups": f"{obs(b, columns.state)}[rows]"} if columns.state else {}
    script.draws(
        "shift", "b.umap2", "place(found.untreated)", "place(found.treated)", labels=quoted(labels), height="540", n_arrows="25",
        **groups,
    )  # fmt: skip
    return str(script)


def viewpoints(b: Bundle, title: str, *, column: str | None, modality: str, kind: str, unit: str) -> str:
    """Modalities: cells placed by all measurements and by each alone. title: what colours them, an annotation in ``column`` of
    obs, or where that is None a feature of ``modality``."""
    script = Script(b, "The same cells by all measurements and by each alone (Modalities)")
    script.use("sklearn.decomposition", "PCA")
    script.use("virtualcell.schema", "MEASURED_KEY")
    script.use("virtualcell.figures.viewpoints", "viewpoints")
    script.say(
        "measured = np.asarray(b.cells.obsm[MEASURED_KEY], dtype=bool)  # which of its modalities each cell has",
        "plane = PCA(2, random_state=0).fit(b.state)  # one plane for all",
        "",
        "def put(states):",
        "    return ((states - plane.mean_) @ plane.components_.T).astype(np.float32)",
        "",
        "def alone(modality):",
        "    rows = np.flatnonzero(measured[:, list(b.cells.mod).index(modality)])",
        "    found = np.full(b.state.shape, np.nan, dtype=np.float32)",
        "    found[rows] = b.model.embed(b.cells[rows].copy(), modalities=[modality])",
        "    return put(found)",
        "",
        f"panels = {{{quoted(modalities.TOGETHER)}: put(b.state)}}",
    )
    for name in modalities.modalities(b):
        script.say(f"panels[{quoted(f'{modalities.called(name)} alone')}] = alone({quoted(name)})")
    if column is not None:
        script.say(f"values = {obs(b, column)}")
    else:
        script.say(
            f"adata = b.cells.mod[{quoted(modality)}]",
            f"values = adata.X[:, adata.var_names.get_loc({quoted(title)})]",
            'values = np.asarray(values.todense() if hasattr(values, "todense") else values, dtype=np.float32).ravel()',
        )
    script.draws("viewpoints", "panels", "values", name=quoted(title), kind=quoted(kind), unit=quoted(unit))
    return str(script)


def quality(b: Bundle, modality: str, *, column: str, kind: str) -> str:
    """The card: how much was counted in the cells. column: of obs, by which they are grouped."""
    script = Script(b, "Counts and features of each cell (Data & model card)")
    script.use("virtualcell.data.quality", "quality as quality_of")
    script.use("virtualcell.figures.quality", "quality")
    called = words.MEASURED.get(modality, modality)
    script.say(
        "table = quality_of(b.cells)",
        f"table = table[table['modality'] == {quoted(modality)}]",
        "measures = {",
        f"    {quoted(f'counts in a cell, {called}')}: table['counts'].to_numpy(),",
        f"    {quoted(f'{called} seen in a cell')}: table['features'].to_numpy(),",
        "}",
        f"groups = {obs(b, column)}[b.cells.obs_names.get_indexer(table.index)]",
    )
    unit = b.demo.columns.time_unit if kind == "time" else ""
    script.draws("quality", "measures", "groups", kind=quoted(kind), unit=quoted(unit))
    return str(script)
