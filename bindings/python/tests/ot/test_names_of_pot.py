"""Names of POT that are thin forms of others: values known in closed form or found another way."""

from __future__ import annotations

import pathlib
import re
import types

import numpy as np
import pytest

import kantor
from kantor import ot

RNG = np.random.default_rng(5)


def _structures(count, n):
    points = RNG.random((count, n, 2))
    return np.stack([ot.dist(x, x, "euclidean") for x in points])


@pytest.mark.smoke
def test_short_names_are_the_functions_of_the_modules():
    assert ot.sinkhorn_unbalanced is ot.unbalanced.sinkhorn_unbalanced
    assert ot.lowrank_sinkhorn is ot.lowrank.lowrank_sinkhorn
    assert ot.solvers.solve is ot.solve and ot.solvers.solve_gromov is ot.solve_gromov
    assert ot.solve_gromov_batch is ot.batch.solve_gromov_batch
    assert ot.partial.partial_gromov_wasserstein is ot.gromov.partial_gromov_wasserstein


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "cityblock"])
def test_lazy_cost_is_the_cost_of_the_matrix(metric):
    x, y = RNG.random((7, 2)), RNG.random((5, 2))
    b = np.array([0.1, 0.2, 0.3, 0.2, 0.2])
    cost, log = ot.emd2_lazy(x, y, b=b, metric=metric)
    assert cost == pytest.approx(ot.emd2([], b, ot.dist(x, y, metric)), abs=1e-12)
    assert sorted(log) == ["G", "cost", "result_code", "u", "v", "warning"]
    assert log["G"].toarray().sum(axis=0) == pytest.approx(b, abs=1e-12)
    assert log["u"].mean() == pytest.approx(b @ log["v"], abs=1e-12)
    assert log["u"].mean() + b @ log["v"] == pytest.approx(cost, abs=1e-12)


def test_lazy_cost_refuses_what_it_has_not():
    with pytest.raises(kantor.UnsupportedError, match="chebyshev.*sqeuclidean"):
        ot.emd2_lazy([[0.0]], [[1.0]], metric="chebyshev")
    with pytest.raises(kantor.InvalidShapeError, match="dimension 1, X_b of 2"):
        ot.emd2_lazy([[0.0]], [[1.0, 2.0]])


def test_batch_of_structures_finds_permutations():
    left = _structures(3, 6)
    order = np.array([2, 0, 1, 5, 3, 4])
    right = left[:, order][:, :, order]
    costs = np.ones((3, 6, 6))
    costs[:, order, np.arange(6)] = 0
    for extra in ({}, {"threads": 2}, {"T_init": np.full((3, 6, 6), 1 / 36)}):
        found = ot.solve_gromov_batch(left, right, M=costs, alpha=0.5, max_iter=500, **extra)
        assert found.value == pytest.approx(np.zeros(3), abs=1e-9)
        assert (found.plan.argmax(axis=2) == np.argsort(order)).all()
    single = ot.solve_gromov_batch(
        left.astype(np.float32), right.astype(np.float32), M=costs.astype(np.float32))
    assert single.value.dtype == single.value_quad.dtype == single.plan.dtype == np.float32


def test_batch_of_structures_tells_its_terms():
    left, right, costs = _structures(2, 4), _structures(2, 5), RNG.random((2, 4, 5))
    found = ot.solve_gromov_batch(left, right, M=costs, alpha=0.3, max_iter=500)
    value, log = ot.batch.loss_quadratic_batch(
        None, None, left, right, found.plan, costs, 0.3, log=True)
    assert found.value == pytest.approx(value, rel=1e-9)
    assert found.value_linear == pytest.approx(log["value_linear"], rel=1e-9)
    assert found.value_quad == pytest.approx(log["value_quadratic"], rel=1e-9)


def test_quadratic_loss_is_the_sum_of_its_definition():
    left, right, plan = RNG.random((1, 3, 3)), RNG.random((1, 2, 2)), RNG.random((1, 3, 2))
    differences = left[0][:, None, :, None] - right[0][None, :, None, :]
    expected = np.einsum("ijkl,ij,kl->", differences**2, plan[0], plan[0])
    loss = ot.batch.loss_quadratic_batch(None, None, left, right, plan, recompute_const=True)
    assert loss == pytest.approx([expected], rel=1e-12)
    own = ot.batch.loss_quadratic_samples_batch(
        plan.sum(axis=2), plan.sum(axis=1), left, right, plan)
    assert own == pytest.approx([expected], rel=1e-12)


@pytest.mark.parametrize(
    "arguments, options, text",
    [
        ((np.zeros((2, 3, 3)), np.zeros((1, 3, 3))), {}, "Ca has 2 members, Cb 1"),
        ((np.zeros((2, 3, 2)), np.zeros((2, 3, 3))), {}, "Ca has the shape"),
        ((np.zeros((1, 3, 3, 2)), np.zeros((1, 3, 3))), {}, "several numbers"),
        ((np.zeros((1, 3, 3)), np.zeros((1, 3, 3))), {"loss": "kl"}, "'kl'"),
        ((np.zeros((1, 3, 3)), np.zeros((1, 3, 3))), {"reg": 0}, "reg is 0"),
        ((np.zeros((1, 3, 3)), np.zeros((1, 3, 3))), {"M": np.zeros((2, 3, 3))}, "M 2"),
    ],
)
def test_batch_of_structures_refuses(arguments, options, text):
    with pytest.raises(kantor.KantorError, match=text):
        ot.solve_gromov_batch(*arguments, **options)


@pytest.mark.parametrize("loss", ["square_loss", "kl_loss"])
def test_terms_of_the_objective(loss):
    left, right = RNG.random((4, 4)) + 0.1, RNG.random((3, 3)) + 0.1
    left, right = left + left.T, right + right.T
    p, q = np.full(4, 0.25), np.full(3, 1 / 3)
    terms = ot.gromov.init_matrix(left, right, p, q, loss)
    plan = np.outer(p, q)
    x, y = left[:, None, :, None], right[None, :, None, :]
    pairs = (x - y) ** 2 if loss == "square_loss" else x * np.log(x / y) - x + y
    expected = np.einsum("ijkl,ij,kl->", pairs, plan, plan)
    assert ot.gromov.gwloss(*terms, plan) == pytest.approx(expected, rel=1e-9)
    gradient = ot.gromov.gwggrad(*terms, plan)
    assert gradient == pytest.approx(2 * np.einsum("ijkl,kl->ij", pairs, plan), rel=1e-9)
    assert gradient == pytest.approx(2 * ot.gromov.tensor_product(*terms, plan))


def test_normal_laws_between_spaces():
    C = np.diag([4.0, 1.0])
    # A rotated law is the same space.
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert ot.gaussian.gaussian_gromov_wasserstein_distance(C, turn @ C @ turn.T) < 1e-12
    # Differences of variances 0 and 1: 4 1^2 + 8 1^2.
    distance, log = ot.gaussian.gaussian_gromov_wasserstein_distance(C, [[4.0]], log=True)
    assert distance == pytest.approx(np.sqrt(12))
    assert log["d_s"] == pytest.approx([4, 1])
    A, b = ot.gaussian.gaussian_gromov_wasserstein_mapping([1.0, 2.0], [5.0], C, [[9.0]])
    assert A.T @ C @ A == pytest.approx(np.array([[9.0]]))
    assert np.array([1.0, 2.0]) @ A + b == pytest.approx([5.0])
    with pytest.raises(kantor.InvalidValueError, match="eigenvalue -4"):
        ot.gaussian.gaussian_gromov_wasserstein_distance(-C, C)
    with pytest.raises(kantor.InvalidValueError, match="Cov_s is singular"):
        ot.gaussian.gaussian_gromov_wasserstein_mapping(
            [0.0, 0.0], [0.0, 0.0], np.diag([1.0, 0.0]), C)


def test_normal_laws_of_samples_between_spaces():
    x = RNG.exponential(size=(400, 2)) * [1, 3]
    turned = x @ np.array([[0.6, -0.8], [0.8, 0.6]]) + [5.0, -1.0]
    assert ot.gaussian.empirical_gaussian_gromov_wasserstein_distance(x, turned) < 1e-9
    A, b = ot.gaussian.empirical_gaussian_gromov_wasserstein_mapping(
        x, turned, sign_eigs="skewness")
    assert x @ A + b == pytest.approx(turned, abs=1e-9)


@pytest.mark.parametrize("method", ["gradient_descent", "averaged_stochastic_gradient_descent"])
def test_barycentres_of_laws_have_one_solver(method):
    C = np.array([[[1.0]], [[9.0]]])
    m = np.array([[0.0], [2.0]])
    mean, covariance = ot.gaussian.bures_wasserstein_barycenter(
        m, C, method=method, step_size=0.5, batch_size=1)
    assert mean == pytest.approx([1.0]) and covariance == pytest.approx(np.array([[4.0]]))
    assert ot.gaussian.bures_barycenter_gradient_descent(C) == pytest.approx(np.array([[4.0]]))
    covariance, log = ot.gaussian.bures_barycenter_fixpoint(C, [3, 1], log=True)
    assert covariance == pytest.approx(np.array([[2.25]])) and log["final_diff"] < 1e-7
    with pytest.raises(kantor.UnsupportedError, match="newton.*fixed_point"):
        ot.gaussian.bures_wasserstein_barycenter(m, C, method="newton")


def test_log_scale_partial_plan_is_the_partial_plan():
    M = RNG.random((4, 5))
    plan = ot.partial.entropic_partial_wasserstein_logscale([], [], M, 0.1, m=0.6)
    assert (plan == ot.partial.entropic_partial_wasserstein([], [], M, 0.1, m=0.6)).all()


def test_projections_on_simplices():
    V = RNG.standard_normal((6, 4))
    full = ot.utils.proj_simplex(V, 2)
    assert full.min() >= 0 and full.sum(axis=0) == pytest.approx(np.full(4, 2.0))
    # The nearest point: V - P is constant where P > 0 and not larger elsewhere.
    for column, point in zip(V.T, full.T):
        rest = column - point
        level = rest[point > 0]
        assert level == pytest.approx(np.full(level.shape, level[0]))
        assert (rest <= level[0] + 1e-12).all()
    few = ot.utils.projection_sparse_simplex(V, 2, axis=1)
    assert ((few > 0).sum(axis=1) <= 2).all() and few.sum(axis=1) == pytest.approx(np.ones(6))
    assert ot.utils.projection_sparse_simplex(V, 3).shape == (24,)
    with pytest.raises(kantor.InvalidValueError, match="z is 0"):
        ot.utils.proj_simplex(V, 0)


def test_small_helpers(capsys):
    C = np.array([[0.0, 2.0], [4.0, 6.0]])
    scaled, value = ot.utils.cost_normalization(C, "max", return_value=True)
    assert value == 6 and scaled.max() == 1 and C.max() == 6
    assert ot.utils.cost_normalization(C, "loglog")[0, 1] == pytest.approx(np.log1p(np.log(3)))
    assert ot.utils.cost_normalization(C, "median")[1, 1] == 2
    assert ot.utils.kernel([[0.0]], [[2.0]], sigma=2)[0, 0] == pytest.approx(np.exp(-0.5))
    assert ot.utils.euclidean_distances([[0.0, 0.0]], [[3.0, 4.0]])[0, 0] == 5
    assert ot.utils.dist0(3)[0].tolist() == [0, 1, 4]
    a, b, M = ot.utils.clean_zeros([0.5, 0.0, 0.5], [1.0, 0.0], np.arange(6.0).reshape(3, 2))
    assert a.tolist() == [0.5, 0.5] and b.tolist() == [1] and M.tolist() == [[0], [4]]
    ot.utils.tic()
    assert ot.utils.toc("{:.0f} s") >= 0 and capsys.readouterr().out == "0 s\n"
    assert ot.utils.toq() >= 0


PAGE = pathlib.Path(__file__).resolve().parents[4] / "docs" / "switching.md"


def named(section):
    """Names of functions in the first column of a section's tables, without those cut short."""
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    names = [name for row in rows for name in re.findall(r"`([A-Za-z][\w.]*)`", row)]
    return [name for name in names if not name.endswith(("_", "."))]


def offered(name):
    """Whether kantor.ot has a name, at the top or in the module that is named or meant."""
    *modules, last = name.split(".")
    modules = [getattr(ot, modules[0], None)] if modules else [
        ot, *(value for value in vars(ot).values() if isinstance(value, types.ModuleType))]
    return any(hasattr(module, last) for module in modules if module is not None)


def test_the_page_for_users_of_pot_is_true():
    if not PAGE.exists():
        pytest.skip("without the documentation")
    text = PAGE.read_text().split("## OTT-JAX")[0]
    there, absent = text.split("### What is not there")
    names = named(there)
    assert len(names) > 80
    assert [name for name in names if not offered(name)] == []
    missing = [name for name in named(absent) if name not in ("lowrank_sinkhorn", "reg_type")]
    assert len(missing) > 20
    assert [name for name in missing if offered(name)] == []
