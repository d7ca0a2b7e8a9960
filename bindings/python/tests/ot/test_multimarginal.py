"""Transport between several measures."""

from __future__ import annotations

import numpy as np
import pytest
from support import weights as drawn

import kantor
from kantor import ot


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(11)


def plain(cost, weights, epsilon, sweeps=3000):
    """Plain scaling of a tensor: shares nothing with Kantor."""
    K = cost.ndim
    kernel = np.exp(-(cost - cost.min()) / epsilon)
    for k, a in enumerate(weights):
        kernel = kernel * a.reshape([-1 if j == k else 1 for j in range(K)])
    for _ in range(sweeps):
        for k, a in enumerate(weights):
            marginal = kernel.sum(tuple(j for j in range(K) if j != k))
            kernel = kernel * (a / marginal).reshape([-1 if j == k else 1 for j in range(K)])
    return kernel


@pytest.mark.smoke
def test_two_measures_are_sinkhorn(rng):
    cost, a, b = rng.random((9, 12)), drawn(rng, 9), drawn(rng, 12)
    out = ot.multimarginal([a, b], cost, epsilon=0.05)
    pair = kantor.solve(kantor.Problem("transport", cost=cost, a=a, b=b), "sinkhorn", epsilon=0.05)
    assert out.value == pytest.approx(pair.objective, abs=1e-8)
    assert out.plan == pytest.approx(pair.plan, abs=1e-8)
    assert out.potentials[0] == pytest.approx(pair.potential_source, abs=1e-6)
    again = ot.multimarginal([a, b], edges=[[0, 1]], edge_costs=[cost], epsilon=0.05)
    assert again.value == pytest.approx(out.value, abs=1e-8)
    assert again.edge_plans[0] == pytest.approx(out.plan, abs=1e-8)


@pytest.mark.parametrize("shape", [(5, 6, 7), (3, 4, 2, 5), (2, 3, 2, 2, 3)])
def test_tensor_is_plain_scaling(rng, shape):
    cost, weights = rng.random(shape), [drawn(rng, n) for n in shape]
    out = ot.multimarginal(weights, cost, epsilon=0.1, tol=1e-11)
    assert out.result.status == "solved"
    assert out.plan == pytest.approx(plain(cost, weights, 0.1), abs=1e-9)
    for k, a in enumerate(weights):
        others = tuple(j for j in range(len(shape)) if j != k)
        assert out.plan.sum(others) == pytest.approx(a, abs=1e-9)
    assert "measures" in repr(out)


def test_tree_is_its_tensor(rng):
    sizes, edges = [4, 5, 3, 6, 2], [[1, 0], [1, 2], [3, 1], [3, 4]]
    clouds, weights = [rng.random((n, 2)) for n in sizes], [drawn(rng, n) for n in sizes]
    factors = [1.0, 0.5, 2.0, 1.5]
    cost = np.zeros(sizes)
    for (u, v), factor in zip(edges, factors):
        pair = factor * ((clouds[u][:, None] - clouds[v]) ** 2).sum(-1)
        shape = [n if k in (u, v) else 1 for k, n in enumerate(sizes)]
        cost = cost + (pair if u < v else pair.T).reshape(shape)
    tree = ot.multimarginal(
        weights, points=clouds, edges=edges, edge_weights=factors, epsilon=0.07, tol=1e-11)
    tensor = ot.multimarginal(weights, cost, epsilon=0.07, tol=1e-11)
    assert tree.value == pytest.approx(tensor.value, abs=1e-9)
    assert tree.cost == pytest.approx(tensor.cost, abs=1e-9)
    for (u, v), plan in zip(edges, tree.edge_plans):
        others = tuple(k for k in range(5) if k not in (u, v))
        expected = tensor.plan.sum(others)
        assert plan == pytest.approx(expected if u < v else expected.T, abs=1e-9)
    for one, two in zip(tree.potentials, tensor.potentials):
        assert one == pytest.approx(two, abs=1e-6)


def test_long_chain(rng):
    clouds = [rng.random((20, 2)) + k for k in range(40)]
    edges = np.array([np.arange(39), np.arange(1, 40)]).T
    out = ot.multimarginal(points=clouds, edges=edges, epsilon=0.5)
    assert out.result.status == "solved"
    # Between leaves nothing is shared: the chain's value is the sum of those of its pairs.
    pairs = [
        kantor.solve(kantor.Problem("transport", X=clouds[k], Y=clouds[k + 1]), "sinkhorn",
                     epsilon=0.5).objective for k in range(39)
    ]
    assert out.value == pytest.approx(sum(pairs), rel=1e-7)
    with pytest.raises(AttributeError):
        out.result.plan  # noqa: B018


def test_gradients_by_differences(rng):
    clouds, weights = [rng.random((4, 2)) for _ in range(3)], [drawn(rng, 4) for _ in range(3)]
    step = rng.normal(size=(12, 2))
    for edges in (None, [[0, 1], [1, 2]]):
        def value(t, edges=edges):
            moved = [cloud + t * step[4 * k:4 * k + 4] for k, cloud in enumerate(clouds)]
            return ot.multimarginal(weights, points=moved, edges=edges, epsilon=0.2, tol=1e-12)
        gradient = value(0).result.vjp({"objective": 1.0}, ["points"])["points"]
        difference = (value(1e-5).value - value(-1e-5).value) / 2e-5
        assert (gradient * step).sum() == pytest.approx(difference, rel=1e-6)


def test_refuses(rng):
    with pytest.raises(kantor.KantorError, match="10000000000 cells|1e\\+10 cells"):
        ot.multimarginal(points=[rng.random((100, 1))] * 5)
    with pytest.raises(kantor.KantorError, match="needed"):
        ot.multimarginal()
    with pytest.raises(kantor.InvalidShapeError, match="lengths"):
        ot.multimarginal([[1.0], [0.5, 0.5]], np.zeros((2, 2)))
    with pytest.raises(kantor.InvalidValueError, match="masses differ"):
        ot.multimarginal([[1.0], [0.5, 0.6]], np.zeros((1, 2)))
    with pytest.raises(kantor.InvalidValueError, match="finite"):
        ot.multimarginal(cost=[[0.0, np.inf], [1.0, 2.0]])
    with pytest.raises(kantor.InvalidShapeError, match="edges"):
        ot.multimarginal(points=[[0.0], [1.0]], edges=[0, 1])
    with pytest.raises(kantor.InvalidShapeError, match="measure"):
        ot.multimarginal(
            edges=[[0, 1], [1, 2]], edge_costs=[np.zeros((2, 3)), np.zeros((2, 2))])
