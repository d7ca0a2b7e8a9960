"""Derivative products against differences."""

from __future__ import annotations

import numpy as np
import pytest
from support import weights

import kantor

STEP = 1e-5


def differences(function, point, directions):
    """Central differences of a function along directions."""
    return np.array([
        (function(point + STEP * v) - function(point - STEP * v)) / (2 * STEP) for v in directions
    ])


def along(rng, shape, count=4, balanced=False):
    drawn = rng.standard_normal((count, *shape))
    return drawn - drawn.mean(axis=1, keepdims=True) if balanced else drawn


def contract(gradient, directions):
    return np.array([(gradient * v).sum() for v in directions])


METHODS = {
    "network_simplex": {},
    "sinkhorn": {"epsilon": 0.2, "tolerance": 1e-13},
    "sinkhorn_newton_sparse": {"epsilon": 0.2},
}


@pytest.mark.parametrize("method", METHODS)
def test_objective_by_costs_and_weights(method, rng):
    M, a, b = rng.random((6, 5)), weights(rng, 6), weights(rng, 5)

    def value(M=M, a=a, b=b):
        problem = kantor.Problem("transport", cost=M, a=a, b=b)
        return kantor.solve(problem, method, **METHODS[method]).objective

    problem = kantor.Problem("transport", cost=M, a=a, b=b)
    result = kantor.solve(problem, method, **METHODS[method])
    gradient = result.vjp({"objective": 1.0}, ["cost", "a", "weights_target"])
    assert list(gradient) == ["cost", "a", "weights_target"]
    for name, point, balanced in (
        ("cost", M, False), ("a", a, True), ("weights_target", b, True)
    ):
        assert gradient[name].shape == point.shape
        keyword = {"cost": "M", "a": "a", "weights_target": "b"}[name]
        directions = along(rng, point.shape, balanced=balanced)
        expected = differences(lambda x: value(**{keyword: x}), point, directions)
        assert contract(gradient[name], directions) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("metric, power", [
    ("sqeuclidean", None), ("euclidean", None), ("power", 3.0), ("l1", None), ("cosine", None),
])
@pytest.mark.parametrize("method", METHODS)
def test_objective_by_points(method, metric, power, rng):
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((6, 3))

    def solve(x=x, y=y):
        problem = kantor.Problem("transport", points=(x, y), metric=metric, power=power)
        return kantor.solve(problem, method, **METHODS[method])

    gradient = solve().vjp({"objective": 1.0}, ["X", "Y"])
    for name, point, keyword in (("X", x, "x"), ("Y", y, "y")):
        directions = along(rng, point.shape)
        expected = differences(lambda z: solve(**{keyword: z}).objective, point, directions)
        assert contract(gradient[name], directions) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_cost_of_the_plan_and_scaling(rng):
    problem = kantor.Problem("transport", cost=rng.random((4, 5)))
    result = kantor.solve(problem, "network_simplex")
    once = result.vjp({"objective": 1.0}, ["cost"])["cost"]
    assert once == pytest.approx(result.plan, abs=1e-12)
    assert result.vjp({"objective": [2.5]}, "cost")["cost"] == pytest.approx(2.5 * once)


@pytest.mark.parametrize("cotangents, wrt, kind", [
    ({"nothing": 1.0}, ["cost"], kantor.UnknownNameError),
    ({"objective": 1.0}, ["nothing"], kantor.UnknownNameError),
    ({"objective": 1.0}, ["X"], kantor.KantorError),
    ({"objective": [1.0, 2.0]}, ["cost"], kantor.InvalidShapeError),
    ({"objective": np.nan}, ["cost"], kantor.InvalidValueError),
    ({"objective": "much"}, ["cost"], kantor.InvalidTypeError),
    ({}, ["cost"], kantor.InvalidValueError),
    ({"objective": 1.0}, [], kantor.InvalidValueError),
    ([1.0], ["cost"], kantor.InvalidTypeError),
])
def test_refusals(cotangents, wrt, kind, rng):
    result = kantor.solve(kantor.Problem("transport", cost=rng.random((4, 5))))
    with pytest.raises(kind):
        result.vjp(cotangents, wrt)
