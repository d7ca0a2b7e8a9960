"""``emd`` and ``emd2``: optimal plans, POT's return shapes, refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from support import highs, problem, problems, weights

import kantor
from kantor import ot


@pytest.mark.smoke
@given(drawn=problems)
def test_plan_cost_and_potentials(drawn):
    M, a, b = drawn
    plan, log = ot.emd(a, b, M, log=True)
    assert set(log) == {"cost", "u", "v", "warning", "result_code"}
    assert plan.sum(axis=1) == pytest.approx(a, abs=1e-12)
    assert plan.sum(axis=0) == pytest.approx(b, abs=1e-12)
    expected = highs(M, a, b)
    assert log["cost"] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert ot.emd2(a, b, M) == log["cost"]
    assert (log["u"][:, None] + log["v"] <= M + 1e-9).all()
    assert a @ log["u"] == pytest.approx(b @ log["v"], abs=1e-9)
    assert a @ log["u"] + b @ log["v"] == pytest.approx(expected, abs=1e-9)
    assert log["warning"] is None and log["result_code"] == 1


def test_potentials_as_they_are():
    M, a, b = problem(1, 5, 4)
    centred = ot.emd(a, b, M, log=True)[1]
    plain = ot.emd(a, b, M, log=True, center_dual=False)[1]
    assert np.add.outer(plain["u"], plain["v"]) == pytest.approx(
        np.add.outer(centred["u"], centred["v"]))


@pytest.mark.parametrize("empty", [[], None, np.empty(0)])
def test_empty_weights_are_uniform(empty):
    M = problem(2, 4, 6)[0]
    plan = ot.emd(empty, empty, M)
    assert plan.sum(axis=1) == pytest.approx(np.full(4, 0.25))
    assert ot.emd2(empty, empty, M) == pytest.approx((plan * M).sum())
    a = weights(np.random.default_rng(0), 4)
    assert ot.emd(a, empty, M) == pytest.approx(ot.emd(a, np.full(6, 1 / 6), M), abs=1e-12)


def test_lists():
    plan = ot.emd([0.5, 0.5], [0.25, 0.75], [[0, 1], [1, 0]])
    assert np.array_equal(plan, [[0.25, 0.25], [0.0, 0.5]])


@pytest.mark.parametrize("kinds, expected", [
    (("f4", "f4", "f4"), "f4"), (("f8", "f4", "f4"), "f8"), (("f4", "f8", "f8"), "f4"),
    (("i8", "i8", "f4"), "f8"),
    ((">f4", "f8", "f8"), "f4"), ((None, "f4", "f8"), "f4"), ((None, None, "f4"), "f4"),
])
def test_precision_is_that_of_the_first_array(kinds, expected):
    M, a, b = problem(3, 2, 2)
    given = [
        [] if kind is None else np.ones(2).astype(kind) if kind == "i8" else
        np.full(2, 0.5, kind) if value.ndim == 1 else value.astype(kind)
        for kind, value in zip(kinds, (a, b, M))
    ]
    plan, log = ot.emd(*given, log=True)
    assert plan.dtype == np.dtype(expected) == log["u"].dtype == log["v"].dtype
    assert type(log["cost"]) is float


def test_integer_weights_keep_their_fractions():
    plan = ot.emd(np.array([1, 2]), np.array([2, 1]), np.array([[0, 1], [1, 0]]))
    assert np.array_equal(plan, [[1.0, 0.0], [1.0, 1.0]])


@pytest.mark.parametrize("change", [np.asfortranarray, lambda M: np.repeat(M, 2, 1)[:, ::2],
                                    lambda M: M.astype(np.float32)])
def test_layouts(change):
    M, a, b = problem(4, 7, 5)
    assert ot.emd(a, b, change(M)) == pytest.approx(ot.emd(a, b, M), abs=1e-6)


def test_several_targets():
    M, a, b = problem(5, 4, 5)
    B = np.stack([b, b[::-1], np.full(5, 0.2)], axis=1)
    costs = ot.emd2(a, B, M)
    assert type(costs) is list
    assert costs == pytest.approx([ot.emd2(a, B[:, k].copy(), M) for k in range(3)])
    logged = ot.emd2(a, B, M, log=True, return_matrix=True)
    for k, (cost, log) in enumerate(logged):
        assert cost == costs[k] == log["cost"]
        assert log["G"] == pytest.approx(ot.emd(a, B[:, k], M))


def test_shapes_of_what_emd2_returns():
    M, a, b = problem(6, 4, 5)
    assert type(ot.emd2(a, b, M)) is float
    cost, log = ot.emd2(a, b, M, log=True)
    assert set(log) == {"cost", "u", "v", "warning", "result_code"}
    cost, log = ot.emd2(a, b, M, return_matrix=True)
    assert (log["G"] * M).sum() == pytest.approx(cost)


def test_small_differences_of_mass_are_scaled_away():
    M, a, b = problem(7, 5, 6)
    plan = ot.emd(a, b * (1 + 1e-7), M)
    assert plan.sum(axis=0) == pytest.approx(b, abs=1e-12)
    assert ot.emd2(a.astype("f4"), b.astype("f4"), M) == pytest.approx(ot.emd2(a, b, M), rel=1e-6)
    with pytest.raises(kantor.InvalidValueError, match="masses differ.*1, b to 1.1"):
        ot.emd(a, 1.1 * b, M)
    assert ot.emd(a, 2 * b, M, check_marginals=False) == pytest.approx(ot.emd(a, b, M))
    with pytest.raises(kantor.InvalidValueError, match="masses differ"):
        ot.emd(2 * a, [], M)


def test_inputs_are_left_alone():
    M, a, b = problem(8, 5, 6)
    kept = M.copy(), a.copy(), b.copy()
    ot.emd(a, b * (1 + 1e-7), M, log=True)
    ot.emd2(a, b, M)
    for have, was in zip((M, a, b), kept):
        assert np.array_equal(have, was)


def test_results_are_writable_and_own():
    M, a, b = problem(9, 5, 6)
    plan, log = ot.emd(a, b, M, log=True)
    plan *= 2
    log["u"] += 1
    assert ot.emd(a, b, M).sum() == pytest.approx(1)


@pytest.mark.parametrize("n", [40, 600])
def test_small_and_large_take_the_same_meaning(n):
    rng = np.random.default_rng(n)
    x, y = rng.random((n, 2)), rng.random((n, 2))
    M = ot.dist(x, y)
    plan, log = ot.emd([], [], M, log=True)
    assert np.count_nonzero(plan) <= 2 * n - 1
    assert (plan * M).sum() == pytest.approx(log["cost"], rel=1e-12)
    assert (log["u"].mean() + log["v"].mean()) == pytest.approx(log["cost"], rel=1e-9)


def test_limit_of_pivots():
    M = problem(10, 60, 50)[0]
    with pytest.warns(UserWarning, match="numItermax"):
        plan, log = ot.emd([], [], M, numItermax=3, log=True)
    assert log["result_code"] == 3 and "numItermax" in log["warning"]
    assert plan.sum() == pytest.approx(1)
    assert log["cost"] >= ot.emd2([], [], M)
    assert ot.emd2([], [], M, numItermax=10**6) == pytest.approx(ot.emd2([], [], M))


def test_forbidden_pairs():
    M = np.array([[0.0, np.inf], [5.0, 1.0]])
    assert np.array_equal(ot.emd([0.25, 0.75], [0.5, 0.5], M), [[0.25, 0.0], [0.25, 0.5]])
    with pytest.warns(UserWarning, match="forbidden"):
        plan, log = ot.emd([0.75, 0.25], [0.5, 0.5], M, log=True)
    assert log["result_code"] == 0 and log["cost"] == np.inf and not plan.any()
    with pytest.warns(UserWarning, match="forbidden"):
        assert ot.emd2([0.75, 0.25], [0.5, 0.5], M) == np.inf


def test_start_from_potentials():
    M, a, b = problem(11, 30, 25)
    log = ot.emd(a, b, M, log=True)[1]
    again = ot.emd(a, b, M, log=True, potentials_init=(log["u"], log["v"]))[1]
    assert again["cost"] == pytest.approx(log["cost"], rel=1e-12)
    with pytest.raises(kantor.KantorError, match="potential"):
        ot.emd(a, b, M, potentials_init=(log["u"][:3], log["v"]))


@pytest.mark.parametrize("threads", [2, "max"])
def test_threads(threads):
    M, a, b = problem(12, 20, 30)
    assert ot.emd2(a, b, M, numThreads=threads) == pytest.approx(ot.emd2(a, b, M), rel=1e-12)


@pytest.mark.parametrize("arguments, kind, text", [
    (([0.5], [0.5, 0.5], np.eye(2)), kantor.InvalidShapeError, "a has 1 weights; 2 are needed"),
    (([0.5, 0.5], [1.0], np.eye(2)), kantor.InvalidShapeError, "b has 1 weights"),
    (([], [], np.ones(3)), kantor.InvalidShapeError, "M has the shape"),
    (([], [], np.ones((0, 3))), kantor.InvalidShapeError, "cost"),
    (([[0.5, 0.5]], [], np.eye(2)), kantor.InvalidShapeError, "a has the shape"),
    (([], [], np.eye(2) * np.nan), kantor.InvalidValueError, "cost is nan"),
    (([1.5, -0.5], [], np.eye(2)), kantor.InvalidValueError, "weights_source is -0.5"),
    (([0.0, 0.0], [0.0, 0.0], np.eye(2)), kantor.InvalidValueError, "positive mass"),
    (([np.nan, 1], [], np.eye(2)), kantor.InvalidValueError, "masses differ"),
    (([], [], np.eye(2) * 1j), kantor.InvalidTypeError, "M is complex"),
    ((scipy.sparse.eye(2), [], np.ones((2, 2))), kantor.UnsupportedError, "a is a sparse matrix"),
    (("half", [], np.eye(2)), kantor.InvalidTypeError, "a "),
])
def test_refusals(arguments, kind, text):
    for function in (ot.emd, ot.emd2):
        with pytest.raises(kind, match=text):
            function(*arguments)


@pytest.mark.parametrize("words", [
    dict(numItermax=0), dict(numItermax=1.5), dict(numItermax="many"), dict(numThreads=0),
    dict(numThreads="all"),
])
def test_refusals_of_options(words):
    with pytest.raises(kantor.InvalidValueError, match=next(iter(words))):
        ot.emd([], [], np.eye(2), **words)
    with pytest.raises(kantor.UnsupportedError, match="processes"):
        ot.emd2([], [], np.eye(2), processes=2)


def test_no_warnings_in_ordinary_use():
    M, a, b = problem(13, 5, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ot.emd(a, b, M, log=True)
