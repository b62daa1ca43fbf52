"""VirtualCell, the one public class."""

from virtualcell.model.virtual_cell import VirtualCell

__all__ = ["VirtualCell"]
