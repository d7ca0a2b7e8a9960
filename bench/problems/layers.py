"""Lower levels that are problems of a library: a quadratic program, a game.

Returns x learned from a portfolio that somebody chose: the lower level is min z'Pz / 2 - x'z over
the simplex; F = |z - chosen|^2 / 2 + |x|^2 / 200. Taxes x that bring the firms of Cournot's game to
what is wanted of each, with the same F.
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


@dataclass
class Firms:
    """Firm i makes z_i >= 0 at the cost c_i z_i + d_i z_i^2 / 2 and the tax x_i z_i, and sells it
    at the price a - sum z. There is a potential, z'Mz / 2 - b(x)'z with M = diag(1 + d) + 11'."""
    c: np.ndarray
    d: np.ndarray
    chosen: np.ndarray
    a: float = 10.0
    weight: float = 1e-2

    def __post_init__(self):
        n = len(self.c)
        self.x0, self.y0 = np.zeros(n), np.zeros(n)
        self.low, self.high = np.full(n, -np.inf), np.full(n, np.inf)

    upper, grad_upper = Layer.upper, Layer.grad_upper

    def losses(self, x, z):
        return self.c + x + (1 + self.d) * z + z.sum() - self.a

    def lower(self, x, z):
        return 0.5 * ((1 + self.d) @ (z * z) + z.sum() ** 2) + (self.c + x - self.a) @ z

    def solve_lower(self, x, z, tolerance=1e-12):
        """The sum s of all by bisection: each makes max(0, a - s - c - x) / (1 + d)."""
        def made(s):
            return np.maximum(0, self.a - s - self.c - x) / (1 + self.d)

        low, high = 0.0, made(0.0).sum()
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if made(middle).sum() > middle else (low, middle)
        return made((low + high) / 2)

    def derivative(self, x, z, tolerance=1e-10):
        gx, gz = self.grad_upper(x, z)
        free = z > 1e-12
        v = np.zeros(len(z))
        # M_FF^-1 by the formula for a diagonal and a matrix of rank one.
        inverse = 1 / (1 + self.d[free])
        v[free] = inverse * gz[free]
        v[free] -= inverse * (v[free].sum() / (1 + inverse.sum()))
        return gx - v


def firms(task, n, rng):
    """Costs of firms, and what they would make at taxes that nobody knows."""
    firms = Firms(rng.uniform(0, 2, n), rng.uniform(0, 1, n), np.zeros(n))
    firms.chosen = firms.solve_lower(rng.uniform(0, 1, n), firms.y0)
    task.program = firms


GENERATORS = {"layer_portfolio": portfolio, "layer_firms": firms}
