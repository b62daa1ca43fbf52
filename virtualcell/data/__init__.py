"""Reading, checking and preparing measured cells."""

from __future__ import annotations

import mudata

# The habit of mudata from 0.4 on: a copy of a MuData must not gain columns such as "rna:time" that nobody asked for.
mudata.set_options(pull_on_update=False)
