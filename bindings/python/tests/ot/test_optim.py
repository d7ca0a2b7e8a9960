"""Objectives of one's own over transport plans, by conditional gradients."""

from __future__ import annotations

import numpy as np
import pytest

import kantor.ot as ot
from kantor.ot import optim

RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(20, 2)), RNG.normal(size=(25, 2)) + 1.0
M = ot.dist(X, Y) / 10
A, B = ot.unif(20), RNG.dirichlet(np.ones(25))


def square(G):
    return 0.5 * (G**2).sum()


def gradient(G):
    return G


def feasible(plan):
    np.testing.assert_allclose(plan.sum(1), A, atol=1e-8)
    np.testing.assert_allclose(plan.sum(0), B, atol=1e-8)
    assert plan.min() >= 0


@pytest.mark.parametrize("reg", [0.1, 1.0])
def test_the_gap_bounds_the_distance_from_the_optimum(reg):
    best = ot.solve(M, A, B, reg=reg, reg_type="L2").plan
    optimum = np.vdot(best, M) + reg * square(best)
    plan, log = optim.cg(A, B, M, reg, square, gradient, log=True)
    feasible(plan)
    objective = np.vdot(plan, M) + reg * square(plan)
    assert log["loss"][-1] == pytest.approx(objective, rel=1e-12)
    assert -1e-9 <= objective - optimum <= log["gap"] + 1e-9
    assert log["gap"] <= 1e-3
    assert all(np.diff(log["loss"]) <= 1e-12)
    assert {"u", "v", "cost", "warning", "result_code"} <= set(log)


def test_a_linear_function_is_exact_transport():
    extra = RNG.random(M.shape)
    plan, log = optim.cg(
        A, B, M, 2.0, lambda G: np.vdot(extra, G), lambda G: extra, log=True, alpha0=1.0)
    np.testing.assert_allclose(plan, ot.emd(A, B, M + 2 * extra), atol=1e-15)
    assert log["gap"] == pytest.approx(0, abs=1e-15) and log["loss"][-1] == pytest.approx(
        ot.emd2(A, B, M + 2 * extra))


def test_the_exact_line_search_and_a_start():
    search = optim.exact_search(square, 1.0)
    plan, log = optim.cg(A, B, M, 1.0, square, gradient, line_search=search, log=True)
    again, told = optim.cg(
        A, B, M, 1.0, square, gradient, G0=plan, line_search=search, log=True, numItermax=5)
    assert told["loss"][0] == pytest.approx(log["loss"][-1])
    feasible(again)


def test_many_pairs_start_from_the_last_potentials():
    x, y = RNG.normal(size=(260, 2)), RNG.normal(size=(270, 2))
    cost, extra = ot.dist(x, y), RNG.random((260, 270))
    plan, log = optim.cg([], [], cost, 0.5, lambda G: np.vdot(extra, G), lambda G: extra,
                         alpha0=1.0, log=True, numItermax=3)
    np.testing.assert_allclose(
        log["loss"][-1], ot.emd2([], [], cost + 0.5 * extra), rtol=1e-12)
    whole, log = optim.cg([], [], cost, 50.0, square, gradient, log=True, numItermax=20)
    np.testing.assert_allclose(whole.sum(0), 1 / 270, atol=1e-12)
    assert (np.diff(log["loss"]) <= 1e-12).all()


def test_the_entropy_is_part_of_the_objective_of_gcg():
    plan, log = optim.gcg(
        A, B, M, 0.1, 2.0, square, gradient, log=True, numItermax=50, numInnerItermax=5000)
    feasible(plan)
    whole = np.vdot(plan, M) + 0.1 * np.vdot(plan, np.log(plan)) + 2 * square(plan)
    assert log["loss"][-1] == pytest.approx(whole)
    # At the optimum the plan is that of the costs made linear there.
    same = ot.sinkhorn(A, B, M + 2 * plan, 0.1, numItermax=5000)
    np.testing.assert_allclose(plan, same, atol=1e-5)
    assert log["gap"] < 1e-8
    none = optim.gcg(A, B, M, 0.1, 0.0, lambda G: 0.0, np.zeros_like, numInnerItermax=5000)
    np.testing.assert_allclose(none, ot.sinkhorn(A, B, M, 0.1, numItermax=5000), atol=1e-9)


def test_targets_of_semirelaxed_plans_are_free():
    plan, log = optim.semirelaxed_cg(
        A, B, M, 1e-9, square, gradient, log=True, alpha0=1.0)
    np.testing.assert_allclose(plan.sum(1), A)
    assert log["loss"][-1] == pytest.approx(A @ M.min(1), rel=1e-6)


def test_own_solvers_see_the_entropy_made_linear():
    def exact(a, b, cost):
        assert np.isfinite(cost).all()
        return ot.emd(a, b, cost, log=True)

    def search(objective, G, direction, slope, value, inner):
        step, count, value = optim.line_search_armijo(objective, G, direction, slope, value)
        return step, count, value, gradient(G + step * direction)

    plan, log = optim.generic_conditional_gradient(
        A, B, M, square, gradient, 1.0, 0.01, exact, search, numItermax=30, log=True)
    feasible(plan)
    assert log["loss"][-1] < log["loss"][0]


def test_solve_takes_a_function_and_its_gradient():
    found = ot.solve(M, A, B, reg=1.0, reg_type=(square, gradient), tol=1e-12, max_iter=50)
    plan = optim.cg(A, B, M, 1.0, square, gradient, stopThr=1e-12, numItermax=50)
    np.testing.assert_array_equal(found.plan, plan)
    assert found.value == pytest.approx(np.vdot(plan, M) + square(plan))
    assert found.value_linear == pytest.approx(np.vdot(plan, M))
    feasible(found.plan)


def test_line_search_and_parabola():
    # (x - 1)^2 from 0 along 4: the parabola is exact.
    step, count, value = optim.line_search_armijo(
        lambda x: float((x - 1)[0]**2), np.zeros(1), np.full(1, 4.0), np.full(1, -2.0), None)
    assert step == pytest.approx(0.25) and value == pytest.approx(0) and count == 3
    assert optim.line_search_armijo(abs, 1.0, 1.0, 1.0, 1.0)[0] == 0
    assert optim.solve_1d_linesearch_quad(1, -1) == 0.5
    assert optim.solve_1d_linesearch_quad(-1, 0.5) == 1
    np.testing.assert_array_equal(
        optim.solve_1d_linesearch_quad([1.0, -1.0], [-4.0, 5.0]), [1.0, 0.0])


def test_precision_one_number_and_the_course(capsys):
    plan = optim.cg(A.astype(np.float32), B, M, 1.0, square, gradient, numItermax=3, verbose=True)
    assert plan.dtype == np.float32 and "objective" in capsys.readouterr().out
    plan = optim.cg(A, B, 0.0, 1.0, square, gradient, numItermax=3)
    assert plan.shape == (20, 25)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: optim.cg(A, B, M, 1.0, lambda G: G, gradient), r"f returned the shape \(20, 25\)"),
    (lambda: optim.cg(A, B, M, 1.0, square, lambda G: G[0]), r"df returned the shape \(25,\)"),
    (lambda: optim.cg(A, B, M, 1.0, square, lambda G: G * np.nan), "not finite"),
    (lambda: optim.cg([], B, 1.0, 1.0, square, gradient), "a and b are needed"),
    (lambda: optim.cg(A, B, M, 1.0, square, gradient, G0=M.T), "G0 has the shape"),
    (lambda: optim.cg(A, B, M, 1.0, square, gradient, numItermax=0), "numItermax is 0"),
    (lambda: optim.cg(A, B, M, 1.0, square, gradient, alpha=1), "alpha"),
    (lambda: optim.cg(A, 2 * B, M, 1.0, square, gradient), "masses differ"),
    (lambda: optim.gcg(A, B, M, 0, 1.0, square, gradient), "reg1 is 0"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
