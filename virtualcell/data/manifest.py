"""Write ``manifest.json`` beside the data files: ``python -m virtualcell.data.manifest``."""

from __future__ import annotations

import json
from typing import Any

from virtualcell.data.catalogue import DEMOS, Demo, data_folder, load_demo, manifest
from virtualcell.data.read import sha256


def entry(demo: Demo) -> dict[str, Any]:
    """What the manifest says of a demo's file, taken from the file itself and from the catalogue."""
    path = data_folder() / demo.file
    mdata = load_demo(demo.key)
    provenance = {str(part.uns["provenance"]) for part in (mdata, *mdata.mod.values()) if "provenance" in part.uns}
    return {
        "demo": demo.key,
        "source": demo.source_url,
        "provenance": "; ".join(sorted(provenance)) or f"python -m {demo.source_url.removesuffix('.py').replace('/', '.')}",
        "citation": demo.citation,
        "licence": demo.licence,
        "simulated": demo.simulated,
        "sha256": sha256(path),
        "bytes": path.stat().st_size,
        "cells": int(mdata.n_obs),
        "features": {name: int(adata.n_vars) for name, adata in mdata.mod.items()},
    }


def main() -> None:
    # What is said of files that are no demo is kept as it was written.
    others = {name: said for name, said in manifest().items() if said["demo"] is None}
    entries = {demo.file: entry(demo) for demo in DEMOS.values()} | others
    text = json.dumps(entries, indent=2, ensure_ascii=False) + "\n"
    (data_folder() / "manifest.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
