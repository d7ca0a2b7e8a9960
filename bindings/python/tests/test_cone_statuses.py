"""Small random linear programs, feasible, infeasible and unbounded, with trivial and dependent
rows: no method calls one by a wrong name. SciPy's HiGHS is the judge.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import kantor


def program(seed):
    """min q'x subject to l <= Ax <= u, with small integers, so that ties and zero rows abound."""
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 9), rng.integers(1, 13)
    A = rng.integers(-3, 4, (m, n)) * (rng.random((m, n)) < rng.choice([0.3, 0.6, 1.0])) * 1.0
    if m > 2 and rng.random() < 0.4:
        A[rng.integers(m)] = A[rng.integers(m)] * rng.choice([1, -1, 2, -0.5])
    if m > 2 and rng.random() < 0.2:
        A[rng.integers(m)] = 0
    q = rng.integers(-3, 4, n) * 1.0
    b = A @ rng.integers(-2, 3, n)
    if rng.random() < 0.4:
        b = b + rng.integers(-2, 3, m)
    kind, room = rng.integers(0, 4, m), rng.integers(0, 4, m)
    l = np.where((kind == 0) | (kind >= 2), b - room * (kind > 0), -np.inf)  # noqa: E741
    u = np.where(kind == 2, np.inf, b + room * (kind > 0))
    if rng.random() < 0.5:
        A = np.vstack([A, np.eye(n)])
        l = np.r_[l, np.where(rng.random(n) < 0.6, 0, -np.inf)]  # noqa: E741
        u = np.r_[u, np.where(rng.random(n) < 0.4, 3, np.inf)]
    return q, A, l, u


def judge(q, A, l, u):  # noqa: E741
    rows = optimize.LinearConstraint(A, l, u)
    free = optimize.Bounds(-np.inf, np.inf)
    possible = optimize.milp(np.zeros_like(q), constraints=rows, bounds=free)
    if possible.status == 2:
        return "infeasible", np.inf
    found = optimize.milp(q, constraints=rows, bounds=free)
    return ("solved", found.fun) if found.status == 0 else ("unbounded", -np.inf)


def solve(q, A, l, u, method, **options):  # noqa: E741
    problem = kantor.Problem(
        "cone", q=q, A=-A, b=np.zeros(len(l)), cones=f"box {len(l)}", lower=l, upper=u)
    return kantor.solve(problem, method, **options)


@pytest.mark.parametrize("block", range(4))
@pytest.mark.parametrize(
    "method, options",
    [("interior_point", {}), ("interior_point", {"presolve": False}), ("first_order", {}),
     ("active_set", {})])
def test_statuses_of_small_programs(method, options, block):
    undecided = []
    for seed in range(60 * block, 60 * block + 60):
        data = program(seed)
        status, objective = judge(*data)
        result = solve(*data, method, **options)
        if result.status in ("numerical_error", "stalled"):
            undecided.append(seed)
            continue
        assert result.status == status, seed
        if status == "solved":
            tolerance = 1e-4 if method == "first_order" else 1e-6
            np.testing.assert_allclose(
                result.objective, objective, rtol=tolerance, atol=tolerance, err_msg=str(seed))
    assert len(undecided) <= 2, undecided


def test_presolve_completes_the_multipliers():
    A = np.array([[2.0, 0, 0], [1, 1, 0], [0, 1, 1], [0, -2, -2], [0, 0, 0]])
    problem = kantor.Problem(
        "cone", P=np.eye(3), q=np.array([1.0, 2.0, -3.0]), A=A, b=np.array([4.0, 5, 4, 9, 1]),
        cones="zero 2, nonnegative 3")
    result, plain = kantor.solve(problem), kantor.solve(problem, presolve=False)
    assert (result.removed_variables, plain.removed_variables) == (3, 0)
    np.testing.assert_allclose(result.x, plain.x, atol=1e-6)
    np.testing.assert_allclose(result.x + A.T @ result.z, [-1, -2, 3], atol=1e-6)
    assert result.primal_violation == 0 and np.all(result.z[2:] >= 0)


def test_quality_of_derivatives():
    def bounded(t):
        return kantor.solve(
            kantor.Problem(
                "cone", P=np.eye(1), q=np.array([-t]), A=np.eye(1), b=np.ones(1),
                cones="nonnegative 1"))

    assert float(bounded(0.75).derivative_quality) == pytest.approx(0.25, abs=1e-6)
    assert float(bounded(1.0).derivative_quality) < 1e-3
