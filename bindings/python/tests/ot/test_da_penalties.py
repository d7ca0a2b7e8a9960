"""Domain adaptation with penalties on classes and neighbours, and maps fitted with plans."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
import kantor.ot as ot
from kantor.ot import da, mapping

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(18, 2)), RNG.normal(size=(21, 2)) + 1.0
LABELS = np.arange(18) % 3
MASKS = (LABELS[:, None] == np.arange(3)).astype(float)
A, B, M = ot.unif(18), ot.unif(21), ot.dist(X, Y)


def entropy(P):
    return np.vdot(P, np.log(P))


def test_the_power_of_class_shares_gathers_classes():
    plain = ot.sinkhorn(A, B, M, 0.5, numItermax=5000)
    plan, log = da.sinkhorn_lpl1_mm(A, LABELS, B, M, 0.5, 5.0, numInnerItermax=5000, log=True)
    np.testing.assert_allclose(plan.sum(1), A, atol=1e-8)
    shares = MASKS.T @ plan
    whole = np.vdot(plan, M) + 0.5 * entropy(plan) + 5 * np.sqrt(shares + 1e-3).sum()
    assert log["loss"][-1] == pytest.approx(whole)
    assert (np.diff(log["loss"][1:]) <= 1e-8).all() and "niter" in log
    assert shares.max(0).sum() > (MASKS.T @ plain).max(0).sum() + 0.1
    np.testing.assert_allclose(  # of no class at all: plain entropic transport
        da.sinkhorn_lpl1_mm(A, -np.ones(18), B, M, 0.5, numInnerItermax=5000), plain, atol=1e-9)


def test_the_group_lasso_is_certified():
    plan, log = da.sinkhorn_l1l2_gl(
        A, LABELS, B, M, 0.5, 2.0, numItermax=40, numInnerItermax=5000, log=True)
    whole = np.vdot(plan, M) + 0.5 * entropy(plan) + 2 * np.sqrt(MASKS.T @ plan**2).sum()
    assert log["loss"][-1] == pytest.approx(whole) and log["gap"] < 1e-4
    plain = ot.sinkhorn(A, B, M, 0.5, numItermax=5000)
    assert whole < np.vdot(plain, M) + 0.5 * entropy(plain) + 2 * np.sqrt(
        MASKS.T @ plain**2).sum()


@pytest.mark.parametrize("reg", ["pos", "disp"])
@pytest.mark.parametrize("sim", ["knn", "gauss"])
def test_neighbours_stay_close(reg, sim):
    def spread(P):  # of carried neighbours, or of their displacements
        moved = 18 * P @ Y - (X if reg == "disp" else 0)
        if sim == "knn":
            near = ot.dist(X, X)
            np.fill_diagonal(near, np.inf)
            pairs = np.argsort(near, axis=1)[:, :3]
            return ((moved[:, None] - moved[pairs]) ** 2).sum()
        return ((moved[:, None] - moved[None]) ** 2).sum()

    plain = ot.emd(A, B, M)
    plan, log = da.emd_laplace(A, B, X, Y, M, sim=sim, reg=reg, eta=50.0, alpha=1.0, log=True,
                               sim_param=None if sim == "knn" else 100.0)
    np.testing.assert_allclose(plan.sum(1), A, atol=1e-12)
    np.testing.assert_allclose(plan.sum(0), B, atol=1e-12)
    assert spread(plan) < spread(plain)
    assert (np.diff(log["loss"]) <= 1e-9).all() and 0 <= log["gap"] < 0.1 * abs(log["loss"][0])
    np.testing.assert_allclose(
        da.emd_laplace(A, B, X, Y, M, sim=sim, reg=reg, eta=0.0), plain, atol=1e-12)


@pytest.mark.parametrize("bias", [False, True])
def test_the_linear_map_follows_the_plan(bias):
    plan, L, log = mapping.joint_OT_mapping_linear(X, Y, bias=bias, log=True)
    assert L.shape == (2 + bias, 2)
    goals = 18 * plan @ Y
    F = np.hstack([X, np.ones((18, 1))]) if bias else X
    held = np.diag([1.0, 1.0, 0.0]) if bias else np.eye(2)
    np.testing.assert_allclose(  # stationary in the map
        F.T @ (F @ L - goals) + 0.001 * held @ (L - np.eye(2 + bias, 2)), 0, atol=1e-9)
    gap = held @ (L - np.eye(2 + bias, 2))
    value = ((F @ L - goals) ** 2).sum() + 18 * np.vdot(plan, M) + 0.001 * (gap**2).sum()
    assert log["loss"][-1] == pytest.approx(value) and log["gap"] < 1e-2 * value
    np.testing.assert_allclose(plan.sum(0), B, atol=1e-12)


@pytest.mark.parametrize("bias", [False, True])
def test_the_kernel_map_follows_the_plan(bias):
    plan, L, log = mapping.joint_OT_mapping_kernel(X, Y, bias=bias, sigma=2.0, log=True)
    assert L.shape == (18 + bias, 2)
    K = ot.utils.kernel(X, X, sigma=2.0)
    F, R = K, K
    if bias:
        F, R = np.hstack([K, np.ones((18, 1))]), np.eye(19)
        R[:18, :18] = K
    value = (((F @ L - 18 * plan @ Y) ** 2).sum() + 18 * np.vdot(plan, M)
             + 0.001 * np.vdot(L, R @ L))
    assert log["loss"][-1] == pytest.approx(value, rel=1e-6) and log["gap"] < 1e-2 * value


def test_a_known_map_is_found():
    linear = np.array([[1.0, 0.1], [0.0, 1.2]])
    fitted = da.MappingTransport(bias=True, eta=1e-9).fit(Xs=X, Xt=X @ linear + [3.0, 1.0])
    np.testing.assert_allclose(fitted.mapping_, np.vstack([linear, [3.0, 1.0]]), atol=1e-6)
    np.testing.assert_allclose(fitted.transform(X[:3]), X[:3] @ linear + [3.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(fitted.transform(X), X @ linear + [3.0, 1.0], atol=1e-6)


@pytest.mark.parametrize("make", [
    da.SinkhornLpl1Transport, da.SinkhornL1l2Transport, da.EMDLaplaceTransport])
def test_classes_are_their_functions(make):
    fitted = make(log=True).fit(Xs=X, ys=LABELS, Xt=Y)
    functions = {
        da.SinkhornLpl1Transport: lambda: da.sinkhorn_lpl1_mm(
            A, LABELS, B, M, 1.0, stopInnerThr=1e-8),
        da.SinkhornL1l2Transport: lambda: da.sinkhorn_l1l2_gl(
            A, LABELS, B, M, 1.0, stopInnerThr=1e-8),
        da.EMDLaplaceTransport: lambda: da.emd_laplace(A, B, X, Y, M, alpha=1.0),
    }
    np.testing.assert_array_equal(fitted.coupling_, functions[make]())
    assert fitted.transform(X).shape == (18, 2) and "loss" in fitted.log_
    small = make().fit(Xs=X.astype("f"), ys=LABELS, Xt=Y.astype("f"))
    assert small.coupling_.dtype == small.transform(X.astype("f")).dtype == np.float32
    assert small.get_params().keys() == make().get_params().keys()


@pytest.mark.parametrize("kernel", ["linear", "gaussian"])
def test_maps_in_single_precision(kernel):
    fitted = da.MappingTransport(kernel=kernel, bias=True).fit(Xs=X.astype("f"), Xt=Y.astype("f"))
    assert fitted.mapping_.dtype == fitted.transform(X[:2].astype("f")).dtype == np.float32


@pytest.mark.parametrize(("call", "words"), [
    (lambda: da.SinkhornLpl1Transport().fit(Xs=X, Xt=Y), "ys is missing"),
    (lambda: da.sinkhorn_lpl1_mm(A, LABELS[1:], B, M, 1.0), "labels_a has the shape"),
    (lambda: da.sinkhorn_lpl1_mm(A, LABELS, B, M, 1.0, -1.0), "eta is -1"),
    (lambda: da.emd_laplace(A, B, X[1:], Y, M), "xs and xt have 17 and 21 points"),
    (lambda: da.emd_laplace(A, B, X, Y, M, sim="x"), "sim 'x'"),
    (lambda: da.emd_laplace(A, B, X, Y, M, reg="x"), "reg 'x'"),
    (lambda: da.emd_laplace(A, B, X, Y, M, alpha=2), "alpha is 2"),
    (lambda: da.emd_laplace(A, B, X, Y, M, sim_param=18), "less than 18"),
    (lambda: mapping.joint_OT_mapping_linear(X, Y[:, :1]), "they must agree"),
    (lambda: mapping.joint_OT_mapping_linear(X, Y, mu=0), "mu is 0"),
    (lambda: da.MappingTransport(kernel="x").fit(Xs=X, Xt=Y), "kernel 'x'"),
    (lambda: da.MappingTransport().fit(Xs=X, Xt=Y).inverse_transform(Xt=Y), "samples swapped"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(kantor.KantorError, match=words):
        call()
