"""Low-rank transport under POT's name."""

from __future__ import annotations

import numpy as np
import pytest
from support import weights

import kantor
from kantor import ot
from kantor.ot.lowrank import lowrank_sinkhorn


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(3)
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    x = centres[np.arange(30) % 3] + 0.5 * rng.random((30, 2))
    y = centres[np.arange(24) % 3] + 0.5 * rng.random((24, 2)) + 1
    return x, y, weights(rng, 30), weights(rng, 24)


@pytest.mark.smoke
def test_factors(clouds):
    x, y, a, b = clouds
    Q, R, g, log = lowrank_sinkhorn(x, y, a, b, rank=4, log=True, rescale_cost=False)
    assert Q.shape == (30, 4) and R.shape == (24, 4) and g.shape == (4,)
    for values in (Q, R, g):
        assert (values >= 0).all()
    assert Q.sum(1) == pytest.approx(a) and R.sum(1) == pytest.approx(b)
    assert Q.sum(0) == pytest.approx(g) and R.sum(0) == pytest.approx(g)
    plan = Q @ np.diag(1 / g) @ R.T
    M = ot.dist(x, y)
    assert log["value"] == log["value_linear"] == pytest.approx((plan * M).sum())
    assert log["value"] >= ot.emd2(a, b, M) - 1e-12
    assert log["lazy_plan"][:] == pytest.approx(plan)
    assert log["lazy_plan"][3:5, 7] == pytest.approx(plan[3:5, 7:8])


def test_rescaled_values(clouds):
    x, y, a, b = clouds
    plain = lowrank_sinkhorn(x, y, a, b, rank=3, log=True, rescale_cost=False)[3]["value"]
    scaled = lowrank_sinkhorn(x, y, a, b, rank=3, log=True)[3]["value"]
    left = np.column_stack([(x**2).sum(1), np.ones(30), -2 * x])
    right = np.column_stack([np.ones(24), (y**2).sum(1), y])
    assert left @ right.T == pytest.approx(ot.dist(x, y))
    assert scaled == pytest.approx(plain / np.sqrt(left.max() * right.max()))


def test_groups(clouds):
    x, y, _, _ = clouds
    Q, R, g = lowrank_sinkhorn(x[:24], y, rank=3)
    assert ((Q.argmax(1)[:, None] == Q.argmax(1)) == (
        np.arange(24)[:, None] % 3 == np.arange(24) % 3)).all()
    assert g == pytest.approx(np.full(3, 1 / 3), abs=1e-3)
    assert (R.argmax(1)[:3] == Q.argmax(1)[:3]).all()


def test_full_rank_is_the_default(clouds):
    x, y, a, b = clouds
    Q, R, _ = lowrank_sinkhorn(x[:6], y[:5], numItermax=50, warn=False)
    assert Q.shape == (6, 5) and R.shape == (5, 5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_precision_is_kept(clouds, kind):
    x, y, a, b = (array.astype(kind) for array in clouds)
    Q, R, g, log = lowrank_sinkhorn(x, y, a, b, rank=2, log=True)
    assert Q.dtype == R.dtype == g.dtype == log["value"].dtype == kind


@pytest.mark.parametrize("wrong, kind", [
    (dict(reg=0.1), kantor.UnsupportedError),
    (dict(rank=0), kantor.InvalidValueError),
    (dict(rank=2.5), kantor.InvalidTypeError),
    (dict(alpha=0.9, rank=2), kantor.InvalidValueError),
    (dict(gamma_init="other"), kantor.UnsupportedError),
    (dict(a=[1.0]), kantor.InvalidShapeError),
])
def test_wrong_arguments(clouds, wrong, kind):
    with pytest.raises(kind):
        lowrank_sinkhorn(clouds[0], clouds[1], **wrong)


def test_warning(clouds):
    x, y, a, b = clouds
    with pytest.warns(UserWarning, match="iteration_limit"):
        lowrank_sinkhorn(x, y, a, b, rank=5, numItermax=1)
