"""Unbalanced problems with half the squared distance as regularisation."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
import kantor.ot as ot

RNG = np.random.default_rng(12)
X, Y = RNG.normal(size=(5, 2)), RNG.normal(size=(6, 2))
M = ot.dist(X, Y)
A, B = np.full(5, 0.2), np.full(6, 0.2)
PENALTIES = ("kl", "l2", "tv")


def divergence(name, x, y):
    if name == "kl":
        return float(np.where(x > 0, x * np.log(np.maximum(x, 1e-300) / y), 0).sum()
                     - x.sum() + y.sum())
    return float(0.5 * ((x - y) ** 2).sum() if name == "l2" else np.abs(x - y).sum())


def objective(P, name, reg=1.0, strengths=(10.0, 10.0), c=None):
    reference = np.outer(A, B) if c is None else c
    return float((P * M).sum()) + 0.5 * reg * float(((P - reference) ** 2).sum()) + sum(
        s * divergence(name, x, y) for s, x, y in zip(strengths, (P.sum(1), P.sum(0)), (A, B)))


@pytest.mark.parametrize("name", PENALTIES)
def test_no_plan_nearby_is_better(name):
    P, log = ot.unbalanced.lbfgsb_unbalanced(
        A, B, M, 1.0, 10.0, reg_div="l2", regm_div=name, log=True)
    assert log["res"].status == "solved" and (P >= 0).all()
    assert log["cost"] == pytest.approx((P * M).sum())
    assert log["total_cost"] == pytest.approx(objective(P, name), rel=1e-7)
    for size in (1e-1, 1e-3):
        for _ in range(50):
            other = np.maximum(P + size * RNG.normal(size=P.shape) * (RNG.random(P.shape) < 0.3), 0)
            assert objective(other, name) >= objective(P, name) - 1e-8


def test_optimality_by_hand():
    # With squared penalties the gradient vanishes where there is mass and is >= 0 elsewhere.
    strengths = (3.0, 7.0)
    P = ot.unbalanced.lbfgsb_unbalanced(A, B, M, 2.0, strengths, reg_div="l2", regm_div="l2")
    gradient = (M + 2.0 * (P - np.outer(A, B)) + 3.0 * (P.sum(1) - A)[:, None]
                + 7.0 * (P.sum(0) - B)[None, :])
    assert abs(gradient[P > 1e-6]).max() < 1e-6
    assert gradient.min() > -1e-6
    same = ot.unbalanced.mm_unbalanced(A, B, M, strengths, reg=2.0, div="l2")
    np.testing.assert_allclose(same, P, atol=1e-9)
    assert ot.unbalanced.mm_unbalanced2(
        A, B, M, strengths, reg=2.0, div="l2", returnCost="total") == pytest.approx(
            objective(P, "l2", 2.0, strengths))


@pytest.mark.parametrize("name", PENALTIES)
def test_a_reference_is_kept_where_nothing_is_paid(name):
    c = RNG.random((5, 6)) / 30
    P = ot.unbalanced.lbfgsb_unbalanced(
        c.sum(1), c.sum(0), np.zeros((5, 6)), 1.0, 1.0, c=c, reg_div="l2", regm_div=name)
    np.testing.assert_allclose(P, c, atol=1e-6)


@pytest.mark.parametrize("name", PENALTIES)
def test_scale_of_masses_does_not_matter(name):
    small = ot.unbalanced.lbfgsb_unbalanced(
        A, B, M, 1.0, 1.0, reg_div="l2", regm_div=name, c=np.zeros((5, 6)))
    factor = 1e4
    strength = 1.0 / factor if name == "l2" else 1.0
    large = ot.unbalanced.lbfgsb_unbalanced(
        factor * A, factor * B, M, 1.0 / factor, strength, reg_div="l2", regm_div=name,
        c=np.zeros((5, 6)))
    np.testing.assert_allclose(large / factor, small, atol=1e-7)


def test_fixed_sides_forbidden_pairs_and_points_without_mass():
    costs, sources = M.copy(), np.array([0.3, 0.3, 0.0, 0.2, 0.2])
    costs[0, 0] = np.inf
    for name in PENALTIES:
        P = ot.unbalanced.lbfgsb_unbalanced(
            sources, B, costs, 1.0, (np.inf, 0.5), reg_div="l2", regm_div=name)
        np.testing.assert_allclose(P.sum(1), sources, atol=1e-8)
        assert P[0, 0] == 0
        assert ot.unbalanced.lbfgsb_unbalanced(
            sources, B, costs, 1.0, 0.5, reg_div="l2", regm_div="kl")[2].max() < 1e-8
    both = ot.unbalanced.lbfgsb_unbalanced(A, A, M[:, :5], 1.0, np.inf, reg_div="l2")
    np.testing.assert_allclose(both.sum(0), A, atol=1e-8)
    np.testing.assert_allclose(both.sum(1), A, atol=1e-8)


def test_the_form_of_solve():
    found = ot.solve(M, A, B, reg=1.0, reg_type="L2", unbalanced=10.0, unbalanced_type="TV")
    P, log = ot.unbalanced.lbfgsb_unbalanced(
        A, B, M, 1.0, 10.0, reg_div="l2", regm_div="tv", log=True)
    np.testing.assert_allclose(found.plan, P, atol=1e-12)
    assert found.value == pytest.approx(log["total_cost"])
    assert found.value_linear == pytest.approx(log["cost"])
    assert found.status == "Converged" and found.potentials is None
    np.testing.assert_allclose(found.marginal_a, P.sum(1))
    single = ot.solve(
        M.astype(np.float32), A.astype(np.float32), B.astype(np.float32), reg=1.0, reg_type="L2",
        unbalanced=10.0)
    assert single.plan.dtype == np.float32


@pytest.mark.parametrize("method", ["sinkhorn", "sinkhorn_log", "mm", "lbfgsb"])
def test_names_of_solvers_are_taken(method):
    plain = ot.solve(M, A, B, unbalanced=1.0)
    np.testing.assert_array_equal(ot.solve(M, A, B, unbalanced=1.0, method=method).plan, plain.plan)
    with pytest.raises(kantor.UnsupportedError, match="use one of sinkhorn"):
        ot.solve(M, A, B, unbalanced=1.0, method="newton")


@pytest.mark.parametrize(("change", "words"), [
    ({"c": np.ones((2, 2))}, r"c has the shape \(2, 2\)"),
    ({"c": -np.ones((5, 6))}, "negative"),
    ({"reg": -1.0}, "reg is -1"),
    ({"reg_m": 0.0}, "reg_m is 0"),
    ({"reg_div": "l3"}, "reg_type 'l3'"),
])
def test_bad_input_is_named(change, words):
    given = {"a": A, "b": B, "M": M, "reg": 1.0, "reg_m": 1.0, "reg_div": "l2", **change}
    with pytest.raises(ValueError, match=words):
        ot.unbalanced.lbfgsb_unbalanced(**given)
