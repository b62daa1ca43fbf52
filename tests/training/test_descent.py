"""The optimiser step: the prior on decoder weights, the limit on gradients, the slow copy."""

from __future__ import annotations

import copy

import pytest
import torch

from virtualcell.autoencoder.model import Autoencoder
from virtualcell.schema import AutoencoderSettings
from virtualcell.training.descent import DECODERS_EVERY, Descent

CPU = torch.device("cpu")
N_CELLS = 50


def start(**settings: float) -> tuple[Autoencoder, Autoencoder, Descent]:
    torch.manual_seed(0)
    model = Autoencoder({"cytof": 6}, {"cytof": "continuous"}, {"cytof": 4}, 2, 8)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn(p.shape))
    target = copy.deepcopy(model).requires_grad_(False)
    return model, target, Descent(model, target, AutoencoderSettings(**settings), 100, N_CELLS, CPU)


def test_prior_on_decoder_weights_is_its_gradient_and_no_other_decay() -> None:
    model, _, descent = start(decoder_prior=4.0)
    weight = model.decoders["cytof"].weight
    before = weight.detach().clone()
    slope = torch.randn(weight.shape)
    descent.step((weight * slope).sum())
    # Adam's first step is the sign of the gradient, to its epsilon.
    whole = slope + 4.0 / N_CELLS * before
    rate = torch.optim.lr_scheduler.OneCycleLR(
        torch.optim.SGD([torch.zeros(1)], lr=1.0), AutoencoderSettings().learning_rate, total_steps=100, pct_start=0.2
    ).get_last_lr()[0]
    torch.testing.assert_close(weight.detach(), before - rate * whole / (whole.abs() + 1e-8), rtol=1e-4, atol=1e-7)
    assert (torch.sign(whole) != torch.sign(slope)).any(), "the prior turned no gradient: nothing was tested"


def test_large_gradients_are_shortened_together() -> None:
    model, _, descent = start()
    weight, bias = model.decoders["cytof"].weight, model.decoders["cytof"].bias
    descent.step(1e4 * weight.sum() + 1e3 * bias.sum())
    assert float(torch.nn.utils.get_total_norm([weight.grad, bias.grad])) == pytest.approx(50.0, rel=1e-4)
    torch.testing.assert_close(weight.grad[0], 10 * bias.grad)


def test_prior_is_shortened_with_the_gradient() -> None:
    """The balance of likelihood and prior does not hang on how many features there are."""
    found = []
    for size in (1.0, 1e6):
        model, _, descent = start(decoder_prior=size)
        weight = model.decoders["cytof"].weight
        before = weight.detach().clone()
        descent.step(size * (weight * torch.linspace(-0.01, 0.01, weight.numel()).view(weight.shape)).sum())
        found.append(weight.detach() - before)
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-8)


def test_slow_copy_follows_every_step_and_its_decoders_catch_up() -> None:
    model, target, descent = start(target_decay=0.9)
    expert = next(iter(target.fusion.parameters()))
    slow = target.decoders["cytof"].bias
    reference = copy.deepcopy(slow)
    for step in range(DECODERS_EVERY):
        if step == DECODERS_EVERY - 1:
            torch.testing.assert_close(slow, reference)
        before = expert.clone()
        descent.step(sum(p.square().sum() for p in model.parameters() if p.requires_grad))
        fast = next(iter(model.fusion.parameters())).detach()
        torch.testing.assert_close(expert, before + 0.1 * (fast - before))
    decay = 0.9**DECODERS_EVERY
    torch.testing.assert_close(slow, decay * reference + (1 - decay) * model.decoders["cytof"].bias.detach())
    descent.step(sum(p.square().sum() for p in model.parameters() if p.requires_grad))
    halted = slow.clone()
    descent.catch_up()
    torch.testing.assert_close(slow, 0.9 * halted + 0.1 * model.decoders["cytof"].bias.detach())
