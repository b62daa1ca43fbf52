"""Names, units, frozen settings and results that every part of the project passes around. Imports nothing of ours."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

LATENT_KEY = "X_vc"
"""``obsm`` slot of the cell states, float32 (cells, latent dimensions)."""

UNS_KEY = "virtualcell"
"""``uns`` slot with the provenance of what we wrote: model, settings, data digest, seed, version."""

COUNTS_LAYER = "counts"
"""Layer that holds non-negative integer counts after preprocessing."""

MEASURED_KEY = "measured"
"""``obsm`` slot of the MuData: boolean (cells, modalities); which modality of which cell was measured. Never inferred from
zeros."""

DEFAULT_KINDS: dict[str, str] = {
    "rna": "rna",
    "atac": "atac",
    "prot": "protein",
    "cytof": "continuous",
    "image": "continuous",
    "methylation": "methylation",
}
"""Key of a modality in a MuData -> kind of measurement (a file of ``virtualcell.modalities``). Others are named in the
settings."""

UNKNOWN = "unknown"
"""Name of cells without an annotation."""

MIXED = "mixed"
"""Name of an attractor around which no annotation holds half of the cells."""


class DataError(ValueError):
    """Cells that cannot be used: says which file, which field, what is wrong and what to do next, in a biologist's words."""

    def __init__(self, problem: str, *, next_step: str, file: str | None = None, field: str | None = None):
        self.problem, self.next_step, self.file, self.field = problem, next_step, file, field
        where = ", ".join(part for part in (f"file {file}" if file else "", f"field {field}" if field else "") if part)
        super().__init__(f"{where + ': ' if where else ''}{problem} What to do: {next_step}")


@dataclass(frozen=True)
class Columns:
    """Where in ``obs`` (or ``obsm``) the facts about a cell stand. ``None``: not measured."""

    time: str | None = None
    """Numeric ``obs`` column."""
    time_unit: str = "h"
    perturbation: str | None = None
    control: str = "control"
    """Name of the untreated cells in the perturbation column."""
    batch: str | None = None
    state: str | None = None
    """Annotation that names cell types or states."""
    clones: str | None = None
    """``obsm`` slot with a (cells, clones) indicator of heritable barcodes."""
    growth: str | None = None
    """Numeric ``obs`` column: growth rate of each cell per unit of time (from division markers or counted divisions)."""
    population_size: str | None = None
    """Numeric ``obs`` column: how many cells the whole culture had at the cell's time, counted to about 2 %: what is
    further off misleads the growth that is learned."""
    donor: str | None = None
    """Second covariate of the decoders: with a batch, every combination of the two is a batch of its own."""

    @property
    def covariates(self) -> tuple[str, ...]:
        """Columns whose technical differences are kept out of the latent."""
        return tuple(name for name in (self.batch, self.donor) if name is not None)


@dataclass(frozen=True)
class PreprocessSettings:
    """Quality control and choice of features. All choices are made on the cells named as training cells only."""

    min_counts: int = 1
    """Cells with fewer counts in a modality are not measured there."""
    min_cells: int = 3
    """Features seen in fewer training cells are left out."""
    n_variable_genes: int = 2000
    n_components: int = 50
    """Principal (RNA, protein) or LSI (ATAC) components that an encoder reads."""


@dataclass(frozen=True)
class AutoencoderSettings:
    latent_dim: int = 16
    hidden: int = 64
    fusion: str = "product"
    """How modalities become one latent: a key of ``virtualcell.autoencoder.fusion.FUSIONS``."""
    objectives: dict[str, float] = field(default_factory=lambda: {"reconstruction": 1.0, "kl": 0.1, "latent": 1.0})
    """Name -> weight; names are keys of ``virtualcell.training.objectives.OBJECTIVES``. The weight of "kl" is below 1 on purpose:
    a strong pull to one Gaussian would turn every landscape into one bowl."""
    temperature: float = 0.1
    """Of the contrastive objective."""
    masked_share: float = 0.15
    """Share of a cell's entries that masked modelling hides."""
    epochs: int = 40
    min_steps: int = 400
    """More epochs are run where the cells are so few that the epochs make fewer steps than this."""
    patience: int = 12
    """Training ends when the validation cells have not improved for so many epochs."""
    batch_size: int = 256
    features_per_step: int = 2500
    """Where a modality has more features, of which each can be scored by itself (peaks), a step scores a random block of about
    so many (an eighth of all, where that is more) and counts it for all; every step still reads all of them."""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    decoder_prior: float = 10.0
    """Precision of the Gaussian prior on decoder weights."""
    thinning: float = 0.5
    """Share of the counts that the partial view keeps (binomial thinning)."""
    target_decay: float = 0.99
    """Decay a step of the exponential moving average that makes the target encoder."""


@dataclass(frozen=True)
class PredictorSettings:
    width: int = 48
    """Units of each of the two hidden layers of the potential."""
    diffusion: float = 1.0
    """Where the learned D starts: 2 D T over the mean variance within a population, T the whole measured span."""
    diffusion_weight: float = 0.01
    """Pull of log D to its start."""
    diffusion_known: bool = False
    """Whether D stays at its start, as it is known otherwise: snapshots alone hardly bound it, and heights are in units of D."""
    steps: int = 500
    warm_steps: int = 600
    """Steps of the warm start from the density of the pooled cells."""
    rollouts: int = 256
    """Cells rolled out from each starting time at each step."""
    learning_rate: float = 5e-3
    """Highest of a one-cycle schedule; the clock (scale and D) takes eight times as much, the landscape's shape less."""
    weight_decay: float = 1e-4
    euler_steps: int = 20
    """Fewest steps of the integrator over the whole measured span; a steep landscape takes more (``Dynamics.steps_a_span``)."""
    growth_penalty: float = 1.0
    """Weight of what growth is pulled to: what transport asks for and zero, or evenness where sizes are known."""
    stationary_weight: float = 1.0
    """Soft prior: without other evidence, the last measured population stays what it is."""
    off_manifold_weight: float = 1.0
    """Soft prior: the landscape rises away from measured cells."""
    clone_weight: float = 0.5
    """Weight of what descendants of barcoded cells say (``virtualcell.training.clones``), where there are barcodes."""
    distance: str = "whitened"
    """Between predicted and measured populations, as a loss: a key of ``virtualcell.predictor.distance.LOSSES``."""
    rotation_penalty: float = 0.1
    """Of the part of the drift that is no slope, along the slope (where such a part is fitted)."""
    refits: int = 5
    """Times that the fitted dynamics are fitted on to resampled cells, for intervals of barriers; only where enough cells
    crossed some pass."""
    turning: bool = True
    """Whether the share of the drift that no landscape explains is asked of a fit of its own; only where there are times."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides a fit. Saved as JSON beside the weights."""

    columns: Columns = field(default_factory=Columns)
    preprocess: PreprocessSettings = field(default_factory=PreprocessSettings)
    autoencoder: AutoencoderSettings = field(default_factory=AutoencoderSettings)
    predictor: PredictorSettings = field(default_factory=PredictorSettings)
    kinds: dict[str, str] = field(default_factory=dict)
    """Key of a modality in the cells -> kind of measurement (a key of ``virtualcell.modalities.MODALITIES``), where it is not the
    usual one (``DEFAULT_KINDS``): {"atac": "atac-poisson"}."""
    seed: int = 0

    def plain(self) -> Settings:
        """The same without what only tells how sure the landscape is: for comparisons of where cells go."""
        return dataclasses.replace(self, predictor=dataclasses.replace(self.predictor, refits=0, turning=False))

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        parts = {
            "columns": Columns,
            "preprocess": PreprocessSettings,
            "autoencoder": AutoencoderSettings,
            "predictor": PredictorSettings,
        }
        return cls(**{key: parts[key](**value) if key in parts else value for key, value in values.items()})


@dataclass(frozen=True)
class Trajectory:
    """A population carried through time.

    times: (T,) in the unit of the time column. states: (T, n, d) float32. log_weights: (T, n) log of how many cells each start
    cell has become (growth minus death), 0 at the start. start: (n,) row in the cells given.
    """

    times: np.ndarray
    states: np.ndarray
    log_weights: np.ndarray
    start: np.ndarray
    seed: int
    perturbation: str | None = None


@dataclass(frozen=True)
class Attractor:
    """A minimum of the potential: zero gradient, positive-definite Hessian."""

    name: str
    """Annotation of most of the measured cells nearest to it, or "mixed"."""
    state: np.ndarray
    """(d,) latent position."""
    xy: np.ndarray
    """(2,) position on the drawn plane."""
    energy: float
    """In units of D, 0 at the lowest point drawn."""
    n_cells: int
    """Measured cells (untreated ones where there are treatments) of this valley: those whose descent ends here or in a puddle
    that runs out into it; counted on 5,000 of them where there are more."""
    purity: float
    """Share of the nearest cells that carry the most frequent annotation."""
    min_curvature: float
    """Smallest Hessian eigenvalue."""


@dataclass(frozen=True)
class EnergyPath:
    """A way of low energy between two states.

    states: (k, d), evenly spaced from start to end; energy: (k,) in units of D, 0 at the start; saddle: index of the highest
    state. At rest against motions off it, its top a saddle, unless it is a pass whose saddle is lost in a wrinkle
    (``landscape.direct``).
    """

    states: np.ndarray
    energy: np.ndarray
    saddle: int

    @property
    def barrier(self) -> float:
        """Height of the pass over the start, in units of D."""
        return float(self.energy[self.saddle] - self.energy[0])

    @property
    def reverse_barrier(self) -> float:
        """Height of the pass over the end, in units of D."""
        return float(self.energy[self.saddle] - self.energy[-1])


@dataclass(frozen=True)
class Barrier:
    """The pass from one attractor to another next to it."""

    start: str
    end: str
    height: float
    """Over the start, in units of D."""
    low: float | None
    high: float | None
    """95 % interval over refits to resampled cells; None where too few cells crossed, with fewer than three refits, or where one
    of them has no such pass."""
    crossings: float
    """Measured cells that must have crossed for the shares of the valleys to change as they did; unless growth is known, if cells
    divided alike everywhere."""
    identifiable: bool
    """Whether enough cells crossed for the height to be more than a guess."""
    path: EnergyPath


@dataclass(frozen=True)
class Landscape:
    """The potential over a plane of the latent space, minimised over all coordinates that are not drawn.

    x: (gx,), y: (gy,) plane coordinates in latent units. energy: (gy, gx) in units of D, 0 at the lowest supported point or
    attractor. supported: (gy, gx) bool, True where measured cells are near and at attractors. cell_xy: (cells, 2). plane: (2, d)
    orthonormal rows, origin: (d,).
    """

    x: np.ndarray
    y: np.ndarray
    energy: np.ndarray
    supported: np.ndarray
    plane: np.ndarray
    origin: np.ndarray
    cell_xy: np.ndarray
    attractors: tuple[Attractor, ...]
    method: str
    axis_names: tuple[str, str]
    barriers: tuple[Barrier, ...] = ()
    density: np.ndarray | None = None
    """(gy, gx): -log density of the measured cells in the same plane, 0 at the fullest point, NaN where no cell is near. No
    landscape: it says where cells were measured, not where they go."""
    rotation_share: float | None = None
    """Share of the squared drift over the measured cells that no landscape explains, 0 to 1, from a fit that was free to turn."""

    basin: np.ndarray | None = None
    """(cells,) index of the attractor in whose valley each measured cell lies, -1: none (``find_valleys``)."""

    def valley_of(self, row: int) -> str:
        """Name of the attractor in whose valley a measured cell lies; empty where it lies in none."""
        if self.basin is None or self.basin[row] < 0:
            return ""
        return self.attractors[self.basin[row]].name

    def on_plane(self, states: np.ndarray) -> np.ndarray:
        """Latent states (..., d) on the drawn plane, (..., 2)."""
        return (np.asarray(states, float) - self.origin) @ self.plane.T
