"""Home: findings equal to what is computed another way, small maps that show the cells, and ways to everything else."""

from __future__ import annotations

import io
import time
from pathlib import Path

import anndata as ad
import mudata
import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm
from streamlit.testing.v1 import AppTest

from virtualcell.data.catalogue import DEMOS, data_folder, models_folder
from virtualcell.demo import load_bundle
from virtualcell.evaluation.intervals import difference_interval, ratio_interval
from virtualcell.figures.look import DARK, LIGHT
from virtualcell.figures.thumbnail import thumbnail
from virtualcell.ui import cards, glance, insight
from virtualcell.ui.push_genes import changed
from virtualcell.ui.pushed import MOST_PUSHED

ROOT = Path(__file__).resolve().parents[2]


def home(demo: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.query_params["demo"] = demo
    return at.run()


def per_10_000(counts) -> np.ndarray:
    dense = np.asarray(counts.todense() if hasattr(counts, "todense") else counts, dtype=float)
    return 1e4 * dense / dense.sum(axis=1, keepdims=True)


def test_the_fold_of_a_gene_is_that_of_the_raw_counts():
    rna = mudata.read_h5mu(data_folder() / DEMOS["a549"].file).mod["rna"]
    amount, hours = per_10_000(rna.X), rna.obs["time_h"].to_numpy(dtype=float)
    gene = rna.var_names.get_loc("FKBP5")
    first, last = amount[hours == 0, gene], amount[hours == 3, gene]
    found = insight.find(load_bundle("a549"))
    assert "FKBP5" in found.headline
    assert f"{last.mean() / first.mean():.0f}-fold" in found.headline
    assert found.values["ratio"] == pytest.approx(last.mean() / first.mean(), rel=1e-5)
    # The interval against one by resampling cells, at the level that leaves each of the six genes its part of 5 %.
    rng = np.random.default_rng(0)
    ratios = [rng.choice(last, len(last)).mean() / rng.choice(first, len(first)).mean() for _ in range(4000)]
    low, high = np.quantile(ratios, [0.025 / 6, 1 - 0.025 / 6])
    assert found.values["low"] == pytest.approx(low, rel=0.12)
    assert found.values["high"] == pytest.approx(high, rel=0.12)
    # No other of the marker genes is surer.
    for name in DEMOS["a549"].marker_genes:
        other = amount[:, rna.var_names.get_loc(name)]
        means = [other[hours == at].mean() for at in (0, 3)]
        errors = [other[hours == at].std(ddof=1) / np.sqrt((hours == at).sum()) for at in (0, 3)]
        reach = norm.ppf(1 - 0.025 / 6) * np.hypot(*(error / mean for error, mean in zip(errors, means, strict=True)))
        assert abs(np.log(means[1] / means[0])) - reach <= np.log(found.values["low"]) + 1e-6


def test_the_share_of_a_kind_is_counted():
    obs = ad.read_h5ad(data_folder() / DEMOS["larry"].file).obs
    days, kind = obs["time_d"].astype(float), obs["state_info"].astype(str)
    share = {day: (kind[days == day] == "Monocyte").mean() for day in (2, 6)}
    found = insight.find(load_bundle("larry"))
    assert "Monocyte" in found.headline
    assert f"from {100 * share[2]:.0f} % to **{100 * share[6]:.0f} %**" in found.headline
    assert found.values["low"] < share[6] - share[2] < found.values["high"]


def test_what_a_treatment_does_is_near_the_plain_difference_of_means():
    cells = ad.read_h5ad(data_folder() / DEMOS["kang"].file)
    depth = float(np.median(np.asarray(cells.X.sum(axis=1))))
    logs = np.log1p(per_10_000(cells.X) * depth / 1e4)[:, cells.var_names.get_loc("ISG15")]
    treated, kinds = (cells.obs["perturbation"] == "IFN-beta").to_numpy(), cells.obs["cluster_id"].astype(str).to_numpy()
    weight = {kind: ((kinds == kind) & ~treated).sum() for kind in np.unique(kinds)}
    change = sum(
        n * (logs[(kinds == kind) & treated].mean() - logs[(kinds == kind) & ~treated].mean()) for kind, n in weight.items()
    ) / sum(weight.values())
    # What is typical of cells, in counts per 10,000, with half a count added on both sides.
    before, after = (1e4 / depth * np.expm1(logs[~treated].mean() + more) for more in (0.0, change))
    found = insight.find(load_bundle("kang"))
    assert "**ISG15**" in found.headline
    assert found.values["low"] < found.values["ratio"] < found.values["high"]
    assert found.values["ratio"] == pytest.approx((after + 0.5) / (before + 0.5), rel=0.1)
    assert f"{found.values['ratio']:.0f}-fold" in found.headline
    table = pushed_table("kang", "IFN-beta")
    assert f"{len(changed(table))} of {len(table):,} genes" in found.headline


def pushed_table(demo: str, treatment: str):
    """The table of the page Perturb, made without the app."""
    b = load_bundle(demo)
    rows = np.flatnonzero(b.cells.obs[b.demo.columns.perturbation].astype(str) == b.demo.columns.control)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, MOST_PUSHED).astype(int))]
    return b.model.perturb(b.cells[rows].copy(), treatment=treatment).genes


def test_of_simulated_cells_the_finding_says_so():
    for key in ("simulated", "switch"):
        assert insight.find(load_bundle(key)).headline.startswith("In simulated cells")
        assert "measured" not in insight.find(load_bundle(key)).detail
    found = insight.find(load_bundle("switch"))
    obs = load_bundle("switch").cells.obs
    last = obs[obs["time"] == 24]
    second = (last["state"] == "Second gene on").groupby(last["treatment"].astype(str)).mean()
    assert (found.values["with"], found.values["without"]) == pytest.approx((second["inducer"], second["control"]))


@pytest.mark.parametrize("demo", DEMOS)
def test_every_finding_has_an_interval_and_leads_to_a_page_that_runs(demo):
    at = home(demo)
    assert not at.exception
    assert not at.error
    found = insight.find(load_bundle(demo))
    assert f"#### {found.headline}" in [block.value for block in at.markdown]
    assert "interval" in found.detail
    at.button(key="see-it").click().run()
    assert not at.exception
    assert at.query_params["demo"] == demo


def test_cells_of_which_nothing_stands_out_still_get_a_sentence():
    b = load_bundle("cite")
    found = insight.what_they_are(b)
    assert "50 %" in found.headline  # 200 cells of each of two batches
    assert found.page == "pages/explore.py"


def test_difference_interval_is_that_of_newcombes_paper():
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 and 10/10 - 0/10.
    found = difference_interval((56, 70), (48, 80))
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    found = difference_interval((10, 10), (0, 10))
    assert (found.low, found.high) == pytest.approx((0.6075, 1.0), abs=5e-5)


def test_ratio_interval_holds_the_truth_as_often_as_it_says():
    rng, held = np.random.default_rng(0), 0
    for _ in range(2000):
        pair = [(x.mean(), x.std(ddof=1) / np.sqrt(len(x))) for x in (rng.gamma(2, 3, 200), rng.gamma(2, 1, 200))]
        found = ratio_interval(*pair)
        held += found.low <= 3 <= found.high
    assert 0.935 <= held / 2000 <= 0.965


@pytest.mark.parametrize("demo", DEMOS)
def test_a_glance_shows_the_cells_as_the_open_model_has_them(demo):
    quick, full = glance.of_demo(demo), glance.of_bundle(load_bundle(demo))
    assert quick is not None
    assert (quick.name, quick.kind) == (full.name, full.kind)
    np.testing.assert_array_equal(quick.positions, full.positions)
    if full.values is None:
        assert quick.values is None
    else:
        np.testing.assert_array_equal(quick.values, full.values)


def test_cells_with_more_kinds_than_colours_have_a_small_map():
    rng = np.random.default_rng(0)
    positions, kinds = rng.normal(size=(900, 2)).astype(np.float32), np.array([f"clone {i % 300}" for i in range(900)])
    codes, colours = glance.Glance(positions, kinds, "cell state", "category").colours(LIGHT)
    assert colours == [LIGHT.accent]
    assert thumbnail(positions, codes, colours).startswith(b"\x89PNG")


def test_a_model_without_views_has_no_glance(tmp_path):
    assert glance.of_folder(tmp_path, DEMOS["a549"].columns) is None
    (tmp_path / "views.safetensors").write_bytes(b"broken")
    (tmp_path / "model.json").write_text('{"record": {}}')
    assert glance.of_folder(tmp_path, DEMOS["a549"].columns) is None
    assert glance.of_demo("no-such-cells") is None


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=lambda look: look.name)
@pytest.mark.parametrize("demo", DEMOS)
def test_a_small_map_is_small_quick_and_in_the_colours_of_the_large_one(demo, look):
    seen = glance.of_demo(demo)
    codes, colours = seen.colours(look)
    took = []
    for _ in range(3):
        began = time.thread_time()
        file = thumbnail(seen.positions, codes, colours)
        took.append(time.thread_time() - began)
    assert min(took) < 0.05
    assert len(file) < 6000
    image = np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))
    assert image.shape == (200, 360, 4)
    drawn = image[..., 3] > 0
    assert 0.02 < drawn.mean() < 0.6
    # Of each group that is not tiny, some pixels have its colour.
    from plotly.colors import hex_to_rgb, unlabel_rgb

    for code, colour in enumerate(colours):
        wanted = hex_to_rgb(colour) if colour.startswith("#") else tuple(round(part) for part in unlabel_rgb(colour))
        if (codes == code).sum() > 20:
            assert (image[drawn][:, :3] == wanted).all(axis=1).sum() > 3, colour


def test_a_small_map_puts_cells_where_they_are():
    positions = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    image = np.asarray(
        Image.open(io.BytesIO(thumbnail(positions, np.array([0, 1, 2]), ["#ff0000", "#00ff00", "#0000ff"]))).convert("RGB")
    )
    place = {name: np.argwhere((image == colour).all(axis=-1)).mean(axis=0) for name, colour in
             (("origin", (255, 0, 0)), ("right", (0, 255, 0)), ("top", (0, 0, 255)))}  # fmt: skip
    across, up = place["right"] - place["origin"], place["top"] - place["origin"]
    assert across == pytest.approx([0, across[1]], abs=1)
    assert across[1] > 100
    assert up[0] == pytest.approx(-across[1] / 2, abs=2)  # equal scales, y upwards
    with pytest.raises(ValueError, match="cannot be drawn"):
        thumbnail(np.empty((0, 2)), np.empty(0), ["#ff0000"])


def test_home_asks_only_what_the_cells_can_answer():
    labels = {demo: {button.label for button in home(demo).button} for demo in ("a549", "cite")}
    assert {"What happens next?", "Where do they settle, and why?", "What do the measurements share?"} <= labels["a549"]
    assert "What does a treatment do?" not in labels["a549"]
    assert "What do the measurements share?" in labels["cite"]
    assert not {"What happens next?", "Where do they settle, and why?"} & labels["cite"]


def test_a_demo_that_was_not_built_says_how_to_build_it(monkeypatch, tmp_path):
    from virtualcell.ui import state

    for module in (state, glance, cards):
        monkeypatch.setattr(module, "models_folder", lambda: tmp_path)
    import virtualcell.demo

    monkeypatch.setattr(virtualcell.demo, "models_folder", lambda: tmp_path)
    at = home("a549")
    assert not at.exception
    assert any("make demos" in box.value for box in at.error)
    assert not any("imgs" in str(element) for element in at.get("imgs"))
    assert models_folder().is_dir()
