"""Conversions and the ways between modalities, by hand arithmetic on a model that was never trained."""

from __future__ import annotations

import math

import pytest
import torch

from virtualcell.autoencoder.conversion import BASIS, Conversion, Translator
from virtualcell.autoencoder.model import Autoencoder

FEATURES = {"rna": 12, "atac": 15, "prot": 9, "cytof": 6}
KINDS = {"rna": "rna", "atac": "atac", "prot": "protein", "cytof": "continuous"}
COMPONENTS = {"rna": 4, "atac": 5, "prot": 3, "cytof": 2}
D, HIDDEN, N = 3, 8, 7


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def model() -> Autoencoder:
    torch.manual_seed(0)
    model = Autoencoder(FEATURES, KINDS, COMPONENTS, D, HIDDEN)
    with torch.no_grad():
        for p in model.fusion.parameters():
            p.add_(0.3 * torch.randn(p.shape))
        for kind in model.modalities.values():
            kind.reading_mean.normal_()
    return model.eval()


def conversion(source: str, target: str, rank: int = 2, seed: int = 0, gate: float = 0.0) -> Conversion:
    torch.manual_seed(seed)
    found = Conversion(COMPONENTS[source] + 1, D, FEATURES[target], rank, HIDDEN)
    with torch.no_grad():
        for name, buffer in found.named_buffers():
            if name in ("centre", "left", "right", "depth_weight"):
                buffer.normal_()
        for p in found.residual.parameters():
            p.normal_()
        found.gate.fill_(gate)
    return found


# -- the sum of floor and residual ---------------------------------------------------------------------------------------------
def test_the_floor_is_the_two_factors_times_the_centred_scores() -> None:
    made, x = conversion("rna", "prot"), draw(N, 5)
    expected = torch.einsum("ni,ir,rf->nf", x - made.centre, made.left, made.right)
    torch.testing.assert_close(made.floor(x), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made.floor(made.centre[None]), torch.zeros(1, 9))
    assert not conversion("rna", "prot", rank=0).floor(x).any()


def test_a_closed_gate_leaves_the_floor_and_an_open_one_adds_its_share() -> None:
    made, x, z = conversion("rna", "prot"), draw(N, 5), draw(N, D, seed=1)
    floor, learned = made.floor(x), made.learned(x, z)
    assert learned.abs().max() > 0.1
    assert torch.equal(made(x, z), floor)
    for gate in (0.25, 1.0):
        made.gate.fill_(gate)
        torch.testing.assert_close(made(x, z), floor + gate * learned)


def test_the_residual_moves_in_few_directions_and_reads_the_embedding() -> None:
    made = conversion("rna", "atac")
    x, z = draw(40, 5), draw(40, D, seed=1)
    learned = made.learned(x, z)
    assert torch.linalg.matrix_rank(learned) <= BASIS < min(learned.shape)
    assert not torch.allclose(made.learned(x, z + 1), learned)


def test_a_new_conversion_says_the_mean_whatever_it_reads(model: Autoencoder) -> None:
    made = Conversion(5, D, FEATURES["cytof"], 0, HIDDEN)
    made.gate.fill_(1.0)  # the residual's last layer is still zero
    kind = model.modalities["cytof"]
    torch.testing.assert_close(made.predict(kind, draw(N, 5), draw(N, D)), kind.reading_mean.expand(N, -1))


def test_peaks_are_predicted_open_by_the_depth_that_the_source_suggests(model: Autoencoder) -> None:
    made, kind = conversion("rna", "atac"), model.modalities["atac"]
    kind.base.copy_(draw(15, seed=3) - 4)
    made.left.mul_(0.1)
    made.depth_weight.mul_(0.2)
    made.depth_bias.fill_(math.log(60.0))
    made.depth_spread.zero_()  # a depth known exactly: no average to take
    x = draw(N, 5)
    depth = torch.exp(x @ made.depth_weight + math.log(60.0))
    expected = 1 - torch.exp(-depth[:, None] * torch.exp(kind.base + made.floor(x)))
    torch.testing.assert_close(made.predict(kind, x, draw(N, D)), expected, rtol=1e-4, atol=1e-5)


# -- ways ----------------------------------------------------------------------------------------------------------------------
def chain() -> Translator:
    """RNA with ATAC, ATAC with protein; RNA never with protein; nothing with mass cytometry."""
    pairs = [("rna", "atac"), ("atac", "rna"), ("atac", "prot"), ("prot", "atac")]
    torch.manual_seed(1)
    return Translator(
        {f"{s}->{t}": conversion(s, t, seed=i) for i, (s, t) in enumerate(pairs)},
        {"rna->atac": torch.nn.Linear(5, 6), "prot->atac": torch.nn.Linear(4, 6)},
    )


def test_ways_are_direct_where_they_can_be_and_over_a_bridge_elsewhere() -> None:
    ways = chain()
    assert ways.route("rna", "atac") == ("rna", "atac")
    assert ways.route("rna", "prot") == ("rna", "atac", "prot")
    assert ways.route("prot", "rna") == ("prot", "atac", "rna")
    assert ways.route("rna", "cytof") == ()
    assert ways.route("cytof", "rna") == ()


def test_a_bridge_of_another_source_is_no_way() -> None:
    ways = Translator({"atac->prot": conversion("atac", "prot")}, {"cytof->atac": torch.nn.Linear(3, 6)})
    assert ways.route("rna", "prot") == ()
    assert ways.route("cytof", "prot") == ("cytof", "atac", "prot")


def test_no_way_is_an_error(model: Autoencoder) -> None:
    with pytest.raises(KeyError, match="rna->cytof"):
        chain()(model, draw(N, 5), "rna", "cytof")


def test_over_a_bridge_the_scores_are_those_of_the_middle_and_there_are_no_bounds(model: Autoencoder) -> None:
    ways, x = chain(), draw(N, 5)
    made = ways.conversions["atac->prot"]
    made.gate.fill_(0.5)
    predicted, low, high = ways(model, x, "rna", "prot")
    middle = x @ ways.bridges["rna->atac"].weight.T + ways.bridges["rna->atac"].bias
    embedding = model.embed_alone("atac", middle)
    torch.testing.assert_close(predicted, made.predict(model.modalities["prot"], middle, embedding))
    assert (low, high) == (None, None)


def test_the_residual_reads_the_embedding_of_the_source_alone(model: Autoencoder) -> None:
    made = conversion("rna", "prot", gate=1.0)
    x = draw(N, 5)
    predicted, _, _ = Translator({"rna->prot": made})(model, x, "rna", "prot")
    expected = model.modalities["prot"].reading_mean + made(x, model.embed_alone("rna", x))
    torch.testing.assert_close(predicted, expected)


def test_bounds_lie_around_the_prediction_and_within_what_can_be_read(model: Autoencoder) -> None:
    made = conversion("prot", "rna")
    made.low.fill_(-0.7)
    made.high.copy_(torch.linspace(0.1, 1.2, 12))
    made.right.mul_(0.3)
    kind = model.modalities["rna"]
    kind.reading_mean.abs_()
    predicted, low, high = Translator({"prot->rna": made})(model, draw(N, 4), "prot", "rna")
    floor, ceiling = kind.bounds
    assert floor == 0.0  # log(1 + counts) is never below nothing
    assert (predicted - 0.7 < floor).any()
    assert (predicted - 0.7 > floor).any()
    torch.testing.assert_close(low, torch.maximum(predicted - 0.7, torch.tensor(floor)))
    torch.testing.assert_close(high, (predicted + made.high).clamp(floor, ceiling))


def test_open_peaks_have_a_probability_and_no_bounds(model: Autoencoder) -> None:
    predicted, low, high = chain()(model, draw(N, 5), "rna", "atac")
    assert 0 <= predicted.min() <= predicted.max() <= 1
    assert (low, high) == (None, None)


def test_too_few_cells_to_show_a_width_give_no_bounds(model: Autoencoder) -> None:
    """Bounds that were never found are infinite, and are not given out as if they were bounds."""
    made = conversion("prot", "rna")
    assert not torch.isfinite(made.low).any()
    assert Translator({"prot->rna": made})(model, draw(N, 4), "prot", "rna")[1:] == (None, None)


# -- saving --------------------------------------------------------------------------------------------------------------------
def test_an_empty_translator_takes_the_weights_of_a_saved_one(model: Autoencoder) -> None:
    made = Translator(
        {
            "rna->atac": conversion("rna", "atac", rank=3, gate=0.5),
            "atac->rna": conversion("atac", "rna", rank=0),
            "atac->prot": conversion("atac", "prot", rank=1, gate=0.75),
        },
        {"rna->atac": torch.nn.Linear(5, 6)},
    )
    assert made.shapes() == {"rna->atac": 3, "atac->rna": 0, "atac->prot": 1}
    again = Translator.empty(made.shapes(), list(made.bridges), model, HIDDEN)
    x = draw(N, 5)
    before, _, _ = again(model, x, "rna", "prot")
    again.load_state_dict(made.state_dict())
    for target in ("atac", "prot"):
        found, expected = (t(model, x, "rna", target)[0] for t in (again, made))
        assert torch.equal(found, expected)
    assert not torch.equal(before, expected)
    with pytest.raises(RuntimeError, match="size mismatch"):
        Translator.empty(made.shapes() | {"rna->atac": 2}, list(made.bridges), model, HIDDEN).load_state_dict(made.state_dict())
