"""Matrix games, bilinear saddle points and certificates of games."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

import kantor

METHODS = ["linear_program", "primal_dual_hybrid_gradient"]


def value_by_scipy(payoff):
    n, m = payoff.shape
    found = linprog(
        np.r_[np.zeros(m), 1], A_ub=np.c_[payoff, -np.ones(n)], b_ub=np.zeros(n),
        A_eq=[[1.0] * m + [0]], b_eq=[1], bounds=[(0, None)] * m + [(None, None)])
    return found.fun


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (5, 1), (7, 3), (40, 60)])
def test_values_are_those_of_the_linear_program(method, shape):
    payoff = np.random.default_rng(sum(shape)).normal(size=shape)
    game = kantor.game.matrix(payoff, method, tolerance=1e-8)
    assert game.status == "solved"
    assert game.objective == pytest.approx(value_by_scipy(payoff), abs=1e-7)
    p, q = game.row_strategy, game.column_strategy
    assert p.min() >= 0 and q.min() >= 0
    assert p.sum() == pytest.approx(1) and q.sum() == pytest.approx(1)
    assert game.lower == pytest.approx((p @ payoff).min(), abs=1e-12)
    assert game.upper == pytest.approx((payoff @ q).max(), abs=1e-12)


def test_sparse_games():
    payoff = sparse.random(200, 150, 0.05, random_state=3, format="csr")
    one = kantor.game.matrix(payoff)
    two = kantor.game.matrix(payoff.toarray(), "primal_dual_hybrid_gradient")
    assert one.status == two.status == "solved"
    assert one.objective == pytest.approx(two.objective, abs=2e-6)


def test_warm_starts_of_games():
    payoff = np.random.default_rng(1).normal(size=(50, 50))
    problem = kantor.Problem("matrix_game", payoff=payoff)
    cold = kantor.solve(problem, "primal_dual_hybrid_gradient")
    warm = kantor.solve(problem, "primal_dual_hybrid_gradient", warm_start=cold)
    assert warm.iterations <= cold.iterations / 4


@pytest.mark.parametrize("method", ["primal_dual_hybrid_gradient", "alpd"])
def test_ridge_regression_is_bilinear(method):
    """min |Ax - b|^2/2 + |x|^2/2, as max over y of y'(Ax - b) - |y|^2/2."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(30, 10)), rng.normal(size=30)
    problem = kantor.Problem("bilinear", K=a.T, b=b, mu=1.0, P=np.eye(10))
    found = kantor.solve(problem, method, tolerance=1e-9)
    want = np.linalg.solve(a.T @ a + np.eye(10), a.T @ b)
    assert found.status == "solved"
    np.testing.assert_allclose(found.x, want, atol=1e-4)
    assert found.dual_objective <= found.objective + 1e-9


def test_sets_of_bilinear_problems_are_fields():
    rng = np.random.default_rng(3)
    payoff = rng.normal(size=(12, 9))
    problem = kantor.Problem(
        "bilinear", K=payoff, g="simplex", g_radius=2.0, h="simplex", h_radius=3.0)
    found = kantor.solve(problem)
    assert found.status == "solved"
    assert found.x.sum() == pytest.approx(2) and found.y.sum() == pytest.approx(3)
    # The minimiser has the rows here.
    assert found.objective == pytest.approx(6 * -value_by_scipy(-payoff), abs=1e-5)
    parts = kantor.Problem(
        "bilinear", K=payoff, g="simplex", g_blocks=np.array([6.0, 6.0]), h="box", h_lower=-1.0,
        h_upper=1.0)
    assert kantor.solve(parts).x[:6].sum() == pytest.approx(1)
    with pytest.raises(kantor.InvalidValueError, match="field 'g': simplex: parameter 'radius'"):
        kantor.Problem("bilinear", K=payoff, g="simplex", g_radius=-2.0).seal()


def test_certificates_from_callables():
    def jacobian(x):
        return np.array([[2 + x[0] ** 2, 4 * x[1]], [-0.1 * x[0], 1.0]])

    found = kantor.game.certify(
        jacobian=jacobian, lower=[-1.0, -1.0], upper=[1.0, 1.0], samples=500, seed=4)
    assert found.status == "solved" and found.samples == 500
    assert 0 < found.uncovered < 0.2
    assert found.coupling[0, 1] <= 4
    # Every sample is a point of the region: the exact bounds are no better.
    exact = kantor.game.certify(
        curvature=[2.0, 1.0], coupling=[[0.0, 4.0], [0.1, 0.0]], smoothness=[3.0, 1.0])
    assert exact.margin <= found.margin + 1e-12
    with pytest.raises(ZeroDivisionError):
        kantor.game.certify(jacobian=lambda x: 1 / 0, lower=[0.0], upper=[1.0])
    with pytest.raises(kantor.KantorError, match="lower"):
        kantor.game.certify(jacobian=jacobian)


def test_certificates_of_blocks():
    rng = np.random.default_rng(5)
    own = [np.eye(3) * 2, np.eye(2) * 3]
    jacobian = np.zeros((5, 5))
    jacobian[:3, :3], jacobian[3:, 3:] = own
    jacobian[:3, 3:] = rng.normal(size=(3, 2))
    jacobian[3:, :3] = 0.1 * rng.normal(size=(2, 3))
    found = kantor.game.certify(jacobian=jacobian, players=[3, 2])
    assert found.status == "solved"
    np.testing.assert_allclose(found.curvature, [2, 3], rtol=1e-9)
    assert found.coupling[0, 1] == pytest.approx(np.linalg.norm(jacobian[:3, 3:], 2), rel=1e-9)
    w = np.repeat(found.weights, [3, 2]) ** 0.5
    scaled = w[:, None] * jacobian / w
    assert np.linalg.eigvalsh((scaled + scaled.T) / 2)[0] >= found.margin - 1e-12
    assert np.linalg.norm(scaled, 2) == pytest.approx(found.lipschitz, rel=1e-6)
    none = kantor.game.certify(jacobian=jacobian - 4 * np.eye(5), players=[3, 2])
    assert none.status == "infeasible" and none.witness.max() > 0
