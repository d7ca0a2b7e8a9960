"""Barycentres of points and of mixtures by rounds of plans, and densities of plans."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
import kantor.ot as ot

RNG = np.random.default_rng(31)
CLOUDS = [RNG.normal(size=(9, 2)), RNG.normal(size=(11, 2)) + 2.0]
MASSES = [ot.unif(9), RNG.dirichlet(np.ones(11))]
MAPS = [RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))]
bary = ot.bregman.free_support_sinkhorn_barycenter


def covariances(n):
    roots = RNG.normal(size=(n, 2, 2))
    return roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(2)


M_S, M_T = RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2))
C_S, C_T = covariances(3), covariances(4)
W_S, W_T = RNG.dirichlet(np.ones(3)), RNG.dirichlet(np.ones(4))


def test_entropic_points_are_the_means_of_their_images():
    X, log = bary(CLOUDS, MASSES, CLOUDS[0][:4], 0.5, weights=[0.3, 0.7], stopThr=1e-16,
                  numItermax=2000, log=True)
    images = sum(
        w * 4 * ot.sinkhorn(ot.unif(4), b, ot.dist(X, Y), 0.5) @ Y
        for w, Y, b in zip((0.3, 0.7), CLOUDS, MASSES))
    np.testing.assert_allclose(X, images, atol=1e-6)
    moves = log["displacement_square_norms"]
    assert moves[-1] <= 1e-16 < moves[0]
    one = bary([CLOUDS[0]], [MASSES[0]], CLOUDS[1][:1], 1.0)
    np.testing.assert_allclose(one, CLOUDS[0].mean(0)[None])
    assert bary(CLOUDS, MASSES, CLOUDS[0][:2].astype("f"), 1.0).dtype == np.float32


def test_points_under_linear_maps():
    start = RNG.normal(size=(5, 3))
    Y = ot.lp.generalized_free_support_barycenter(CLOUDS, MASSES, MAPS, 5, Y_init=start, stopThr=0)

    pull = sum(  # with the plans as they are, no move of the points is worth it
        (Y @ P.T - 5 * ot.emd(ot.unif(5), b, ot.dist(Y @ P.T, X)) @ X) @ P
        for P, X, b in zip(MAPS, CLOUDS, MASSES))
    np.testing.assert_allclose(pull, 0, atol=1e-6)
    plain = ot.lp.generalized_free_support_barycenter(
        CLOUDS, MASSES, [np.eye(2)] * 2, 4, Y_init=CLOUDS[0][:4])
    np.testing.assert_allclose(
        plain, ot.lp.free_support_barycenter(CLOUDS, MASSES, CLOUDS[0][:4]), atol=1e-12)


@pytest.mark.parametrize("method", ["euclidean", "bures"])
def test_mixtures_in_the_middle(method):
    means, covs, log = ot.gmm.gmm_barycenter_fixed_point(
        [M_S, M_T], [C_S, C_T], [W_S, W_T], M_S, C_S, [0.4, 0.6], iterations=8, log=True,
        barycentric_proj_method=method)
    assert means.shape == (3, 2) and covs.shape == (3, 2, 2)
    assert len(log["means_its"]) == len(log["covs_its"]) == 9
    np.testing.assert_array_equal(log["means_its"][0], M_S)

    def value(m, C):
        return sum(w * ot.gmm.gmm_ot_loss(m, n, C, D, ot.unif(3), v) for w, n, D, v in (
            (0.4, M_S, C_S, W_S), (0.6, M_T, C_T, W_T)))

    assert value(means, covs) < value(M_S, C_S)
    same = ot.gmm.gmm_barycenter_fixed_point(
        [M_S], [C_S], [W_S], M_S, C_S, [1.0], W_S, 1, barycentric_proj_method=method)
    np.testing.assert_allclose(same[0], M_S, atol=1e-6)
    np.testing.assert_allclose(same[1], C_S, atol=1e-5)


def test_the_density_of_a_plan_is_on_the_graphs_of_its_maps():
    x = RNG.normal(size=(20, 2))
    y = ot.gmm.gmm_ot_apply_map(x, M_S, M_T, C_S, C_T, W_S, W_T, method="rand", seed=0)
    density = ot.gmm.gmm_ot_plan_density(x, y, M_S, M_T, C_S, C_T, W_S, W_T)
    assert density.shape == (20, 20) and (np.diag(density) > 0).all()
    assert (ot.gmm.gmm_ot_plan_density(x, y + 50, M_S, M_T, C_S, C_T, W_S, W_T) == 0).all()
    near = ot.gmm.gmm_ot_plan_density(x, y, M_S, M_T, C_S, C_T, W_S, W_T, atol=1e3)
    np.testing.assert_allclose(  # every target is near every image: the density of the sources
        near, np.repeat(ot.gmm.gmm_pdf(x, M_S, C_S, W_S)[:, None], 20, 1))


@pytest.mark.parametrize(("name", "classes"), [
    ("3gauss", [1, 2, 3]), ("3gauss2", [1, 2, 3]), ("gaussrot", [1, 2]), ("2gauss_prop", [0, 1])])
def test_classes_of_points(name, classes):
    X, y = ot.datasets.make_data_classif(name, 600, random_state=0)
    assert X.shape == (600, 2) and np.unique(y).tolist() == classes
    centres = np.array([X[y == c].mean(0) for c in classes])
    assert ot.dist(X, centres).argmin(1).tolist().count(0) > 60
    again, _ = ot.datasets.make_data_classif(name, 600, random_state=np.random.RandomState(0))
    np.testing.assert_array_equal(again, X)


def test_turned_and_moved_classes():
    X, y = ot.datasets.make_data_classif("gaussrot", 4000, nz=0.01, theta=np.pi / 2, random_state=1)
    np.testing.assert_allclose(X[y == 1].mean(0), [-1, -1], atol=0.02)
    X, y = ot.datasets.make_data_classif(
        "2gauss_prop", 4000, nz=0.1, p=0.25, bias=[3, 5], random_state=1)
    assert (y == 1).sum() == 1000
    np.testing.assert_allclose(X[y == 1].mean(0), [3, 4], atol=0.02)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: bary([], [], [[0.0]], 1.0), "there are 0 measures_locations"),
    (lambda: bary(CLOUDS, MASSES, [[0.0]], 1.0), "measure 0 has points of dimension 2"),
    (lambda: bary(CLOUDS, MASSES, [[0.0, 0.0]], 1.0, b=[0.0]), "b is not 1 positive"),
    (lambda: bary(CLOUDS, MASSES, [[0.0, 0.0]], 0.0), "reg is 0"),
    (lambda: bary(CLOUDS, MASSES, [[0.0, 0.0]], 1.0, weights=[1.0]), "weights are not 2"),
    (lambda: ot.lp.generalized_free_support_barycenter(CLOUDS, MASSES, MAPS[:1], 3), "1 P_list"),
    (lambda: ot.lp.generalized_free_support_barycenter(
        CLOUDS, MASSES, [np.eye(3)] * 2, 3), r"P_list\[0\] has the shape"),
    (lambda: ot.lp.generalized_free_support_barycenter(
        CLOUDS[:1], MASSES[:1], MAPS[:1], 3), "raise eps"),
    (lambda: ot.gmm.gmm_barycenter_fixed_point([], [], [], M_S, C_S, None), "0 means_list"),
    (lambda: ot.gmm.gmm_barycenter_fixed_point(
        [M_S], [C_S], [W_S], M_S, C_S, None, barycentric_proj_method="x"), "method is 'x'"),
    (lambda: ot.gmm.gmm_barycenter_fixed_point(
        [M_S], [C_S], [W_S], M_S, C_S, None, [1.0, 0.0, 0.0]), "w_bar has weights"),
    (lambda: ot.gmm.gmm_ot_plan_density(
        M_S, M_S[:, :1], M_S, M_T, C_S, C_T, W_S, W_T), "plan, x and y have the shapes"),
    (lambda: ot.datasets.make_data_classif("x", 4), "dataset 'x'"),
    (lambda: ot.datasets.make_data_classif("2gauss_prop", 4, p=2), "p is 2"),
    (lambda: ot.datasets.make_data_classif("3gauss", 4, noise=2), "noise"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(kantor.KantorError, match=words):
        call()
