"""Variational inequalities given by an operator: every contestant calls the same function."""

import numpy as np


def simplex(x, radius=1.0):
    """The nearest point of x >= 0, sum x = radius."""
    order = np.sort(x)[::-1]
    excess = (np.cumsum(order) - radius) / np.arange(1, len(x) + 1)
    return np.maximum(x - excess[np.flatnonzero(order > excess)[-1]], 0)


def store(task, operator, project, start, lipschitz, prox):
    task.extra |= {"operator": operator, "project": project, "start": start,
                   "lipschitz": lipschitz, "prox": prox}


def linear(task, n, rng):
    """F(z) = Az + b, A the sum of a diagonal and a skew matrix."""
    root = rng.standard_normal((n, n)) / np.sqrt(n)
    A, b = np.diag(0.05 + rng.random(n)) + root - root.T, rng.standard_normal(n)
    store(task, lambda z: A @ z + b, lambda z: z, np.zeros(n), np.linalg.norm(A, 2), {})


def game(task, n, rng):
    """A matrix game of n against n strategies, on two simplices."""
    M = rng.standard_normal((n, n))
    store(
        task, lambda z: np.concatenate([M @ z[n:], -(M.T @ z[:n])]),
        lambda z: np.concatenate([simplex(z[:n]), simplex(z[n:])]), np.full(2 * n, 1 / n),
        np.linalg.norm(M, 2), {"prox": ["simplex", "simplex"], "blocks": [n, n]})


def traffic(task, n, rng):
    """Flows over n routes that share links whose times grow with the fourth power of the flow."""
    links = (rng.random((n // 2, n)) < 0.1).astype(float)
    free, capacity = 1 + rng.random(n // 2), 0.2 + rng.random(n // 2)

    def times(h):
        flow = links @ h
        return links.T @ (free * (1 + 0.15 * (flow / capacity) ** 4))

    store(task, times, lambda h: simplex(h, 4.0), np.full(n, 4.0 / n), None,
          {"prox": ("simplex", 4.0)})


def cournot(task, n, rng):
    """n firms with costs that grow faster than linearly, and a price that falls with their sum."""
    cost, size = rng.uniform(1, 10, n), rng.uniform(0.5, 5, n)
    power = 1 / rng.uniform(0.5, 2, n)

    def marginal(q):
        q = np.maximum(q, 0)
        total = q.sum() + 1e-12
        price = (5000 / total) ** (1 / 1.1)
        return cost + (q / size) ** power - price * (1 - q / (1.1 * total))

    store(task, marginal, lambda q: np.maximum(q, 0), np.full(n, 10.0), None,
          {"prox": "nonnegative"})


def robust(task, n, rng):
    """Least squares against an adversary: |Ax - b - v|^2 - 3 |v|^2, 3n rows."""
    A, b = rng.standard_normal((3 * n, n)), rng.standard_normal(3 * n)

    def field(z):
        r = A @ z[:n] - b - z[n:]
        return np.concatenate([2 * A.T @ r, 2 * r + 6 * z[n:]])

    store(task, field, lambda z: z, np.zeros(4 * n), None, {})


def lasso(task, n, rng):
    """A regression with an l1 norm, whose columns differ thirtyfold in size."""
    A = rng.standard_normal((3 * n, n)) * np.logspace(0, -1.5, n)
    gram = A.T @ A / (3 * n)
    right = gram @ (rng.random(n) < 0.3)
    store(task, lambda x: gram @ x - right,
          lambda x, step=1.0: np.sign(x) * np.maximum(np.abs(x) - 0.01 * step, 0), np.zeros(n),
          np.linalg.norm(gram, 2), {"prox": ("l1", 0.01)})


GENERATORS = {"vi_linear": linear, "vi_game": game, "vi_traffic": traffic, "vi_cournot": cournot,
              "vi_robust": robust, "vi_lasso": lasso}


def examine(task, answer):
    """|z - P(z - F(z))| over 1 + |F(start)|."""
    F, P = task.extra["operator"], task.extra["project"]
    z = np.asarray(answer.f, dtype=float)
    if not np.isfinite(z).all():
        return {"error": np.nan, "note": "the point is not finite"}
    residual = np.linalg.norm(z - P(z - F(z)))
    return {"error": residual / (1 + np.linalg.norm(F(task.extra["start"])))}


CHECKS = {"vi": examine}
