"""What the tour shows at each step: a page, cells, a view, and a sentence computed from the numbers that are on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from virtualcell.ui import state, words
from virtualcell.ui.glossary import explain

if TYPE_CHECKING:
    from virtualcell.demo import Bundle

# What the sentences need is imported in them: it opens torch, and the band is there before.


@dataclass(frozen=True)
class Step:
    """page: title in ``frame.PAGES``. view: controls in the link. said: the sentence about a demo's cells."""

    title: str
    page: str
    demo: str
    said: Callable[[Bundle], str]
    view: dict[str, str] = field(default_factory=dict)


GENE = "FKBP5"
"""Known to answer to the drug of the first cells (glucocorticoids)."""


def _points(b: Bundle) -> str:
    times = state.values(b, str(b.demo.columns.time))
    counts = words.listed([f"{np.count_nonzero(times == at):,} at {at:g} {b.demo.columns.time_unit}" for at in np.unique(times)])
    return (
        f"All {b.cells.n_obs:,} were measured once, {counts}, and destroyed by it; none was followed. Neighbours on the map are "
        "alike. The colours lie in order: these cells change with time."
    )


def _gene(b: Bundle) -> str:
    from virtualcell.ui import measured

    points = measured.points(b, [GENE])
    amounts = words.listed(
        [f"{amount:.1f} at {at:g} {b.demo.columns.time_unit}" for at, amount in zip(points.times, points.mean[:, 0], strict=True)]
    )
    return (
        f"The same cells, now coloured by the gene {GENE}. Of every 10,000 RNA molecules in a cell, on average {amounts} are of "
        "it. Any gene can be chosen at the side; a circle drawn around cells tells what sets them apart."
    )


def _motion(b: Bundle) -> str:
    from virtualcell.ui import trajectory_paths as paths
    from virtualcell.ui.trajectory_horizon import limit
    from virtualcell.ui.trajectory_reading import fate_words
    from virtualcell.ui.trajectory_start import offered, times_to_start, usual_time

    # As the page does it before anything is chosen there, so that the numbers are those on the page.
    unit, times = b.demo.columns.time_unit, state.values(b, str(b.demo.columns.time))
    last = float(times.max())
    rows = next(iter(offered(b).values()))
    latest = limit(b.report, last, unit, b.demo.simulated).latest
    began = usual_time(times_to_start(times[rows], latest))
    rows = rows[times[rows] == began]
    whole = paths.way(b, rows, paths.clock(began, latest, b.model.span), on="map", noise=1.0, seed=0)
    shown = paths.cut(whole, last, paths.MOST)
    shares = b.model.fates(shown.found, until=float(shown.times[-1]))
    said = fate_words(shares, f"the {len(rows):,} cells of {began:g} {unit}", f"{last:g} {unit}", shown.n_start)
    return f"The model moves cells of {began:g} {unit} on; press play. {said} In brackets: 95 % intervals."


def _trust(b: Bundle) -> str:
    from virtualcell.ui.parts import heldout_panels

    panels = heldout_panels(b.report["rows"])
    place, metric = next(panel for panel in panels if panel[1].startswith("energy distance"))
    where = place.split(", ", 1)[-1].removesuffix(" held out")
    rows = panels[place, metric]
    rules = [row for row in rows if not words.is_limit(row["method"]) and not words.is_ours(row["method"])]
    ours = next(row for row in rows if row["method"] == words.OURS)
    best = min(rules, key=lambda row: row["value"])
    judged = words.verdict(rows).split("**")[1].lower()  # "better", "not clearly better", "worse", ...
    return (
        f"The test: cells of {where} were hidden, and the model and {len(rules)} simple rules had to say where they are. The "
        f"model was **{judged}** than the best rule: off by {ours['value']:.2f}, the rule by {best['value']:.2f} (energy "
        "distance, 0 is perfect). Where a rule wins, the pages say so."
    )


def _treatment(b: Bundle) -> str:
    from virtualcell.ui.insight import insight

    found = insight(b)
    return f"Other cells, with and without a treatment: arrows lead from untreated to treated. {found.headline} {found.detail}"


def _valleys(b: Bundle) -> str:
    assert b.landscape is not None, "the step shows a demo with a landscape"
    names = [a.name for a in b.landscape.attractors]
    known = sum(barrier.identifiable for barrier in b.landscape.barriers)
    heights = (
        "how high the hills between them are, these cells do not tell, and the page says so"
        if not known
        else f"{known} of the passes between them can be given a height"
    )
    return (
        f"{explain('energy').plain.split(': ')[1].split('. ')[0].capitalize()}. Here they come to rest in {len(names)} valleys, "
        f"named by the measured cells around them: {words.listed(names)}; {heights}."
    )


def _drawn(b: Bundle) -> str:
    from virtualcell.ui.modalities import called, kept_out

    source, target = "rna", "prot"
    rows = kept_out(b)
    if "samplers" not in b.model.generators:
        return f"What the {called(target)} of {len(rows)} cells could be is not drawn: the generator was not trained here."
    found = b.model.interval(b.cells[rows].copy(), source=source, target=target)
    truth, low, high = b.model.reading(b.cells[rows].copy(), target), found.layers["low"], found.layers["high"]
    told = found.obs["why"].to_numpy() == ""
    inside = ((truth >= low) & (truth <= high))[told].mean()
    return (
        f"Of {len(rows)} cells that the model never learned from, it sees the {called(source)} alone and draws what their "
        f"{called(target)} could be; {len(rows) - told.sum()} are refused as unlike anything measured. Of what was "
        f"measured in the others, {100 * inside:.0f} % lies where 90 % should. All that is drawn is called synthetic."
    )


STEPS = (
    Step("Each point is a cell", "Home", "a549", _points),
    Step("What are they made of?", "Explore", "a549", _gene, {"colour-a549": "a gene", "gene-a549": GENE}),
    Step("What happens next?", "Trajectories", "a549", _motion),
    Step("Can one believe it?", "Data & model card", "a549", _trust),
    Step("What does a treatment do?", "Perturb", "kang", _treatment),
    Step("Where do cells settle?", "Landscape", "larry", _valleys),
    Step("What was not measured?", "Generate", "cite", _drawn),
)
