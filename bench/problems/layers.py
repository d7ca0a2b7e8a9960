"""A layer that is a quadratic program: returns x learned from a portfolio that somebody chose.

The lower level is min z'Pz / 2 - x'z over the simplex; F = |z - chosen|^2 / 2 + |x|^2 / 200.
"""

from dataclasses import dataclass

import numpy as np


@dataclass
class Layer:
    P: np.ndarray
    chosen: np.ndarray
    weight: float = 1e-2

    def __post_init__(self):
        n = len(self.chosen)
        self.x0, self.y0 = np.zeros(n), np.full(n, 1 / n)
        self.low, self.high = np.full(n, -np.inf), np.full(n, np.inf)

    def upper(self, x, z):
        return 0.5 * float(((z - self.chosen) ** 2).sum()) + 0.5 * self.weight * float(x @ x)

    def grad_upper(self, x, z):
        return self.weight * x, z - self.chosen

    def lower(self, x, z):
        return 0.5 * z @ self.P @ z - x @ z

    def on(self, free, top, bottom):
        """Solve [P_FF, 1; 1', 0] (z, mu) = (top, bottom)."""
        k = free.sum()
        K = np.ones((k + 1, k + 1))
        K[:k, :k], K[k, k] = self.P[np.ix_(free, free)], 0
        solved = np.linalg.solve(K, np.r_[top[free], bottom])
        z = np.zeros(len(top))
        z[free] = solved[:k]
        return z, solved[k]

    def solve_lower(self, x, z, tolerance=1e-12):
        """Principal pivoting: all that are wrong change sides, one of them where that cycles."""
        free, fewest, patience = z > 1e-9, len(x) + 1, 3
        if not free.any():
            free[:] = True
        while True:
            z, mu = self.on(free, x, 1.0)
            slope = self.P @ z - x + mu
            wrong = np.where(free, z < -1e-13, slope < -1e-13)
            if not wrong.any():
                return z
            if wrong.sum() < fewest:
                fewest, patience = wrong.sum(), 3
            else:
                patience -= 1
            if patience < 0:
                wrong[:np.flatnonzero(wrong)[-1]] = False
            free = free ^ wrong
            if not free.any():
                free[np.argmax(x)] = True

    def derivative(self, x, z, tolerance=1e-10):
        gx, gz = self.grad_upper(x, z)
        return gx + self.on(z > 1e-12, gz, 0.0)[0]


def portfolio(task, n, rng):
    """Covariances of a few factors, and what was chosen for returns that nobody knows."""
    G = rng.standard_normal((n, max(2, n // 3)))
    P = G @ G.T / G.shape[1] + np.eye(n)
    layer = Layer(P, np.zeros(n))
    layer.chosen = layer.solve_lower(0.1 * rng.standard_normal(n), layer.y0)
    task.program = layer


GENERATORS = {"layer_portfolio": portfolio}
