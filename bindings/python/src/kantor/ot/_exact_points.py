"""Exact transport between points, without the matrix of costs."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._errors import error
from .._problem import Problem
from .._solve import solve
from ._exact import NO_LIMIT, Solved, log_of, warn_of
from ._inputs import (
    balance, float_type, read_count, read_points, read_start, read_weights, refuse,
)
from ._outcome import coo_plan
from ._tools import POINT_METRICS

_METRICS = tuple(POINT_METRICS)[:3]


def emd2_lazy(
    X_a: Any,
    X_b: Any,
    a: Any = None,
    b: Any = None,
    metric: str = "sqeuclidean",
    numItermax: int = NO_LIMIT,
    log: bool = False,
    return_matrix: bool = True,
    center_dual: bool = True,
    check_marginals: bool = True,
    potentials_init: Optional[Tuple[Any, Any]] = None,
) -> Any:
    """Optimal transport cost between two sets of points, in memory linear in their number.

    Parameters
    ----------
    X_a : array_like, shape (n, d)
        Source points.
    X_b : array_like, shape (m, d)
        Target points.
    a, b : array_like, optional
        Weights; uniform if None or empty.
    metric : {"sqeuclidean", "euclidean", "cityblock"}
        Cost of a pair.
    numItermax : int
        Largest number of pivots; the default and above mean no limit, unlike in POT.
    log, return_matrix : bool
        Return a dictionary as well, if one of them is True.
    center_dual : bool
        Shift the potentials so that ``a @ u == b @ v``.
    check_marginals : bool
        Refuse masses that differ by more than 1.5e-6. Smaller differences, or all if False, are
        scaled away in `b`.
    potentials_init : pair of array_like, optional
        Potentials (u, v) to start from.

    Returns
    -------
    cost : float
        The cost.
    log : dict
        With `log` or `return_matrix`: ``cost``, ``u``, ``v``, ``warning``, ``result_code`` as
        those of `kantor.ot.emd`; with `return_matrix` the plan ``G``, a sparse array of SciPy.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a metric that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.emd2_lazy([[0.0], [2.0]], [[1.0], [5.0]], log=False, return_matrix=False)
    5.0
    """
    if metric not in _METRICS:
        refuse(f"metric {metric!r} is not offered; use one of {', '.join(_METRICS)}")
    kind = float_type(X_a, X_b, a, b)
    x, y = read_points(X_a, "X_a"), read_points(X_b, "X_b")
    n, m = len(x), len(y)
    if x.shape[1] != y.shape[1]:
        raise error(
            _abi.E_SHAPE,
            f"X_a has points of dimension {x.shape[1]}, X_b of {y.shape[1]}; they must agree")
    weights = balance(read_weights(a, n, "a"), read_weights(b, m, "b"), check_marginals)
    method, options, start = None, {}, None
    limit = read_count(numItermax, "numItermax")
    if limit < NO_LIMIT:
        method, options["max_iterations"] = "network_simplex", limit
    if potentials_init is not None:
        method, start = "network_simplex", read_start(potentials_init, n, m)
    problem = Problem(
        "transport", copy=False, points=(x, y), metric=POINT_METRICS[metric], a=weights[0],
        b=weights[1])
    result = solve(problem, method, warm_start=start, **options)
    text = warn_of(result.status_code)
    cost = float(result.objective)
    if not (log or return_matrix):
        return cost
    found = Solved(
        result.status_code, cost, result.potential_source, result.potential_target, None, None,
        None)
    told: Dict[str, Any] = log_of(found, weights, center_dual, kind, text)
    if return_matrix:
        told["G"] = coo_plan(
            result.plan_value.astype(kind), np.array(result.plan_row),
            np.array(result.plan_column), (n, m))
    return cost, told
