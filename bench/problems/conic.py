"""Programs with second-order, psd and exponential cones: min 1/2 x'Px + q'x, Ax + s = b, s in K.

Cones are listed as `kantor.cone.solve` takes them; psd triangles are the upper ones by columns,
off-diagonal entries times the root of 2.
"""

from dataclasses import dataclass

import numpy as np

ROOT = np.sqrt(2.0)


@dataclass
class Conic:
    P: object
    q: np.ndarray
    A: object
    b: np.ndarray
    cones: list


def triangle(S):
    j, i = np.tril_indices(len(S))
    return np.where(i == j, 1, ROOT) * S[i, j]


def matrix(v):
    side = int(np.sqrt(2 * len(v)))
    S = np.zeros((side, side))
    j, i = np.tril_indices(side)
    S[i, j] = S[j, i] = np.where(i == j, 1, 1 / ROOT) * v
    return S


def place(i, j):
    i, j = np.minimum(i, j), np.maximum(i, j)
    return j * (j + 1) // 2 + i


def store(task, P, q, A, b, cones):
    from scipy import sparse

    n = len(q)
    P = sparse.csc_matrix((n, n)) if P is None else sparse.csc_matrix(P)
    A = sparse.csc_matrix(A)
    A.sort_indices()
    task.program = Conic(P, np.asarray(q, float), A, np.asarray(b, float), cones)


def robust(task, n, rng):
    """n variables, 2 n rows a'x + |Dx| <= b: linear rows that hold for all a in an ellipsoid."""
    x = rng.standard_normal(n)
    rows, b, q = [], [], np.zeros(n)
    for _ in range(2 * n):
        a, D = rng.standard_normal(n), 0.1 * rng.standard_normal((n, n)) / np.sqrt(n)
        rows.append(np.vstack([a, -D]))
        b += [a @ x + np.linalg.norm(D @ x) + rng.random(), *np.zeros(n)]
        u = rng.standard_normal(n)
        q -= rows[-1].T @ (rng.random() * np.r_[1, u / (2 * np.linalg.norm(u))])
    store(task, None, q, np.vstack(rows), b, [("second_order", n + 1)] * (2 * n))


def group_lasso(task, n, rng):
    """n coefficients in groups of ten, n / 2 observations."""
    from scipy import sparse

    size, m = 10, n // 2
    groups = n // size
    X, w = rng.standard_normal((m, n)), np.zeros((groups, size))
    w[: max(1, groups // 5)] = rng.standard_normal((max(1, groups // 5), size))
    y = X @ w.ravel() + 0.3 * rng.standard_normal(m)
    weight = 0.3 * np.linalg.norm((X.T @ y).reshape(groups, size), axis=1).max()
    heads = sparse.kron(sparse.eye(groups), [[-1.0], *[[0.0]] * size])
    tails = sparse.kron(sparse.eye(groups), np.vstack([np.zeros(size), -np.eye(size)]))
    store(
        task, sparse.block_diag([sparse.csc_matrix((n, n)), sparse.eye(m),
                                 sparse.csc_matrix((groups, groups))]),
        np.r_[np.zeros(n + m), np.full(groups, weight)],
        sparse.bmat([[sparse.csc_matrix(X), -sparse.eye(m), None], [tails, None, heads]]),
        np.r_[y, np.zeros(groups * (size + 1))],
        [("zero", m), *[("second_order", size + 1)] * groups])


def laplacian(n, density, rng):
    W = np.triu((rng.random((n, n)) < density) * rng.random((n, n)), 1)
    W += W.T
    return (np.diag(W.sum(axis=1)) - W) / 4


def max_cut(task, n, rng, density=0.1):
    """max <L, X> with a unit diagonal, X psd: each entry of X is a variable."""
    from scipy import sparse

    size = n * (n + 1) // 2
    diagonal = sparse.csc_matrix((np.ones(n), (range(n), place(np.arange(n), np.arange(n)))),
                                 (n, size))
    store(task, None, -triangle(laplacian(n, density, rng)),
          sparse.vstack([diagonal, -sparse.eye(size)]), np.r_[np.ones(n), np.zeros(size)],
          [("zero", n), ("psd", n)])


def max_cut_sparse(task, n, rng):
    """Its dual for a graph of degree 1.5: min sum y, diag(y) - L psd."""
    from scipy import sparse

    diagonal = place(np.arange(n), np.arange(n))
    store(task, None, np.ones(n),
          sparse.csc_matrix((-np.ones(n), (diagonal, range(n))), (n * (n + 1) // 2, n)),
          -triangle(laplacian(n, 1.5 / n, rng)), [("psd", n)])


def clustering(task, n, rng):
    """The semidefinite relaxation of K-means for n points and three clusters."""
    from scipy import sparse

    centres = np.array([[0, 0], [2, 1], [1, 3.0]])
    points = centres[np.arange(n) % 3] + 0.6 * rng.standard_normal((n, 2))
    D = ((points[:, None] - points) ** 2).sum(axis=-1)
    size = n * (n + 1) // 2
    i, j = np.indices((n, n)).reshape(2, -1)
    sums = sparse.csc_matrix((np.where(i == j, 1, 1 / ROOT), (i, place(i, j))), (n, size))
    trace = sparse.csc_matrix(
        (np.ones(n), (np.zeros(n, int), place(np.arange(n), np.arange(n)))), (1, size))
    j, i = np.tril_indices(n, -1)
    off = sparse.csc_matrix((-np.ones(len(i)), (range(len(i)), place(i, j))), (len(i), size))
    store(task, None, triangle(D), sparse.vstack([sums, trace, off, -sparse.eye(size)]),
          np.r_[np.ones(n), 3, np.zeros(len(i) + size)],
          [("zero", n + 1), ("nonnegative", len(i)), ("psd", n)])


def inequality(task, n, rng):
    """n dense matrices of side n: min q'x with F_0 + sum x_i F_i psd."""
    F = np.array([triangle(B + B.T) / 2 for B in rng.standard_normal((n, n, n))]).T
    Z = rng.standard_normal((n, n))
    store(task, None, -F.T @ triangle(Z @ Z.T / n), F,
          F @ rng.standard_normal(n) + triangle(np.eye(n)), [("psd", n)])


def lipschitz(task, n, rng):
    """The bound of the Lipschitz constant of a layer of n rectified units with n / 3 inputs."""
    from scipy import sparse

    inputs = n // 3
    W = rng.standard_normal((n, inputs)) / np.sqrt(inputs)
    V = rng.standard_normal((5, n)) / np.sqrt(n)
    side = n + inputs

    def block(top, corner, rest):
        return triangle(np.block([[top, corner], [corner.T, rest]]))

    none = np.zeros((inputs, n))
    columns = [block(np.eye(inputs), none, np.zeros((n, n)))]
    for k in range(n):
        E = np.zeros((n, n))
        E[k, k] = 1
        columns.append(block(np.zeros((inputs, inputs)), -W.T @ E, 2 * E))
    A = sparse.vstack([
        sparse.hstack([sparse.csc_matrix((n, 1)), -sparse.eye(n)]),
        sparse.csc_matrix(-np.array(columns).T)])
    store(task, None, np.r_[1, np.zeros(n)], A,
          np.r_[np.zeros(n), block(np.zeros((inputs, inputs)), none, -V.T @ V)],
          [("nonnegative", n), ("psd", side)])


def band(task, n, rng):
    """A matrix inequality of side n whose 30 matrices lie in a band of six diagonals."""
    from scipy import sparse

    width, count = 6, 30
    rows, columns, values = [], [], []
    j, i = np.tril_indices(width)
    for k in range(count):
        for start in rng.choice(n - width, n // 10, replace=False):
            B = rng.standard_normal((width, width))
            rows += list(place(start + i, start + j))
            columns += [k] * len(i)
            values += list(triangle(B + B.T) / 2)
    F = sparse.csc_matrix((values, (rows, columns)), (n * (n + 1) // 2, count))
    unit = triangle(np.eye(n))
    store(task, None, -F.T @ unit, F, F @ rng.standard_normal(count) + unit, [("psd", n)])


def logistic(task, n, rng):
    """Logistic regression, n samples of n / 20 features, an l1 penalty: 2 n exponential cones."""
    from scipy import sparse

    features = n // 20
    X = rng.standard_normal((n, features))
    w = rng.standard_normal(features) * (rng.random(features) < 0.3)
    y = np.where(X @ w + 0.5 * rng.standard_normal(n) > 0, 1.0, -1.0)
    eye, tall = sparse.eye(n), sparse.csc_matrix((n, features))
    one, head, tail = sparse.eye(features), [[1.0], [0.0], [0.0]], [[0.0], [0.0], [1.0]]
    wide = sparse.csc_matrix((features, n))
    # Variables w, t, u, v, r: u + v <= 1, exp(-y x'w - t) <= u, exp(-t) <= v, |w| <= r.
    A = sparse.bmat([
        [tall, None, eye, eye, tall],
        [one, wide, None, None, -one],
        [-one, wide, None, None, -one],
        [sparse.kron(sparse.csc_matrix(y[:, None] * X), head), sparse.kron(eye, head),
         -sparse.kron(eye, tail), None, None],
        [None, sparse.kron(eye, head), None, -sparse.kron(eye, tail), None]])
    middle = np.tile([0.0, 1.0, 0.0], n)
    store(task, None, np.r_[np.zeros(features), np.ones(n), np.zeros(2 * n),
                            np.full(features, 0.01 * n)],
          A, np.r_[np.ones(n), np.zeros(2 * features), middle, middle],
          [("nonnegative", n + 2 * features), ("exponential", 2 * n)])


def geometric(task, n, rng):
    """A geometric program of n variables, 2 n posynomials of five terms, in logarithms."""
    from scipy import sparse

    terms, rows = 5, 2 * n
    total = rows * terms
    exponents = np.zeros((total, n))
    for row in exponents:
        row[rng.choice(n, 4, replace=False)] = rng.standard_normal(4)
    head, tail = [[1.0], [0.0], [0.0]], [[0.0], [0.0], [1.0]]
    eye, nothing = sparse.eye(n), sparse.csc_matrix((n, total))
    A = sparse.vstack([
        sparse.hstack([sparse.csc_matrix((rows, n)),
                       sparse.kron(sparse.eye(rows), np.ones((1, terms)))]),
        sparse.hstack([eye, nothing]), sparse.hstack([-eye, nothing]),
        sparse.hstack([-sparse.kron(sparse.csc_matrix(exponents), head),
                       -sparse.kron(sparse.eye(total), tail)])])
    cones = np.zeros((total, 3))
    cones[:, 0], cones[:, 1] = -2 - rng.random(total), 1
    store(task, None, np.r_[rng.standard_normal(n), np.zeros(total)], A,
          np.r_[np.ones(rows), np.full(2 * n, 5.0), cones.ravel()],
          [("nonnegative", rows + 2 * n), ("exponential", total)])


GENERATORS = {
    "conic_robust": robust, "conic_group_lasso": group_lasso, "conic_max_cut": max_cut,
    "conic_max_cut_sparse": max_cut_sparse, "conic_clustering": clustering,
    "conic_inequality": inequality, "conic_lipschitz": lipschitz, "conic_band": band,
    "conic_logistic": logistic, "conic_geometric": geometric,
}


def rows_of(cone):
    kind, size = cone
    return {"psd": size * (size + 1) // 2, "exponential": 3 * size}.get(kind, size)


def violation(kind, v, is_dual):
    """How far v is outside the cone or its dual, at most."""
    if kind == "zero":
        return 0.0 if is_dual else np.abs(v).max(initial=0)
    if kind == "nonnegative":
        return max(0.0, -v.min(initial=0))
    if kind == "second_order":
        return max(0.0, np.linalg.norm(v[1:]) - v[0])
    if kind == "psd":
        return max(0.0, -np.linalg.eigvalsh(matrix(v))[0])
    r, s, t = v.reshape(-1, 3).T
    with np.errstate(all="ignore"):
        # Two points of the cone that are near: one above, one on its flat face.
        if is_dual:
            above = np.where(r < 0, np.maximum(0, -r * np.exp(s / r - 1) - t), np.inf)
            flat = np.maximum(r, 0) + np.maximum(-s, 0) + np.maximum(-t, 0) + np.where(
                r < 0, -r, 0)
        else:
            above = np.where(s > 0, np.maximum(0, s * np.exp(r / s) - t), np.inf)
            flat = np.abs(s) + np.maximum(r, 0) + np.maximum(-t, 0)
    return float(np.minimum(above, flat).max(initial=0))


def examine(task, answer):
    """The largest relative residual, violation and gap of x and z, the slack being what is left."""
    program, x, z = task.program, np.asarray(answer.f), np.asarray(answer.g)
    P, q, A, b = program.P, program.q, program.A, program.b
    px, ax, az = P @ x, A @ x, A.T @ z
    s = b - ax
    largest = lambda *v: max(np.abs(u).max(initial=0) for u in v)
    primal, dual, row = 0.0, 0.0, 0
    for cone in program.cones:
        inside = slice(row, row + rows_of(cone))
        row = inside.stop
        primal = max(primal, violation(cone[0], s[inside], False))
        dual = max(dual, violation(cone[0], z[inside], True))
    value, bound = 0.5 * x @ px + q @ x, -0.5 * x @ px - b @ z
    errors = (
        primal / max(1, largest(ax, s, b)), dual / max(1, largest(z)),
        largest(px + az + q) / max(1, largest(px, az, q)),
        abs(value - bound) / max(1, min(abs(value), abs(bound))))
    return {"error": max(errors), "value": value}


CHECKS = {"conic": examine}
