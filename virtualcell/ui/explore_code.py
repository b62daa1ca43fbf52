"""The script that draws what is on the page Explore without the app, and the sentences for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from virtualcell.demo import Bundle
from virtualcell.explore import describe
from virtualcell.schema import DataError
from virtualcell.ui import explore_mine, explore_places, words
from virtualcell.ui.code_for_view import Script, obs, quoted
from virtualcell.ui.explore_annotations import columns, genes_in, groups, unit
from virtualcell.ui.explore_by_group import DOTS, SELECTIONS, VIOLINS, ByGroup
from virtualcell.ui.explore_chosen import GROUP, parse_outline
from virtualcell.ui.explore_colour import UNITS, Wish
from virtualcell.ui.explore_differ import Differ, compared
from virtualcell.ui.explore_made_of import MadeOf
from virtualcell.ui.explore_maps import NAMES_UP_TO
from virtualcell.ui.explore_places import ALONE, MAP, PLANE, SOLID, SUB, Place
from virtualcell.ui.explore_select import Chosen
from virtualcell.ui.methods import methods
from virtualcell.ui.theme import look

Panel = MadeOf | Differ | ByGroup | None
"""What is shown below the maps."""


def code(b: Bundle, wish: Wish, views: Sequence[Place], chosen: Chosen, panel: Panel) -> str:
    """Python that draws the maps, and the panel below them, and writes the table of a comparison as CSV."""
    script = Script(b, "Cells on their maps (Explore)")
    if look().name == "dark":
        script.use("virtualcell.figures.look", "DARK")
    script.say(f"a = {_rows(script, b, chosen.a.definition)}")
    if chosen.b is not None:
        script.say(f"b_rows = {_rows(script, b, chosen.b.definition)}")
    _colours(script, b, wish, chosen)
    lit = "None" if chosen.lit is None else "a" if chosen.b is None else "np.union1d(a, b_rows)"
    script.say(f"lit = {lit}")
    for view in views[:1] if wish.way == "features" and len(wish.names) > 1 else views:
        _map(script, b, wish, view, chosen)
    _panel(script, b, chosen, panel)
    return str(script)


def _dark() -> str:
    return ", look=DARK" if look().name == "dark" else ""


def _rows(script: Script, b: Bundle, definition: str) -> str:
    """Code of the rows that a definition means."""
    if definition.startswith(GROUP):
        found = groups(b).get(definition.removeprefix(GROUP))
        if found is not None:
            return f"np.flatnonzero({obs(b, found[0])} == {quoted(found[1])})"
    outline = parse_outline(definition)
    where = None if outline is None else _positions(script, b, outline[0])
    if where is None:
        return "np.arange(0)"
    script.use("virtualcell.explore.polygon", "members", "unpack")
    packed = definition.split(".")[1]
    return f"members({where}, unpack({quoted(packed)}))"


def _positions(script: Script, b: Bundle, space: str) -> str | None:
    """Code of the places of all cells in a space, not a number where a cell is not in it; None where there is no such space."""
    known = {MAP: "b.umap2", SOLID: "b.umap3", PLANE: "b.landscape.cell_xy"}
    if space in known:
        return known[space]
    if space.startswith(SUB):
        script.use("virtualcell.explore", "reembed")
        rows = _rows(script, b, space.removeprefix(SUB))
        script.say(
            f"some = {rows}",
            "alone = np.full((b.cells.n_obs, 2), np.nan, dtype=np.float32)",
            "alone[some] = reembed(b.state, some, seed=b.model.settings.seed)",
        )
        return "alone"
    if space.startswith(ALONE) and space in explore_places.titles(b):
        script.use("virtualcell.explore.spaces", "read_spaces", "spaces")
        script.say(
            "kept = read_spaces(b.folder, b.cells.n_obs)",
            "kept = spaces(b.cells, seed=b.model.settings.seed) if kept is None else kept",
        )
        return f"kept[{quoted(space.removeprefix(ALONE))}]"
    return None


def _annotation(script: Script, b: Bundle, title: str) -> str:
    """Code of an annotation of all cells, (cells,)."""
    if title == explore_mine.TITLE:
        script.use("virtualcell.explore", "annotate")
        parts = []
        for i, one in enumerate(explore_mine.groups(b), start=1):
            script.say(f"group_{i} = {_rows(script, b, one.definition)}")
            parts.append(f"({quoted(one.name)}, group_{i})")
        return f"annotate(b.cells.obs_names, [{', '.join(parts)}], {quoted(title)}).values.astype(str).to_numpy()"
    return obs(b, columns(b)[title][0])


def _colours(script: Script, b: Bundle, wish: Wish, chosen: Chosen) -> None:
    dark, scale = _dark(), ""
    if wish.way in ("features", "set") or (wish.way == "annotation" and columns(b)[wish.title][1] == "amount"):
        script.use("virtualcell.figures.colour_scale", "Scale", "coloured_amount")
        scale = f", scale=Scale({quoted(wish.scale.name)}, {quoted(wish.scale.span)}){dark}"
    cells = f"b.cells.mod[{quoted(wish.modality)}]"
    if wish.way == "pair":
        script.use("virtualcell.figures.chosen_cells", "two_selections")
        second = "b_rows" if chosen.b is not None else "a[:0]"
        script.say(f"colours = [two_selections(b.cells.n_obs, a, {second}{dark})]")
    elif wish.way == "set":
        script.use("virtualcell.explore", "score_set")
        script.say(f"score = score_set({cells}, {quoted(wish.names)})")
        script.say(f"colours = [coloured_amount(score, name={quoted(wish.title)}, unit='score'{scale})]")
    elif wish.way in ("features", "blend"):
        script.use("virtualcell.explore", "values_of")
        script.say(f"features = {quoted(list(wish.names))}", f"amounts = values_of({cells}, features)")
        if wish.way == "blend":
            script.use("virtualcell.figures.colouring", "blend")
            script.say(f"colours = [blend(amounts, features{dark})]")
        else:
            shown = f"unit={quoted(UNITS.get(wish.modality, ''))}{scale}"
            script.say(
                f"colours = [coloured_amount(found, name=name, {shown}) for name, found in zip(features, amounts.T)]",
            )
    elif scale:
        found = f"b.cells.obs[{quoted(columns(b)[wish.title][0])}].to_numpy(dtype=float)"
        script.say(f"colours = [coloured_amount({found}, name={quoted(wish.title)}{scale})]")
    else:
        script.use("virtualcell.figures.colouring", "colouring")
        kind = "category" if wish.way == "mine" else columns(b)[wish.title][1]
        given = f"name={quoted(wish.title)}, kind={quoted(kind)}, unit={quoted(unit(b, kind))}{dark}"
        script.say(f"colours = [colouring({_annotation(script, b, wish.title)}, {given})]")


def _map(script: Script, b: Bundle, wish: Wish, view: Place, chosen: Chosen) -> None:
    script.say("", f"places = {_positions(script, b, view.key)}")
    colours, lit = "colours", "lit"
    if view.rows is not None:
        script.use("virtualcell.figures.chosen_cells", "of_some")
        script.say(
            "there = np.flatnonzero(np.isfinite(places).all(axis=1))",
            "places, shown = places[there], [of_some(one, there) for one in colours]",
            "here = None if lit is None else np.flatnonzero(np.isin(there, lit))",
        )
        colours, lit = "shown", "here"
    axes = {"axes": quoted(view.axes)}
    if not view.flat:
        script.use("virtualcell.figures.solid_map", "solid_map")
        script.draws("solid_map", "places", f"{colours}[0]", lit=lit)
    elif wish.way == "features" and len(wish.names) > 1:
        script.use("virtualcell.figures.small_maps", "small_maps")
        script.draws("small_maps", "places", colours, lit=lit, **axes)
    else:
        script.use("virtualcell.figures.coloured_map", "coloured_map")
        outline = chosen.target.outline
        if outline is not None and outline[0] == view.key:
            script.use("virtualcell.explore.polygon", "unpack")
            axes["polygon"] = f"unpack({quoted(chosen.target.definition.split('.')[1])})"
        if len(view.positions) <= NAMES_UP_TO:
            axes["ids"] = "b.cells.obs_names" if view.rows is None else "b.cells.obs_names[there]"
        script.draws("coloured_map", "places", f"{colours}[0]", lit=lit, **axes)


def _panel(script: Script, b: Bundle, chosen: Chosen, panel: Panel) -> None:
    if isinstance(panel, Differ):
        _comparison(script, chosen, panel)
    elif isinstance(panel, MadeOf):
        script.use("virtualcell.figures.composition", "composition")
        kind = "category" if panel.split == explore_mine.TITLE else columns(b)[panel.split][1]
        script.say("", f"labels = {_annotation(script, b, panel.split)}")
        mask = "np.isin(np.arange(b.cells.n_obs), a)"
        script.draws("composition", "labels", mask, kind=quoted(kind), unit=quoted(unit(b, kind)))
    elif isinstance(panel, ByGroup):
        _by_group(script, b, chosen, panel)


def _comparison(script: Script, chosen: Chosen, panel: Differ) -> None:
    script.use("virtualcell.explore", "compare", "describe", "short_names")
    script.use("virtualcell.figures.volcano", "volcano")
    second = "None" if chosen.b is None else "b_rows"
    samples = f", replicates=b.cells.obs[{quoted(panel.column)}].astype(str).to_numpy()" if panel.column else ""
    script.say(
        "",
        f"table = compare(b.cells.mod[{quoted(panel.modality)}], a, {second}, test={quoted(panel.test)}{samples})",
        'table.to_csv("comparison.csv", index=False)',
        f"print(describe(table, 'A', {quoted('all others' if chosen.b is None else 'B')}, drawn={chosen.drawn}))",
        'change = table.attrs["change"]',
    )
    named = "short_names(list(table.iloc[:, 0]))"
    script.draws("volcano", named, "table[change]", 'table["adjusted_p"]', title='change.replace("_", " ")')


def _by_group(script: Script, b: Bundle, chosen: Chosen, panel: ByGroup) -> None:
    where, kind = genes_in(b), "category"
    script.say("", f"cells = b.cells.mod[{quoted(where)}]", f"genes = {quoted(list(panel.genes))}")
    script.use("virtualcell.explore", "short_names")
    if panel.by == SELECTIONS:
        other = "others" if chosen.b is None else "neither"
        script.say(f"labels = np.full(b.cells.n_obs, {quoted(other)}, dtype=object)")
        if chosen.b is not None:
            script.say("labels[b_rows] = 'B'")
        script.say("labels[a] = 'A'", "labels = labels.astype(str)")
    else:
        kind = "category" if panel.by == explore_mine.TITLE else columns(b)[panel.by][1]
        script.say(f"labels = {_annotation(script, b, panel.by)}")
    measure = quoted(UNITS.get(where, "amount"))
    if panel.how == DOTS:
        script.use("virtualcell.explore", "by_group")
        script.use("virtualcell.figures.dot_plot", "dot_plot")
        script.say("found = by_group(cells, genes, labels)")
        names = f"[name + {quoted(' ' + unit(b, kind))} for name in found.groups]" if kind == "time" else "found.groups"
        script.draws(
            "dot_plot", "short_names(genes)", names, "found.mean", "found.percent", cells="list(found.cells)", unit=measure
        )
        return
    script.use("virtualcell.explore", "values_of")
    more = {"kind": quoted(kind), "label_unit": quoted(unit(b, kind))}
    if panel.how == VIOLINS:
        script.use("virtualcell.figures.violins", "violins")
        script.draws("violins", "short_names(genes)", "values_of(cells, genes)", "labels", unit=measure, **more)
    else:
        script.use("virtualcell.figures.cell_heatmap", "cell_heatmap")
        script.draws("cell_heatmap", "short_names(genes)", "values_of(cells, genes)", "labels", **more)


def about(b: Bundle, wish: Wish, views: Sequence[Place], chosen: Chosen, panel: Panel) -> str:
    """The methods paragraph: the model's, with what was done on this page."""
    shown = [explore_places.titles(b).get(view.key, "UMAP of the chosen cells' states") for view in views]
    said = [f"Cells were shown on the {words.listed(shown)}, coloured by {wish.title}."]
    if wish.way == "set":
        genes = ", ".join(wish.names)
        said.append(
            f"The score of {wish.title} was computed from {len(wish.names)} genes ({genes}; scanpy.tl.score_genes, seed 0)."
        )
    for name, cells in (("A", chosen.a), ("B", chosen.b)):
        if cells is not None and len(cells.rows):
            outline = cells.outline
            how = (
                f"chosen by an outline drawn on the {explore_places.titles(b).get(outline[0], 'new map')}"
                if outline is not None
                else f"the group “{cells.name}”"
            )
            said.append(f"Selection {name} is {len(cells.rows):,} cells, {how}.")
    if isinstance(panel, Differ):
        with suppress(DataError):  # the page has said why
            table = compared(b, chosen, panel.modality, panel.test, panel.column)
            against = "all others" if chosen.b is None else "selection B"
            said.append(describe(table, "selection A", against, drawn=chosen.drawn))
    return methods(b, " ".join(said))
