"""Gromov-Wasserstein problems under POT's names."""

from __future__ import annotations

import numpy as np
import pytest
from support import entropic_plan, highs, weights

import kantor
from kantor import ot
from kantor.ot import gromov
from kantor.ot.gromov import (
    fused_gromov_wasserstein, fused_gromov_wasserstein2, gromov_wasserstein, gromov_wasserstein2,
)


def distances(points):
    return np.linalg.norm(points[:, None] - points[None], axis=2)


def loss(x, y, loss_fun="square_loss"):
    if loss_fun == "square_loss":
        return (x - y) ** 2
    return x * np.log((x + 1e-18) / (y + 1e-18)) - x + y


def objective(C1, C2, plan, loss_fun="square_loss"):
    """The sum over four indices, as it is defined."""
    four = loss(C1[:, None, :, None], C2[None, :, None, :], loss_fun)
    return np.einsum("ijkl,ij,kl->", four, plan, plan)


def gradient(C1, C2, plan, loss_fun="square_loss"):
    four = loss(C1[:, None, :, None], C2[None, :, None, :], loss_fun)
    return np.einsum("ijkl,kl->ij", four, plan) + np.einsum("ijkl,ij->kl", four, plan)


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((9, 2)), rng.standard_normal((7, 3))
    return distances(x), distances(y), weights(rng, 9), weights(rng, 7)


@pytest.mark.smoke
@pytest.mark.parametrize("loss_fun", ["square_loss", "kl_loss"])
def test_plans_are_stationary(clouds, loss_fun):
    C1, C2, p, q = clouds
    plan, log = gromov_wasserstein(C1, C2, p, q, loss_fun, log=True)
    assert plan.sum(1) == pytest.approx(p) and plan.sum(0) == pytest.approx(q)
    assert log["gw_dist"] == pytest.approx(objective(C1, C2, plan, loss_fun))
    G = gradient(C1, C2, plan, loss_fun)
    assert (G * plan).sum() == pytest.approx(highs(G, p, q), rel=1e-6)
    assert p @ log["u"] + q @ log["v"] == pytest.approx((G * plan).sum(), rel=1e-6)
    assert (np.diff(log["loss"]) <= 1e-12).all() and log["loss"][-1] == log["gw_dist"]
    assert log["warning"] is None and log["result_code"] == 1
    value, told = gromov_wasserstein2(C1, C2, p, q, loss_fun, log=True)
    assert value == log["gw_dist"] and (told["T"] == plan).all()
    assert gromov_wasserstein2(C1, C2, p, q, loss_fun) == value


def test_isometric_spaces():
    rng = np.random.default_rng(1)
    x = rng.random((15, 2)) * [3, 1]
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    order = rng.permutation(15)
    y = (x @ turn + 7)[order]
    G0 = np.full((15, 15), 1 / 225)
    G0[order[:3], :] = 0.0
    G0[order[:3], range(3)] = 1 / 15
    G0[np.ix_(order[3:], range(3))] = 0.0
    G0[np.ix_(order[3:], range(3, 15))] = 1 / 180
    plan, log = gromov_wasserstein(distances(x), distances(y), log=True, G0=G0)
    assert (plan.argmax(axis=0) == order).all()
    assert log["gw_dist"] == pytest.approx(0, abs=1e-12)


def test_permuted_graphs():
    """A path with a branch, with its nodes in another order."""
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (2, 6), (6, 7), (7, 8), (8, 9)]
    A = np.full((10, 10), 99.0)
    np.fill_diagonal(A, 0)
    for i, j in edges:
        A[i, j] = A[j, i] = 1
    for k in range(10):
        A = np.minimum(A, A[:, k:k + 1] + A[k])
    order = np.random.default_rng(3).permutation(10)
    B = A[np.ix_(order, order)]
    features = (A.max(1)[:, None] - B.max(1)) ** 2
    plan = fused_gromov_wasserstein(features, A, B, alpha=0.5)
    assert objective(A, B, plan) == pytest.approx(0, abs=1e-12)


def test_closed_forms():
    """Two points each: half of the pairs have the distances, the others are equal."""
    for x, y in [(3.0, 1.0), (0.5, 2.5)]:
        C = np.array([[0, 1], [1, 0]])
        assert gromov_wasserstein2(x * C, y * C) == pytest.approx((x - y) ** 2 / 2)
    # A space of one point: no choice.
    C = distances(np.random.default_rng(0).random((6, 2)))
    assert gromov_wasserstein2(C, [[0.0]]) == pytest.approx((C**2).mean())
    assert gromov_wasserstein2([[2.0]], C) == pytest.approx(((C - 2) ** 2).mean())


def test_fused(clouds):
    C1, C2, p, q = clouds
    M = np.random.default_rng(8).random((9, 7))
    value, log = fused_gromov_wasserstein2(M, C1, C2, p, q, alpha=0.3, log=True)
    plan = log["T"]
    assert log["lin_loss"] == pytest.approx(0.7 * (plan * M).sum())
    assert log["quad_loss"] == pytest.approx(0.3 * objective(C1, C2, plan))
    assert value == log["fgw_dist"] == pytest.approx(log["lin_loss"] + log["quad_loss"])
    assert (fused_gromov_wasserstein(M, C1, C2, p, q, alpha=0.3) == plan).all()
    exact = ot.emd2(p, q, M)
    assert fused_gromov_wasserstein2(M, C1, C2, p, q, alpha=0) == pytest.approx(exact)
    alone = gromov_wasserstein2(C1, C2, p, q)
    assert fused_gromov_wasserstein2(M, C1, C2, p, q, alpha=1) == pytest.approx(alone)


def test_structures_need_not_be_symmetric():
    rng = np.random.default_rng(2)
    C1, C2 = rng.random((6, 6)), rng.random((5, 5))
    plan, log = gromov_wasserstein(C1, C2, log=True)
    assert log["gw_dist"] == pytest.approx(objective(C1, C2, plan))
    G = gradient(C1, C2, plan)
    best = highs(G, np.full(6, 1 / 6), np.full(5, 1 / 5))
    assert (G * plan).sum() - best <= 1e-6
    assert gromov_wasserstein2(C1, C2, symmetric=False) == log["gw_dist"]
    with pytest.raises(kantor.InvalidValueError, match="C1 is not symmetric"):
        gromov_wasserstein(C1, C2, symmetric=True)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_precision_is_kept(clouds, kind):
    C1, C2, p, q = (array.astype(kind) for array in clouds)
    plan, log = gromov_wasserstein(C1, C2, p, q, log=True)
    assert plan.dtype == log["u"].dtype == log["gw_dist"].dtype == kind
    M = np.ones((9, 7), kind)
    assert fused_gromov_wasserstein(M, C1, C2).dtype == kind
    assert fused_gromov_wasserstein2(M, C1, C2).dtype == kind


@pytest.mark.parametrize("wrong, kind", [
    (dict(loss_fun="cubic"), kantor.UnsupportedError),
    (dict(unknown=1), kantor.UnsupportedError),
    (dict(G0="fluid"), kantor.UnsupportedError),
    (dict(max_iter=0), kantor.InvalidValueError),
    (dict(tol_rel=-1.0), kantor.InvalidValueError),
    (dict(p=[1.0]), kantor.InvalidShapeError),
    (dict(q=np.full(7, 1.0)), kantor.InvalidValueError),
    (dict(G0=np.ones((9, 7))), kantor.InvalidValueError),
])
def test_wrong_arguments(clouds, wrong, kind):
    C1, C2, p, q = clouds
    with pytest.raises(kind):
        gromov_wasserstein(C1, C2, **{"p": p, "q": q, **wrong})


def test_wrong_structures(clouds):
    C1, C2, p, q = clouds
    with pytest.raises(kantor.InvalidShapeError, match="square"):
        gromov_wasserstein(C1[:, :5], C2)
    C1 = C1.copy()
    C1[2, 3] = np.nan
    with pytest.raises(kantor.InvalidValueError, match="nan"):
        gromov_wasserstein(C1, C2)
    with pytest.raises(kantor.InvalidValueError, match="loss kl"):
        gromov_wasserstein(-np.ones((3, 3)), C2, loss_fun="kl_loss")
    with pytest.raises(kantor.InvalidShapeError, match="M has the shape"):
        fused_gromov_wasserstein(np.ones((3, 3)), C2, C2)
    with pytest.raises(kantor.InvalidValueError, match="alpha"):
        fused_gromov_wasserstein(np.ones((7, 7)), C2, C2, alpha=1.5)


def test_iteration_limit(clouds):
    C1, C2, p, q = clouds
    _, log = gromov_wasserstein(C1, C2, p, q, log=True, max_iter=1)
    assert log["result_code"] == 3 and "iteration_limit" in log["warning"]


def test_solve_gromov(clouds):
    C1, C2, p, q = clouds
    M = np.random.default_rng(8).random((9, 7))
    plain = ot.solve_gromov(C1, C2, a=p, b=q)
    assert plain.value == plain.value_quad == gromov_wasserstein2(C1, C2, p, q)
    assert plain.value_linear is None and plain.status == "Converged"
    assert plain.marginal_a == pytest.approx(p) and plain.marginal_b == pytest.approx(q)
    fused = ot.solve_gromov(C1, C2, M, p, q, alpha=0.4)
    assert fused.value == pytest.approx(fused.value_linear + fused.value_quad)
    linear = ot.solve_gromov(C1, C2, M, p, q, alpha=0)
    assert linear.value == pytest.approx(ot.emd2(p, q, M)) and linear.value_quad == 0
    kl = ot.solve_gromov(C1, C2, loss="KL")
    assert kl.value == gromov_wasserstein2(C1, C2, loss_fun="kl_loss")
    with pytest.raises(kantor.UnsupportedError, match="loss"):
        ot.solve_gromov(C1, C2, loss="L1")
    with pytest.raises(kantor.UnsupportedError):
        ot.solve_gromov(C1, C2, unbalanced=0.5, unbalanced_type="TV")
    entropic = ot.solve_gromov(C1, C2, M, p, q, alpha=0.4, reg=0.5)
    entropy = (entropic.plan * np.log(entropic.plan)).sum()
    terms = entropic.value_linear + entropic.value_quad
    assert entropic.value == pytest.approx(terms + 0.5 * entropy)
    near = ot.solve_gromov(C1, C2, a=p, b=q, reg=0.5, method="PPA")
    assert near.value_quad == gromov.entropic_gromov_wasserstein2(
        C1, C2, p, q, epsilon=0.5, solver="PPA")
    free = ot.solve_gromov(C1, C2, a=p, unbalanced="semirelaxed")
    assert free.marginal_a == pytest.approx(p) and free.value <= plain.value
    assert free.value == ot.solve_gromov(C1, C2, a=p, unbalanced_type="semirelaxed").value
    ot.solve_gromov(C1, C2, M, p, alpha=0.4, unbalanced="semirelaxed", reg=0.1)
    with pytest.raises(kantor.UnsupportedError, match="method"):
        ot.solve_gromov(C1, C2, method="PGD")


@pytest.mark.parametrize("solver", ["PGD", "PPA"])
@pytest.mark.parametrize("loss_fun", ["square_loss", "kl_loss"])
def test_entropic(clouds, solver, loss_fun):
    C1, C2, p, q = clouds
    plan, log = gromov.entropic_gromov_wasserstein(
        C1, C2, p, q, loss_fun, epsilon=0.5, solver=solver, log=True)
    assert plan.sum(1) == pytest.approx(p) and plan.sum(0) == pytest.approx(q)
    assert log["gw_dist"] == pytest.approx(objective(C1, C2, plan, loss_fun))
    assert log["warning"] is None
    G = gradient(C1, C2, plan, loss_fun)
    if solver == "PPA":
        assert (G * plan).sum() == pytest.approx(highs(G, p, q), rel=1e-6)
    else:
        assert plan == pytest.approx(entropic_plan(G, p, q, 0.5), abs=1e-5)
    value, told = gromov.entropic_gromov_wasserstein2(
        C1, C2, p, q, loss_fun, epsilon=0.5, solver=solver, log=True)
    assert value == log["gw_dist"] and (told["T"] == plan).all()


def test_entropic_fused(clouds):
    C1, C2, p, q = clouds
    M = np.random.default_rng(8).random((9, 7))
    value, log = gromov.entropic_fused_gromov_wasserstein2(
        M, C1, C2, p, q, epsilon=0.2, alpha=0.3, log=True)
    plan = log["T"]
    assert log["lin_loss"] == pytest.approx(0.7 * (plan * M).sum())
    assert value == pytest.approx(log["lin_loss"] + log["quad_loss"])
    G = 0.7 * M + 0.3 * gradient(C1, C2, plan)
    assert plan == pytest.approx(entropic_plan(G, p, q, 0.2), abs=1e-5)
    assert gromov.entropic_fused_gromov_wasserstein(
        M, C1, C2, p, q, epsilon=0.2, alpha=0.3) == pytest.approx(plan)


def test_entropic_wrong_arguments(clouds):
    C1, C2, p, q = clouds
    with pytest.raises(kantor.UnsupportedError, match="BAPG"):
        gromov.entropic_gromov_wasserstein(C1, C2, p, q, solver="BAPG")
    with pytest.raises(kantor.InvalidValueError, match="epsilon is -1"):
        gromov.entropic_gromov_wasserstein(C1, C2, p, q, epsilon=-1)
    with pytest.raises(kantor.UnsupportedError, match="unknown"):
        gromov.entropic_gromov_wasserstein(C1, C2, p, q, unknown=1)


@pytest.mark.parametrize("mirror", [False, True])
def test_semirelaxed(clouds, mirror):
    C1, C2, p, _ = clouds
    prefix = "entropic_semirelaxed" if mirror else "semirelaxed"
    plain = getattr(gromov, prefix + "_gromov_wasserstein")
    plan, log = plain(C1, C2, p, log=True)
    assert plan.sum(1) == pytest.approx(p)
    assert log["srgw_dist"] == pytest.approx(objective(C1, C2, plan))
    G = gradient(C1, C2, plan)
    assert (G * plan).sum() == pytest.approx(p @ G.min(1), rel=1e-5)
    assert getattr(gromov, prefix + "_gromov_wasserstein2")(C1, C2, p) == log["srgw_dist"]
    M = np.random.default_rng(8).random((9, 7))
    fused = getattr(gromov, prefix + "_fused_gromov_wasserstein")
    plan = fused(M, C1, C2, p, alpha=0.3)
    value, log = getattr(gromov, prefix + "_fused_gromov_wasserstein2")(
        M, C1, C2, p, alpha=0.3, log=True)
    assert (log["T"] == plan).all() and log["lin_loss"] == pytest.approx(0.7 * (plan * M).sum())
    assert value == pytest.approx(log["lin_loss"] + log["quad_loss"])
    with pytest.raises(kantor.UnsupportedError, match="fluid"):
        plain(C1, C2, p, G0="fluid")


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_variants_keep_the_precision(clouds, kind):
    C1, C2, p, q = (array.astype(kind) for array in clouds)
    M = np.ones((9, 7), kind)
    assert gromov.entropic_gromov_wasserstein(C1, C2, p, q).dtype == kind
    assert gromov.entropic_fused_gromov_wasserstein2(M, C1, C2).dtype == kind
    assert gromov.semirelaxed_gromov_wasserstein(C1, C2, p).dtype == kind
    assert gromov.entropic_semirelaxed_fused_gromov_wasserstein(M, C1, C2).dtype == kind
