"""Questions asked of cells already drawn: which are inside an outline, what sets them apart, what they are called."""
