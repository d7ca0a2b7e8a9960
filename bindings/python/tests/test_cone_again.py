"""A cone program is solved again from its own answer in at most two iterations."""

from __future__ import annotations

import numpy as np
import pytest

import kantor.cone

SQRT2 = np.sqrt(2.0)


def linear(rng, n):
    m = n // 2
    rows = rng.standard_normal((m, n))
    x = np.abs(rng.standard_normal(n)) * (rng.random(n) < 0.6)
    z = np.abs(rng.standard_normal(n)) * (x == 0)
    q = rows.T @ rng.standard_normal(m) + z
    A = np.vstack([rows, -np.eye(n)])
    return None, q, A, np.r_[rows @ x, np.zeros(n)], [("zero", m), ("nonnegative", n)]


def quadratic(rng, n):
    root, A = rng.standard_normal((n, n)), rng.standard_normal((2 * n, n))
    b = A @ rng.standard_normal(n) + rng.random(2 * n)
    return root @ root.T + 0.1 * np.eye(n), rng.standard_normal(n), A, b, [("nonnegative", 2 * n)]


def semidefinite_objective(rng, n):
    root, x = rng.standard_normal((n, n // 2)), rng.standard_normal(n)
    rows = rng.standard_normal((2 * n, n))
    A = np.vstack([rows, np.eye(n), -np.eye(n)])
    b = np.r_[rows @ x + rng.random(2 * n), x + 1, 1 - x]
    return root @ root.T, rng.standard_normal(n), A, b, [("nonnegative", 4 * n)]


def second_order(rng, n):
    A = -rng.standard_normal((20, n))
    s, z = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    s[:, 0] = np.linalg.norm(s[:, 1:], axis=1) + rng.random(5) * [0, 1, 0, 1, 0]
    z[:, 0] = np.linalg.norm(z[:, 1:], axis=1) + 0.1
    return (None, -A.T @ z.ravel(), A, A @ rng.standard_normal(n) + s.ravel(),
            [("second_order", 4)] * 5)


def semidefinite(rng, n):
    side = n // 2 + 2

    def triangle(matrix):
        return np.array([
            matrix[i, j] * (1 if i == j else SQRT2) for j in range(side) for i in range(j + 1)])

    sums = [rng.standard_normal((side, side)) for _ in range(n)]
    A = -np.array([triangle(matrix + matrix.T) for matrix in sums]).T
    s, z = rng.standard_normal((side, side)), rng.standard_normal((side, side // 2))
    b = A @ rng.standard_normal(n) + triangle(s @ s.T)
    return None, -A.T @ triangle(z @ z.T), A, b, [("psd", side)]


FAMILIES = [linear, quadratic, semidefinite_objective, second_order, semidefinite]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@pytest.mark.parametrize("method", ["interior_point", "first_order", "active_set"])
def test_an_answer_is_the_start_of_the_same_program(method, family):
    if method == "active_set" and family in (second_order, semidefinite):
        pytest.skip("active_set takes linear cones")
    for n in (4, 12):
        for seed in range(3):
            data = family(np.random.default_rng([seed, n]), n)
            first = kantor.cone.solve(*data, method=f"cone/{method}").result
            numbers = {"x": first.x, "z": first.z}
            for start in (first, numbers):
                again = kantor.cone.solve(*data, method=f"cone/{method}", warm_start=start).result
                assert first.status == again.status == "solved"
                assert again.iterations <= 2
                size = max(1, abs(first.objective))
                assert again.objective == pytest.approx(first.objective, abs=1e-6 * size)
