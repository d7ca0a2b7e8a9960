"""Unbalanced transport under POT's names."""

from __future__ import annotations

import numpy as np
import pytest
from support import problem

import kantor
from kantor import ot


@pytest.fixture(scope="module")
def case():
    M, a, b = problem(81, 9, 12)
    return M / M.max(), a, 1.4 * b


def divergence(p, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0).sum() - p.sum() + q.sum()


def objective(P, M, a, b, reg, rho, c):
    return (
        (P * M).sum() + reg * divergence(P, c) + rho[0] * divergence(P.sum(1), a)
        + rho[1] * divergence(P.sum(0), b)
    )


def scaling(M, a, b, reg, rho, c):
    """The generalised scaling iteration, written out."""
    K = c * np.exp(-M / reg)
    u, v = np.ones_like(a), np.ones_like(b)
    for _ in range(20000):
        u = (a / (K @ v)) ** (rho[0] / (rho[0] + reg))
        v = (b / (K.T @ u)) ** (rho[1] / (rho[1] + reg))
    return u[:, None] * K * v


@pytest.mark.smoke
@pytest.mark.parametrize("reg", [1.0, 0.05])
@pytest.mark.parametrize("kind", ["kl", "entropy", "other"])
def test_plan_and_values(case, reg, kind):
    M, a, b = case
    rho = (0.5, 1.5)
    given = {"kl": np.outer(a, b), "entropy": np.ones_like(M)}
    c = given.get(kind, np.random.default_rng(3).random(M.shape))
    keywords = dict(c=c) if kind == "other" else dict(reg_type=kind)
    plan, log = ot.unbalanced.sinkhorn_unbalanced(
        a, b, M, reg, rho, stopThr=1e-12, log=True, **keywords)
    assert plan == pytest.approx(scaling(M, a, b, reg, rho, c), rel=1e-7, abs=1e-12)
    assert set(log) == {"err", "logu", "logv", "cost", "total_cost", "res"}
    assert log["cost"] == pytest.approx((plan * M).sum())
    assert log["total_cost"] == pytest.approx(objective(plan, M, a, b, reg, rho, c), abs=1e-9)
    rebuilt = c * np.exp(log["logu"][:, None] + log["logv"] - M / reg)
    assert rebuilt == pytest.approx(plan, rel=1e-9)
    for name in ("linear", "total"):
        value = ot.unbalanced.sinkhorn_unbalanced2(
            a, b, M, reg, rho, returnCost=name, stopThr=1e-12, **keywords)
        assert value == pytest.approx(log["cost" if name == "linear" else "total_cost"])


def test_variants_are_one_solver(case):
    M, a, b = case
    plan = ot.unbalanced.sinkhorn_unbalanced(a, b, M, 0.1, 1.0)
    for solve in (ot.unbalanced.sinkhorn_knopp_unbalanced,
                  ot.unbalanced.sinkhorn_stabilized_unbalanced,
                  ot.unbalanced.sinkhorn_unbalanced_translation_invariant):
        assert (solve(a, b, M, 0.1, 1.0) == plan).all()


@pytest.mark.parametrize("penalty", ["kl", "l2", "tv"])
def test_without_entropy(case, penalty):
    M, a, b = case
    rho = (0.3, 0.6)
    plan, log = ot.unbalanced.lbfgsb_unbalanced(a, b, M, 0, rho, regm_div=penalty, log=True)
    assert set(log) == {"cost", "total_cost", "res"}
    pairs = ((plan.sum(1), a, rho[0]), (plan.sum(0), b, rho[1]))
    measure = {
        "kl": divergence, "l2": lambda p, q: 0.5 * ((p - q) ** 2).sum(),
        "tv": lambda p, q: np.abs(p - q).sum(),
    }[penalty]
    total = (plan * M).sum() + sum(r * measure(p, q) for p, q, r in pairs)
    assert log["total_cost"] == pytest.approx(total, abs=1e-12)
    assert log["res"].relative_gap <= 1e-9
    # No pair can lower it, and pairs with mass cannot either.
    if penalty != "tv":
        slope = {"kl": lambda p, q: np.log(p / q), "l2": lambda p, q: p - q}[penalty]
        reduced = M + rho[0] * slope(plan.sum(1), a)[:, None] + rho[1] * slope(plan.sum(0), b)
        assert reduced.min() >= -1e-6 and np.abs(reduced[plan > 0]).max() <= 1e-6
        same, other = ot.unbalanced.mm_unbalanced(a, b, M, rho, div=penalty, log=True)
        assert (same == plan).all() and set(other) == {"err", "cost", "total_cost", "res"}
        assert ot.unbalanced.mm_unbalanced2(
            a, b, M, rho, div=penalty, returnCost="total") == log["total_cost"]
    assert ot.unbalanced.lbfgsb_unbalanced2(a, b, M, 0, rho, regm_div=penalty) == log["cost"]


@pytest.mark.parametrize("penalty", ["KL", "L2", "TV"])
@pytest.mark.parametrize("reg", [None, 0.1])
def test_unified(case, penalty, reg):
    M, a, b = case
    found = ot.solve(M, a, b, reg=reg, unbalanced=0.5, unbalanced_type=penalty)
    assert found.status == "Converged"
    plan, log = ot.unbalanced.lbfgsb_unbalanced(
        a, b, M, reg or 0, 0.5, regm_div=penalty.lower(), log=True)
    assert found.plan == pytest.approx(plan, abs=1e-7)
    assert found.value == pytest.approx(log["total_cost"])
    assert found.value_linear == pytest.approx(log["cost"], abs=1e-7)
    with pytest.raises(kantor.UnsupportedError):
        ot.solve(M, a, b, reg=reg, unbalanced=0.5, unbalanced_type="Hellinger")


def test_semi_relaxed(case):
    M, a, b = case
    plan = ot.unbalanced.sinkhorn_unbalanced(a, b, M, 0.1, (np.inf, 1.0), stopThr=1e-10)
    assert plan.sum(1) == pytest.approx(a, abs=1e-9)
    plan = ot.unbalanced.sinkhorn_unbalanced(a, b, M, 0.1, (1.0, np.inf), stopThr=1e-10)
    assert plan.sum(0) == pytest.approx(b, abs=1e-9)


def test_several_targets_and_precision(case):
    M, a, b = case
    costs = ot.unbalanced.sinkhorn_unbalanced(a, np.stack([b, 2 * b], 1), M, 0.1, 1.0)
    assert costs.shape == (2,)
    assert costs[1] == ot.unbalanced.sinkhorn_unbalanced2(a, 2 * b, M, 0.1, 1.0)
    single = ot.unbalanced.sinkhorn_unbalanced([], [], M.astype(np.float32), 0.1, 1.0)
    assert single.dtype == np.float32


def test_warm_start(case):
    M, a, b = case
    _, log = ot.unbalanced.sinkhorn_unbalanced(a, b, M, 0.02, 1.0, stopThr=1e-9, log=True)
    _, again = ot.unbalanced.sinkhorn_unbalanced(
        a, b, M, 0.02, 1.0, stopThr=1e-9, warmstart=(log["logu"], log["logv"]), log=True)
    assert again["res"].iterations <= 2 < log["res"].iterations


@pytest.mark.parametrize("wrong, kind", [
    (dict(reg=0.0), kantor.InvalidValueError),
    (dict(reg=-1.0), kantor.InvalidValueError),
    (dict(reg_m=0.0), kantor.InvalidValueError),
    (dict(reg_m=-2.0), kantor.InvalidValueError),
    (dict(reg_m=float("nan")), kantor.InvalidValueError),
    (dict(reg_m=(1.0, 2.0, 3.0)), kantor.InvalidShapeError),
    (dict(reg_m="much"), kantor.InvalidTypeError),
    (dict(method="greedy"), kantor.UnsupportedError),
    (dict(reg_type="l3"), kantor.UnsupportedError),
    (dict(reg_m=np.inf), kantor.InvalidValueError),
    (dict(sweeps=3), kantor.UnsupportedError),
    (dict(numItermax=0), kantor.InvalidValueError),
])
def test_wrong_arguments(case, wrong, kind):
    M, a, b = case
    with pytest.raises(kind):
        ot.unbalanced.sinkhorn_unbalanced(a, b, M, **{"reg": 0.1, "reg_m": 1.0, **wrong})
