"""Linear and quadratic programs: min 1/2 x'Px + q'x subject to l <= Ax <= u, the families of the
OSQP paper (Stellato and others 2020), and transport as a linear program."""

import numpy as np


def store(task, P, q, A, l, u):  # noqa: E741 - the names of the form
    from scipy import sparse

    matrices = [sparse.csc_matrix(M) for M in (P, A)]
    for M in matrices:
        M.sort_indices()  # PIQP answers wrongly where they are not
    task.program = (
        matrices[0], np.asarray(q, float), matrices[1], np.asarray(l, float),
        np.asarray(u, float))


def sprandn(rng, m, n, density):
    from scipy import sparse

    return sparse.random(m, n, density, format="csc", random_state=rng,
                         data_rvs=rng.standard_normal)


def dense_qp(task, n, rng):
    """A small dense program with two-sided rows, as control loops have."""
    root = rng.standard_normal((n, n))
    A, x = rng.standard_normal((2 * n, n)), rng.standard_normal(n)
    store(task, root @ root.T + 0.1 * np.eye(n), rng.standard_normal(n), A,
          A @ x - rng.random(2 * n), A @ x + rng.random(2 * n))


def random_qp(task, n, rng):
    from scipy import sparse

    root = sprandn(rng, n, n, 0.15)
    P = root @ root.T + 1e-2 * sparse.identity(n)
    A = sprandn(rng, 10 * n, n, 0.15)
    value = A @ rng.standard_normal(n)
    store(task, P, rng.standard_normal(n), A, value - rng.random(10 * n),
          value + rng.random(10 * n))


def equality_qp(task, n, rng):
    from scipy import sparse

    root = sprandn(rng, n, n, 0.15)
    A = sprandn(rng, n // 2, n, 0.15)
    value = A @ rng.standard_normal(n)
    store(task, root @ root.T + 1e-2 * sparse.identity(n), rng.standard_normal(n), A, value, value)


def portfolio(task, n, rng):
    """n factors, 100 n assets; variables assets and then factors."""
    from scipy import sparse

    assets = 100 * n
    F = sprandn(rng, assets, n, 0.5)
    D = sparse.diags(rng.random(assets) * np.sqrt(n))
    P = sparse.block_diag([2 * D, 2 * sparse.identity(n)])
    A = sparse.vstack([
        sparse.hstack([np.ones((1, assets)), sparse.csc_matrix((1, n))]),
        sparse.hstack([F.T, -sparse.identity(n)]),
        sparse.hstack([sparse.identity(assets), sparse.csc_matrix((assets, n))]),
    ])
    fixed = np.concatenate([[1.0], np.zeros(n)])
    store(task, P, np.concatenate([-rng.standard_normal(assets), np.zeros(n)]), A,
          np.concatenate([fixed, np.zeros(assets)]), np.concatenate([fixed, np.ones(assets)]))


def regression(rng, n):
    m = 100 * n
    A = sprandn(rng, m, n, 0.15)
    x = rng.standard_normal(n) / np.sqrt(n) * (rng.random(n) > 0.5)
    return A, A @ x + rng.standard_normal(m), m


def lasso(task, n, rng):
    """Variables x, residuals y = Ax - b, bounds t of |x|."""
    from scipy import sparse

    A, b, m = regression(rng, n)
    strength = np.abs(A.T @ b).max() / 5
    eye, none = sparse.identity(n), sparse.csc_matrix
    P = sparse.block_diag([none((n, n)), 2 * sparse.identity(m), none((n, n))])
    rows = sparse.vstack([
        sparse.hstack([A, -sparse.identity(m), none((m, n))]),
        sparse.hstack([eye, none((n, m)), -eye]), sparse.hstack([eye, none((n, m)), eye])])
    infinite, zero = np.full(n, np.inf), np.zeros(n)
    store(task, P, np.concatenate([np.zeros(n + m), np.full(n, strength)]), rows,
          np.concatenate([b, -infinite, zero]), np.concatenate([b, zero, infinite]))


def svm(task, n, rng):
    """Variables x and slacks t >= max(0, diag(b) A x + 1)."""
    from scipy import sparse

    m = 100 * n
    half = m // 2
    b = np.concatenate([np.ones(half), -np.ones(m - half)])
    A = sparse.random(m, n, 0.15, format="csc", random_state=rng,
                      data_rvs=lambda k: rng.standard_normal(k) / np.sqrt(n))
    A.data += (b[A.indices]) / n
    P = sparse.block_diag([sparse.identity(n), sparse.csc_matrix((m, m))])
    rows = sparse.vstack([
        sparse.hstack([sparse.diags(b) @ A, -sparse.identity(m)]),
        sparse.hstack([sparse.csc_matrix((m, n)), sparse.identity(m)])])
    infinite = np.full(m, np.inf)
    store(task, P, np.concatenate([np.zeros(n), np.ones(m)]), rows,
          np.concatenate([-infinite, np.zeros(m)]), np.concatenate([-np.ones(m), infinite]))


def huber(task, n, rng):
    """Variables x, u, r, s: Ax - b - u = r - s, r, s >= 0; objective u'u + 2 (r + s)."""
    from scipy import sparse

    A, b, m = regression(rng, n)
    far = rng.random(m) > 0.95
    b[far] += rng.uniform(0, 10, far.sum())
    eye, none = sparse.identity(m), sparse.csc_matrix
    P = sparse.block_diag([none((n, n)), 2 * eye, none((2 * m, 2 * m))])
    rows = sparse.vstack([
        sparse.hstack([A, -eye, -eye, eye]),
        sparse.hstack([none((2 * m, n + m)), sparse.identity(2 * m)])])
    store(task, P, np.concatenate([np.zeros(n + m), 2 * np.ones(2 * m)]), rows,
          np.concatenate([b, np.zeros(2 * m)]), np.concatenate([b, np.full(2 * m, np.inf)]))


def control(task, n, rng):
    """n states, n / 2 inputs, ten steps; the linear system is random and stable or nearly so."""
    from scipy import sparse

    inputs, steps = max(n // 2, 1), 10
    system = np.eye(n) + 0.1 * rng.standard_normal((n, n))
    system /= max(1.0, np.abs(np.linalg.eigvals(system)).max())
    drive = rng.standard_normal((n, inputs))
    weight = sparse.diags(np.where(rng.random(n) < 0.7, 10 * rng.random(n), 0.0))
    P = sparse.block_diag([*[weight] * (steps + 1), *[0.1 * sparse.identity(inputs)] * steps])
    move = sparse.kron(sparse.identity(steps + 1), -sparse.identity(n)) + sparse.kron(
        sparse.eye(steps + 1, k=-1), system)
    push = sparse.kron(sparse.vstack([sparse.csc_matrix((1, steps)), sparse.identity(steps)]),
                       drive)
    count = n * (steps + 1) + inputs * steps
    first = np.concatenate([-0.5 * rng.uniform(-1, 1, n), np.zeros(n * steps)])
    limit = np.concatenate([np.full(n * (steps + 1), 1 + rng.random()),
                            np.full(inputs * steps, 0.1 * (1 + rng.random()))])
    rows = sparse.vstack([sparse.hstack([move, push]), sparse.identity(count)])
    store(task, P, np.zeros(count), rows, np.concatenate([first, -limit]),
          np.concatenate([first, limit]))


def transport_lp(task, n, rng):
    """Random costs between n and 5/4 n places with random weights."""
    from scipy import sparse

    m = 5 * n // 4
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    rows = sparse.vstack([
        sparse.kron(sparse.identity(n), np.ones((1, m))),
        sparse.kron(np.ones((1, n)), sparse.identity(m)), sparse.identity(n * m)])
    fixed = np.concatenate([a / a.sum(), b / b.sum()])
    store(task, sparse.csc_matrix((n * m, n * m)), rng.random(n * m), rows,
          np.concatenate([fixed, np.zeros(n * m)]),
          np.concatenate([fixed, np.full(n * m, np.inf)]))


GENERATORS = {
    "dense_qp": dense_qp, "random_qp": random_qp, "equality_qp": equality_qp,
    "portfolio": portfolio, "lasso": lasso, "svm": svm, "huber": huber, "control": control,
    "transport_lp": transport_lp,
}


def examine(task, answer):
    """Largest of the relative primal and dual residual and the gap, from x and the multipliers y
    of the rows: Px + q + A'y = 0, y >= 0 at upper sides."""
    P, q, A, l, u = task.program  # noqa: E741
    x, y = (np.asarray(v, dtype=float) for v in (answer.f, answer.g))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return {"error": np.nan, "note": "x or y are not finite"}
    Px, Ax, Aty = P @ x, A @ x, A.T @ y
    up, down = np.maximum(y, 0), np.maximum(-y, 0)
    infinite = max(up[np.isinf(u)].max(initial=0), down[np.isinf(l)].max(initial=0))
    primal = np.maximum(np.maximum(l - Ax, Ax - u), 0).max(initial=0)
    primal /= max(1, np.abs(Ax).max(initial=0))
    dual = max(np.abs(Px + q + Aty).max(), infinite)
    dual /= max(1, *(np.abs(v).max(initial=0) for v in (Px, q, Aty)))
    support = up[np.isfinite(u)] @ u[np.isfinite(u)] - down[np.isfinite(l)] @ l[np.isfinite(l)]
    value, bound = 0.5 * x @ Px + q @ x, -0.5 * x @ Px - support
    gap = abs(value - bound) / max(1, abs(value), abs(bound))
    return {"error": max(primal, dual, gap), "value": value, "primal": primal, "dual": dual,
            "gap": gap}


CHECKS = {"program": examine}
