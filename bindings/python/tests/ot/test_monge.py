"""Monge gaps and fitted maps."""

from __future__ import annotations

import numpy as np
import pytest
from support import highs

import kantor
from kantor.ot import monge


@pytest.fixture(scope="module")
def cloud():
    return np.random.default_rng(5).normal(size=(40, 2))


@pytest.mark.smoke
def test_gap_of_gradients_of_convex_functions(cloud):
    assert monge.monge_gap(cloud, np.tanh(cloud) + cloud @ [[2, 1], [1, 2]]) == pytest.approx(0)
    assert monge.monge_gap(cloud, cloud[::-1]) > 0.1


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "l1"])
def test_gap_by_linear_programming(cloud, metric):
    rng = np.random.default_rng(6)
    images, weights = rng.normal(size=(40, 2)), rng.random(40)
    steps = cloud[:, None] - images
    cost = {
        "sqeuclidean": (steps**2).sum(-1), "euclidean": np.sqrt((steps**2).sum(-1)),
        "l1": abs(steps).sum(-1),
    }[metric]
    expected = weights @ np.diag(cost) - highs(cost, weights, weights)
    gap = monge.monge_gap(cloud, images, weights, metric=metric)
    assert gap == pytest.approx(expected, abs=1e-9)


def test_gradient_by_differences(cloud):
    images = np.random.default_rng(7).normal(size=(40, 2))
    step = np.random.default_rng(8).normal(size=(40, 2))
    for options in ({}, {"epsilon": 0.2}, {"epsilon": 0.2, "form": "debiased"}):
        out = monge.monge_gap(cloud, images, tol=1e-12, full=True, **options)
        high = monge.monge_gap(cloud, images + 1e-5 * step, tol=1e-12, **options)
        low = monge.monge_gap(cloud, images - 1e-5 * step, tol=1e-12, **options)
        assert (out.gradient * step).sum() == pytest.approx((high - low) / 2e-5, rel=1e-5)
        assert out.bounds[0] <= float(out) <= out.bounds[1]
        assert out.gradient_points.shape == (40, 2) and out.gradient_weights.shape == (40,)
        assert "Monge gap" in repr(out)


def test_gradient_keeps_the_precision(cloud):
    single = cloud.astype(np.float32)
    assert monge.monge_gap(single, single[::-1], full=True).gradient.dtype == np.float32
    line = monge.monge_gap(cloud[:, 0], cloud[::-1, 0], full=True)
    assert line.gradient.shape == (40,)


def test_gap_refuses(cloud):
    with pytest.raises(kantor.InvalidShapeError, match="TX"):
        monge.monge_gap(cloud, cloud[:-1])
    with pytest.raises(kantor.InvalidValueError, match="weights"):
        monge.monge_gap(cloud, cloud, -np.ones(40))
    with pytest.raises(kantor.InvalidValueError, match="epsilon"):
        monge.monge_gap(cloud, cloud, epsilon=-1)
    with pytest.raises(kantor.InvalidValueError, match="points"):
        monge.monge_gap(cloud * np.nan, cloud)
    with pytest.raises(kantor.InvalidValueError, match="metric"):
        monge.monge_gap(cloud, cloud, metric="chebyshev")
