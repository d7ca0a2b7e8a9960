"""Small dense programs: the one-call way, `active_set`, and sequences of solves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import optimize

import kantor
import kantor.cone
import kantor.qp
from test_qp import check, convex

METHODS = ["one call", "active_set"]


def solve_lp(way, c, G, h, lb, ub):
    solver = None if way == "one call" else way
    return kantor.qp.solve_lp(c, G, h, lb=lb, ub=ub, solver=solver, full=True)


@pytest.mark.parametrize("way", METHODS)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 10), st.booleans())
def test_linear_programs_of_any_outcome(way, seed, n, p, bounded):
    """Integer data: degenerate vertices, repeated rows, and many infeasible programs."""
    rng = np.random.default_rng(seed)
    G = rng.integers(-2, 3, (p, n)).astype(float)
    h, c = rng.integers(-3, 5, p).astype(float), rng.integers(-3, 4, n).astype(float)
    lb, ub = (-2.0, 3.0) if bounded else (None, None)
    reference = optimize.linprog(c, G, h, bounds=(lb, ub))
    found = solve_lp(way, c, G, h, lb, ub)
    if reference.status == 0:
        assert found.status == "solved"
        np.testing.assert_allclose(found.objective, reference.fun, atol=1e-8)
        return
    feasible = optimize.linprog(0 * c, G, h, bounds=(lb, ub)).status == 0
    assert found.status == ("unbounded" if feasible else "infeasible")
    if feasible:
        assert c @ found.ray < 0 and (G @ found.ray).max() <= 1e-9
    else:
        box = found.z_box if bounded else np.zeros(n)
        support = h @ found.z + np.where(box > 0, 3.0, -2.0) @ box
        assert support < 0 and found.z.min() >= 0
        assert np.abs(G.T @ found.z + box).max() <= 1e-9 * -support


@pytest.mark.parametrize("way", METHODS)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 10), st.integers(0, 2),
       st.booleans())
def test_quadratic_programs(way, seed, n, p, m, bounds):
    data = convex(seed, n, p, min(m, n), bounds)
    solver = None if way == "one call" else way
    found = kantor.qp.solve_qp(**data, solver=solver, full=True)
    assert found.status == "solved"
    check(found, **data, atol=1e-7)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_units_do_not_matter(seed, n):
    rng = np.random.default_rng(seed)
    data = convex(seed, n, 5, 1, False)
    columns, rows = 10.0 ** rng.uniform(-5, 5, n), 10.0 ** rng.uniform(-5, 5, 6)
    plain = kantor.qp.solve_qp(**data, full=True)
    scaled = kantor.qp.solve_qp(
        data["P"] * columns * columns[:, None], data["q"] * columns,
        data["G"] * columns * rows[:5, None], data["h"] * rows[:5],
        data["A"] * columns * rows[5], data["b"] * rows[5], full=True)
    assert scaled.status == "solved"
    np.testing.assert_allclose(scaled.objective, plain.objective, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(scaled.x * columns, plain.x, atol=1e-5)


def test_a_sequence_of_solves():
    data = convex(7, 8, 12, 0, False)
    program = kantor.qp.DenseProgram(data["P"], data["q"], data["G"], u=data["h"])
    assert program.solve() == "solved" and program.iterations > 0
    assert program.solve() == "solved" and program.iterations == 0
    rng = np.random.default_rng(1)
    for _ in range(20):
        program.q[:] += 0.1 * rng.normal(size=8)
        assert program.solve() == "solved"
        fresh = kantor.qp.solve_qp(data["P"], program.q, data["G"], data["h"], full=True)
        np.testing.assert_allclose(program.x, fresh.x, atol=1e-9)
        np.testing.assert_allclose(program.objective, fresh.objective, atol=1e-9)
    assert set(program.certificate) == {"primal_residual", "dual_residual", "gap", "radius"}
    program.u[:] = -1e3
    program.A[1] = -program.A[0]
    assert program.solve() == "infeasible"
    assert program.certificate["radius"] > 1e6
    program.P[0, 0] = np.nan
    with pytest.raises(kantor.KantorError, match="p is nan"):
        program.solve()


def test_programs_without_rows_or_objective():
    assert kantor.qp.DenseProgram(None, [0.0]).solve() == "solved"
    assert kantor.qp.DenseProgram(None, [1.0], lb=-2.0).solve() == "solved"
    assert kantor.qp.DenseProgram(None, [1.0], ub=2.0).solve() == "unbounded"


@pytest.mark.parametrize("change, words", [
    ({"q": [[1.0, 2.0], [1.0, 2.0]]}, "q has the shape"),
    ({"P": np.eye(3)}, "P has the shape"),
    ({"A": np.ones((1, 3))}, "A has the shape"),
    ({"u": [1.0, 2.0]}, "u has the shape"),
    ({"lb": [np.nan, 0.0]}, "lb is nan"),
])
def test_shapes_that_are_refused(change, words):
    good = dict(P=np.eye(2), q=np.zeros(2), A=np.ones((1, 2)), l=[0.0], u=[1.0], lb=-1, ub=1)
    assert kantor.qp.DenseProgram(**good).solve() == "solved"
    with pytest.raises(kantor.KantorError, match=words):
        kantor.qp.DenseProgram(**{**good, **change})


def test_active_set_as_a_method():
    P, q = np.diag([2.0, 2.0]), [-2.0, -6.0]
    A, b = [[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], [2.0, 0.0, 0.0]
    cones = [("nonnegative", 1), ("box", 0.0, [5.0, 5.0])]
    found = kantor.cone.solve(P, q, A, b, cones, method="active_set")
    assert found.status == "solved"
    np.testing.assert_allclose(found.x, [0, 2], atol=1e-12)
    np.testing.assert_allclose(np.array(A).T @ found.z + P @ found.x + q, 0, atol=1e-9)
    # Its working set, and the multipliers of another method, leave nothing to do.
    other = kantor.cone.solve(P, q, A, b, cones, method="interior_point")
    for start in (found, other):
        again = kantor.cone.solve(P, q, A, b, cones, method="active_set", warm_start=start)
        assert again.status == "solved" and again.result.iterations <= 1
    assert kantor.cone.solve(
        P, q, A, b, cones, method="active_set", max_iterations=1
    ).status in ("solved", "iteration_limit")
    with pytest.raises(kantor.UnsupportedError, match="zero, nonnegative and box"):
        kantor.cone.solve(P, q, A, b, [("second_order", 3)], method="active_set")
    with pytest.raises(kantor.UnsupportedError, match="500"):
        kantor.cone.solve(None, np.zeros(501), None, None, [], method="active_set")
    with pytest.raises(kantor.KantorError, match="semidefinite"):
        kantor.cone.solve(-P, q, A, b, cones, method="active_set")
