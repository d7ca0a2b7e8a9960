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


def conic(q, A, b, cones, **more):
    return kantor.solve(kantor.Problem("cone", q=q, A=A, b=b, cones=cones, **more))


def test_robust_linear_program():
    """min c'x with a'x <= 1 for all a in balls around the a_i: second-order cones."""
    rng = np.random.default_rng(7)
    n, rows, radius = 6, 8, 0.2
    centres = rng.normal(size=(rows, n))
    c = -centres.T @ rng.uniform(0.5, 1, rows)
    A = [np.vstack([a, -radius * np.eye(n)]) for a in centres]
    b = np.tile(np.r_[1.0, np.zeros(n)], rows)
    cones = ", ".join([f"second_order {n + 1}"] * rows)
    result = conic(c, sparse.csc_matrix(np.vstack(A)), b, cones)
    assert result.status == "solved"
    reference = optimize.minimize(
        lambda x: c @ x, result.x * 0.9, jac=lambda x: c, method="SLSQP",
        constraints=[
            dict(type="ineq", fun=lambda x: 1 - centres @ x - radius * np.linalg.norm(x))],
        options=dict(ftol=1e-12, maxiter=500))
    assert result.objective == pytest.approx(reference.fun, rel=1e-6)
    assert np.all(centres @ result.x + radius * np.linalg.norm(result.x) <= 1 + 1e-7)


def test_group_lasso():
    """1/2 |Xw - y|^2 + lam sum |w_g|: the optimality conditions of the groups."""
    rng = np.random.default_rng(8)
    groups, size = 5, 3
    n = groups * size
    X, lam = rng.normal(size=(20, n)), 4.0
    y = X[:, :size] @ np.ones(size) + 0.1 * rng.normal(size=20)
    P = np.zeros((n + groups, n + groups))
    P[:n, :n] = X.T @ X
    q = np.r_[-X.T @ y, lam * np.ones(groups)]
    A = np.zeros((groups * (size + 1), n + groups))
    for g in range(groups):
        A[g * (size + 1), n + g] = -1
        A[g * (size + 1) + 1:(g + 1) * (size + 1), g * size:(g + 1) * size] = -np.eye(size)
    result = conic(
        q, sparse.csc_matrix(A), np.zeros(len(A)), f"{groups} * second_order {size + 1}", P=P)
    assert result.status == "solved"
    w = result.x[:n].reshape(groups, size)
    gradient = (X.T @ (X @ result.x[:n] - y)).reshape(groups, size)
    zero = 0
    for part, slope in zip(w, gradient):
        length = np.linalg.norm(part)
        if length > 1e-4:
            np.testing.assert_allclose(slope, -lam * part / length, atol=1e-4)
        else:
            zero += 1
            assert np.linalg.norm(slope) <= lam * (1 + 1e-6)
    assert 0 < zero < groups


def triangle(S):
    """The upper triangle by columns, off-diagonals times the root of 2."""
    i, j = np.triu_indices(len(S))
    order = np.lexsort((i, j))
    i, j = i[order], j[order]
    return np.where(i == j, 1, np.sqrt(2)) * S[i, j]


@pytest.mark.parametrize("side", [4, 25])
def test_maximum_cut(side):
    """max <L, X>/4 with a unit diagonal, and its dual: y with diag(y) - L/4 psd."""
    rng = np.random.default_rng(side)
    W = np.triu(rng.random((side, side)) < 0.5, 1).astype(float)
    W += W.T
    L = np.diag(W.sum(axis=1)) - W
    size = side * (side + 1) // 2
    diagonal = [k * (k + 3) // 2 for k in range(side)]
    rows = sparse.csc_matrix((np.ones(side), (range(side), diagonal)), (side, size))
    A = sparse.vstack([rows, -sparse.identity(size)]).tocsc()
    b = np.r_[np.ones(side), np.zeros(size)]
    result = conic(-triangle(L) / 4, A, b, f"zero {side}, psd {side}")
    assert result.status == "solved"
    y = result.z[:side]
    least = np.linalg.eigvalsh(np.diag(y) - L / 4)[0]
    bound = y.sum() - side * min(least, 0)
    assert -result.objective <= bound + 1e-5
    assert bound == pytest.approx(-result.objective, rel=1e-6)
    # The dual program, an inequality between matrices, has the same value.
    units = np.array([triangle(np.diag(np.eye(side)[k])) for k in range(side)]).T
    dual = conic(np.ones(side), sparse.csc_matrix(-units), -triangle(L) / 4, f"psd {side}")
    assert dual.status == "solved"
    assert dual.objective == pytest.approx(-result.objective, rel=1e-6)


def band(side, width, count, rng):
    """Matrices of a band, and a program whose multiplier I is feasible."""
    size = side * (side + 1) // 2
    F = np.zeros((size, count))
    for k in range(count):
        B = np.zeros((side, side))
        for start in rng.choice(side - width, 4, replace=False):
            inside = slice(start, start + width)
            B[inside, inside] += rng.normal(size=(width, width))
        F[:, k] = triangle(B + B.T)
    unit = triangle(np.eye(side))
    return -F.T @ unit, sparse.csc_matrix(F), F @ rng.normal(size=count) + unit


@pytest.mark.parametrize("seed", range(3))
def test_sparse_matrix_inequalities_are_split(seed):
    rng = np.random.default_rng(seed)
    q, A, b = band(60, 4, 5, rng)
    problem = kantor.Problem("cone", q=q, A=A, b=b, cones="psd 60")
    split = kantor.solve(problem, "interior_point")
    whole = kantor.solve(problem, "interior_point", chordal=False)
    assert split.status == whole.status == "solved"
    assert split.factor_entries != whole.factor_entries
    assert split.objective == pytest.approx(whole.objective, rel=1e-6)
    # The completed multiplier is psd and orthogonal to the slack.
    j, i = np.tril_indices(60)
    Z = np.zeros((60, 60))
    Z[i, j] = Z[j, i] = np.where(i == j, 1, np.sqrt(0.5)) * split.z
    assert np.linalg.eigvalsh(Z)[0] >= -1e-6 * np.abs(Z).max()
    assert split.s @ split.z == pytest.approx(0, abs=1e-5 * abs(split.objective))


@pytest.mark.parametrize("kind", ["socp", "sdp", "split", "exponential"])
def test_families_that_have_no_solution(kind):
    """A family's constraints beside their opposite, and without what bounds the objective."""
    rng = np.random.default_rng(5)
    if kind == "socp":
        A = np.vstack([np.vstack([a, -0.2 * np.eye(4)]) for a in rng.normal(size=(6, 4))])
        b, cones = np.tile(np.r_[1.0, np.zeros(4)], 6), "6 * second_order 5"
    elif kind == "exponential":
        # exp(a'x) <= 1 for some a.
        A = np.zeros((18, 4))
        A[::3] = -rng.normal(size=(6, 4))
        b, cones = np.tile([0.0, 1.0, 1.0], 6), "6 * exponential"
    else:
        side = 6 if kind == "sdp" else 40
        _, A, b = band(side, 3, 4, rng) if kind == "split" else (
            0, np.array([triangle(B + B.T) for B in rng.normal(size=(4, side, side))]).T, 0)
        b, A = triangle(np.eye(side)), sparse.csc_matrix(A).toarray()
        cones = f"psd {side}"
    n = A.shape[1]
    # t K-unit taken away from the right-hand side, with t >= 10: A x = 0 alone is not enough.
    total = np.hstack([A, np.zeros((len(b), 1))])
    unit = b if kind != "socp" else np.tile(np.r_[1.0, np.zeros(4)], 6)
    total[:, n] = unit
    rows = np.vstack([np.r_[np.zeros(n), -1], total])
    fixed = np.vstack([np.hstack([np.eye(n), np.zeros((n, 1))]), rows])
    result = conic(np.zeros(n + 1), sparse.csc_matrix(fixed), np.r_[np.zeros(n), -10, b],
                   f"zero {n}, nonnegative 1, {cones}")
    assert result.status == "infeasible"
    total[:, n] = -unit
    result = conic(np.r_[np.zeros(n), -1], sparse.csc_matrix(total), b, cones)
    assert result.status == "unbounded"


def test_huge_and_tiny_right_hand_sides():
    """A cone is a cone: the solution scales with b, the multipliers stay."""
    rng = np.random.default_rng(11)
    A = np.vstack([rng.normal(size=(5, 4)), -np.eye(4)[:3], rng.normal(size=(6, 4))])
    s = np.r_[2.0, 1, 1, 0.5, 0.5, -1, 1, 1, triangle(np.eye(3))]
    q = -A.T @ np.r_[1.0, -0.5, -0.5, 0, 0, -1, 1, 1, triangle(np.eye(3))]
    cones = "second_order 5, exponential, psd 3"
    plain = conic(q, A, s, cones)
    assert plain.status == "solved"
    for scale in (1e-12, 1e6, 1e12):
        result = conic(q, A, scale * s, cones)
        assert result.status == "solved"
        assert result.objective == pytest.approx(scale * plain.objective, rel=1e-5)


def test_logistic_regression():
    """sum log(1 + exp(-y a'w)) + lam/2 |w|^2: two exponential cones for each sample."""
    rng = np.random.default_rng(9)
    samples, n, lam = 25, 4, 0.1
    X = rng.normal(size=(samples, n))
    y = np.sign(X @ np.ones(n) + rng.normal(size=samples))
    # Variables w, t, u, v: u + v <= 1, exp(-y a'w - t) <= u, exp(-t) <= v.
    total = n + 3 * samples
    rows, b = [], []

    def row(entries, right):
        line = np.zeros(total)
        for k, value in entries:
            line[k] = value
        rows.append(line)
        b.append(right)

    t, u, v = n, n + samples, n + 2 * samples
    for i in range(samples):
        row([(u + i, 1), (v + i, 1)], 1)
    for i in range(samples):
        row([*enumerate(y[i] * X[i]), (t + i, 1)], 0)
        row([], 1)
        row([(u + i, -1)], 0)
        row([(t + i, 1)], 0)
        row([], 1)
        row([(v + i, -1)], 0)
    q = np.zeros(total)
    q[t:u] = 1
    P = sparse.diags(np.r_[lam * np.ones(n), np.zeros(3 * samples)]).tocsc()
    result = conic(
        q, sparse.csc_matrix(np.array(rows)), np.array(b),
        f"nonnegative {samples}, {2 * samples} * exponential", P=P)
    assert result.status == "solved"

    def loss(w):
        return np.logaddexp(0, -y * (X @ w)).sum() + lam / 2 * w @ w

    reference = optimize.minimize(loss, np.zeros(n), method="BFGS", options=dict(gtol=1e-9))
    assert result.objective == pytest.approx(reference.fun, rel=1e-7)
    np.testing.assert_allclose(result.x[:n], reference.x, atol=1e-4)


def test_power_cones():
    """The p-norm: min sum r_i with r_i^(1/p) t^(1-1/p) >= |x_i|, sum r = t, is |x|_p."""
    p, x = 3.0, np.array([1.0, -2.0, 0.5])
    n = len(x)
    rows, b = [np.r_[np.ones(n), -1]], [0.0]
    for i in range(n):
        unit = np.zeros(n + 1)
        unit[i] = -1
        rows += [unit, np.r_[np.zeros(n), -1], np.zeros(n + 1)]
        b += [0, 0, x[i]]
    result = conic(
        np.r_[np.zeros(n), 1], np.array(rows), np.array(b), f"zero 1, {n} * power {1 / p!r}")
    assert result.status == "solved"
    assert result.objective == pytest.approx(np.linalg.norm(x, p), rel=1e-7)


@pytest.mark.parametrize("cones", [
    "second_order 5", "rotated_second_order 5", "psd 5", "exponential", "power 0.7",
    "generalized_power 2 0.25 0.35 0.4"])
def test_infeasible_and_unbounded_cones(cones):
    """The cone's inner point e: e x - e with x <= 0 is outside; along e it goes on for ever."""
    inner = {
        "second_order 5": [1, 0, 0, 0, 0], "rotated_second_order 5": [1, 1, 0, 0, 0],
        "psd 5": triangle(np.eye(5)), "exponential": [-1, 1, 1], "power 0.7": [1, 1, 0],
        "generalized_power 2 0.25 0.35 0.4": [1, 1, 1, 0, 0]}[cones]
    e = np.asarray(inner, float)
    result = conic(
        np.array([1.0]), np.r_[1.0, -e][:, None], np.r_[0.0, -e], "nonnegative 1, " + cones)
    assert result.status == "infeasible"
    assert result.radius > 1e6
    result = conic(np.array([-1.0]), -e[:, None], np.zeros(len(e)), cones)
    assert result.status == "unbounded"
    np.testing.assert_allclose(result.ray_primal, [1.0])


@pytest.mark.parametrize("corner", [1e-2, 1e-4, 1e-6])
def test_distant_solutions_are_not_called_infeasible(corner):
    """[x, 1; 1, corner] is psd from x = 1/corner on."""
    result = conic(
        np.array([1.0]), np.array([[-1.0], [0.0], [0.0]]), np.array([0, np.sqrt(2), corner]),
        "psd 2")
    assert result.status == "solved"
    assert result.objective == pytest.approx(1 / corner, rel=1e-6)
