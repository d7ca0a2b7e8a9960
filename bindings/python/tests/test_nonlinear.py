"""Nonlinear programs through the generic layer."""

import threading

import numpy as np
import pytest

import kantor


def disc(hessian=False, **fields):
    members = dict(
        value=lambda x: (1 - x[0])**2 + 100 * (x[1] - x[0]**2)**2,
        gradient=lambda x: np.array(
            [-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0]**2), 200 * (x[1] - x[0]**2)]),
        map=lambda x: x @ x,
        jacobian=lambda x: 2 * x[None])
    if hessian:
        members["hessian"] = lambda x, s, y: s * np.array(
            [[2 - 400 * (x[1] - 3 * x[0]**2), -400 * x[0]], [-400 * x[0], 200.0]]
        ) + 2 * y[0] * np.eye(2)
    given = dict(start=np.array([-1.2, 1.0]), constraint_upper=np.array([1.5]))
    given.update(fields)
    return kantor.Problem("nonlinear", functions=kantor.Functions(2, 1, **members), **given)


@pytest.mark.parametrize("hessian", [True, False])
def test_optimality_conditions_hold(hessian):
    result = kantor.solve(disc(hessian), "interior_point", second_order=True)
    assert result.status == "solved"
    x, y = result.x, result.y
    g = np.array([-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0]**2), 200 * (x[1] - x[0]**2)])
    assert np.allclose(g + 2 * x * y[0], 0, atol=1e-6)
    assert abs(x @ x - 1.5) < 1e-6 and y[0] > 0
    assert result.curvature > 0 and result.constraints[0] == pytest.approx(x @ x)


def test_against_scipy():
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(3)
    for _ in range(5):
        n, m = 6, 3
        A, b = rng.normal(size=(m, n)), rng.uniform(0.5, 1, m)
        Q = np.diag(rng.uniform(1, 3, n))
        q = rng.normal(size=n)

        def value(x):
            return 0.5 * x @ Q @ x + q @ x + np.sum(np.exp(0.3 * x))

        def gradient(x):
            return Q @ x + q + 0.3 * np.exp(0.3 * x)

        functions = kantor.Functions(
            n, m, value=value, gradient=gradient, map=lambda x: A @ x, jacobian=lambda x: A)
        problem = kantor.Problem(
            "nonlinear", functions=functions, start=np.zeros(n), lower=np.full(n, -0.5),
            constraint_lower=-0.1 * b, constraint_upper=0.2 * b)
        ours = kantor.solve(problem)
        theirs = optimize.minimize(
            value, np.zeros(n), jac=gradient, method="SLSQP", bounds=[(-0.5, None)] * n,
            constraints=[{"type": "ineq", "fun": lambda x: A @ x + 0.1 * b},
                         {"type": "ineq", "fun": lambda x: 0.2 * b - A @ x}],
            options={"ftol": 1e-12})
        assert ours.status == "solved"
        assert np.allclose(ours.x, theirs.x, atol=1e-5)


def test_sparse_patterns_and_differences():
    sparse = pytest.importorskip("scipy.sparse")
    n = 200
    i = np.arange(n - 1)
    pattern = sparse.coo_matrix(
        (np.ones(2 * n - 2), (np.r_[i, i], np.r_[i, i + 1])), shape=(n - 1, n))
    functions = kantor.Functions(
        n, n - 1, value=lambda x: np.sum((x - 2)**2), gradient=lambda x: 2 * (x - 2),
        map=lambda x: x[:-1]**2 + x[1:])
    problem = kantor.Problem(
        "nonlinear", functions=functions, start=np.full(n, 0.5),
        constraint_upper=np.full(n - 1, 1.0), jacobian_pattern=pattern)
    result = kantor.solve(problem)
    assert result.status == "solved"
    # Two groups of columns: at most five evaluations of the rows for one Jacobian.
    assert result.constraint_evaluations < 8 * (result.iterations + 20)


def test_failures_are_told():
    message = kantor.solve(disc(start=np.array([np.pi, 1.0]), lower=[4.0, 0.0])).message
    assert "1 entries of the start were moved" in message
    functions = kantor.Functions(1, value=lambda x: np.log(x[0]))
    problem = kantor.Problem("nonlinear", functions=functions, start=[-1.0])
    with np.errstate(invalid="ignore"):
        result = kantor.solve(problem)
    assert result.status == "callback_error" and "at the start" in result.message

    def broken(x):
        raise RuntimeError("out of paper")

    problem = kantor.Problem(
        "nonlinear", functions=kantor.Functions(1, value=broken), start=[1.0])
    with pytest.raises(RuntimeError, match="out of paper"):
        kantor.solve(problem)
    with pytest.raises(kantor.KantorError, match="lower is 2.0 and upper 1.0 at 1"):
        kantor.solve(disc(lower=[0.0, 2.0], upper=[1.0, 1.0]))


def test_a_stop_keeps_the_best_point():
    result = kantor.solve(disc(), progress=lambda now: now.iteration >= 3)
    assert result.status == "stopped_by_callback" and np.isfinite(result.x).all()
    limited = kantor.solve(disc(), "interior_point", max_evaluations=7)
    assert limited.status == "evaluation_limit" and limited.evaluations == 7


@pytest.mark.parametrize("method", ["interior_point", "sqp", "augmented_lagrangian"])
def test_the_limit_of_evaluations_counts_every_call(method):
    calls = []

    def value(x):
        calls.append(1)
        return (1 - x[0])**2 + 100 * (x[1] - x[0]**2)**2

    for limit in (1, 4, 12):
        calls.clear()
        functions = kantor.Functions(
            2, 1, value=value, map=lambda x: x @ x,
            gradient=lambda x: np.array([
                -2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0]**2), 200 * (x[1] - x[0]**2)]))
        given = kantor.Problem(
            "nonlinear", functions=functions, start=np.array([-1.2, 1.0]),
            constraint_upper=np.array([1.5]))
        result = kantor.solve(given, method, max_evaluations=limit)
        assert len(calls) == limit == result.evaluations
        assert result.status == "evaluation_limit"


def test_both_rules_for_the_barrier():
    adaptive = kantor.solve(disc(), "interior_point")
    monotone = kantor.solve(disc(), "nonlinear/interior_point", barrier="monotone")
    assert monotone.status == "solved" and np.allclose(adaptive.x, monotone.x, atol=1e-6)


def test_sqp_lets_the_barrier_method_help():
    def gradient(x):
        return np.zeros(2)

    functions = kantor.Functions(
        2, 2, value=lambda x: 0.0, gradient=gradient,
        map=lambda x: np.array([x[0]**2, 10 * x[0] / (x[0] + 0.1) + 2 * x[1]**2]),
        jacobian=lambda x: np.array([[2 * x[0], 0], [1 / (x[0] + 0.1)**2, 4 * x[1]]]))
    zero = np.zeros(2)
    given = kantor.Problem("nonlinear", functions=functions, start=np.array([3.0, 1.0]),
                           constraint_lower=zero, constraint_upper=zero)
    helped, alone = kantor.solve(given, "sqp"), kantor.solve(given, "sqp", rescue=False)
    assert helped.status in ("solved", "locally_infeasible")
    assert helped.evaluations >= alone.evaluations


def test_warm_start():
    cold = kantor.solve(disc())
    warm = kantor.solve(disc(), warm_start=cold)
    assert warm.status == "solved" and warm.iterations <= 1


def test_both_interior_points_are_found_by_kind():
    assert kantor.solve(disc(), "interior_point").method == "nonlinear/interior_point"
    assert kantor.solve(disc(), "nonlinear/interior_point", tolerance=1e-6).status == "solved"
    with pytest.raises(kantor.KantorError, match="exists for several kinds"):
        kantor.describe("interior_point")


def test_threads_give_the_same_bits():
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(kantor.solve(disc(True)).x.tobytes()))
        for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 and len(set(answers)) == 1


def test_derivatives_of_the_solution():
    # min |x - p|^2 with x_0 + x_1 = b: x = p + (b - sum p) / 2.
    p = np.array([0.3, -0.8])

    def problem(p, b):
        functions = kantor.Functions(
            2, 1, parameters=2, value=lambda x: (x - p) @ (x - p),
            gradient=lambda x: 2 * (x - p), map=lambda x: x.sum(),
            jacobian=lambda x: np.ones((1, 2)),
            hessian=lambda x, s, y: 2 * s * np.eye(2),
            parameter_gradient=lambda x, s, y: -2 * s * np.eye(2),
            parameter_jacobian=lambda x: np.zeros((1, 2)))
        return kantor.Problem(
            "nonlinear", functions=functions, start=np.zeros(2), constraint_lower=[b],
            constraint_upper=[b], parameters=p)

    result = kantor.solve(problem(p, 1.0))
    jacobian = np.eye(2) - 0.5
    t = np.array([0.7, -0.2])
    assert np.allclose(result.jvp({"parameters": t}, ["x"])["x"], jacobian @ t)
    pulled = result.vjp({"x": t}, ["parameters", "constraint_upper"])
    assert np.allclose(pulled["parameters"], jacobian.T @ t)
    assert np.allclose(pulled["constraint_upper"], 0.25)
    value = result.vjp({"objective": np.array(1.0)}, ["constraint_upper"])["constraint_upper"]
    h = 1e-6
    slope = (kantor.solve(problem(p, 1 + h)).objective
             - kantor.solve(problem(p, 1 - h)).objective) / (2 * h)
    assert np.allclose(value, slope, rtol=1e-5)


def test_derivatives_of_the_value():
    # min |x - p|^2 + p_1^3 with p_0 (x_0 + x_1) = 1: parameters in f and in the row.
    def problem(p, *, whole=True):
        parts = {"parameter_value": lambda x: -2 * (x - p) + [0, 3 * p[1]**2]} if whole else {}
        functions = kantor.Functions(
            2, 1, parameters=2, value=lambda x: (x - p) @ (x - p) + p[1]**3,
            gradient=lambda x: 2 * (x - p), map=lambda x: p[0] * x.sum(),
            jacobian=lambda x: np.full((1, 2), p[0]),
            hessian=lambda x, s, y: 2 * s * np.eye(2),
            parameter_gradient=lambda x, s, y: -2 * s * np.eye(2) + np.outer([1, 1], [y[0], 0]),
            parameter_jacobian=lambda x: np.array([[x.sum(), 0.0]]), **parts)
        return kantor.Problem(
            "nonlinear", functions=functions, start=np.zeros(2), constraint_lower=[1.0],
            constraint_upper=[1.0], parameters=p)

    p, h = np.array([0.6, -0.8]), 1e-5
    result = kantor.solve(problem(p), tolerance=1e-10)
    slope = [(kantor.solve(problem(p + t), tolerance=1e-10).objective
              - kantor.solve(problem(p - t), tolerance=1e-10).objective) / (2 * h)
             for t in h * np.eye(2)]
    pulled = result.vjp({"objective": np.array(2.0)}, ["parameters"])["parameters"]
    assert np.allclose(pulled, 2 * np.array(slope), rtol=1e-6)
    t = np.array([0.3, 0.4])
    pushed = result.jvp({"parameters": t}, ["objective", "x"])
    assert np.allclose(pushed["objective"], t @ slope, rtol=1e-6)
    both = result.vjp({"objective": np.array(2.0), "x": np.ones(2)}, ["parameters"])["parameters"]
    assert np.allclose(both @ t, 2 * pushed["objective"] + pushed["x"].sum())
    result = kantor.solve(problem(p, whole=False))
    with pytest.raises(kantor.KantorError, match="parameter_value"):
        result.vjp({"objective": np.array(1.0)}, ["parameters"])


def test_derivatives_at_bounds():
    def problem(upper, most):
        functions = kantor.Functions(
            3, 1, value=lambda x: np.sum((x - [2, 1, 0.5])**4 + (x - 1)**2),
            gradient=lambda x: 4 * (x - [2, 1, 0.5])**3 + 2 * (x - 1),
            map=lambda x: x @ [1, 2, 3], jacobian=lambda x: np.array([[1.0, 2.0, 3.0]]),
            hessian=lambda x, s, y: s * np.diag(12 * (x - [2, 1, 0.5])**2 + 2))
        return kantor.Problem(
            "nonlinear", functions=functions, start=np.zeros(3), upper=upper,
            constraint_upper=most)

    upper, most = np.array([1.2, np.inf, np.inf]), np.array([3.5])
    result = kantor.solve(problem(upper, most), "interior_point", tolerance=1e-11)
    g = np.array([0.4, -1.0, 0.8])
    pulled = result.vjp({"x": g}, ["upper", "constraint_upper"])
    h = 1e-5
    for name, k in (("upper", 0), ("constraint_upper", 0)):
        ends = []
        for s in (h, -h):
            u, c = upper.copy(), most.copy()
            (u if name == "upper" else c)[k] += s
            ends.append(kantor.solve(problem(u, c), "interior_point", tolerance=1e-11).x)
        assert pulled[name][k] == pytest.approx(g @ (ends[0] - ends[1]) / (2 * h), rel=1e-4)


def test_derivative_check():
    assert kantor.check_derivatives(disc(True)).status == "solved"
    functions = kantor.Functions(
        2, 1, jacobian_values=1, value=lambda x: x @ x, gradient=lambda x: 2 * x,
        map=lambda x: x[0] * x[1], jacobian=lambda x: [-x[1]])
    problem = kantor.Problem(
        "nonlinear", functions=functions, start=[1.0, 2.0], constraint_upper=[1.0],
        jacobian_pattern=np.array([[1.0, 0.0]]))
    found = kantor.check_derivatives(problem, [1.0, 2.0])
    assert found.status == "stalled" and found.disagreeing == 2 and found.outside_pattern == 1
    assert "jacobian[0, 0]: given -2, difference 2" in found.report
    assert "jacobian[0, 1]: given 0, difference 1" in found.report
    assert list(found.rows) == [0, 0] and sorted(found.columns) == [0, 1]
    with pytest.raises(kantor.KantorError, match="outside its bounds"):
        kantor.check_derivatives(disc(lower=[0.0, 0.0]), [-1.0, 1.0])
