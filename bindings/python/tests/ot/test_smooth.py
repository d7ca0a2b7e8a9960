"""Smoothed transport under POT's names."""

from __future__ import annotations

import numpy as np
import pytest
from support import entropic_plan, highs, problem

import kantor
from kantor import ot
from kantor.ot.smooth import smooth_ot_dual, smooth_ot_semi_dual

BOTH = [smooth_ot_dual, smooth_ot_semi_dual]


@pytest.fixture(scope="module")
def case():
    M, a, b = problem(31, 9, 7)
    return M / M.max(), a, b


@pytest.mark.smoke
@pytest.mark.parametrize("solve", BOTH)
@pytest.mark.parametrize("reg", [0.05, 1.0, 50.0])
def test_quadratic(case, solve, reg):
    M, a, b = case
    plan, log = solve(a, b, M, reg, log=True)
    assert plan.sum(1) == pytest.approx(a, abs=1e-9) and plan.sum(0) == pytest.approx(b, abs=1e-9)
    alpha, beta = log["alpha"], log["res"].potential_target
    assert np.maximum(alpha[:, None] + beta - M, 0) / reg == pytest.approx(plan, abs=1e-9)
    assert log["res"].status == "solved"
    assert set(log) == ({"alpha", "beta", "res"} if solve is smooth_ot_dual else {"alpha", "res"})


def test_small_strength_is_exact(case):
    M, a, b = case
    plan = smooth_ot_dual(a, b, M, 1e-4)
    assert (plan * M).sum() == pytest.approx(highs(M, a, b), abs=1e-4)


def test_entropic(case):
    M, a, b = case
    plan, log = smooth_ot_dual(a, b, M, 0.2, reg_type="kl", log=True)
    assert plan == pytest.approx(entropic_plan(M, a, b, 0.2), abs=1e-8)
    exponents = (log["alpha"][:, None] + log["beta"] - M) / 0.2 - 1
    assert np.exp(exponents) == pytest.approx(plan, abs=1e-8)


def test_capacity(case):
    M, a, b = case
    free = smooth_ot_dual(a, b, M, 1.0)
    full = smooth_ot_semi_dual(a, b, M, 1.0, "sparsity_constrained", max_nz=9)
    assert full == pytest.approx(free, abs=1e-9)
    with pytest.warns(UserWarning, match="misses the marginals"):
        two = smooth_ot_semi_dual(a, b, M, 1.0, "sparsity_constrained", max_nz=2)
    assert ((two > 0).sum(0) <= 2).all() and two.sum(0) == pytest.approx(b, abs=1e-9)
    assert np.abs(two.sum(1) - a).sum() > 1e-3
    ties, log = smooth_ot_dual(
        a, b, M, 1.0, "sparsity_constrained", max_nz=2, repair="ties", log=True)
    assert ties.sum(1) == pytest.approx(a, abs=1e-9)
    assert log["res"].exceeding_lines == ((ties > 0).sum(0) > 2).sum() > 0


def test_too_little_capacity():
    with pytest.warns(UserWarning, match="infeasible"):
        plan, log = smooth_ot_dual(
            [], [], np.ones((5, 2)), 1.0, "sparsity_constrained", max_nz=2, log=True)
    assert (plan == 0).all() and log["res"].status == "infeasible"
    assert (log["res"].capacity_source == 1).all()


@pytest.mark.parametrize("wrong, kind", [
    (dict(reg_type="sparsity_constrained"), kantor.InvalidTypeError),
    (dict(reg_type="sparsity_constrained", max_nz=2.5), kantor.InvalidTypeError),
    (dict(reg_type="sparsity_constrained", max_nz=0), kantor.InvalidValueError),
    (dict(reg_type="sparsity_constrained", max_nz=10), kantor.InvalidValueError),
    (dict(reg_type="l3"), kantor.UnsupportedError),
    (dict(reg_type="l2", numItermax=0), kantor.InvalidValueError),
])
def test_wrong_arguments(case, wrong, kind):
    M, a, b = case
    with pytest.raises(kind):
        smooth_ot_dual(a, b, M, 1.0, **wrong)
    with pytest.raises(kantor.InvalidValueError, match="reg is -1"):
        smooth_ot_dual(a, b, M, -1.0)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_precision_is_kept(case, kind):
    M, a, b = (array.astype(kind) for array in case)
    plan, log = smooth_ot_dual(a, b, M, 1.0, log=True, stopThr=1e-6)
    assert plan.dtype == log["alpha"].dtype == log["beta"].dtype == kind


def test_solve(case):
    M, a, b = case
    result = ot.solve(M, a, b, reg=2.0, reg_type="L2")
    plan = smooth_ot_dual(a, b, M, 2.0)
    assert result.plan == pytest.approx(plan, abs=1e-10)
    assert result.value_linear == pytest.approx((plan * M).sum())
    assert result.value == pytest.approx((plan * M).sum() + 2.0 * (plan**2).sum())
    assert result.sparse_plan.nnz == (plan > 0).sum()
    x, y = np.random.default_rng(0).random((2, 30, 2))
    lazy = ot.solve_sample(x, y, reg=0.5, reg_type="L2", lazy=True)
    dense = ot.solve_sample(x, y, reg=0.5, reg_type="L2")
    assert lazy.value == pytest.approx(dense.value) and lazy.status == "Converged"
    with pytest.raises(kantor.UnsupportedError, match="sinkhorn"):
        ot.solve(M, a, b, reg=2.0, reg_type="L2", method="sinkhorn")


def test_derivatives(case, rng):
    M, a, b = case
    upstream = rng.standard_normal(M.shape)

    def solved(M):
        problem = kantor.Problem("transport", cost=M, a=a, b=b)
        return kantor.solve(problem, "quadratic", gamma=0.8, tolerance=1e-13)

    gradient = solved(M).vjp({"plan": upstream, "objective": 2.0}, ["cost"])["cost"]
    direction = rng.standard_normal(M.shape)
    ends = [solved(M + t * direction) for t in (1e-6, -1e-6)]
    slope = [(end.plan * upstream).sum() + 2 * end.objective for end in ends]
    assert (slope[0] - slope[1]) / 2e-6 == pytest.approx((gradient * direction).sum(), rel=1e-6)
