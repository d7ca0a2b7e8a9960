"""Transport on the circle."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
import kantor.ot as ot

RNG = np.random.default_rng(5)


def arcs(x, y):
    apart = np.abs(np.subtract.outer(x, y)) % 1.0
    return np.minimum(apart, 1 - apart)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
@pytest.mark.parametrize("sizes", [(1, 1), (6, 6), (7, 4), (1, 9)])
def test_the_exact_cost_along_arcs(p, sizes):
    x, y = RNG.random(sizes[0]) * 3 - 1, RNG.random(sizes[1])
    a, b = RNG.random(sizes[0]), RNG.random(sizes[1])
    b *= a.sum() / b.sum()
    for u, v in ((None, None), (a, b)):
        cost = ot.wasserstein_circle(x, y, u, v, p=p)
        assert cost.shape == (1,)
        assert cost[0] == pytest.approx(ot.emd2(u, v, arcs(x, y) ** p), abs=1e-12)


def test_many_points_of_power_one():
    x, y = RNG.random(300), RNG.random(211) ** 2
    assert ot.wasserstein_circle(x, y)[0] == pytest.approx(ot.emd2([], [], arcs(x, y)), abs=1e-12)
    twice = np.concatenate([x, x])  # ties
    assert ot.wasserstein_circle(x, twice)[0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("p", [1, 2])
def test_turns_and_columns(p):
    x, y = RNG.random((8, 3)), RNG.random((5, 3))
    costs = ot.wasserstein_circle(x, y, p=p)
    assert costs.shape == (3,)
    turned = ot.wasserstein_circle(x + 0.37, y + 2.37, p=p)
    np.testing.assert_allclose(turned, costs, atol=1e-12)
    for k in range(3):
        np.testing.assert_allclose(ot.binary_search_circle(x[:, k], y[:, k], p=p), costs[k])
    single = ot.wasserstein_circle(x.astype(np.float32), y.astype(np.float32), p=p)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, costs, rtol=1e-4, atol=1e-7)
    weights = RNG.random(8)
    all_alike = ot.wasserstein_circle(x, y, weights, np.full(5, weights.sum() / 5), p=p)
    each = ot.wasserstein_circle(
        x, y, np.stack([weights] * 3, axis=1), np.full((5, 3), weights.sum() / 5), p=p)
    np.testing.assert_allclose(all_alike, each)


def test_the_uniform_law():
    x, a = RNG.random(6), RNG.random(6)
    many = (np.arange(3000) + 0.5) / 3000
    fine = ot.emd2(a / a.sum(), [], arcs(x, many) ** 2)
    assert ot.semidiscrete_wasserstein2_unif_circle(x, a)[0] == pytest.approx(fine, abs=1e-6)
    even = np.arange(7) / 7 + 0.03
    np.testing.assert_allclose(
        ot.semidiscrete_wasserstein2_unif_circle(even), 1 / (12 * 49), atol=1e-15)
    assert ot.semidiscrete_wasserstein2_unif_circle(RNG.random((6, 2))).shape == (2,)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: ot.wasserstein_circle([0.1], [0.2], p=0.5), "p is 0.5"),
    (lambda: ot.wasserstein_circle([0.1], [[0.2]]), "u_values and v_values have the shapes"),
    (lambda: ot.wasserstein_circle([np.nan], [0.2]), "not finite"),
    (lambda: ot.wasserstein_circle([0.1], [0.2], [1.0], [2.0]), "the masses differ"),
    (lambda: ot.wasserstein_circle([0.1], [0.2], [1.0, 1.0]), r"u_weights has the shape \(2,\)"),
    (lambda: ot.wasserstein_circle([0.1, 0], [0.2], [-1.0, 2.0], [1.0]), "no masses"),
    (lambda: ot.semidiscrete_wasserstein2_unif_circle([0.1], [0.0]), "all 0"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_search_is_not_offered():
    with pytest.raises(kantor.UnsupportedError, match="log is not offered"):
        ot.binary_search_circle([0.1], [0.2], log=True)
