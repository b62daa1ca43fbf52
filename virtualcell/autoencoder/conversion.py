"""From one modality of a cell to another: a linear floor by reduced-rank regression, and a gated residual on top of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from virtualcell.autoencoder.model import Autoencoder
from virtualcell.autoencoder.residual import Residual
from virtualcell.modalities.base import Modality

BASIS = 8
"""Directions of the target in which the residual may move: a whole matrix would learn noise."""


class Conversion(nn.Module):
    """Scores of the source (cells, inputs) and its embedding (cells, d) -> linear predictor of the target (cells, features).

    eta = (scores - centre) @ left @ right + gate * residual(scores, embedding); ``Modality.predict`` turns it into what a
    measurement would read. left, right: factors of the reduced-rank regression of the target's response on the source's scores
    (rank 0: the two are unrelated). gate: between 0 and 1, chosen on inner validation; 0 leaves the floor. depth_weight,
    depth_bias, depth_spread: ridge regression of the target's log depth, and the standard deviation around it. low, high:
    (features,) bounds of the measured reading minus the predicted one that hold for 90 % of new cells, feature by feature, as in
    split conformal prediction (Lei et al. 2018, sec. 2.2), but for the gate and the stopping that the same cells chose; infinite
    where fewer than 19 cells were there to tell.
    """

    def __init__(self, inputs: int, d: int, features: int, rank: int, hidden: int):
        super().__init__()
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("left", torch.zeros(inputs, rank))
        self.register_buffer("right", torch.zeros(rank, features))
        self.register_buffer("depth_weight", torch.zeros(inputs))
        self.register_buffer("depth_bias", torch.zeros(()))
        self.register_buffer("depth_spread", torch.ones(()))
        self.register_buffer("low", torch.full((features,), -torch.inf))
        self.register_buffer("high", torch.full((features,), torch.inf))
        self.register_buffer("gate", torch.zeros(()))
        self.residual = Residual(inputs + d, hidden, BASIS)
        self.basis = nn.Parameter(torch.randn(BASIS, features) * 0.1)

    def floor(self, scores: Tensor) -> Tensor:
        return (scores - self.centre) @ self.left @ self.right

    def learned(self, scores: Tensor, embedding: Tensor) -> Tensor:
        return self.residual(torch.cat([scores - self.centre, embedding], 1)) @ self.basis

    def forward(self, scores: Tensor, embedding: Tensor) -> Tensor:
        eta = self.floor(scores)
        return eta if self.gate == 0 else eta + self.gate * self.learned(scores, embedding)

    def predict(self, target: Modality, scores: Tensor, embedding: Tensor) -> Tensor:
        """What the target is expected to read, (cells, features), in its ``reading_unit``."""
        log_depth = scores @ self.depth_weight + self.depth_bias
        return target.predict(self(scores, embedding), log_depth, self.depth_spread)


class Translator(nn.Module):
    """All conversions of a model, and bridges over a third modality where two were never measured together.

    conversions: "rna->atac" by source and target; bridges: linear maps from the scores of one modality to those of another.
    """

    def __init__(self, conversions: dict[str, Conversion], bridges: dict[str, nn.Linear] | None = None):
        super().__init__()
        self.conversions = nn.ModuleDict(conversions)
        self.bridges = nn.ModuleDict(bridges or {})

    @staticmethod
    def empty(shapes: dict[str, int], bridges: list[str], model: Autoencoder, hidden: int) -> Translator:
        """A translator of the right shapes to load weights into; shapes: rank by "source->target"."""
        conversions = {}
        for key, rank in shapes.items():
            source, target = key.split("->")
            conversions[key] = Conversion(model.inputs[source], model.d, model.modalities[target].n_features, rank, hidden)
        return Translator(
            conversions,
            {key: nn.Linear(*(model.inputs[m] for m in key.split("->"))) for key in bridges},
        )

    def shapes(self) -> dict[str, int]:
        return {key: conversion.left.shape[1] for key, conversion in self.conversions.items()}

    def route(self, source: str, target: str) -> tuple[str, ...]:
        """Modalities passed on the way, ends included; empty where there is no way."""
        if f"{source}->{target}" in self.conversions:
            return (source, target)
        for bridge in self.bridges:
            first, middle = bridge.split("->")
            if first == source and f"{middle}->{target}" in self.conversions:
                return (source, middle, target)
        return ()

    def forward(
        self, model: Autoencoder, scores: Tensor, source: str, target: str
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Predicted reading of the target (cells, features) and the bounds of its 90 % interval from the source's scores (cells,
        inputs); no bounds over a bridge and where cells are too few to show how wide they should be, and none for open peaks,
        which are 0 or 1. Raises KeyError where there is no route."""
        route = self.route(source, target)
        if not route:
            raise KeyError(f"{source}->{target}")
        if len(route) == 3:
            scores = self.bridges[f"{source}->{route[1]}"](scores)
        conversion = self.conversions[f"{route[-2]}->{target}"]
        kind = model.modalities[target]
        predicted = conversion.predict(kind, scores, model.embed_alone(route[-2], scores))
        if len(route) == 3 or kind.yes_or_no or not torch.isfinite(conversion.low).all():
            return predicted, None, None
        low, high = kind.bounds
        return predicted, (predicted + conversion.low).clamp(low, high), (predicted + conversion.high).clamp(low, high)
