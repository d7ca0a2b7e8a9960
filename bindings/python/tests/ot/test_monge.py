"""Monge gaps and fitted maps."""

from __future__ import annotations

import numpy as np
import pytest
from support import highs

import kantor
from kantor import ot
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


@pytest.mark.smoke
def test_affine_map_is_that_of_the_normal_laws(cloud):
    images = cloud @ np.array([[2.0, 0.5], [0.5, 1.0]]) + [1, -2]
    fitted = monge.fit_map(cloud, images, epsilon=0.02)
    assert fitted.result.status == "solved"
    assert fitted.matrix == pytest.approx(np.array([[2.0, 0.5], [0.5, 1.0]]), abs=0.02)
    A, b = ot.gaussian.empirical_bures_wasserstein_mapping(cloud, images, reg=0)
    assert fitted.matrix == pytest.approx(A.T, abs=0.02)
    assert fitted.offset == pytest.approx(np.ravel(b), abs=0.02)
    assert fitted.transform(cloud) == pytest.approx(fitted.mapped)
    assert fitted.transform(cloud[:3].astype(np.float32)).shape == (3, 2)
    assert "affine" in repr(fitted) and np.isnan(fitted.width)


def test_radial_map_and_new_points(cloud):
    target = np.c_[cloud[:, 0], cloud[:, 1] + cloud[:, 0] ** 2]
    fitted = monge.fit_map(cloud, target, family="radial", centres=9)
    assert fitted.centres.shape == fitted.weights.shape == (9, 2)
    assert fitted.transform(cloud) == pytest.approx(fitted.mapped)
    again = monge.fit_map(cloud, target, family="radial", centres=fitted.centres,
                          width=fitted.width)
    assert again.mapped == pytest.approx(fitted.mapped, abs=1e-4)
    problem = kantor.Problem(
        "map_fit", points_source=cloud, points_target=target, points_new=cloud[:4] + 1)
    result = kantor.solve(problem)
    assert result.mapped_new == pytest.approx((cloud[:4] + 1) @ result.matrix.T + result.offset)
    assert "radial" in repr(fitted)


def test_line_and_weights():
    x = np.linspace(-1, 1, 25)
    fitted = monge.fit_map(x, 3 * x + 2, np.full(25, 4.0), np.full(25, 0.5), epsilon=0.01)
    assert fitted.transform([0.0, 1.0]) == pytest.approx([2, 5], abs=0.02)


def test_fit_refuses(cloud):
    with pytest.raises(kantor.KantorError, match="affine"):
        monge.fit_map(cloud, cloud, width=1.0)
    with pytest.raises(kantor.InvalidShapeError, match="dimension"):
        monge.fit_map(cloud, cloud[:, :1])
    with pytest.raises(kantor.InvalidValueError, match="gap_weight"):
        monge.fit_map(cloud, cloud, gap_weight=-1)
    with pytest.raises(kantor.InvalidShapeError, match="dimension 2"):
        monge.fit_map(cloud, cloud).transform([[1.0]])
    with pytest.warns(UserWarning, match="iteration_limit"):
        monge.fit_map(cloud, cloud**3, max_iter=1)
