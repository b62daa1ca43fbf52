"""The autoencoder's parts: what is not measured, batches, gates, and the linear map that a decoder is at its start."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from virtualcell.autoencoder.fusion import FUSIONS
from virtualcell.autoencoder.linear import LinearCore
from virtualcell.autoencoder.model import PROJECTION, Autoencoder, BatchMean, Decoder
from virtualcell.autoencoder.residual import Residual
from virtualcell.modalities.values import Counts, Values

FEATURES, COMPONENTS, D = {"rna": 20, "atac": 30}, {"rna": 5, "atac": 6}, 4
KINDS = {"rna": "rna", "atac": "atac"}
N = 9
BATCH = torch.zeros(N, dtype=torch.int64)
BOTH = torch.ones(N, 2, dtype=torch.bool)


def random_model(fusion: str = "product", seed: int = 0) -> Autoencoder:
    torch.manual_seed(seed)
    model = Autoencoder(FEATURES, KINDS, COMPONENTS, D, hidden=8, n_batches=2, fusion=fusion)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape))
        for kind in model.modalities.values():
            kind.projection.normal_()
    return model.eval()


def values(n: int = N, seed: int = 1) -> dict[str, Values]:
    rng = np.random.default_rng(seed)
    return {
        "rna": Counts.of(sp.csr_matrix(rng.poisson(3.0, (n, 20)).astype(np.float32))),
        "atac": Counts.of(sp.csr_matrix((rng.random((n, 30)) < 0.4).astype(np.float32))),
    }


def only(column: int) -> torch.Tensor:
    mask = torch.zeros(N, 2, dtype=torch.bool)
    mask[:, column] = True
    return mask


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
@pytest.mark.parametrize(("column", "unmeasured"), [(1, "rna"), (0, "atac")])
def test_what_was_not_measured_has_no_influence(fusion: str, column: int, unmeasured: str) -> None:
    model, seen = random_model(fusion), values()
    changed = seen | {unmeasured: values(seed=2)[unmeasured]}
    with torch.no_grad():
        a, b = (model.encode(v, only(column), BATCH) for v in (seen, changed))
        assert not torch.allclose(model.encode(seen, BOTH, BATCH)[0], model.encode(changed, BOTH, BATCH)[0])
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1], b[1])


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_one_modality_embedded_alone_is_a_cell_in_which_only_it_was_measured(fusion: str) -> None:
    model, seen = random_model(fusion), values()
    with torch.no_grad():
        scores = model.scores(seen, BATCH)
        for i, m in enumerate(model.names):
            torch.testing.assert_close(model.embed_alone(m, scores[m]), model.encode(seen, only(i), BATCH)[0])


def test_one_modality_alone_gives_its_ridge_prediction() -> None:
    rng = np.random.default_rng(0)
    weight, bias, r2 = rng.normal(size=(6, D)), rng.normal(size=D), np.array([0.05, 0.5, 0.8, 0.95])
    core = LinearCore({"rna": weight}, {"rna": bias}, {"rna": r2}, np.empty((0, D)), np.ones(D))
    model = Autoencoder({"rna": 20}, {"rna": "rna"}, {"rna": 5}, D, hidden=8)
    model.modalities["rna"].projection.normal_()
    model.fusion.start_from(core)
    with torch.no_grad():
        seen = {"rna": values()["rna"]}
        mean, logvar = model.encode(seen, BOTH[:, :1], BATCH)
        scores = model.modalities["rna"].scores(seen["rna"]).numpy()
    assert scores[:, :5].std() > 0.1
    np.testing.assert_allclose(mean.numpy(), scores @ weight + bias, rtol=1e-4, atol=1e-4)
    # What the regression leaves open is the variance that is left.
    np.testing.assert_allclose(logvar.exp().numpy(), np.broadcast_to(1 - r2, (N, D)), rtol=1e-4)


def test_a_residual_starts_at_zero_and_can_learn() -> None:
    torch.manual_seed(0)
    residual = Residual(4, 8, 3)
    x = torch.randn(10, 4)
    assert torch.equal(residual(x), torch.zeros(10, 3))
    (residual(x) - 1).pow(2).sum().backward()
    assert residual.last.bias.grad.abs().min() > 0


def test_a_batch_mean_is_taken_off_before_reading() -> None:
    mean = BatchMean(2, 4)
    mean.mean[1] = 2.0
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    first, second = mean(x, torch.zeros(5, dtype=torch.int64)), mean(x + 2.0, torch.ones(5, dtype=torch.int64))
    torch.testing.assert_close(first, second)
    assert not torch.allclose(first, mean(x, torch.ones(5, dtype=torch.int64)))
    # A batch that the model does not know is read as the average of those that it knows: half way between 0 and 2.
    torch.testing.assert_close(mean(x + 1.0, torch.full((5,), -1)), first)


def test_the_models_scores_are_without_their_batch() -> None:
    model, seen = random_model(), values()
    with torch.no_grad():
        plain = model.modalities["rna"].scores(seen["rna"])
        model.batch_means["rna"].mean[1] = plain.mean(0)
        found = model.scores(seen, torch.ones(N, dtype=torch.int64))
    torch.testing.assert_close(found["rna"], plain - plain.mean(0))
    torch.testing.assert_close(found["atac"], model.modalities["atac"].scores(seen["atac"]))


def moved_decoder(n_batches: int = 1) -> Decoder:
    torch.manual_seed(0)
    decoder = Decoder(D, 8, 7, n_batches)
    with torch.no_grad():
        decoder.weight.normal_()
        decoder.bias.normal_()
        decoder.batch_offset.normal_()
    return decoder


def test_without_a_batch_the_decoder_gives_the_mean_over_batches() -> None:
    decoder, z = moved_decoder(3), torch.randn(4, D, generator=torch.Generator().manual_seed(1))
    each = torch.stack([decoder(z, torch.full((4,), b)) for b in range(3)])
    torch.testing.assert_close(decoder(z), each.mean(0))
    torch.testing.assert_close(decoder(z, torch.full((4,), -1)), each.mean(0))
    assert not torch.allclose(each[0], each[1])


def test_a_new_decoder_is_linear_and_one_step_teaches_its_network() -> None:
    torch.manual_seed(0)
    decoder, z = Decoder(D, 8, 7, 1), torch.randn(4, D)
    with torch.no_grad():
        decoder.weight[:D].normal_()
        decoder.bias.normal_()
    torch.testing.assert_close(decoder(z), z @ decoder.weight[:D] + decoder.bias)
    (decoder(z) ** 2).sum().backward()
    assert decoder.weight.grad[D:].abs().max() > 0


def test_a_closed_gate_leaves_the_linear_map_alone() -> None:
    decoder, z = moved_decoder(), torch.randn(4, D, generator=torch.Generator().manual_seed(1))
    linear = z @ decoder.weight[:D] + decoder.bias
    assert not torch.allclose(decoder(z), linear)
    decoder.gate.fill_(0.0)
    torch.testing.assert_close(decoder(z), linear)


def test_a_decoder_reads_its_own_dimensions_only() -> None:
    decoder, z = moved_decoder(), torch.randn(4, D, generator=torch.Generator().manual_seed(1))
    decoder.block.copy_(torch.tensor([1.0, 0, 0, 1.0]))
    foreign, own = z.clone(), z.clone()
    foreign[:, 1:3] += 5.0
    own[:, 0] += 5.0
    assert torch.equal(decoder(foreign), decoder(z))
    assert not torch.allclose(decoder(own), decoder(z))


def test_outputs_and_likelihoods_have_the_shapes_of_their_kinds() -> None:
    model = Autoencoder(FEATURES, {"rna": "rna-zinb", "atac": "atac"}, COMPONENTS, D, hidden=8)
    outputs = model.decode(torch.zeros(N, D))
    assert {m: tuple(x.shape) for m, x in outputs.items()} == {"rna": (N, 40), "atac": (N, 30)}
    nats = model.log_likelihood(values(), outputs)
    assert {m: tuple(x.shape) for m, x in nats.items()} == {"rna": (N,), "atac": (N,)}
    assert all(bool(torch.isfinite(x).all() & (x < 0).all()) for x in nats.values())


def test_projections_lie_on_the_unit_sphere() -> None:
    model = random_model()
    found = model.project("rna", torch.randn(N, D, generator=torch.Generator().manual_seed(0)))
    assert found.shape == (N, PROJECTION)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(N))
