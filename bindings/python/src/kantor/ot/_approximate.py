"""``solve_sample`` by lines, normal laws and plans of low rank: approximations by name."""

from __future__ import annotations

from typing import Any, Optional

from ._inputs import is_empty, read_points, refuse
from ._line import wasserstein_1d
from ._outcome import OTResult
from .factored import factored_optimal_transport
from .gaussian import empirical_bures_wasserstein_distance
from .lowrank import lowrank_sinkhorn
from .sliced import max_sliced_wasserstein_distance, sliced_wasserstein_distance

#: Names of these methods.
APPROXIMATE = ("1d", "gaussian", "lowrank", "factored", "sliced", "max_sliced")
#: Those of squared distances alone.
_SQUARED = ("gaussian", "lowrank", "factored")
_POWERS = {"sqeuclidean": 2, "euclidean": 1, "cityblock": 1}


def approximate(
    method: str, X_a: Any, X_b: Any, a: Any, b: Any, *, metric: str, reg: Optional[float],
    rank: int, max_iter: Optional[int], lazy: bool, n_projections: int, projections: Any,
    scaler: Any, random_state: Any,
) -> OTResult:
    """Solve by a method of `APPROXIMATE`.

    Parameters
    ----------
    method : str
        Name of the method.
    X_a, X_b, a, b, metric, reg, rank, max_iter, lazy, n_projections, projections, scaler, \
random_state
        As for `kantor.ot.solve_sample`.

    Returns
    -------
    OTResult
        With the values; ``lazy_plan`` and ``plan`` by low rank and by factors only.
    """
    offered = _POWERS if method not in _SQUARED else ("sqeuclidean",)
    if metric not in offered:
        refuse(f"metric {metric!r} is not offered by the method {method!r}; use one of "
               f"{', '.join(offered)}")
    if method == "factored":
        return _of_factors(X_a, X_b, a, b, reg, rank, max_iter, lazy)
    if method == "lowrank":
        return _of_low_rank(X_a, X_b, a, b, reg, rank, max_iter, lazy)
    if method == "gaussian":
        distance, log = empirical_bures_wasserstein_distance(
            X_a, X_b, reg=1e-6 if reg is None else reg, ws=None if is_empty(a) else a,
            wt=None if is_empty(b) else b, log=True,
        )
        return OTResult(distance**2, distance**2, log=log)
    if method == "1d":
        value = wasserstein_1d(
            read_points(X_a, "X_a"), read_points(X_b, "X_b"), a, b, p=_POWERS[metric])
        return OTResult(value, value)
    function = sliced_wasserstein_distance if method == "sliced" else (
        max_sliced_wasserstein_distance)
    value, log = function(
        X_a, X_b, a, b, n_projections, _POWERS[metric], projections, random_state, True, scaler)
    return OTResult(value, value, result=None, log=log)


def _of_factors(
    X_a: Any, X_b: Any, a: Any, b: Any, reg: Optional[float], rank: int, max_iter: Optional[int],
    lazy: bool,
) -> OTResult:
    _, _, points, log = factored_optimal_transport(
        X_a, X_b, a, b, reg=0 if reg is None else reg, r=rank,
        numItermax=100 if max_iter is None else max_iter, log=True)
    value, plan = points.dtype.type(log["costa"] + log["costb"]), log["lazy_plan"]
    return OTResult(
        value, value, None, plan.shape, None, points.dtype, lazy_plan=plan, hides_plan=lazy,
        log={**log, "X": points}, plan=None if lazy else plan[:],
    )


def _of_low_rank(
    X_a: Any, X_b: Any, a: Any, b: Any, reg: Optional[float], rank: int, max_iter: Optional[int],
    lazy: bool,
) -> OTResult:
    _, _, _, log = lowrank_sinkhorn(
        X_a, X_b, a, b, reg=0 if reg is None else reg, rank=rank,
        numItermax=2000 if max_iter is None else max_iter, rescale_cost=False, log=True,
    )
    plan, result = log["lazy_plan"], log["res"]
    return OTResult(
        log["value"], log["value_linear"], None, plan.shape,
        "Converged" if result.status == "solved" else result.status, log["value"].dtype, result,
        lazy_plan=plan, hides_plan=lazy, log=log,
    )
