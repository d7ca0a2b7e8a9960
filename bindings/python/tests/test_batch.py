"""Many problems at once."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import kantor
from kantor import _abi
from kantor._library import lib


def problems(count, size=5, seed=0):
    random = np.random.default_rng(seed)
    return [kantor.Problem("transport", cost=random.random((size, size + 1)))
            for _ in range(count)]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("method", [None, "network_simplex", "sinkhorn"])
def test_same_answers_as_one_by_one(threads, method):
    many = problems(12)
    batch = kantor.solve_batch(many, method, threads=threads)
    for problem, result in zip(many, batch):
        alone = kantor.solve(problem.copy(), method)
        assert result.status == alone.status == "solved"
        assert result.objective == alone.objective
        assert np.array_equal(result["potential_source"], alone["potential_source"])


def test_default_method_per_problem():
    square = kantor.Problem("transport", cost=np.eye(3))
    wide = kantor.Problem("transport", cost=np.ones((2, 3)))
    results = kantor.solve_batch([square, wide, square])
    assert [r["method"] for r in results] == [
        "transport/assignment", "transport/network_simplex", "transport/assignment"]


def test_nothing_to_do():
    assert kantor.solve_batch([]) == []
    assert kantor.solve_batch([], "sinkhorn", threads=8) == []


def test_bad_data_of_one_problem():
    good, bad = problems(2), kantor.Problem("transport", cost=[[np.nan]])
    with pytest.raises(kantor.InvalidValueError, match="problem 1 of the batch: cost is nan"):
        kantor.solve_batch([good[0], bad, good[1]])
    results = kantor.solve_batch([good[0], bad, good[1]], errors="return", threads=2)
    assert results[0].status == results[2].status == "solved"
    assert isinstance(results[1], kantor.InvalidValueError)
    assert "cost is nan at (0, 0)" in str(results[1])


def test_what_is_refused():
    with pytest.raises(kantor.InvalidTypeError, match="problem 1 is of type int"):
        kantor.solve_batch([problems(1)[0], 3])
    with pytest.raises(kantor.InvalidValueError, match="errors"):
        kantor.solve_batch([], errors="ignore")
    with pytest.raises(kantor.UnknownNameError, match="sinkhorn"):
        kantor.solve_batch(problems(1), "sinkhron")
    with pytest.raises(kantor.UnknownNameError):
        kantor.solve_batch(problems(1), "sinkhorn", epsilonn=1)
    with pytest.raises(kantor.StateError):
        kantor.solve_batch(problems(1), "assignment", settings=kantor.Settings("sinkhorn"))
    with pytest.raises(kantor.InvalidTypeError, match="settings"):
        kantor.solve_batch([], settings=3)


def test_warm_start_of_another_size():
    start = kantor.solve(problems(1, size=3)[0], "sinkhorn")
    with pytest.raises(kantor.InvalidShapeError, match="problem 0 of the batch"):
        kantor.solve_batch(problems(2), "sinkhorn", warm_start=start)


@pytest.mark.parametrize("threads", [1, 3])
def test_progress_counts_problems(threads):
    seen = []
    kantor.solve_batch(problems(6), threads=threads, progress=lambda p: seen.append(p.iteration))
    assert seen == sorted(seen)
    assert max(seen) <= 6
    if threads == 1:
        assert [k for k in range(1, 7) if k in seen] == list(range(1, 7))


def test_progress_stops_the_rest():
    results = kantor.solve_batch(
        problems(20), "sinkhorn", progress=lambda p: p.iteration >= 2, tolerance=1e-12)
    statuses = [r.status for r in results]
    assert statuses[:2] == ["solved"] * 2
    assert set(statuses[2:]) == {"stopped_by_callback"} and len(results) == 20


def test_exception_of_a_hook():
    def hook(progress):
        raise ZeroDivisionError("in the hook")

    with pytest.raises(ZeroDivisionError, match="in the hook"):
        kantor.solve_batch(problems(4), "sinkhorn", progress=hook)


def test_cancelled_before():
    settings = kantor.Settings("sinkhorn", tolerance=1e-13, epsilon=1e-4)
    settings.cancel()
    results = kantor.solve_batch(problems(3, size=60), settings=settings, threads=2)
    assert [r.status for r in results] == ["cancelled"] * 3


def test_time_limit_of_the_whole():
    results = kantor.solve_batch(
        problems(5, size=80), "sinkhorn", time_limit=0, epsilon=1e-4, tolerance=1e-13)
    assert {r.status for r in results} == {"time_limit"}


def test_log_of_the_batch():
    lines = []
    kantor.solve_batch(problems(3), log=lambda level, text: lines.append(text), threads=2)
    assert lines == ["a batch of 3 problems starts", "a batch of 3 problems ends"]


def test_derivatives_of_results():
    result = kantor.solve_batch(problems(3), "network_simplex", threads=2)[1]
    gradient = result.vjp({"objective": 1.0}, ["cost"])
    assert np.allclose(gradient["cost"], result["plan"])


@pytest.mark.parametrize("count", [-1, (1 << 24) + 1])
def test_count_out_of_range(count):
    one = (ctypes.c_void_p * 1)(problems(1)[0]._handle.pointer)
    made = (ctypes.c_void_p * 1)(77)
    assert lib.kantor_solve_batch(one, count, None, None, made, None) == _abi.E_RANGE
    assert made[0] == 77


def test_a_handle_that_is_none():
    keep = problems(1)[0]
    two = (ctypes.c_void_p * 2)(keep._handle.pointer, None)
    made = (ctypes.c_void_p * 2)(77, 77)
    codes = (ctypes.c_int32 * 2)(5, 5)
    assert lib.kantor_solve_batch(two, 2, None, None, made, codes) == _abi.E_NULL
    assert b"problem 1 of the batch" in lib.kantor_last_error()
    assert list(made) == [None, None] and list(codes) == [5, 5]
