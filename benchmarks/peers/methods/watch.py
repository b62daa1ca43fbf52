"""Follow how well a peer translates while it trains."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch

Scores = dict[str, float]


class Watch:
    """Scores a model every few epochs on its own validation cells and on the test cells; that time is not counted.

    scores: called without gradients, in evaluation mode, gives the scores on validation cells and on test cells. For each of the
    former, higher being better, the weights that reached most are kept. Test scores are written down and decide nothing.
    """

    def __init__(self, module: torch.nn.Module, scores: Callable[[], tuple[Scores, Scores]], every: int) -> None:
        self.module, self.scores, self.every = module, scores, every
        self.curve: dict[str, list[float]] = {}
        self.kept_epochs: dict[str, int] = {}
        self._best: dict[str, tuple[float, dict[str, torch.Tensor]]] = {}
        self._own = 0.0
        self._start = time.process_time()

    def seconds(self) -> float:
        """CPU seconds since the start, the watch's own left out."""
        return time.process_time() - self._start - self._own

    def epoch_ended(self, epoch: int) -> None:
        """epoch: from 1 up."""
        if epoch % self.every == 0:
            self.check(epoch)

    def ended(self, epoch: int) -> None:
        """The last epoch, where it was not looked at as one of the others."""
        if epoch % self.every or not self.curve:
            self.check(epoch)

    def check(self, epoch: int) -> None:
        seconds, began = self.seconds(), time.process_time()
        training = self.module.training
        self.module.eval()
        with torch.random.fork_rng(devices=[]), torch.no_grad():  # training goes on with the random numbers it would have had
            validation, test = self.scores()
        self.module.train(training)
        row = {"epoch": float(epoch), "cpu_seconds": seconds}
        row |= {f"validation_{name}": value for name, value in validation.items()}
        row |= {f"test_{name}": value for name, value in test.items()}
        for name, value in row.items():
            self.curve.setdefault(name, []).append(value)
        state = {name: value.detach().clone() for name, value in self.module.state_dict().items()}
        for name, score in validation.items():
            if name not in self._best or score > self._best[name][0]:
                self._best[name], self.kept_epochs[name] = (score, state), epoch
        print(" ".join(f"{name}={value:.4g}" for name, value in row.items()), file=sys.stderr, flush=True)
        self._own += time.process_time() - began

    def keep_best(self, name: str) -> None:
        """Gives the model the weights of the checkpoint that was best by this score on its own validation cells."""
        if name not in self._best:
            raise RuntimeError(f"no checkpoint was scored by {name}.")
        self.module.load_state_dict(self._best[name][1])
        self.module.eval()


def inner_split(n_cells: int, seed: int, share: float = 0.1) -> tuple[list[int], list[int]]:
    """Rows that a method trains on, and its own validation rows, sorted."""
    order = torch.randperm(n_cells, generator=torch.Generator().manual_seed(seed)).tolist()
    n = max(int(share * n_cells), 2)
    return sorted(order[n:]), sorted(order[:n])
