"""Transport through Python: answers by other routes, properties and invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import entropic_plan, highs, problem, problems, weights

import kantor

EXACT = ["network_simplex", None]
METRICS = {
    "sqeuclidean": lambda x, y: ((x[:, None] - y[None]) ** 2).sum(axis=2),
    "euclidean": lambda x, y: np.sqrt(((x[:, None] - y[None]) ** 2).sum(axis=2)),
    "l1": lambda x, y: np.abs(x[:, None] - y[None]).sum(axis=2),
    "power": lambda x, y: np.sqrt(((x[:, None] - y[None]) ** 2).sum(axis=2)) ** 1.5,
    "cosine": lambda x, y: 1 - (x @ y.T) / np.linalg.norm(x, axis=1)[:, None]
    / np.linalg.norm(y, axis=1),
}


def solve(M, a, b, method=None, **options):
    return kantor.solve(kantor.Problem("transport", cost=M, a=a, b=b), method, **options)


def check_optimal(M, a, b, result, tolerance=1e-9):
    """Marginals, duality and certificate, recomputed."""
    scale = 1 + np.abs(M[np.isfinite(M)]).max()
    plan, f, g = result.plan, result.potential_source, result.potential_target
    b = b * a.sum() / b.sum()
    assert result.status == "solved"
    assert (plan >= 0).all()
    assert plan.sum(axis=1) == pytest.approx(a, abs=tolerance)
    assert plan.sum(axis=0) == pytest.approx(b, abs=tolerance)
    assert (f[:, None] + g[None] <= M + tolerance * scale).all()
    primal = plan[plan > 0] @ M[plan > 0]
    assert result.objective == pytest.approx(primal, abs=tolerance * scale)
    assert a @ f + b @ g == pytest.approx(primal, abs=tolerance * scale)
    assert abs(result.gap) <= tolerance * scale


# Exact


@pytest.mark.smoke
@pytest.mark.parametrize("method", EXACT)
@given(drawn=problems)
def test_exact_against_linear_programming(method, drawn):
    M, a, b = drawn
    result = solve(M, a, b, method)
    check_optimal(M, a, b, result)
    assert result.objective == pytest.approx(highs(M, a, b), rel=1e-9, abs=1e-9)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 12))
def test_uniform_square_problems_are_assignments(seed, n):
    M = np.random.default_rng(seed).random((n, n))
    uniform = np.full(n, 1 / n)
    result = solve(M, uniform, uniform)
    check_optimal(M, uniform, uniform, result)
    from scipy.optimize import linear_sum_assignment

    best = M[linear_sum_assignment(M)].mean()
    assert result.objective == pytest.approx(best, rel=1e-12, abs=1e-12)


@given(drawn=problems, forbidden=st.integers(0, 2**32 - 1))
def test_forbidden_pairs(drawn, forbidden):
    M, a, b = drawn
    M = np.where(np.random.default_rng(forbidden).random(M.shape) < 0.3, np.inf, M)
    result = solve(M, a, b)
    expected = highs(M, a, b)
    if expected is None:
        assert result.status == "infeasible"
    else:
        check_optimal(M, a, b, result)
        assert result.objective == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert (result.plan[~np.isfinite(M)] == 0).all()


@given(drawn=problems, seed=st.integers(0, 2**32 - 1))
def test_invariances_of_the_exact_cost(drawn, seed):
    M, a, b = drawn
    n, m = M.shape
    rng = np.random.default_rng(seed)
    value = solve(M, a, b).objective
    rows, columns = rng.permutation(n), rng.permutation(m)
    close = pytest.approx(value, rel=1e-9, abs=1e-9)
    assert solve(M[rows][:, columns], a[rows], b[columns]).objective == close
    assert solve(M.T, b, a).objective == close
    assert solve(3 * M, a, b).objective / 3 == close
    assert solve(M, 5 * a, 5 * b).objective / 5 == close
    shift = rng.random(n)
    assert solve(M + shift[:, None], a, b).objective - a @ shift == close
    padded = np.vstack([M, rng.random(m)])
    assert solve(padded, np.append(a, 0), b).objective == close
    doubled = np.vstack([M, M[:1]])
    halved = np.append(a, a[0] / 2)
    halved[0] /= 2
    assert solve(doubled, halved, b).objective == close


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_points_and_costs_give_the_same(metric, dimension, rng):
    x, y = rng.standard_normal((9, dimension)), rng.standard_normal((7, dimension))
    a, b = weights(rng, 9), weights(rng, 7)
    M = METRICS[metric](x, y)
    power = 1.5 if metric == "power" else None
    points = kantor.Problem("transport", points=(x, y), metric=metric, power=power, a=a, b=b)
    result = kantor.solve(points)
    check_optimal(M, a, b, result)
    assert result.objective == pytest.approx(highs(M, a, b), rel=1e-9, abs=1e-12)
    soft = kantor.solve(points, "sinkhorn", epsilon=0.3)
    dense = solve(M, a, b, "sinkhorn", epsilon=0.3)
    assert soft.objective == pytest.approx(dense.objective, rel=1e-7)
    assert soft.plan == pytest.approx(dense.plan, abs=1e-7)


def test_translation_and_scale_of_points(rng):
    x, y = rng.random((20, 3)), rng.random((15, 3))
    value = kantor.solve(kantor.Problem("transport", points=(x, y))).objective
    shift = np.array([3.0, -1.0, 2.0])
    moved = kantor.Problem("transport", points=(x, x + shift))
    assert kantor.solve(moved).objective == pytest.approx(shift @ shift, rel=1e-12)
    both = kantor.Problem("transport", points=(x + 10, y + 10))
    assert kantor.solve(both).objective == pytest.approx(value, rel=1e-9)
    larger = kantor.Problem("transport", points=(4 * x, 4 * y))
    assert kantor.solve(larger).objective == pytest.approx(16 * value, rel=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_one_point(shape, rng):
    M = rng.random(shape)
    result = solve(M, None, None)
    assert result.plan == pytest.approx(np.full(shape, 1 / M.size), abs=1e-15)
    assert result.objective == pytest.approx(M.mean(), rel=1e-14)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e9, 1e100])
def test_scale_of_costs(scale, rng):
    M, a, b = problem(3, 8, 7)
    expected = solve(M, a, b).objective
    assert solve(M * scale, a, b).objective == pytest.approx(expected * scale, rel=1e-9)


def test_single_precision_costs(rng):
    M, a, b = problem(4, 8, 7)
    result = solve(M.astype(np.float32), a, b)
    check_optimal(M.astype(np.float32).astype(float), a, b, result)


# On the line


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 10), m=st.integers(1, 10))
def test_line_against_linear_programming(seed, n, m):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(n).round(1), rng.standard_normal(m).round(1)
    a, b = weights(rng, n, int(n > 1)), weights(rng, m)
    result = kantor.solve(kantor.Problem("transport", points=(x, y), a=a, b=b))
    assert result.method == "transport/one_dimensional"
    M = (x[:, None] - y[None]) ** 2
    check_optimal(M, a, b, result)
    assert result.objective == pytest.approx(highs(M, a, b), rel=1e-9, abs=1e-10)


# Entropic


@pytest.mark.parametrize("epsilon", [10.0, 1.0, 0.1, 0.03])
@pytest.mark.parametrize("seed", range(3))
def test_entropic_against_plain_sinkhorn(epsilon, seed):
    M, a, b = problem(seed, 7, 5)
    M /= np.median(M)
    result = solve(M, a, b, "sinkhorn", epsilon=epsilon, tolerance=1e-12)
    expected = entropic_plan(M, a, b, epsilon)
    assert result.status == "solved"
    assert result.plan == pytest.approx(expected, abs=1e-9)
    relative = expected * np.log(expected / np.outer(a, b), where=expected > 0,
                                 out=np.zeros_like(expected))
    value = (expected * M).sum() + epsilon * relative.sum()
    assert result.objective == pytest.approx(value, rel=1e-8)
    assert result.transport_cost == pytest.approx((expected * M).sum(), rel=1e-7)


@pytest.mark.parametrize("epsilon", [10.0, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
def test_every_epsilon_is_solved(epsilon, rng):
    x, y = rng.random((40, 2)), rng.random((50, 2))
    M = METRICS["sqeuclidean"](x, y)
    M /= np.median(M)
    a, b = weights(rng, 40), weights(rng, 50)
    result = solve(M, a, b, "sinkhorn", epsilon=epsilon, tolerance=1e-9, max_iterations=50_000)
    assert result.status == "solved"
    assert np.isfinite(result.plan).all()
    exact = highs(M, a, b)
    assert result.lower_bound <= exact * (1 + 1e-9)
    assert result.upper_bound >= exact * (1 - 1e-9)
    if epsilon <= 1e-4:
        assert result.transport_cost == pytest.approx(exact, rel=0.02)


@given(drawn=problems, seed=st.integers(0, 2**32 - 1))
def test_invariances_of_the_entropic_cost(drawn, seed):
    M, a, b = drawn
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(M.shape[0]), rng.permutation(M.shape[1])

    def value(*arguments, epsilon=1.0):
        return solve(*arguments, "sinkhorn", epsilon=epsilon, tolerance=1e-10).objective

    close = pytest.approx(value(M, a, b), rel=1e-7, abs=1e-7)
    assert value(M[rows][:, columns], a[rows], b[columns]) == close
    assert value(M.T, b, a) == close
    assert value(2 * M, a, b, epsilon=2.0) / 2 == close
    assert value(np.vstack([M, rng.random(M.shape[1])]), np.append(a, 0), b) == close


def test_rounded_plan_is_feasible(rng):
    M, a, b = problem(11, 30, 20)
    result = solve(M, a, b, "sinkhorn", epsilon=0.1, tolerance=1e-3, round=True)
    assert result.plan.sum(axis=1) == pytest.approx(a, abs=1e-14)
    assert result.plan.sum(axis=0) == pytest.approx(b, abs=1e-14)
    assert (result.plan >= 0).all()
