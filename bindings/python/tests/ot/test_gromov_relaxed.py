"""Partial and unbalanced Gromov-Wasserstein problems under POT's names."""

from __future__ import annotations

import numpy as np
import pytest
from support import weights
from test_gromov import distances, gradient, objective

import kantor
from kantor import ot
from kantor.ot import gromov


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((9, 2)), rng.standard_normal((7, 3))
    return distances(x), distances(y), weights(rng, 9), weights(rng, 7)


@pytest.mark.smoke
@pytest.mark.parametrize("loss_fun", ["square_loss", "kl_loss"])
def test_partial_plans_are_stationary(clouds, loss_fun):
    C1, C2, p, q = clouds
    plan, log = gromov.partial_gromov_wasserstein(C1, C2, p, q, 0.6, loss_fun, log=True)
    assert plan.sum() == pytest.approx(0.6, abs=1e-12)
    assert (plan.sum(1) <= p + 1e-14).all() and (plan.sum(0) <= q + 1e-14).all()
    assert log["partial_gw_dist"] == pytest.approx(objective(C1, C2, plan, loss_fun))
    G = gradient(C1, C2, plan, loss_fun)
    best = ot.partial.partial_wasserstein2(p, q, G, 0.6)
    assert (G * plan).sum() == pytest.approx(best, rel=1e-6, abs=1e-9)
    assert (np.diff(log["loss"]) <= 1e-12).all() and log["warning"] is None
    value, told = gromov.partial_gromov_wasserstein2(C1, C2, p, q, 0.6, loss_fun, log=True)
    assert value == pytest.approx(log["partial_gw_dist"]) and told["T"] == pytest.approx(plan)


def test_partial_fused_terms_add_up(clouds):
    C1, C2, p, q = clouds
    M = np.random.default_rng(2).random((9, 7))
    value, log = gromov.partial_fused_gromov_wasserstein2(
        M, C1, C2, p, q, 0.5, alpha=0.3, log=True)
    assert value == pytest.approx(log["lin_loss"] + log["quad_loss"])
    assert log["lin_loss"] == pytest.approx(0.7 * (M * log["T"]).sum())
    plan = gromov.partial_fused_gromov_wasserstein(M, C1, C2, p, q, 0.5, alpha=0.3)
    assert plan == pytest.approx(log["T"], abs=1e-6)
    # All of the weight on the features: partial transport.
    plain = gromov.partial_fused_gromov_wasserstein2(M, C1, C2, p, q, 0.5, alpha=0)
    assert plain == pytest.approx(ot.partial.partial_wasserstein2(p, q, M, 0.5))


def test_a_shape_is_found_among_strangers():
    rng = np.random.default_rng(3)
    x = rng.random((6, 2)) * [3, 1]
    y = np.concatenate([x @ [[0.6, -0.8], [0.8, 0.6]], 10 + 5 * rng.random((3, 2))])
    G0 = np.full((6, 9), 0.1 / 54)
    G0[range(6), range(6)] += 0.9 / 6
    plan, log = gromov.partial_gromov_wasserstein(
        distances(x), distances(y), np.full(6, 1 / 6), np.full(9, 1 / 6), 1, G0=G0, log=True)
    assert log["partial_gw_dist"] == pytest.approx(0, abs=1e-12)
    assert (plan.argmax(axis=1) == np.arange(6)).all()


@pytest.mark.parametrize("features", [False, True])
def test_entropic_partial_fixed_point(clouds, features):
    """The plan solves the entropic partial problem of its own gradient, as POT iterates it."""
    C1, C2, p, q = clouds
    M = np.random.default_rng(4).random((9, 7))
    if features:
        plan, log = gromov.entropic_partial_fused_gromov_wasserstein(
            M, C1, C2, p, q, 0.3, 0.6, alpha=0.4, tol=1e-9, log=True)
        G = 0.6 * M + 0.4 * gradient(C1, C2, plan)
        value = gromov.entropic_partial_fused_gromov_wasserstein2(
            M, C1, C2, p, q, 0.3, 0.6, alpha=0.4, tol=1e-9)
        assert value == pytest.approx(log["partial_fgw_dist"])
    else:
        plan, log = gromov.entropic_partial_gromov_wasserstein(
            C1, C2, p, q, 0.3, 0.6, tol=1e-9, log=True)
        G = gradient(C1, C2, plan)
        value = gromov.entropic_partial_gromov_wasserstein2(C1, C2, p, q, 0.3, 0.6, tol=1e-9)
        assert value == pytest.approx(log["partial_gw_dist"])
    assert log["warning"] is None
    again = ot.partial.entropic_partial_wasserstein(p, q, G, 0.3, 0.6)
    assert plan == pytest.approx(again, abs=1e-4)


def test_masses_out_of_range(clouds):
    C1, C2, p, q = clouds
    for function, extra in (
        (gromov.partial_gromov_wasserstein, {}),
        (gromov.entropic_partial_gromov_wasserstein, {"reg": 1.0}),
    ):
        for mass in (-1, 2, np.nan):
            with pytest.raises(ValueError, match="m is"):
                function(C1, C2, p, q, m=mass, **extra)
        plan, log = function(C1, C2, p, q, m=0, log=True, **extra)
        assert plan.shape == (9, 7) and not plan.any() and log["partial_gw_dist"] == 0


def divergence(x, w):
    """KL of the product of a measure with itself."""
    x, w = np.outer(x, x).ravel(), np.outer(w, w).ravel()
    positive = x > 0
    return (x[positive] * np.log(x[positive] / w[positive])).sum() - x.sum() + w.sum()


@pytest.mark.smoke
@pytest.mark.parametrize("epsilon", [0, 0.05])
@pytest.mark.parametrize("features", [False, True])
def test_unbalanced_cost_is_that_of_the_definition(clouds, epsilon, features):
    C1, C2, p, q = clouds
    p = 1.4 * p
    M = np.random.default_rng(6).random((9, 7)) if features else None
    alpha = 0.7 if features else 0
    plan, same, log = gromov.fused_unbalanced_gromov_wasserstein(
        C1, C2, p, q, (0.8, 1.2), epsilon, alpha=alpha, M=M, tol=1e-9, log=True)
    assert (plan == same).all() and log["warning"] is None

    def cost(plan):
        total = objective(C1, C2, plan) + 0.8 * divergence(plan.sum(1), p)
        total += 1.2 * divergence(plan.sum(0), q)
        if features:
            total += alpha * (M * plan).sum()
        if epsilon:
            total += epsilon * divergence(plan.ravel(), np.outer(p, q).ravel())
        return total

    assert log["fugw_cost"] == pytest.approx(cost(plan))
    assert log["fugw_cost"] == gromov.fused_unbalanced_gromov_wasserstein2(
        C1, C2, p, q, (0.8, 1.2), epsilon, alpha=alpha, M=M, tol=1e-9)
    rng = np.random.default_rng(7)
    for _ in range(50):
        other = plan * (1 + 1e-3 * rng.standard_normal(plan.shape))
        assert cost(other) >= cost(plan) - 1e-8


def test_unbalanced_arguments(clouds):
    C1, C2, p, q = clouds
    call = gromov.fused_unbalanced_gromov_wasserstein
    with pytest.raises(NotImplementedError, match="divergence 'l2'"):
        call(C1, C2, p, q, divergence="l2")
    with pytest.raises(NotImplementedError, match="unbalanced_solver"):
        call(C1, C2, p, q, unbalanced_solver="magic")
    for strengths in (0, -1, (1, 0), (1, 2, 3)):
        with pytest.raises(kantor.KantorError, match="reg_marginals"):
            call(C1, C2, p, q, strengths)
    with pytest.raises(kantor.KantorError, match="epsilon"):
        call(C1, C2, p, q, epsilon=-1)
    with pytest.warns(UserWarning, match="M is None"):
        call(C1, C2, p, q, alpha=0.5)
    plan, _ = call(C1.astype(np.float32), C2.astype(np.float32), reg_marginals=[2])
    assert plan.dtype == np.float32


@pytest.mark.parametrize("reg", [None, 0.3])
@pytest.mark.parametrize("features", [False, True])
def test_solve_gromov_partial(clouds, reg, features):
    C1, C2, p, q = clouds
    M = np.random.default_rng(8).random((9, 7)) if features else None
    found = ot.solve_gromov(
        C1, C2, M, p, q, reg=reg, unbalanced=0.5, unbalanced_type="partial")
    assert found.status == "Converged"
    assert found.plan.sum() == pytest.approx(0.5)
    quadratic = objective(C1, C2, found.plan)
    assert found.value_quad == pytest.approx((0.5 if features else 1) * quadratic)
    with pytest.raises(ValueError):
        ot.solve_gromov(C1, C2, M, p, q, reg=reg, unbalanced=1.5, unbalanced_type="partial")


def test_solve_gromov_unbalanced(clouds):
    C1, C2, p, q = clouds
    M = np.random.default_rng(9).random((9, 7))
    found = ot.solve_gromov(C1, C2, M, p, q, alpha=0.4, unbalanced=2.0)
    expected = 0.4 * objective(C1, C2, found.plan) + 0.6 * (M * found.plan).sum()
    assert found.value_linear == pytest.approx(expected)
    expected += divergence(found.plan.sum(1), p) + divergence(found.plan.sum(0), q)
    assert found.value == pytest.approx(expected) and found.status == "Converged"
    with pytest.raises(NotImplementedError):
        ot.solve_gromov(C1, C2, M, p, q, unbalanced=1.0, unbalanced_type="TV")
    with pytest.raises(NotImplementedError):
        ot.solve_gromov(C1, C2, M, p, q, unbalanced=1.0, reg=1.0)
