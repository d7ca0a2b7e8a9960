"""Entropic transport under POT's names."""

from __future__ import annotations

import numpy as np
import pytest
from support import entropic_plan, problem, weights

import kantor
from kantor import ot
from kantor.ot import bregman

VARIANTS = ["sinkhorn", "sinkhorn_log", "sinkhorn_stabilized", "sinkhorn_epsilon_scaling"]


@pytest.fixture(scope="module")
def case():
    M, a, b = problem(21, 6, 5)
    return M / M.max(), a, b


@pytest.mark.smoke
@pytest.mark.parametrize("method", VARIANTS)
@pytest.mark.parametrize("reg", [1.0, 0.05])
def test_plan(case, method, reg):
    M, a, b = case
    plan, log = ot.sinkhorn(a, b, M, reg, method=method, log=True)
    assert plan == pytest.approx(entropic_plan(M, a, b, reg), abs=1e-8)
    assert ot.sinkhorn2(a, b, M, reg, method=method) == pytest.approx((plan * M).sum(), rel=1e-7)
    assert isinstance(log["err"], list) and log["err"][-1] < 1e-6


def test_scaling_vectors(case):
    M, a, b = case
    for method in ("sinkhorn", "sinkhorn_log"):
        plan, log = ot.sinkhorn(a, b, M, 0.1, method=method, log=True)
        assert log["u"][:, None] * np.exp(-M / 0.1) * log["v"] == pytest.approx(plan, abs=1e-12)
    assert np.exp(log["log_u"]) == pytest.approx(log["u"])
    assert set(log) == {"err", "niter", "u", "v", "log_u", "log_v"}
    stabilized = ot.sinkhorn(a, b, M, 0.1, method="sinkhorn_stabilized", log=True)[1]
    assert set(stabilized) == {"err", "n_iter", "logu", "logv", "alpha", "beta", "warmstart"}
    scaled = ot.sinkhorn(a, b, M, 0.1, method="sinkhorn_epsilon_scaling", log=True)[1]
    assert set(scaled) == {"err", "niter", "alpha", "beta", "warmstart"}
    for log in (stabilized, scaled):
        exponents = (log["alpha"][:, None] + log["beta"] - M) / 0.1
        assert np.exp(exponents) == pytest.approx(plan, abs=1e-9)


@pytest.mark.parametrize("reg", [1e-3, 1e-4])
def test_small_regularisation(reg):
    rng = np.random.default_rng(3)
    M = ot.dist(rng.random((30, 2)), rng.random((30, 2)))
    plan, log = ot.sinkhorn([], [], M, reg, log=True, method="sinkhorn_log", numItermax=10**5)
    assert np.isfinite(plan).all() and np.isfinite(log["log_u"]).all()
    assert plan.sum(axis=1) == pytest.approx(np.full(30, 1 / 30), abs=1e-8)
    exponents = log["log_u"][:, None] + log["log_v"] - M / reg
    assert np.exp(exponents) == pytest.approx(plan, abs=1e-8)


def test_weights_that_are_zero(case):
    M, a, b = case
    a = a.copy()
    a[0] = 0
    a /= a.sum()
    plan, log = ot.sinkhorn(a, b, M, 0.1, log=True)
    assert not plan[0].any() and log["u"][0] == 0
    assert plan.sum(axis=0) == pytest.approx(b, abs=1e-8)


def test_empty_weights_are_uniform(case):
    M = case[0]
    uniform = ot.sinkhorn(np.full(6, 1 / 6), np.full(5, 0.2), M, 0.1)
    for empty in ([], None):
        assert ot.sinkhorn(empty, empty, M, 0.1) == pytest.approx(uniform, abs=1e-9)


@pytest.mark.parametrize("function", [ot.sinkhorn, ot.sinkhorn2])
@pytest.mark.parametrize("method", VARIANTS)
def test_several_targets(case, function, method):
    M, a, b = case
    B = np.stack([b, b[::-1]], axis=1)
    losses, log = function(a, B, M, 0.1, method=method, log=True)
    assert losses.shape == (2,)
    for k in range(2):
        assert losses[k] == pytest.approx(ot.sinkhorn2(a, B[:, k], M, 0.1), rel=1e-7)
    if "u" in log:
        assert log["u"].shape == (6, 2) and log["v"].shape == (5, 2)
    start = [(np.zeros(6), np.zeros(5))] * 2
    assert function(a, B, M, 0.1, warmstart=start) == pytest.approx(losses, rel=1e-7)
    with pytest.raises(kantor.InvalidShapeError, match="warmstart has 1 pairs"):
        function(a, B, M, 0.1, warmstart=start[:1])


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_precision(case, kind):
    M, a, b = (value.astype(kind) for value in case)
    plan, log = ot.sinkhorn(a, b, M, 0.1, log=True)
    assert plan.dtype == log["u"].dtype == np.dtype(kind)
    assert type(ot.sinkhorn2(a, b, M, 0.1)) is np.dtype(kind).type
    assert plan == pytest.approx(entropic_plan(*case, 0.1), abs=1e-5)
    assert plan.flags.writeable


def test_warm_start(case):
    M, a, b = case
    log = ot.sinkhorn(a, b, M, 0.02, method="sinkhorn_log", log=True)[1]
    start = (log["log_u"], log["log_v"])
    again = ot.sinkhorn(a, b, M, 0.02, method="sinkhorn_log", log=True, warmstart=start)[1]
    assert again["niter"] <= log["niter"]
    assert np.add.outer(again["log_u"], again["log_v"]) == pytest.approx(
        np.add.outer(*start), abs=1e-4)
    for bad in ((np.zeros(2), np.zeros(5)), 3, np.zeros((2, 2))):
        with pytest.raises(kantor.InvalidShapeError, match="warmstart"):
            ot.sinkhorn(a, b, M, 0.1, warmstart=bad)


def test_warning_when_cut_off(case, recwarn):
    M, a, b = case
    with pytest.warns(UserWarning, match="iteration_limit"):
        ot.sinkhorn(a, b, M, 1e-3, numItermax=1)
    recwarn.clear()
    ot.sinkhorn(a, b, M, 1e-3, numItermax=1, warn=False)
    ot.sinkhorn2(a, b, M, 1e-3, numItermax=1)
    assert not recwarn.list


def test_verbose(case, capsys):
    M, a, b = case
    ot.sinkhorn(a, b, M, 0.01, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["It.", "Err", "Seconds"] and len(lines) >= 2
    assert len(lines[1].split()) == 3


@pytest.mark.parametrize("words, kind, text", [
    (dict(reg=0), kantor.InvalidValueError, "reg is 0"),
    (dict(reg=-1), kantor.InvalidValueError, "reg is -1"),
    (dict(reg=np.nan), kantor.InvalidValueError, "reg is nan"),
    (dict(reg="much"), kantor.InvalidTypeError, "reg is 'much'"),
    (dict(method="screenkhorn"), kantor.UnsupportedError, "screenkhorn"),
    (dict(method=None), kantor.UnsupportedError, "method None"),
    (dict(numItermax=0), kantor.InvalidValueError, "numItermax"),
    (dict(stopThr=-1), kantor.InvalidValueError, "stopThr"),
    (dict(taus=1e3), kantor.UnsupportedError, "taus"),
])
def test_refusals(case, words, kind, text):
    M, a, b = case
    for function in (ot.sinkhorn, ot.sinkhorn2):
        with pytest.raises(kind, match=text):
            function(a, b, M, **{"reg": 0.1, **words})


# Points


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(31)
    return rng.random((8, 3)), rng.random((6, 3)), weights(rng, 8), weights(rng, 6)


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "cityblock", "cosine"])
def test_on_the_fly_and_with_a_matrix(clouds, metric):
    X, Y, a, b = clouds
    plan = bregman.empirical_sinkhorn(X, Y, 0.2, a, b, metric)
    assert plan == pytest.approx(ot.sinkhorn(a, b, ot.dist(X, Y, metric), 0.2), abs=1e-8)
    log_u, log_v, log = bregman.empirical_sinkhorn(
        X, Y, 0.2, a, b, metric, isLazy=True, log=True, batchSize=3)
    assert set(log) == {"err", "u", "v", "niter", "lazy_plan"}
    lazy = log["lazy_plan"]
    assert lazy.shape == (8, 6) and lazy[:] == pytest.approx(plan, abs=1e-7)
    assert lazy[2, 1:3] == pytest.approx(plan[2:3, 1:3], abs=1e-7)
    assert lazy[-1] == pytest.approx(plan[-1:], abs=1e-7)
    assert lazy.marginal(1) == pytest.approx(a, abs=1e-8)
    assert lazy.marginal(0) == pytest.approx(b, abs=1e-8)
    short = bregman.empirical_sinkhorn(X, Y, 0.2, a, b, metric, isLazy=True)
    assert np.array_equal(short[0], log_u) and np.array_equal(short[1], log_v)
    losses = [
        bregman.empirical_sinkhorn2(X, Y, 0.2, a, b, metric, isLazy=is_lazy, log=True)[0]
        for is_lazy in (True, False)
    ]
    assert losses == pytest.approx([(plan * ot.dist(X, Y, metric)).sum()] * 2, rel=1e-7)
    with pytest.raises(IndexError):
        lazy[0, 0, 0]
    with pytest.raises(IndexError):
        lazy[100]


def test_other_metrics_need_the_matrix(clouds):
    X, Y, _a, _b = clouds
    assert bregman.empirical_sinkhorn(X, Y, 0.2, metric="chebyshev").sum() == pytest.approx(1)
    with pytest.raises(kantor.UnsupportedError, match="chebyshev"):
        bregman.empirical_sinkhorn(X, Y, 0.2, metric="chebyshev", isLazy=True)
    with pytest.raises(kantor.UnsupportedError, match="method"):
        bregman.empirical_sinkhorn(X, Y, 0.2, isLazy=True, method="sinkhorn_log")
    with pytest.raises(kantor.UnsupportedError, match="tau"):
        bregman.empirical_sinkhorn2(X, Y, 0.2, isLazy=True, tau=1)


def test_divergence(clouds):
    X, Y, a, b = clouds
    value, log = bregman.empirical_sinkhorn_divergence(X, Y, 0.2, a, b, log=True)
    parts = [
        bregman.empirical_sinkhorn2(*pair, 0.2, *both)
        for pair, both in (((X, Y), (a, b)), ((X, X), (a, a)), ((Y, Y), (b, b)))
    ]
    assert value == pytest.approx(parts[0] - (parts[1] + parts[2]) / 2, rel=1e-7)
    assert [log[f"sinkhorn_loss_{name}"] for name in ("ab", "a", "b")] == pytest.approx(parts)
    assert {f"log_sinkhorn_{name}" for name in ("ab", "a", "b")} < set(log)
    assert bregman.empirical_sinkhorn_divergence(X, X, 0.2, a, a) == pytest.approx(0, abs=1e-8)
    start = (np.zeros(8), np.zeros(6))
    again = bregman.empirical_sinkhorn_divergence(X, Y, 0.2, a, b, warmstart=start)
    assert again == pytest.approx(value, rel=1e-6)


FUNCTIONS = {
    "greenkhorn": {"u", "v", "n_iter"},
    "sinkhorn_knopp": {"err", "niter", "u", "v"},
    "sinkhorn_log": {"err", "niter", "u", "v", "log_u", "log_v"},
    "sinkhorn_stabilized": {"err", "n_iter", "logu", "logv", "alpha", "beta", "warmstart"},
    "sinkhorn_epsilon_scaling": {"err", "niter", "alpha", "beta", "warmstart"},
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_variants_as_functions(case, name):
    M, a, b = case
    function = getattr(bregman, name)
    plan, log = function(a, b, M, 0.1, log=True)
    assert plan == pytest.approx(entropic_plan(M, a, b, 0.1), abs=1e-8)
    assert set(log) == FUNCTIONS[name]
    if "u" in log:
        assert log["u"][:, None] * np.exp(-M / 0.1) * log["v"] == pytest.approx(plan, abs=1e-12)
    single = function(*(x.astype(np.float32) for x in (a, b, M)), 0.1, stopThr=1e-6)
    assert single.dtype == np.float32 and single == pytest.approx(plan, abs=1e-5)
    with pytest.warns(UserWarning, match="iteration_limit"):
        function(a, b, M, 1e-2, stopThr=1e-15, **(
            {"numItermax": 1, "numInnerItermax": 1} if "scaling" in name else {"numItermax": 1}))
    assert ot.sinkhorn2([], [], M, 0.1, method="greenkhorn") > 0
    if name != "greenkhorn":
        with pytest.raises(kantor.UnsupportedError, match="extra"):
            function(a, b, M, 0.1, extra=1)
