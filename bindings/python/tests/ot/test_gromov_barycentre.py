"""Barycentres of structures: known means, stationarity, and what POT tells."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor.ot import dist, gromov

RNG = np.random.default_rng(8)
POINTS = RNG.normal(size=(6, 2)) * [3.0, 1.0]
C = dist(POINTS, POINTS, metric="euclidean")
ORDER = RNG.permutation(6)


def test_copies_have_themselves_as_mean():
    copies = [C, C[np.ix_(ORDER, ORDER)]]
    mean, told = gromov.gromov_barycenters(6, copies, init_C=C + 0.01 * (C > 0), log=True)
    np.testing.assert_allclose(np.sort(mean, axis=None), np.sort(C, axis=None), atol=1e-9)
    assert told["loss"][-1] < 1e-9 and told["err"][-1] <= 1e-9
    assert all(result.status == "solved" for result in told["res"])
    assert gromov.gromov_wasserstein2(mean, copies[1], G0=told["T"][1]) < 1e-9


@pytest.mark.parametrize("loss_fun", ["square_loss", "kl_loss"])
@pytest.mark.parametrize("stop", ["barycenter", "loss"])
def test_the_mean_is_best_for_its_plans(loss_fun, stop):
    structures = [C + 0.1, dist(RNG.normal(size=(8, 2)), metric="euclidean") + 0.1]
    mean, told = gromov.gromov_barycenters(
        4, structures, lambdas=[0.25, 0.75], loss_fun=loss_fun, stop_criterion=stop, log=True,
        warmstartT=True, random_state=1, tol=1e-8)
    assert mean.shape == (4, 4) and np.allclose(mean, mean.T)
    # With the plan of the round before as start the objective never rises.
    assert (np.diff(told["loss"]) <= 1e-9 * np.abs(told["loss"][:-1])).all()
    assert told["err"][-1] <= 1e-8
    for T, other in zip(told["T"], structures):
        np.testing.assert_allclose(T.sum(1), 0.25, atol=1e-12)
        np.testing.assert_allclose(T.sum(0), 1 / len(other), atol=1e-12)

    def loss(candidate):
        total = 0.0
        for share, T, other in zip([0.25, 0.75], told["T"], structures):
            x, y = candidate[:, None, :, None], other[None, :, None, :]
            cell = (x - y) ** 2 if loss_fun == "square_loss" else x * np.log(x / y) - x + y
            total += share * np.einsum("ikjl,ik,jl->", cell, T, T)
        return total

    best = loss(mean)
    for _ in range(5):
        bend = RNG.normal(size=(4, 4))
        assert loss(np.abs(mean + 1e-3 * (bend + bend.T))) >= best


def test_fused_means_of_copies():
    features = POINTS[:, :1] * 2
    copies = [C, C[np.ix_(ORDER, ORDER)]]
    X, mean, told = gromov.fgw_barycenters(
        6, [features, features[ORDER]], copies, alpha=0.5, init_C=C, init_X=features + 0.01,
        log=True)
    np.testing.assert_allclose(X, features, atol=1e-9)
    np.testing.assert_allclose(mean, C, atol=1e-9)
    assert {"err_feature", "err_structure", "Ts_iter", "Ms", "p", "T"} <= set(told)
    np.testing.assert_allclose(told["Ms"][0], dist(X, features), atol=1e-9)


def test_kept_parts_stay():
    features = [RNG.normal(size=(6, 2)), RNG.normal(size=(5, 2))]
    structures = [C, dist(RNG.normal(size=(5, 2)))]
    start = dist(RNG.normal(size=(3, 2)))
    X, mean = gromov.fgw_barycenters(
        3, features, structures, fixed_structure=True, init_C=start, max_iter=20)
    np.testing.assert_array_equal(mean, start)
    assert np.abs(X).max() > 0
    kept = RNG.normal(size=(3, 2))
    X, mean, told = gromov.fgw_barycenters(
        3, features, structures, fixed_features=True, init_X=kept, random_state=2, log=True,
        stop_criterion="loss", warmstartT=True)
    np.testing.assert_array_equal(X, kept)
    assert told["err_rel_loss"][-1] <= 1e-9 and "err_feature" not in told


def test_entropic_means():
    mean, told = gromov.entropic_gromov_barycenters(
        6, [C, C[np.ix_(ORDER, ORDER)]], epsilon=0.05, init_C=C, log=True, max_iter=200, tol=1e-7)
    assert told["err"][-1] <= 1e-7
    assert abs(mean - C).max() < 0.3
    np.testing.assert_allclose(mean, gromov.update_barycenter_structure(
        told["T"], [C, C[np.ix_(ORDER, ORDER)]], [0.5, 0.5], told["p"], target=False))
    Y, structure = gromov.entropic_fused_gromov_barycenters(
        6, [POINTS, POINTS[ORDER]], [C, C[np.ix_(ORDER, ORDER)]], epsilon=0.02, init_C=C,
        init_Y=POINTS, max_iter=50, tol=1e-5)
    assert abs(Y - POINTS).max() < 0.1 and abs(structure - C).max() < 0.3


def test_proximal_steps_give_plans_without_entropy():
    copies = [C, C[np.ix_(ORDER, ORDER)]]
    mean, told = gromov.entropic_gromov_barycenters(
        6, copies, epsilon=0.5, init_C=C, solver="PPA", log=True, max_iter=300, tol=1e-6)
    assert told["loss"][-1] < 1e-6
    np.testing.assert_allclose(mean, C, atol=1e-3)
    with pytest.raises(kantor.UnsupportedError, match="solver 'x'"):
        gromov.entropic_gromov_barycenters(6, copies, solver="x")
    with pytest.raises(kantor.UnsupportedError, match="solver"):
        gromov.gromov_barycenters(6, copies, solver="PPA")


def test_updates_of_either_side():
    T = [np.array([[0.25, 0.25, 0.0], [0.0, 0.0, 0.5]])]
    mean = gromov.update_barycenter_structure(T, [np.array([[0.0, 4.0], [4.0, 0.0]])], [1.0])
    np.testing.assert_allclose(mean, [[0, 0, 4], [0, 0, 4], [4, 4, 0]])
    np.testing.assert_allclose(
        gromov.update_barycenter_feature(T, [[[1.0], [3.0]]], [1.0]), [[1], [1], [3]])
    empty = [np.array([[0.5, 0.0], [0.5, 0.0]])]
    np.testing.assert_array_equal(
        gromov.update_barycenter_structure(empty, [np.eye(2)], [1.0])[1], 0)


def test_precision_and_random_starts():
    single = C.astype(np.float32)
    one, two = (
        gromov.gromov_barycenters(3, [single], random_state=3, max_iter=5) for _ in range(2))
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("change", "words"), [
    ({"stop_criterion": "x"}, "stop_criterion is 'x'"),
    ({"lambdas": [1.0, 1.0]}, "1 masses are needed"),
    ({"lambdas": [-1.0]}, "1 masses are needed"),
    ({"p": [0.5, 0.5, 0.0]}, "not positive"),
    ({"init_C": C}, r"init_C has the shape \(6, 6\)"),
    ({"Cs": [C[:3]]}, r"Cs\[0\] has the shape \(3, 6\)"),
    ({"Cs": []}, "at least one"),
    ({"ps": []}, "as many are needed"),
    ({"loss_fun": "l1"}, "loss_fun 'l1'"),
    ({"N": 0}, "N is 0"),
    ({"tol": -1}, "tol is -1"),
    ({"step": 1}, "step"),
])
def test_bad_input_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        gromov.gromov_barycenters(**{"N": 3, "Cs": [C], "max_iter": 3, **change})


def test_bad_features_are_named():
    with pytest.raises(kantor.KantorError, match="init_X is missing"):
        gromov.fgw_barycenters(3, [POINTS], [C], fixed_features=True)
    with pytest.raises(kantor.InvalidShapeError, match="as many points"):
        gromov.fgw_barycenters(3, [POINTS[1:]], [C])
    with pytest.raises(kantor.InvalidShapeError, match=r"init_X has the shape \(2, 2\)"):
        gromov.fgw_barycenters(3, [POINTS], [C], init_X=np.zeros((2, 2)))
    with pytest.raises(kantor.InvalidValueError, match="alpha is 2"):
        gromov.fgw_barycenters(3, [POINTS], [C], alpha=2)
