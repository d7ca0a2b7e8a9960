"""Cone programs from Python: sparse and dense matrices, against SciPy's LP solver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, sparse

import kantor


def program(n, m, seed):
    rng = np.random.default_rng(seed)
    A = sparse.random(m, n, density=0.3, random_state=rng, format="csc")
    A = sparse.vstack([A, -sparse.identity(n)]).tocsc()
    x = rng.uniform(0, 1, n)
    b = A @ x + rng.uniform(0.1, 1, m + n)
    z = rng.uniform(0, 1, m + n)
    return A, b, -(A.T @ z)


def solve(A, b, q, **more):
    fields = dict(q=q, A=A, b=b, cones=f"nonnegative {len(b)}", **more)
    return kantor.solve(kantor.Problem("cone", **fields))


@pytest.mark.parametrize("seed", range(5))
def test_linear_programs_against_scipy(seed):
    A, b, q = program(20, 30, seed)
    reference = optimize.linprog(q, A_ub=A, b_ub=b, bounds=(None, None))
    result = solve(A, b, q)
    assert result.status == "solved"
    np.testing.assert_allclose(result.objective, reference.fun, rtol=1e-6)
    assert np.all(A @ result.x <= b + 1e-6)
    np.testing.assert_allclose(A.T @ result.z, -q, atol=1e-6)


@pytest.mark.parametrize("form", ["csc", "csr", "coo", "lil", "bsr", "dia", "dense", "f32"])
def test_every_form_of_a_matrix(form):
    A, b, q = program(10, 12, 3)
    whole = solve(A, b, q)
    if form == "dense":
        other = solve(A.toarray(), b, q)
    elif form == "f32":
        A = A.astype(np.float32)
        whole, other = solve(A.astype(float), b, q), solve(A, b, q)
    else:
        other = solve(A.asformat(form), b, q)
    assert other.status == "solved"
    np.testing.assert_array_equal(other.x, whole.x)


def test_wide_and_repeated_indices():
    A, b, q = program(10, 12, 4)
    whole = solve(A, b, q)
    long = A.copy()
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    np.testing.assert_array_equal(solve(long, b, q).x, whole.x)
    part = A.tocoo()
    halves = sparse.coo_matrix(
        (np.tile(part.data / 2, 2), (np.tile(part.row, 2), np.tile(part.col, 2))), A.shape)
    np.testing.assert_allclose(solve(halves, b, q).x, whole.x, atol=1e-6)


def test_quadratic_programs_with_either_triangle():
    rng = np.random.default_rng(5)
    A, b, q = program(10, 12, 5)
    root = rng.normal(size=(10, 10))
    P = root @ root.T
    whole = solve(A, b, q, P=P)
    assert whole.status == "solved"
    np.testing.assert_allclose(P @ whole.x + A.T @ whole.z, -q, atol=1e-6)
    np.testing.assert_array_equal(solve(A, b, q, P=sparse.triu(P)).x, whole.x)
    with pytest.raises(kantor.KantorError, match="semidefinite"):
        solve(A, b, q, P=-P)


def test_infeasible_and_unbounded():
    A = np.array([[1.0, 1.0], [-1.0, -1.0]])
    q = np.array([1.0, 0.0])
    result = solve(A, np.array([1.0, -2.0]), q)
    assert result.status == "infeasible" and result.objective == np.inf
    np.testing.assert_allclose(A.T @ result.ray_dual, 0, atol=1e-8)
    result = solve(A[:1], np.array([1.0]), q)
    assert result.status == "unbounded" and result.objective == -np.inf
    assert q @ result.ray_primal == pytest.approx(-1)
