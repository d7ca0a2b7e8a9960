"""Proximal maps and matrix games: the problems, and what an answer is worth."""

import numpy as np


def vectors(task, n, rng):
    task.x = rng.standard_normal((task.extra.get("rows", 1), n))


def signal(task, n, rng):
    """Steps and noise."""
    levels = np.repeat(rng.standard_normal(n // 100 + 1) * 3, 100)[:n]
    task.x = (levels + rng.standard_normal(n))[None]


def square(task, n, rng):
    task.x = rng.standard_normal((n, n))


def payoffs(task, n, rng):
    task.cost = rng.uniform(-1, 1, (n, n))


def sparse_payoffs(task, n, rng):
    """One of a hundred entries."""
    from scipy import sparse

    task.program = sparse.random(
        n, n, 0.01, random_state=rng, data_rvs=lambda k: rng.uniform(-1, 1, k), format="csc")


GENERATORS = {"vectors": vectors, "signal": signal, "square": square, "payoffs": payoffs,
              "sparse_payoffs": sparse_payoffs}


def threshold(x, radius):
    """Sorted rows, by the definition of the projection on the simplex."""
    s = -np.sort(-x, axis=1)
    sums = (np.cumsum(s, axis=1) - radius) / np.arange(1, x.shape[1] + 1)
    last = np.count_nonzero(s > sums, axis=1) - 1
    return np.take_along_axis(sums, last[:, None], 1)


def prox_error(task, answer):
    """Distance from the answer of the definition, or from the conditions of optimality."""
    name, x, u = task.extra["map"], task.x, np.asarray(answer.value, dtype=float)
    if name == "simplex":
        return {"error": np.abs(u - np.maximum(x - threshold(x, 1.0), 0)).max()}
    if name == "l1_ball":
        tau = np.maximum(threshold(np.abs(x), 1.0), 0)
        return {"error": np.abs(u - np.sign(x) * np.maximum(np.abs(x) - tau, 0)).max()}
    if name == "nuclear":
        left, s, right = np.linalg.svd(x, full_matrices=False)
        return {"error": np.abs(u - left * np.maximum(s - task.extra["weight"], 0) @ right).max()}
    # Sums of x - u: within the weight, and at it where u steps.
    weight = task.extra["weight"]
    sums = np.cumsum(x[0] - u[0])
    steps = np.diff(u[0])
    wrong = np.abs(sums[:-1] + np.sign(steps) * weight)[np.abs(steps) > 1e-9]
    over = np.maximum(np.abs(sums[:-1]) - weight, 0).max()
    return {"error": max(abs(sums[-1]), over, wrong.max(initial=0.0)) / max(1, weight)}


def game_error(task, answer):
    """What two strategies leave between what they prove, over the range of the payoffs."""
    payoff = task.cost if task.cost is not None else task.program
    p, q = (np.maximum(np.asarray(v, dtype=float), 0) for v in (answer.f, answer.g))
    p, q = p / p.sum(), q / q.sum()
    upper, lower = (payoff @ q).max(), (payoff.T @ p).min()
    least, most = payoff.min(), payoff.max()
    return {"error": (upper - lower) / (most - least), "value": (upper + lower) / 2}


CHECKS = {"prox": prox_error, "matrix-game": game_error}
