"""The autoencoder at its start and with missing modalities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from virtualcell.autoencoder.linear import LinearCore
from virtualcell.autoencoder.model import Autoencoder, Decoder, Encoder, Residual

FEATURES, COMPONENTS, D = {"rna": 20, "atac": 30}, {"rna": 5, "atac": 6}, 3


def random_model(seed: int = 0) -> Autoencoder:
    torch.manual_seed(seed)
    model = Autoencoder(FEATURES, COMPONENTS, D, hidden=8, n_batches=2)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape))
        for kind in model.modalities.values():
            kind.projection.normal_()
    return model.eval()


def counts(n: int = 9, seed: int = 1) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return {
        "rna": torch.from_numpy(rng.poisson(3.0, (n, 20)).astype(np.float32)),
        "atac": torch.from_numpy((rng.random((n, 30)) < 0.4).astype(np.float32)),
    }


@pytest.mark.parametrize(("column", "unmeasured"), [(0, "rna"), (1, "atac")])
def test_what_was_not_measured_has_no_influence(column: int, unmeasured: str) -> None:
    model, seen = random_model(), counts()
    mask = torch.ones(9, 2, dtype=torch.bool)
    mask[:, column] = False
    batch = torch.zeros(9, dtype=torch.int64)
    changed = seen | {unmeasured: counts(seed=2)[unmeasured]}
    with torch.no_grad():
        a, b = model.encode(seen, mask, batch), model.encode(changed, mask, batch)
        both = torch.ones(9, 2, dtype=torch.bool)
        assert not torch.allclose(model.encode(seen, both, batch)[0], model.encode(changed, both, batch)[0])
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1], b[1])


def test_a_residual_starts_at_zero_and_can_learn() -> None:
    torch.manual_seed(0)
    residual = Residual(4, 8, 3)
    x = torch.randn(10, 4)
    assert torch.equal(residual(x), torch.zeros(10, 3))
    (residual(x) - 1).pow(2).sum().backward()
    assert residual.last.bias.grad.abs().min() > 0


def test_one_modality_alone_gives_its_ridge_prediction() -> None:
    rng = np.random.default_rng(0)
    weight, bias, r2 = rng.normal(size=(6, D)), rng.normal(size=D), np.array([0.05, 0.5, 0.95])
    core = LinearCore({"rna": weight}, {"rna": bias}, {"rna": r2}, np.empty((0, D)), np.ones(D))
    model = Autoencoder({"rna": 20}, {"rna": 5}, D, hidden=8)
    model.encoders["rna"].start_from(core, "rna")
    with torch.no_grad():
        seen = {"rna": counts()["rna"]}
        mean, logvar = model.encode(seen, torch.ones(9, 1, dtype=torch.bool), torch.zeros(9, dtype=torch.int64))
        scores = model.modalities["rna"].scores(seen["rna"]).numpy()
    np.testing.assert_allclose(mean.numpy(), scores @ weight + bias, rtol=1e-4, atol=1e-4)
    # What the regression leaves open is the variance that is left.
    np.testing.assert_allclose(logvar.exp().numpy(), np.broadcast_to(1 - r2, (9, D)), rtol=1e-4)


def test_a_batch_mean_is_taken_off_before_reading() -> None:
    torch.manual_seed(0)
    encoder = Encoder(4, D, 8, n_batches=2)
    with torch.no_grad():
        encoder.weight.normal_()
        encoder.batch_mean[1] = 2.0
    x = torch.randn(5, 4)
    first, second = encoder(x, torch.zeros(5, dtype=torch.int64)), encoder(x + 2.0, torch.ones(5, dtype=torch.int64))
    torch.testing.assert_close(first[0], second[0])
    # A batch that the model does not know is read as the average of those that it knows: half way between 0 and 2.
    unknown = encoder(x + 1.0, torch.full((5,), -1))
    torch.testing.assert_close(first[0], unknown[0])


def test_without_a_batch_the_decoder_gives_the_mean_over_batches() -> None:
    torch.manual_seed(0)
    decoder = Decoder(D, 8, 7, n_batches=3)
    with torch.no_grad():
        decoder.loadings.normal_()
        decoder.batch_offset.normal_()
    z = torch.randn(4, D)
    each = torch.stack([decoder(z, torch.full((4,), b)) for b in range(3)])
    torch.testing.assert_close(decoder(z), each.mean(0))
    assert not torch.allclose(each[0], each[1])
