"""The option that caps the memory of a solve."""

from __future__ import annotations

import subprocess
import sys

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


# A process of 120 MB at most beyond what it has: less than the workspace of OpenBLAS.
SHORT = """
import resource
import subprocess
import sys

import numpy as np
import kantor

side = 60
entries = side * (side + 1) // 2
rows = -np.eye(entries) + 0.01
kantor.solve(kantor.Problem("transport", cost=np.eye(3)))
with open("/proc/self/statm") as pages:
    now = int(pages.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 120_000_000, now + 120_000_000))
try:
    kantor.cone.solve(None, np.ones(entries), rows, np.zeros(entries), [("psd", side)])
    print("solved")
except MemoryError as error:
    print("MemoryError", error)
print(kantor.solve(kantor.Problem("transport", cost=np.eye(3))).status)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is one of Linux")
def test_a_short_address_space_is_an_error_and_no_endless_wait():
    done = subprocess.run(
        [sys.executable, "-c", SHORT], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("MemoryError") and "out of memory" in first
    assert last == "solved"
