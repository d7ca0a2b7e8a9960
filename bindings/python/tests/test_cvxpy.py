"""The solver "KANTOR" of CVXPY: its own test problems, multipliers, outcomes, options."""

from __future__ import annotations

import numpy as np
import pytest

cp = pytest.importorskip("cvxpy")

import kantor  # noqa: E402
import kantor.cvxpy  # noqa: E402
from cvxpy.tests import solver_test_helpers as helpers  # noqa: E402

TAKEN = {kind.__name__ for kind in kantor.cvxpy.KANTOR.SUPPORTED_CONSTRAINTS}

#: CVXPY's standard problems, and the cones beyond rows that they need.
STANDARD = [
    *((helpers.StandardTestLPs, f"test_lp_{k}", None) for k in (0, 1, 2, 3, 4, 5)),
    (helpers.StandardTestQPs, "test_qp_0", None),
    *((helpers.StandardTestSOCPs, f"test_socp_{k}", "SOC") for k in (0, 1, 2)),
    *((helpers.StandardTestECPs, f"test_expcone_{k}", "ExpCone") for k in (1,)),
    (helpers.StandardTestSDPs, "test_sdp_1min", "SvecPSD"),
    (helpers.StandardTestPCPs, "test_pcp_1", "PowCone3D"),
    (helpers.StandardTestPCPs, "test_pcp_2", "PowCone3D"),
]


@pytest.mark.parametrize("family, name, needed", STANDARD, ids=[entry[1] for entry in STANDARD])
def test_standard_problems(family, name, needed):
    if not hasattr(family, name):
        pytest.skip("not in this version of CVXPY")
    if needed is not None and needed not in TAKEN:
        handle = getattr(helpers, name[len("test_"):], None)
        if handle is not None:
            with pytest.raises(cp.error.SolverError):
                handle().prob.solve(solver="KANTOR")
        return
    getattr(family, name)("KANTOR", places=3)


def test_it_is_listed():
    assert "KANTOR" in cp.installed_solvers() and cp.KANTOR == "KANTOR"
    kantor.cvxpy.register()
    assert cp.installed_solvers().count("KANTOR") == 1


def portfolio(n=20):
    rng = np.random.default_rng(1)
    x, factor = cp.Variable(n), rng.normal(size=(n, 3))
    mean = cp.Parameter(n, value=rng.random(n))
    budget, positive = cp.sum(x) == 1, x >= 0
    risk = cp.sum_squares(factor.T @ x) + 0.1 * cp.sum_squares(x)
    return cp.Problem(cp.Maximize(mean @ x - risk), [budget, positive]), mean, x


def test_quadratic_programs_and_multipliers():
    problem, _mean, x = portfolio()
    value = problem.solve(solver="KANTOR", tolerance=1e-10)
    assert problem.status == "optimal"
    found, duals = x.value, [c.dual_value for c in problem.constraints]
    reference = problem.solve(solver="CLARABEL")
    np.testing.assert_allclose(value, reference, rtol=1e-6)
    np.testing.assert_allclose(found, x.value, atol=1e-4)
    for ours, theirs in zip(duals, (c.dual_value for c in problem.constraints)):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_parameters_and_warm_start():
    problem, mean, _x = portfolio()
    problem.solve(solver="KANTOR")
    cold = problem.solver_stats.num_iters
    problem.solve(solver="KANTOR", warm_start=True)
    assert problem.solver_stats.num_iters <= 2 < cold
    mean.value = mean.value * 1.01
    problem.solve(solver="KANTOR")
    warm = problem.value
    problem.solve(solver="KANTOR", warm_start=False)
    np.testing.assert_allclose(problem.value, warm, rtol=1e-6)


def test_outcomes():
    x = cp.Variable()
    problem = cp.Problem(cp.Minimize(x), [x >= 1, x <= 0])
    assert problem.solve(solver="KANTOR") == np.inf and problem.status == "infeasible"
    problem = cp.Problem(cp.Minimize(x), [x <= 0])
    assert problem.solve(solver="KANTOR") == -np.inf and problem.status == "unbounded"
    free = cp.Problem(cp.Minimize(cp.square(x - 3)))
    np.testing.assert_allclose(free.solve(solver="KANTOR"), 0, atol=1e-9)
    assert free.status == "optimal"


def test_methods_and_options():
    problem, _mean, _x = portfolio()
    first = problem.solve(solver="KANTOR", kantor_method="active_set")
    np.testing.assert_allclose(
        problem.solve(solver="KANTOR", kantor_method="interior_point"), first, rtol=1e-6)
    with pytest.raises(kantor.KantorError, match="tolerence"):
        problem.solve(solver="KANTOR", tolerence=1e-9)
    with pytest.warns(UserWarning, match="inaccurate"):
        problem.solve(solver="KANTOR", max_iterations=1, warm_start=False)
    assert problem.status == "user_limit"
    integer = cp.Variable(integer=True)
    with pytest.raises(cp.error.SolverError):
        cp.Problem(cp.Minimize(integer), [integer >= 0.5]).solve(solver="KANTOR")
