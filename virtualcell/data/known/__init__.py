"""One file a system: cells in the plane that move by a law we wrote, so that what a model finds can be compared with it."""
