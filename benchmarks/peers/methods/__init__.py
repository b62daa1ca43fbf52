"""The peers themselves, imported in their own environment alone: what they need is not installed in ours."""
