"""Domain adaptation: what is carried along fitted plans and maps."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
import kantor.ot as ot
from kantor.ot import da

RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(12, 2)), RNG.normal(size=(15, 2)) + 3.0
LABELS_X, LABELS_Y = np.arange(12) % 3, np.arange(15) % 3
CLASSES = {
    "exact": lambda **k: da.EMDTransport(**k),
    "entropic": lambda **k: da.SinkhornTransport(reg_e=0.5, **k),
    "nearest": lambda **k: da.SinkhornTransport(reg_e=0.5, out_of_sample_map="ferradans", **k),
    "unbalanced": lambda **k: da.UnbalancedSinkhornTransport(reg_m=1.0, max_iter=1000, **k),
}


@pytest.mark.parametrize("name", CLASSES)
def test_fitted_points_go_to_the_means_of_their_targets(name):
    fitted = CLASSES[name]().fit(Xs=X, Xt=Y)
    P = fitted.coupling_
    assert P.shape == fitted.cost_.shape == (12, 15)
    np.testing.assert_allclose(fitted.transform(X), P @ Y / P.sum(1)[:, None], atol=1e-6)
    np.testing.assert_allclose(fitted.inverse_transform(Xt=Y), P.T @ X / P.sum(0)[:, None],
                               atol=1e-6)
    np.testing.assert_array_equal(
        CLASSES[name]().fit_transform(Xs=X, Xt=Y), fitted.transform(X))
    assert fitted.log_ == {} and CLASSES[name](log=True).fit(Xs=X, Xt=Y).log_


def test_plans_are_those_of_the_functions():
    a, b = ot.unif(12), ot.unif(15)
    cost = ot.dist(X, Y, metric="euclidean")
    exact = da.EMDTransport(metric="euclidean").fit(Xs=X, Xt=Y)
    np.testing.assert_array_equal(exact.coupling_, ot.emd(a, b, cost))
    largest = da.SinkhornTransport(reg_e=0.1, norm="max").fit(Xs=X, Xt=Y)
    assert largest.norm_cost_ == pytest.approx(ot.dist(X, Y).max())
    np.testing.assert_allclose(
        largest.coupling_, ot.sinkhorn(a, b, ot.dist(X, Y) / largest.norm_cost_, 0.1), atol=1e-8)

    def own(points):
        return np.arange(1, len(points) + 1) / sum(range(len(points) + 1))

    weighted = da.EMDTransport(distribution_estimation=own).fit(Xs=X, Xt=Y)
    np.testing.assert_allclose(weighted.coupling_.sum(0), own(Y))


@pytest.mark.parametrize("name", CLASSES)
def test_other_points_and_batches(name):
    fitted = CLASSES[name]().fit(Xs=X, Xt=Y)
    new = X + 1e-9
    np.testing.assert_allclose(fitted.transform(new), fitted.transform(X), atol=1e-6)
    many = RNG.normal(size=(40, 2))
    np.testing.assert_allclose(
        fitted.transform(many, batch_size=7), fitted.transform(many), atol=1e-12)
    assert fitted.inverse_transform(Xt=many).shape == (40, 2)
    far = fitted.transform([[1e6, 1e6]])
    assert np.isfinite(far).all()


def test_labels_are_shares():
    fitted = da.EMDTransport().fit(Xs=X, Xt=Y)
    shares = fitted.transform_labels(LABELS_X)
    assert shares.shape == (15, 3)
    np.testing.assert_allclose(shares.sum(1), 1)
    first = (fitted.coupling_[LABELS_X == 0].sum(0)) / fitted.coupling_.sum(0)
    np.testing.assert_allclose(shares[:, 0], first)
    assert fitted.inverse_transform_labels(LABELS_Y + 5).shape == (12, 3)


@pytest.mark.parametrize("make", [
    lambda: da.EMDTransport(limit_max=100), lambda: da.SinkhornTransport(reg_e=1.0)])
def test_labels_keep_classes_apart(make):
    x, y = RNG.normal(size=(12, 2)), RNG.normal(size=(12, 2))
    unknown = np.where(np.arange(12) < 6, -1, LABELS_X)
    fitted = make()
    for _ in range(2):  # a second fit means the same
        fitted.fit(Xs=x, ys=LABELS_X, Xt=y, yt=LABELS_X)
        apart = LABELS_X[:, None] != LABELS_X[None, :]
        assert fitted.coupling_[apart].max() < 1e-12
    np.testing.assert_allclose(fitted.coupling_.sum(1), 1 / 12, atol=1e-6)
    some = make().fit(Xs=x, ys=LABELS_X, Xt=y, yt=unknown)
    np.testing.assert_array_equal(some.cost_[:, :6], ot.dist(x, y)[:, :6])


def test_affine_maps():
    fitted = da.LinearTransport().fit(Xs=X, Xt=Y)
    moved = fitted.transform(X)
    np.testing.assert_allclose(moved.mean(0), Y.mean(0), atol=1e-6)
    np.testing.assert_allclose(np.cov(moved.T, bias=True), np.cov(Y.T, bias=True), atol=1e-5)
    np.testing.assert_allclose(fitted.inverse_transform(Xt=moved), X, atol=1e-6)
    assert np.linalg.norm(fitted.A_ - fitted.A_.T) < 1e-10
    inner = da.LinearGWTransport(log=True).fit(Xs=X, Xt=Y)
    np.testing.assert_allclose(
        np.cov(inner.transform(X).T, bias=True), np.cov(Y.T, bias=True), atol=1e-6)
    assert "Cov_s" in inner.log_


def test_precision_and_parameters():
    fitted = da.EMDTransport().fit(Xs=X.astype(np.float32), Xt=Y.astype(np.float32))
    assert fitted.coupling_.dtype == np.float32
    assert fitted.transform(X.astype(np.float32)).dtype == np.float32
    assert fitted.get_params()["limit_max"] == 10
    assert fitted.set_params(norm="max").fit(Xs=X, Xt=Y).cost_.max() == 1
    with pytest.raises(kantor.UnknownNameError, match="it has metric"):
        fitted.set_params(reg=1)


@pytest.mark.parametrize(("call", "words"), [
    (lambda: da.EMDTransport(out_of_sample_map="continuous"), "out_of_sample_map is 'continuous'"),
    (lambda: da.SinkhornTransport(out_of_sample_map="x"), "'ferradans' or 'continuous'"),
    (lambda: da.EMDTransport().fit(Xs=X), "Xt is missing"),
    (lambda: da.EMDTransport().fit(Xs=X, ys=[1], Xt=Y, yt=LABELS_Y), r"ys has the shape \(1,\)"),
    (lambda: da.EMDTransport().fit(Xs=X, Xt=Y).transform(), "Xs is missing"),
    (lambda: da.EMDTransport().fit(Xs=X, Xt=Y).transform([[1.0]]), "1 coordinates"),
    (lambda: da.EMDTransport().fit(Xs=X, Xt=Y).transform(X + 1, batch_size=0), "batch_size is 0"),
    (lambda: da.EMDTransport().fit(Xs=X, Xt=Y).transform_labels(), "ys is missing"),
    (lambda: da.SinkhornTransport(reg_e=0).fit(Xs=X, Xt=Y), "reg is 0"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_data_of_the_examples():
    histogram = ot.datasets.make_1D_gauss(100, 20, 5)
    assert histogram.sum() == pytest.approx(1) and histogram.argmax() == 20
    assert ot.datasets.make_1D_gauss(5, 1e4, 1).argmax() == 4
    sigma = np.array([[2.0, -1.5], [-1.5, 3.0]])
    points = ot.datasets.make_2D_samples_gauss(200_000, [1, 2], sigma, random_state=1)
    np.testing.assert_allclose(np.cov(points.T), sigma, atol=0.05)
    np.testing.assert_allclose(points.mean(0), [1, 2], atol=0.02)
    np.testing.assert_array_equal(
        points, ot.datasets.make_2D_samples_gauss(200_000, [1, 2], sigma, 1))
    assert ot.datasets.make_2D_samples_gauss(4, [0, 0], 4.0).shape == (4, 2)
    with pytest.raises(kantor.InvalidValueError, match="a covariance is needed"):
        ot.datasets.make_2D_samples_gauss(4, [0, 0], [[1, 2], [2, 1]])
    with pytest.raises(kantor.InvalidShapeError, match="sigma have the shapes"):
        ot.datasets.make_2D_samples_gauss(4, [0, 0, 0], 1.0)
