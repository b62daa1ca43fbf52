"""What a view asked the model, in a sentence or two for the methods of a paper: everything that the reader chose is in it."""

from __future__ import annotations

from virtualcell.demo import Bundle
from virtualcell.perturbation.effect import ADDED, FORCE, MEASURED, PSEUDO, Effect
from virtualcell.ui import modalities, state, words
from virtualcell.ui.trajectory_paths import Way

COUNTED = "95 % intervals are by bootstrap over start cells"


def moved(b: Bundle, shown: Way, start: str) -> str:
    """Trajectories: the cells followed, from when to when. shown: all that are followed."""
    unit, copies = b.demo.columns.time_unit, len(shown.found.start) // shown.n_start
    futures = f", {copies} futures of each," if copies > 1 else ""
    noise = "the noise" if shown.noise == 1 else f"{shown.noise:g} times the noise"
    return (
        f"{shown.n_start:,} cells of {shown.times[0]:g} {unit} (“{start}”){futures} were carried to {shown.times[-1]:.3g} {unit} "
        f"with {noise} that was learned (seed {shown.found.seed}) and, weighted by their descendants, named by the measured "
        f"cells next to which they end; {COUNTED}."
    )


def pushed(b: Bundle, found: Effect, name: str, start: str, n_cells: int) -> str:
    """Perturb: which cells were pushed by what, how it was computed and how genes were judged."""
    how = {
        MEASURED: "The measured change of expression under it was applied",
        ADDED: "It was not measured: the measured changes of its parts were added",
        FORCE: f"Cells were moved for {b.model.span:g} {state.unit(b)} with and without its force and the same random numbers",
    }.get(
        found.kind,
        "Genes were edited in the input of the encoder, which shows what the model depends on and is no evidence of cause",
    )
    judged = (
        "intervals are 1.96 standard errors of the measured effect over cells"
        if found.kind in (MEASURED, ADDED)
        else "95 % intervals are by bootstrap over cells"
    )
    means = "back from mean log amounts" if found.kind in (MEASURED, ADDED) else "of mean counts per 10,000"
    return (
        f"{n_cells:,} cells (“{start}”) were compared with and without “{name}”. {how} (seed {found.seed}). Changes are log2 "
        f"fold changes of {len(found.genes):,} genes, {means}, {PSEUDO:g} counts per 10,000 added to both; {judged}."
    )


def compared(b: Bundle, title: str) -> str:
    """Modalities: what colours the cells, and how translations were checked."""
    said = f"Cells were placed on the two leading principal components of their states and coloured by {title}."
    for told in modalities.conversions(b):
        value = f"{100 * told.value:.1f} % of the variance" if told.share else f"{told.value:+.1f} nats a cell over the average"
        source, target = modalities.called(told.source), modalities.called(told.target)
        said += (
            f" {_upper(target)} was predicted from {source} by cross-fitting: {value} "
            f"(standard error {100 * told.error if told.share else told.error:.2g}, {told.n_cells:,} cells)."
        )
    return said


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def counted(modalities_read: list[str]) -> str:
    """The card: what its figures count."""
    named = words.listed([words.MEASURED.get(name, name) for name in modalities_read])
    return f"Counts and the number of {named} seen were summed for each cell with scanpy."
