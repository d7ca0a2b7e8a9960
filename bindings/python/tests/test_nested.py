"""Problems whose lower level is a problem of this package."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

import kantor
from kantor import bilevel


def simplex_program(n, P=None):
    """min z'Pz / 2 + q'z over z >= 0 that sum to 1."""
    return kantor.Problem(
        "cone", P=np.eye(n) if P is None else P, q=np.zeros(n),
        A=np.vstack([np.ones(n), -np.eye(n)]), b=np.r_[1.0, np.zeros(n)],
        cones=f"zero 1, nonnegative {n}")


def test_portfolio_layer():
    """Returns are learned from a portfolio that somebody chose: the lower level's program gives it.

    All assets are held, so that the portfolio is affine in the returns near the answer.
    """
    random = np.random.default_rng(1)
    n = 6
    G = random.normal(size=(n, n))
    P = 0.1 * G @ G.T / n + np.eye(n)
    truth = 0.05 * random.normal(size=n)
    chosen = kantor.solve(simplex_program(n, P).copy(q=-truth)).x
    assert chosen.min() > 0.01
    result = bilevel.nested(
        lambda x, z: 0.5 * float(((z - chosen) ** 2).sum()), simplex_program(n, P), np.zeros(n),
        depends={"q": -np.eye(n)}, answer="x", grad_upper=lambda x, z: (0 * x, z - chosen),
        tolerance=1e-8)
    assert result.status == "solved"
    assert np.abs(result.answer - chosen).max() < 1e-6
    assert result.lower_values == pytest.approx(-result.x)
    # A number added to all returns changes nothing; the rest is found.
    assert result.x - result.x.mean() == pytest.approx(truth - truth.mean(), abs=1e-5)


def test_further_starts_leave_flat_places():
    """Beyond x = 1 the follower's bound holds and F is flat; the start is out there."""
    lower = kantor.Problem(
        "cone", P=[[1.0]], q=[0.0], A=[[1.0]], b=[1.0], cones="nonnegative 1")
    arguments = dict(
        depends={"q": [[-1.0]]}, answer="x", grad_upper=lambda x, z: (0 * x, z - 0.25),
        x_bounds=(-4, 4))

    def upper(x, z):
        return 0.5 * float((z[0] - 0.25) ** 2)

    flat = bilevel.nested(upper, lower, 3.0, **arguments)
    assert flat.status == "solved" and flat.objective == pytest.approx(0.5 * 0.75 ** 2)
    best = bilevel.nested(upper, lower, 3.0, starts=6, **arguments)
    assert best.status == "solved" and best.x[0] == pytest.approx(0.25, abs=1e-5)
    again = bilevel.nested(upper, lower, 3.0, starts=6, **arguments)
    assert np.array_equal(best.x, again.x) and best.lower_solves == again.lower_solves


def test_lasso_penalty_on_data():
    """Validation loss over the weight of the 1-norm, the lasso as a quadratic program."""
    datasets = pytest.importorskip("sklearn.datasets")
    X, t = datasets.load_diabetes(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X, t = X[order], t[order]
    mean, scale = X[:40].mean(0), X[:40].std(0)
    X, t = (X - mean) / scale, (t - t[:40].mean()) / t[:40].std()
    A, y, B, v = X[:40], t[:40], X[40:240], t[40:240]
    n = A.shape[1]
    # z = p - m with p, m >= 0: |A z - y|^2 / 80 + e^x sum(p + m).
    H, c = A.T @ A / 40, A.T @ y / 40
    lower = kantor.Problem(
        "cone", P=np.block([[H, -H], [-H, H]]) + 1e-10 * np.eye(2 * n), q=np.r_[-c, c],
        A=-np.eye(2 * n), b=np.zeros(2 * n), cones=f"nonnegative {2 * n}")

    def loss(x, pm):
        return 0.5 * float(((B @ (pm[:n] - pm[n:]) - v) ** 2).mean())

    def slopes(x, pm):
        g = B.T @ (B @ (pm[:n] - pm[n:]) - v) / len(v)
        return 0 * x, np.r_[g, -g]

    problem = bilevel.nested_problem(
        loss, lower, [-3.6], answer="x", grad_upper=slopes, x_bounds=(-8, 1),
        depends={"q": (lambda x: np.r_[-c, c] + np.exp(x[0]),
                       lambda x, w: np.exp(x) * w.sum())})
    for point in (-2.0, -3.0, -4.2):
        found = bilevel.evaluate(problem, [point], check_directions=1)
        assert found.status == "solved" and found.derivative_check < 1e-4
    result = kantor.solve(problem, tolerance=1e-5)
    assert result.x[0] == pytest.approx(-3.858290, abs=2e-3)
    assert result.objective == pytest.approx(0.348826854226, abs=1e-6)


def test_svm_penalty_by_its_dual():
    """The box of a dual support vector machine moves with x; a smooth loss on other samples."""
    datasets = pytest.importorskip("sklearn.datasets")
    X, t = datasets.load_breast_cancer(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(X))
    X = ((X - X.mean(0)) / X.std(0))[order]
    s = (2.0 * t - 1)[order]
    n, m = 40, 60
    K = (s[:n, None] * X[:n]) @ (s[:n, None] * X[:n]).T
    lower = kantor.Problem(
        "cone", P=K + 1e-6 * np.eye(n), q=-np.ones(n), A=-np.eye(n), b=np.zeros(n),
        cones=f"box {n}", lower=np.zeros(n), upper=np.ones(n))
    M = (s[n:n + m, None] * X[n:n + m]) @ (s[:n, None] * X[:n]).T

    def loss(x, alpha):
        return float(np.logaddexp(0, -M @ alpha).mean())

    def slopes(x, alpha):
        return 0 * x, -M.T @ (1 / (1 + np.exp(M @ alpha))) / m

    problem = bilevel.nested_problem(
        loss, lower, [-3.0], answer="x", grad_upper=slopes,
        depends={"upper": (lambda x: np.full(n, np.exp(x[0])),
                           lambda x, w: np.exp(x) * w.sum())})
    for point in (-3.0, -5.0):
        found = bilevel.evaluate(
            problem, [point], check_directions=1, lower_tolerance=1e-11)
        assert found.derivative_check < 1e-4
    result = kantor.solve(problem, tolerance=1e-5)
    assert result.status == "solved"
    near = [bilevel.evaluate(problem, result.x + d).objective for d in (-1e-3, 1e-3)]
    assert result.objective <= min(near) + 1e-7


def test_inverse_transport():
    """A metric is learned: costs are weighted squares of coordinate differences."""
    random = np.random.default_rng(2)
    X, Y = random.random((7, 3)), random.random((9, 3))
    squares = (X[:, None, :] - Y[None, :, :]) ** 2
    truth = np.array([2.0, 0.5, 1.0])

    def plan(weights):
        return kantor.solve(
            kantor.Problem("transport", cost=squares @ weights), "sinkhorn", epsilon=0.1,
            tolerance=1e-12).plan

    observed = plan(truth)
    result = bilevel.nested(
        lambda x, P: 1e3 * float(((P - observed) ** 2).sum()),
        kantor.Subproblem(
            kantor.Problem("transport", cost=np.zeros((7, 9))), "sinkhorn", epsilon=0.1),
        np.ones(3), depends={"cost": squares.reshape(-1, 3)}, answer="plan",
        grad_upper=lambda x, P: (0 * x, 2e3 * (P - observed)), x_bounds=(0, None), tolerance=1e-8)
    assert result.status == "solved"
    assert result.x == pytest.approx(truth, abs=1e-4)
    assert result.lower_values.reshape(7, 9) == pytest.approx(squares @ truth, abs=1e-4)


def test_nonlinear_parameters():
    """The map tells the lower problem's functions what their parameters are."""
    now = {"p": 1.0}
    lower = kantor.Problem(
        "nonlinear", start=[0.0], parameters=[1.0],
        functions=kantor.Functions(
            1, parameters=1, value=lambda z: z[0] ** 4 / 4 + z[0] ** 2 / 2 - now["p"] * z[0],
            gradient=lambda z: z ** 3 + z - now["p"],
            hessian=lambda z, sigma, y: [sigma * (3 * z[0] ** 2 + 1)],
            parameter_gradient=lambda z, sigma, y: [-sigma]))

    def parameters(x):
        now["p"] = float(x[0] ** 2 + 1)
        return [now["p"]]

    result = bilevel.nested(
        lambda x, z: 0.5 * float((z[0] - 1.5) ** 2), lower, [0.5], answer="x",
        depends={"parameters": (parameters, lambda x, w: 2 * x * w)},
        grad_upper=lambda x, z: (0 * x, z - 1.5))
    assert result.status == "solved"
    assert result.x[0] ** 2 == pytest.approx(3.875, abs=1e-4)


def test_several_answers_and_sparse_matrices():
    """z may be several results; a sparse field counts by its stored values."""
    sparse = pytest.importorskip("scipy.sparse")
    P = sparse.csc_matrix(np.array([[2.0, 0.5], [0.5, 1.0]]))
    lower = kantor.Problem("cone", P=P, q=[-1.0, -1.0])
    M = sparse.csc_matrix(([1.0, 1.0], ([0, 3], [0, 1])), shape=(4, 2))
    problem = bilevel.nested_problem(
        lambda x, z: float(z[0] @ z[0] + z[1]), lower, [0.3, 0.4], depends={"P": M},
        answer=["x", "objective"], grad_upper=lambda x, z: (0 * x, (2 * z[0], 1.0)))
    found = bilevel.evaluate(problem, [0.3, 0.4], check_directions=2)
    K = np.linalg.inv(P.toarray() + np.diag([0.3, 0.4]))
    z = K @ np.ones(2)
    assert found.answer == pytest.approx([*z, -0.5 * z.sum()], abs=1e-7)
    assert found.gradient == pytest.approx(-2 * (K @ z) * z + 0.5 * z * z, abs=1e-6)
    assert found.derivative_check < 1e-5


def price(x0=1.0, upper=None, **more):
    """A follower with answer max(x, 0)."""
    lower = kantor.Problem(
        "cone", P=[[1.0]], q=[0.0], A=[[-1.0]], b=[0.0], cones="nonnegative 1")
    arguments = dict(
        depends={"q": [[-1.0]]}, answer="x", grad_upper=lambda x, z: (0 * x, 2 * (z - 3)))
    return bilevel.nested(
        upper or (lambda x, z: float((z[0] - 3) ** 2)), lower, x0, **{**arguments, **more})


def test_missing_derivatives_are_differenced():
    with pytest.warns(UserWarning, match="grad_upper"):
        assert price(grad_upper=None).x[0] == pytest.approx(3, abs=1e-4)
    with pytest.warns(UserWarning, match="depends"):
        result = price(depends={"q": lambda x: -x})
    assert result.x[0] == pytest.approx(3, abs=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert price(depends={"q": (lambda x: -x, lambda x, w: -w)}).status == "solved"


def test_what_functions_raise_is_raised():
    class Mine(Exception):
        pass

    def fails(*_):
        raise Mine

    with pytest.raises(Mine):
        price(upper=fails)
    with pytest.raises(Mine):
        price(grad_upper=fails)
    with pytest.raises(Mine):
        price(depends={"q": (fails, lambda x, w: -w)}, answer_shape=(1,))
    with pytest.raises(Mine):
        price(depends={"q": (lambda x: -x, fails)})
    # A function of the lower problem.
    lower = kantor.Problem(
        "nonlinear", functions=kantor.Functions(1, value=fails, gradient=fails), start=[0.0],
        lower=[0.0])
    with pytest.raises(Mine):
        bilevel.nested(
            lambda x, z: 0.0, lower, [0.0], depends={"lower": [[1.0]]}, answer="x",
            answer_shape=(1,), grad_upper=lambda x, z: (0 * x, 0 * z))


def test_no_lower_answer():
    """Infeasible at the start: an exception where shapes have to be seen, else a status."""
    lower = kantor.Problem(
        "cone", P=[[1.0]], q=[0.0], A=[[-1.0], [1.0]], b=[-2.0, 1.0], cones="nonnegative 2")
    arguments = dict(
        depends={"b": [[1.0], [0.0]]}, answer="x", grad_upper=lambda x, z: (0 * x, 0 * z))
    with pytest.raises(kantor.NotSolvedError, match="answer_shape"):
        bilevel.nested(lambda x, z: 0.0, lower, [0.0], **arguments)
    result = bilevel.nested(lambda x, z: 0.0, lower, [0.0], answer_shape=(1,), **arguments)
    assert result.status == "locally_infeasible" and result.reason == "lower_infeasible"
    assert "x = (0)" in result.message


def test_refusals():
    with pytest.raises(kantor.UnknownNameError, match="'w'"):
        price(answer="w", answer_shape=(1,))
    with pytest.raises(kantor.UnknownNameError):
        price(depends={"nothing": [[1.0]]})
    with pytest.raises(kantor.InvalidShapeError, match="depends"):
        price(depends={"q": [[1.0, 2.0]]})
    with pytest.raises(kantor.InvalidTypeError, match="dictionary"):
        price(depends=[[1.0]])
    with pytest.raises(kantor.InvalidShapeError, match="answer_size"):
        price(answer_shape=(2,))
    with pytest.raises(kantor.InvalidShapeError, match="depends"):
        price(depends={"q": (lambda x: [1.0, 2.0], lambda x, w: w)}, answer_shape=(1,))
    with pytest.raises(kantor.InvalidTypeError):
        kantor.Subproblem("cone")
    with pytest.raises(kantor.InvalidTypeError):
        kantor.Problem("nested", lower=3.0)
    with pytest.raises(kantor.UnknownNameError):
        kantor.Subproblem(simplex_program(2), "sinkhorn", epsilon=0.1)
    game = kantor.Problem("matrix_game", payoff=[[1.0, -1.0], [-1.0, 1.0]])
    with pytest.raises(kantor.UnsupportedError, match="no derivatives"):
        bilevel.nested(
            lambda x, z: 0.0, game, [0.0], depends={"payoff": np.ones((4, 1))}, answer="value",
            answer_shape=(), grad_upper=lambda x, z: (0 * x, 0 * z))


def test_the_lower_problem_stays_as_it_was():
    lower = simplex_program(3)
    arguments = dict(
        depends={"q": -np.eye(3)}, answer="x",
        grad_upper=lambda x, z: (0 * x, z - [0.5, 0.3, 0.2]))
    made = bilevel.nested_problem(
        lambda x, z: 0.5 * float(((z - [0.5, 0.3, 0.2]) ** 2).sum()), lower, np.zeros(3),
        **arguments)
    with pytest.raises(kantor.StateError):
        lower.set("q", np.ones(3))
    del lower
    first, second = kantor.solve(made), kantor.solve(made.copy())
    assert first.status == "solved" and np.array_equal(first.x, second.x)


def test_cancel_from_another_thread():
    settings = kantor.Settings("implicit_programming")
    calls = []

    def upper(x, z):
        calls.append(1)
        if len(calls) == 3:
            thread = threading.Thread(target=settings.cancel)
            thread.start()
            thread.join()
        return float((z[0] - 3) ** 2)

    made = bilevel.nested_problem(
        upper, kantor.Problem("cone", P=[[1.0]], q=[0.0]), 0.0, depends={"q": [[-1.0]]},
        answer="x", grad_upper=lambda x, z: (0 * x, 2 * (z - 3)))
    assert kantor.solve(made, settings=settings).status == "cancelled"
    assert len(calls) == 3


class Cournot:
    """Two followers with unit costs and the price 10 - x - q1 - q2."""

    def __init__(self, **fields):
        self.x = np.zeros(1)
        functions = kantor.Functions(
            2, 2, parameters=1, map=lambda q: 1 - (10 - self.x - q.sum()) + q,
            parameter_jacobian=lambda q: np.ones((2, 1)))
        self.game = kantor.Problem(
            "game", functions=functions, start=np.zeros(2), players=1.0, parameters=[0.0],
            **(fields or {"prox": "nonnegative"}))

    def tell(self, x):
        self.x[:] = x
        return x

    def solve(self, **more):
        return bilevel.nested(
            lambda x, q: -float(x[0] * (9 - x[0] - q.sum())), self.game, [1.0],
            depends={"parameters": (self.tell, lambda x, w: w)}, answer="x",
            grad_upper=lambda x, q: (2 * x + q.sum() - 9, np.full(2, x[0])), x_bounds=(0, 9),
            **more)


def test_followers_in_equilibrium():
    result = Cournot().solve()
    assert result.status == "solved"
    assert_allclose(result.x, [4.5], atol=1e-4)
    assert_allclose(result.answer, [1.5, 1.5], atol=1e-4)


def test_upper_rows_of_the_answer():
    rows = (lambda x, q: [q.sum() - 2], lambda x, q: ([[0.0]], [[1.0, 1.0]]))
    result = Cournot().solve(upper_constraints=rows)
    assert result.status == "solved"
    assert_allclose(result.x, [6.0], atol=1e-5)
    assert_allclose(result.upper_multipliers, [1.5], atol=1e-5)
    with pytest.warns(UserWarning, match="upper_constraints have no Jacobians"):
        again = Cournot().solve(upper_constraints={"eq": lambda x, q: q[0] - 0.5})
    assert_allclose(again.x, [7.5], atol=1e-4)


def test_jacobians_of_another_size():
    rows = (lambda x, q: [q.sum() - 2], lambda x, q: ([[0.0]], [[1.0]]))
    with pytest.raises(kantor.KantorError, match=r"has the shape \(1, 1\); \(1, 2\) is needed"):
        Cournot().solve(upper_constraints=rows)


def test_derivatives_of_an_inclusion():
    functions = kantor.Functions(
        2, 2, parameters=2, map=lambda x: np.array([2 * x[0] + x[1], x[1] - x[0]]) - [1, 3],
        jacobian=lambda x: np.array([[2.0, 1.0], [-1.0, 1.0]]),
        parameter_jacobian=lambda x: -np.eye(2))
    problem = kantor.Problem(
        "inclusion", functions=functions, start=np.zeros(2), prox="box",
        prox_lower=np.array([-5.0, -5.0]), prox_upper=np.array([5.0, 2.0]), parameters=[1.0, 3.0])
    result = kantor.solve(problem, tolerance=1e-12)
    # x_2 at its bound 2, 2 x_1 = 1 - 2.
    assert_allclose(result.x, [-0.5, 2.0], atol=1e-10)
    found = result.vjp({"x": [1.0, 0.0]}, ["parameters", "prox_upper", "prox_lower"])
    assert_allclose(found["parameters"], [0.5, 0.0], atol=1e-9)
    assert_allclose(found["prox_upper"], [0.0, -0.5], atol=1e-9)
    assert_allclose(found["prox_lower"], [0.0, 0.0], atol=1e-9)


def test_a_prox_without_a_derivative():
    functions = kantor.Functions(
        1, 1, parameters=1, map=lambda x: x - 1, prox=lambda x, step: np.maximum(x, 0),
        parameter_jacobian=lambda x: [[-1.0]])
    problem = kantor.Problem(
        "inclusion", functions=functions, start=[0.0], parameters=[1.0])
    result = kantor.solve(problem)
    with pytest.raises(kantor.KantorError, match="'prox' has no derivative"):
        result.vjp({"x": [1.0]}, ["parameters"])
