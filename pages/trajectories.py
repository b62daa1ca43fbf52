"""Trajectories: what happens next to these cells?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from virtualcell.figures.fates import fates
from virtualcell.figures.gene_curves import gene_curves
from virtualcell.figures.trajectory import trajectory
from virtualcell.ui import asked, code_pages, colours, marks, measured, state, words
from virtualcell.ui.frame import inside
from virtualcell.ui.honesty import honesty
from virtualcell.ui.marks import MARKED
from virtualcell.ui.methods import methods
from virtualcell.ui.parts import caveats, chart, lead, provenance, table_download
from virtualcell.ui.share import share
from virtualcell.ui.theme import look
from virtualcell.ui.trajectory_horizon import Limit, limit
from virtualcell.ui.trajectory_next import where_next
from virtualcell.ui.trajectory_paths import MOST, Way, amounts, clock, cut, way
from virtualcell.ui.trajectory_reading import (
    FEWEST,
    LEAST_NAMED,
    LOW_COUNTS,
    NOTHING,
    SHARES_MIX,
    SMOOTHED,
    change_words,
    evenly,
    fate_words,
    gene_words,
    too_rare,
)
from virtualcell.ui.trajectory_start import lasso, offered, times_to_start, usual_time
from virtualcell.ui.trajectory_unexpected import unexpected_cells

WATCH, CHOOSE = "Watch them move", "Choose by lasso"


def choose(end: Limit) -> tuple[Way | None, Way | None, str, bool]:
    """The row of controls: all cells that are followed and those of them to draw, or none where the chosen ones cannot be
    followed; their name; whether they are all of a time."""
    columns = st.columns([2.0, 1.25, 2.0, 1.5, 1.35, 1.15], gap="small", vertical_alignment="bottom")
    where_from, moment, how_far, how_many, how_noisy, further = columns
    choices = offered(b)
    with where_from:
        chosen = st.selectbox("Start from", list(choices), key=state.own(b, "start"), bind="query-params")
    marks.in_link(b, chosen == MARKED)
    rows = choices[chosen]
    counts = times_to_start(times[rows], end.latest)
    on = "map"
    with further, st.popover("More", width="stretch"):
        if b.landscape is not None:
            on = st.segmented_control(
                "Draw on", ["map", "plane"], default="map", required=True, key="on", bind="query-params",
                help="On the plane cells stand where the model has them; on the map, among their nearest cells.",
            )  # fmt: skip
        seed = st.number_input("Random seed", 0, 999, 0, key="seed", bind="query-params")
    if not counts:
        return None, None, chosen, False
    with moment:
        offers = list(counts)
        began = st.selectbox(
            f"{kind.capitalize()} at", offers, index=offers.index(usual_time(counts)), key=f"{state.own(b, 'at')}-{chosen}",
            bind="query-params", format_func=lambda time: f"{time:g} {unit}",
            help="Cells are followed from the time at which they were taken.",
        )  # fmt: skip
    steps = clock(began, end.latest, b.model.span)
    with how_far:
        until = st.slider(
            f"Follow until ({unit})", float(steps[1]), float(steps[-1]), max(last, float(steps[1])), float(steps[1] - steps[0]),
            key=f"{state.own(b, 'until')}-{began:g}", bind="query-params", format="%.3g", disabled=len(steps) < 3,
            help=end.sentence,
        )  # fmt: skip
    with how_many:
        n_cells = st.slider(
            "Cells to draw", 50, MOST, 200, 50, key="cells", bind="query-params",
            help=f"Shares and genes are those of all that are followed, up to {MOST}.",
        )  # fmt: skip
    with how_noisy:
        noise = st.slider(
            "Noise", 0.0, 2.0, 1.0, 0.25, key="noise", bind="query-params", format="%.2g x",
            help="Times the chance that the model learned: at 0 cells follow the drift alone. Read shares at 1.",
        )  # fmt: skip
    rows = rows[times[rows] == began]
    whole = way(b, rows, steps, on=on, noise=noise, seed=int(seed))
    of_a_time = len(rows) == np.count_nonzero(times[state.untreated(b)] == began)
    named = "" if of_a_time else f" ({chosen})"
    return (
        cut(whole, until, MOST),
        cut(whole, until, n_cells),
        f"the {len(rows):,} cell{'s' if len(rows) > 1 else ''} of {began:g} {unit}{named}",
        of_a_time,
    )


def picture(shown: Way | None, end: Limit) -> None:
    """The moving cells, or the map to draw on."""
    mode = st.segmented_control(
        "Map", [WATCH, CHOOSE], default=WATCH, required=True, key="mode", bind="query-params", label_visibility="collapsed"
    )
    if mode == CHOOSE:
        lasso(b)
    elif shown is None:
        st.info(f"All of these cells are of {last:g} {unit}. {end.sentence} Choose earlier cells to see them move.", icon=None)
    else:
        names = b.model.ends(shown.found, until=float(shown.times[-1]))
        fig = trajectory(
            b.landscape.cell_xy if shown.on == "plane" and b.landscape is not None else b.umap2, shown.places, shown.times, names,
            unit=unit, axes=shown.on, colours=colours.of(b, names), cells=kind, look=look(), height=600,
        )  # fmt: skip
        alt = f"{len(names)} predicted cells moving over the map of {kind} cells"
        chart(fig, f"moving-{b.demo.key}", alt=alt, file=f"{b.demo.key}-trajectory")


def where_they_end(shown: Way, start: str, of_a_time: bool) -> None:
    """The shares in words and bars, with what is known of growth; of_a_time: all cells of a time were the start, so that the
    cells of the time they come to stand beside."""
    found, until = shown.found, float(shown.times[-1])
    when = f"{shown.times[-1]:.3g} {unit}"
    among = f"the {kind} cells of {last:g} {unit}" if b.model.names_from_last(until) else f"all {kind} cells"
    shares = b.model.fates(found, until=until)
    staged = b.demo.columns.state is None
    st.markdown(f"**{'How far along they are' if staged else 'Where they are'} at {when}**")
    st.markdown(fate_words(shares, start, when, shown.n_start))
    if staged:
        st.caption(f"These cells have no named types: each is called by its {kind} time, so shares say how far they came.")
    there = measured.composition(b, float(shown.times[-1])) if of_a_time and not staged else None
    shares["then"] = 0.0 if there is None else shares["fate"].map(there).fillna(0.0)
    large = shares[(shares["high"] > 0.005) | (shares["then"] > 0.02)].head(8)
    if shown.n_start < FEWEST:
        large = large.assign(low=np.nan, high=np.nan)
    known = b.model.record["growth_identified"]
    alike = b.model.fates(evenly(found), until=until).set_index("fate")["fraction"][large["fate"]]
    tints = colours.of(b, large["fate"])
    fig = fates(
        list(large["fate"]), large["fraction"], large["low"], large["high"],
        colours=[tints[name] for name in large["fate"]], evenly=None if known else alike,
        measured=None if there is None else large["then"].to_numpy(), measured_name=f"cells {kind} then",
        look=look(),
    )  # fmt: skip
    chart(fig, "fates", alt=f"Share of predicted cells by the {kind} cells they are among", file=f"{b.demo.key}-fates")
    if not known:
        st.warning(SHARES_MIX, icon=None)
    far = 1 - float(b.model.in_domain(found.states[-1]).mean())
    if far > 0.1:
        st.warning(f"{100 * far:.0f} % of the cells end where no cells were {kind}: do not rely on this.", icon=None)
    if b.model.is_beyond(until):
        st.warning(f"The last {shown.times[-1] - last:.3g} {unit} lie after the last {kind} time.", icon=None)
    if shown.noise == 0:
        st.caption("Noise is off: cells that start alike end alike, and these shares are not what the model expects.")
    elif shown.noise != 1:
        st.caption(f"Noise is {shown.noise:g} times what the model learned: these shares are not what it expects.")
    futures = len(found.start) // shown.n_start
    rare = too_rare(b.model.names_of_ends(until))
    st.caption(
        f"Compared with {among}. "
        + (f"Too few there to name an end (fewer than {LEAST_NAMED} cells): {', '.join(rare)}. " if rare else "")
        + f"{shown.n_start} start cells{f', {futures} futures of each' if futures > 1 else ''}; in brackets "
        f"and as lines: 95 % interval over start cells, without the model's error. "
        + ("" if there is None else f"The {kind} cells at this time were used in training. ")
        + str(b.model.record["growth_known"])
    )


def genes_on_the_way(shown: Way, of_a_time: bool) -> None:
    """Gene curves with the measured points, and what they show in words; of_a_time: all cells of a time were the start."""
    if "rna" not in b.cells.mod:
        return  # these cells have no genes to follow
    st.markdown("##### Genes on the way")
    genes = b.model.features()
    usual = [gene for gene in b.demo.marker_genes if gene in genes][:3] or genes[:3]
    key = state.own(b, "curves")
    picked = st.multiselect(
        "Genes", genes, default=usual, max_selections=6, key=key, bind="query-params", label_visibility="collapsed",
        select_all=False, filter_mode="contains",  # Enter adds the one gene that was typed, not all that look like it
    )  # fmt: skip
    if not picked:
        return
    table, smoothed = measured.curves(amounts(b, shown, picked), shown.found.log_weights), False
    points = measured.points(b, picked)
    said = [gene_words(gene, shown.times, table.mean[:, i], unit) for i, gene in enumerate(picked)]
    if of_a_time and shown.times[-1] in points.times:
        ends = np.flatnonzero(np.isin(points.times, shown.times[[0, -1]]))
        said = [f"{words_of} ({kind}: {change_words(*points.mean[ends, i])})" for i, words_of in enumerate(said)]
        begun = points.mean[points.times == shown.times[0]][0]
        smoothed = bool((table.mean[0] > SMOOTHED * np.maximum(begun, NOTHING)).any())
    st.markdown("In the prediction " + "; ".join(said) + ".")
    fig = gene_curves(
        shown.times, table.mean, table.low, table.high, picked,
        measured_times=points.times, measured_mean=points.mean, measured_error=points.error,
        unit=unit, cells=kind, look=look(),
    )  # fmt: skip
    chart(fig, "curves", alt=f"Predicted and {kind} expression of {', '.join(picked)}", file=f"{b.demo.key}-genes")
    st.caption(
        f"Mean counts per 10,000. Line: mean of the predicted cells; band: the middle 80 % of them; points: all {kind} cells of "
        f"a time, with the standard error of their mean. The {kind} cells at these times were used in training."
        + (f" {LOW_COUNTS}" if smoothed else "")
    )
    table_download(b, measured.curve_table(table, shown.times, picked), "gene-curves")


inside()
b = state.bundle()
column, unit, kind = b.demo.columns.time, b.demo.columns.time_unit, words.measured(b.demo.simulated)
if column is None:
    place = lead(b, words.literal(b.demo.sentence))
    st.info(words.ONE_TIME, icon=None)
    if b.demo.treatments:
        st.page_link("pages/perturb.py", label="See what the treatment does instead", query_params={"demo": b.demo.key})
    else:
        st.page_link("pages/explore.py", label="See what these cells are instead", query_params={"demo": b.demo.key})
    provenance(b)
    share(b, code=lambda: code_pages.all_cells(b, "Trajectories"), methods=lambda: methods(b, ""), place=place)
    st.stop()
    raise RuntimeError  # st.stop() never returns

place = lead(
    b, f"Grey: {kind} cells. Coloured: the chosen cells as the model moves them on, in the colour of the cells they end among."
)
times = state.values(b, column)
last = float(times.max())
horizon = limit(b.report, last, unit, b.demo.simulated)
following, drawn, start, all_of_a_time = choose(horizon)
st.caption(horizon.short)
main, side = st.columns([2.3, 1], gap="medium")
with main:
    picture(drawn, horizon)
if following is not None:
    with side:
        where_they_end(following, start, all_of_a_time)
    genes_on_the_way(following, all_of_a_time)
honesty(b)
unexpected_cells(b)
where_next(b)
caveats(b)
if following is None or drawn is None:
    provenance(b)
    share(b, code=lambda: code_pages.all_cells(b, "Trajectories"), methods=lambda: methods(b, ""), place=place)
else:
    chosen, n_cells = st.session_state[state.own(b, "start")], st.session_state["cells"]
    share(
        b,
        code=lambda: code_pages.moving(b, drawn, chosen, n_cells),
        methods=lambda: methods(b, asked.moved(b, following, chosen)),
        place=place,
    )
    n, k = len(following.found.start), len(drawn.found.start)
    said = f"{n} cells followed, {k} of them and {min(40, k)} trails drawn"
    provenance(b, f"prediction seed {following.found.seed}", said)
