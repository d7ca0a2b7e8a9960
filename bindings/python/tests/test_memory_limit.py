"""The option that caps the memory of a solve."""

from __future__ import annotations

import numpy as np
import pytest

import kantor

POINTS = np.random.default_rng(3).random((2, 300, 2))


@pytest.mark.parametrize("method", ["network_simplex", "sinkhorn", "sinkhorn_divergence"])
def test_refused_before_it_is_allocated(method):
    problem = kantor.Problem("transport", points=tuple(POINTS))
    with pytest.raises(kantor.OutOfMemoryError, match="memory_limit.*1000 bytes"):
        kantor.solve(problem, method, memory_limit=1000)
    # Nothing is lost: the same problem can be solved with more.
    enough = kantor.solve(problem, method, memory_limit=1e9)
    assert enough.objective == kantor.solve(problem, method).objective
    assert enough.status == "solved"


def test_one_problem_of_a_batch():
    problems = [kantor.Problem("transport", cost=np.ones((n, n + 1))) for n in (3, 400, 4)]
    results = kantor.solve_batch(
        problems, "network_simplex", memory_limit=200_000, errors="return", threads=2)
    assert isinstance(results[1], kantor.OutOfMemoryError)
    assert [results[k].status for k in (0, 2)] == ["solved"] * 2


@pytest.mark.parametrize("value", [-1, float("nan")])
def test_values_that_make_no_sense(value):
    with pytest.raises(kantor.InvalidValueError, match="memory_limit"):
        kantor.solve(kantor.Problem("transport", cost=[[1.0]]), memory_limit=value)
