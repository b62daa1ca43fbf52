"""What was put into the simulated cells: the heights of their passes, and how strong a push takes a cell over one."""

from __future__ import annotations

import streamlit as st

from virtualcell.data.simulate_switch import FIRST, MEASURED, true_critical
from virtualcell.data.three_wells import DIFFUSION, saddles, wells
from virtualcell.demo import Bundle


def heights(b: Bundle) -> dict[tuple[str, str], float]:
    """Height of each pass over its start in units of D, by (from, to); empty where no potential moved the cells."""
    if "three_wells" not in b.cells.uns:
        return {}
    bottom = {well.name: well.energy for well in wells()}
    return {
        way: (saddle.energy - bottom[way[0]]) / DIFFUSION
        for saddle in saddles()
        for way in (saddle.between, saddle.between[::-1])
    }


@st.cache_data(max_entries=64, show_spinner="Working out the dose that the equations ask for …")
def _critical(duration: float, rest: float) -> float:
    return true_critical(duration, rest, halvings=16) / MEASURED


def critical_dose(b: Bundle, valley: str, duration: float, rest: float) -> float | None:
    """The least dose, times the measured one, after which a cell of a valley does not come back without noise; None where it is
    not known: of the switch from where the inducer leads away."""
    return _critical(duration, rest) if "switch" in b.cells.uns and valley == FIRST else None
