"""Batches in POT's names, against problems solved one by one and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import kantor
from kantor.ot import batch


@pytest.fixture
def random():
    return np.random.default_rng(4)


@pytest.mark.parametrize("threads", [1, 3])
def test_exact(random, threads):
    M = random.random((7, 6, 6))
    found = batch.solve_batch(M, threads=threads)
    for k in range(7):
        rows, columns = linear_sum_assignment(M[k])
        assert found.value[k] == pytest.approx(M[k][rows, columns].mean(), abs=1e-14)
    assert np.allclose(found.plan.sum(axis=2), 1 / 6) and np.allclose(found.plan.sum(axis=1), 1 / 6)
    assert np.allclose(batch.loss_linear_batch(M, found.plan), found.value)
    u, v = found.potentials
    assert np.all(u[:, :, None] + v[:, None, :] <= M + 1e-12)
    assert found.status == ["Converged"] * 7 and len(found) == 7


@pytest.mark.parametrize("reg_type", ["entropy", "KL"])
def test_entropic_as_one_by_one(random, reg_type):
    M = random.random((4, 5, 8))
    a = random.dirichlet(np.ones(5), 4)
    b = random.dirichlet(np.ones(8))
    found = batch.solve_batch(M, 0.1, a, b, tol=1e-10, reg_type=reg_type, threads=2)
    for k in range(4):
        alone = kantor.ot.solve(M[k], a[k], b, reg=0.1, reg_type=reg_type, tol=1e-10)
        assert found.value[k] == pytest.approx(alone.value, rel=1e-12)
        assert np.allclose(found.plan[k], alone.plan, atol=1e-12)
        assert np.allclose(found[k].potentials[0], alone.potentials[0])
    u, v = found.potentials
    assert np.allclose(np.exp(u[:, :, None] + v[:, None, :] - M / 0.1), found.plan)


def test_points(random):
    x, y = random.normal(size=(3, 6, 2)), random.normal(size=(3, 5, 2))
    M = batch.dist_batch(x, y)
    assert np.allclose(M, ((x[:, :, None] - y[:, None]) ** 2).sum(axis=3))
    found = batch.solve_sample_batch(x, y, 0.5, tol=1e-9)
    assert np.allclose(found.value, batch.solve_batch(M, 0.5, tol=1e-9).value)
    assert np.allclose(
        batch.loss_linear_samples_batch(x, y, found.plan), found.value_linear, rtol=1e-6)
    assert np.allclose(batch.dist_batch(x), batch.dist_batch(x, x))


def test_precision_is_kept(random):
    M = random.random((2, 4, 4)).astype(np.float32)
    found = batch.solve_batch(M, 0.1)
    assert found.plan.dtype == found.value.dtype == np.float32
    assert batch.solve_batch(M).plan.dtype == np.float32


def test_empty_batch():
    found = batch.solve_batch(np.zeros((0, 2, 3)))
    assert found.value.shape == (0,) and len(found) == 0
    assert len(found.plan) == 0 and found.potentials is None


def test_no_plan_for_one():
    M = np.array([[[0.0, np.inf], [0.0, np.inf]], [[0.0, 1.0], [1.0, 0.0]]])
    with pytest.warns(UserWarning):
        found = batch.solve_batch(M)
    assert found.value[0] == np.inf and found.value[1] == 0 and found.potentials is None
    assert found.status == ["infeasible", "Converged"]


@pytest.mark.parametrize("arguments, kind", [
    (dict(M=np.zeros((2, 3))), kantor.InvalidShapeError),
    (dict(M=np.zeros((2, 3, 3)), a=np.ones((3, 3))), kantor.InvalidShapeError),
    (dict(M=np.zeros((2, 3, 3)), method="proximal", reg=1.0), kantor.UnsupportedError),
    (dict(M=np.zeros((2, 3, 3)), method="sinkhorn"), kantor.UnsupportedError),
    (dict(M=np.zeros((2, 3, 3)), reg=1.0, reg_type="L2"), kantor.UnsupportedError),
    (dict(M=np.zeros((2, 3, 3)), reg=-1.0), kantor.InvalidValueError),
    (dict(M=np.zeros((2, 3, 3)), threads=0), kantor.InvalidValueError),
    (dict(M=np.full((2, 3, 3), np.nan)), kantor.InvalidValueError),
])
def test_what_is_refused(arguments, kind):
    with pytest.raises(kind):
        batch.solve_batch(**arguments)


def test_other_refusals(random):
    with pytest.raises(kantor.InvalidShapeError, match="members"):
        batch.dist_batch(np.zeros((2, 3, 1)), np.zeros((3, 3, 1)))
    with pytest.raises(kantor.UnsupportedError):
        batch.dist_batch(np.zeros((2, 3, 1)), nx=object())
    with pytest.raises(kantor.InvalidShapeError, match="must agree"):
        batch.loss_linear_batch(np.zeros((2, 3, 1)), np.zeros((2, 3, 2)))
