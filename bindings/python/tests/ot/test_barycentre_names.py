"""Exact barycentres on given points, and names of POT that lead to the same solvers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import kantor
from kantor import ot


def bumps(n, k, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.random((n, k)) ** 3
    x = rng.random((n, 2))
    return A / A.sum(axis=0), ot.dist(x)


def value(q, A, M, weights):
    return sum(w * ot.emd2(A[:, k], q, M) for k, w in enumerate(weights))


@pytest.mark.parametrize("n, k", [(6, 2), (12, 3), (20, 4)])
def test_linear_program_against_scipy(n, k):
    A, M = bumps(n, k)
    weights = np.arange(1.0, k + 1) / np.arange(1.0, k + 1).sum()
    q, log = ot.lp.barycenter(A, M, weights, log=True)
    rows, b = [], []
    for j in range(k):
        for i in range(n):
            P = np.zeros((k, n, n))
            P[j, i] = 1
            rows.append(np.append(P.ravel(), np.zeros(n)))
            b.append(A[i, j])
        for i in range(n):
            P = np.zeros((k, n, n))
            P[j, :, i] = 1
            rows.append(np.append(P.ravel(), -np.eye(n)[i]))
            b.append(0)
    c = np.append(np.concatenate([w * M.ravel() for w in weights]), np.zeros(n))
    known = optimize.linprog(c, A_eq=np.array(rows), b_eq=b).fun
    assert log["fun"] == pytest.approx(known, rel=1e-6)
    assert log["result"].status == "solved"
    assert q.sum() == pytest.approx(1)
    assert value(q, A, M, weights) == pytest.approx(known, rel=1e-5)


def test_entropy_leads_to_the_linear_program():
    A, M = bumps(15, 3, 1)
    exact = value(ot.lp.barycenter(A, M), A, M, np.ones(3) / 3)
    near = value(ot.barycenter(A, M, 1e-3, stopThr=1e-9), A, M, np.ones(3) / 3)
    far = value(ot.barycenter(A, M, 1e-1, stopThr=1e-9), A, M, np.ones(3) / 3)
    assert exact <= near * (1 + 1e-6) < far
    assert near == pytest.approx(exact, rel=1e-2)


def test_other_costs_masses_and_precision():
    A, M = bumps(10, 2, 2)
    q = ot.lp.barycenter(A, M[:, :7])
    assert q.shape == (7,)
    assert ot.lp.barycenter(5 * A, M).sum() == pytest.approx(5)
    assert ot.lp.barycenter(A.astype("f4"), M.astype("f4")).dtype == np.float32
    same = ot.lp.barycenter(A[:, :1], M + 0.1 * (1 - np.eye(10)))
    assert same == pytest.approx(A[:, 0], abs=1e-6)


@pytest.mark.parametrize("change, kind, text", [
    (lambda A, M: (A, M[:5]), kantor.InvalidShapeError, "M 5"),
    (lambda A, M: (-A, M), kantor.InvalidValueError, "no masses"),
    (lambda A, M: (A * [1, 2], M), kantor.InvalidValueError, "have to be equal"),
    (lambda A, M: (A, M, [1, -1]), kantor.InvalidValueError, "weights are"),
    (lambda A, M: (A, M * np.nan), kantor.InvalidValueError, "nan"),
])
def test_refusals(change, kind, text):
    with pytest.raises(kind, match=text):
        ot.lp.barycenter(*change(*bumps(8, 2)))


def test_stabilized_is_the_same_solver():
    A, M = bumps(12, 3, 4)
    one = ot.bregman.barycenter_stabilized(A, M, 0.05, 1e3, stopThr=1e-9)
    assert np.array_equal(one, ot.bregman.barycenter_sinkhorn(A, M, 0.05, stopThr=1e-9))


def laws(count, d, seed):
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((count, d, d))
    return rng.standard_normal((count, d)), roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(d)


def test_many_pairs_of_normal_laws():
    (ms, Cs), (mt, Ct) = laws(3, 2, 5), laws(4, 2, 6)
    single = ot.gaussian.bures_wasserstein_distance
    every = single(ms, mt, Cs, Ct)
    assert every.shape == (3, 4)
    assert every[1, 2] == pytest.approx(single(ms[1], mt[2], Cs[1], Ct[2]))
    paired, log = single(ms, mt[:3], Cs, Ct[:3], paired=True, log=True)
    assert paired == pytest.approx(np.diag(every[:, :3]))
    assert log["Cs12"] @ log["Cs12"] == pytest.approx(Cs)
    centred = ot.gaussian.bures_distance(Cs, Ct)
    assert centred**2 + ((ms[:, None] - mt) ** 2).sum(-1) == pytest.approx(every**2)
    assert ot.gaussian.bures_distance(Cs[0], Ct[0]) == pytest.approx(centred[0, 0])
    with pytest.raises(kantor.InvalidShapeError, match="have the shapes"):
        single(ms, mt, Cs, Ct[:2])


def test_barycentre_of_samples():
    rng = np.random.default_rng(7)
    X = [rng.standard_normal((n, 3)) * s + s for n, s in ((30, 1.0), (50, 2.0))]
    w = [rng.random((len(x), 1)) for x in X]
    mean, cov, log = ot.gaussian.empirical_bures_wasserstein_barycenter(
        X, weights=[0.3, 0.7], w=w, log=True)
    shares = [v[:, 0] / v.sum() for v in w]
    ms = np.stack([s @ x for s, x in zip(shares, X)])
    Cs = np.stack([np.cov(x.T, aweights=s, ddof=0) + 1e-6 * np.eye(3) for s, x in zip(shares, X)])
    other = ot.gaussian.bures_wasserstein_barycenter(ms, Cs, [0.3, 0.7])
    assert mean == pytest.approx(other[0])
    assert cov == pytest.approx(other[1], rel=1e-6)
    assert log["num_iter"] >= 1
    with pytest.raises(kantor.InvalidShapeError, match="2 samples, w 1"):
        ot.gaussian.empirical_bures_wasserstein_barycenter(X, w=w[:1])
