"""Generators on held-out cells, beside what is simpler."""
