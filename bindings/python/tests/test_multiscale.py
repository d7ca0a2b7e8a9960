"""Entropic transport between large clouds."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import kantor


def clouds(n, m, d, seed):
    rng = np.random.default_rng(seed)
    return rng.random((n, d)), rng.random((m, d)) ** 1.5


@pytest.mark.parametrize(("metric", "epsilon"), [("sqeuclidean", 0.01), ("euclidean", 0.05)])
def test_equals_sinkhorn(metric, epsilon):
    problem = kantor.Problem("transport", points=clouds(4600, 4200, 2, 1), metric=metric)
    coarse = kantor.solve(problem, "multiscale_sinkhorn", epsilon=epsilon, tolerance=1e-8)
    plain = kantor.solve(problem, "sinkhorn", epsilon=epsilon, tolerance=1e-8)
    assert coarse.status == plain.status == "solved"
    assert coarse.levels == 2
    assert coarse.objective == pytest.approx(plain.objective, abs=1e-8)
    assert coarse.passes < plain.passes


def test_certificate_of_a_large_cloud():
    x, y = clouds(15_000, 14_000, 2, 2)
    rng = np.random.default_rng(3)
    a, b = rng.random(len(x)), rng.random(len(y))
    a[::5] = 0
    a, b = a / a.sum(), b / b.sum()
    problem = kantor.Problem("transport", points=(x, y), a=a, b=b)
    result = kantor.solve(problem, "multiscale_sinkhorn", epsilon=0.005)
    assert result.status == "solved"
    assert result.marginal_residual <= 1e-6
    assert result.pair_share < 0.5
    assert 0 <= result.gap <= 1e-4
    assert result.lower_bound <= result.transport_cost <= result.upper_bound
    # The marginals of some rows, by the plain formula on all pairs.
    f, g = result.potential_source, result.potential_target
    rows = np.flatnonzero(a)[:200]
    costs = ((x[rows, None] - y[None]) ** 2).sum(2)
    plan = a[rows, None] * b * np.exp((f[rows, None] + g - costs) / 0.005)
    assert abs(plan.sum(1) - a[rows]).sum() <= 1e-8
    again = kantor.solve(problem, "multiscale_sinkhorn", epsilon=0.005, warm_start=result)
    assert again.status == "solved"
    assert again.levels == 1 and again.passes == 1


def test_stops_early():
    problem = kantor.Problem("transport", points=clouds(15_000, 14_000, 3, 4))
    result = kantor.solve(problem, "multiscale_sinkhorn", epsilon=0.01, time_limit=0.05)
    assert result.status == "time_limit"
    assert not result.marginal_residual <= 1e-6


def test_needs_points():
    with pytest.raises(kantor.KantorError, match="needs points"):
        kantor.solve(kantor.Problem("transport", cost=np.eye(3)), "multiscale_sinkhorn")


def test_warm_starts_do_not_depend_on_freed_memory():
    """The start is copied in another order; with freed memory overwritten it still is the start."""
    code = (
        "import numpy as np, kantor\n"
        "rng = np.random.default_rng(4)\n"
        "x, y = rng.random((5000, 2)), rng.random((4800, 2)) ** 1.5\n"
        "problem = kantor.Problem('transport', points=(x, y))\n"
        "first = kantor.solve(problem, 'multiscale_sinkhorn', epsilon=0.01)\n"
        "again = kantor.solve(problem, 'multiscale_sinkhorn', epsilon=0.01, warm_start=first)\n"
        "print(again.status, again.passes)\n")
    paths = os.pathsep.join(filter(None, sys.path))
    for pattern in ("165", "255"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": paths, "MALLOC_PERTURB_": pattern})
        assert done.stdout.split() == ["solved", "1"]
