"""One optimiser step of the autoencoder and of its slow copy, with as few passes over the large decoders as it takes."""

from __future__ import annotations

import torch
from torch import Tensor

from virtualcell.autoencoder.model import Autoencoder
from virtualcell.schema import AutoencoderSettings

LARGEST_GRADIENT = 50.0
DECODERS_EVERY = 8
"""Steps between two moves of the slow decoders: no objective reads them, only validation does."""


class Descent:
    """Adam with one cycle of the learning rate; ``target`` follows the model as an exponential moving average.

    Decoder weights have the gradient of their Gaussian prior, all other parameters decoupled weight decay (AdamW).
    """

    def __init__(
        self,
        model: Autoencoder,
        target: Autoencoder,
        settings: AutoencoderSettings,
        steps: int,
        n_cells: int,
        device: torch.device,
    ):
        loadings = [decoder.weight for decoder in model.decoders.values()]
        loading_ids = {id(p) for p in loadings}
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.prior = settings.decoder_prior / n_cells
        rest = {
            "params": [p for p in self.trained if id(p) not in loading_ids],
            "weight_decay": settings.weight_decay,
            "decoupled_weight_decay": True,
        }
        self.optimiser = torch.optim.Adam(
            [rest, {"params": loadings}], lr=settings.learning_rate, fused=device.type in ("cpu", "cuda")
        )
        # A rise over one fifth of five steps would be no step long, by which torch divides.
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, settings.learning_rate, total_steps=max(6, steps), pct_start=0.2
        )
        self.decay = settings.target_decay
        slow_decoders = {id(p) for p in target.decoders.parameters()}
        pairs = list(zip(target.parameters(), model.parameters(), strict=True))
        self.decoder_pairs = [pair for pair in pairs if id(pair[0]) in slow_decoders]
        self.other_pairs = [pair for pair in pairs if id(pair[0]) not in slow_decoders]
        self.behind = 0

    def step(self, loss: Tensor) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for p in self.trained if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients))
        shorter = min(1.0, LARGEST_GRADIENT / norm) if norm > 0 else 1.0
        if shorter < 1:
            torch._foreach_mul_(gradients, shorter)
        # Adam adds the prior's gradient on its way, which saves a pass; where the likelihood's is shortened, so is the prior's.
        self.optimiser.param_groups[1]["weight_decay"] = self.prior * shorter
        self.optimiser.step()
        self.schedule.step()
        self.behind += 1
        self._follow(self.other_pairs, self.decay)
        if self.behind == DECODERS_EVERY:
            self.catch_up()

    def catch_up(self) -> None:
        """Moves the slow decoders by all the steps that they are behind."""
        if self.behind:
            self._follow(self.decoder_pairs, self.decay**self.behind)
        self.behind = 0

    @staticmethod
    @torch.no_grad()
    def _follow(pairs: list[tuple[Tensor, Tensor]], decay: float) -> None:
        torch._foreach_lerp_([slow for slow, _ in pairs], [fast for _, fast in pairs], 1 - decay)
