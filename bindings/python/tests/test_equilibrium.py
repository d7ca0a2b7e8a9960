"""Variational inequalities, saddle points and games against known solutions."""

from __future__ import annotations

import numpy as np
import pytest

import kantor

RNG = np.random.default_rng(3)
N = 12
SKEW = RNG.normal(size=(N, N))
A = np.diag(1 + RNG.random(N)) + SKEW - SKEW.T
B = RNG.normal(size=N)
GENERAL = [
    "fast_extragradient", "extragradient", "past_extragradient", "forward_reflected_backward",
    "golden_ratio", "proximal_point",
]


def project_simplex(x, radius=1.0):
    """By bisection for the threshold."""
    low, high = x.min() - radius, x.max()
    for _ in range(200):
        middle = 0.5 * (low + high)
        if np.maximum(x - middle, 0).sum() > radius:
            low = middle
        else:
            high = middle
    return np.maximum(x - high, 0)


@pytest.mark.parametrize("method", GENERAL)
def test_linear(method):
    result = kantor.vi.solve(lambda x: A @ x + B, np.zeros(N), method=method, tolerance=1e-11)
    assert result.status == "solved"
    assert np.allclose(result.x, np.linalg.solve(A, -B), atol=1e-8)
    assert np.allclose(result["operator"], A @ result.x + B)


@pytest.mark.parametrize("method", [None, *GENERAL])
def test_natural_residual_is_what_it_says(method):
    result = kantor.vi.solve(
        lambda x: A @ x + B, np.full(N, 1 / N), ("simplex", 1.0), method=method, tolerance=1e-8)
    assert result.status == "solved"
    x = result.x
    residual = np.linalg.norm(x - project_simplex(x - A @ x - B))
    assert abs(residual - result.certificate["residual"]) < 1e-12
    gap = (A @ x + B) @ x - (A @ x + B).min()
    assert abs(gap - result.certificate["gap"]) < 1e-12


def test_terms_in_every_form():
    lower, upper = np.full(N, -0.1), np.linspace(0, 1, N)

    def f(x):
        return A @ x + B

    forms = {
        "arrays": ("box", lower, upper),
        "one number": ("box", -0.1, upper),
        "names": ("box", {"lower": -0.1, "upper": upper}),
        "function": lambda x, step: np.clip(x, lower, upper),
        "library": lambda x, step: kantor.prox.box(x, lower, upper),
    }
    found = {
        name: kantor.vi.solve(f, np.zeros(N), term, tolerance=1e-10).x
        for name, term in forms.items()
    }
    for name, x in found.items():
        assert np.allclose(x, found["arrays"], atol=1e-7), name
    parts = kantor.vi.solve(
        f, np.zeros(N), ["nonnegative", ("l1", 0.3), "zero"], blocks=[4, 4, 4], tolerance=1e-10)
    assert parts.status == "solved"
    moved = parts.x - f(parts.x)
    moved[:4] = np.maximum(moved[:4], 0)
    moved[4:8] = kantor.prox.l1(moved[4:8], weight=0.3)
    assert np.allclose(parts.x, moved, atol=1e-8)


def test_affine_sets_by_name():
    matrix = RNG.normal(size=(3, N))
    rhs = RNG.normal(size=3)
    result = kantor.vi.solve(
        lambda x: x - B, np.zeros(N), ("affine", {"matrix": matrix, "rhs": rhs}), tolerance=1e-10)
    multiplier = np.linalg.solve(matrix @ matrix.T, matrix @ B - rhs)
    assert np.allclose(result.x, B - matrix.T @ multiplier, atol=1e-7)


def test_components():
    rows = RNG.normal(size=(50, 4))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    right = RNG.normal(size=50)
    solution = np.linalg.lstsq(rows, right, rcond=None)[0]
    calls = []

    def part(i, x):
        calls.append(i)
        return rows[i] * (rows[i] @ x - right[i])

    result = kantor.vi.solve(
        part, np.zeros(4), components=50, comonotone=1.0, method="variance_reduced_halpern",
        tolerance=1e-6)
    assert result.status == "solved" and result["variant"] == "cocoercive"
    assert np.allclose(result.x, solution, atol=1e-4)
    # Those of the checker are not counted.
    assert len(calls) == result["component_evaluations"] + 100
    assert set(calls) == set(range(50))

    def batch(indices, x):
        return rows[indices].T @ (rows[indices] @ x - right[indices]) / len(indices)

    again = kantor.vi.solve(
        batch, np.zeros(4), components=50, comonotone=1.0, method="variance_reduced_halpern",
        tolerance=1e-6, batched=True)
    assert np.allclose(again.x, result.x, atol=1e-9)


def test_saddle():
    value = lambda x, y: x[0] ** 2 / 2 + 2 * x[0] * y[0] - y[0] ** 2 + x[0] - y[0]  # noqa: E731
    result = kantor.saddle.solve(
        lambda x, y: (x + 2 * y + 1, 2 * x - 2 * y - 1), [1.0], [1.0], value=value, tolerance=1e-9)
    assert result.status == "solved"
    assert abs(result.x[0]) < 1e-7 and abs(result.y[0] + 0.5) < 1e-7
    assert abs(result.objective - 0.25) < 1e-7


def test_matrix_games_as_saddles():
    payoff = np.diag([1.0, 2.0, 4.0])
    result = kantor.saddle.solve(
        lambda x, y: (payoff @ y, payoff.T @ x), np.full(3, 1 / 3), np.full(3, 1 / 3),
        value=lambda x, y: x @ payoff @ y, prox_x="simplex", prox_y="simplex", tolerance=1e-9)
    assert abs(result.objective - 4 / 7) < 1e-7
    assert np.allclose(result.x, [4 / 7, 2 / 7, 1 / 7], atol=1e-6)
    assert 0 <= result.certificate["gap"] < 1e-6
    other = kantor.saddle.solve(
        lambda x, y: (payoff @ y, payoff.T @ x), np.full(3, 1 / 3), np.full(3, 1 / 3),
        prox_x=lambda x, step: project_simplex(x), prox_y=lambda x, step: project_simplex(x),
        tolerance=1e-9)
    assert np.allclose(other.x, result.x, atol=1e-6)
    with pytest.raises(kantor.InvalidTypeError, match="both have to be functions"):
        kantor.saddle.solve(
            lambda x, y: (y, x), [1.0], [1.0], prox_x="simplex", prox_y=lambda x, step: x)


def test_local_minimax():
    hessian = np.array([[-1.0, 2.0], [2.0, -1.0]])
    for given in (None, lambda x, y: hessian):
        result = kantor.saddle.solve(
            lambda x, y: (-x + 2 * y, 2 * x - y), [1.0], [0.5], hessian=given,
            method="two_timescale_extragradient")
        assert result.status == "solved"
        assert abs(result.certificate["curvature_schur"] - 1.5) < 1e-6
    wrong = kantor.saddle.solve(
        lambda x, y: (x, y), [0.0], [0.0], method="two_timescale_extragradient",
        max_iterations=3000)
    assert wrong.status not in ("solved", "solved_inaccurate")


def test_games():
    costs = np.array([1.0, 2.0, 3.0])
    found = kantor.game.solve(
        lambda q: [c - 10 + sum(q) + own for c, own in zip(costs, q)],
        [[0.0], [0.0], [0.0]], "nonnegative", tolerance=1e-9)
    expected = (10 - 4 * costs + costs.sum()) / 4
    assert found.status == "solved" and "Equilibrium" in repr(found)
    assert np.allclose(np.concatenate(found.strategies), expected, atol=1e-7)
    assert np.isnan(found.regrets).all() and found.residuals.shape == (3,)


def test_wardrop_equilibrium_of_braess():
    links = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=float)
    # upper: 1, 3; lower: 2, 4; across: 1, 5, 4.
    links = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=float)
    slope, fixed = np.array([10.0, 1, 1, 10, 1]), np.array([0.0, 50, 50, 0, 10])
    result = kantor.vi.solve(
        lambda h: links.T @ (slope * (links @ h) + fixed), [6.0, 0, 0], ("simplex", 6.0),
        tolerance=1e-9)
    assert np.allclose(result.x, [2, 2, 2], atol=1e-6)
    assert np.allclose(result["operator"], 92, atol=1e-5)


def test_what_a_function_raises_comes_out():
    def f(x):
        raise ValueError("no such point")

    with pytest.raises(ValueError, match="no such point"):
        kantor.vi.solve(f, [1.0])
    result = kantor.vi.solve(lambda x: None, [1.0])
    assert result.status == "callback_error"
    half = kantor.vi.solve(lambda x: np.log(x) if x[0] > 0 else None, [9.0], lipschitz=0.1)
    assert half.status == "solved" and abs(half.x[0] - 1) < 1e-4


def test_warm_start():
    cold = kantor.vi.solve(lambda x: A @ x + B, np.zeros(N))
    warm = kantor.vi.solve(lambda x: A @ x + B, np.zeros(N), warm_start=cold)
    assert warm["iterations"] == 0
    flat = kantor.saddle.solve(lambda x, y: (x + y, x - y), [1.0], [1.0])
    again = kantor.saddle.solve(lambda x, y: (x + y, x - y), [1.0], [1.0], warm_start=flat)
    assert again["iterations"] == 0


@pytest.mark.parametrize(
    "arguments, kind, text",
    [
        (dict(x0=[[1.0]]), kantor.InvalidShapeError, "x0"),
        (dict(x0="abc"), kantor.InvalidTypeError, "x0"),
        (dict(prox=("simplex", -1.0)), kantor.InvalidValueError, "empty"),
        (dict(prox=3), kantor.InvalidTypeError, "prox"),
        (dict(prox=("l1", [1.0, 2.0])), kantor.InvalidTypeError, "by name"),
        (dict(prox="simplx"), kantor.UnknownNameError, "simplex"),
        (dict(lipschitz=-1.0), kantor.InvalidValueError, "lipschitz"),
        (dict(method="sinkhorn"), kantor.UnknownNameError, "sinkhorn"),
        (dict(lipschitz=1.0, method="extragradient", step=5.0), kantor.InvalidValueError, "force"),
    ],
)
def test_bad_arguments(arguments, kind, text):
    given = {"x0": [1.0, 2.0], **arguments}
    with pytest.raises(kind, match=text):
        kantor.vi.solve(lambda x: x, **given)


def test_players_and_blocks_have_to_fit():
    with pytest.raises(kantor.InvalidShapeError, match="2 arrays for 1 players"):
        kantor.game.solve(lambda q: [q[0], q[0]], [[1.0]])
    with pytest.raises(kantor.InvalidShapeError, match="empty"):
        kantor.game.solve(lambda q: q, [])
    with pytest.raises(kantor.InvalidShapeError, match="prox_blocks"):
        kantor.vi.solve(lambda x: x, [1.0, 2.0], "simplex", blocks=[1, 2])
