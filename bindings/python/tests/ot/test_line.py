"""Transport on the line under POT's names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import highs, weights

import kantor
from kantor import ot

POWERS = [("sqeuclidean", 1.0, 2), ("euclidean", 1.0, 1), ("cityblock", 5.0, 1),
          ("minkowski", 1.5, 1.5), ("minkowski", 3.0, 3), ("minkowski", 0.5, 0.5)]


def drawn(seed, n, m):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(n), rng.standard_normal(m), weights(rng, n), weights(rng, m)


@pytest.mark.parametrize("metric, p, power", POWERS)
@pytest.mark.parametrize("seed", range(3))
def test_plan_and_cost(metric, p, power, seed):
    x, y, a, b = drawn(seed, 7, 5)
    M = np.abs(x[:, None] - y) ** power
    plan, log = ot.emd_1d(x, y, a, b, metric, p, log=True)
    assert plan.sum(axis=1) == pytest.approx(a, abs=1e-12)
    assert plan.sum(axis=0) == pytest.approx(b, abs=1e-12)
    expected = highs(M, a, b)
    assert log["cost"] == pytest.approx(expected, rel=1e-9)
    assert (plan * M).sum() == pytest.approx(expected, rel=1e-9)
    assert ot.emd2_1d(x, y, a, b, metric, p) == pytest.approx(log["cost"], rel=1e-12)
    entries = plan[log["perms_x_a"], log["perms_x_b"]]
    assert entries.sum() == pytest.approx(1)


def test_forms_of_the_plan():
    x, y, a, b = drawn(4, 6, 8)
    dense = ot.emd_1d(x, y, a, b)
    sparse = ot.emd_1d(x[:, None], y[:, None], a, b, dense=False)
    assert np.array_equal(sparse.toarray(), dense)
    assert np.array_equal(ot.emd2_1d(x, y, a, b, log=True)[1]["G"], dense)
    assert set(ot.emd2_1d(x, y, log=True, dense=False)[1]) == {"G"}


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_precision(kind):
    x, y, a, b = (value.astype(kind) for value in drawn(5, 6, 8))
    assert ot.emd_1d(x, y, a, b).dtype == np.dtype(kind)
    assert ot.wasserstein_1d(x, y, a, b).dtype == np.dtype(kind)
    assert type(ot.emd2_1d(x, y, a, b)) is float


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 30), p=st.sampled_from([1, 1.5, 2, 3]))
def test_uniform_samples_are_matched_in_order(seed, n, p):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(n), rng.standard_normal(n)
    expected = (np.abs(np.sort(x) - np.sort(y)) ** p).mean()
    assert ot.wasserstein_1d(x, y, p=p) == pytest.approx(expected, rel=1e-12)
    assert ot.wasserstein_1d(np.sort(x), np.sort(y), p=p, require_sort=False) == pytest.approx(
        expected, rel=1e-12)


def test_batches():
    rng = np.random.default_rng(6)
    X, Y = rng.random((9, 4)), rng.random((7, 4))
    a, b, each = weights(rng, 9), weights(rng, 7), rng.random((9, 4))
    each /= each.sum(axis=0)
    together = ot.wasserstein_1d(X, Y, a, b, p=2)
    assert together.shape == (4,)
    assert together == pytest.approx(
        [ot.wasserstein_1d(X[:, k], Y[:, k], a, b, p=2) for k in range(4)])
    assert ot.wasserstein_1d(X, Y, each, None) == pytest.approx(
        [ot.wasserstein_1d(X[:, k], Y[:, k], each[:, k]) for k in range(4)])


def test_plans():
    x, y, a, b = drawn(7, 6, 8)
    cost, (plan,) = ot.wasserstein_1d(x, y, a, b, p=2, return_plans=True)
    assert plan.toarray() == pytest.approx(ot.emd_1d(x, y, a, b), abs=1e-12)
    cost, (entries,) = ot.wasserstein_1d(x, y, a, b, p=2, return_plans="coo_tuple")
    assert (np.abs(x[entries.rows] - y[entries.cols]) ** 2 @ entries.data) == pytest.approx(cost)


@pytest.mark.parametrize("call, kind, text", [
    (lambda x: ot.emd_1d(x, np.ones((2, 2))), kantor.InvalidShapeError, "x_b has the shape"),
    (lambda x: ot.emd_1d(x, x, metric="cosine"), kantor.InvalidValueError, "cosine"),
    (lambda x: ot.emd_1d(x, x, metric="minkowski", p=0), kantor.InvalidValueError, "p is 0"),
    (lambda x: ot.emd_1d(x, x, a=[1.0]), kantor.InvalidShapeError, "a has 1 weights"),
    (lambda x: ot.emd_1d(x, x, a=[1.0, 1.0, 1.0]), kantor.InvalidValueError, "masses differ"),
    (lambda x: ot.emd_1d(x * np.nan, x), kantor.InvalidValueError, "points_source is nan"),
    (lambda x: ot.wasserstein_1d(x, x, p=0.5), kantor.InvalidValueError, "p is 0.5"),
    (lambda x: ot.wasserstein_1d(x, x[:, None]), kantor.InvalidShapeError, "u_values"),
    (lambda x: ot.wasserstein_1d(x, x, np.ones(2)), kantor.InvalidShapeError, "u_weights"),
    (lambda x: ot.wasserstein_1d(x, x, return_plans="all"), kantor.InvalidValueError, "return_pl"),
    (lambda x: ot.wasserstein_1d(x[:0], x), kantor.InvalidShapeError, "points_source"),
])
def test_refusals(call, kind, text):
    with pytest.raises(kind, match=text):
        call(np.arange(3.0))
