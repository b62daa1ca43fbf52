"""What the app costs: bytes, seconds and memory of maps from ten thousand to a million cells, and of twenty readers at once."""
