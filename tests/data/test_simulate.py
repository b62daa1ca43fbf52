"""The simulated system against mathematics: gradient, minima, Boltzmann's law, and what its cells were made to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from virtualcell.data.catalogue import DEMOS, load_demo
from virtualcell.data.counts import counts_of
from virtualcell.data.simulate import euler_maruyama, gene_names, mean_expression, simulate_three_wells
from virtualcell.data.three_wells import CENTRES, DIFFUSION, gradient, hessian, potential, saddles, wells

PLACE = st.tuples(st.floats(-2.5, 2.5), st.floats(-2.5, 2.5))


@settings(max_examples=60, deadline=None)
@given(PLACE)
def test_derivatives_are_finite_differences(place: tuple[float, float]) -> None:
    xy, step = np.array(place), 1e-5
    for i, unit in enumerate(np.eye(2)):
        slope = (potential(xy + step * unit) - potential(xy - step * unit)) / (2 * step)
        assert gradient(xy)[i] == pytest.approx(slope, abs=1e-8)
        bend = (gradient(xy + step * unit) - gradient(xy - step * unit)) / (2 * step)
        np.testing.assert_allclose(hessian(xy)[i], bend, atol=1e-7)


def test_shapes_are_kept() -> None:
    xy = np.zeros((3, 4, 2), dtype=np.float32)
    assert potential(xy).shape == (3, 4)
    assert gradient(xy).shape == (3, 4, 2)
    assert gradient(xy).dtype == np.float64


def test_there_are_exactly_three_minima() -> None:
    """Descent from anywhere ends in one of the wells."""
    start = np.stack(np.meshgrid(np.linspace(-2, 2, 15), np.linspace(-2, 2, 15)), axis=-1).reshape(-1, 2)
    for _ in range(4000):
        start = start - 0.02 * gradient(start)
    places = np.stack([well.xy for well in wells()])
    distance = np.linalg.norm(start[:, None] - places, axis=-1)
    settled = distance.min(axis=1) < 1e-3
    assert settled.mean() > 0.97  # a start on a ridge may still be on its way
    assert set(distance[settled].argmin(axis=1)) == {0, 1, 2}
    for well in wells():
        assert np.linalg.norm(gradient(well.xy)) < 1e-9
        assert np.linalg.eigvalsh(hessian(well.xy)).min() > 0.3


def test_the_progenitor_is_the_highest_well_behind_low_passes() -> None:
    height = {well.name: well.energy / DIFFUSION for well in wells()}
    assert [well.name for well in wells()] == ["Progenitor", "Fate A", "Fate B"]
    assert height["Progenitor"] > height["Fate B"] + 1 > height["Fate A"] + 2
    for saddle in saddles():
        assert np.linalg.norm(gradient(saddle.xy)) < 1e-9
        low, high = np.linalg.eigvalsh(hessian(saddle.xy))
        assert low < 0 < high
        if "Progenitor" in saddle.between:
            assert 1 < saddle.energy / DIFFUSION - height["Progenitor"] < 2


def boltzmann() -> tuple[np.ndarray, np.ndarray]:
    """Places of a fine grid and their probability exp(-U / D) / Z."""
    grid = np.stack(np.meshgrid(np.linspace(-3.5, 3.5, 281), np.linspace(-3.5, 3.5, 281)), axis=-1).reshape(-1, 2)
    weight = np.exp(-(potential(grid) - potential(grid).min()) / DIFFUSION)
    return grid, weight / weight.sum()


def test_boltzmann_stays_boltzmann() -> None:
    grid, probability = boltzmann()
    rng = np.random.default_rng(0)
    start = grid[rng.choice(len(grid), size=20_000, p=probability)] + rng.uniform(-0.0125, 0.0125, size=(20_000, 2))
    end, log_weight = euler_maruyama(start, 3.0, rng)
    assert not log_weight.any()
    for measure in (potential, lambda xy: xy[:, 0], lambda xy: xy[:, 1], lambda xy: (xy**2).sum(axis=1)):
        values = measure(grid)
        mean = probability @ values
        error = np.sqrt(probability @ (values - mean) ** 2 / len(end))
        assert abs(measure(end).mean() - mean) < 5 * error + 0.01 * np.abs(values @ probability)
    nearest = [((xy[:, None] - CENTRES) ** 2).sum(axis=-1).argmin(axis=1) for xy in (grid, end)]
    expected = np.bincount(nearest[0], weights=probability, minlength=3)
    np.testing.assert_allclose(np.bincount(nearest[1], minlength=3) / len(end), expected, atol=0.015)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_cells_started_at_a_minimum_fill_their_well_as_boltzmann_says(number: int) -> None:
    """The noise has the stated strength: mean energy above the minimum, of cells that are still in the well."""
    grid, probability = boltzmann()
    end, _ = euler_maruyama(np.tile(wells()[number].xy, (4000, 1)), 3.0, np.random.default_rng(number))
    inside = [np.linalg.norm(xy - wells()[number].xy, axis=1) < 0.5 for xy in (grid, end)]
    weight = probability[inside[0]] / probability[inside[0]].sum()
    energy, found = potential(grid[inside[0]]), potential(end[inside[1]])
    mean = weight @ energy
    spread = np.sqrt(weight @ (energy - mean) ** 2)
    assert found.mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(len(found)) + 0.04 * (mean - wells()[number].energy))


def test_growth_weight_is_the_integral_of_the_rate() -> None:
    """A cell in a deep well for a short time: the weight is rate times time there."""
    end, log_weight = euler_maruyama(CENTRES[[2, 0]], 1e-4, np.random.default_rng(0), growth=2.0)
    far = np.exp(-((CENTRES[2] - CENTRES[0]) ** 2).sum() / (2 * 0.55**2))
    np.testing.assert_allclose(log_weight, [2e-4, 2e-4 * far], rtol=0.1)
    assert end.shape == (2, 2)


def test_cells_leave_the_progenitor_for_both_fates() -> None:
    share = simulate_three_wells(seed=1).obs.groupby("time", observed=True)["state"].value_counts(normalize=True).unstack()
    assert share.loc[0.0, "Progenitor"] > 0.97
    assert (share["Progenitor"].diff().dropna() < 0).all()
    assert share.loc[8.0, "Fate A"] > 0.2
    assert share.loc[8.0, "Fate B"] > 0.2


def test_growth_makes_the_growing_fate_commoner() -> None:
    shares = [(simulate_three_wells(seed=2, growth=rate, times=(0, 8)).obs["state"] == "Fate B").mean() for rate in (0.0, 0.6)]
    assert shares[1] > shares[0] + 0.1


def test_same_seed_same_cells_other_seed_other_cells() -> None:
    one, two, three = (simulate_three_wells(seed=seed, n_per_time=20) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one["rna"].X.toarray(), two["rna"].X.toarray())
    assert not np.array_equal(one["rna"].X.toarray(), three["rna"].X.toarray())


def test_counts_follow_the_decoder() -> None:
    """Mean over cells at one place, and the negative binomial's variance, mean + mean^2 / 5 (with a fixed depth)."""
    mdata = simulate_three_wells(seed=6, n_per_time=3000, times=(0,))
    counts = counts_of(mdata["rna"]).toarray()
    expected = mean_expression(mdata.obsm["true_latent"])
    np.testing.assert_allclose(expected.sum(axis=1), 1)
    total = counts.sum(axis=0) / counts.sum()
    np.testing.assert_allclose(total, expected.mean(axis=0), rtol=0.15)
    assert np.corrcoef(np.log(total), np.log(expected.mean(axis=0)))[0, 1] > 0.995
    assert np.median(counts.sum(axis=1)) == pytest.approx(3000, rel=0.05)


def test_markers_mark_their_wells() -> None:
    share = mean_expression(np.stack([well.xy for well in wells()]))
    for i, prefix in enumerate(("PROG", "FATEA", "FATEB")):
        genes = [j for j, name in enumerate(gene_names()) if name.startswith(prefix)]
        assert len(genes) == 5
        others = [j for j in range(3) if j != i]
        assert (share[i, genes] > 4 * share[others][:, genes].max(axis=0)).all()


def test_the_delivered_file_is_what_the_command_makes() -> None:
    delivered, made = load_demo("simulated"), simulate_three_wells()
    np.testing.assert_array_equal(delivered["rna"].X.toarray(), made["rna"].X.toarray())
    assert delivered.obs["state"].astype(str).tolist() == made.obs["state"].astype(str).tolist()
    np.testing.assert_array_equal(delivered.obsm["true_latent"], made.obsm["true_latent"])
    assert bool(delivered.uns["simulated"])
    assert delivered.uns["three_wells"]["diffusion"] == DIFFUSION
    assert DEMOS["simulated"].simulated
