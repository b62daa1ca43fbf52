"""What the state of a training is called, and what it means, in plain words."""

from __future__ import annotations

from virtualcell import jobs
from virtualcell.jobs.stages import words
from virtualcell.training.rank import collapsed_below

STATES = {
    "queued": "waits",
    "running": "in training",
    "done": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
}


def state_words(status: jobs.Status) -> str:
    """In a list, which is not drawn anew each second: "waits (number 2)", "in training", "finished"."""
    said = STATES[status.state]
    if status.state == "queued" and status.place_in_queue:
        return f"{said} (number {status.place_in_queue})"
    return said


def share_done(status: jobs.Status) -> float:
    """Share of the whole training that is behind, 0 to 1; 0 before it is known."""
    if status.state == "done":
        return 1.0
    if status.seconds_left is None:
        return 0.0
    return status.seconds / max(status.seconds + status.seconds_left, 1e-9)


def progress_words(status: jobs.Status) -> str:
    """Beside the progress bar: what is done now, how far it is, and how long it still takes."""
    if status.state == "queued":
        before = (status.place_in_queue or 1) - 1
        return f"Waits for {before} other training(s) to end." if before else "Is about to start."
    if status.state == "interrupted":
        return "Was interrupted, as the computer or the server stopped. It is taken up again by itself."
    parts = [words(status.stage).capitalize()]
    if status.total:
        parts.append(f"{status.done:,} of {status.total:,}")
    if status.seconds_left is not None:
        parts.append(f"{duration(status.seconds_left)} left")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """ "45 s", "12 min", "2.4 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def collapse(rank: float, latent_dim: int) -> str | None:
    """What a reader must know where the states have collapsed; None where they have not."""
    if rank >= collapsed_below(latent_dim):
        return None
    return (
        f"**The cell states have collapsed.** Of the {latent_dim} numbers that describe a cell only about {rank:.1f} are really "
        "used (effective rank): cells that differ look alike to this model, and its maps, fates and landscape cannot be "
        "trusted.\n\n**What to do:** train again with fewer numbers in a cell's state or with more passes over the cells; see "
        "that the counts are raw and that the batch column does not hold what you want to see."
    )
