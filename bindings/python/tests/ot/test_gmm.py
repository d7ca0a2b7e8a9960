"""Mixtures of normal laws."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor import ot
from kantor.ot import gmm

RNG = np.random.default_rng(9)


def mixture(count, d=2):
    roots = RNG.normal(size=(count, d, d))
    weights = RNG.random(count) + 0.2
    return (3 * RNG.normal(size=(count, d)), roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(d),
            weights / weights.sum())


M_S, C_S, W_S = mixture(3)
M_T, C_T, W_T = mixture(4)
PAIR = (M_S, M_T, C_S, C_T, W_S, W_T)


def test_densities():
    x = RNG.normal(size=(4, 5, 2))
    density = gmm.gaussian_pdf(x, M_S[0], C_S[0])
    apart = x - M_S[0]
    exponent = -0.5 * np.einsum("abi,ij,abj->ab", apart, np.linalg.inv(C_S[0]), apart)
    np.testing.assert_allclose(
        density, np.exp(exponent) / (2 * np.pi * np.sqrt(np.linalg.det(C_S[0]))))
    np.testing.assert_allclose(
        gmm.gmm_pdf(x, M_S, C_S, W_S),
        sum(w * gmm.gaussian_pdf(x, m, C) for w, m, C in zip(W_S, M_S, C_S)))
    far = gmm.gaussian_logpdf([[1e6, 0.0]], M_S[0], C_S[0])
    assert np.isfinite(far).all()


def test_costs_and_plans():
    cost = gmm.dist_bures_squared(M_S, M_T, C_S, C_T)
    for i in range(3):
        for j in range(4):
            assert cost[i, j] == pytest.approx(ot.gaussian.bures_wasserstein_distance(
                M_S[i], M_T[j], C_S[i], C_T[j]) ** 2)
    plan, told = gmm.gmm_ot_plan(*PAIR, log=True)
    assert gmm.gmm_ot_loss(*PAIR) == pytest.approx((plan * cost).sum())
    assert told["cost"] == pytest.approx((plan * cost).sum())
    np.testing.assert_allclose(plan.sum(0), W_T)
    assert gmm.gmm_ot_loss(M_S, M_S + 2.0, C_S, C_S, W_S, W_S) == pytest.approx(8.0)


def test_moving_all_components_moves_all_points():
    x = RNG.normal(size=(20, 2))
    moved = (M_S, M_S + [1.0, -2.0], C_S, C_S, W_S, W_S)
    for method in ("bary", "rand"):
        np.testing.assert_allclose(
            gmm.gmm_ot_apply_map(x, *moved, method=method, seed=1), x + [1.0, -2.0], atol=1e-6)


def test_the_mean_of_draws_is_the_mean():
    x = np.repeat([[0.3, -0.2]], 4000, axis=0)
    mean = gmm.gmm_ot_apply_map(x[:1], *PAIR)
    draws = gmm.gmm_ot_apply_map(x, *PAIR, method="rand", seed=3)
    spread = draws.std(axis=0) / np.sqrt(len(draws))
    assert (abs(draws.mean(axis=0) - mean[0]) <= 5 * spread + 1e-12).all()
    np.testing.assert_array_equal(
        draws, gmm.gmm_ot_apply_map(x, *PAIR, method="rand", seed=3))
    given = gmm.gmm_ot_apply_map(x[:1], *PAIR, plan=gmm.gmm_ot_plan(*PAIR))
    np.testing.assert_allclose(given, mean)
    assert np.isfinite(gmm.gmm_ot_apply_map([[1e4, 1e4]], *PAIR)).all()
    single = [np.asarray(part, np.float32) for part in PAIR]
    assert gmm.gmm_ot_apply_map(x[:1].astype(np.float32), *single).dtype == np.float32


@pytest.mark.parametrize(("call", "words"), [
    (lambda: gmm.gaussian_pdf([[0.0]], [0.0, 0.0], np.eye(2)), "x, m and C have the shapes"),
    (lambda: gmm.gaussian_pdf([[0.0, 1.0]], [0.0, 0.0], -np.eye(2)), "C is not positive definite"),
    (lambda: gmm.gmm_ot_loss(M_S[1:], *PAIR[1:]), "m_s and C_s have the shapes"),
    (lambda: gmm.gmm_ot_plan(*PAIR[:5], W_T[1:]), "w_t has 3 weights; 4 are needed"),
    (lambda: gmm.gmm_ot_apply_map([[0.0, 0.0]], *PAIR, method="x"), "method is 'x'"),
    (lambda: gmm.gmm_ot_apply_map([[0.0]], *PAIR), "plan and x have the shapes"),
    (lambda: gmm.gmm_ot_apply_map([[0.0, 0.0]], *PAIR, plan=[[1.0]]), "plan and x"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(kantor.KantorError, match=words):
        call()
