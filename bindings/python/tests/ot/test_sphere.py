"""Sliced transport on the sphere, and plans lifted from projections."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
import kantor.ot as ot

RNG = np.random.default_rng(21)


def on_sphere(n, d=3, shift=0.0):
    points = RNG.normal(size=(n, d)) + shift
    return points / np.linalg.norm(points, axis=1)[:, None]


X, Y = on_sphere(12), on_sphere(15, shift=1.0)
A, B = RNG.dirichlet(np.ones(12)), RNG.dirichlet(np.ones(15))


def test_bases_are_orthonormal_and_those_of_the_seed():
    U = ot.sliced.get_projections_sphere(4, 6, seed=3)
    np.testing.assert_allclose(np.einsum("kdi,kdj->kij", U, U), [np.eye(2)] * 6, atol=1e-12)
    np.testing.assert_array_equal(U, ot.sliced.get_projections_sphere(4, 6, seed=3))
    turns, same = ot.sliced.projection_sphere_to_circle(on_sphere(9, 4), projections=U)
    assert turns.shape == (6, 9) and same is U and turns.min() >= 0 and turns.max() < 1
    quarter = ot.sliced.projection_sphere_to_circle(
        [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], projections=[np.eye(2)])[0]
    np.testing.assert_allclose(quarter, [[0.0, 0.25, 0.5, 0.75]])


@pytest.mark.parametrize("p", [1, 2, 3])
def test_distances_are_means_over_circles(p):
    value, log = ot.sliced_wasserstein_sphere(X, Y, A, B, 7, p, seed=0, log=True)
    U = log["projections"]
    circles = [ot.wasserstein_circle(
        *(ot.sliced.projection_sphere_to_circle(z, projections=U[k:k + 1])[0][0]
          for z in (X, Y)), A, B, p)[0] for k in range(7)]
    np.testing.assert_allclose(log["projected_emds"], circles)
    assert value == pytest.approx(np.mean(circles) ** (1 / p))
    assert ot.sliced_wasserstein_sphere(X, X[::-1], n_projections=5) == pytest.approx(0, abs=1e-7)


def test_the_circle_itself_and_rotations():
    angles = 2 * np.pi * np.array([0.1, 0.35])
    points = np.stack([np.cos(angles), np.sin(angles)], 1)
    assert ot.sliced_wasserstein_sphere(points[:1], points[1:], p=1) == pytest.approx(0.25)
    assert ot.linear_sliced_wasserstein_sphere(points[:1], points[1:]) == pytest.approx(0.25)
    assert ot.sliced_wasserstein_sphere_unif(points[:1]) == pytest.approx(np.sqrt(1 / 12))
    assert ot.linear_sliced_wasserstein_sphere(points[:1]) == pytest.approx(np.sqrt(1 / 12))


def test_the_linear_distance_is_the_integral_of_the_definition():
    u, v = RNG.random(6), RNG.random(8)
    a, b = RNG.dirichlet(np.ones(6)), RNG.dirichlet(np.ones(8))
    x = (np.arange(100_000) + 0.5) / 100_000

    def moved(values, weights):
        order = np.argsort(values)
        rank = np.searchsorted(np.cumsum(weights[order]), (x - weights @ values + 0.5) % 1)
        return (values[order][np.minimum(rank, len(values) - 1)] - x) % 1

    apart = np.abs(moved(u, a) - moved(v, b))
    wanted = (np.minimum(apart, 1 - apart) ** 2).mean()
    assert ot.linear_circular_ot(u, v, a, b)[0] == pytest.approx(wanted, abs=1e-5)
    uniform = moved(u, a)
    wanted = (np.minimum(uniform, 1 - uniform) ** 2).mean()
    assert ot.linear_circular_ot(u, u_weights=a)[0] == pytest.approx(wanted, abs=1e-5)
    both = ot.linear_circular_ot(np.stack([u, u + 3], 1), np.stack([u, 1 - u], 1))
    np.testing.assert_allclose(both, [0, ot.linear_circular_ot(u, 1 - u)[0]], atol=1e-12)


def test_the_precision_on_the_sphere():
    x, y = X.astype("f"), Y.astype("f")
    for value in (ot.sliced_wasserstein_sphere(x, y, n_projections=3, seed=0),
                  ot.sliced_wasserstein_sphere_unif(x, seed=0),
                  ot.linear_sliced_wasserstein_sphere(x, y, seed=0)):
        assert value.dtype == np.float32


@pytest.mark.parametrize("metric, p", [
    ("sqeuclidean", 2), ("euclidean", 2), ("cityblock", 1), ("minkowski", 3)])
@pytest.mark.parametrize("batch_size", [None, 5])
def test_lifted_plans_are_feasible_and_priced(metric, p, batch_size):
    plans, costs, log = ot.sliced.sliced_plans(
        X, Y, A, B, metric, p, n_projections=6, seed=0, batch_size=batch_size, log=True)
    M = ot.dist(X, Y, metric=metric, p=p)
    for plan, cost, along, across in zip(
            plans, costs, log["X_projection"].T, log["Y_projection"].T):
        dense = np.zeros(M.shape)
        np.add.at(dense, (plan.rows, plan.cols), plan.data)
        np.testing.assert_allclose(dense.sum(1), A, atol=1e-12)
        np.testing.assert_allclose(dense.sum(0), B, atol=1e-12)
        assert cost == pytest.approx(np.vdot(dense, M))
        line = np.abs(along[:, None] - across)
        assert np.vdot(dense, line) == pytest.approx(ot.emd2(A, B, line))
    plan, cost, told = ot.min_sliced_transport_plan(
        X, Y, A, B, log["projections"], metric, p, log=True)
    assert cost == pytest.approx(costs.min()) == pytest.approx(np.vdot(plan, M))
    np.testing.assert_array_equal(
        told["min_projection"], log["projections"][:, costs.argmin()])
    assert cost >= ot.emd2(A, B, M) - 1e-12


@pytest.mark.parametrize("beta", [0.0, 2.0])
def test_the_mean_plan(beta):
    plan, cost, log = ot.expected_sliced_plan(
        X, Y, A, B, n_projections=8, beta=beta, seed=1, log=True)
    np.testing.assert_allclose(plan.sum(0), B, atol=1e-12)
    assert cost == pytest.approx(np.vdot(plan, ot.dist(X, Y)))
    weights = np.exp(-beta * log["costs"])
    np.testing.assert_allclose(log["weights"], weights / weights.sum())


def test_sparse_and_single_precision_plans():
    pytest.importorskip("scipy")
    x, y = X.astype("f"), Y.astype("f")
    plan, cost = ot.min_sliced_transport_plan(x, y, n_projections=4, seed=0, dense=False)
    full, same = ot.min_sliced_transport_plan(x, y, n_projections=4, seed=0)
    np.testing.assert_array_equal(plan.toarray(), full)
    assert full.dtype == cost.dtype == np.float32 and cost == same


@pytest.mark.parametrize(("call", "words"), [
    (lambda: ot.sliced_wasserstein_sphere(X * 2, Y), r"X_s\[\d+\] is not on the sphere"),
    (lambda: ot.sliced_wasserstein_sphere(X, on_sphere(3, 4)), "they must agree"),
    (lambda: ot.sliced_wasserstein_sphere(X, Y, projections=np.eye(3)), r"projections has the"),
    (lambda: ot.sliced_wasserstein_sphere(X, Y, p=0.5), "p is 0.5"),
    (lambda: ot.sliced.get_projections_sphere(1, 3), "d is 1"),
    (lambda: ot.linear_circular_ot([np.nan], [0.0]), "not finite"),
    (lambda: ot.sliced.sliced_plans(X, Y), "n_projections is missing"),
    (lambda: ot.sliced.sliced_plans(X, Y, metric="cosine", n_projections=2), "metric 'cosine'"),
    (lambda: ot.sliced.sliced_plans(X, Y[:, :2], n_projections=2), "they must agree"),
    (lambda: ot.sliced.sliced_plans(X, Y, projections=np.eye(2)), "projections has the shape"),
    (lambda: ot.sliced.sliced_plans(X, Y, metric="minkowski", p=0.5, n_projections=1), "p is 0.5"),
])
def test_bad_input_is_named(call, words):
    with pytest.raises(kantor.KantorError, match=words):
        call()
