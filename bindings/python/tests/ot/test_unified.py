"""``solve`` and ``solve_sample``."""

from __future__ import annotations

import numpy as np
import pytest
from support import highs, problem, weights

import kantor
from kantor import ot


@pytest.fixture(scope="module")
def case():
    return problem(41, 7, 6)


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(51)
    return rng.random((8, 2)), rng.random((6, 2)), weights(rng, 8), weights(rng, 6)


@pytest.mark.smoke
@pytest.mark.parametrize("reg", [None, 0])
def test_exact(case, reg):
    M, a, b = case
    result = ot.solve(M, a, b, reg)
    assert result.value == result.value_linear == pytest.approx(highs(M, a, b), rel=1e-9)
    assert result.status == "Converged" and result.value_quad is None and result.log is None
    assert (result.plan * M).sum() == pytest.approx(result.value, rel=1e-12)
    assert np.array_equal(result.sparse_plan.toarray(), result.plan)
    assert result.marginal_a == pytest.approx(a) and result.marginals[1] == pytest.approx(b)
    f, g = result.potentials
    assert f is result.potential_a and g is result.potential_b
    assert a @ f == pytest.approx(b @ g) and (f[:, None] + g <= M + 1e-9).all()
    assert result.result.status == "solved" and result.lazy_plan is None


@pytest.mark.parametrize("reg_type", ["KL", "kl", "entropy", "Entropy"])
def test_entropic(case, reg_type):
    M, a, b = case
    result = ot.solve(M, a, b, reg=0.5, reg_type=reg_type)
    plan = ot.sinkhorn(a, b, M, 0.5)
    assert result.plan == pytest.approx(plan, abs=1e-8)
    assert result.value_linear == pytest.approx((plan * M).sum(), rel=1e-7)
    base = np.outer(a, b) if reg_type.lower() == "kl" else 1
    value = (plan * M).sum() + 0.5 * (plan * np.log(plan / base)).sum()
    assert result.value == pytest.approx(value, rel=1e-6, abs=1e-7)
    exponents = np.add.outer(*result.potentials) - M / 0.5
    assert np.exp(exponents) == pytest.approx(plan, abs=1e-7)
    assert result.status == "Converged" and result.marginal_b == pytest.approx(b, abs=1e-8)
    assert result.sparse_plan.toarray() == pytest.approx(plan, abs=1e-8)


def test_uniform_weights(case):
    M = case[0]
    assert ot.solve(M).value == pytest.approx(ot.emd2([], [], M))
    assert ot.solve(M, reg=1.0, reg_type="entropy").value == pytest.approx(
        ot.solve(M, np.full(7, 1 / 7), np.full(6, 1 / 6), reg=1.0, reg_type="entropy").value)


def test_starts(case):
    M, a, b = case
    for reg in (None, 0.3):
        first = ot.solve(M, a, b, reg)
        again = ot.solve(M, a, b, reg, potentials_init=first.potentials)
        assert again.value == pytest.approx(first.value, rel=1e-8)


def test_limits(case):
    M = problem(42, 60, 50)[0]
    with pytest.warns(UserWarning, match="iteration_limit"):
        assert ot.solve(M, max_iter=2).status == "iteration_limit"
    with pytest.warns(UserWarning, match="iteration_limit"):
        assert ot.solve(M, reg=0.01, max_iter=2).status == "iteration_limit"
    with pytest.warns(UserWarning, match="infeasible"):
        result = ot.solve([[np.inf]])
    assert result.status == "infeasible" and result.value == np.inf and not result.plan.any()


def test_tolerance(case):
    M, a, b = case
    loose, tight = (ot.solve(M, a, b, reg=0.05, tol=tol).result for tol in (1e-2, 1e-10))
    assert loose.iterations <= tight.iterations
    assert tight.marginal_residual <= 1e-10


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("reg", [None, 0.5])
def test_precision(case, kind, reg):
    M, a, b = (value.astype(kind) for value in case)
    result = ot.solve(M, a, b, reg)
    assert result.plan.dtype == result.potential_a.dtype == result.marginal_a.dtype == kind


@pytest.mark.parametrize("words, text", [
    (dict(unbalanced=(np.inf, 1.0)), "unbalanced"),
    (dict(c=np.ones((7, 6))), "c: "),
    (dict(method="mm"), "mm"), (dict(grad="forward"), "grad"),
    (dict(reg=1.0, reg_type="L3"), "L3"), (dict(reg=1.0, reg_type=abs), "reg_type"),
    (dict(reg=1.0, reg_type=(abs, abs), method="sinkhorn"), "functions as reg_type"),
    (dict(reg=1.0, method="lbfgsb"), "lbfgsb"),
])
def test_what_is_not_offered_is_refused(case, words, text):
    with pytest.raises(kantor.UnsupportedError, match=text):
        ot.solve(*case, **words)


def test_infinite_relaxation_is_none(case):
    M, a, b = case
    assert ot.solve(M, a, b, unbalanced=np.inf).value == ot.solve(M, a, b).value
    assert ot.solve(M, a, b, unbalanced=(np.inf, np.inf)).value == ot.solve(M, a, b).value


def test_what_pot_does_not_offer_either(case):
    result = ot.solve(*case)
    for name in ("a_to_b", "b_to_a"):
        with pytest.raises(NotImplementedError):
            getattr(result, name)
    assert "value=" in repr(result) and "(7, 6)" in repr(result)


# Points


@pytest.mark.parametrize("reg", [None, 0.2])
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "cityblock", "cosine"])
def test_samples(clouds, metric, reg):
    X, Y, a, b = clouds
    dense = ot.solve_sample(X, Y, a, b, metric, reg)
    matrix = ot.solve(ot.dist(X, Y, metric), a, b, reg)
    lazy = ot.solve_sample(X, Y, a, b, metric, reg, lazy=True, batch_size=2)
    assert dense.value == pytest.approx(matrix.value, rel=1e-9)
    assert lazy.value == pytest.approx(matrix.value, rel=1e-7)
    assert lazy.value_linear == pytest.approx(matrix.value_linear, rel=1e-6)
    assert lazy.marginal_a == pytest.approx(a, abs=1e-7)
    assert lazy.marginal_b == pytest.approx(b, abs=1e-7)
    if reg is None:
        assert lazy.plan.sum() == pytest.approx(1) and lazy.sparse_plan.nnz <= 13
    else:
        assert lazy.plan is None and lazy.sparse_plan is None
        assert lazy.lazy_plan[:] == pytest.approx(matrix.plan, abs=1e-6)
        assert {"err", "u", "v", "niter", "lazy_plan"} == set(lazy.log)


def test_one_coordinate_at_a_time(clouds):
    X, Y, a, b = clouds
    values = ot.solve_sample(X, Y, a, b, method="1d").value
    assert values == pytest.approx([ot.emd2_1d(X[:, k], Y[:, k], a, b) for k in range(2)])
    with pytest.raises(kantor.UnsupportedError, match="cosine"):
        ot.solve_sample(X, Y, method="1d", metric="cosine")
    assert ot.solve_sample(X, Y, method="1d").marginals is None


def test_debiased(clouds):
    X, Y, a, b = clouds
    result = ot.solve_sample(X, Y, a, b, reg=0.2, debias=True)
    parts = [result.log[f"res_{name}"].value for name in ("ab", "aa", "bb")]
    assert result.value == pytest.approx(parts[0] - (parts[1] + parts[2]) / 2)
    problem = kantor.Problem("transport", points=(X, Y), a=a, b=b)
    own = kantor.solve(problem, "sinkhorn_divergence", epsilon=0.2)
    assert result.value == pytest.approx(own.objective, rel=1e-5)
    assert ot.solve_sample(X, X, a, a, reg=0.2, debias=True).value == pytest.approx(0, abs=1e-8)
    assert ot.solve_sample(X, Y, debias=True).value == pytest.approx(ot.solve_sample(X, Y).value)


@pytest.mark.parametrize("words, text", [
    (dict(method="nystroem", reg=1.0), "nystroem"), (dict(method="lowrank", reg=1.0), "reg"),
    (dict(debias="split"), "split"), (dict(rank=5), "rank"), (dict(scaling=0.5), "scaling"),
    (dict(X_init=np.ones((2, 2))), "X_init"), (dict(random_state=0), "random_state"),
    (dict(n_projections=7), "n_projections"), (dict(projections=np.ones((2, 2))), "projections"),
    (dict(scaler=abs), "scaler"), (dict(lazy=True, metric="chebyshev"), "chebyshev"),
    (dict(lazy=True, unbalanced=1.0), "unbalanced"), (dict(lazy=True, method="sinkhorn"), "sinkh"),
])
def test_what_is_not_offered_for_samples_is_refused(clouds, words, text):
    with pytest.raises(kantor.UnsupportedError, match=text):
        ot.solve_sample(*clouds[:2], **words)
