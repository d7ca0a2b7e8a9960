"""Barycentres and normal laws under POT's names."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor import ot


def bumps(n, centres, width=0.08):
    x = np.linspace(0, 1, n)
    A = np.exp(-((x[:, None] - np.asarray(centres)) / width) ** 2 / 2)
    return A / A.sum(axis=0), (x[:, None] - x) ** 2


def projections(A, M, reg, w, count=20000):
    """The plain iteration."""
    K, u = np.exp(-M / reg), np.ones((M.shape[1], A.shape[1]))
    for _ in range(count):
        back = K.T @ (A / (K @ u))
        q = np.exp((w * np.log(back)).sum(axis=1))
        u = q[:, None] / back
    return q


@pytest.mark.parametrize("method", ["sinkhorn", "sinkhorn_log", "sinkhorn_stabilized"])
def test_barycenter(method):
    A, M = bumps(30, [0.3, 0.5, 0.7])
    w = np.array([0.5, 0.3, 0.2])
    q, log = ot.barycenter(A, M, 0.01, w, method=method, stopThr=1e-10, log=True)
    assert q == pytest.approx(projections(A, M, 0.01, w), abs=1e-9)
    assert set(log) == {"err", "niter"} and log["err"][-1] <= 1e-10
    assert ot.bregman.barycenter_sinkhorn(A, M, 0.01, w, stopThr=1e-10) == pytest.approx(q)


def test_costs_between_two_supports():
    A, _ = bumps(20, [0.3, 0.6])
    M = (np.linspace(0, 1, 20)[:, None] - np.linspace(0, 1, 35)) ** 2
    q = ot.barycenter(A, M, 0.02, stopThr=1e-10)
    assert q == pytest.approx(projections(A, M, 0.02, np.full(2, 0.5)), abs=1e-9)


def test_images_are_products():
    A, M = bumps(15, [0.3, 0.7], 0.1)
    B, _ = bumps(11, [0.4, 0.6], 0.1)
    images = np.stack([np.outer(A[:, k], B[:, k]) for k in range(2)])
    N = (np.linspace(0, 1, 11)[:, None] - np.linspace(0, 1, 11)) ** 2
    q = ot.bregman.convolutional_barycenter2d(images, 0.02, stopThr=1e-10)
    assert q.shape == (15, 11)
    expected = np.outer(ot.barycenter(A, M, 0.02, stopThr=1e-10),
                        ot.barycenter(B, N, 0.02, stopThr=1e-10))
    assert q == pytest.approx(expected, abs=1e-8)
    sharp = ot.bregman.convolutional_barycenter2d_debiased(images, 0.02, stopThr=1e-5)
    assert sharp.max() > 1.3 * q.max()


def test_debiased_keeps_one_measure():
    A, M = bumps(40, [0.4])
    q = ot.bregman.barycenter_debiased(A, M, 0.002, stopThr=1e-7)
    assert np.abs(q - A[:, 0]).sum() < 1e-2
    assert np.abs(ot.barycenter(A, M, 0.002) - A[:, 0]).sum() > 0.05


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_precision(kind):
    A, M = (array.astype(kind) for array in bumps(20, [0.3, 0.7]))
    assert ot.barycenter(A, M, 0.05).dtype == np.dtype(kind)
    images = A.T.reshape(2, 4, 5)
    assert ot.bregman.convolutional_barycenter2d(images, 0.05).dtype == np.dtype(kind)


def test_short_solves_warn():
    A, M = bumps(30, [0.2, 0.8])
    with pytest.warns(UserWarning, match="iteration_limit"):
        ot.barycenter(A, M, 0.001, numItermax=1, stopThr=1e-12)


def test_refusals():
    A, M = bumps(10, [0.3, 0.7])
    with pytest.raises(kantor.UnsupportedError):
        ot.barycenter(A, M, 0.1, method="greenkhorn")
    with pytest.raises(kantor.KantorError, match="weights"):
        ot.barycenter(A, M, 0.1, weights=[1.0, -1.0])
    with pytest.raises(kantor.KantorError, match="reg"):
        ot.barycenter(A, M, 0.0)
    with pytest.raises(kantor.KantorError, match="masses differ"):
        ot.barycenter(A * [1, 2], M, 0.1)


def test_free_support_of_translates():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(12, 2))
    clouds, masses = [X, X + [2, 1], X + [0, 5]], [np.full(12, 1 / 12)] * 3
    found, log = ot.lp.free_support_barycenter(
        clouds, masses, X, weights=np.array([0.5, 0.3, 0.2]), log=True)
    assert found == pytest.approx(X + [0.6, 1.3], abs=1e-10)
    assert log["displacement_square_norms"][-1] <= 1e-7
    single = ot.lp.free_support_barycenter(clouds, masses, X.astype("f4"))
    assert single.dtype == np.float32


def test_free_support_refusals():
    X = np.zeros((3, 2))
    with pytest.raises(kantor.KantorError, match="measures_weights"):
        ot.lp.free_support_barycenter([X], [], X)
    with pytest.raises(kantor.KantorError, match="positive"):
        ot.lp.free_support_barycenter([X], [np.ones(3)], X, b=[1.0, 0.0, 1.0])


def laws(seed, d=4):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(d, d))
    return rng.normal(size=d), a @ a.T + 0.1 * np.eye(d)


def test_distance_and_map():
    (m0, S0), (m1, S1) = laws(1), laws(2)
    A, b, log = ot.gaussian.bures_wasserstein_mapping(m0, m1, S0, S1, log=True)
    assert A @ S0 @ A == pytest.approx(S1)
    assert m0 @ A + b == pytest.approx(m1)
    assert log["Cs12"] @ log["Cs12"] == pytest.approx(S0)
    values = np.linalg.eigvals(S0 @ S1).real
    square = ((m0 - m1) ** 2).sum() + np.trace(S0 + S1) - 2 * np.sqrt(values).sum()
    distance = ot.gaussian.bures_wasserstein_distance(m0, m1, S0, S1)
    assert distance == pytest.approx(np.sqrt(square))
    flat = np.zeros((4, 4))
    to_point = ot.gaussian.bures_wasserstein_distance(m0, m1, flat, S1)
    assert to_point == pytest.approx(np.sqrt(((m0 - m1) ** 2).sum() + np.trace(S1)))


def test_barycenter_of_laws():
    every = [laws(seed) for seed in (3, 4, 5)]
    m, C = np.stack([e[0] for e in every]), np.stack([e[1] for e in every])
    w = np.array([0.2, 0.3, 0.5])
    mean, S, log = ot.gaussian.bures_wasserstein_barycenter(m, C, w, log=True)
    assert mean == pytest.approx(w @ m)
    total = sum(
        weight * ot.gaussian.bures_wasserstein_mapping(mean, mean, S, cov)[0]
        for weight, cov in zip(w, C))
    assert total == pytest.approx(np.eye(4), abs=1e-6)
    assert log["final_diff"] <= 1e-7 and log["num_iter"] < 50


def test_empirical_laws():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(200, 3))
    Y = X @ np.diag([2.0, 1.0, 0.5]) + 1
    A, b = ot.gaussian.empirical_bures_wasserstein_mapping(X, Y, reg=1e-10)
    assert X @ A + b == pytest.approx(Y, abs=0.3)
    assert np.cov((X @ A).T) == pytest.approx(np.cov(Y.T), abs=1e-6)
    assert b.shape == (1, 3)
    distance = ot.gaussian.empirical_bures_wasserstein_distance(X, Y)
    assert distance > np.linalg.norm((X - Y).mean(axis=0))
    with pytest.raises(kantor.UnsupportedError):
        ot.gaussian.bures_wasserstein_barycenter(X[:2], np.stack([np.eye(3)] * 2), method="other")
