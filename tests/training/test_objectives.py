"""Objectives of the autoencoder: what each may see, and where its gradients go."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.autoencoder.model import Autoencoder
from virtualcell.data.simulate_pairs import simulate_pairs
from virtualcell.modalities.values import Counts
from virtualcell.training.epochs import random_feature_blocks, random_subset
from virtualcell.training.objectives import OBJECTIVES, FeatureBlock, Step, info_nce
from virtualcell.training.start import start_linear
from virtualcell.training.table import CellTable, make_table

KINDS = {"rna": "rna", "atac": "atac"}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def table() -> CellTable:
    cells = simulate_pairs("linear", n_cells=300, n_genes=40, n_peaks=60, seed=0)
    return make_table(cells, {m: list(cells.mod[m].var_names) for m in KINDS}, kinds=KINDS)


def model_of(table: CellTable, fusion: str = "product", seed: int = 0) -> Autoencoder:
    torch.manual_seed(seed)
    model = Autoencoder({"rna": 40, "atac": 60}, KINDS, {"rna": 8, "atac": 8}, 4, 16, fusion=fusion)
    start_linear(model, table, np.arange(table.n_cells), seed, CPU)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn(p.shape))
    return model


def step_of(
    model: Autoencoder, table: CellTable, rows: np.ndarray | None = None, seed: int = 0, part: torch.Tensor | None = None
) -> Step:
    values, mask, batch = table.rows(np.arange(64) if rows is None else rows, CPU)
    scores = model.scores(values, batch)
    generator = torch.Generator().manual_seed(seed)
    part = random_subset(mask, generator) if part is None else part
    target = copy.deepcopy(model).requires_grad_(False)
    return Step(model, target, values, mask, batch, scores, scores, part, generator)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
@pytest.mark.parametrize("fusion", ["product", "early", "attention"])
def test_every_objective_is_a_number_with_a_gradient(table: CellTable, name: str, fusion: str) -> None:
    model = model_of(table, fusion).train()
    loss = OBJECTIVES[name](step_of(model, table))
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    loss.backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads
    assert all(torch.isfinite(g).all() for g in grads)
    assert sum(float(g.abs().sum()) for g in grads) > 0


@pytest.mark.parametrize("name", ["early", "product", "mixture", "attention", "two_stream"])
def test_joint_fusions_send_the_reconstruction_to_every_encoder(table: CellTable, name: str) -> None:
    model = model_of(table, name).train()
    everything = torch.ones(64, 2, dtype=torch.bool)
    OBJECTIVES["reconstruction"](step_of(model, table, part=everything)).backward()
    for m in model.names:
        grads = [p.grad for p in model.fusion.expert[m].parameters()]
        assert any(g is not None and g.abs().sum() > 0 for g in grads), m


def test_early_frozen_sends_no_gradient_to_an_extractor(table: CellTable) -> None:
    model = model_of(table, "early_frozen").train()
    for p in model.parameters():
        p.requires_grad_(True)  # a loop that switches everything on must not reach them either
    OBJECTIVES["reconstruction"](step_of(model, table, part=torch.ones(64, 2, dtype=torch.bool))).backward()
    frozen = [*model.fusion.expert.parameters(), *model.fusion.extractor.parameters()]
    assert frozen
    assert all(p.grad is None or not p.grad.any() for p in frozen)
    assert any(p.grad is not None and p.grad.any() for p in model.fusion.encoder.parameters())


def hidden_of(step: Step, n_features: int) -> torch.Tensor:
    """The entries of the first modality that the step will hide: the same draw from the same seed."""
    generator = torch.Generator()
    generator.set_state(step.generator.get_state())
    return torch.rand(len(step.mask), n_features, generator=generator) < step.masked_share


@pytest.mark.parametrize("name", ["masked", "cross_masked"])
def test_masked_losses_hang_on_hidden_targets_alone(table: CellTable, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(table).eval()
    kind = model.modalities["rna"]
    step = step_of(model, table)
    hidden = hidden_of(step, 40)
    before = float(OBJECTIVES[name](step))
    original = kind.log_prob

    def with_other_targets(change: torch.Tensor) -> float:
        # The inputs stay as they are: only what the loss compares with is changed.
        monkeypatch.setattr(
            kind, "log_prob", lambda values, output, depth: original(torch.where(change, values + 5, values), output, depth)
        )
        try:
            return float(OBJECTIVES[name](step_of(model, table)))
        finally:
            monkeypatch.undo()

    assert with_other_targets(~hidden) == before
    assert with_other_targets(hidden) != before


def test_what_is_hidden_does_not_reach_the_encoder(table: CellTable) -> None:
    model = model_of(table).eval()
    for m in model.names:
        kind = model.modalities[m]
        dense = table.rows(np.arange(32), CPU)[0][m].dense()
        hidden = torch.rand(dense.shape, generator=torch.Generator().manual_seed(1)) < 0.15
        scores, depth = kind.scores_where_hidden(dense, hidden)
        other, other_depth = kind.scores_where_hidden(torch.where(hidden, 1 - dense.clamp(0, 1), dense), hidden)
        assert torch.equal(scores, other)
        assert torch.equal(depth, other_depth)
        nothing, whole = kind.scores_where_hidden(dense, torch.zeros_like(hidden))
        torch.testing.assert_close(nothing, kind.scores(Counts.of_dense(dense)), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(whole, dense.sum(1, keepdim=True))


def test_another_cells_partner_makes_hidden_entries_less_likely(table: CellTable) -> None:
    # A model that has learned: encoders and decoders at their linear start, without the noise that the other tests add.
    torch.manual_seed(0)
    model = Autoencoder({"rna": 40, "atac": 60}, KINDS, {"rna": 8, "atac": 8}, 4, 16)
    start_linear(model, table, np.arange(table.n_cells), 0, CPU)
    model.eval()
    rows = np.arange(table.n_cells)
    shuffled = CellTable(
        table.values | {"atac": table.values["atac"][np.random.default_rng(0).permutation(rows)]}, table.mask, table.batch
    )
    paired, broken = (
        np.mean([float(OBJECTIVES["cross_masked"](step_of(model, given, rows, seed))) for seed in range(3)])
        for given in (table, shuffled)
    )
    alone = [
        np.mean([float(OBJECTIVES["masked"](step_of(model, given, rows, seed))) for seed in range(3)])
        for given in (table, shuffled)
    ]
    assert broken > paired + 0.002
    # Without the partner it makes no difference whose it is, but for the other order of the cells.
    assert abs(alone[1] - alone[0]) < 0.5 * (broken - paired)


def test_contrast_is_low_for_aligned_pairs_and_log_n_for_none() -> None:
    rng = torch.Generator().manual_seed(0)
    z = torch.nn.functional.normalize(torch.randn(50, 16, generator=rng), dim=1)
    assert float(info_nce(z, z, 0.05)) < 0.01
    assert float(info_nce(torch.ones_like(z) / 4, torch.ones_like(z) / 4, 0.1)) == pytest.approx(np.log(50), rel=1e-5)
    assert float(info_nce(z, z.roll(1, 0), 0.05)) > np.log(50)
    # By hand: the mean over both directions of minus the log-softmax at the partner.
    a, b = z[:3], z[3:6]
    logits = (a @ b.T / 0.1).numpy().astype(np.float64)
    rows = -np.log(np.exp(logits).diagonal() / np.exp(logits).sum(1))
    columns = -np.log(np.exp(logits).diagonal() / np.exp(logits).sum(0))
    assert float(info_nce(a, b, 0.1)) == pytest.approx((rows.mean() + columns.mean()) / 2, rel=1e-4)


def test_contrast_without_pairs_is_zero(table: CellTable) -> None:
    model = model_of(table)
    step = step_of(model, table)
    step.mask[:32, 0], step.mask[32:, 1] = False, False
    assert float(OBJECTIVES["contrast"](step)) == 0.0


def test_the_latent_target_gets_no_gradient(table: CellTable) -> None:
    model = model_of(table).train()
    step = step_of(model, table)
    for p in step.target.parameters():
        p.requires_grad_(True)
    OBJECTIVES["latent"](step).backward()
    assert all(p.grad is None for p in step.target.parameters())
    assert any(p.grad is not None and p.grad.any() for p in model.completer.parameters())


def test_anti_collapse_acts_behind_the_projector(table: CellTable) -> None:
    model = model_of(table).train()
    step = step_of(model, table)
    mean, logvar = step.latent
    before = float(OBJECTIVES["spread"](step))
    # Coordinates that differ by a factor are seen through the projector only: a projector that undoes it, undoes the loss.
    for projector in model.projectors.values():
        projector.weight.data *= 0.5
    step.latent = (2 * mean, logvar)
    assert float(OBJECTIVES["spread"](step)) == pytest.approx(before, rel=1e-4)
    step.latent = (mean * 0, logvar)
    assert float(OBJECTIVES["spread"](step)) > before


def test_the_registry_has_every_fusion_and_objective_of_the_settings() -> None:
    assert {"reconstruction", "kl", "latent", "masked", "cross_masked", "contrast", "spread"} == set(OBJECTIVES)
    assert {"early", "early_frozen", "product", "mixture", "attention", "two_stream", "late"} == set(FUSIONS)


def test_blocks_of_peaks_add_up_to_all_of_them(table: CellTable) -> None:
    """The mean over blocks of loss and gradient is the loss and gradient of all peaks."""
    model = model_of(table)

    def loss_and_gradient(blocks: dict[str, FeatureBlock]) -> tuple[torch.Tensor, torch.Tensor]:
        model.zero_grad()
        step = step_of(model, table)
        step.feature_blocks = blocks
        loss = OBJECTIVES["reconstruction"](step)
        loss.backward()
        return loss.detach(), model.decoders["atac"].weight.grad.clone()

    whole, slope = loss_and_gradient({})
    parts = [loss_and_gradient({"atac": FeatureBlock(first, first + 20, 3)}) for first in (0, 20, 40)]
    torch.testing.assert_close(torch.stack([loss for loss, _ in parts]).mean(), whole, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(torch.stack([part for _, part in parts]).mean(0), slope, rtol=1e-4, atol=1e-4)
    assert not parts[0][1][:, 20:].any()


def test_random_feature_blocks_cover_every_peak_alike_and_only_kinds_that_may_be_split(table: CellTable) -> None:
    model = model_of(table)
    rng = np.random.default_rng(0)
    assert random_feature_blocks(model, 60, rng) == {}
    drawn = [random_feature_blocks(model, 25, rng) for _ in range(300)]
    assert all(set(found) == {"atac"} for found in drawn)
    assert {(b.first, b.last, b.blocks) for found in drawn for b in found.values()} == {(0, 20, 3), (20, 40, 3), (40, 60, 3)}
    assert min(sum(found["atac"].first == at for found in drawn) for at in (0, 20, 40)) > 60
