"""sqp, augmented_lagrangian and sketched_newton, on the problems of Tests/collections."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import kantor

READER = Path(__file__).resolve().parents[3] / "bench" / "problems" / "text.py"
if not READER.exists():
    pytest.skip("the problems come with the source tree only", allow_module_level=True)
SPEC = importlib.util.spec_from_file_location("text_problems", READER)
text_problems = importlib.util.module_from_spec(SPEC)
sys.modules["text_problems"] = text_problems
SPEC.loader.exec_module(text_problems)
PROBLEMS = text_problems.load()


def problem(text, **changes):
    value, gradient, rows, jacobian = text.functions()
    members = dict(value=value, gradient=gradient)
    given = dict(start=text.start, lower=text.lower, upper=text.upper)
    if text.rows:
        members.update(map=rows, jacobian=jacobian)
        given.update(
            constraint_lower=np.array(text.row_lower), constraint_upper=np.array(text.row_upper))
    members.update(changes)
    functions = kantor.Functions(text.size, len(text.rows), **members)
    return kantor.Problem("nonlinear", functions=functions, **given)


@pytest.mark.parametrize(
    "name", ["HS6", "HS15", "HS24", "HS35", "HS43", "HS71", "HS76", "HS100", "HS113"])
@pytest.mark.parametrize("method", ["sqp", "augmented_lagrangian"])
def test_published_optima(method, name):
    text = PROBLEMS[name]
    result = kantor.solve(problem(text), method)
    assert result.status == "solved"
    assert min(abs(result.objective - f) for f in text.optima) < 1e-6 * max(1, abs(text.optima[0]))


def test_multipliers_of_problem_71():
    result = kantor.solve(problem(PROBLEMS["HS71"]), "sqp")
    assert np.allclose(result.y, [-0.5522937, 0.1614686], atol=1e-5)
    assert result.z_lower[0] == pytest.approx(1.0878712, abs=1e-5)
    again = kantor.solve(problem(PROBLEMS["HS71"]), "sqp", warm_start=result)
    assert again.status == "solved" and again.iterations == 0 and again.evaluations == 1


@pytest.mark.parametrize("name", ["HS7", "HS26", "HS33", "HS43", "HS65", "HS76", "HS93"])
@pytest.mark.parametrize("method", ["nonlinear/interior_point", "sqp", "augmented_lagrangian"])
def test_an_answer_is_the_start_of_the_same_problem(method, name):
    given = problem(PROBLEMS[name])
    first = kantor.solve(given, method)
    again = kantor.solve(given, method, warm_start=first)
    assert first.status == again.status == "solved"
    assert again.iterations <= 1
    assert np.allclose(again.x, first.x, rtol=1e-5, atol=1e-5)


def test_both_find_the_way_past_a_stationary_violation():
    for method in ("sqp", "augmented_lagrangian"):
        result = kantor.solve(problem(PROBLEMS["WB"]), method)
        assert result.status == "solved" and result.objective == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("method", ["sqp", "augmented_lagrangian"])
def test_infeasible(method):
    functions = kantor.Functions(
        2, 1, value=lambda x: x[0], gradient=lambda x: np.array([1.0, 0]), map=lambda x: x @ x + 1,
        jacobian=lambda x: 2 * x[None])
    given = kantor.Problem(
        "nonlinear", functions=functions, start=np.array([3.0, 4]), constraint_upper=np.zeros(1))
    result = kantor.solve(given, method)
    assert result.status == "locally_infeasible"
    assert result.violation == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("method", ["sqp", "augmented_lagrangian"])
def test_functions_that_fail(method):
    text = PROBLEMS["HS71"]
    calls = []

    def broken(x):
        calls.append(x)
        if len(calls) == 3:
            raise ValueError("the third call")
        return text.functions()[0](x)

    with pytest.raises(ValueError, match="the third call"):
        kantor.solve(problem(text, value=broken), method)
    result = kantor.solve(problem(text, value=lambda x: np.nan), method)
    assert result.status == "callback_error" and "value" in result.message
    # Beyond the domain of a function, steps are shortened.
    calls.clear()
    functions = kantor.Functions(
        1, 0, value=lambda x: x[0] - np.log(x[0]) if x[0] > 0 else np.nan,
        gradient=lambda x: 1 - 1 / x)
    given = kantor.Problem("nonlinear", functions=functions, start=np.array([0.05]))
    assert kantor.solve(given, method).x[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "method", ["sqp", "augmented_lagrangian", "interior_point", "lbfgs", "trust_region"])
def test_points_without_derivatives_are_left_again(method):
    missing = []

    def gradient(x):
        if x[0] < -0.5:
            missing.append(x[0])
            return np.full(1, np.nan)
        return 1.5 * (x + 0.4)

    functions = kantor.Functions(
        1, 0, value=lambda x: 0.75 * (x[0] + 0.4) ** 2, gradient=gradient)
    given = kantor.Problem("nonlinear", functions=functions, start=np.array([0.2]))
    result = kantor.solve(given, method)
    assert result.status == "solved" and result.x[0] == pytest.approx(-0.4, abs=1e-6)
    if method in ("augmented_lagrangian", "sqp"):
        assert missing


def test_sketched_newton_takes_equations_only():
    result = kantor.solve(problem(PROBLEMS["HS42"]), "sketched_newton")
    assert result.status == "solved" and result.objective == pytest.approx(13.8578643763)
    assert len(result.residual_course) == result.iterations + 1
    with pytest.raises(kantor.KantorError, match="row 0"):
        kantor.solve(problem(PROBLEMS["HS43"]), "sketched_newton")


def test_logistic_regression_on_a_sphere():
    """The second study of the sketched method, on data of scikit-learn."""
    datasets = pytest.importorskip("sklearn.datasets")
    data, labels = datasets.load_breast_cancer(return_X_y=True)
    data = (data - data.mean(0)) / data.std(0)
    signs = 2.0 * labels - 1
    count, n = data.shape
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(10, n)) / np.sqrt(n)
    right = rows @ (rng.normal(size=n) / n)

    def weights(x):
        return 1 / (1 + np.exp(signs * (data @ x)))

    functions = kantor.Functions(
        n, 11,
        value=lambda x: np.mean(np.logaddexp(0, -signs * (data @ x))),
        gradient=lambda x: -data.T @ (signs * weights(x)) / count,
        map=lambda x: np.append(rows @ x - right, x @ x - 1),
        jacobian=lambda x: np.vstack([rows, 2 * x]),
        hessian=lambda x, s, y: s * (data.T * (weights(x) * (1 - weights(x)))) @ data / count
        + 2 * y[10] * np.eye(n))
    given = kantor.Problem(
        "nonlinear", functions=functions, start=np.ones(n) / np.sqrt(n),
        constraint_lower=np.zeros(11), constraint_upper=np.zeros(11))
    exact = kantor.solve(given, "sketched_newton")
    assert exact.status == "solved"
    krylov = kantor.solve(given, "sketched_newton", inner="minres")
    assert krylov.status == "solved"
    rough = kantor.solve(given, "sketched_newton", inner="kaczmarz", tolerance=1e-4)
    assert rough.status == "solved" and rough.inner_steps > 0
