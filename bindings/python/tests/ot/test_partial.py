"""Partial transport under POT's names."""

from __future__ import annotations

import numpy as np
import pytest
from support import problem

import kantor
from kantor import ot


@pytest.fixture(scope="module")
def case():
    M, a, b = problem(71, 9, 12)
    return M / M.max(), a, 1.3 * b


def linear_program(M, a, b, mass):
    """The optimal cost by an independent solver."""
    linprog = pytest.importorskip("scipy.optimize").linprog
    n, m = M.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    found = linprog(
        M.ravel(), A_ub=np.vstack([rows, columns]), b_ub=np.concatenate([a, b]),
        A_eq=np.ones((1, n * m)), b_eq=[mass], method="highs")
    return found.fun


@pytest.mark.smoke
@pytest.mark.parametrize("mass", [0.05, 0.4, 0.9, 1.0])
def test_exact(case, mass):
    M, a, b = case
    plan, log = ot.partial.partial_wasserstein(a, b, M, m=mass, log=True)
    assert plan.sum() == pytest.approx(mass, abs=1e-12)
    assert (plan.sum(1) <= a + 1e-12).all() and (plan.sum(0) <= b + 1e-12).all()
    assert (plan * M).sum() == pytest.approx(linear_program(M, a, b, mass), abs=1e-10)
    assert set(log) == {"cost", "u", "v", "warning", "result_code", "partial_w_dist", "res"}
    assert log["partial_w_dist"] == pytest.approx((plan * M).sum())
    assert log["u"].shape == a.shape and log["v"].shape == b.shape
    cost, other = ot.partial.partial_wasserstein2(a, b, M, m=mass, log=True)
    assert cost == log["cost"] and (other["T"] == plan).all()


def test_lagrange(case):
    M, a, b = case
    for worth in (0.05, 0.3, 2.0):
        plan = ot.partial.partial_wasserstein_lagrange(a, b, M, reg_m=worth)
        assert (plan.sum(1) <= a + 1e-12).all() and (plan.sum(0) <= b + 1e-12).all()
        assert (plan[M > worth] == 0).all()
        mass = plan.sum()
        best = min(linear_program(M, a, b, s) - worth * s for s in np.linspace(0, 1, 21))
        assert (plan * (M - worth)).sum() <= best + 1e-12
        assert (plan * M).sum() == pytest.approx(linear_program(M, a, b, mass), abs=1e-10)
    everything = ot.partial.partial_wasserstein(a, b, M)
    assert everything.sum() == pytest.approx(1.0)
    # Costs below 0 with all that follows from them.
    shifted, log = ot.partial.partial_wasserstein_lagrange(a, b, M - 0.5, reg_m=-0.2, log=True)
    assert shifted == pytest.approx(ot.partial.partial_wasserstein_lagrange(a, b, M, reg_m=0.3))
    assert log["cost"] == pytest.approx((shifted * (M - 0.5)).sum())
    assert (ot.partial.partial_wasserstein_lagrange(a, b, M, reg_m=0.0) == 0).all()


@pytest.mark.parametrize("reg", [1.0, 0.05])
def test_entropic(case, reg):
    M, a, b = case
    plan, log = ot.partial.entropic_partial_wasserstein(a, b, M, reg, m=0.7, log=True)
    assert set(log) == {"err", "partial_w_dist", "res"}
    # The Bregman projections, written out with their corrections.
    K = np.exp(-M / reg)
    K *= 0.7 / K.sum()
    corrections = [np.ones_like(K) for _ in range(3)]
    for _ in range(3000):
        for k, project in enumerate((
            lambda X: X * np.minimum(1, a / X.sum(1))[:, None],
            lambda X: X * np.minimum(1, b / X.sum(0)),
            lambda X: X * (0.7 / X.sum()),
        )):
            before = K * corrections[k]
            K = project(before)
            corrections[k] = before / K
    assert plan == pytest.approx(K, abs=1e-7)
    assert log["partial_w_dist"] == pytest.approx((plan * M).sum())
    everything = ot.partial.entropic_partial_wasserstein(a, b, M, reg)
    assert everything.sum() == pytest.approx(1.0, abs=1e-7)


def test_precision_and_defaults(case):
    M, a, b = case
    single = ot.partial.partial_wasserstein(
        a.astype(np.float32), b.astype(np.float32), M.astype(np.float32), m=0.5)
    assert single.dtype == np.float32
    assert single == pytest.approx(ot.partial.partial_wasserstein(a, b, M, m=0.5), abs=1e-6)
    uniform = ot.partial.partial_wasserstein([], [], M, m=1.0)
    assert uniform.sum(1) == pytest.approx(np.full(9, 1 / 9))
    assert (ot.partial.partial_wasserstein(a, b, M, m=0.0) == 0).all()


def test_derivatives(case):
    M, a, b = case
    _, log = ot.partial.partial_wasserstein(a, b, M, m=0.6, log=True)
    found = log["res"].vjp({"objective": 1.0}, ["weights_source", "cost", "mass"])
    h = 1e-6
    for k in range(4):
        e = np.eye(9)[k] * h
        up, down = (ot.partial.partial_wasserstein2(a + s * e, b, M, m=0.6) for s in (1, -1))
        assert found["weights_source"][k] == pytest.approx((up - down) / (2 * h), abs=1e-7)
    up, down = (ot.partial.partial_wasserstein2(a, b, M, m=0.6 + s * h) for s in (1, -1))
    assert found["mass"] == pytest.approx((up - down) / (2 * h), abs=1e-7)


def test_forbidden_pairs():
    M = np.array([[np.inf, np.inf], [1.0, 0.0]])
    with pytest.warns(UserWarning, match="infeasible"):
        plan, log = ot.partial.partial_wasserstein([0.5, 0.5], [0.5, 0.5], M, m=0.75, log=True)
    assert (plan == 0).all() and log["result_code"] != 1 and log["warning"]
    assert ot.partial.partial_wasserstein([0.5, 0.5], [0.5, 0.5], M, m=0.25)[1, 1] == 0.25


@pytest.mark.parametrize("wrong, kind", [
    (dict(m=-0.1), kantor.InvalidValueError),
    (dict(m=1.1), kantor.InvalidValueError),
    (dict(m=float("nan")), kantor.InvalidValueError),
    (dict(m="much"), kantor.InvalidTypeError),
    (dict(m=0.5, numItermax=0), kantor.InvalidValueError),
    (dict(m=0.5, dummies=2), kantor.UnsupportedError),
])
def test_wrong_arguments(case, wrong, kind):
    M, a, b = case
    with pytest.raises(kind):
        ot.partial.partial_wasserstein(a, b, M, **wrong)
