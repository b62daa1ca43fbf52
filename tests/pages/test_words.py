"""Sentences that are computed from numbers say what the numbers say."""

from __future__ import annotations

from virtualcell.ui.parts import heldout_panels, short_citation
from virtualcell.ui.words import larger_is_better, literal, verdict


def row(method: str, value: float, low: float | None = None, high: float | None = None) -> dict:
    return {"method": method, "value": value, "low": low, "high": high, "where": "x", "metric": "W1"}


def test_verdict_better_only_where_intervals_are_apart():
    ours = row("VirtualCell", 1.0, 0.9, 1.1)
    assert verdict([ours, row("no change", 2.0, 1.8, 2.2)]).startswith("**Better** than the best baseline here, no change")
    assert verdict([ours, row("no change", 1.05, 0.9, 1.2)]).startswith("**Not clearly better**")
    assert verdict([ours, row("no change", 0.8, 0.7, 0.9)]).startswith("**Not better**")


def test_verdict_turns_round_where_larger_is_better():
    def turned(method: str, value: float, low: float, high: float) -> dict:
        return row(method, value, low, high) | {"metric": "Pearson of change"}

    ours = turned("VirtualCell", 0.9, 0.85, 0.95)
    assert verdict([ours, turned("mean shift", 0.5, 0.4, 0.6)]).startswith("**Better**")
    assert verdict([ours, turned("mean shift", 0.88, 0.8, 0.95)]).startswith("**Not clearly better**")
    assert verdict([ours, turned("mean shift", 0.92, 0.86, 0.98)]).startswith("**Not better**")
    assert verdict([ours, turned("mean shift", 0.97, 0.96, 0.98)]).startswith("**Worse**")


def test_agreement_and_rank_correlation_are_better_the_larger():
    for metric in ("ARI with the state", "|rho| of the best with time", "adjusted Rand index"):
        good, bad = (row(name, at, at - 0.01, at + 0.01) | {"metric": metric} for name, at in (("codes", 0.9), ("k-means", 0.2)))
        assert verdict([good, bad], "codes").startswith("**Better**"), metric
        assert verdict([bad, good], "k-means").startswith("**Worse**"), metric
    assert not any(larger_is_better(metric) for metric in ("energy distance, target", "AUROC measured against drawn"))


def test_verdict_takes_neither_the_noise_floor_nor_our_own_variants_for_rivals():
    rows = [
        row("VirtualCell", 1.0, 0.9, 1.1),
        row("floor: two halves of the measured cells", 0.2, 0.1, 0.3),
        row("VirtualCell without steady-state prior", 0.5, 0.4, 0.6),
        row("no change", 3.0, 2.8, 3.2),
    ]
    assert "no change" in verdict(rows)
    assert verdict(rows[:3]).startswith("No comparison")


def test_panels_group_by_place_and_measure():
    rows = [row("a", 1), row("b", 2), row("a", 3) | {"metric": "energy distance"}]
    assert [(key, len(found)) for key, found in heldout_panels(rows).items()] == [(("x", "W1"), 2), (("x", "energy distance"), 1)]


def test_short_citation():
    assert short_citation("Cao J. et al. Joint profiling. Science 361 (2018). GEO GSE117089.") == "Cao J. et al. 2018"
    assert short_citation("10x Genomics, 5k PBMCs") == "10x Genomics"


def test_a_name_is_shown_as_it_is_written_and_is_no_picture_formula_or_tag():
    assert literal("T cells, day 3: HLA_A 50 %") == "T cells, day 3: HLA_A 50 %"
    assert literal("![](http://elsewhere/x.png)") == r"!\[\](http://elsewhere/x.png)"
    assert literal("HLA-A*02 $x$ :red[y] _z_ <b> `c`") == r"HLA-A\*02 \$x\$ \:red\[y\] \_z\_ \<b\> \`c\`"
    assert literal("\\") == r"\\"
