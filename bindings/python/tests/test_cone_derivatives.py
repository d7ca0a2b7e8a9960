"""Derivative products of cone programs against differences; bounds against optimal values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import kantor
from kantor.cone import bound

STEP = 1e-5

TOLERANCE = {"interior_point": 1e-12, "active_set": 1e-12, "first_order": 1e-11}


def program(seed, form="dense", triangle=False):
    """A quadratic program with zero, nonnegative and box rows and a unique solution."""
    rng = np.random.default_rng(seed)
    n = 6
    root = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.5)
    P = root @ root.T + 0.5 * np.eye(n)
    A = np.vstack([rng.standard_normal((5, n)) * (rng.random((5, n)) < 0.7), np.eye(n)])
    data = dict(
        P=np.triu(P) if triangle else P, q=rng.standard_normal(n), A=A,
        lower=-0.2 - rng.random(n), upper=0.1 + rng.random(n),
    )
    inside = 0.1 * rng.uniform(-1, 1, n)
    data["b"] = A @ inside + np.r_[np.zeros(2), 0.1 * rng.random(3), np.zeros(n)]
    data["b"][5:] = 0
    data["cones"] = f"zero 2, nonnegative 3, box {n}"
    if form != "dense":
        for name in ("P", "A"):
            data[name] = sparse.coo_matrix(data[name]).asformat(form)
    return data


def solve(data, method="interior_point", **options):
    options.setdefault("tolerance", TOLERANCE[method])
    result = kantor.solve(kantor.Problem("cone", **data), method, **options)
    assert result.status in ("solved", "solved_inaccurate")
    return result


def numbers(value):
    return value.data if sparse.issparse(value) else value


def moved(data, tangents, step):
    twin = dict(data)
    for name, t in tangents.items():
        if sparse.issparse(twin[name]):
            twin[name] = twin[name].copy()
            twin[name].data = twin[name].data + step * t
        else:
            twin[name] = twin[name] + step * t
    return twin


def tangents_of(data, rng):
    drawn = {name: rng.standard_normal(numbers(data[name]).shape)
             for name in ("P", "q", "A", "b", "lower", "upper")}
    drawn["b"][5:] = 0
    P = data["P"]
    if sparse.issparse(P):
        # Both entries of a pair move alike.
        whole = P.copy().astype(float)
        whole.data = drawn["P"]
        if not (sparse.tril(P, -1)).nnz == 0:
            whole = ((whole + whole.T) / 2).asformat(P.format)
            index = P.copy().tocoo()
            drawn["P"] = np.asarray(whole.tocsr()[index.row, index.col]).ravel()
    elif np.any(np.tril(P, -1)):
        drawn["P"] = (drawn["P"] + drawn["P"].T) / 2
    else:
        drawn["P"] = np.triu(drawn["P"])
    return drawn


@pytest.mark.parametrize("triangle", [False, True])
@pytest.mark.parametrize("form", ["dense", "csc", "csr", "coo"])
def test_both_products_against_differences(form, triangle):
    for seed in range(3):
        check_products(program(seed, form, triangle), seed)


def check_products(data, seed, method="interior_point", **options):
    """Forwards against differences of the same method's solutions, backwards against forwards."""
    rng = np.random.default_rng(100 + seed)
    tangents = tangents_of(data, rng)
    result = solve(data, method, **options)
    up, down = (solve(moved(data, tangents, h), method, **options) for h in (STEP, -STEP))
    names = ["x", "s", "z", "objective"]
    pushed = result.jvp(tangents, names)
    for name in names:
        expected = (up[name] - down[name]) / (2 * STEP)
        np.testing.assert_allclose(pushed[name], expected, rtol=1e-4, atol=1e-4)
    cotangents = {name: rng.standard_normal(np.shape(result[name])) for name in names}
    pulled = result.vjp(cotangents, list(tangents))
    left = sum((pulled[name] * tangents[name]).sum() for name in tangents)
    right = sum(np.sum(cotangents[name] * pushed[name]) for name in names)
    np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("form", ["dense", "csc"])
@pytest.mark.parametrize("method, options", [
    ("active_set", {}),
    ("first_order", {"splitting": "douglas_rachford"}),
    ("first_order", {"splitting": "primal_dual"}),
])
def test_products_of_the_other_methods(method, options, form):
    for seed in range(3):
        check_products(program(seed, form), seed, method, **options)


def test_first_order_in_curved_cones():
    """The products of two methods at the same, unique solution."""
    rng = np.random.default_rng(7)
    n, m = 5, 4 + 6 + 3 + 3
    A = rng.standard_normal((m, n))
    inside = np.r_[1.5, 0.3, -0.2, 0.1, 1, 0, 1, 0, 0, 1, 0, 1, 2, 1, 1, 0.5]
    data = dict(
        P=np.eye(n), q=3 * rng.standard_normal(n), A=A, b=inside,
        cones="second_order 4, psd 3, exponential, power 0.4")
    exact, found = solve(data), solve(data, "first_order")
    np.testing.assert_allclose(found.x, exact.x, atol=1e-6)
    assert np.abs(exact.z).max() > 0.1
    cotangents = {name: rng.standard_normal(np.shape(exact[name]))
                  for name in ("x", "s", "z", "objective")}
    tangents = {name: rng.standard_normal(np.shape(data[name])) for name in ("q", "A", "b")}
    expected, pulled = (r.vjp(cotangents, ["P", "q", "A", "b"]) for r in (exact, found))
    for name in expected:
        np.testing.assert_allclose(pulled[name], expected[name], rtol=1e-4, atol=1e-4)
    expected, pushed = (r.jvp(tangents, ["x", "s", "z"]) for r in (exact, found))
    for name in expected:
        np.testing.assert_allclose(pushed[name], expected[name], rtol=1e-4, atol=1e-4)


def test_sparse_and_dense_gradients_are_the_same_numbers():
    dense = solve(program(1)).vjp({"x": np.arange(6.0)}, ["A", "P"])
    for form in ("csc", "csr", "coo"):
        data = program(1, form)
        stored = solve(data).vjp({"x": np.arange(6.0)}, ["A", "P"])
        for name in ("A", "P"):
            entries = data[name].tocoo() if form != "coo" else data[name]
            np.testing.assert_allclose(
                stored[name], dense[name][entries.row, entries.col]
                if form != "csr" else dense[name][data[name].nonzero()], atol=1e-7)


def test_what_is_not_there_is_refused():
    result = solve(program(2))
    with pytest.raises(kantor.KantorError, match="'gap'"):
        result.jvp({"q": np.ones(6)}, ["gap"])
    with pytest.raises(kantor.KantorError, match="shape"):
        result.jvp({"q": np.ones(5)}, ["x"])
    with pytest.raises(kantor.KantorError, match="mapping"):
        result.jvp([1.0], ["x"])


def test_bounds_of_answers_and_of_anything_else():
    rng = np.random.default_rng(0)
    data = program(3)
    result = solve(data)
    problem = kantor.Problem("cone", **data)
    best = bound(problem, result.z, result.x)
    assert result.objective - 1e-7 < best <= result.objective + 1e-10
    for size in (1e-3, 1.0, 100.0):
        z = result.z + size * rng.standard_normal(len(result.z))
        x = result.x + size * rng.standard_normal(len(result.x))
        assert bound(problem, z, x) <= result.objective + 1e-10
    assert bound(problem, 0 * result.z) <= result.objective


def test_bounds_need_bounded_variables():
    problem = kantor.Problem("cone", q=[1.0, -1.0], A=[[-1.0, 0.0]], b=[0.0], cones="nonnegative 1")
    assert bound(problem, [0.0]) == -np.inf
    assert bound(problem, [0.0], upper=[np.inf, 3.0]) == pytest.approx(-3)
    with pytest.raises(kantor.KantorError, match="z has the shape"):
        bound(problem, [0.0, 1.0])
    with pytest.raises(kantor.KantorError, match="cone"):
        bound(kantor.Problem("transport", cost=[[1.0]], a=[1.0], b=[1.0]), [0.0])
