"""Sliced transport under POT's names."""

from __future__ import annotations

import numpy as np
import pytest
from support import weights

import kantor
from kantor import ot


def drawn(seed, n=30, m=40, d=3):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)), 1.3 * rng.standard_normal((m, d)) + 0.5, weights(rng, n),
            weights(rng, m))


@pytest.mark.parametrize("p", [1, 2, 1.5, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_slices_are_those_of_the_line(p, weighted):
    X, Y, a, b = drawn(1)
    if not weighted:
        a = b = None
    value, log = ot.sliced_wasserstein_distance(X, Y, a, b, 11, p, seed=5, log=True)
    P = log["projections"]
    assert P.shape == (3, 11)
    # Plans and their potentials, by the method that makes them.
    each = [ot.emd_1d(X @ P[:, k], Y @ P[:, k], a, b, "minkowski", p, log=True)[1]["cost"]
            for k in range(11)]
    assert log["projected_emds"] == pytest.approx(each, rel=1e-12)
    assert value == pytest.approx(np.mean(each) ** (1 / p), rel=1e-12)
    largest = ot.max_sliced_wasserstein_distance(X, Y, a, b, 11, p, seed=5)
    assert largest == pytest.approx(max(each) ** (1 / p), rel=1e-12)
    again = ot.sliced.sliced_wasserstein_distance(X, Y, a, b, p=p, projections=P)
    assert again == value


def test_climbing_finds_a_larger_distance():
    X, Y, _, _ = drawn(2, d=5)
    plain = ot.max_sliced_wasserstein_distance(X, Y, seed=1)
    value, log = ot.max_sliced_wasserstein_distance(X, Y, seed=1, climb=True, log=True)
    assert plain < value <= log["upper_bound"]
    assert log["result"].status == "solved"
    theta = log["best_direction"]
    assert ot.sliced_wasserstein_distance(X, Y, projections=theta[:, None]) == pytest.approx(value)
    assert np.linalg.norm(theta) == pytest.approx(1)


def test_error_of_the_mean():
    X, Y, _, _ = drawn(3)
    many, told = ot.sliced_wasserstein_distance(X, Y, n_projections=20000, seed=0, log=True)
    few, log = ot.sliced_wasserstein_distance(X, Y, n_projections=200, seed=1, log=True)
    assert told["standard_error"] < 0.2 * log["standard_error"]
    assert abs(few - many) < 5 * log["standard_error"]


def test_directions():
    P = ot.sliced.get_random_projections(4, 50, seed=3)
    assert np.linalg.norm(P, axis=0) == pytest.approx(np.ones(50))
    assert np.array_equal(P, ot.sliced.get_random_projections(4, 50, np.random.RandomState(3)))
    normal = np.random.RandomState(3).randn(4, 50)
    assert P == pytest.approx(normal / np.linalg.norm(normal, axis=0))
    single = ot.sliced.get_random_projections(4, 5, 0, type_as=np.zeros(1, "f4"))
    assert single.dtype == np.float32


def test_scalers_and_precision():
    X, Y, a, b = drawn(4)

    class Scaler:
        def transform(self, points):
            return 2 * points

    twice = ot.sliced_wasserstein_distance(X, Y, seed=1, scaler=Scaler())
    assert twice == pytest.approx(2 * ot.sliced_wasserstein_distance(X, Y, seed=1))
    assert twice == ot.sliced_wasserstein_distance(X, Y, seed=1, scaler=lambda z: 2 * z)
    value = ot.sliced_wasserstein_distance(X.astype("f4"), Y.astype("f4"), seed=1)
    assert value.dtype == np.float32
    assert ot.sliced_wasserstein_distance(X, X, seed=1) == 0


@pytest.mark.parametrize("d", [1, 2, 5])
def test_gradients(d):
    X, Y, a, b = drawn(6, 8, 6, d)

    def solved(X):
        return kantor.solve(kantor.Problem(
            "sliced_transport", points_source=X, points_target=Y, weights_source=a,
            weights_target=b), seed=3)

    gradient = solved(X).vjp({"objective": 1.0}, ["points_source"])["points_source"]
    D = np.random.default_rng(7).standard_normal(X.shape)
    slope = (solved(X + 1e-6 * D).objective - solved(X - 1e-6 * D).objective) / 2e-6
    assert (gradient * D).sum() == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("call, kind, text", [
    (lambda X: ot.sliced_wasserstein_distance(X, X[:, :1]), kantor.InvalidShapeError, "dimension"),
    (lambda X: ot.sliced_wasserstein_distance(X, X, p=0.5), kantor.InvalidValueError, "p is 0.5"),
    (lambda X: ot.sliced_wasserstein_distance(X, X, n_projections=0), kantor.InvalidValueError,
     "n_projections is 0"),
    (lambda X: ot.sliced_wasserstein_distance(X, X, projections=np.ones((3, 2))),
     kantor.InvalidShapeError, "projections has the shape"),
    (lambda X: ot.sliced_wasserstein_distance(X, X, a=np.ones(3)), kantor.InvalidShapeError, "a "),
    (lambda X: ot.sliced_wasserstein_distance(X * np.nan, X), kantor.InvalidValueError, "nan"),
    (lambda X: ot.sliced_wasserstein_distance(X, X, seed="x"), kantor.InvalidValueError, "seed"),
    (lambda X: ot.sliced.get_random_projections(2, 3, backend=1), kantor.UnsupportedError,
     "backend"),
])
def test_refusals(call, kind, text):
    with pytest.raises(kind, match=text):
        call(np.arange(8.0).reshape(4, 2))
