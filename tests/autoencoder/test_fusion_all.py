"""What holds for every fusion: it starts at the linear floor, what was not measured has no influence, gradients go where they
should."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from virtualcell.autoencoder.fusion import FUSIONS, Fusion
from virtualcell.autoencoder.fusion.early_frozen import EarlyFrozen
from virtualcell.autoencoder.fusion.late import Late
from virtualcell.autoencoder.fusion.two_stream import Stream
from virtualcell.autoencoder.linear import LinearCore, fit_linear_core
from virtualcell.schema import DataError

INPUTS, D, HIDDEN = {"rna": 7, "atac": 6, "prot": 5}, 6, 8
EVERY = sorted(FUSIONS)
JOINT = ["early", "product", "mixture", "attention", "two_stream"]
PATTERNS = torch.tensor(list(itertools.product([True, False], repeat=3)))


def scores(n: int = 8, seed: int = 0) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 4))
    found = {}
    for m, width in INPUTS.items():
        loadings = np.random.default_rng(width).normal(size=(4, width))
        found[m] = torch.from_numpy(hidden @ loadings + 0.5 * rng.normal(size=(n, width))).float()
    return found


def linear_core() -> LinearCore:
    many = {m: x.numpy().astype(np.float64) for m, x in scores(600, 1).items()}
    return fit_linear_core(many, {m: np.ones(600, dtype=bool) for m in many}, D, seed=0)


CORE = linear_core()


def build(name: str, learned: bool = True) -> Fusion:
    """A fusion that starts from the linear floor, or one whose every part has been moved away from it."""
    torch.manual_seed(0)
    fusion = FUSIONS[name](INPUTS, D, HIDDEN)
    fusion.start_from(CORE)
    if isinstance(fusion, EarlyFrozen):
        many = {m: x.numpy() for m, x in scores(300, 2).items()}
        fusion.fit_extractors(many, {m: np.ones(300, dtype=bool) for m in many}, seed=0)
    if learned:
        with torch.no_grad():
            for p in fusion.parameters():
                p.add_(0.2 * torch.randn(p.shape))
    return fusion.eval()


@pytest.mark.parametrize("name", EVERY)
def test_one_modality_alone_starts_as_its_ridge_prediction(name: str) -> None:
    fusion, seen = build(name, learned=False), scores()
    with torch.no_grad():
        means, logvars = fusion.alone(seen)
    for i, m in enumerate(INPUTS):
        ridge = seen[m].numpy() @ CORE.weight[m] + CORE.bias[m]
        own = np.array([owner == m for owner in CORE.owner]) if name == "late" else CORE.r2[m] > 1e-3
        np.testing.assert_allclose(means[i].numpy()[:, own], ridge[:, own], atol=2e-4)
        np.testing.assert_allclose(logvars[i].exp().numpy()[:, own], np.tile(1 - CORE.r2[m][own], (8, 1)), atol=2e-4)


@pytest.mark.parametrize("name", [n for n in EVERY if n not in ("late", "mixture")])
def test_every_joint_fusion_starts_as_the_product(name: str) -> None:
    seen = scores()
    with torch.no_grad():
        for a, b in zip(build(name, False)(seen, PATTERNS), build("product", False)(seen, PATTERNS), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", EVERY)
def test_what_was_not_measured_has_no_influence(name: str, training: bool) -> None:
    fusion, seen, other = build(name).train(training), scores(), scores(seed=5)
    changed = {m: torch.where(PATTERNS[:, i, None], x, 1e4 * other[m]) for i, (m, x) in enumerate(seen.items())}
    changed["rna"][~PATTERNS[:, 0]] = torch.inf
    found = []
    for given in (seen, changed):
        torch.manual_seed(7)
        found.append(fusion(given, PATTERNS))
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)
        assert torch.isfinite(a).all()


@pytest.mark.parametrize("name", EVERY)
def test_what_was_measured_has_an_influence(name: str) -> None:
    fusion, seen = build(name), scores()
    mask = torch.ones(8, 3, dtype=torch.bool)
    for m in INPUTS:
        assert not torch.allclose(fusion(seen, mask)[0], fusion(seen | {m: seen[m] + 1}, mask)[0], atol=1e-3)


@pytest.mark.parametrize("name", EVERY)
def test_a_cell_does_not_depend_on_the_cells_beside_it(name: str) -> None:
    fusion, seen = build(name), scores()
    with torch.no_grad():
        together = fusion(seen, PATTERNS)
        for i in range(8):
            single = fusion({m: x[i : i + 1] for m, x in seen.items()}, PATTERNS[i : i + 1])
            for a, b in zip(together, single, strict=True):
                torch.testing.assert_close(a[i : i + 1], b, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_evaluation_is_repeatable_and_a_cell_without_anything_gets_the_prior(name: str) -> None:
    fusion, seen = build(name), scores()
    first, again = fusion(seen, PATTERNS), fusion(seen, PATTERNS)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(first[0][-1], torch.zeros(D))
    assert torch.equal(first[1][-1], torch.zeros(D))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", EVERY)
def test_no_cells_are_no_error(name: str, training: bool) -> None:
    mean, logvar = build(name).train(training)({m: x[:0] for m, x in scores().items()}, PATTERNS[:0])
    assert mean.shape == logvar.shape == (0, D)


@pytest.mark.parametrize("name", EVERY)
def test_half_precision_reads_the_same(name: str) -> None:
    fusion, seen = build(name), scores()
    with torch.no_grad():
        exact = fusion(seen, PATTERNS)
        with torch.autocast("cpu", torch.bfloat16):
            rough = fusion(seen, PATTERNS)
    for a, b in zip(exact, rough, strict=True):
        assert b.dtype == torch.float32
        assert (a - b).abs().max() < 0.05 * max(1.0, float(a.abs().max()))


@pytest.mark.parametrize("name", EVERY)
def test_gradients_are_finite_for_any_pattern(name: str) -> None:
    fusion, seen = build(name).train(), scores()
    mean, logvar = fusion(seen, PATTERNS)
    (mean.pow(2).sum() + logvar.exp().sum()).backward()
    grads = [p.grad for p in fusion.parameters() if p.grad is not None]
    assert grads
    assert all(torch.isfinite(g).all() for g in grads)


def reads(name: str, fusion: Fusion, m: str) -> dict[str, torch.nn.Parameter]:
    """Parameters that belong to the encoder of one modality."""
    return {n: p for n, p in fusion.named_parameters() if f".{m}." in n}


@pytest.mark.parametrize("name", [*JOINT, "late"])
def test_gradients_reach_every_modality(name: str) -> None:
    fusion, seen = build(name).train(), scores(64)
    torch.manual_seed(0)
    mean, logvar = fusion(seen, torch.ones(64, 3, dtype=torch.bool))
    (mean - torch.randn(64, D)).pow(2).sum().add(logvar.exp().sum()).backward()
    for m in INPUTS:
        mine = reads(name, fusion, m)
        assert mine
        for n, p in mine.items():
            assert p.grad is not None, n
            assert p.grad.abs().max() > 0, n


@pytest.mark.parametrize("switched_on", [False, True])
def test_no_gradient_reaches_a_frozen_extractor(switched_on: bool) -> None:
    fusion = build("early_frozen").train()
    if switched_on:  # as by a training loop that freezes encoders for a while and then sets all of them free
        fusion.requires_grad_(True)
    seen = {m: x.requires_grad_(True) for m, x in scores(64).items()}
    mean, logvar = fusion(seen, torch.ones(64, 3, dtype=torch.bool))
    (mean.pow(2).sum() + logvar.exp().sum()).backward()
    for m in INPUTS:
        mine = reads("early_frozen", fusion, m)
        assert {n.split(".")[0] for n in mine} == {"expert", "extractor"}
        assert all(p.grad is None for p in mine.values())
        assert seen[m].grad is None, "nor what lies before it"
    rest = {n: p for n, p in fusion.named_parameters() if n.split(".")[0] not in ("expert", "extractor")}
    assert len(rest) == 8
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in rest.values())


def test_training_leaves_a_frozen_extractor_byte_for_byte_as_it_was() -> None:
    fusion = build("early_frozen").train().requires_grad_(True)
    before = {n: p.detach().clone() for n, p in fusion.state_dict().items()}
    optimiser = torch.optim.AdamW(fusion.parameters(), 1e-2, weight_decay=0.1)
    for seed in range(5):
        optimiser.zero_grad()
        fusion(scores(32, seed), torch.ones(32, 3, dtype=torch.bool))[0].sub(1).pow(2).mean().backward()
        optimiser.step()
    moved = {n.split(".")[0] for n, p in fusion.state_dict().items() if not torch.equal(p, before[n])}
    assert moved == {"linear", "encoder"}


def test_extractors_give_back_most_of_their_modality_and_are_repeatable() -> None:
    many = {m: x.numpy() for m, x in scores(300, 2).items()}
    measured = {m: np.arange(300) % 3 != i for i, m in enumerate(many)}
    found = []
    for _ in range(2):
        fusion = FUSIONS["early_frozen"](INPUTS, D, HIDDEN)
        assert isinstance(fusion, EarlyFrozen)
        before = torch.random.get_rng_state()
        shares = fusion.fit_extractors({m: np.where(measured[m][:, None], x, 1e6) for m, x in many.items()}, measured, seed=3)
        assert torch.equal(before, torch.random.get_rng_state()), "the caller's random numbers are left alone"
        assert min(shares.values()) > 0.8
        features = fusion.extractor["rna"](torch.from_numpy(many["rna"])[measured["rna"]])
        torch.testing.assert_close(features.std(0), torch.ones(features.shape[1]), atol=1e-3, rtol=0)
        found.append(features)
    assert torch.equal(*found)
    with pytest.raises(DataError, match="fewer than two"):
        fusion.fit_extractors(many, measured | {"prot": np.zeros(300, dtype=bool)}, seed=0)


def test_the_two_streams_count_half_and_half() -> None:
    torch.manual_seed(0)
    stream = Stream(7, HIDDEN).eval()
    own, others = stream.tokens(torch.randn(5, 7)), torch.randn(5, 6, HIDDEN)
    measured = torch.tensor([[True] * 6, [True] * 3 + [False] * 3, [False] * 6, [True] * 6, [False] * 3 + [True] * 3])
    found = stream(own, others, measured)
    for i in range(5):
        mine, theirs = own[i : i + 1], others[i : i + 1, measured[i]]
        mixed = stream.itself(mine, mine, mine)[0]
        if measured[i].any():
            mixed = (mixed + stream.others(mine, theirs, theirs)[0]) / 2
        torch.testing.assert_close(found[i : i + 1], stream.norm(mine + mixed), atol=1e-5, rtol=1e-4)


def test_late_keeps_modalities_apart() -> None:
    fusion, seen = build("late"), scores()
    assert isinstance(fusion, Late)
    blocks, everything = fusion.blocks, torch.ones(8, 3, dtype=torch.bool)
    assert sorted(j for block in blocks.values() for j in range(D)[block]) == list(range(D))
    assert [CORE.owner[block.start] for block in blocks.values()] == list(INPUTS)
    mean, logvar = fusion(seen, everything)
    for i, (m, block) in enumerate(blocks.items()):
        changed = fusion(seen | {m: seen[m] + 1}, everything)[0]
        assert not torch.allclose(changed[:, block], mean[:, block])
        rest = torch.ones(D, dtype=torch.bool)
        rest[block] = False
        assert torch.equal(changed[:, rest], mean[:, rest])
        without = everything.clone()
        without[:, i] = False
        prior = fusion(seen, without)
        assert torch.equal(prior[0][:, block], torch.zeros_like(mean[:, block]))
        assert torch.equal(prior[1][:, block], torch.zeros_like(logvar[:, block]))
    assert all(FUSIONS[name].blocks is None for name in EVERY if name != "late")


def test_blocks_are_saved_with_the_weights() -> None:
    core = LinearCore(CORE.weight, CORE.bias, CORE.r2, CORE.latent, CORE.scale, ("rna",) * 5 + ("prot",))
    fusion = FUSIONS["late"](INPUTS, D, HIDDEN)
    fusion.start_from(core)
    loaded = FUSIONS["late"](INPUTS, D, HIDDEN)
    assert loaded.blocks != fusion.blocks
    loaded.load_state_dict(fusion.state_dict())
    assert loaded.blocks == fusion.blocks == {"rna": slice(0, 5), "atac": slice(6, 6), "prot": slice(5, 6)}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("width", [8, 9, 10, 7])
def test_a_single_modality_and_any_width_will_do(name: str, width: int) -> None:
    torch.manual_seed(0)
    fusion = FUSIONS[name]({"rna": 3}, 2, width)
    mask = torch.tensor([[True], [False]])
    mean, logvar = fusion({"rna": torch.randn(2, 3)}, mask)
    assert mean.shape == logvar.shape == (2, 2)
    assert torch.isfinite(mean).all()


@pytest.mark.parametrize("name", EVERY)
def test_every_fusion_learns_what_the_linear_floor_cannot(name: str) -> None:
    """A product of two scores of one modality: linear maps explain none of it."""
    torch.manual_seed(0)
    fusion = FUSIONS[name]({"a": 5, "b": 4}, 4, 16).train()
    if isinstance(fusion, EarlyFrozen):
        x = {"a": np.random.default_rng(0).normal(size=(500, 5)), "b": np.random.default_rng(1).normal(size=(500, 4))}
        fusion.fit_extractors(x, {m: np.ones(500, dtype=bool) for m in x}, seed=0)
    optimiser = torch.optim.Adam([p for p in fusion.parameters() if p.requires_grad], 1e-2)
    mask = torch.tensor([[True, False]]).expand(256, -1)

    def loss() -> torch.Tensor:
        a = torch.randn(256, 5)
        mean, _ = fusion({"a": a, "b": torch.randn(256, 4)}, mask)
        return (mean[:, 0] - a[:, 0] * a[:, 1]).pow(2).mean()

    for _ in range(250):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    with torch.no_grad():
        left = np.mean([float(loss()) for _ in range(8)])
    assert left < 0.6, "the variance of the target is 1"
