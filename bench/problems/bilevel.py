"""Bilevel problems: a quadratic pair, ridge penalties by feature, weights of samples.

Each has F and f as functions of x and y with their derivatives, written once in NumPy and once for
JAX. The error of an answer is the projected derivative of F along the exact lower answer.
"""

from dataclasses import dataclass
from typing import Any, Callable

import numpy as np


@dataclass
class Bilevel:
    x0: np.ndarray
    y0: np.ndarray
    low: np.ndarray
    high: np.ndarray
    upper: Callable
    grad_upper: Callable
    lower: Callable
    grad_lower: Callable
    hvp: Callable  # f_yy v
    cross: Callable  # f_xy v
    jax: Callable[[Any], tuple]  # (F(x, y), f(y, x)) of jax.numpy

    def solve_lower(self, x, y, tolerance=1e-12):
        """Newton's method with conjugate gradients, for strongly convex f."""
        for _ in range(200):
            g = self.grad_lower(x, y)[1]
            if np.abs(g).max() <= tolerance:
                return y
            step = self.conjugate_gradients(x, y, g, 1e-3)
            t, value = 1.0, self.lower(x, y)
            slope = g @ step
            while t > 1e-10 and self.lower(x, y - t * step) > value - 1e-4 * t * slope + 1e-15:
                t /= 2
            y = y - t * step
        return y

    def conjugate_gradients(self, x, y, b, tolerance):
        v, r = np.zeros_like(b), b.copy()
        p, rho = r.copy(), r @ r
        goal = tolerance ** 2 * rho
        for _ in range(10 * len(b)):
            if rho <= goal or rho == 0:
                break
            q = self.hvp(x, y, p)
            alpha = rho / (p @ q)
            v += alpha * p
            r -= alpha * q
            rho, old = r @ r, rho
            p = r + rho / old * p
        return v

    def derivative(self, x, y, tolerance=1e-10):
        """Derivative of F along the lower answer, at that answer."""
        gx, gy = self.grad_upper(x, y)
        return gx - self.cross(x, y, self.conjugate_gradients(x, y, gy, tolerance))


def quadratic_pair(task, n, rng):
    """Spectra in [0.1, 1], and a cross term of the norm 0.1."""
    def symmetric():
        q = np.linalg.qr(rng.standard_normal((n, n)))[0]
        return (q * np.linspace(0.1, 1, n)) @ q.T

    A, B, D = symmetric(), symmetric(), symmetric()
    C = rng.standard_normal((n, n))
    C *= 0.1 / np.linalg.norm(C, 2)
    c, d = rng.standard_normal(n), rng.standard_normal(n)
    free = np.full(n, np.inf)
    task.program = Bilevel(
        np.zeros(n), np.zeros(n), -free, free,
        lambda x, y: 0.5 * (x @ A @ x + y @ B @ y) + c @ y,
        lambda x, y: (A @ x, B @ y + c),
        lambda x, y: 0.5 * y @ D @ y + x @ C @ y + d @ y,
        lambda x, y: (C @ y, D @ y + C.T @ x + d),
        lambda x, y, v: D @ v, lambda x, y, v: C @ v,
        lambda jnp: (lambda x, y: 0.5 * (x @ A @ x + y @ B @ y) + c @ y,
                     lambda y, x: 0.5 * y @ D @ y + x @ C @ y + d @ y))


def ridge_penalties(task, n, rng):
    """Diabetes: 40 samples to fit, 200 to judge, a penalty exp(x_j) for each feature.

    Ten features, and their products with each other above that.
    """
    from sklearn.datasets import load_diabetes

    X, t = load_diabetes(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, t = X[order], t[order]
    if n > X.shape[1]:
        first, second = np.triu_indices(X.shape[1])
        X = np.hstack([X, X[:, first] * X[:, second]])
    X = X[:, :n]
    X = (X - X[:40].mean(0)) / X[:40].std(0)
    t = (t - t[:40].mean()) / t[:40].std()
    A, a, V, v = X[:40], t[:40], X[40:240], t[40:240]
    d = X.shape[1]

    def both(np):
        def upper(x, y):
            return 0.5 * np.mean((V @ y - v) ** 2)

        def lower(x, y):
            return 0.5 * np.mean((A @ y - a) ** 2) + 0.5 * np.sum(np.exp(x) * y * y)

        return upper, lower

    upper, lower = both(np)

    def of_jax(jnp):
        F, f = both(jnp)
        return F, lambda y, x: f(x, y)

    task.program = Bilevel(
        np.full(d, -1.0), np.zeros(d), np.full(d, -8.0), np.full(d, 6.0), upper,
        lambda x, y: (0 * x, V.T @ (V @ y - v) / 200), lower,
        lambda x, y: (0.5 * np.exp(x) * y * y, A.T @ (A @ y - a) / 40 + np.exp(x) * y),
        lambda x, y, w: A.T @ (A @ w) / 40 + np.exp(x) * w,
        lambda x, y, w: np.exp(x) * y * w, of_jax)


def sample_weights(task, n, rng):
    """Digits: n samples, half of their labels drawn anew; weights judged by 400 clean samples."""
    from sklearn.datasets import load_digits

    X, t = load_digits(return_X_y=True)
    random = np.random.RandomState(0)
    order = random.permutation(len(X))
    X, t = X[order] / 16, t[order]
    labels = t[:n].copy()
    wrong = random.rand(n) < 0.5
    labels[wrong] = random.randint(0, 10, wrong.sum())
    A, V = X[:n], X[n:n + 400]
    Y, U = np.eye(10)[labels], np.eye(10)[t[n:n + 400]]
    shape = (64, 10)

    def softmax(Z):
        Z = Z - Z.max(1, keepdims=True)
        E = np.exp(Z)
        total = E.sum(1, keepdims=True)
        return E / total, Z - np.log(total)

    def weight(x):
        return 1 / (1 + np.exp(-x))

    def lower(x, y):
        losses = -(Y * softmax(A @ y.reshape(shape))[1]).sum(1)
        return (weight(x) * losses).mean() + 0.005 * y @ y

    def grad_lower(x, y):
        P, L = softmax(A @ y.reshape(shape))
        s = weight(x)
        return (-s * (1 - s) * (Y * L).sum(1) / n,
                (A.T @ (s[:, None] * (P - Y)) / n).ravel() + 0.01 * y)

    def grad_upper(x, y):
        return np.zeros(n), (V.T @ (softmax(V @ y.reshape(shape))[0] - U) / 400).ravel()

    def hvp(x, y, v):
        P, Q = softmax(A @ y.reshape(shape))[0], A @ v.reshape(shape)
        R = P * (Q - (P * Q).sum(1, keepdims=True))
        return (A.T @ (weight(x)[:, None] * R) / n).ravel() + 0.01 * v

    def cross(x, y, v):
        s = weight(x)
        P = softmax(A @ y.reshape(shape))[0]
        return s * (1 - s) * ((P - Y) * (A @ v.reshape(shape))).sum(1) / n

    def of_jax(jnp):
        import jax

        def F(x, y):
            return -(U * jax.nn.log_softmax(V @ y.reshape(shape))).sum() / 400

        def f(y, x):
            losses = -(Y * jax.nn.log_softmax(A @ y.reshape(shape))).sum(1)
            return (jax.nn.sigmoid(x) * losses).mean() + 0.005 * jnp.sum(y * y)

        return F, f

    task.program = Bilevel(
        np.zeros(n), np.zeros(640), np.full(n, -4.0), np.full(n, 4.0),
        lambda x, y: -(U * softmax(V @ y.reshape(shape))[1]).sum() / 400, grad_upper, lower,
        grad_lower, hvp, cross, of_jax)


GENERATORS = {
    "bilevel_quadratic": quadratic_pair, "bilevel_ridge": ridge_penalties,
    "bilevel_weights": sample_weights,
}


def examine(task, answer):
    """Projected derivative along the exact lower answer, over 1 + |F|; F there; the gap of y."""
    problem = task.program
    x = np.clip(np.asarray(answer.f, dtype=float), problem.low, problem.high)
    y = np.asarray(answer.g, dtype=float).ravel()
    exact = problem.solve_lower(x, y, 1e-10)
    value = problem.upper(x, exact)
    moved = np.clip(x - problem.derivative(x, exact), problem.low, problem.high)
    gap = problem.lower(x, y) - problem.lower(x, exact)
    outside = np.abs(np.asarray(answer.f) - x).max()
    error = max(np.abs(x - moved).max() / (1 + abs(value)), gap, outside)
    return {"error": error, "objective": value, "lower_gap": gap}


CHECKS = {"bilevel": examine}
