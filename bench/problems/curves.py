"""Least-squares problems and smooth functions of the families nlp-ls and nlp-overhead.

A problem is a `Fit` in `task.program`: its function, its derivative, its start. The error of an
answer is the gradient there over the gradient at the start, with bounds projected.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np


@dataclass
class Fit:
    """Residuals with a Jacobian, or a value with a gradient, and where to start."""

    function: Callable
    derivative: Callable
    start: np.ndarray
    lower: np.ndarray = None
    upper: np.ndarray = None
    hessian: Callable = None

    def gradient(self, x):
        slope = self.derivative(x)
        if np.ndim(slope) == 1:
            return slope
        return slope.T @ self.function(x)

    def slope(self, x):
        """Largest entry of x - P(x - g)."""
        moved = x - self.gradient(x)
        if self.lower is not None:
            moved = np.clip(moved, self.lower, self.upper)
        return float(np.abs(x - moved).max())


def decay(task, n, rng):
    """A decay and a wave fitted to n noisy points."""
    t = np.linspace(0, 4, n)
    y = 2.5 * np.exp(-1.3 * t) + 0.5 * np.sin(3 * t) + 0.05 * rng.normal(size=n)

    def residuals(x):
        return x[0] * np.exp(-x[1] * t) + x[2] * np.sin(x[3] * t) - y

    def jacobian(x):
        e = np.exp(-x[1] * t)
        s, c = np.sin(x[3] * t), np.cos(x[3] * t)
        return np.stack([e, -t * x[0] * e, s, t * x[2] * c], axis=1)

    task.program = Fit(residuals, jacobian, np.array([1.0, 1.0, 1.0, 2.8]))


def valley(task, n, rng):
    """Rosenbrock's valley with a bound that is active."""
    task.program = Fit(
        lambda x: np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]),
        lambda x: np.array([[-20 * x[0], 10.0], [-1.0, 0.0]]), np.array([-1.2, 1.0]),
        np.array([-np.inf, -1.0]), np.array([0.6, 2.0]))


def neuron(task, n, rng):
    """tanh(A x) fitted to 10 n noisy values."""
    matrix = rng.normal(size=(10 * n, n)) / np.sqrt(10 * n)
    y = np.tanh(matrix @ rng.normal(size=n)) + 0.01 * rng.normal(size=10 * n)

    def jacobian(x):
        value = np.tanh(matrix @ x)
        return matrix * (1 - value * value)[:, None]

    task.program = Fit(lambda x: np.tanh(matrix @ x) - y, jacobian, np.zeros(n))


def tridiagonal(task, n, rng):
    """Broyden's tridiagonal system, sparse."""
    from scipy.sparse import diags

    def residuals(x):
        f = (3 - x) * x + 1
        f[1:] -= x[:-1]
        f[:-1] -= 2 * x[1:]
        return f

    def jacobian(x):
        bands = [-np.ones(n - 1), 3 - 2 * x, -2 * np.ones(n - 1)]
        return diags(bands, [-1, 0, 1], format="csr")

    task.program = Fit(residuals, jacobian, -np.ones(n))


def chain(task, n, rng):
    """Rosenbrock's function of n variables, from SciPy's start, as a value."""

    def value(x):
        return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))

    def gradient(x):
        g = np.zeros(n)
        a = x[1:] - x[:-1] ** 2
        g[:-1] = -400 * x[:-1] * a - 2 * (1 - x[:-1])
        g[1:] += 200 * a
        return g

    def hessian(x):
        d = np.zeros(n)
        d[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
        d[1:] += 200
        return np.diag(d) + np.diag(-400 * x[:-1], 1) + np.diag(-400 * x[:-1], -1)

    start = np.resize([1.3, 0.7, 0.8, 1.9, 1.2], n)
    task.program = Fit(value, gradient, start, hessian=hessian)


GENERATORS = {
    "curve_decay": decay, "curve_valley": valley, "curve_neuron": neuron,
    "curve_tridiagonal": tridiagonal, "curve_chain": chain,
}


def examine(task, answer):
    """The gradient at the answer over that at the start."""
    fit = task.program
    x = np.asarray(answer.f, dtype=float)
    if not np.isfinite(x).all():
        return {"error": np.nan, "note": "the answer is not finite"}
    figures = {"error": fit.slope(x) / fit.slope(fit.start)}
    value = fit.function(x)
    figures["objective"] = float(value if np.ndim(value) == 0 else 0.5 * value @ value)
    return figures


CHECKS = {"curves": examine}
