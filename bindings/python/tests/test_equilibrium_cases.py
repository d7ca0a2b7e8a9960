"""Equilibria with published answers, problems without solution, functions that go wrong."""

from __future__ import annotations

import numpy as np
import pytest

import kantor

ACCELERATED = [
    "fast_extragradient", "extragradient", "past_extragradient", "forward_reflected_backward",
    "golden_ratio", "proximal_point", "halpern",
]


@pytest.mark.parametrize("method", [None, "fast_extragradient", "extragradient"])
def test_five_firms(method):
    """Murphy, Sherali and Soyster (1982): their published amounts."""
    cost, power = np.array([10.0, 8, 6, 4, 2]), 1 / np.array([1.2, 1.1, 1.0, 0.9, 0.8])

    def gradients(amounts):
        q = np.concatenate(amounts)
        total = q.sum()
        price = (5000 / total) ** (1 / 1.1)
        return [[g] for g in cost + (q / 5) ** power - price * (1 - q / (1.1 * total))]

    found = kantor.game.solve(gradients, [[10.0]] * 5, ("box", 1e-3, np.inf), method=method)
    assert found.status == "solved"
    amounts = np.concatenate(found.strategies)
    assert np.allclose(amounts, [36.93, 41.82, 43.71, 42.66, 39.18], atol=5e-3)


def test_robust_least_squares():
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(30, 8)), rng.normal(size=30)

    def gradient(x, v):
        r = A @ x - b - v
        return 2 * A.T @ r, -2 * r - 6 * v

    found = kantor.saddle.solve(gradient, np.zeros(8), np.zeros(30), tolerance=1e-9)
    x = np.linalg.lstsq(A, b, rcond=None)[0]
    assert found.status == "solved"
    assert np.allclose(found.x, x, atol=1e-6)
    assert np.allclose(found.y, -(A @ x - b) / 2, atol=1e-6)


@pytest.mark.parametrize("method", ACCELERATED)
def test_extrapolation_saves_calls(method):
    slopes = np.linspace(0.02, 1, 50) ** 2

    def solve(acceleration):
        result = kantor.vi.solve(
            lambda x: slopes * (x - 1), np.zeros(50), method=method, acceleration=acceleration,
            tolerance=1e-8)
        assert result.status == "solved"
        assert np.allclose(result.x, 1, atol=1e-3)
        return result

    plain, fast = solve("none"), solve("anderson")
    assert plain.extrapolations == 0 < fast.extrapolations
    assert 2 * fast.evaluations < plain.evaluations


@pytest.mark.parametrize("method", [None, *ACCELERATED])
def test_inclusions_without_solution(method):
    result = kantor.vi.solve(lambda x: np.array([1.0, x[1] - 2]), [0.0, 2.0], method=method)
    assert result.status == "stalled"
    assert result.certificate["solution_distance"] > 1e8
    assert np.allclose(result.displacement, [1, 0], atol=1e-3)
    assert "farther" in result["message"]


def test_bilinear_problems_without_saddle_point():
    # x >= 0, x1 + x2 <= -1; and min -x1 over x >= 0, x1 <= x2.
    nowhere = kantor.solve(kantor.Problem(
        "bilinear", K=[[1.0], [1.0]], c=[1.0, 1], b=[-1.0], g="nonnegative", h="nonnegative"))
    assert nowhere.status == "infeasible" and nowhere.objective == np.inf
    assert np.allclose(nowhere.ray_dual, [1.0])
    endless = kantor.solve(kantor.Problem(
        "bilinear", K=[[1.0], [-1.0]], c=[-1.0, 0], b=[0.0], g="nonnegative", h="nonnegative"))
    assert endless.status == "unbounded" and endless.objective == -np.inf
    ray = endless.ray_primal
    assert ray[0] == pytest.approx(1) and ray[1] >= ray[0] * (1 - 1e-6)


def test_terms_are_read_alike():
    rng = np.random.default_rng(1)
    K = rng.normal(size=(6, 4))
    parts = {"K": K, "g_blocks": [3.0, 3]}
    by_text = kantor.Problem("bilinear", g="simplex 2, box 0 1", h="box -1 1", **parts)
    by_fields = kantor.Problem(
        "bilinear", g="simplex, box", g_radius=2.0, g_lower=0.0, g_upper=1.0, h="box",
        h_lower=-1.0, h_upper=1.0, **parts)
    one, other = kantor.solve(by_text, tolerance=1e-8), kantor.solve(by_fields, tolerance=1e-8)
    assert one.status == other.status == "solved"
    assert one.objective == pytest.approx(other.objective, abs=1e-6)
    for field in ({"g": "simplex 0"}, {"g": "l2_ball", "g_radius": 0.0}):
        with pytest.raises(kantor.InvalidValueError, match="one point"):
            kantor.Problem("bilinear", K=K, **field).seal()
    with pytest.raises(kantor.InvalidValueError, match="one point"):
        kantor.vi.solve(lambda x: x, [1.0], "simplex 0")
    with pytest.raises(kantor.UnknownNameError, match="g_radius"):
        kantor.Problem("bilinear", K=K, g="l1", g_radius=1.0).seal()


def test_certificates_from_gradients():
    def gradients(x):
        return [2 * x[0] + x[0] ** 3 / 3 + 2 * x[1] ** 2, x[1] - 0.05 * x[0] ** 2]

    region = {"lower": [-1.0, -1], "upper": [1.0, 1], "samples": 400, "seed": 2}
    found = kantor.game.certify(gradients=gradients, **region)
    exact = kantor.game.certify(
        jacobian=lambda x: [[2 + x[0] ** 2, 4 * x[1]], [-0.1 * x[0], 1]], **region)
    assert found.status == exact.status == "solved"
    assert np.allclose(found.coupling, exact.coupling, atol=1e-8)
    assert np.allclose(found.curvature, exact.curvature, atol=1e-8)
    inside = kantor.game.certify(gradients=gradients, prox=["zero", ("box", 0, 0.5)], **region)
    assert inside.coupling[0, 1] <= 2 + 1e-8 and inside.margin > found.margin
    with pytest.raises(ZeroDivisionError):
        kantor.game.certify(gradients=lambda x: 1 / 0, lower=[0.0], upper=[1.0])
    with pytest.raises(kantor.KantorError, match="jacobian, map"):
        kantor.Problem(
            "game_certificate", functions=kantor.Functions(2, value=lambda x: 0.0),
            lower=[0.0, 0], upper=[1.0, 1])


@pytest.mark.parametrize("method", [None, "fast_extragradient", "extragradient"])
def test_functions_that_go_wrong(method):
    everywhere = kantor.vi.solve(lambda x: np.array([np.nan, 1.0]), [1.0, 2], method=method)
    assert everywhere.status == "callback_error"
    assert "nan" in everywhere["message"].lower()
    with pytest.raises(kantor.KantorError, match="shape|numbers"):
        kantor.vi.solve(lambda x: np.ones(3), [1.0, 2], method=method)

    def late(x):
        if abs(x[0] - 1) < 0.5:
            raise RuntimeError("too near")
        return x - 1

    with pytest.raises(RuntimeError, match="too near"):
        kantor.vi.solve(late, [9.0], method=method)
    with pytest.raises(RuntimeError, match="prox broke"):
        def broken(x, step):
            raise RuntimeError("prox broke")

        kantor.vi.solve(lambda x: x - 1, [9.0], broken, method=method)


def test_games_that_are_none():
    with pytest.raises(kantor.InvalidShapeError, match="jacobian"):
        kantor.game.certify(jacobian=np.ones((2, 3)))
    with pytest.raises(kantor.KantorError, match="players"):
        kantor.game.certify(jacobian=np.eye(3), players=[2, 2])
    with pytest.raises(kantor.KantorError):
        kantor.game.matrix(np.ones((0, 3)))
    with pytest.raises(kantor.KantorError):
        kantor.game.matrix([[1.0, np.nan]])


def test_what_is_not_monotone_is_said():
    """A field that turns away from its zero, by more than any method is proven for."""
    def away(z):
        return np.array([-0.8 * z[0] + 0.6 * z[1], -0.6 * z[0] - 0.8 * z[1]])

    result = kantor.vi.solve(away, [1.0, 0.5], method="fast_extragradient", max_iterations=20_000)
    assert result.status == "stalled"
    assert "not monotone" in result["message"]
    assert np.linalg.norm(result.x) <= np.linalg.norm([1.0, 0.5]) + 1e-12
