"""kantor.cone: cones as a list, results, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import optimize, sparse

import kantor
import kantor.cone


def feasible(seed, n, zero, plus, box, quadratic):
    """A random program with a known feasible point and a bounded objective."""
    rng = np.random.default_rng(seed)
    m = zero + plus + box
    A = rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.7)
    x = rng.normal(size=n)
    low, high = -rng.random(box), rng.random(box)
    low[rng.random(box) < 0.3] = -np.inf
    s = np.concatenate([np.zeros(zero), rng.random(plus) * (rng.random(plus) < 0.5),
                        rng.uniform(np.maximum(low, -2), high)])
    b = A @ x + s
    z = np.concatenate([rng.normal(size=zero), rng.random(plus) * (s[zero:zero + plus] == 0),
                        np.where(rng.random(box) < 0.5, -rng.random(box), 0)])
    active = z[zero + plus:] < 0
    s[zero + plus:][active] = high[active]
    b = A @ x + s
    root = rng.normal(size=(n, 1 + n // 2)) if quadratic else np.zeros((n, 1))
    P = root @ root.T
    return P, -(P @ x + A.T @ z), A, b, low, high, 0.5 * x @ P @ x - (P @ x + A.T @ z) @ x


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 3), st.integers(0, 8),
       st.integers(0, 5), st.booleans(), st.booleans())
def test_programs_with_known_optimum(seed, n, zero, plus, box, quadratic, is_sparse):
    P, q, A, b, low, high, optimum = feasible(seed, n, zero, plus, box, quadratic)
    cones = [("zero", zero), ("nonnegative", plus)]
    if box:
        cones.append(("box", low, high))
    given_A = sparse.csr_matrix(A) if is_sparse else A
    found = kantor.cone.solve(P, q, given_A, b, cones, tolerance=1e-9)
    assert found.status == "solved", found
    np.testing.assert_allclose(found.objective, optimum, atol=1e-5 * (1 + abs(optimum)))
    np.testing.assert_allclose(A @ found.x + found.s, b, atol=1e-6 * (1 + np.abs(b).max(initial=0)))
    np.testing.assert_allclose(P @ found.x + A.T @ found.z, -q, atol=1e-5 * (1 + np.abs(q).max()))
    assert found.certificate["relative_gap"] <= 1e-9


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 8))
def test_linear_programs_of_any_outcome_against_scipy(seed, n, m):
    rng = np.random.default_rng(seed)
    A = rng.integers(-3, 4, (m, n)).astype(float)
    b, q = rng.integers(-4, 5, m).astype(float), rng.integers(-3, 4, n).astype(float)
    reference = optimize.linprog(q, A_ub=A, b_ub=b, bounds=(None, None))
    found = kantor.cone.solve(None, q, A, b, [("nonnegative", m)])
    if reference.status == 0:
        assert found.status == "solved"
        np.testing.assert_allclose(found.objective, reference.fun, atol=1e-5)
    elif found.status == "infeasible":
        z = found.ray_dual
        assert z.min() >= -1e-9 and b @ z < 0 and np.abs(A.T @ z).max() <= 1e-6 * -(b @ z)
        assert found.x is None and found.z is None and found.objective == np.inf
    else:
        x = found.ray_primal
        assert found.status == "unbounded"
        assert q @ x < 0 and (A @ x).max() <= 1e-6 * -(q @ x)
        assert found.x is None and found.objective == -np.inf


def test_text_and_list_say_the_same():
    q, A, b = [1.0, 1.0], -np.eye(2), [0.0, 0.0]
    whole = kantor.cone.solve(None, q, A, b, [("nonnegative", 2)])
    np.testing.assert_array_equal(kantor.cone.solve(None, q, A, b, "nonnegative 2").x, whole.x)
    assert "solved" in repr(whole)


def test_boxes_take_numbers():
    found = kantor.cone.solve(np.eye(2), [-5.0, 5.0], -np.eye(2), None, [("box", -1.0, [1.0, 2.0])])
    np.testing.assert_allclose(found.x, [1, -1], atol=1e-6)


def test_no_constraints():
    found = kantor.cone.solve(2 * np.eye(2), [-2.0, 4.0], None, None, [])
    np.testing.assert_allclose(found.x, [1, -2], atol=1e-6)


def test_warm_start_from_a_solution():
    P, q, A, b, *_ = feasible(3, 8, 1, 12, 0, True)
    cones = [("zero", 1), ("nonnegative", 12)]
    cold = kantor.cone.solve(P, q, A, b, cones)
    warm = kantor.cone.solve(P, q, A, b, cones, warm_start=cold)
    assert warm.status == "solved" and warm.result.iterations <= 2 < cold.result.iterations


def test_check_raises():
    with pytest.raises(kantor.NotSolvedError, match="infeasible"):
        kantor.cone.solve(None, [0.0], [[1.0], [-1.0]], [0.0, -1.0], [("nonnegative", 2)],
                          check=True)


# A point of the cone, to be found as the nearest one to itself.
ALL = {
    "second_order": ([("second_order", 3)], [2.0, 1.0, 1.0]),
    "rotated_second_order": ([("rotated_second_order", 3)], [1.0, 1.0, 0.5]),
    "psd": ([("psd", 2)], [1.0, 0.1, 1.0]),
    "exponential": ([("exponential",)], [0.0, 1.0, 2.0]),
    "exponentials": ([("exponential", 2)], [0.0, 1.0, 2.0, 0.0, 1.0, 3.0]),
    "power": ([("power", 0.3)], [1.0, 1.0, 0.5]),
    "generalized_power": ([("generalized_power", 2, [0.5, 0.25, 0.25])], [1.0, 1, 1, 0.1, 0.2]),
    "mixed": ([("zero", 1), ("box", [0.0], [1.0]), ("second_order", 2)], [0.0, 0.5, 1.0, 0.3]),
}


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_cone_reaches_the_library(name):
    """Cones are passed on as they are; one that no method takes yet is refused as that."""
    cones, point = ALL[name]
    n = len(point)
    try:
        found = kantor.cone.solve(np.eye(n), -np.array(point), -np.eye(n), np.zeros(n), cones)
    except kantor.UnsupportedError as refusal:
        assert "cone" in str(refusal)
    else:
        assert found.status == "solved"
        np.testing.assert_allclose(found.x, point, atol=1e-5)


@pytest.mark.parametrize("cones, words", [
    ([("cube", 3)], "cones\\[0\\] is 'cube'"),
    ([()], "empty"),
    ([("nonnegative",)], "0 values"),
    ([("nonnegative", 1, 2)], "2 values"),
    ([("nonnegative", -1)], "natural"),
    ([("nonnegative", 2.5)], "natural"),
    ([("nonnegative", None)], "natural"),
    ([("nonnegative", 2)], "A has the shape"),
    ([("nonnegative", 2), ("power", 1.5)], "exponent"),
    ([("power", "x")], "exponent"),
    ([("box", 1.0)], "1 values"),
    ([("box", [0.0, 0.0], [1.0, 1.0, 1.0])], "lower has 2 elements and upper 3"),
    ([("box", [0.0, 0.0, np.nan], 1.0)], "lower is nan at 2"),
    ([("box", [0.0, 0.0, 2.0], 1.0)], "lower is 2"),
])
def test_cones_that_are_refused(cones, words):
    with pytest.raises(kantor.KantorError, match=words):
        kantor.cone.solve(None, np.zeros(2), np.ones((3, 2)), np.zeros(3), cones)


@pytest.mark.parametrize("change, words", [
    ({"q": [np.nan, 0]}, "q is nan at 0"),
    ({"q": []}, "q"),
    ({"b": [1.0]}, "b has the shape"),
    ({"b": [1.0, 0.0, np.inf]}, "b is inf at 2"),
    ({"A": np.ones((3, 4))}, "A has the shape"),
    ({"A": None}, "A"),
    ({"P": np.diag([1.0, -1.0])}, "semidefinite"),
    ({"P": np.ones((3, 3))}, "P has the shape"),
    ({"method": "sinkhorn"}, "sinkhorn"),
    ({"tolerance": -1.0}, "tolerance"),
])
def test_data_that_are_refused(change, words):
    good = dict(P=np.eye(2), q=np.zeros(2), A=np.ones((3, 2)), b=np.ones(3),
                cones=[("nonnegative", 3)])
    assert kantor.cone.solve(**good).status == "solved"
    with pytest.raises(kantor.KantorError, match=words):
        kantor.cone.solve(**{**good, **change})


@pytest.mark.parametrize("method", ["interior_point", "first_order", "active_set"])
@pytest.mark.parametrize("side", [1e-12, 1e-6, 1.0, 1e6])
@pytest.mark.parametrize("objective", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_data_in_any_units(method, side, objective):
    """min x0^2 + x1^2/2 - x0 + x1 with x >= 0, x0 + x1 <= 1 is at (1/2, 0)."""
    found = kantor.cone.solve(
        np.diag([2.0, 1.0]) * objective / side, np.array([-1.0, 1.0]) * objective,
        [[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], [side, 0.0, 0.0], [("nonnegative", 3)],
        method=method)
    if found.status == "solved":
        np.testing.assert_allclose(found.x / side, [0.5, 0.0], atol=1e-4)
    assert found.status == "solved" or method == "first_order", found


def test_opposite_rows_do_not_prove_infeasibility():
    """Rows 3 and 5 are opposite: weights of any size on them cancel, and prove nothing."""
    rows = [[0, -2, -1, 1], [0, -2, -1, 1], [-1, 2, 3, 1], [1, -3, 3, -2], [1, -2, -3, -1]]
    found = kantor.cone.solve(
        None, [3.0, -3.0, -2.0, -1.0], np.array(rows, dtype=float), [-1.0, -1.0, 0.0, -4.0, 0.0],
        [("zero", 2), ("nonnegative", 3)], method="interior_point")
    assert found.status != "infeasible", found
