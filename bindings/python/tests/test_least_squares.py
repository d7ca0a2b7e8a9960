"""Least squares and roots in SciPy's form: the behaviours that SciPy documents."""

from __future__ import annotations

import numpy as np
import pytest

import kantor


def rosenbrock(x):
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def rosenbrock_jac(x):
    return np.array([[-20 * x[0], 10], [-1, 0]])


def broyden(x):
    f = (3 - x) * x + 1
    f[1:] -= x[:-1]
    f[:-1] -= 2 * x[1:]
    return f


def tridiagonal(n):
    sparse = pytest.importorskip("scipy.sparse")
    return sparse.diags([np.ones(n - 1), np.ones(n), np.ones(n - 1)], [-1, 0, 1])


@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs", rosenbrock_jac])
@pytest.mark.parametrize("method", ["trf", "dogbox", "lm", "levenberg_marquardt"])
def test_rosenbrock(jac, method):
    def fun(x):
        return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])

    found = kantor.least_squares(fun, [2, 2], jac, method=method)
    assert found.success and found.status == 0
    assert np.allclose(found.x, 1, atol=1e-6)
    assert found.cost == pytest.approx(0.5 * found.fun @ found.fun, abs=1e-15)
    assert found.grad == pytest.approx(rosenbrock_jac(found.x).T @ found.fun, abs=1e-7)
    assert found.jac == pytest.approx(rosenbrock_jac(found.x), abs=1e-6)
    assert found.nfev > 0 and found.nit > 0
    assert (found.njev is None) == isinstance(jac, str) or jac == "cs"


def test_bounds_as_documented():
    found = kantor.least_squares(
        rosenbrock, [2, 2], rosenbrock_jac, bounds=([-np.inf, 1.5], np.inf)
    )
    assert found.success
    assert found.x == pytest.approx([1.22437075, 1.5], abs=1e-8)
    assert found.cost == pytest.approx(0.025213093946805685, rel=1e-10)
    assert list(found.active_mask) == [0, -1]
    other = kantor.least_squares(
        rosenbrock, [2, 2], bounds=type("Bounds", (), {"lb": [-np.inf, 1.5], "ub": np.inf})()
    )
    assert other.x == pytest.approx(found.x, abs=1e-5)


def test_sparse_differences_as_documented():
    n = 3000
    found = kantor.least_squares(broyden, -np.ones(n), jac_sparsity=tridiagonal(n))
    assert found.success and found.cost < 1e-20
    assert found.nfev < 60
    assert found.jac.shape == (n, n)
    middle = found.jac.tocsr()[5].toarray()[0]
    assert middle[4:7] == pytest.approx([-1, 3 - 2 * found.x[5], -2], abs=1e-6)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dia"])
def test_sparse_jacobians(form):
    sparse = pytest.importorskip("scipy.sparse")
    n = 50

    def jac(x):
        diagonals = [-np.ones(n - 1), 3 - 2 * x, -2 * np.ones(n - 1)]
        return sparse.diags(diagonals, [-1, 0, 1], format=form)

    found = kantor.least_squares(broyden, -np.ones(n), jac)
    assert found.success
    assert np.abs(found.jac - jac(found.x)).max() < 1e-12
    dense = kantor.least_squares(broyden, -np.ones(n), lambda x: jac(x).toarray())
    assert found.x == pytest.approx(dense.x, abs=1e-9)


def test_entries_that_come_later_are_named():
    sparse = pytest.importorskip("scipy.sparse")

    def jac(x):
        a = np.array([[-20 * x[0], 10], [-1, 0]])
        if x[0] != 2:
            a[1, 1] = 0.5
        return sparse.csr_matrix(a)

    with pytest.raises(kantor.KantorError, match=r"entry at \(1, 1\)"):
        kantor.least_squares(rosenbrock, [2, 2], jac)
    found = kantor.least_squares(
        rosenbrock, [2, 2], lambda x: sparse.csr_matrix(rosenbrock_jac(x)),
        jac_sparsity=sparse.csr_matrix(np.ones((2, 2))),
    )
    assert found.success


def test_operators():
    operators = pytest.importorskip("scipy.sparse.linalg")
    found = kantor.least_squares(
        rosenbrock, [2, 2], lambda x: operators.aslinearoperator(rosenbrock_jac(x))
    )
    assert found.success and np.allclose(found.x, 1, atol=1e-7)


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy", "arctan"])
def test_losses_are_those_of_scipy(loss):
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(3)
    t = np.linspace(0, 10, 60)
    y = 0.5 + 2 * np.exp(-t) + 0.01 * rng.normal(size=60)
    y[::10] += 3

    def fun(x, t, y):
        return x[0] + x[1] * np.exp(-x[2] * t) - y

    def jac(x, t, y):
        e = np.exp(-x[2] * t)
        return np.stack([np.ones_like(t), e, -x[1] * t * e], axis=1)

    ours = kantor.least_squares(
        fun, [1.0, 1.0, 1.0], jac, loss=loss, f_scale=0.1, args=(t,), kwargs={"y": y})
    theirs = optimize.least_squares(
        fun, ours.x, jac, loss=loss, f_scale=0.1, args=(t,), kwargs={"y": y}, xtol=1e-15,
        ftol=1e-15, gtol=1e-12)
    assert ours.success
    assert ours.cost == pytest.approx(theirs.cost, rel=1e-9)
    assert ours.x == pytest.approx(theirs.x, abs=1e-5)


def test_limits_and_failures():
    found = kantor.least_squares(rosenbrock, [2, 2], max_nfev=3)
    assert not found.success and found.status == 1 and found.nfev == 3
    with pytest.raises(ZeroDivisionError):
        kantor.least_squares(lambda x: [1 / 0], [1.0])
    with pytest.raises(kantor.KantorError, match="None at x0"):
        kantor.least_squares(lambda x: None, [1.0])
    found = kantor.least_squares(lambda x: [np.log(x[0]) - 1, x[0] * np.nan], [1.0])
    assert not found.success and "entry 1 is nan" in found.message
    with pytest.raises(kantor.KantorError, match="known are trf"):
        kantor.least_squares(rosenbrock, [2, 2], method="simplex")
    with pytest.raises(kantor.KantorError, match="shape"):
        kantor.least_squares(rosenbrock, [2, 2], lambda x: np.ones((3, 2)))
    with pytest.raises(kantor.KantorError, match="one dimension"):
        kantor.least_squares(rosenbrock, [[2, 2]])


def test_log_outside_its_domain():
    def fun(x):
        if x[0] <= 0:
            raise kantor.OutsideDomain
        return [np.log(x[0]) - 1]

    found = kantor.least_squares(fun, 100.0, lambda x: [[1 / x[0]]])
    assert found.success and found.x[0] == pytest.approx(np.e)


def test_root_as_documented():
    def fun(x):
        return [x[0] + 0.5 * (x[0] - x[1]) ** 3 - 1.0, 0.5 * (x[1] - x[0]) ** 3 + x[1]]

    def jac(x):
        d = 1.5 * (x[0] - x[1]) ** 2
        return np.array([[1 + d, -d], [-d, 1 + d]])

    for form in (None, jac):
        found = kantor.root(fun, [0, 0], jac=form, method="hybr")
        assert found.success
        assert found.x == pytest.approx([0.8411639, 0.1588361], abs=1e-6)
    both = kantor.root(lambda x: (fun(x), jac(x)), [0, 0], jac=True)
    assert both.success and both.x == pytest.approx(found.x, abs=1e-9)


def test_no_root_is_no_success():
    found = kantor.root(lambda x: [x[0] ** 2 + 1], [0.7], jac=lambda x: [[2 * x[0]]])
    assert not found.success and found.status != 0
    found = kantor.root(lambda x: [x[0] - 1, x[0] + 1], [5.0])
    assert not found.success and "no root" in found.message


def test_root_at_a_singular_jacobian_and_callback():
    seen = []
    found = kantor.root(
        lambda x: (x @ x - 1) * np.array([1, x[0] + 2]), [2, 1.5],
        callback=lambda x, f: seen.append(np.linalg.norm(f)))
    assert found.success and found.x @ found.x == pytest.approx(1, abs=1e-9)
    assert seen == sorted(seen, reverse=True) and len(seen) > 3


@pytest.mark.parametrize("name", ["jax", "torch"])
def test_frameworks(name):
    module = pytest.importorskip(name)
    stack = module.numpy.stack if name == "jax" else module.stack
    found = kantor.least_squares(
        lambda x: stack([10 * (x[1] - x[0] ** 2), 1 - x[0]]), [2.0, 2.0], name)
    assert found.success and np.allclose(found.x, 1, atol=1e-8)


def test_frameworks_that_are_not_there():
    try:
        import torch  # noqa: F401
    except ImportError:
        with pytest.raises(kantor.UnsupportedError, match="torch is not installed"):
            kantor.least_squares(rosenbrock, [2, 2], "torch")
