"""Training the autoencoder on small simulated cells: every objective, every fusion, any pattern of what was measured."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.data.simulate_pairs import simulate_mosaic, simulate_pairs
from virtualcell.schema import AutoencoderSettings, DataError
from virtualcell.training.autoencoder import AutoencoderFit, keep_what_helps, train_autoencoder
from virtualcell.training.described import encode_table, nats_of_average, nats_of_cells, nats_per_cell, score_table
from virtualcell.training.objectives import OBJECTIVES, kl
from virtualcell.training.table import CellTable, make_table

CPU = torch.device("cpu")
KINDS = {"rna": "rna", "atac": "atac", "prot": "protein"}
ONE_EPOCH = AutoencoderSettings(latent_dim=4, hidden=16, epochs=1, min_steps=1, batch_size=64, thinning=1.0)


def pairs(n: int = 300) -> CellTable:
    cells = simulate_pairs("linear", n_cells=n, n_genes=40, n_peaks=60, seed=1)
    return make_table(cells, {m: list(cells[m].var_names) for m in cells.mod}, kinds=KINDS)


@pytest.fixture(scope="module")
def table() -> CellTable:
    return pairs()


def train(table: CellTable, settings: AutoencoderSettings, seed: int = 0, n_batches: int = 1) -> AutoencoderFit:
    return train_autoencoder(table, settings, {m: KINDS[m] for m in table.values}, 8, n_batches, seed, CPU)


def finite(fit: AutoencoderFit) -> bool:
    numbers = [x for figures in fit.history for x in figures.values()]
    return all(np.isfinite(numbers)) and all(bool(torch.isfinite(p).all()) for p in fit.model.state_dict().values())


# -- what is refused -------------------------------------------------------------------------------------------------------------
def test_what_is_not_known_is_named_with_what_is(table: CellTable) -> None:
    with pytest.raises(DataError, match=r"field objectives: telepathy is not known.*choose among contrast, .*reconstruction"):
        train(table, replace(ONE_EPOCH, objectives={"reconstruction": 1.0, "telepathy": 1.0}))
    with pytest.raises(DataError, match=r"field fusion: fission is not known.*choose among attention, .*product"):
        train(table, replace(ONE_EPOCH, fusion="fission"))


def test_a_loss_that_is_no_number_is_told(table: CellTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OBJECTIVES, "kl", lambda step: kl(step) / 0)
    with pytest.raises(DataError, match=r"lower AutoencoderSettings\.learning_rate"):
        train(table, replace(ONE_EPOCH, objectives={"reconstruction": 1.0, "kl": 0.1}))


def test_a_modality_that_hardly_any_cell_has_is_refused(table: CellTable) -> None:
    mask = table.mask.copy()
    mask[25:, 1] = False
    with pytest.raises(DataError, match=r"field atac: atac was measured in \d+ of the cells.*leave this kind"):
        train(replace(table, mask=mask), ONE_EPOCH)


# -- every objective and every fusion --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_alone_falls(name: str, table: CellTable) -> None:
    """The mean over the last of eight epochs lies below that of the first."""
    fit = train(table, replace(ONE_EPOCH, objectives={name: 1.0}, epochs=8, patience=99, decoder_prior=0.0))
    assert finite(fit)
    losses = [figures[name] for figures in fit.history[1:]]
    assert len(losses) == 8
    assert losses[-1] < losses[0]


def test_all_objectives_at_once_train_without_a_nan(table: CellTable) -> None:
    fit = train(table, replace(ONE_EPOCH, objectives=dict.fromkeys(OBJECTIVES, 1.0), thinning=0.5))
    assert finite(fit)
    assert set(fit.history[-1]) == {*OBJECTIVES, "validation_nats"}


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_every_fusion_trains_one_epoch_and_describes_new_cells_better(fusion: str, table: CellTable) -> None:
    fit = train(table, replace(ONE_EPOCH, fusion=fusion, batch_size=16, learning_rate=5e-3))
    assert finite(fit)
    start, trained = (figures["validation_nats"] for figures in fit.history)
    assert trained > start
    # The model that is handed out is the better one, with no harmful residual in it.
    assert nats_per_cell(fit.model, table, fit.validation, CPU) >= trained - 1e-3


# -- what is learned -------------------------------------------------------------------------------------------------------------
def test_a_fit_of_very_few_steps_is_a_fit_too(table: CellTable) -> None:
    """Whatever their number: the schedule of the learning rate once divided by nothing at five."""
    for epochs in (1, 4, 5, 6):
        assert finite(train(table, replace(ONE_EPOCH, epochs=epochs, batch_size=270)))


def test_training_gains_over_the_linear_start_on_cells_it_never_saw() -> None:
    both = pairs(700)
    learned, new = both.take(np.arange(400)), both.take(np.arange(400, 700))
    settings = replace(ONE_EPOCH, latent_dim=6, epochs=15, learning_rate=5e-3)
    fit, start = train(learned, settings), train(learned, replace(settings, epochs=1, learning_rate=0.0))
    rows = np.arange(300)
    trained, linear, average = (
        f(m, new, rows, CPU).sum(1)
        for f, m in ((nats_of_cells, fit.model), (nats_of_cells, start.model), (nats_of_average, fit.model))
    )
    for better, worse in ((trained, linear), (linear, average)):
        difference = better - worse
        assert difference.mean() > 3 * difference.std(ddof=1) / np.sqrt(300)
    best = max(figures["validation_nats"] for figures in fit.history)
    assert best > fit.history[0]["validation_nats"]


def test_a_tenth_is_kept_from_the_gradients(table: CellTable) -> None:
    """Other numbers in the cells kept out change nothing that is learned, if the last epoch is taken in either case."""
    fit = train(table, ONE_EPOCH)
    assert len(fit.validation) == 30
    assert sorted([*fit.training, *fit.validation]) == list(range(300))

    def changed(rows: np.ndarray) -> dict[str, torch.Tensor]:
        values = {}
        for m, x in table.values.items():
            other = x.tolil(copy=True)
            other[rows] = x[np.roll(rows, 1)]
            values[m] = other.tocsr()
        found = train(replace(table, values=values), ONE_EPOCH).model
        # Gates are chosen on the cells kept out.
        return {k: v for k, v in found.state_dict().items() if not k.endswith("gate")}

    same, moved = changed(fit.validation), changed(fit.training[:30])
    weights = {k: v for k, v in fit.model.state_dict().items() if not k.endswith("gate")}
    assert all(torch.equal(v, same[k]) for k, v in weights.items())
    assert not all(torch.equal(v, moved[k]) for k, v in weights.items())


def test_the_same_seed_gives_the_same_model_and_another_another(table: CellTable) -> None:
    settings = replace(ONE_EPOCH, thinning=0.5, objectives={"reconstruction": 1.0, "kl": 0.1, "latent": 1.0, "masked": 1.0})
    first, second, other = (train(table, settings, seed) for seed in (3, 3, 4))
    assert first.history == second.history
    assert first.gates == second.gates
    assert all(torch.equal(v, second.model.state_dict()[k]) for k, v in first.model.state_dict().items())
    assert first.history != other.history


def test_progress_is_told_once_an_epoch(table: CellTable) -> None:
    told: list[tuple[str, int, int]] = []

    def note(stage: str, done: int, total: int, figures: dict[str, float]) -> None:
        told.append((stage, done, total))
        assert np.isfinite(figures["validation_nats"])

    settings = replace(ONE_EPOCH, epochs=2)
    train_autoencoder(table, settings, {m: KINDS[m] for m in table.values}, 8, 1, 0, CPU, note)
    assert told == [("autoencoder", 1, 2), ("autoencoder", 2, 2)]


def test_training_stops_when_new_cells_no_longer_gain(table: CellTable) -> None:
    fit = train(table, replace(ONE_EPOCH, epochs=30, patience=2, learning_rate=1e-12))
    values = [figures["validation_nats"] for figures in fit.history]
    assert len(values) < 31
    assert max(values[:-2]) >= max(values[-2:])


# -- gates -----------------------------------------------------------------------------------------------------------------------
def test_a_harmful_residual_is_switched_off_and_a_good_one_stays(table: CellTable) -> None:
    fit = train(table, replace(ONE_EPOCH, epochs=12, learning_rate=5e-3, latent_dim=3))
    model = copy.deepcopy(fit.model)
    assert fit.gates["rna"] > 0
    assert float(model.decoders["rna"].gate) == 1.0
    with torch.no_grad():
        noise = torch.randn(16, model.decoders["atac"].weight.shape[1], generator=torch.Generator().manual_seed(0))
        model.decoders["atac"].weight[3:] = noise
        model.decoders["atac"].gate.fill_(1.0)
    harmed = nats_per_cell(model, table, fit.validation, CPU)
    worth = keep_what_helps(model, table, fit.validation, CPU)
    assert float(model.decoders["atac"].gate) == 0.0
    assert float(model.decoders["rna"].gate) == 1.0
    assert worth["atac"] < 0 < worth["rna"]
    assert nats_per_cell(model, table, fit.validation, CPU) == pytest.approx(harmed - worth["atac"], rel=1e-6)


# -- any pattern -----------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def mosaic() -> CellTable:
    """Three modalities of which half of the blocks are missing at random."""
    cells, truth = simulate_mosaic([("rna", "atac", "prot")], n_cells=300, n_genes=40, n_peaks=60, n_proteins=12, seed=2)
    for m in cells.mod:
        cells[m].X = truth[m]
    table = make_table(cells, {m: list(cells[m].var_names) for m in cells.mod}, kinds=KINDS)
    rng = np.random.default_rng(0)
    mask = rng.random((300, 3)) < 0.5
    empty = ~mask.any(1)
    mask[empty, rng.integers(0, 3, empty.sum())] = True
    return replace(table, mask=mask)


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_a_mosaic_of_random_blocks_trains(fusion: str, mosaic: CellTable) -> None:
    assert len(np.unique(mosaic.mask, axis=0)) == 7  # every pattern that there is
    objectives = dict.fromkeys(OBJECTIVES, 1.0)
    fit = train(mosaic, replace(ONE_EPOCH, latent_dim=6, fusion=fusion, objectives=objectives, thinning=0.5))
    assert finite(fit)
    states = encode_table(fit.model, mosaic, CPU)
    assert states.shape == (300, 6)
    assert np.isfinite(states).all()
    nats = nats_of_cells(fit.model, mosaic, np.arange(300), CPU)
    assert not nats[~mosaic.mask].any()
    assert (nats[mosaic.mask] < 0).all()


def test_what_was_not_measured_has_no_part_in_training(mosaic: CellTable) -> None:
    other = {}
    for i, (m, x) in enumerate(mosaic.values.items()):
        dense = x.copy() if isinstance(x, np.ndarray) else x.toarray()
        dense[~mosaic.mask[:, i]] = 1.0
        other[m] = dense if isinstance(x, np.ndarray) else type(x)(dense)
    settings = replace(ONE_EPOCH, latent_dim=6, objectives=dict.fromkeys(OBJECTIVES, 1.0))
    first, second = train(mosaic, settings), train(replace(mosaic, values=other), settings)
    assert first.history == second.history
    assert all(torch.equal(v, second.model.state_dict()[k]) for k, v in first.model.state_dict().items())


def test_batches_are_taken_off_the_scores(table: CellTable) -> None:
    codes = (np.arange(300) % 2).astype(np.int64)
    values = dict(table.values)
    counts = values["rna"].toarray()
    counts[codes == 1, :10] = np.round(3 * counts[codes == 1, :10])
    values["rna"] = type(values["rna"])(counts)
    batched = replace(table, values=values, batch=codes)
    fit = train(batched, ONE_EPOCH, n_batches=2)
    blind = replace(batched, batch=codes * 0)
    shift = []
    for model, read in ((fit.model, batched), (train(blind, ONE_EPOCH).model, blind)):
        scores = score_table(model, read, CPU)["rna"].numpy()[fit.training]
        first, second = (scores[codes[fit.training] == code].mean(0) for code in (0, 1))
        shift.append(np.abs(first - second).max())
    # Not to the last digit: a batch of 135 cells is trusted by 135 in 145.
    assert shift[0] < 0.1 * shift[1]
    assert shift[1] > 0.5
