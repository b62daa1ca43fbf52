"""Conversions on cells whose relation is known: found where there is one, beyond linear maps too, and not where there is none."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from virtualcell.autoencoder.conversion import Translator
from virtualcell.data.simulate_pairs import oracle_gain, simulate_mosaic, simulate_pairs
from virtualcell.evaluation.coding import shuffle_pairs
from virtualcell.evaluation.multiomics import log_likelihood_gain, pearson_per_feature
from virtualcell.schema import MEASURED_KEY, AutoencoderSettings
from virtualcell.training.autoencoder import AutoencoderFit, train_autoencoder
from virtualcell.training.conversion import MIN_SHARED, Quality, fit_conversions
from virtualcell.training.described import encode_table, score_table
from virtualcell.training.table import CellTable, make_table

CPU = torch.device("cpu")
HIDDEN = 24
SETTINGS = AutoencoderSettings(latent_dim=6, hidden=HIDDEN, epochs=2, min_steps=10, batch_size=128)
KINDS = {"rna": "rna", "atac": "atac", "prot": "protein"}
N, NEW = 900, 400
"""Cells that are learned from, and cells that are not."""


@dataclass
class Case:
    fit: AutoencoderFit
    translator: Translator
    quality: dict[str, Quality]
    train: CellTable
    new: CellTable
    oracle: float
    """Nats a new cell that the best possible translation from RNA to ATAC gains."""
    before: str = ""
    """Digest of the autoencoder before the conversions were fitted."""


def digest(model: torch.nn.Module) -> str:
    found = hashlib.sha256()
    for name, value in model.state_dict().items():
        found.update(name.encode() + value.numpy().tobytes())
    return found.hexdigest()


def autoencoder(table: CellTable) -> AutoencoderFit:
    return train_autoencoder(table, SETTINGS, {m: KINDS[m] for m in table.values}, 12, 1, 0, CPU)


def pairs(relation: str, n: int = N + NEW) -> tuple[CellTable, float]:
    cells = simulate_pairs(relation, n_cells=n, n_genes=80, n_peaks=120, seed=3)
    gain = oracle_gain(cells, np.arange(min(N, n - 1), n))
    return make_table(cells, {m: list(cells[m].var_names) for m in cells.mod}, kinds=KINDS), gain


def convert(fit: AutoencoderFit, table: CellTable) -> tuple[Translator, dict[str, Quality]]:
    return fit_conversions(fit, table, HIDDEN, 0, CPU)


def make_case(table: CellTable, oracle: float) -> Case:
    train, new = table.take(np.arange(N)), table.take(np.arange(N, table.n_cells))
    fit = autoencoder(train)
    before = digest(fit.model)
    translator, quality = convert(fit, train)
    return Case(fit, translator, quality, train, new, oracle, before)


@pytest.fixture(scope="module")
def linear() -> Case:
    return make_case(*pairs("linear"))


@pytest.fixture(scope="module")
def nonlinear() -> Case:
    return make_case(*pairs("nonlinear"))


@pytest.fixture(scope="module")
def unrelated() -> Case:
    return make_case(*pairs("unrelated"))


@torch.no_grad()
def translate(
    case: Case, source: str, target: str, translator: Translator | None = None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Prediction and bounds for new cells."""
    scores = score_table(case.fit.model, case.new, CPU)[source]
    found = (translator or case.translator)(case.fit.model, scores, source, target)
    return tuple(None if part is None else part.numpy() for part in found)  # type: ignore[return-value]


@torch.no_grad()
def reading(case: Case, table: CellTable, target: str) -> np.ndarray:
    return case.fit.model.modalities[target].reading(table.rows(np.arange(table.n_cells), CPU)[0][target]).numpy()


def gain(case: Case, translator: Translator | None = None) -> np.ndarray:
    """Nats of each new cell over the mean of each peak, (cells,)."""
    base = reading(case, case.train, "atac").mean(0)
    return log_likelihood_gain(reading(case, case.new, "atac"), translate(case, "rna", "atac", translator)[0], base)


def in_errors(values: np.ndarray) -> float:
    return float(values.mean() / max(values.std(ddof=1) / np.sqrt(len(values)), 1e-12))


def without_residual(case: Case) -> Translator:
    found = copy.deepcopy(case.translator)
    for conversion in found.conversions.values():
        conversion.gate.fill_(0.0)
    return found


# -- what there is to find -------------------------------------------------------------------------------------------------------
def test_a_linear_relation_is_found_both_ways_and_nearly_exhausted(linear: Case) -> None:
    assert set(linear.quality) == {"rna->atac", "atac->rna"}
    for found in linear.quality.values():
        assert found.related
        assert found.rank == 4  # the shared latent has four dimensions
        assert found.floor > 0
    assert gain(linear).mean() > 0.8 * linear.oracle


def test_the_same_cells_with_their_pairs_broken_are_not_related() -> None:
    table, _ = pairs("linear")
    case = make_case(shuffle_pairs(table, "rna", np.random.default_rng(0)), 0.0)
    assert not any(found.related for found in case.quality.values())
    assert abs(gain(case).mean()) < 0.3


def test_unrelated_modalities_are_called_so_and_nothing_is_claimed_of_new_cells(unrelated: Case) -> None:
    assert not any(found.related for found in unrelated.quality.values())
    assert all(abs(found.used) < 0.1 for found in unrelated.quality.values())
    assert abs(gain(unrelated).mean()) < 0.3
    # The same figures tell a relation where there is one.
    assert unrelated.oracle == pytest.approx(0, abs=1e-9)


def test_what_linear_maps_cannot_see_is_the_residuals_work(nonlinear: Case) -> None:
    found = nonlinear.quality["rna->atac"]
    assert found.gate > 0
    assert found.related
    learned, floor = gain(nonlinear), gain(nonlinear, without_residual(nonlinear))
    assert in_errors(learned - floor) > 5
    assert abs(floor.mean()) < 0.1 * nonlinear.oracle
    assert learned.mean() > 0.4 * nonlinear.oracle


def test_the_quality_that_is_told_is_what_new_cells_show(linear: Case, nonlinear: Case) -> None:
    for case in (linear, nonlinear):
        found, shown = case.quality["rna->atac"], gain(case)
        spread = np.hypot(found.standard_error, shown.std(ddof=1) / np.sqrt(len(shown)))
        assert found.used == pytest.approx(shown.mean(), abs=4 * spread)


# -- what stays as it is ---------------------------------------------------------------------------------------------------------
def test_fitting_conversions_leaves_every_weight_of_the_autoencoder(linear: Case, nonlinear: Case) -> None:
    for case in (linear, nonlinear):
        assert digest(case.fit.model) == case.before
        assert all(p.grad is None or not p.grad.any() for p in case.fit.model.fusion.parameters())
    moved = copy.deepcopy(linear.fit.model)
    with torch.no_grad():
        next(moved.fusion.parameters()).view(-1)[0].add_(1e-6)
    assert digest(moved) != linear.before


def test_the_same_seed_gives_the_same_conversions(linear: Case) -> None:
    torch.manual_seed(99)  # whatever was drawn before
    again, quality = convert(linear.fit, linear.train)
    assert quality == linear.quality
    assert digest(again) == digest(linear.translator)


# -- intervals -------------------------------------------------------------------------------------------------------------------
def coverage(case: Case) -> float:
    """Share of new readings of RNA within their bounds."""
    _, low, high = translate(case, "atac", "rna")
    measured = reading(case, case.new, "rna")
    return float(((measured >= low) & (measured <= high)).mean())


@pytest.mark.parametrize("relation", ["linear", "nonlinear", "unrelated"])
def test_the_interval_holds_nine_of_ten_new_readings(relation: str, request: pytest.FixtureRequest) -> None:
    assert 0.85 <= coverage(request.getfixturevalue(relation)) <= 0.95


def test_a_relation_makes_the_interval_narrower_and_one_that_is_too_narrow_is_seen(linear: Case, unrelated: Case) -> None:
    width = []
    for case in (linear, unrelated):
        made = case.translator.conversions["atac->rna"]
        scale = reading(case, case.train, "rna").std(0)
        width.append(float(((made.high - made.low).numpy() / scale).mean()))
    assert width[0] < 0.95 * width[1]
    narrow = copy.deepcopy(linear)
    for conversion in narrow.translator.conversions.values():
        conversion.low.mul_(0.7)
        conversion.high.mul_(0.7)
    assert coverage(narrow) < 0.85


# -- too few cells, and ways around ----------------------------------------------------------------------------------------------
def masked(shared: int) -> CellTable:
    """300 cells of which so many have both modalities, the others one of the two in turn."""
    table = pairs("linear", 300)[0]
    mask = np.ones((300, 2), dtype=bool)
    rest = np.arange(shared, 300)
    mask[rest, rest % 2] = False
    return CellTable(table.values, mask, table.batch)


@pytest.mark.parametrize(("shared", "found"), [(45, False), (90, True)])
def test_too_few_shared_cells_make_no_conversion(shared: int, found: bool) -> None:
    table = masked(shared)
    fit = autoencoder(table)
    both = table.mask.all(1)[fit.training].sum()
    assert (both >= MIN_SHARED) == found  # the case is what its name says
    translator, quality = convert(fit, table)
    assert set(quality) == ({"rna->atac", "atac->rna"} if found else set())
    assert bool(translator.route("rna", "atac")) == found


@pytest.fixture(scope="module")
def chain() -> Case:
    """RNA with ATAC and ATAC with protein; RNA never with protein. The new cells have all three."""
    cells, truth = simulate_mosaic((("rna", "atac"), ("atac", "prot")), 1200 + NEW, 80, 120, 20, seed=1)
    features = {m: list(cells[m].var_names) for m in cells.mod}
    whole = cells.copy()
    for m in whole.mod:
        whole[m].X = truth[m]
    whole.obsm[MEASURED_KEY] = np.ones((whole.n_obs, 3), dtype=bool)
    train = make_table(cells, features, kinds=KINDS).take(np.arange(1200))
    new = make_table(whole, features, kinds=KINDS).take(np.arange(1200, 1200 + NEW))
    fit = autoencoder(train)
    translator, quality = convert(fit, train)
    return Case(fit, translator, quality, train, new, 0.0)


def test_two_that_never_met_are_joined_over_a_third(chain: Case) -> None:
    assert not (chain.train.mask[:, 0] & chain.train.mask[:, 2]).any()
    assert set(chain.quality) == {"rna->atac", "atac->rna", "atac->prot", "prot->atac"}
    assert chain.translator.route("rna", "prot") == ("rna", "atac", "prot")
    assert chain.translator.route("prot", "rna") == ("prot", "atac", "rna")
    for source, target in (("rna", "prot"), ("prot", "rna")):
        predicted, low, high = translate(chain, source, target)
        assert low is None
        assert high is None
        told = np.nanmean(pearson_per_feature(reading(chain, chain.new, target), predicted))
        direct = np.nanmean(pearson_per_feature(reading(chain, chain.new, target), translate(chain, "atac", target)[0]))
        assert told > 0.6 * direct > 0.05
        # Without the bridge's weights nothing is told.
        cut = copy.deepcopy(chain.translator)
        for bridge in cut.bridges.values():
            bridge.weight.data.zero_()
        assert np.ptp(translate(chain, source, target, cut)[0], axis=0).max() < 1e-5


def test_what_a_mosaics_cells_lack_is_never_looked_at(chain: Case) -> None:
    """Other numbers where nothing was measured change neither the states nor the conversions."""
    other: dict[str, sp.csr_matrix | np.ndarray] = {}
    for i, (m, x) in enumerate(chain.train.values.items()):
        dense = x.toarray() if sp.issparse(x) else x.copy()
        dense[~chain.train.mask[:, i]] = 1.0
        other[m] = sp.csr_matrix(dense) if sp.issparse(x) else dense
    table = CellTable(other, chain.train.mask, chain.train.batch)
    assert not np.array_equal(table.values["prot"], chain.train.values["prot"])
    np.testing.assert_array_equal(encode_table(chain.fit.model, table, CPU), encode_table(chain.fit.model, chain.train, CPU))
    again, quality = convert(chain.fit, table)
    assert quality == chain.quality
    assert digest(again) == digest(chain.translator)
