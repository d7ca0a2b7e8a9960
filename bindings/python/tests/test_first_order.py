"""The first-order method: known answers, the interior-point method, starts, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, sparse

import kantor

VARIANTS = [
    {"splitting": "douglas_rachford"},
    {"splitting": "douglas_rachford", "acceleration": "halpern"},
    {"splitting": "douglas_rachford", "acceleration": "none"},
    {"splitting": "primal_dual"},
    {},
]


def linear(n, m, seed):
    rng = np.random.default_rng(seed)
    A = sparse.random(m, n, density=0.3, random_state=rng, format="csc")
    A = sparse.vstack([A, -sparse.identity(n)]).tocsc()
    b = A @ rng.uniform(0, 1, n) + rng.uniform(0.1, 1, m + n)
    return A, b, -(A.T @ rng.uniform(0, 1, m + n))


def problem(A, b, q, **more):
    return kantor.Problem("cone", q=q, A=A, b=b, cones=f"nonnegative {len(b)}", **more)


@pytest.mark.parametrize("options", VARIANTS)
def test_linear_programs_against_scipy(options):
    A, b, q = linear(20, 30, 1)
    reference = optimize.linprog(q, A_ub=A, b_ub=b, bounds=(None, None))
    result = kantor.solve(problem(A, b, q), "first_order", **options)
    assert result.status == "solved"
    np.testing.assert_allclose(result.objective, reference.fun, rtol=1e-4)
    assert np.all(A @ result.x <= b + 1e-4)


@pytest.mark.parametrize("options", VARIANTS)
def test_quadratic_programs_against_the_interior_point_method(options):
    A, b, q = linear(15, 20, 2)
    P = sparse.diags(np.linspace(0, 2, 15)).tocsc()
    accurate = kantor.solve(problem(A, b, q, P=P), "interior_point")
    result = kantor.solve(problem(A, b, q, P=P), "first_order", **options)
    assert result.status == "solved"
    np.testing.assert_allclose(result.objective, accurate.objective, rtol=1e-4)


def test_cones():
    # min x + y on the unit disc; the smallest eigenvalue of [2 1; 1 0] as a program.
    disc = kantor.Problem(
        "cone", q=np.ones(2), A=np.array([[0.0, 0], [-1, 0], [0, -1]]), b=np.array([1.0, 0, 0]),
        cones="second_order 3")
    assert abs(kantor.solve(disc, "first_order").objective + np.sqrt(2)) < 1e-5
    root = np.sqrt(2)
    matrix = kantor.Problem(
        "cone", q=np.array([2, root, 0]),
        A=np.array([[1.0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]),
        b=np.array([1.0, 0, 0, 0]), cones="zero 1, psd 2")
    assert abs(kantor.solve(matrix, "first_order").objective - (1 - root)) < 1e-5


@pytest.mark.parametrize("options", VARIANTS)
def test_rays(options):
    none = problem(np.array([[1.0, 1], [-1, -1]]), np.array([1.0, -2]), np.ones(2))
    result = kantor.solve(none, "first_order", **options)
    assert result.status == "infeasible"
    assert result.ray_dual @ np.array([1.0, -2]) < 0
    endless = problem(np.array([[1.0, 1]]), np.array([1.0]), np.array([1.0, 0]))
    assert kantor.solve(endless, "first_order", **options).status == "unbounded"


@pytest.mark.parametrize("options", VARIANTS)
def test_starts(options):
    A, b, q = linear(15, 20, 3)
    P = sparse.identity(15).tocsc()
    cold = kantor.solve(problem(A, b, q, P=P), "first_order", **options)
    warm = kantor.solve(problem(A, b, q, P=P), "first_order", warm_start=cold, **options)
    assert warm.status == "solved" and warm.iterations <= 2
    near = problem(A, b, q * (1 + 1e-4), P=P)
    moved = kantor.solve(near, "first_order", warm_start=cold, **options)
    fresh = kantor.solve(near, "first_order", **options)
    assert moved.status == "solved" and moved.iterations < fresh.iterations


def test_refusals():
    A, b, q = linear(15, 20, 4)
    with pytest.raises(kantor.KantorError, match="start value 'x'"):
        kantor.solve(problem(A, b, q), "first_order", warm_start={"x": np.ones(3)})
    with pytest.raises(kantor.KantorError, match="nothing"):
        kantor.solve(problem(A, b, q), "first_order", splitting="nothing")
    disc = kantor.Problem(
        "cone", q=np.ones(2), A=np.array([[0.0, 0], [-1, 0], [0, -1]]), b=np.array([1.0, 0, 0]),
        cones="second_order 3")
    with pytest.raises(kantor.KantorError, match="second_order"):
        kantor.solve(disc, "first_order", splitting="primal_dual")
