"""What users of POT take for granted: defaults, shapes, types, warnings and dictionaries."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor import ot

RNG = np.random.default_rng(11)
N, M_ = 6, 5
COST = RNG.random((N, M_))
A = np.full(N, 1 / N)
B = RNG.random(M_) + 0.1
B /= B.sum()

#: Functions of (a, b, M) that give a plan.
PLANS = {
    "emd": ot.emd,
    "sinkhorn": lambda a, b, M: ot.sinkhorn(a, b, M, 0.1),
    "greenkhorn": lambda a, b, M: ot.bregman.greenkhorn(a, b, M, 0.1, numItermax=100000),
    "partial": lambda a, b, M: ot.partial.partial_wasserstein(a, b, M, m=0.5),
    "entropic_partial": lambda a, b, M: ot.partial.entropic_partial_wasserstein(
        a, b, M, 0.1, m=0.5),
    "unbalanced": lambda a, b, M: ot.unbalanced.sinkhorn_unbalanced(a, b, M, 0.1, 1.0),
    "mm": lambda a, b, M: ot.unbalanced.mm_unbalanced(a, b, M, 1.0),
    "smooth": lambda a, b, M: ot.smooth.smooth_ot_dual(a, b, M, 0.1),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", PLANS)
def test_plans_keep_shape_and_precision(name):
    plan = PLANS[name](A, B, COST)
    assert plan.shape == COST.shape and plan.dtype == np.float64
    single = PLANS[name](*(x.astype(np.float32) for x in (A, B, COST)))
    assert single.dtype == np.float32
    assert single == pytest.approx(plan, abs=1e-4)


@pytest.mark.parametrize("name", PLANS)
def test_empty_weights_are_uniform_and_lists_will_do(name):
    square = COST[:5]
    uniform = np.full(5, 0.2)
    expected = PLANS[name](uniform, uniform, square)
    for a, b in (([], []), (np.array([]), np.array([])), (None, None)):
        assert PLANS[name](a, b, square) == pytest.approx(expected, abs=1e-9)
    assert PLANS[name](uniform.tolist(), uniform.tolist(), square.tolist()) == pytest.approx(
        expected, abs=1e-9)


@pytest.mark.parametrize(
    "method", ["sinkhorn", "SINKHORN", "sinkhorn_log", "sinkhorn_stabilized",
               "sinkhorn_epsilon_scaling", "greenkhorn"])
def test_keywords_of_single_variants_are_taken(method):
    limit = 100000 if method == "greenkhorn" else 5000
    plain = ot.sinkhorn(A, B, COST, 0.1, stopThr=1e-10, numItermax=5000)
    plan = ot.sinkhorn(
        A, B, COST, 0.1, method=method, stopThr=1e-10, numItermax=limit, tau=1e3, epsilon0=1e4,
        print_period=10, numInnerItermax=20)
    assert plan == pytest.approx(plain, abs=1e-8)
    cost = ot.sinkhorn2(A, B, COST, 0.1, method=method, numItermax=limit, tau=1e3)
    assert cost == pytest.approx((plain * COST).sum(), abs=1e-6)
    with pytest.raises(NotImplementedError, match="no_such_thing"):
        ot.sinkhorn(A, B, COST, 0.1, no_such_thing=1)


def test_a_threshold_of_zero_warns_at_the_limit():
    with pytest.warns(UserWarning, match="numItermax"):
        ot.sinkhorn(A, B, COST, 0.01, stopThr=0, numItermax=1)
    with pytest.raises(ValueError, match="stopThr"):
        ot.sinkhorn(A, B, COST, 0.1, stopThr=-1)
    plan = ot.partial.entropic_partial_wasserstein(A, B, COST, 0.1, 0.5, stopThr=0)
    assert plan.sum() == pytest.approx(0.5)


@pytest.mark.parametrize("method", ["Sinkhorn", "SINKHORN_LOG"])
def test_partial_methods_in_any_case(method):
    plan = ot.partial.entropic_partial_wasserstein(A, B, COST, 0.1, 0.5, method=method)
    assert plan == pytest.approx(PLANS["entropic_partial"](A, B, COST))


def test_logs_of_exact_transport():
    plan, log = ot.emd(A, B, COST, log=True)
    assert set(log) >= {"cost", "u", "v", "warning", "result_code"}
    assert log["cost"] == pytest.approx((plan * COST).sum())
    assert (log["u"][:, None] + log["v"] <= COST + 1e-12).all()
    assert A @ log["u"] + B @ log["v"] == pytest.approx(log["cost"])
    cost, log = ot.emd2(A, B, COST, log=True, return_matrix=True)
    assert cost == pytest.approx((log["G"] * COST).sum())


class TestSparseCosts:
    """Pairs that a sparse matrix does not store are forbidden."""

    @pytest.fixture
    def costs(self):
        sparse = pytest.importorskip("scipy.sparse")
        rng = np.random.default_rng(2)
        n = 30
        row = np.concatenate([np.arange(n), rng.integers(0, n, 3 * n)])
        column = np.concatenate([rng.permutation(n), rng.integers(0, n, 3 * n)])
        keys = np.unique(row * n + column)
        row, column = keys // n, keys % n
        return sparse.coo_array((rng.random(len(row)), (row, column)), shape=(n, n))

    def test_plan_and_cost(self, costs):
        dense = np.full(costs.shape, np.inf)
        dense[costs.row, costs.col] = costs.data
        plan, log = ot.emd([], [], costs, log=True)
        assert hasattr(plan, "tocoo") and plan.shape == costs.shape
        expected = ot.emd([], [], dense)
        assert plan.toarray() == pytest.approx(expected)
        assert log["cost"] == pytest.approx(ot.emd2([], [], costs))
        assert log["cost"] == pytest.approx(ot.emd2([], [], dense))
        _, log = ot.emd2([], [], costs.tocsr(), log=True, return_matrix=True)
        assert log["G"].toarray() == pytest.approx(expected)

    def test_a_stored_zero_is_a_cost(self):
        sparse = pytest.importorskip("scipy.sparse")
        costs = sparse.coo_array(([0.0, 0.0], ([0, 1], [1, 0])), shape=(2, 2))
        expected = np.array([[0, 0.5], [0.5, 0]])
        assert ot.emd([], [], costs).toarray() == pytest.approx(expected)

    def test_no_way_left(self):
        sparse = pytest.importorskip("scipy.sparse")
        costs = sparse.coo_array(([1.0, 1.0], ([0, 1], [0, 0])), shape=(2, 2))
        with pytest.warns(UserWarning, match="forbidden"):
            assert ot.emd2([], [], costs) == np.inf


@pytest.mark.parametrize("reg_type", ["kl", "entropy"])
def test_two_fixed_marginals_are_balanced_transport(reg_type):
    plan, log = ot.unbalanced.sinkhorn_unbalanced(
        A, B, COST, 0.2, np.inf, reg_type=reg_type, stopThr=1e-11, log=True)
    assert plan == pytest.approx(ot.sinkhorn(A, B, COST, 0.2, stopThr=1e-11), abs=1e-9)
    reference = np.outer(A, B) if reg_type == "kl" else np.ones(COST.shape)
    entropy = (plan * np.log(plan / reference)).sum() - plan.sum() + reference.sum()
    assert log["total_cost"] == pytest.approx((plan * COST).sum() + 0.2 * entropy)
    exact = ot.unbalanced.mm_unbalanced(A, B, COST, (np.inf, np.inf))
    assert (exact * COST).sum() == pytest.approx(ot.emd2(A, B, COST))
    c = RNG.random(COST.shape) + 0.1
    given = ot.unbalanced.sinkhorn_unbalanced(A, B, COST, 0.2, np.inf, c=c, stopThr=1e-11)
    assert given == pytest.approx(
        ot.sinkhorn(A, B, COST - 0.2 * np.log(c), 0.2, stopThr=1e-11), abs=1e-9)
    with pytest.raises(ValueError, match="masses"):
        ot.unbalanced.sinkhorn_unbalanced(A, 2 * B, COST, 0.2, np.inf)


def test_several_targets_of_unbalanced_transport():
    targets = np.stack([B, B[::-1], np.full(M_, 0.3)], axis=1)
    costs, log = ot.unbalanced.sinkhorn_unbalanced(A, targets, COST, 0.3, 1.0, log=True)
    assert costs.shape == (3,)
    assert log["logu"].shape == (N, 3) and log["logv"].shape == (M_, 3)
    for k in range(3):
        one, told = ot.unbalanced.sinkhorn_unbalanced2(
            A, targets[:, k], COST, 0.3, 1.0, log=True)
        assert costs[k] == pytest.approx(one)
        assert log["logu"][:, k] == pytest.approx(told["logu"])


@pytest.mark.parametrize("shape", [(2,), (1, 2)])
def test_means_may_be_rows(shape):
    C, D = np.diag([1.0, 4.0]), np.diag([9.0, 1.0])
    A_, b = ot.gaussian.bures_wasserstein_mapping(
        np.reshape([1.0, 2.0], shape), np.reshape([0.0, 1.0], shape), C, D)
    assert A_ == pytest.approx(np.diag([3.0, 0.5])) and b.shape == shape
    assert b.ravel() == pytest.approx([-3.0, 0.0])


def test_line_search_arguments_have_no_effect():
    C1 = abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    plain = ot.gromov_wasserstein(C1, C1)
    assert ot.gromov_wasserstein(
        C1, C1, armijo=True, alpha_min=0, alpha_max=1) == pytest.approx(plain)
    ot.gromov.semirelaxed_gromov_wasserstein(C1, C1, armijo=False)


@pytest.mark.parametrize("name", ["random", "random_product", "product"])
def test_semirelaxed_starts_by_name(name):
    C1 = abs(np.subtract.outer(np.arange(6.0), np.arange(6.0)))
    call = ot.gromov.semirelaxed_gromov_wasserstein
    plan = call(C1, C1[:3, :3], G0=name, random_state=3)
    assert plan.sum(1) == pytest.approx(np.full(6, 1 / 6))
    assert plan == pytest.approx(call(C1, C1[:3, :3], G0=name, random_state=3))
    with pytest.raises(NotImplementedError, match="fluid"):
        call(C1, C1[:3, :3], G0="fluid")


def test_starts_with_loose_marginals_are_corrected():
    C1 = abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    loose = np.eye(5, dtype=np.float32) / 5 + np.float32(1e-5)
    assert ot.gromov_wasserstein(C1, C1, G0=loose) == pytest.approx(np.eye(5) / 5)
    with pytest.raises(kantor.KantorError, match="marginals"):
        ot.gromov_wasserstein(C1, C1, G0=np.eye(5))


class TestSolveSample:
    X = RNG.standard_normal((12, 2))
    Y = RNG.standard_normal((9, 2)) + 1

    def test_gaussian(self):
        found = ot.solve_sample(self.X, self.Y, method="gaussian", reg=0.1)
        distance = ot.gaussian.empirical_bures_wasserstein_distance(self.X, self.Y, reg=0.1)
        assert found.value == pytest.approx(distance**2) == found.value_linear

    def test_lowrank(self):
        found = ot.solve_sample(self.X, self.Y, method="lowrank", rank=3)
        assert found.plan.shape == (12, 9)
        assert np.linalg.matrix_rank(found.plan, tol=1e-9) <= 3
        assert found.value == pytest.approx((found.plan * ot.dist(self.X, self.Y)).sum())
        lazy = ot.solve_sample(self.X, self.Y, method="lowrank", rank=3, lazy=True)
        assert lazy.plan is None and lazy.lazy_plan[:] == pytest.approx(found.plan)

    @pytest.mark.parametrize("metric, p", [("sqeuclidean", 2), ("euclidean", 1)])
    def test_sliced(self, metric, p):
        directions = np.eye(2)
        found = ot.solve_sample(
            self.X, self.Y, metric=metric, method="sliced", projections=directions)
        assert found.value == pytest.approx(
            ot.sliced_wasserstein_distance(self.X, self.Y, p=p, projections=directions))
        most = ot.solve_sample(
            self.X, self.Y, metric=metric, method="max_sliced", projections=directions)
        assert most.value >= found.value

    def test_refusals(self):
        with pytest.raises(NotImplementedError, match="metric"):
            ot.solve_sample(self.X, self.Y, metric="cosine", method="gaussian")
        with pytest.raises(NotImplementedError, match="nystroem"):
            ot.solve_sample(self.X, self.Y, reg=1.0, method="nystroem")

    def test_a_start_plan_does_no_harm(self):
        plan = np.full((12, 9), 1 / 108)
        found = ot.solve_sample(self.X, self.Y, reg=0.5, plan_init=plan)
        assert found.value == pytest.approx(ot.solve_sample(self.X, self.Y, reg=0.5).value)


def test_weights_of_metrics():
    pytest.importorskip("scipy")
    from scipy.spatial.distance import cdist

    x, y, w = RNG.random((4, 3)), RNG.random((5, 3)), np.array([1.0, 2.0, 0.5])
    for metric in ("sqeuclidean", "euclidean", "braycurtis", "minkowski"):
        assert ot.dist(x, y, metric, w=w) == pytest.approx(cdist(x, y, metric, w=w))


def test_divergences_in_batches():
    x, y = RNG.random((2, 4, 3)) + 0.1, RNG.random((2, 5, 3)) + 0.1
    x, y = x / x.sum(2, keepdims=True), y / y.sum(2, keepdims=True)
    costs = ot.batch.dist_batch(x, y, "kl")
    assert costs.shape == (2, 4, 5) and (costs >= 0).all()
    assert costs[1, 2, 3] == pytest.approx((y[1, 3] * np.log(y[1, 3] / x[1, 2])).sum())
    with pytest.raises(ValueError, match="positive"):
        ot.batch.dist_batch(x, -y, "kl")
