"""The solver "KANTOR" of CVXPY: its own test problems, multipliers, outcomes, options."""

from __future__ import annotations

import numpy as np
import pytest

cp = pytest.importorskip("cvxpy")

import kantor  # noqa: E402
import kantor.cvxpy  # noqa: E402
from cvxpy.tests import solver_test_helpers as helpers  # noqa: E402

TAKEN = {kind.__name__ for kind in kantor.cvxpy.KANTOR.SUPPORTED_CONSTRAINTS}

#: Families of CVXPY's standard problems; those with integers, and those for solvers that take
#: bounds of variables apart, are not meant for this one.
FAMILIES = ("LPs", "QPs", "SOCPs", "ECPs", "SDPs", "PCPs", "MixedCPs", "InfeasibleProblems")
STANDARD = [
    (family, name) for family in FAMILIES
    for name in dir(getattr(helpers, f"StandardTest{family}", None))
    if name.startswith("test_") and "_mi_" not in name
    and name not in ("test_lp_bound_attr", "test_qp_bound_attr")]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("family, name", STANDARD, ids=[entry[1] for entry in STANDARD])
def test_standard_problems(family, name):
    try:
        getattr(getattr(helpers, f"StandardTest{family}"), name)("KANTOR")
    except ModuleNotFoundError as missing:
        pytest.skip(f"needs {missing.name}")


def test_all_cones_are_taken():
    assert {"Zero", "NonNeg", "SOC", "ExpCone", "PowCone3D"} <= TAKEN
    assert {"SvecPSD", "PSD"} & TAKEN


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


def unit_balls(kind):
    """One variable in each cone, near a point outside of it; and one along an inner direction."""
    x = cp.Variable(3)
    if kind == "second_order":
        return x, [cp.SOC(x[0], x[1:])], [-1.0, 0.2, 0.1], [1.0, 0.0, 0.0]
    if kind == "exponential":
        return x, [cp.ExpCone(x[0], x[1], x[2])], [1.0, 0.5, -1.0], [-1.0, 1.0, 1.0]
    if kind == "power":
        return x, [cp.PowCone3D(x[0], x[1], x[2], 0.3)], [0.2, 0.3, 2.0], [1.0, 1.0, 0.0]
    S = cp.bmat([[x[0], x[1]], [x[1], x[2]]])
    return x, [S >> 0], [1.0, 2.0, -1.0], [1.0, 0.0, 1.0]


def flat(value):
    parts = value if isinstance(value, (list, tuple)) else [value]
    return np.hstack([np.ravel(part) for part in parts])


@pytest.mark.parametrize("kind", ["second_order", "exponential", "power", "psd"])
def test_every_cone_against_clarabel(kind):
    x, inside, point, inner = unit_balls(kind)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(x - point)), inside)
    value = problem.solve(solver="KANTOR")
    assert problem.status == "optimal"
    found, duals = x.value, flat(inside[0].dual_value)
    np.testing.assert_allclose(value, problem.solve(solver="CLARABEL"), rtol=1e-6)
    np.testing.assert_allclose(found, x.value, atol=1e-5)
    np.testing.assert_allclose(duals, flat(inside[0].dual_value), atol=1e-4)
    # Along an inner direction the cone goes on for ever; beyond its end there is nothing.
    endless = cp.Problem(cp.Maximize(np.array(inner) @ x), inside)
    assert endless.solve(solver="KANTOR") == np.inf and endless.status == "unbounded"
    empty = cp.Problem(cp.Minimize(0), [*inside, x == -np.array(inner)])
    assert empty.solve(solver="KANTOR") == np.inf and empty.status == "infeasible"
    assert all(c.dual_value is not None for c in empty.constraints)


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
