"""Semi-discrete and stochastic names of POT, and the kind behind the former."""

from __future__ import annotations

import numpy as np
import pytest
from support import weights

import kantor
from kantor import ot

SQUARE = np.array([[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]])


def on_grid(points, k=60, method="semi_discrete", density=None, **options):
    density = np.ones((k,) * points.shape[1]) if density is None else density
    problem = kantor.Problem(
        "semi_discrete_transport", density=density, points_target=points,
        weights_target=options.pop("weights", None), box=options.pop("box", None))
    return kantor.solve(problem, method, **options)


def test_quarters_of_the_square():
    result = on_grid(SQUARE, 200)
    assert result.status == "solved"
    assert result.potential_target == pytest.approx(np.zeros(4), abs=1e-6)
    # Midpoints miss 1 / (12 k^2) of the square's second moment on each axis.
    assert result.objective == pytest.approx(1 / 24 - 2 / (12 * 200**2), rel=1e-9)
    assert result.lower_bound == pytest.approx(result.upper_bound, rel=1e-9)
    assert result.cell_means == pytest.approx(SQUARE, abs=1e-9)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_bounds_enclose_the_exact_cost(d):
    rng = np.random.default_rng(d)
    samples, points = rng.random((300, d)), rng.random((7, d))
    w, b = weights(rng, 300), weights(rng, 7)
    problem = kantor.Problem(
        "semi_discrete_transport", samples=samples, sample_weights=w, points_target=points,
        weights_target=b)
    result = kantor.solve(problem, "semi_discrete", tolerance=0.05)
    exact = kantor.solve(kantor.Problem("transport", points=(samples, points), a=w, b=b)).objective
    assert result.status == "solved"
    assert result.lower_bound <= exact * (1 + 1e-12)
    assert result.upper_bound >= exact * (1 - 1e-12)
    assert result.lower_bound == pytest.approx(exact, rel=1e-2)


def test_entropy_agrees_with_sinkhorn():
    rng = np.random.default_rng(5)
    samples, points, b = rng.random((200, 2)), rng.random((9, 2)), weights(rng, 9)
    problem = kantor.Problem(
        "semi_discrete_transport", samples=samples, points_target=points, weights_target=b)
    result = kantor.solve(problem, "semi_discrete", epsilon=0.05, tolerance=1e-10, threads=2)
    other = kantor.solve(
        kantor.Problem("transport", points=(samples, points), b=b), "sinkhorn", epsilon=0.05,
        tolerance=1e-12)
    assert result.status == "solved"
    assert result.objective == pytest.approx(other.objective, rel=1e-9)
    assert result.dual_objective == pytest.approx(other.objective, rel=1e-9)
    assert result.transport_cost == pytest.approx(other.transport_cost, rel=1e-8)
    g = result.potential_target - other.potential_target
    assert g == pytest.approx(np.full(9, g[0]), abs=1e-8)
    assert result.lower_bound <= result.upper_bound


def test_density_that_is_not_uniform():
    k = 400
    density = np.repeat([1.0, 3.0], k // 2)
    # Quantiles of the density 1/2, 3/2: a half of the mass lies left of 2/3.
    points = np.array([[0.2], [0.9]])
    result = on_grid(points, density=density, tolerance=0.01)
    assert result.status == "solved"
    border = ((0.9**2 - 0.2**2) - (result.potential_target[1] - result.potential_target[0])) / 1.4
    assert border == pytest.approx(2 / 3, abs=0.01)


def test_box_and_mass():
    box = np.array([[0.0, -1.0], [4.0, 3.0]])
    points = box[0] + 4 * SQUARE
    result = on_grid(points, 100, box=box, weights=np.full(4, 2.5))
    unit = on_grid(SQUARE, 100)
    assert result.status == "solved"
    assert result.objective == pytest.approx(160 * unit.objective, rel=1e-9)


def test_stochastic_steps_come_near():
    rng = np.random.default_rng(7)
    points = rng.random((12, 2))
    exact = on_grid(points, 100)
    drawn = on_grid(points, 100, "semi_discrete_stochastic", seed=2, tolerance=0.1)
    assert exact.status == drawn.status == "solved"
    assert drawn.lower_bound <= exact.upper_bound
    assert drawn.lower_bound == pytest.approx(exact.lower_bound, rel=0.02)
    short = on_grid(points, 100, "semi_discrete_stochastic", max_iterations=3)
    assert short.status == "iteration_limit"


@pytest.mark.parametrize("epsilon", [0.0, 0.02])
def test_derivatives(epsilon):
    rng = np.random.default_rng(8)
    points, b = rng.random((6, 2)), weights(rng, 6)
    options = dict(weights=b, epsilon=epsilon, tolerance=1e-10 if epsilon else 1e-3, k=150)
    result = on_grid(points, **options)
    assert result.status == "solved"
    slopes = result.vjp({"objective": 1.0}, ["points_target", "weights_target"])
    D, e, h = rng.standard_normal(points.shape), rng.random(6), 1e-3

    def value(t, s):
        moved = dict(options, weights=b + s * e)
        return on_grid(points + t * D, **moved).dual_objective

    rel = 1e-3 if epsilon else 0.05
    assert (value(h, 0) - value(-h, 0)) / (2 * h) == pytest.approx(
        (slopes["points_target"] * D).sum(), rel=rel)
    assert (value(0, h) - value(0, -h)) / (2 * h) == pytest.approx(
        slopes["weights_target"] @ e, rel=rel)


def test_pot_names():
    rng = np.random.default_rng(9)
    points, b = rng.random((8, 2)), weights(rng, 8)
    solve = ot.semidiscrete.solve_semidiscrete
    g, log = solve(points, lambda n: rng.random((n, 2)), b, max_iter=2000, log=True)
    assert set(log) >= {"max_iter", "batch_size", "max_cost", "polyak_average", "last_potential"}
    x = rng.random((5000, 2))
    shares = ot.semidiscrete.semidiscrete_atom_weights(points, x, g, b)
    assert shares.mean(axis=0) == pytest.approx(b, abs=0.03)
    images = ot.semidiscrete.semidiscrete_ot_map(points, x, g, b)
    assert images == pytest.approx(points[shares.argmax(axis=1)])
    f = ot.semidiscrete.semidiscrete_c_transform(points, x, g, b)
    cost = ot.dist(x, points)
    assert f == pytest.approx((cost - g).min(axis=1))
    assert f.mean() + b @ g == pytest.approx(log["result"].dual_objective, rel=0.05)
    soft = ot.semidiscrete.semidiscrete_c_transform(points, x, g, b, reg=0.1)
    assert soft == pytest.approx(-0.1 * np.log(np.exp((g - cost) / 0.1) @ b))
    smooth = ot.semidiscrete.semidiscrete_atom_weights(points, x, g, b, reg=0.1)
    assert smooth.sum(axis=1) == pytest.approx(np.ones(5000))
    for name in ("unif", "ball", "normal"):
        assert solve(points, name, max_iter=100).shape == (8,)
    assert solve(points.astype("f4"), "unif", max_iter=50).dtype == np.float32


def test_stochastic_names():
    rng = np.random.default_rng(10)
    M, a, b = rng.random((6, 8)), weights(rng, 6), weights(rng, 8)
    plan, log = ot.stochastic.solve_semi_dual_entropic(a, b, M, 0.1, "ASGD", log=True)
    assert plan == pytest.approx(ot.sinkhorn(a, b, M, 0.1, stopThr=1e-12), abs=1e-6)
    again = np.exp((log["alpha"][:, None] + log["beta"] - M) / 0.1) * a[:, None] * b
    assert again == pytest.approx(plan, abs=1e-9)
    other = ot.stochastic.solve_dual_entropic(a, b, M, 0.1, 4)
    assert other == pytest.approx(plan)
    with pytest.raises(kantor.InvalidValueError, match="method is 'newton'"):
        ot.stochastic.solve_semi_dual_entropic(a, b, M, 0.1, "newton")


@pytest.mark.parametrize("fields, kind, text", [
    (dict(density=np.ones(4)), kantor.InvalidShapeError, "grid of 2 axes"),
    (dict(density=-np.ones((4, 4))), kantor.InvalidValueError, "density is -1"),
    (dict(density=np.zeros((4, 4))), kantor.InvalidValueError, "mass 0"),
    (dict(density=np.ones((4, 4)), quadrature=0), kantor.InvalidValueError, "quadrature"),
    (dict(density=np.ones((4, 4)), box=[[0, 0], [0, 1]]), kantor.InvalidValueError, "box"),
    (dict(density=np.ones((4, 4)), samples=np.ones((3, 2))), kantor.StateError, "both"),
    (dict(samples=np.ones((3, 3))), kantor.InvalidShapeError, "dimension 3"),
    (dict(samples=np.ones((3, 2)), box=[[0, 0], [1, 1]]), kantor.StateError, "box"),
    (dict(samples=np.ones((3, 2)), sample_weights=[1, -1, 1]), kantor.InvalidValueError, "-1"),
    (dict(), kantor.KantorError, "'density' or 'samples'"),
    (dict(density=np.ones((4, 4)), weights_target=[1, 0, 1, 1]), kantor.InvalidValueError,
     "weights_target is 0"),
])
def test_refusals(fields, kind, text):
    with pytest.raises(kind, match=text):
        kantor.solve(kantor.Problem("semi_discrete_transport", points_target=SQUARE, **fields))


def test_refusals_of_names():
    with pytest.raises(kantor.UnsupportedError, match="euclidean"):
        ot.semidiscrete.solve_semidiscrete(SQUARE, metric="euclidean")
    with pytest.raises(kantor.InvalidValueError, match="sampler_source"):
        ot.semidiscrete.solve_semidiscrete(SQUARE, "torus")
    with pytest.raises(kantor.InvalidShapeError, match="semi_dual_potential"):
        ot.semidiscrete.semidiscrete_c_transform(SQUARE, SQUARE, [0.0])
