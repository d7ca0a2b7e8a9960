"""Derivatives of the answers of any solver."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor.implicit import custom_root, root_jvp, root_vjp

rng = np.random.default_rng(3)
A = rng.standard_normal((6, 6))
A = A @ A.T + np.eye(6)
B = rng.standard_normal((6, 3))


def residual(y, x):
    return A @ y + 0.1 * y ** 3 - B @ np.sin(x)


def solver(x):
    y = np.zeros(6)
    for _ in range(50):
        y = y - np.linalg.solve(A + np.diag(0.3 * y ** 2), residual(y, x))
    return y


X = np.array([0.3, -0.7, 1.1])
JACOBIANS = dict(
    jac_y=lambda y, x: A + np.diag(0.3 * y ** 2), jac_x=lambda y, x: -B * np.cos(x))
PRODUCTS = dict(
    vjp_y=lambda y, x, u: A.T @ u + 0.3 * y ** 2 * u, vjp_x=lambda y, x, u: -np.cos(x) * (B.T @ u),
    jvp_y=lambda y, x, v: A @ v + 0.3 * y ** 2 * v, jvp_x=lambda y, x, v: -B @ (np.cos(x) * v))


@pytest.mark.parametrize("given", [{}, JACOBIANS, PRODUCTS])
def test_both_ways(given):
    root = custom_root(residual, **given)(solver)
    tangent, cotangent = np.array([1.0, 2.0, -1.0]), rng.standard_normal(6)
    change = (solver(X + 1e-6 * tangent) - solver(X - 1e-6 * tangent)) / 2e-6
    np.testing.assert_allclose(root.jvp(X, tangent), change, atol=1e-7)
    pulled = root.vjp(X, cotangent)
    assert pulled.shape == X.shape
    assert pulled @ tangent == pytest.approx(cotangent @ change, abs=1e-7)


def test_fixed_points_and_scalars():
    # y = cos(x y), a fixed point of one number
    y = 0.5
    for _ in range(200):
        y = np.cos(1.3 * y)
    slope = root_jvp(lambda y, x: y - np.cos(x * y), y, 1.3, 1.0)
    expected = -np.sin(1.3 * y) * y / (1 + 1.3 * np.sin(1.3 * y))
    assert slope.shape == () and float(slope) == pytest.approx(expected, abs=1e-8)


def test_projection_on_the_simplex():
    # conditions of optimality on the support: y - z + t = 0, sum y = 1
    z = np.array([0.6, 0.5, -1.0])
    y = np.array([0.55, 0.45])

    def conditions(w, z):
        return np.append(w[:2] - z[:2] + w[2], w[:2].sum() - 1)

    w = np.append(y, 0.05)
    pulled = root_vjp(conditions, w, z, [1.0, 0.0, 0.0])
    np.testing.assert_allclose(pulled, [0.5, -0.5, 0.0], atol=1e-8)


def test_singular_systems_are_told():
    with pytest.raises(kantor.KantorError, match="singular"):
        root_vjp(lambda y, x: y.sum() + 0 * y - x, np.zeros(2), np.zeros(2), [1.0, 0.0])
    regular = root_vjp(
        lambda y, x: y.sum() + 0 * y - x, np.zeros(2), np.zeros(2), [1.0, 1.0], ridge=1e-3)
    assert np.isfinite(regular).all()
    with pytest.raises(kantor.KantorError, match="products"):
        root_vjp(residual, solver(X), X, np.ones(6), vjp_y=lambda y, x, u: 0 * u)


def test_wrong_sizes():
    with pytest.raises(kantor.KantorError, match="cotangent has 2"):
        root_vjp(residual, solver(X), X, [1.0, 2.0])
    with pytest.raises(kantor.KantorError, match="tangent has 2"):
        root_jvp(residual, solver(X), X, [1.0, 2.0])
    with pytest.raises(kantor.KantorError, match="Jacobian"):
        root_jvp(residual, solver(X), X, np.ones(3), jac_y=lambda y, x: A[:5])
