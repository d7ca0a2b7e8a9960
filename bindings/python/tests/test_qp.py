"""kantor.qp: the forms of qpsolvers and OSQP, against SciPy's HiGHS and optimality conditions."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import optimize, sparse

import kantor
import kantor.qp


def convex(seed, n, p, m, bounds):
    """A random program that a known point satisfies."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    x = rng.uniform(-1, 1, n)
    G, A = rng.normal(size=(p, n)), rng.normal(size=(m, n))
    data = dict(P=root @ root.T + 0.1 * np.eye(n), q=rng.normal(size=n) * 3)
    if p:
        data.update(G=G, h=G @ x + rng.random(p))
    if m:
        data.update(A=A, b=A @ x)
    if bounds:
        data.update(lb=np.where(rng.random(n) < 0.3, -np.inf, -1.0), ub=np.ones(n))
    return data


def check(found, P, q, G=None, h=None, A=None, b=None, lb=None, ub=None, atol=1e-5):
    """Karush-Kuhn-Tucker conditions."""
    x, gradient = found.x, P @ found.x + q
    if G is not None:
        assert (G @ x <= h + atol).all() and (found.z >= -atol).all()
        assert np.abs(found.z * (h - G @ x)).max() <= atol
        gradient = gradient + G.T @ found.z
    if A is not None:
        np.testing.assert_allclose(A @ x, b, atol=atol)
        gradient = gradient + A.T @ found.y
    if lb is not None:
        assert (x >= lb - atol).all() and (x <= ub + atol).all()
        up, down = np.maximum(found.z_box, 0), np.maximum(-found.z_box, 0)
        assert (up * (ub - x)).max() <= atol
        # Where there is no bound there is no multiplier.
        assert (down * np.where(np.isfinite(lb), x - lb, 1)).max() <= atol
        gradient = gradient + found.z_box
    assert np.abs(gradient).max() <= atol


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 10), st.integers(0, 2),
       st.booleans())
def test_optimality(seed, n, p, m, bounds):
    data = convex(seed, n, p, min(m, n), bounds)
    found = kantor.qp.solve_qp(**data, full=True)
    assert found.found and found.status == "solved", found
    check(found, **data)
    np.testing.assert_allclose(kantor.qp.solve_qp(**data), found.x)


@pytest.mark.parametrize("form", ["csc", "csr", "coo", "mixed"])
def test_sparse_data(form):
    data = convex(1, 6, 8, 2, True)
    dense = kantor.qp.solve_qp(**data, solver="interior_point")
    for name in ("P", "G", "A"):
        if form != "mixed" or name == "G":
            data[name] = sparse.csc_matrix(data[name]).asformat(form if form != "mixed" else "dia")
    np.testing.assert_allclose(kantor.qp.solve_qp(**data), dense, atol=1e-6)


def test_scipy_is_not_needed():
    """Dense programs are solved where SciPy cannot be imported."""
    program = (
        "import sys; sys.modules['scipy'] = None\n"
        "import kantor.qp\n"
        "x = kantor.qp.solve_qp([[2.0]], [-2.0], [[1.0]], [0.5], solver='interior_point')\n"
        "assert abs(x[0] - 0.5) < 1e-6, x\n")
    subprocess.run([sys.executable, "-c", program], check=True)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 8), st.booleans())
def test_linear_programs_against_scipy(seed, n, p, bounded):
    rng = np.random.default_rng(seed)
    G = rng.integers(-3, 4, (p, n)).astype(float)
    h, c = rng.integers(-3, 6, p).astype(float), rng.integers(-3, 4, n).astype(float)
    lb, ub = (-2.0, 3.0) if bounded else (None, None)
    reference = optimize.linprog(c, G, h, bounds=(lb, ub))
    found = kantor.qp.solve_lp(c, G, h, lb=lb, ub=ub, full=True)
    if reference.status == 0:
        assert found.status == "solved"
        np.testing.assert_allclose(found.objective, reference.fun, atol=1e-5)
        return
    assert found.status in ("infeasible", "unbounded") and not found.found
    assert kantor.qp.solve_lp(c, G, h, lb=lb, ub=ub) is None
    if found.status == "infeasible":
        rest = G.T @ found.z
        support = h @ found.z
        if bounded:
            rest = rest + found.z_box
            support += np.where(found.z_box > 0, 3.0, -2.0) @ found.z_box
        assert found.z.min() >= -1e-9 and np.abs(rest).max() <= 1e-6 * abs(support)
        assert support < 0
    else:
        assert c @ found.ray < 0 and (G @ found.ray).max() <= 1e-6 * -(c @ found.ray)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 8))
def test_two_sides_are_two_inequalities(seed, n, m):
    rng = np.random.default_rng(seed)
    A, x = rng.normal(size=(m, n)), rng.normal(size=n)
    l, u = A @ x - rng.random(m), A @ x + rng.random(m)
    l[rng.random(m) < 0.3] = -np.inf
    q = rng.normal(size=n)
    found = kantor.qp.solve_two_sided(np.eye(n), q, A, l, u, full=True)
    finite = np.isfinite(l)
    both = kantor.qp.solve_qp(
        np.eye(n), q, np.vstack([A, -A[finite]]), np.concatenate([u, -l[finite]]))
    np.testing.assert_allclose(found.x, both, atol=1e-5)
    np.testing.assert_allclose(found.x + q + A.T @ found.y, 0, atol=1e-5)
    assert (found.y[~finite] >= -1e-6).all()


def test_rows_without_a_limit_are_free():
    x = kantor.qp.solve_qp(np.eye(1), [-2.0], [[1.0], [1.0]], [np.inf, 1.0])
    np.testing.assert_allclose(x, [1.0], atol=1e-6)


def test_shapes_that_are_accepted():
    column = np.array([[1.0], [1.0]])
    x = kantor.qp.solve_qp(np.eye(2), column, [1.0, 1.0], -3.0)  # one row as a vector
    np.testing.assert_allclose(x, [-1.5, -1.5], atol=1e-6)
    np.testing.assert_allclose(kantor.qp.solve_qp(None, [1.0, -1.0], lb=-1, ub=1), [-1, 1],
                               atol=1e-6)


def test_start_from_a_solution():
    data = convex(4, 8, 12, 1, True)
    cold = kantor.qp.solve_qp(**data, full=True, solver="interior_point")
    warm = kantor.qp.solve_qp(**data, full=True, solver="interior_point", initvals=cold)
    assert warm.result.iterations <= 2 < cold.result.iterations
    np.testing.assert_allclose(kantor.qp.solve_qp(**data, initvals=cold.x), cold.x, atol=1e-5)


def test_inaccurate_solutions_warn():
    found = kantor.qp.Solution("solved_inaccurate", 0.0, np.ones(2), {}, {})
    assert found.found
    with pytest.warns(RuntimeWarning, match="tolerance"):
        np.testing.assert_array_equal(kantor.qp._point(found), [1, 1])


def test_limits_give_no_point_but_a_full_solution_has_the_best_one():
    data = convex(4, 8, 12, 1, True)
    options = dict(solver="interior_point", max_iterations=3)
    assert kantor.qp.solve_qp(**data, **options) is None
    found = kantor.qp.solve_qp(**data, **options, full=True)
    assert found.status == "iteration_limit" and found.x.shape == (8,)


def test_verbose_writes_a_log(caplog):
    with caplog.at_level("DEBUG", logger="kantor"):
        kantor.qp.solve_qp(np.eye(1), [1.0], verbose=True, log_level="debug",
                           solver="interior_point")
    assert caplog.records


@pytest.mark.parametrize("change, words", [
    ({"h": None}, "G is given without h"),
    ({"G": None}, "h is given without G"),
    ({"b": None}, "A is given without b"),
    ({"A": None}, "b is given without A"),
    ({"G": np.ones((2, 3))}, "G has the shape"),
    ({"h": [1.0]}, "h has the shape"),
    ({"h": [1.0, np.nan]}, "h is nan at 1"),
    ({"h": [1.0, -np.inf]}, "h is -inf at 1"),
    ({"b": [np.inf]}, "b has infinite"),
    ({"lb": [2.0, 0.0], "ub": [1.0, 1.0]}, "lb is 2.0 and ub is 1.0 at 0"),
    ({"lb": [np.nan, 0.0]}, "lb is nan"),
    ({"lb": [0.0]}, "lb has the shape"),
    ({"q": [np.inf, 0.0]}, "q is inf at 0"),
    ({"P": [[np.nan, 0.0], [0.0, 1.0]]}, "P has entries"),
    ({"P": np.eye(3)}, "P has the shape"),
    ({"P": np.ones((3, 2))}, "P has the shape"),
    ({"P": [[1.0, 2.0], [0.0, -4.0]]}, "semidefinite"),
    ({"G": sparse.csr_matrix([[np.inf, 0.0], [0.0, 1.0]])}, "G has entries"),
    ({"solver": "simplex"}, "simplex"),
    ({"q": "word"}, "q"),
])
def test_data_that_are_refused(change, words):
    good = dict(P=np.eye(2), q=np.zeros(2), G=np.ones((2, 2)), h=np.ones(2), A=[[1.0, 0.0]],
                b=[0.5])
    assert kantor.qp.solve_qp(**good) is not None
    with pytest.raises(kantor.KantorError, match=words):
        kantor.qp.solve_qp(**{**good, **change})


@pytest.mark.parametrize("n, count, seed", [(20, 3, 1), (30, 4, 4), (40, 3, 6)])
def test_dependent_equations_do_not_hold_a_linear_program_up(n, count, seed):
    # The marginals of `count` plans with one common target: count - 1 rows follow from the others.
    # The point x and multipliers with reduced costs where x is 0 are optimal.
    rng = np.random.default_rng(seed)
    eye, ones, none = sparse.identity(n), np.ones((1, n)), sparse.csr_matrix
    each = sparse.identity(count)
    A = sparse.vstack([
        sparse.hstack([sparse.kron(each, sparse.kron(eye, ones)), none((count * n, n))]),
        sparse.hstack([sparse.kron(each, sparse.kron(ones, eye)), -sparse.vstack([eye] * count)]),
    ]).tocsr()
    x = rng.random(A.shape[1]) * (rng.random(A.shape[1]) < 2 / n)
    q = A.T @ rng.normal(size=A.shape[0]) + np.where(x > 0, 0, rng.random(len(x)))
    found = kantor.qp.solve_lp(q, A=A, b=A @ x, lb=np.zeros(len(q)), full=True).result
    assert found.status == "solved" and found.iterations < 30
    assert found.objective == pytest.approx(q @ x, rel=1e-6, abs=1e-6)
