"""A paragraph for the methods of a paper, from the model's record, its settings and the view; no number is written here."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from virtualcell.data.catalogue import DEMOS
from virtualcell.demo import Bundle
from virtualcell.ui import state, words

SOFTWARE = ("torch", "scanpy", "anndata", "mudata", "scikit-learn", "scipy", "numpy")
"""Distributions of which the paragraph names the version that runs."""

OBJECTIVES = {
    "reconstruction": "the likelihood of all that was measured",
    "kl": "a pull of the states to the standard normal",
    "latent": "prediction of the whole cell's state from a masked view of it (a joint-embedding prediction)",
    "masked": "hidden entries of a measurement",
    "cross_masked": "hidden entries of a measurement given all others",
    "contrast": "a contrastive term between measurements",
    "spread": "variance and covariance terms against collapse",
}
"""Names of objectives in words; others go by their name."""

LIKELIHOODS = {
    "rna": "negative binomial counts",
    "atac": "Bernoulli (open or not, complementary log-log link)",
    "protein": "a mixture of background and foreground negative binomials",
    "methylation": "beta-binomial",
    "continuous": "Gaussian",
}
"""How each kind of measurement is described; others go by their name."""


def methods(b: Bundle, view: str) -> str:
    """The paragraph. view: sentences on what the page asked the model, with everything that the reader chose."""
    parts = (data(b), preprocessing(b), states(b), dynamics(b), view, software(b), limits(b))
    return " ".join(part for part in parts if part)


def data(b: Bundle) -> str:
    """Which cells: how many, what was measured in them, when, under which treatments, and from where."""
    record, columns = b.model.record, b.demo.columns
    measured = words.measured(b.demo.simulated)
    read = [f"{n:,} {words.MEASURED.get(name, name)}" for name, n in record["modalities"].items()]
    said = f"We analysed {record['n_cells']:,} {'simulated ' if b.demo.simulated else ''}cells ({words.listed(read)})"
    if columns.time is not None:
        times = [f"{t:g}" for t in np.unique(state.values(b, columns.time))]
        said += f", {measured} at {words.listed(times)} {columns.time_unit}"
    said += "."
    if columns.perturbation is not None:
        known, control = len(record["treatments"]), columns.control
        named = record["treatments"][0] if known == 1 else f"{known} treatments"
        said += f" Cells were treated with {named}; the control is “{control}”." if known else " No treatment was learned."
    if b.demo.key not in DEMOS:
        said += " They are our own" + (f" (file {b.demo.file})." if b.demo.file else ".")
    else:
        said += f" Source: {b.demo.citation.rstrip('.')}."
        said += f" The table was taken from {b.demo.source_url}." if b.demo.source_url else ""
    return f"{said} SHA-256 of the data: {record['digest']}."


def preprocessing(b: Bundle) -> str:
    """Which cells and features were kept, and how values were transformed."""
    found = b.model.record["preprocess"]
    asked = found["settings"]
    said = (
        f"Cells with fewer than {asked['min_counts']} count{'s' if asked['min_counts'] != 1 else ''} and features seen in fewer "
        f"than {asked['min_cells']} cells were left out ({found['cells_dropped']:,} of {found['cells_read']:,} cells)."
    )
    for name, kept in found["modalities"].items():
        called = words.MEASURED.get(name, name)
        said += f" Of {called}, {kept['features_kept']:,} of {kept['features_read']:,} were kept ({kept['normalisation']})."
    return said


def states(b: Bundle) -> str:
    """The autoencoder: what it reads, how wide, how joined, on what it was trained."""
    record, settings = b.model.record, b.model.settings.autoencoder
    read = record["preprocess"]["modalities"]
    kinds = [f"{words.MEASURED.get(name, name)} as {LIKELIHOODS.get(read[name]['kind'], read[name]['kind'])}" for name in read]
    asked = [f"{OBJECTIVES.get(name, name)} (weight {weight:g})" for name, weight in settings.objectives.items() if weight]
    held = len(record["held_out"])
    joined = f", joined by {settings.fusion.replace('_', ' ')} fusion," if len(record["modalities"]) > 1 else ""
    said = (
        f"Each cell was described by {record['latent_dim']} numbers{joined} with the multi-omic autoencoder of VirtualCell "
        f"{record['version']} ({record['parameters']:,} parameters, {record['parameters_predictor']:,} of them in the "
        f"predictor), trained on {words.listed(asked)} with seed {record['seed']}; {held:,} cells "
        f"({100 * held / record['n_cells']:.0f} %) were kept out of its training and chose when it stopped. "
        f"The states have an effective rank of {record['effective_rank']:.1f}."
    )
    return f"{said} Measurements were described: {words.listed(kinds)}."


def dynamics(b: Bundle) -> str:
    """The predictor: the equation, what was matched, noise and growth; says so where there is none."""
    record, settings = b.model.record, b.model.settings.predictor
    if not b.model.moves:
        return "No predictor of movement was trained, as the cells have neither several times nor treatments."
    forces = " + a constant force for each treatment" if record["treatments"] else ""
    law = "a linear law, which the populations do not contradict" if record["linear"] else "a learned potential"
    known = "was given" if settings.diffusion_known else "was learned"
    if record["linear"]:
        said = (
            f"States move by dz = [-grad U(z){forces}] dt + sqrt(2 D) dW on {law}, fitted to the means and covariances of the "
            f"populations by composite Gaussian likelihood; D {known} ({record['diffusion']:.3g})."
        )
        return f"{said} {record['growth_known']}".rstrip()
    said = (
        f"States move by dz = [-grad U(z){forces}] dt + sqrt(2 D) dW on {law}, trained by carrying the cells of each population "
        f"to the later ones and comparing these by the {settings.distance} distance"
        if record["span"] is not None
        else f"States of untreated cells were moved to those of treated ones by dz = [-grad U(z){forces}] dt + sqrt(2 D) dW on "
        f"{law} (one time only: the unit of time is one treatment), compared by the {settings.distance} distance"
    )
    said += f" ({settings.steps:,} steps, {settings.rollouts} cells from each population); D {known} ({record['diffusion']:.3g})"
    said += f" and the integrator takes {record['steps_a_span']} steps over the span." if record["steps_a_span"] else "."
    said += _steady(record["span"] is not None, settings.stationary_weight)
    return f"{said} {record['growth_known']}".rstrip()


def _steady(timed: bool, weight: float) -> str:
    """What the fit takes for granted beside the measured populations: it moves valleys and times beyond the last."""
    if not timed:
        return " Untreated cells were assumed to stay what they are."
    return f" The last untreated population was assumed to stay what it is (weight {weight:g})." if weight > 0 else ""


def software(b: Bundle) -> str:
    """Versions of what runs, and by which version the model was trained."""
    import virtualcell

    named = [f"{name} {version(name)}" for name in SOFTWARE]
    return f"Software: VirtualCell {virtualcell.__version__}, {words.listed(named)}."


def limits(b: Bundle) -> str:
    """What these cells cannot show, in one sentence."""
    record = b.model.record
    missing = []
    if not b.model.moves:
        missing.append("nothing is said of movement")
    elif record["span"] is None:
        missing.append("with one measured time nothing says how or how fast cells changed")
    elif not record["growth_identified"] and not record["linear"]:
        missing.append("growth and drift cannot be told apart by these populations")
    if record["linear"]:
        missing.append("one valley was assumed, and growth ignored")
    if b.demo.simulated:
        missing.append("the cells are simulated")
    missing.append(f"predictions are of one model (seed {record['seed']}), whose own error is not in intervals over cells")
    return f"Limits: {'; '.join(missing)}."
