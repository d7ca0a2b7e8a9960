"""Bilevel problems from plain functions, and the hypergradient."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor import bilevel

TOY = dict(
    upper=lambda x, y: 0.5 * float((x - 1) @ (x - 1) + y @ y),
    lower=lambda x, y: 0.5 * float(y @ y) - float(x @ y),
    grad_upper=lambda x, y: (x - 1, y), grad_lower=lambda x, y: (-y, y - x))


@pytest.mark.parametrize("method", [None, "implicit", "mpcc"])
@pytest.mark.parametrize("product", [False, True])
def test_closed_form(method, product):
    options = dict(tolerance=1e-7)
    more = dict(hvp_lower=lambda x, y, v: v, cross_lower=lambda x, y, v: -v) if product else {}
    result = bilevel.minimize(
        **TOY, **more, x0=[3.0, -1.0], y0=[-2.0, 0.0], method=method, **options)
    assert result.status == "solved" and result.selection == "unique"
    np.testing.assert_allclose(result.x, 0.5, atol=1e-6)
    np.testing.assert_allclose(result.y, 0.5, atol=1e-6)
    assert result.objective == pytest.approx(0.5, abs=1e-9)
    assert result.certificate["lower_gap"] <= 1e-9
    assert (result.hessian == "offered") == product


def test_shapes_are_those_of_the_starts():
    seen = set()

    def upper(x, y):
        seen.add((x.shape, y.shape))
        return float(np.sum((y - 1) ** 2))

    result = bilevel.minimize(
        upper, lambda x, y: float(np.sum((y - x) ** 2)), np.zeros((2, 2)), np.zeros((2, 2)),
        grad_upper=lambda x, y: (0 * x, 2 * (y - 1)),
        grad_lower=lambda x, y: (2 * (x - y), 2 * (y - x)), method="implicit")
    assert seen == {((2, 2), (2, 2))}
    np.testing.assert_allclose(result.x, 1, atol=1e-6)


def test_constraints_of_both_levels():
    # tolls: two roads with the costs 1 + y1 and 2 + y2, a toll x on the first, demand 2
    result = bilevel.minimize(
        lambda x, y: float(-x[0] * y[0]),
        lambda x, y: float(y[0] + 0.5 * y[0] ** 2 + x[0] * y[0] + 2 * y[1] + 0.5 * y[1] ** 2),
        [0.2], [1.0, 1.0], grad_upper=lambda x, y: ([-y[0]], [-x[0], 0.0]),
        grad_lower=lambda x, y: ([y[0]], [1 + y[0] + x[0], 2 + y[1]]),
        lower_constraints={"eq": (
            lambda x, y: [y[0] + y[1] - 2], lambda x, y: ([[0.0]], [[1.0, 1.0]]))},
        upper_constraints=(lambda x, y: [x[0] - 1.2], lambda x, y: ([[1.0]], [[0.0, 0.0]])),
        x_bounds=(0, 5), y_bounds=(0, None))
    assert result.status == "solved"
    np.testing.assert_allclose(result.x, 1.2, atol=1e-6)
    np.testing.assert_allclose(result.y, [0.9, 1.1], atol=1e-6)
    assert result.lower_multipliers.shape == (1,)


def test_missing_gradients_warn():
    with pytest.warns(UserWarning, match="grad_lower is missing"):
        result = bilevel.minimize(
            TOY["upper"], TOY["lower"], [3.0], [0.0], grad_upper=TOY["grad_upper"],
            method="implicit", tolerance=1e-5)
    assert result.status == "solved"
    np.testing.assert_allclose(result.x, 0.5, atol=1e-4)


def test_what_a_function_raises_is_raised():
    def upper(x, y):
        raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match="here"):
        bilevel.minimize(**{**TOY, "upper": upper}, x0=[0.0], y0=[0.0])


@pytest.mark.parametrize("change, words", [
    (dict(grad_lower=lambda x, y: y), "pair"),
    (dict(grad_lower=lambda x, y: (y, [1.0, 2.0, 3.0])), "returned 1 and 3 numbers"),
    (dict(x_bounds=1.0), "x_bounds is 1.0"),
    (dict(y_bounds=([0, 0], None)), "2 numbers; y has 1"),
    (dict(lower_constraints={"equal": None}), "'equal' is not known"),
    (dict(upper_constraints=3), "a function"),
    (dict(lower=3), "not a function"),
    (dict(x_bounds=(2, 1)), "lower bound must not be larger"),
])
def test_refusals(change, words):
    with pytest.raises(kantor.KantorError, match=words):
        bilevel.minimize(**{**TOY, **change}, x0=[3.0], y0=[0.0])


def test_hypergradient_and_its_check():
    found = bilevel.hypergradient(**TOY, x0=[2.0, 0.0], y0=[0.0, 0.0], check_directions=3)
    assert found.status == "solved"
    np.testing.assert_allclose(found.gradient, [3, -1], atol=1e-8)
    np.testing.assert_allclose(found.y, [2, 0], atol=1e-9)
    np.testing.assert_allclose(found.lower_value_gradient, [-2, 0], atol=1e-9)
    assert found.derivative_check < 1e-7 and found.check_differences.shape == (3, 6)


def test_outer_loop_of_ones_own():
    made = bilevel.problem(**TOY, x0=[3.0], y0=[0.0])
    x, y = np.array([3.0]), None
    for _ in range(60):
        found = bilevel.evaluate(made, x, y=y)
        x, y = x - 0.3 * found.gradient, found.y
    np.testing.assert_allclose(x, 0.5, atol=1e-8)
    with pytest.raises(kantor.KantorError, match="shape"):
        bilevel.evaluate(made, [1.0, 2.0])
    with pytest.raises(kantor.KantorError, match="a kantor.Problem is needed"):
        bilevel.evaluate(3, [1.0])


def test_lower_level_that_is_not_convex():
    result = bilevel.minimize(
        lambda x, y: float((x[0] - 0.25) ** 2 + y[0] ** 2),
        lambda x, y: float(y[0] ** 3 / 3 - x[0] * y[0]), [0.9], [0.2],
        grad_upper=lambda x, y: (2 * (x - 0.25), 2 * y),
        grad_lower=lambda x, y: (-y, y ** 2 - x), x_bounds=(-1, 1), y_bounds=(-1, 1))
    assert result.status == "solved"
    assert result.objective == pytest.approx(0.25, abs=1e-6)


def test_merely_convex_lower_level_is_reported():
    flat = dict(
        upper=lambda x, y: 0.5 * float((x[0] - y[1]) ** 2 + (y[0] - 1) ** 2),
        lower=lambda x, y: 0.5 * float(y[0] ** 2) - float(x[0] * y[0]),
        grad_upper=lambda x, y: ([x[0] - y[1]], [y[0] - 1, y[1] - x[0]]),
        grad_lower=lambda x, y: ([-y[0]], [y[0] - x[0], 0.0]), x0=[0.0], y0=[0.0, 0.0])
    wrong = bilevel.minimize(**flat, method="implicit")
    assert wrong.status == "stalled" and wrong.reason == "not_stationary"
    assert "singular" in wrong.message and wrong.selection == "nearest_to_start"
    right = bilevel.minimize(**flat)
    assert right.status == "solved" and right.objective < 1e-9
    assert right.selection == "optimistic"


def digits():
    """Weights of 600 samples, half of their labels wrong."""
    data = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    X, t = data[0] / 16, data[1]
    random = np.random.RandomState(0)
    order = random.permutation(len(X))
    X, t = X[order], t[order]
    labels = t[:600].copy()
    wrong = random.rand(600) < 0.5
    labels[wrong] = random.randint(0, 10, wrong.sum())
    return X, t, labels


def softmax(Z):
    Z = Z - Z.max(1, keepdims=True)
    E = np.exp(Z)
    total = E.sum(1, keepdims=True)
    return E / total, Z - np.log(total)


def test_cleaning_of_data():
    X, t, labels = digits()
    A, B, C = X[:600], X[600:1000], X[1000:]
    Y, V = np.eye(10)[labels], np.eye(10)[t[600:1000]]

    def grad_upper(x, y):
        return 0 * x, B.T @ (softmax(B @ y)[0] - V) / 400

    def weight(x):
        return 1 / (1 + np.exp(-x))

    def lower(x, y):
        return float(
            -(weight(x) * (Y * softmax(A @ y)[1]).sum(1)).mean() + 0.005 * (y * y).sum())

    def grad_lower(x, y):
        P, L = softmax(A @ y)
        s = weight(x)
        return (-s * (1 - s) * (Y * L).sum(1) / 600,
                A.T @ (s[:, None] * (P - Y)) / 600 + 0.01 * y)

    def hvp(x, y, v):
        P, Q = softmax(A @ y)[0], A @ v
        R = P * (Q - (P * Q).sum(1, keepdims=True))
        return A.T @ (weight(x)[:, None] * R) / 600 + 0.01 * v

    def cross(x, y, v):
        s = weight(x)
        return s * (1 - s) * ((softmax(A @ y)[0] - Y) * (A @ v)).sum(1) / 600

    result = bilevel.minimize(
        lambda x, y: float(-(V * softmax(B @ y)[1]).sum() / 400), lower, np.zeros(600),
        np.zeros((64, 10)), grad_upper=grad_upper, grad_lower=grad_lower, hvp_lower=hvp,
        cross_lower=cross, x_bounds=(-4, 4), method="implicit", tolerance=1e-5)
    assert result.status == "solved"
    assert result.objective < 0.6002
    kept, clean = result.x > 0, labels == t[:600]
    f1 = 2 * (kept & clean).sum() / (kept.sum() + clean.sum())
    accuracy = np.mean((C @ result.y.reshape(64, 10)).argmax(1) == t[1000:])
    assert f1 > 0.93 and accuracy > 0.915
    assert result.lower_solves <= 40


def follower(lower, grad_lower, **more):
    """A leader that wants y = 1, and a follower."""
    return bilevel.minimize(
        lambda x, y: float(0.5 * (y @ y) - y.sum() + 0.05 * x @ x), lower, [3.0],
        np.zeros(more.pop("ny", 1)), grad_upper=lambda x, y: (0.1 * x, y - 1),
        grad_lower=grad_lower, **more)


def test_lower_levels_without_an_answer_are_reported_with_their_x():
    """Unbounded, infeasible, undefined, and singular ones."""
    down = dict(
        lower=lambda x, y: float(y[0]), grad_lower=lambda x, y: (0 * x, np.ones(1)))
    unbounded = follower(**down)
    assert (unbounded.status, unbounded.reason) == ("unbounded", "lower_unbounded")
    assert "x = (3)" in unbounded.message
    rows = (lambda x, y: np.array([y[0] - 1, 2 - y[0]]),
            lambda x, y: (np.zeros((2, 1)), np.array([[1.0], [-1.0]])))
    infeasible = follower(**down, lower_constraints=rows)
    assert (infeasible.status, infeasible.reason) == ("locally_infeasible", "lower_infeasible")
    assert "no feasible y was found for x = (3)" in infeasible.message
    undefined = follower(lambda x, y: np.nan, lambda x, y: (0 * x, np.full(1, np.nan)))
    assert undefined.status == "numerical_error" and "nan" in undefined.message
    flat = follower(
        lambda x, y: float(0.5 * (y[0] - x[0]) ** 2),
        lambda x, y: (x - y[:1], np.array([y[0] - x[0], 0.0])), ny=2, method="implicit")
    assert "lower Hessian is singular" in flat.message and "'mpcc'" in flat.message


@pytest.mark.parametrize("method", ["implicit", "adaptive", "lv_hba", "penalty"])
def test_the_budget_of_calls_is_exact(method):
    """Calls of the method, the certificate's beside them; the best pair is answered."""
    result = follower(
        lambda x, y: float(0.5 * (y[0] - x[0]) ** 2 + 0.1 * (y[0] + x[0]) ** 4),
        lambda x, y: (x - y + 0.4 * (y + x) ** 3, y - x + 0.4 * (y + x) ** 3), method=method,
        max_evaluations=9)
    assert result.status == "evaluation_limit"
    assert result.evaluations <= 9
    assert result.x.shape == (1,) and np.isfinite(result.objective)


def test_what_functions_return_is_named():
    start = np.zeros(2)

    def refused(match, **changed):
        with pytest.raises(kantor.KantorError, match=match):
            bilevel.minimize(**{**TOY, **changed}, x0=start, y0=start)

    refused(r"upper returned the shape \(2,\); one number", upper=lambda x, y: x)
    refused(
        r"hvp_lower returned the shape \(2, 2\); 2 numbers", hvp_lower=lambda x, y, v: np.eye(2),
        cross_lower=lambda x, y, v: -v)
    with pytest.raises(kantor.KantorError, match="not a pair for each variable"):
        bilevel.minimize(**TOY, x0=np.zeros(2), y0=start, x_bounds=[(0, 1)] * 3)


def test_a_gradient_of_none_is_zero():
    result = bilevel.minimize(
        lambda x, y: float((y - 1) @ (y - 1)), TOY["lower"], np.zeros(2), np.zeros(2),
        grad_upper=lambda x, y: (None, 2 * (y - 1)), grad_lower=TOY["grad_lower"])
    assert result.status == "solved"
    np.testing.assert_allclose(result.x, 1, atol=1e-6)


def test_penalties_of_each_variable_take_few_calls():
    rng = np.random.default_rng(2)
    A, V = rng.standard_normal((20, 30)), rng.standard_normal((60, 30))
    truth = np.where(np.arange(30) % 3 == 0, 1.0, 0.0)
    a, v = A @ truth + rng.standard_normal(20), V @ truth + rng.standard_normal(60)
    products = []

    def hvp(x, y, w):
        products.append(1)
        return A.T @ (A @ w) / 20 + np.exp(x) * w

    result = bilevel.minimize(
        lambda x, y: 0.5 * float(np.mean((V @ y - v) ** 2)),
        lambda x, y: 0.5 * float(np.mean((A @ y - a) ** 2) + np.sum(np.exp(x) * y * y)),
        np.full(30, -1.0), np.zeros(30),
        grad_upper=lambda x, y: (0 * x, V.T @ (V @ y - v) / 60),
        grad_lower=lambda x, y: (
            0.5 * np.exp(x) * y * y, A.T @ (A @ y - a) / 20 + np.exp(x) * y),
        hvp_lower=hvp, cross_lower=lambda x, y, w: np.exp(x) * y * w, x_bounds=(-8, 6),
        method="implicit")
    assert result.status == "solved"
    assert len(products) <= 6 * result.lower_solves + 5 * 30
