"""How the networks of the adversaries learn: a correction to a closed form, which other cells stop and may refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

BATCH, LEARNING_RATE, WEIGHT_DECAY = 256, 3e-3, 0.1
CHECK_EVERY, GAIN = 20, 1e-4
"""Steps between looks at other cells, and the loss that one of them must gain to count."""
GATES = (0.0, 0.25, 0.5, 0.75, 1.0)
MIN_CALIBRATION = 40
"""Held-out cells that are needed to calibrate on them."""

Network = TypeVar("Network", bound=nn.Module)


def split(rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cells at random: four fifths that teach, the inner ones that do not, and of these one half that stops, one that judges."""
    order = np.random.default_rng(seed).permutation(rows)
    inner, fit = order[: len(order) // 5], order[len(order) // 5 :]
    return fit, inner, inner[::2], inner[1::2]


def calibration_cells(held_out: np.ndarray, inner: np.ndarray) -> tuple[np.ndarray, str]:
    """Rows to calibrate on, and what they are called in the record: those held out where they are enough."""
    enough = len(held_out) >= MIN_CALIBRATION
    return (held_out, "held-out cells") if enough else (inner, "inner cells, which also stopped the networks and chose the gate")


def spread_of(values: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of inputs, (2, inputs)."""
    return np.stack([values.mean(0), np.maximum(values.std(0), 1e-9)])


def scaled(values: np.ndarray, scale: np.ndarray) -> Tensor:
    """Inputs as networks read them, float32."""
    return torch.from_numpy(((values - scale[0]) / scale[1]).astype(np.float32))


class Best:
    """The weights of a network with the least loss so far on cells that teach it nothing."""

    def __init__(self, network: nn.Module, loss: float, patience: int, gain: float = 0.0):
        """loss: of the network as it is; patience: looks in a row that gain no more than ``gain`` after which it is over."""
        self.network, self.loss, self.patience, self.gain = network, loss, patience, gain
        self.waited, self.weights = 0, self._copied()

    def over(self, loss: float) -> bool:
        """Whether to stop, after a look at the loss of the moment."""
        if loss < self.loss - self.gain:
            self.loss, self.weights, self.waited = loss, self._copied(), 0
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self) -> None:
        """Puts the network back to where it was best, to be used and not to be trained."""
        self.network.load_state_dict(self.weights)
        self.network.eval()

    def _copied(self) -> dict[str, Tensor]:
        return {key: value.detach().clone() for key, value in self.network.state_dict().items()}


def batches(n: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Rows of each step, (min(BATCH, n),), each at most once a step."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        yield torch.from_numpy(rng.choice(n, min(BATCH, n), replace=False))


def train_correction(
    network: Network,
    loss: Callable[[Tensor], Tensor],
    check: Callable[[], Tensor],
    n: int,
    *,
    steps: int,
    patience: int,
    seed: int,
) -> Network:
    """Trains a network that starts at zero and returns it with the weights of the least ``check``.

    loss: of a batch of rows (b,) of the n that teach; check: on other cells, called without gradients and without dropout.
    """
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    @torch.no_grad()
    def look() -> float:
        network.eval()
        found = float(check())
        network.train()
        return found

    best = Best(network, look(), patience, GAIN)
    for step, rows in enumerate(batches(n, steps, seed), start=1):
        optimiser.zero_grad()
        loss(rows).backward()
        optimiser.step()
        if step % CHECK_EVERY == 0 and best.over(look()):
            break
    best.restore()
    return network


@torch.no_grad()
def choose_gate(loss: Callable[[float], Tensor]) -> tuple[float, dict[float, float]]:
    """The gate with the least mean loss, 0 unless it gains a standard error; and all mean losses.

    loss: gate -> loss of each of the judging cells, (cells,).
    """
    losses = {gate: loss(gate).double().numpy() for gate in GATES}
    best = min(GATES, key=lambda gate: float(losses[gate].mean()))
    if not surely_above_zero(losses[0.0] - losses[best]):
        best = 0.0
    return best, {gate: float(values.mean()) for gate, values in losses.items()}


def surely_above_zero(gain: np.ndarray) -> bool:
    """Whether the mean gain of cells (n,) is more than its standard error."""
    return bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def best_temperature(logits: np.ndarray, loss: Callable[[Tensor], Tensor]) -> float:
    """By which logits are divided, so that the mean loss is least (Guo et al. 2017, sec. 4.2)."""
    given = torch.from_numpy(logits)

    def of(log_temperature: float) -> float:
        return float(loss(given / np.exp(log_temperature)).mean())

    return float(np.exp(minimize_scalar(of, bounds=(-1.5, 3.0), method="bounded").x))
