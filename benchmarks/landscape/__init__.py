"""Landscapes learned from simulated cells, held against the laws that moved those cells."""
