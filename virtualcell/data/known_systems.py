"""The simulated systems whose answers are known, by name."""

from __future__ import annotations

from virtualcell.data.known.binary_choice import BINARY_CHOICE
from virtualcell.data.known.double_well import DOUBLE_WELL
from virtualcell.data.known.quadratic_well import QUADRATIC_WELL
from virtualcell.data.known.rotational_field import ROTATIONAL_FIELD
from virtualcell.data.known.system import KnownSystem
from virtualcell.data.known.three_wells import THREE_WELLS
from virtualcell.data.known.toggle_switch import TOGGLE_SWITCH

KNOWN_SYSTEMS: dict[str, KnownSystem] = {
    system.name: system for system in (THREE_WELLS, DOUBLE_WELL, BINARY_CHOICE, QUADRATIC_WELL, ROTATIONAL_FIELD, TOGGLE_SWITCH)
}
