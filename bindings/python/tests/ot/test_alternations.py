"""Weak, co-optimal and factored transport: problems whose parts are transport problems."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
import kantor.ot as ot

RNG = np.random.default_rng(11)
X, Y = RNG.normal(size=(15, 2)), RNG.normal(size=(18, 2)) + 0.5
A, B = RNG.dirichlet(np.ones(15)), RNG.dirichlet(np.ones(18))


def test_weak_transport_of_a_sample_to_itself_stays():
    plan, log = ot.weak_optimal_transport(X, X, log=True)
    np.testing.assert_allclose(plan, np.eye(15) / 15, atol=1e-15)
    assert log["loss"][-1] == pytest.approx(0, abs=1e-15) and log["gap"] < 1e-9


def test_weak_transport_is_certified_and_below_the_exact_cost():
    plan, log = ot.weak_optimal_transport(X, Y, A, B, log=True, numItermax=500)
    np.testing.assert_allclose(plan.sum(1), A, atol=1e-12)
    np.testing.assert_allclose(plan.sum(0), B, atol=1e-12)
    value = A @ ((plan @ Y / A[:, None] - X) ** 2).sum(1)
    assert log["loss"][-1] == pytest.approx(value) and log["gap"] < 1e-3
    assert value <= ot.emd2(A, B, ot.dist(X, Y))
    # Targets in convex order: spread around the sources, they cost nothing.
    spread = np.vstack([X - 0.1, X + 0.1])
    assert ot.weak_optimal_transport(
        X, spread, log=True, numItermax=2000, stopThr2=0)[1]["loss"][-1] < 1e-4


def test_weak_transport_ignores_sources_without_mass():
    plan = ot.weak_optimal_transport(X[:2], Y[:3], [0.0, 1.0], ot.unif(3))
    np.testing.assert_allclose(plan, [[0, 0, 0], [1 / 3] * 3], atol=1e-12)
    assert ot.weak_optimal_transport(X.astype("f"), Y.astype("f")).dtype == np.float32


def test_tables_with_permuted_rows_and_columns_are_matched():
    rows, columns = RNG.permutation(9), RNG.permutation(5)
    table = RNG.normal(size=(9, 5)) + 3 * np.arange(5) + np.arange(9)[:, None] ** 1.5
    P, Q, log = ot.coot.co_optimal_transport(table, table[rows][:, columns], log=True)
    np.testing.assert_allclose(P, (rows[None, :] == np.arange(9)[:, None]) / 9, atol=1e-15)
    np.testing.assert_allclose(Q, (columns[None, :] == np.arange(5)[:, None]) / 5, atol=1e-15)
    assert log["distances"][-1] == pytest.approx(0, abs=1e-12) and log["gap"] < 1e-12
    assert ot.coot.co_optimal_transport2(
        table, table[rows][:, columns]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("epsilon", [0, (0, 0.5), (0.5, 0), 0.5])
def test_the_objective_of_two_tables(epsilon):
    S, T = RNG.random((7, 4)), RNG.random((6, 5))
    M = RNG.random((7, 6))
    value, log = ot.coot.co_optimal_transport2(
        S, T, epsilon=epsilon, alpha=(2.0, 0), M_samp=M, log=True, nits_ot=5000, tol_sinkhorn=1e-12)
    P, Q = log["pi_sample"], log["pi_feature"]
    for plan in (P, Q):
        n, m = plan.shape
        np.testing.assert_allclose(plan.sum(1), 1 / n, atol=1e-8)
        np.testing.assert_allclose(plan.sum(0), 1 / m, atol=1e-8)
    whole = np.einsum("ijkl,ij,kl", (S[:, None, :, None] - T[None, :, None, :]) ** 2, P, Q)
    whole += 2 * np.vdot(M, P)
    pair = (epsilon, epsilon) if np.ndim(epsilon) == 0 else epsilon
    for strength, plan in zip(pair, (P, Q)):
        if strength:
            whole += strength * np.vdot(plan, np.log(plan * plan.size))
    assert value == pytest.approx(whole, rel=1e-9)
    assert (np.diff(log["distances"]) <= 1e-9).all()
    assert (log["gap"] is None) == (pair[0] > 0)


@pytest.mark.parametrize("every", [2, 7, 100])
def test_the_objective_is_that_of_the_last_plans(every):
    tables = np.random.default_rng(1).random((5, 3)), np.random.default_rng(2).random((6, 4))
    value, log = ot.coot.co_optimal_transport2(*tables, eval_bcd=every, nits_bcd=3, log=True)
    squares = (tables[0][:, None, :, None] - tables[1][None, :, None, :]) ** 2
    plain = np.einsum("ijkl,ij,kl", squares, log["pi_sample"], log["pi_feature"])
    assert value == pytest.approx(plain, rel=1e-12)


def test_two_tables_go_on_from_a_start():
    S, T = RNG.random((7, 4)), RNG.random((6, 5))
    value, log = ot.coot.co_optimal_transport2(S, T, log=True, early_stopping_tol=0)
    again, told = ot.coot.co_optimal_transport2(S, T, warmstart=log, log=True)
    assert again == pytest.approx(value) and len(told["distances"]) <= 2
    single = ot.coot.co_optimal_transport(S.astype("f"), T.astype("f"))
    assert single[0].dtype == single[1].dtype == np.float32


@pytest.mark.parametrize("reg", [0.0, 0.5])
def test_plans_through_a_few_points(reg):
    Ga, Gb, Z, log = ot.factored_optimal_transport(X, Y, A, B, reg=reg, r=4, log=True)
    np.testing.assert_allclose(Ga.sum(1), A, atol=1e-8)
    np.testing.assert_allclose(Ga.sum(0), 0.25, atol=1e-8)
    np.testing.assert_allclose(Gb.sum(0), B, atol=1e-8)
    np.testing.assert_allclose(Z, 2 * (Ga.T @ X + Gb @ Y), atol=1e-6)
    plan = log["lazy_plan"][:]
    np.testing.assert_allclose(plan, 4 * Ga @ Gb)
    np.testing.assert_allclose(plan.sum(0), B, atol=1e-8)
    assert np.linalg.matrix_rank(plan) <= 4
    # Half of the exact cost is the least that points between can reach.
    assert log["costa"] + log["costb"] >= ot.emd2(A, B, ot.dist(X, Y)) / 2 - 1e-9


def test_one_point_and_a_start():
    _, _, Z = ot.factored_optimal_transport(X, Y, r=1)
    np.testing.assert_allclose(Z, [(X.mean(0) + Y.mean(0)) / 2])
    Ga, Gb, Z = ot.factored_optimal_transport(
        X.astype("f"), Y.astype("f"), r=3, X0=np.zeros((3, 2), "f"))
    assert Ga.dtype == Gb.dtype == Z.dtype == np.float32


def test_solve_sample_by_factored_plans():
    found = ot.solve_sample(X, Y, A, B, method="factored", rank=3)
    Ga, Gb, _, log = ot.factored_optimal_transport(X, Y, A, B, r=3, log=True)
    np.testing.assert_array_equal(found.lazy_plan[:], log["lazy_plan"][:])
    np.testing.assert_allclose(found.plan, log["lazy_plan"][:])
    assert found.value == found.value_linear == pytest.approx(log["costa"] + log["costb"])
    lazy = ot.solve_sample(X, Y, A, B, method="factored", rank=3, lazy=True)
    assert lazy.lazy_plan.shape == (15, 18)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: ot.weak_optimal_transport(X, Y[:, :1]), "they must agree"),
    (lambda: ot.weak_optimal_transport(X, Y, A[1:], B), "a has 14 weights"),
    (lambda: ot.coot.co_optimal_transport(X, Y, epsilon=(1, 2, 3)), "epsilon has 3 numbers"),
    (lambda: ot.coot.co_optimal_transport(X, Y, epsilon=-1), "epsilon is -1"),
    (lambda: ot.coot.co_optimal_transport(X, Y, alpha=1, M_samp=X), "M_samp has the shape"),
    (lambda: ot.coot.co_optimal_transport(X, Y, method_sinkhorn="x"), "method_sinkhorn 'x'"),
    (lambda: ot.coot.co_optimal_transport(X, Y, warmstart={"pi_feature": X}), "pi_feature has"),
    (lambda: ot.factored_optimal_transport(X, Y, r=0), "r is 0"),
    (lambda: ot.factored_optimal_transport(X, Y, r=2, X0=X), "X0 has the shape"),
    (lambda: ot.factored_optimal_transport(X, Y[:, :1]), "they must agree"),
    (lambda: ot.gaussian.bures_wasserstein_barycenter([[0.0]], [[[1.0]]], batch_size=0),
     "batch_size is 0"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(kantor.KantorError, match=words):
        call()
