"""Doubly stochastic matrices, against plain numpy and SciPy."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize

import kantor
import kantor.doubly_stochastic as ds


def sums_error(X):
    return max(np.abs(X.sum(-1) - 1).max(), np.abs(X.sum(-2) - 1).max())


#: function, input of a shape with two batch axes
CASES = {
    "sinkhorn_knopp": (ds.sinkhorn_knopp, (2, 3, 5, 5), {}),
    "sinkhorn_sweeps": (ds.sinkhorn_knopp, (2, 3, 5, 5), {"sweeps": 4, "temperature": 0.5}),
    "birkhoff_projection": (ds.birkhoff_projection, (2, 3, 5, 5), {}),
    "orthostochastic": (ds.orthostochastic, (2, 3, 5, 5), {}),
    "permutation_mixture": (ds.permutation_mixture, (2, 3, 24), {}),
    "shifts": (
        ds.permutation_mixture, (2, 3, 6),
        {"permutations": (np.arange(6)[:, None] + np.arange(6)) % 6},
    ),
    "kronecker_product": (ds.kronecker_product, (2, 3, 10), {"factors": [2, 3, 2]}),
    "spectral_sphere": (ds.spectral_sphere, (2, 3, 16), {"gamma": 1.5}),
}


@pytest.mark.parametrize("name", CASES)
def test_matrices_and_gradients(name):
    function, shape, options = CASES[name]
    rng = np.random.default_rng(3)
    x = rng.normal(size=shape)
    out = function(x, full=True, **options)
    n = out.matrices.shape[-1]
    assert out.matrices.shape == (2, 3, n, n)
    if name != "sinkhorn_sweeps":
        assert sums_error(out.matrices) < 1e-8
        assert out.result.status == "solved"
    if name != "spectral_sphere":
        assert out.matrices.min() >= 0
    bar, direction = rng.normal(size=out.matrices.shape), rng.normal(size=shape)
    slope = (out.vjp(bar) * direction).sum()
    step = 1e-6
    moved = [function(x + sign * step * direction, **options) for sign in (1, -1)]
    difference = (bar * (moved[0] - moved[1])).sum() / (2 * step)
    assert slope == pytest.approx(difference, rel=1e-4, abs=1e-5)
    # One by one the same as in a batch.
    alone = np.array([[function(x[i, j], **options) for j in range(3)] for i in range(2)])
    assert np.abs(alone - out.matrices).max() < 1e-8
    assert np.abs(function(x, threads=2, **options) - out.matrices).max() < 1e-8


@pytest.mark.parametrize("name", CASES)
def test_precision_is_kept(name):
    function, shape, options = CASES[name]
    x = np.random.default_rng(4).normal(size=shape).astype(np.float32)
    out = function(x, full=True, **options)
    assert out.matrices.dtype == np.float32
    assert out.vjp(np.ones(out.matrices.shape, np.float32)).dtype == np.float32
    assert function(x.astype(int), **options).dtype == np.float64 or name == "orthostochastic"


@pytest.mark.filterwarnings("ignore:Values in x were outside bounds")
def test_projection_against_scipy():
    rng = np.random.default_rng(5)
    for n, scale in ((3, 1.0), (4, 0.3), (5, 3.0)):
        G = scale * rng.normal(size=(n, n))
        constraints = [
            {"type": "eq", "fun": lambda x: x.reshape(n, n).sum(0) - 1},
            {"type": "eq", "fun": lambda x: x.reshape(n, n).sum(1)[:-1] - 1},
        ]
        peer = minimize(
            lambda x: ((x - G.ravel()) ** 2).sum() / 2, np.full(n * n, 1 / n),
            jac=lambda x: x - G.ravel(), bounds=[(0, 1)] * (n * n), constraints=constraints,
            method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
        )
        out = ds.birkhoff_projection(G, full=True)
        assert out.result.objective <= peer.fun + 1e-9
        assert np.abs(out.matrices - peer.x.reshape(n, n)).max() < 1e-4


def test_sinkhorn_against_numpy():
    rng = np.random.default_rng(6)
    L = rng.normal(size=(50, 4, 4))
    X = np.exp(L)
    for _ in range(500):
        X = X / X.sum(-2, keepdims=True)
        X = X / X.sum(-1, keepdims=True)
    assert np.abs(ds.sinkhorn_knopp(L, tol=1e-12) - X).max() < 1e-11


def test_sphere_has_norm_one():
    H = ds.spectral_sphere(np.random.default_rng(7).normal(size=(40, 25)))
    assert np.abs(np.linalg.norm(H, 2, axis=(-2, -1)) - 1).max() < 1e-12
    assert H.min() < 0


def test_orthostochastic_against_numpy():
    M = np.random.default_rng(8).normal(size=(30, 6, 6))
    Q = np.linalg.qr(M)[0]
    assert np.abs(ds.orthostochastic(M) - Q**2).max() < 1e-12


def test_kronecker_against_numpy():
    theta = np.random.default_rng(9).normal(size=8)
    A, B = ds.permutation_mixture(theta[:2]), ds.permutation_mixture(theta[2:])
    assert np.abs(ds.kronecker_product(theta, [2, 3]) - np.kron(A, B)).max() < 1e-15


def test_permutations_are_in_lexicographic_order():
    for k, p in enumerate(itertools.permutations(range(4))):
        theta = np.zeros(math.factorial(4))
        theta[k] = 800
        assert (ds.permutation_mixture(theta).argmax(1) == p).all()


def test_many_small_matrices():
    L = np.random.default_rng(10).normal(size=(20000, 4, 4))
    out = ds.sinkhorn_knopp(L, threads=2, full=True)
    assert out.result.status == "solved" and sums_error(out.matrices) < 1e-8
    assert out.result.matrix_residuals.shape == (20000,)
    assert out.vjp(np.ones_like(L)).shape == L.shape


@pytest.mark.parametrize("strategy", ["bottleneck", "any"])
def test_decomposition(strategy):
    rng = np.random.default_rng(11)
    X = ds.sinkhorn_knopp(rng.normal(size=(3, 9, 9)), tol=1e-12)
    for matrix, (weights, permutations) in zip(X, ds.birkhoff_decomposition(X, strategy=strategy)):
        built = np.zeros((9, 9))
        for weight, permutation in zip(weights, permutations):
            built[np.arange(9), permutation] += weight
        assert np.abs(built - matrix).max() < 1e-9
        assert weights.sum() == pytest.approx(1, abs=1e-9) and weights.min() > 0
        assert len(weights) <= 65
    weights, _ = ds.birkhoff_decomposition(X[0], max_terms=4)
    assert weights.shape == (4,)


def test_what_falls_short_is_told():
    L = 40 * np.random.default_rng(12).normal(size=(20, 20))
    with pytest.warns(RuntimeWarning, match="iteration_limit"):
        ds.sinkhorn_knopp(L, max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = ds.sinkhorn_knopp(L, sweeps=2, full=True)
    assert out.result.status != "solved"
    assert out.result.certificate["column_residual"] > 1e-3


def test_wrong_input():
    for call, word in (
        (lambda: ds.birkhoff_projection([1.0, 2.0]), "shape"),
        (lambda: ds.birkhoff_projection([[1.0, 2.0]]), "square"),
        (lambda: ds.birkhoff_projection([[np.nan]]), "nan"),
        (lambda: ds.permutation_mixture(np.zeros(5)), "n!"),
        (lambda: ds.spectral_sphere(np.zeros(5)), "square"),
        (lambda: ds.kronecker_product(np.zeros(4), [2, 3]), "8"),
        (lambda: ds.kronecker_product(np.zeros(4), [2.0, 2.0]), "whole"),
        (lambda: ds.sinkhorn_knopp([[1.0]], sweeps=0), "sweeps"),
        (lambda: ds.sinkhorn_knopp([[1.0]], temperature=0), "temperature"),
        (lambda: ds.sinkhorn_knopp(np.zeros((0, 2, 2))), "empty"),
        (lambda: ds.birkhoff_decomposition([[0.5, 0.6], [0.5, 0.4]]), "matrix 0"),
        (lambda: ds.birkhoff_projection([[1.0]], full=True).vjp([[[1.0]]]), "cotangent"),
    ):
        with pytest.raises(kantor.KantorError, match=word):
            call()
