"""What was put into the simulated cells: the heights of their passes."""

from __future__ import annotations

from virtualcell.data.three_wells import DIFFUSION, saddles, wells
from virtualcell.demo import Bundle


def heights(b: Bundle) -> dict[tuple[str, str], float]:
    """Height of each pass over its start in units of D, by (from, to); empty for cells that were measured."""
    if not b.demo.simulated:
        return {}
    bottom = {well.name: well.energy for well in wells()}
    return {
        way: (saddle.energy - bottom[way[0]]) / DIFFUSION
        for saddle in saddles()
        for way in (saddle.between, saddle.between[::-1])
    }
