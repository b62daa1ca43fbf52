"""Streamlit-only helpers: caches, choices that pages share, words on screen."""
