"""The benchmark of the generators: what it writes beside the models, and its samplers' part on simulated pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.generate import samplers
from benchmarks.generate.__main__ import main
from benchmarks.generate.beside import FILE, write_beside
from benchmarks.multiomics.splits import Split
from virtualcell.data.simulate_pairs import simulate_pairs
from virtualcell.evaluation.report import Claim, Row
from virtualcell.generative.denoiser import NetworkSettings
from virtualcell.generative.fit_sampler import SamplerSettings
from virtualcell.generative.mixture import Form
from virtualcell.model import VirtualCell
from virtualcell.schema import AutoencoderSettings, Settings


def test_figures_lie_beside_the_model_that_they_are_of(tmp_path: Path) -> None:
    for key in ("cite", "a549", "blood_cells"):
        (tmp_path / key).mkdir()
    old = Row("x", "m", 1.0, where="cite, codes"), Row("x", "m", 2.0, where="cite, rna to prot, held-out cells")
    write_beside(old, [Claim("cite, codes: c", 1, ">", 0)], tmp_path)
    rows = [Row("x", "m", 3.0, where="cite, rna to prot, held-out cells"), Row("x", "m", 4.0, where="blood-cell images, test")]
    written = write_beside(rows, [Claim("cite, rna to prot: c", 1, ">", 0), Claim("blood-cell images: c", 1, ">", 0)], tmp_path)
    assert {path.parent.name for path in written} == {"cite", "blood_cells"}
    cite = json.loads((tmp_path / "cite" / FILE).read_text())
    assert sorted((row["where"], row["value"]) for row in cite["rows"]) == [
        ("cite, codes", 1.0),
        ("cite, rna to prot, held-out cells", 3.0),
    ]
    assert [claim["name"] for claim in cite["claims"]] == ["cite, codes: c", "cite, rna to prot: c"]
    assert [claim["name"] for claim in json.loads((tmp_path / "blood_cells" / FILE).read_text())["claims"]] == [
        "blood-cell images: c"
    ]
    assert not (tmp_path / "a549" / FILE).exists()


def test_claims_go_with_the_rows_that_they_are_of(tmp_path: Path) -> None:
    """Also those that are called otherwise now, or that are no longer made; claims of other places stay."""
    (tmp_path / "a549").mkdir()
    way, labels, codes = "a549, rna to atac, held-out cells", "a549, labels, held-out cells", "a549, codes, held-out cells"
    first = [Row("x", "m", 1.0, where=where) for where in (way, labels, codes)]
    said = [Claim(f"{of}: old", 1, ">", 0) for of in (way, "a549, labels", codes)]
    write_beside(first, [*said, Claim(f"{way}: no longer made", 1, ">", 0)], tmp_path)

    def kept() -> list[str]:
        return [claim["name"] for claim in json.loads((tmp_path / "a549" / FILE).read_text())["claims"]]

    assert kept() == [claim.name for claim in said] + [f"{way}: no longer made"]
    write_beside([Row("x", "m", 2.0, where=way)], [Claim(f"{way}: new", 1, ">", 0)], tmp_path)
    assert kept() == ["a549, labels: old", f"{codes}: old", f"{way}: new"]
    write_beside([Row("x", "m", 2.0, where=labels)], [], tmp_path)
    assert kept() == [f"{codes}: old", f"{way}: new"]


def test_a_demo_that_no_part_measures_is_said_before_anything_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["--demo", "nothing"], "invalid choice: 'nothing'"),
        (["--demo", "cite", "--parts", "rare"], "these parts measure rare: kang, larry, simulated"),
        (["--demo", "a549", "switch", "--parts", "samplers", "codes"], "switch is measured by none of the parts samplers, codes"),
        (["--demo", "a549", "--parts", "images"], "these parts measure no demo at all"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert said in capsys.readouterr().err


@pytest.mark.slow
def test_samplers_are_judged_on_cells_that_nothing_saw() -> None:
    split = Split.of(simulate_pairs("nonlinear", n_cells=700, n_genes=100, n_peaks=200, seed=1), 0)
    model = VirtualCell(Settings(autoencoder=AutoencoderSettings(latent_dim=6, epochs=6, min_steps=40))).fit(split.train)
    quick = SamplerSettings(forms=(Form(1),), kinds=("edm",), network=NetworkSettings(width=32, steps=200, every=50))
    model.fit_generators(split.train, settings=quick, parts=("samplers",))
    found = samplers.one_way(model, split, "rna", "atac")
    ours, point, blind = (found[name] for name in (samplers.OURS, samplers.POINT, samplers.BLIND))
    assert ours[samplers.SCORE] < point[samplers.SCORE]
    assert ours[samplers.ENERGY] < point[samplers.ENERGY]
    assert blind[samplers.COPIED] == pytest.approx(0)
    assert ours[samplers.COPIED] > 0.5
    assert all(np.isfinite(value) for figures in found.values() for value in figures.values())
