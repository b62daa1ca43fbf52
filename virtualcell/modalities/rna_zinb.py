"""RNA counts with more zeros than a negative binomial explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from virtualcell.modalities.negative_binomial import at_non_zeros, log_nb
from virtualcell.modalities.rna import PER, Rna
from virtualcell.modalities.values import Counts


class RnaZinb(Rna):
    """Zero-inflated negative binomial: a transcript is lost altogether with a chance that the decoder gives.

    output: (cells, 2 * features), first the logits of the mean as in ``Rna``, then the logits of being lost
    (Lopez et al. 2018, scVI).
    """

    name = "rna-zinb"
    heads = 2

    def fit_weights(self, values: Counts) -> None:
        super().fit_weights(values)
        n, share = self.n_features, torch.softmax(self.base[: self.n_features].double(), 0)
        theta, depth = self.log_theta.double().exp(), values.depth().double()
        # Zeros beyond those of the negative binomial, in the average over cells; float32 is enough for a start.
        expected = torch.zeros(n, dtype=torch.float64)
        for some in depth.split(1024):
            expected += torch.exp(-theta * torch.log1p(some * share / theta)).sum(0)
        expected /= len(depth)
        found = 1 - values.column_sums(torch.ones_like(values.value)).double() / len(depth)
        lost = ((found - expected) / (1 - expected).clamp_min(1e-6)).clamp(0.02, 0.5)
        self.base[n:] = torch.logit(lost)
        self.base[:n] -= torch.log1p(-lost)

    def log_prob(self, values: Tensor, output: Tensor, depth: Tensor) -> Tensor:
        output, lost = output.chunk(2, 1)
        log_mean = torch.log(depth.clamp_min(1e-30)) + torch.log_softmax(output, 1)
        drawn = F.logsigmoid(-lost) + log_nb(values, log_mean, self.log_theta_in_bounds())
        return torch.where(values > 0, drawn, torch.logaddexp(drawn, F.logsigmoid(lost)))

    def nats(self, values: Counts, output: Tensor) -> Tensor:
        return _ZeroInflated.apply(output, self.log_theta_in_bounds(), values)

    def sample(self, output: Tensor, depth: Tensor, generator: np.random.Generator) -> Tensor:
        logits, lost = output.chunk(2, 1)
        drawn = super().sample(logits, depth, generator)
        kept = generator.random(drawn.shape) >= torch.sigmoid(lost).detach().cpu().numpy()
        return drawn * torch.from_numpy(kept)

    def expectation(self, output: Tensor) -> Tensor:
        output, lost = output.chunk(2, 1)
        return PER * torch.softmax(output, 1) * torch.sigmoid(-lost)


class _ZeroInflated(torch.autograd.Function):
    # With a = log P(0) of the negative binomial and c the logit of being lost, a zero has log(s(c) + s(-c) exp(a)) =
    # softplus(a - c) - softplus(-c); its derivative is t = s(a - c) by a and s(-c) - t by c.
    @staticmethod
    def forward(ctx: Any, output: Tensor, log_theta: Tensor, counts: Counts) -> Tensor:
        theta, depth = log_theta.exp(), counts.depth()
        logits, lost = output.chunk(2, 1)
        mean = torch.softmax(logits, 1).mul_(depth)
        ratio = mean / theta
        log, rest, by_theta = at_non_zeros(counts, ratio, logits, theta)
        log_above = torch.log1p(ratio)
        shifted = torch.addcmul(-lost, log_above, theta, value=-1)  # a - c
        flat = counts.flat
        total = (F.softplus(shifted) - F.softplus(-lost)).sum(1)
        at = shifted.view(-1).index_select(0, flat)
        total += counts.row_sums(log + at - F.softplus(at))  # log P(k) = log s(-c) + log NB(k) instead of that of a zero
        if any(ctx.needs_input_grad):
            drawn = torch.sigmoid(shifted).view(-1).index_fill_(0, flat, 1.0).view(shifted.shape)
            pull = torch.div(mean, ratio.add_(1), out=ratio)
            by_lost = torch.sigmoid(-lost).sub_(drawn)
            by_log_theta = torch.addcmul(pull, log_above, theta, value=-1).mul_(drawn)
            ctx.save_for_backward(mean, pull.mul_(drawn), by_lost, by_log_theta, depth, counts.value * rest, by_theta)
            ctx.counts = counts
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor, Tensor, None]:
        mean, pull, by_lost, by_log_theta, depth, push, by_theta = ctx.saved_tensors
        counts: Counts = ctx.counts
        at = weight.index_select(0, counts.row)
        total = counts.row_sums(push) - pull.sum(1)
        by_logits = mean * (-weight * total / depth[:, 0].clamp_min(1))[:, None]
        by_logits.addcmul_(pull, weight[:, None], value=-1)
        by_logits.view(-1).index_add_(0, counts.flat, at * push)
        by_output = torch.cat([by_logits, by_lost * weight[:, None]], 1)
        return by_output, weight @ by_log_theta + counts.column_sums(at * by_theta), None
