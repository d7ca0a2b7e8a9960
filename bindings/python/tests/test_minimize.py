"""Minimising in SciPy's form: the behaviours that SciPy documents, and what it gets wrong."""

from __future__ import annotations

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

import kantor


def rosen(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosen_der(x):
    g = np.zeros_like(x)
    a = x[1:] - x[:-1] ** 2
    g[:-1] = -400 * x[:-1] * a - 2 * (1 - x[:-1])
    g[1:] += 200 * a
    return g


def rosen_hess(x):
    h = np.diag(-400 * x[:-1], 1) + np.diag(-400 * x[:-1], -1)
    d = np.zeros(len(x))
    d[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    d[1:] += 200
    return h + np.diag(d)


START = [1.3, 0.7, 0.8, 1.9, 1.2]
OWN = ["lbfgs", "trust_region", "lazy_newton", "damped_newton", "regularised_newton"]
SCIPY = [
    "BFGS", "CG", "L-BFGS-B", "TNC", "Newton-CG", "trust-ncg", "trust-krylov", "trust-exact",
    "dogleg",
]


@pytest.mark.parametrize("method", [None, "interior_point", *OWN, *SCIPY])
def test_rosenbrock(method):
    found = kantor.minimize(rosen, START, method=method, jac=rosen_der, hess=rosen_hess)
    assert found.success and found.status == 0, found.message
    assert np.allclose(found.x, 1, atol=1e-5)
    assert found.fun == rosen(found.x)
    assert found.jac == pytest.approx(rosen_der(found.x))
    assert found.nit > 0 and found.nfev > 0 and found.njev > 0


@pytest.mark.parametrize("jac", [None, False, "2-point", "3-point", "cs"])
def test_without_a_gradient(jac):
    found = kantor.minimize(rosen, START, jac=jac)
    assert found.success and np.allclose(found.x, 1, atol=1e-4)
    assert np.abs(found.jac).max() < 1e-4


def test_value_and_gradient_together():
    calls = []

    def both(x, a):
        calls.append(x.copy())
        return a * rosen(x), a * rosen_der(x)

    found = kantor.minimize(both, START, args=(2.0,), jac=True)
    assert found.success and np.allclose(found.x, 1, atol=1e-5)
    assert len(calls) <= found.nfev + 3


def test_args_reach_all_functions():
    def f(x, a, b):
        return a * (x[0] - b) ** 4 + (x[1] - b) ** 2

    found = kantor.minimize(
        f, [3.0, 1.0], args=(0.5, 2.0), method="trust-exact",
        jac=lambda x, a, b: np.array([4 * a * (x[0] - b) ** 3, 2 * (x[1] - b)]),
        hess=lambda x, a, b: np.diag([12 * a * (x[0] - b) ** 2, 2.0]))
    assert found.success and np.allclose(found.x, 2, atol=1e-2)
    lone = kantor.minimize(lambda x, a: (x[0] - a) ** 2, 1.0, args=3.0)
    assert lone.success and lone.x == pytest.approx([3.0], abs=1e-5)


def test_hessian_products():
    found = kantor.minimize(
        rosen, START, method="Newton-CG", jac=rosen_der, hessp=lambda x, p: rosen_hess(x) @ p)
    assert found.success and np.allclose(found.x, 1, atol=1e-5)
    assert found.result.hessian_products > 0 and found.nhev == 0


def test_sparse_hessians():
    sparse = pytest.importorskip("scipy.sparse")
    for method in ("trust_region", "interior_point", "regularised_newton"):
        found = kantor.minimize(
            rosen, START, method=method, jac=rosen_der,
            hess=lambda x: sparse.csc_matrix(rosen_hess(x)))
        assert found.success and np.allclose(found.x, 1, atol=1e-5)
    operators = pytest.importorskip("scipy.sparse.linalg")
    found = kantor.minimize(
        rosen, START, method="trust-ncg", jac=rosen_der,
        hess=lambda x: operators.aslinearoperator(rosen_hess(x)))
    assert found.success


@pytest.mark.parametrize("pairs", [True, False])
def test_bounds(pairs):
    bounds = [(None, 0.5), (0, None)] if pairs else (
        type("Bounds", (), {"lb": [-np.inf, 0], "ub": [0.5, np.inf]})())
    for method in (None, "interior_point", "TNC"):
        found = kantor.minimize(rosen, [0.0, 3.0], jac=rosen_der, bounds=bounds, method=method)
        assert found.success
        assert found.x == pytest.approx([0.5, 0.25], abs=1e-6)
        assert found.z_upper[0] == pytest.approx(-rosen_der(np.array([0.5, 0.25]))[0], rel=1e-4)
    with pytest.raises(kantor.KantorError, match="2 pairs"):
        kantor.minimize(rosen, [0.0, 3.0], bounds=[(0, 1)])
    with pytest.raises(kantor.UnsupportedError, match="takes no bounds"):
        kantor.minimize(rosen, [0.0, 3.0], jac=rosen_der, bounds=bounds, method="trust-exact")


def test_the_quadratic_program_of_the_documentation():
    cons = (
        {"type": "ineq", "fun": lambda x: x[0] - 2 * x[1] + 2},
        {"type": "ineq", "fun": lambda x: -x[0] - 2 * x[1] + 6},
        {"type": "ineq", "fun": lambda x: -x[0] + 2 * x[1] + 2},
    )
    for method in (None, "trust-constr"):
        found = kantor.minimize(
            lambda x: (x[0] - 1) ** 2 + (x[1] - 2.5) ** 2, (2, 0), method=method,
            bounds=((0, None), (0, None)), constraints=cons)
        assert found.success
        assert found.x == pytest.approx([1.4, 1.7], abs=1e-5)
        assert len(found.v) == 3 and found.maxcv <= 1e-6


def constraint_kinds():
    optimize = pytest.importorskip("scipy.optimize")
    sparse = pytest.importorskip("scipy.sparse")
    A = [[1, 2], [2, 1]]

    def f(x):
        return [x[0] ** 2 + x[1], x[0] ** 2 - x[1]]

    def jac(x):
        return [[2 * x[0], 1], [2 * x[0], -1]]

    def hess(x, v):
        return np.diag([2 * (v[0] + v[1]), 0.0])

    infinite = -np.inf
    return {
        "dense": [
            optimize.LinearConstraint(A, [infinite, 1], [1, 1]),
            optimize.NonlinearConstraint(f, infinite, 1, jac=jac, hess=hess)],
        "differences": [
            optimize.LinearConstraint(A, [infinite, 1], [1, 1]),
            optimize.NonlinearConstraint(f, infinite, 1)],
        "sparse": [
            optimize.LinearConstraint(sparse.csr_matrix(A), [infinite, 1], [1, 1]),
            optimize.NonlinearConstraint(
                f, infinite, 1, jac=lambda x: sparse.csr_matrix(jac(x)), hess=hess)],
        "mixed": [
            {"type": "eq", "fun": lambda x: 2 * x[0] + x[1] - 1, "jac": lambda x: [2, 1]},
            {"type": "ineq", "fun": lambda x, c: c - x[0] - 2 * x[1], "args": (1.0,)},
            {"type": "ineq", "fun": lambda x: 1 - np.array(f(x)),
             "jac": lambda x: -np.array(jac(x))}],
    }


@pytest.mark.parametrize("kind", ["dense", "differences", "sparse", "mixed"])
def test_the_nonlinear_program_of_the_documentation(kind):
    constraints = constraint_kinds()[kind]
    for method in ("trust-constr", None):
        found = kantor.minimize(
            rosen, [0.5, 0], method=method, jac=rosen_der, hess=rosen_hess, constraints=constraints,
            bounds=[(0, 1), (-0.5, 2)])
        assert found.success, found.message
        # On the line 2x + y = 1, where the derivative of the function is a cubic.
        along = np.poly1d([-1, -2, 1])
        slope = (100 * along * along + np.poly1d([-1, 1]) ** 2).deriv()
        x = min(slope.roots.real, key=lambda t: abs(t - 0.4149))
        assert found.x == pytest.approx([x, 1 - 2 * x], abs=1e-6)
        assert [len(v) for v in found.v] == ([1, 1, 2] if kind == "mixed" else [2, 2])


def test_infeasible_and_unbounded_are_told():
    found = kantor.minimize(
        lambda x: x @ x, [1.0, 2.0], constraints=[
            {"type": "ineq", "fun": lambda x: x[0] - 1}, {"type": "ineq", "fun": lambda x: -x[0]}])
    assert not found.success and found.status == 3
    found = kantor.minimize(lambda x: -x[0] ** 3, [1.0], jac=lambda x: -3 * x ** 2)
    assert not found.success and found.status == 4


def test_callbacks():
    seen = []
    found = kantor.minimize(rosen, START, jac=rosen_der, callback=lambda xk: seen.append(xk.copy()))
    assert found.success and len(seen) >= found.nit
    assert rosen(seen[-1]) <= rosen(seen[0]) and np.allclose(seen[-1], found.x)
    states = []

    def watch(intermediate_result):
        states.append(intermediate_result)
        if intermediate_result.nit == 3:
            raise StopIteration

    found = kantor.minimize(rosen, START, jac=rosen_der, callback=watch)
    assert not found.success and found.status == 8 and found.nit == 3
    assert states[-1].fun == pytest.approx(rosen(states[-1].x))
    assert np.allclose(states[-1].x, found.x)

    def fail(xk):
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        kantor.minimize(rosen, START, callback=fail)


def test_options():
    found = kantor.minimize(rosen, START, jac=rosen_der, options={"maxiter": 2, "disp": False})
    assert not found.success and found.status == 1 and found.nit == 2
    found = kantor.minimize(rosen, START, jac=rosen_der, options={"maxfun": 5})
    assert found.nfev == 5 and found.status == 1
    loose = kantor.minimize(rosen, START, jac=rosen_der, tol=1e-2)
    tight = kantor.minimize(rosen, START, jac=rosen_der, options={"gtol": 1e-10})
    assert loose.nit < tight.nit and tight.success
    with pytest.raises(kantor.UnknownNameError, match="radus.*radius"):
        kantor.minimize(
            rosen, START, jac=rosen_der, hess=rosen_hess, method="trust-exact",
            options={"radus": 1})


@pytest.mark.parametrize("method", ["Nelder-Mead", "COBYLA", "simplex"])
def test_unknown_methods_are_refused_with_the_list(method):
    with pytest.raises(kantor.UnknownNameError, match="there are.*lbfgs.*l-bfgs-b"):
        kantor.minimize(rosen, START, method=method)


def test_failures():
    with pytest.raises(ZeroDivisionError):
        kantor.minimize(lambda x: 1 / 0, [1.0])
    found = kantor.minimize(lambda x: np.nan, [1.0])
    assert not found.success and "value: entry 0 is nan" in found.message
    found = kantor.minimize(lambda x: x[0] - np.log(x[0]) if x[0] > 0 else None, [30.0])
    assert found.success and found.x == pytest.approx([1.0], abs=1e-4)
    with pytest.raises(kantor.KantorError, match="real ones are needed"):
        kantor.minimize(rosen, [1j, 2])
    with pytest.raises(kantor.KantorError, match="constraint 0"):
        kantor.minimize(rosen, START, constraints=[{"type": "less", "fun": rosen}])
    with pytest.raises(AttributeError, match="it has x, fun"):
        kantor.minimize(lambda x: x @ x, [1.0]).nothing


def test_one_variable_at_its_answer():
    found = kantor.minimize(lambda x: (x[0] - 1) ** 2, 1.0)
    assert found.success and found.nit == 0
    fixed = kantor.minimize(rosen, [0.3, 0.1], jac=rosen_der, bounds=[(0.3, 0.3), (0.1, 0.1)])
    assert fixed.success and list(fixed.x) == [0.3, 0.1]


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_frameworks(name):
    module = pytest.importorskip(name)

    def f(x):
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    found = kantor.minimize(f, START, jac=name)
    assert found.success and np.allclose(found.x, 1, atol=1e-6)
    start = module.numpy.asarray(START) if name == "jax" else module.tensor(START)
    found = kantor.minimize(f, start)
    assert found.success and np.allclose(found.x, 1, atol=1e-6)


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_constraints_in_frameworks(name):
    module = pytest.importorskip(name)
    numpy = module.numpy if name == "jax" else module

    def norm(x):
        return numpy.stack([x @ x])

    bounds = dict(lb=[1.0], ub=[1.0])
    by_name = SimpleNamespace(fun=norm, jac=name, **bounds)
    found = kantor.minimize(lambda x: x[0] + x[1], [1.0, 0.5], jac=name, constraints=by_name)
    assert found.success and np.allclose(found.x, -np.sqrt(0.5), atol=1e-6)
    # A start of the framework asks for everything that has no derivatives of its own.
    start = numpy.asarray([1.0, 0.5])
    for given in (SimpleNamespace(fun=norm, jac="2-point", **bounds),
                  {"type": "eq", "fun": lambda x: norm(x) - 1}):
        found = kantor.minimize(lambda x: x[0] + x[1], start, constraints=given)
        assert found.success and np.allclose(found.x, -np.sqrt(0.5), atol=1e-6)


def test_results_are_dictionaries_of_finished_values():
    found = kantor.minimize(rosen, [1.2, 0.8], jac=rosen_der)
    again = pickle.loads(pickle.dumps(found))
    for other in (again, copy.deepcopy(found), found.copy(), dict(found), dict(found.items())):
        assert list(other) == list(found)
        np.testing.assert_array_equal(other["jac"], rosen_der(found.x))
        assert other["certificate"] == found.certificate
    assert again.success and again.result.status == "solved"
    assert found.get("jac") is found.jac and found.get("no such") is None
    assert [v for v in found.values() if v is found.jac]


def test_results_of_fits_can_be_pickled():
    found = kantor.least_squares(lambda x: [x[0] - 1, 2 * x[1]], [3.0, 1.0])
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.jac, found.jac)
    assert again.certificate == found.certificate
