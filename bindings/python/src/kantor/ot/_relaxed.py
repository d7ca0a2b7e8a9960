"""One unbalanced problem under POT's conventions, for the functions that POT has of it."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._entropic import _Printer
from ._inputs import (
    balance, read_count, read_positive, read_start, read_threshold, read_weights, refuse,
    warn_unsolved,
)
from ._relaxed_square import solve_squared

#: The smallest tolerance of the solver; POT's default of some functions is below it.
_LEAST_TOLERANCE = 1e-12


class Unbalanced(NamedTuple):
    """A solved unbalanced problem, with what the functions make their answers from.

    Attributes
    ----------
    result : Result
        What Kantor gave back.
    plan : numpy.ndarray
        The plan, float64.
    linear, total : float
        Cost of the plan, and the objective with regularisation and penalties.
    """

    result: Result
    plan: np.ndarray
    linear: float
    total: float


def solve_unbalanced(
    a: Any, b: Any, M: Any, reg_m: Any, *, reg: float = 0.0, reg_type: str = "kl", c: Any = None,
    penalty: str = "kl", warmstart: Any = None, limit: Optional[int] = None,
    tolerance: float = 1e-9, verbose: bool = False, trace: bool = False, threads: int = 1,
    method: Optional[str] = None,
) -> Unbalanced:
    """Solve an unbalanced problem, and warn if the solve fell short.

    Parameters
    ----------
    a, b, M, reg_m, reg, reg_type, c, warmstart
        As for `sinkhorn_unbalanced`; `reg` counts for the method ``"unbalanced_sinkhorn"``.
    penalty : {"kl", "l2", "tv"}
        Form of the penalties.
    limit : int, optional
        Largest number of iterations.
    tolerance : float
        Where to stop.
    verbose, trace : bool
        Print, or keep, the course of the solve.
    threads : int
        Threads of the solver.
    method : str, optional
        Name of the method; chosen by the problem if None.

    Returns
    -------
    Unbalanced
        The answer.
    """
    M = as_matrix(M, "M")
    weights = read_weights(a, M.shape[0], "a"), read_weights(b, M.shape[1], "b")
    fields = _penalties(reg_m)
    cost, reference, uniform, options = M, None, False, {}
    if method == "unbalanced_sinkhorn":
        reg = read_positive(reg, "reg")
        uniform, reference = _reference(reg_type, c, M.shape, weights)
        if reference is not None:
            with np.errstate(divide="ignore"):
                cost = M - reg * np.log(reference)
        options["epsilon"] = reg
    if fields is None:
        weights = balance(*weights)
        problem = Problem("transport", copy=False, cost=cost, a=weights[0], b=weights[1])
        method = "sinkhorn" if method == "unbalanced_sinkhorn" else "network_simplex"
    else:
        problem = Problem(
            "unbalanced_transport", copy=False, cost=cost, weights_source=weights[0],
            weights_target=weights[1], penalty=penalty, **fields,
        )
        if reg:
            options["reference"] = "uniform" if uniform else "product"
    if method not in ("unbalanced_simplex", "network_simplex"):
        options["tolerance"] = read_threshold(tolerance, "stopThr", _LEAST_TOLERANCE)
    if limit is not None:
        options["max_iterations"] = read_count(limit, "numItermax")
    start = None
    if warmstart is not None:
        start = read_start(warmstart, *M.shape)
        if reg:
            start = {name: reg * value for name, value in start.items()}
    result = solve(
        problem, method, warm_start=start, threads=threads, trace=trace,
        progress=_Printer() if verbose else None, **options,
    )
    warn_unsolved(result, "raise numItermax or stopThr")
    if result.status_code == _abi.INFEASIBLE:
        return Unbalanced(result, np.zeros(M.shape), 0.0, np.inf)
    linear, total, plan = result.transport_cost, result.objective, result.plan
    if fields is None and reg:
        linear = float(plan[plan > 0] @ M[plan > 0])
        total = linear + reg * _divergence(plan, reference, uniform, weights)
    elif reference is not None:
        linear = float(plan[plan > 0] @ M[plan > 0])
        # KL(P | c) against <P, -log c> + KL(P | 1) on the pairs with mass.
        mass = [M.shape[k] if w is None else int((w > 0).sum()) for k, w in enumerate(weights)]
        total += reg * (float(reference.sum()) - mass[0] * mass[1])
    return Unbalanced(result, plan, linear, total)


def _divergence(
    plan: np.ndarray, reference: Optional[np.ndarray], uniform: bool, weights: Tuple[Any, Any]
) -> float:
    """KL(P | c) of a plan with both marginals, c the product of the weights if None, or 1."""
    if reference is None:
        reference = np.outer(*_masses(weights, plan.shape))
        if uniform:
            reference = (reference > 0).astype(float)
    massive = plan > 0
    p = plan[massive]
    return float(p @ np.log(p / reference[massive]) - p.sum() + reference.sum())


def _reference(
    reg_type: Any, c: Any, shape: Tuple[int, int], weights: Tuple[Any, Any]
) -> Tuple[bool, Optional[np.ndarray]]:
    name = str(reg_type).lower()
    if name == "entropy":
        return True, None
    if name != "kl":
        refuse(f"reg_type {reg_type!r} is not offered; use 'kl' or 'entropy'")
    if c is None:
        return False, None
    return True, _read_reference(c, shape)


def _read_reference(c: Any, shape: Tuple[int, int]) -> np.ndarray:
    c = as_matrix(c, "c").astype(np.float64)
    if c.shape != shape:
        raise error(_abi.E_SHAPE, f"c has the shape {c.shape}; {shape} is needed")
    if not (np.isfinite(c).all() and (c >= 0).all()):
        raise error(_abi.E_RANGE, "c has entries that are negative or not finite")
    return c


def _masses(weights: Tuple[Any, Any], shape: Tuple[int, int]) -> Tuple[np.ndarray, np.ndarray]:
    first, second = (
        np.full(count, 1 / count) if w is None else w for w, count in zip(weights, shape))
    return first, second


def _penalties(reg_m: Any) -> Optional[Dict[str, Any]]:
    """Fields of the penalties; None if both marginals are fixed."""
    try:
        values = [float(x) for x in np.atleast_1d(np.asarray(reg_m, np.float64)).ravel()]
    except (TypeError, ValueError) as cause:
        raise error(_abi.E_TYPE, f"reg_m is {reg_m!r}; one or two numbers are needed") from cause
    if len(values) not in (1, 2):
        raise error(_abi.E_SHAPE, f"reg_m has {len(values)} numbers; one or two are needed")
    first, second = values[0], values[-1]
    if np.isinf(first) and np.isinf(second) and first > 0 and second > 0:
        return None
    fields: Dict[str, Any] = {}
    for name, value in (("source", first), ("target", second)):
        if value == np.inf:
            fields["fixed_side"] = name
        elif not 0 < value < np.inf:
            raise error(_abi.E_RANGE, f"reg_m is {value}; a positive number is needed")
        else:
            fields["strength_" + name] = value
    return fields


def solve_any(
    a: Any, b: Any, M: Any, reg: Any, reg_m: Any, c: Any, reg_div: Any, penalty: str, limit: Any,
    tolerance: Any, verbose: bool, trace: bool,
) -> Unbalanced:
    """Solve with entropy where `reg` is not 0, else by the exact method for the penalty.

    Parameters
    ----------
    a, b, M, reg, reg_m, c, reg_div
        As for `kantor.ot.unbalanced.lbfgsb_unbalanced`.
    penalty : {"kl", "l2", "tv"}
        Form of the penalties.
    limit, tolerance, verbose, trace
        As for `solve_unbalanced`.

    Returns
    -------
    Unbalanced
        The answer.
    """
    tolerance = read_threshold(tolerance, "stopThr", 1e-9)
    limit = read_count(limit, "numItermax")
    if reg and str(reg_div).lower() == "l2":
        return solve_square(a, b, M, reg, reg_m, c, penalty, verbose)
    if reg:
        return solve_unbalanced(
            a, b, M, reg_m, reg=reg, reg_type=reg_div, c=c, penalty=penalty, limit=limit,
            tolerance=tolerance, verbose=verbose, trace=trace, method="unbalanced_sinkhorn",
        )
    return solve_unbalanced(
        a, b, M, reg_m, penalty=penalty, tolerance=tolerance, verbose=verbose, trace=trace,
        method="unbalanced_simplex" if penalty == "tv" else "unbalanced_active_set",
    )


def solve_square(
    a: Any, b: Any, M: Any, reg: Any, reg_m: Any, c: Any, penalty: str, verbose: bool
) -> Unbalanced:
    """Solve with half the squared distance from `c` as regularisation.

    Parameters
    ----------
    a, b, M, reg, reg_m, c, verbose
        As for `kantor.ot.unbalanced.lbfgsb_unbalanced`.
    penalty : {"kl", "l2", "tv"}
        Form of the penalties.

    Returns
    -------
    Unbalanced
        The answer; the result is that of a cone program.
    """
    reg = read_positive(reg, "reg")
    M = as_matrix(M, "M").astype(np.float64, copy=False)
    weights = read_weights(a, M.shape[0], "a"), read_weights(b, M.shape[1], "b")
    fields = _penalties(reg_m)
    if fields is None:
        weights = balance(*weights)
    masses = _masses(weights, M.shape)
    reference = np.outer(*masses) if c is None else _read_reference(c, M.shape)
    strengths = tuple(
        (fields or {}).get(f"strength_{side}", np.inf) for side in ("source", "target"))
    result, plan, total = solve_squared(M, masses, strengths, reg, reference, penalty, verbose)
    warn_unsolved(result, "scale costs and weights to the size of 1")
    return Unbalanced(result, plan, float(plan[plan > 0] @ M[plan > 0]), total)


def log_of(found: Unbalanced, reg: float, kind: np.dtype) -> Dict[str, Any]:
    """Tell of an entropic solve what POT tells.

    Parameters
    ----------
    found : Unbalanced
        The answer.
    reg : float
        Strength of the entropy.
    kind : numpy.dtype
        Precision of the arrays.

    Returns
    -------
    dict
        ``err``, ``cost``, ``total_cost``, ``res``, and the scalings' logarithms if there are any.
    """
    result = found.result
    log = {
        "err": [] if "trace_residual" not in result else list(result.trace_residual),
        "cost": kind.type(found.linear), "total_cost": kind.type(found.total), "res": result,
    }
    if "potential_source" in result:
        log["logu"] = (result.potential_source / reg).astype(kind)
        log["logv"] = (result.potential_target / reg).astype(kind)
    return log


def joined_logs(logs: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Make one dictionary of several targets'.

    Parameters
    ----------
    logs : list of dict
        Of `log_of`.

    Returns
    -------
    dict
        Logarithms of scalings as columns, costs as a vector, lists of the rest.
    """
    joined: Dict[str, Any] = {}
    for key in logs[0]:
        values = [log[key] for log in logs]
        if key in ("logu", "logv"):
            joined[key] = np.stack(values, axis=1)
        else:
            joined[key] = np.array(values) if key in ("cost", "total_cost") else values
    return joined
