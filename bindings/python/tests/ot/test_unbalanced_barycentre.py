"""Barycentres of histograms of different masses."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
import kantor.ot as ot

PLACES = np.linspace(0, 1, 30)[:, None]
M = ot.dist(PLACES, PLACES)
A = np.stack([np.exp(-((PLACES[:, 0] - c) ** 2) / 0.01) * m
              for c, m in ((0.25, 1.0), (0.75, 3.0))], 1)


def objective(q, plans, shares, reg, reg_m, A):
    def divergence(x, y):
        both = (x > 0) & (y > 0)
        return x[both] @ np.log(x[both] / y[both]) - x.sum() + y.sum()

    return sum(
        w * (reg * divergence(P.ravel(), np.exp(-M / reg).ravel())
             + reg_m * (divergence(P.sum(1), a) + divergence(P.sum(0), q)))
        for w, P, a in zip(shares, plans, A.T))


@pytest.mark.parametrize("reg", [0.02, 0.2])
@pytest.mark.parametrize("reg_m", [0.1, 1.0])
@pytest.mark.parametrize("weights", [None, [3.0, 1.0]])
def test_the_gap_certifies_the_objective(reg, reg_m, weights):
    q, log = ot.barycenter_unbalanced(
        A, M, reg, reg_m, weights=weights, stopThr=1e-11, numItermax=5000, log=True)
    shares = np.full(2, 0.5) if weights is None else np.array([0.75, 0.25])
    plans = [np.exp(u[:, None] + v - M / reg) for u, v in zip(log["logu"].T, log["logv"].T)]
    loss = objective(q, plans, shares, reg, reg_m, A)
    assert log["loss"] == pytest.approx(loss) and log["gap"] <= 1e-8 * abs(loss)
    # Any other plans and barycentre cost more.
    for factor in (0.9, 1.1):
        assert objective(factor * q, plans, shares, reg, reg_m, A) > loss - log["gap"]
        assert objective(q, [factor * P for P in plans], shares, reg, reg_m, A) > loss - log["gap"]
    early = ot.barycenter_unbalanced(A, M, reg, reg_m, weights=weights, numItermax=3, log=True)[1]
    assert early["gap"] >= early["loss"] - loss - 1e-9  # a bound before the end, too
    assert len(early["err"]) == early["niter"] == 3


def test_one_histogram_and_the_limit_of_equal_masses():
    even = A / A.sum(0)
    many = ot.barycenter_unbalanced(even, M, 0.1, 100.0, numItermax=3000, stopThr=1e-9)
    np.testing.assert_allclose(
        many / many.sum(), ot.barycenter(even, M, 0.1, stopThr=1e-10), atol=2e-3)
    tiny = ot.barycenter_unbalanced(A, M, 1e-4, 0.1, log=True)
    assert np.isfinite(tiny[0]).all() and np.isfinite(tiny[1]["gap"])


def test_empty_places_names_and_precision():
    holes = A.copy()
    holes[:10] = 0
    q, log = ot.barycenter_unbalanced(holes, M, 0.05, 1.0, stopThr=1e-11, numItermax=5000, log=True)
    assert np.isfinite(q).all() and log["gap"] < 1e-7
    for name in (ot.unbalanced.barycenter_unbalanced_sinkhorn,
                 ot.unbalanced.barycenter_unbalanced_stabilized):
        np.testing.assert_array_equal(
            name(A, M, 0.1, 1.0), ot.barycenter_unbalanced(A, M, 0.1, 1.0))
    single = ot.barycenter_unbalanced(A.astype("f"), M.astype("f"), 0.1, 1.0)
    assert single.dtype == np.float32


def test_the_course_is_printed(capsys):
    ot.barycenter_unbalanced(A, M, 0.1, 1.0, numItermax=2, verbose=True)
    assert "round 2" in capsys.readouterr().out


@pytest.mark.parametrize(("call", "words"), [
    (lambda: ot.barycenter_unbalanced(A, M[:, 1:], 0.1, 1.0), "M has the shape"),
    (lambda: ot.barycenter_unbalanced(-A, M, 0.1, 1.0), "no masses"),
    (lambda: ot.barycenter_unbalanced(A, M, 0, 1.0), "reg is 0"),
    (lambda: ot.barycenter_unbalanced(A, M, 0.1, 0), "reg_m is 0"),
    (lambda: ot.barycenter_unbalanced(A, M, 0.1, 1.0, method="x"), "method 'x'"),
    (lambda: ot.barycenter_unbalanced(A, M, 0.1, 1.0, weights=[1.0]), "weights are not 2"),
    (lambda: ot.barycenter_unbalanced(A, M, 0.1, 1.0, x=1), "x"),
    (lambda: ot.sinkhorn([], [], [[np.inf, 1.0], [np.inf, 2.0]], 1.0), "no plan avoids them"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(kantor.KantorError, match=words):
        call()
