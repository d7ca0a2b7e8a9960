"""``dist`` and ``unif``."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import kantor
from kantor import ot

METRICS = ["sqeuclidean", "euclidean", "cityblock", "minkowski", "cosine", "correlation",
           "chebyshev", "canberra"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dimension", [2, 40])
def test_against_scipy(metric, dimension, rng):
    x, y = rng.random((6, dimension)), rng.random((5, dimension))
    extra = {"p": 3} if metric == "minkowski" else {}
    expected = cdist(x, y, metric, **extra)
    assert ot.dist(x, y, metric, **extra) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert ot.dist(x, y, metric, backend="scipy", **extra) == pytest.approx(expected)


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "cityblock"])
@pytest.mark.parametrize("dimension", [3, 40])
def test_points_with_themselves(metric, dimension, rng):
    x = rng.random((7, dimension)) + 1e6
    costs = ot.dist(x, metric=metric)
    assert (np.diag(costs) == 0).all()
    assert costs == pytest.approx(cdist(x, x, metric), rel=1e-6, abs=1e-6)


def test_weighted_minkowski(rng):
    x, y, w = rng.random((6, 3)), rng.random((5, 3)), rng.random(3)
    assert ot.dist(x, y, "minkowski", p=3, w=w) == pytest.approx(
        cdist(x, y, "minkowski", p=3, w=w))
    assert ot.dist(x, y, "minkowski", p=3, w=w, backend="scipy") == pytest.approx(
        cdist(x, y, "minkowski", p=3, w=w))


def test_functions_of_two_points(rng):
    x, y = rng.random((3, 2)), rng.random((4, 2))
    assert ot.dist(x, y, lambda u, v: np.abs(u - v).sum()) == pytest.approx(
        ot.dist(x, y, "cityblock"))


def test_precision_and_lists(rng):
    x = rng.random((3, 2))
    assert ot.dist(x.astype("f4")).dtype == np.float32
    assert ot.dist(x.tolist()).dtype == np.float64
    assert ot.dist([1.0, 2.0], [4.0]).tolist() == [[9.0], [4.0]]


@pytest.mark.parametrize("arguments, words, kind, text", [
    ((np.ones((2, 3)), np.ones((2, 2))), {}, kantor.InvalidShapeError, "dimension"),
    ((np.ones((2, 3, 1)),), {}, kantor.InvalidShapeError, "x1"),
    ((np.ones((2, 3)),), dict(metric="nothing"), kantor.InvalidValueError, "nothing"),
    ((np.ones((2, 3)),), dict(metric="minkowski", p=0), kantor.InvalidValueError, "p is 0"),
    ((np.ones((2, 3)),), dict(w=np.ones(2)), kantor.InvalidShapeError, "w has 2 weights"),
    ((np.ones((2, 3)),), dict(metric="minkowski", w=np.ones(2)), kantor.InvalidShapeError, "w has"),
    ((np.ones((2, 3)),), dict(backend="torch"), kantor.UnsupportedError, "torch"),
    ((np.ones((2, 3)),), dict(nx=np), kantor.UnsupportedError, "nx"),
])
def test_refusals(arguments, words, kind, text):
    with pytest.raises(kind, match=text):
        ot.dist(*arguments, **words)


def test_unif():
    assert np.array_equal(ot.unif(4), np.full(4, 0.25))
    assert ot.unif(4, type_as=np.ones(2, "f4")).dtype == np.float32
    for bad in (0, -1, 1.5, "two"):
        with pytest.raises(kantor.InvalidValueError, match="n is"):
            ot.unif(bad)
