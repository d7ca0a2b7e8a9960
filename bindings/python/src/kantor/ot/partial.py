"""Partial transport: only a part of the mass is moved."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._entropic import _Printer
from ._gromov_partial import (
    entropic_partial_gromov_wasserstein,
    entropic_partial_gromov_wasserstein2,
    partial_gromov_wasserstein,
    partial_gromov_wasserstein2,
)
from ._inputs import (
    float_type, read_count, read_mass, read_number, read_positive, read_threshold, read_weights,
    refuse, refuse_unknown, warn_unsolved,
)

__all__ = [
    "entropic_partial_gromov_wasserstein",
    "entropic_partial_gromov_wasserstein2",
    "entropic_partial_wasserstein",
    "entropic_partial_wasserstein_logscale",
    "partial_gromov_wasserstein",
    "partial_gromov_wasserstein2",
    "partial_wasserstein",
    "partial_wasserstein2",
    "partial_wasserstein_lagrange",
]


def partial_wasserstein(
    a: Any,
    b: Any,
    M: Any,
    m: Optional[float] = None,
    nb_dummies: int = 1,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    r"""Exact partial transport plan.

    .. math:: \min_{P \ge 0} \langle P, M \rangle \quad\text{subject to}\quad
              P 1 \le a,\ P^T 1 \le b,\ 1^T P 1 = m

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets, of any total; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs; infinity forbids a pair.
    m : float, optional
        Mass to move, at most the smaller of the two totals. None: as in POT, the plan of
        `partial_wasserstein_lagrange`, which moves all that can be moved.
    nb_dummies : int
        Without effect: one dummy point serves.
    log : bool
        Return a dictionary as well.
    **kwargs
        ``numItermax`` (pivots) and ``numThreads`` as of `kantor.ot.emd`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``: ``partial_w_dist`` and ``cost`` (the cost of the plan), the potentials
        ``u`` and ``v``, ``warning``, ``result_code``, and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [2.0, 3.0]]
    >>> kantor.ot.partial.partial_wasserstein([0.1, 0.2], [0.1, 0.1], M, m=0.13).round(2)
    array([[0.1 , 0.  ],
           [0.  , 0.03]])
    """
    if m is None:
        return partial_wasserstein_lagrange(a, b, M, None, nb_dummies, log, **kwargs)
    plan, result, kind = _exact(a, b, M, m, kwargs)
    return (plan, _log_of(plan, result, kind, True)) if log else plan


def partial_wasserstein2(
    a: Any,
    b: Any,
    M: Any,
    m: Optional[float] = None,
    nb_dummies: int = 1,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    """Cost of the exact partial transport plan.

    Parameters
    ----------
    a, b, M, m, nb_dummies, log, **kwargs
        As for `partial_wasserstein`.

    Returns
    -------
    cost : float
        The cost of the plan, in the precision of `M`.
    log : dict
        With ``log=True``: that of `partial_wasserstein`, and the plan as ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [2.0, 3.0]]
    >>> float(kantor.ot.partial.partial_wasserstein2([0.1, 0.2], [0.1, 0.1], M, m=0.1))
    0.0
    """
    plan, found = partial_wasserstein(a, b, M, m, nb_dummies, True, **kwargs)
    cost = plan.dtype.type(found["cost"])
    found["T"] = plan
    found.setdefault("partial_w_dist", cost)
    return (cost, found) if log else cost


def partial_wasserstein_lagrange(
    a: Any,
    b: Any,
    M: Any,
    reg_m: Optional[float] = None,
    nb_dummies: int = 1,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    r"""Exact partial transport plan where moving a unit is worth `reg_m`.

    .. math:: \min_{P \ge 0} \langle P, M - \lambda \rangle \quad\text{subject to}\quad
              P 1 \le a,\ P^T 1 \le b

    which is unbalanced transport with penalties :math:`\lambda / 2` times the total variation.

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets, of any total; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs; infinity forbids a pair.
    reg_m : float, optional
        What moving a unit of mass is worth, :math:`\lambda`; 1 more than the largest cost by
        default.
    nb_dummies : int
        Without effect: one dummy point serves.
    log : bool
        Return a dictionary as well.
    **kwargs
        ``numItermax`` (pivots) and ``numThreads`` as of `kantor.ot.emd`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``: ``cost`` (of the plan), the potentials ``u`` and ``v``, ``warning``,
        ``result_code``, and ``res``, a `kantor.Result` (None where nothing moves).

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [2.0, 3.0]]
    >>> kantor.ot.partial.partial_wasserstein_lagrange([0.1, 0.2], [0.1, 0.1], M, reg_m=2)
    array([[0.1, 0. ],
           [0. , 0. ]])
    """
    kind = float_type(a, b, M)
    M = as_matrix(M, "M")
    finite = M[np.isfinite(M)]
    worth = float(finite.max(initial=0.0)) + 1 if reg_m is None else read_number(reg_m, "reg_m")
    # A constant that is added to costs and worth changes nothing; penalties need costs >= 0.
    shift = -min(0.0, float(finite.min(initial=0.0)))
    if not worth + shift > 0:
        plan = np.zeros(M.shape, kind)
        nothing = {
            "cost": 0.0, "u": np.zeros(M.shape[0], kind), "v": np.zeros(M.shape[1], kind),
            "warning": None, "result_code": 1, "res": None,
        }
        return (plan, nothing) if log else plan
    strength = (worth + shift) / 2
    problem = Problem(
        "unbalanced_transport", copy=False, cost=M + shift if shift else M,
        weights_source=read_weights(a, M.shape[0], "a"),
        weights_target=read_weights(b, M.shape[1], "b"), penalty="tv",
        strength_source=strength, strength_target=strength,
    )
    result = solve(problem, "unbalanced_simplex", **_options(kwargs))
    warn_unsolved(result, "raise numItermax")
    plan = result.plan.astype(kind)
    if not log:
        return plan
    found = _log_of(plan, result, kind, False)
    found["cost"] = kind.type(result.transport_cost - shift * result.plan_mass)
    return plan, found


def entropic_partial_wasserstein(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    m: Optional[float] = None,
    method: str = "sinkhorn",
    numItermax: int = 1000,
    stopThr: float = 1e-100,
    verbose: bool = False,
    log: bool = False,
) -> Any:
    r"""Entropic partial transport plan.

    .. math:: \min_{P \ge 0} \langle P, M \rangle + reg \sum_{ij} P_{ij} \log P_{ij}
              \quad\text{subject to}\quad P 1 \le a,\ P^T 1 \le b,\ 1^T P 1 = m

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets, of any total; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs; infinity forbids a pair.
    reg : float
        Strength of the entropy, > 0.
    m : float, optional
        Mass to move; by default all of the smaller total.
    method : {"sinkhorn", "sinkhorn_log"}
        Without effect but for its name.
    numItermax : int
        Largest number of passes.
    stopThr : float
        Error of caps and mass to stop at, relative to the mass; at least 1e-9.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``: ``err``, ``partial_w_dist`` (the cost of the plan), and ``res``, a
        `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [2.0, 3.0]]
    >>> plan = kantor.ot.partial.entropic_partial_wasserstein([0.1, 0.2], [0.1, 0.1], M, 1.0, 0.1)
    >>> plan.round(2)
    array([[0.06, 0.02],
           [0.01, 0.  ]])
    """
    if str(method).lower() not in ("sinkhorn", "sinkhorn_log"):
        refuse(f"method {method!r} is not offered; use 'sinkhorn' or 'sinkhorn_log'")
    kind = float_type(a, b, M)
    M = as_matrix(M, "M")
    weights = read_weights(a, M.shape[0], "a"), read_weights(b, M.shape[1], "b")
    fields = {} if m is None else {"mass": read_mass(m, *weights)}
    if fields.get("mass") == 0:
        plan = np.zeros(M.shape, kind)
        return (plan, {"err": [], "partial_w_dist": kind.type(0), "res": None}) if log else plan
    problem = Problem(
        "partial_transport", copy=False, cost=M, weights_source=weights[0],
        weights_target=weights[1], **fields,
    )
    result = solve(
        problem, "entropic_partial", epsilon=read_positive(reg, "reg"), reference="uniform",
        tolerance=read_threshold(stopThr, "stopThr", 1e-9),
        max_iterations=read_count(numItermax, "numItermax"), trace=log,
        progress=_Printer() if verbose else None,
    )
    warn_unsolved(result, "raise numItermax or reg, or check forbidden pairs")
    solvable = result.status_code != _abi.INFEASIBLE
    plan = result.plan.astype(kind) if solvable else np.zeros(M.shape, kind)
    if not log:
        return plan
    return plan, {
        "err": list(result.trace_residual) if "trace_residual" in result else [],
        "partial_w_dist": kind.type(result.transport_cost if solvable else np.inf),
        "res": result,
    }


def entropic_partial_wasserstein_logscale(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    m: Optional[float] = None,
    numItermax: int = 1000,
    stopThr: float = 1e-100,
    verbose: bool = False,
    log: bool = False,
) -> Any:
    """Entropic partial transport plan: another name.

    Parameters
    ----------
    a, b, M, reg, m, numItermax, stopThr, verbose, log
        As for `entropic_partial_wasserstein`, which this is.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``, as for `entropic_partial_wasserstein`.
    """
    return entropic_partial_wasserstein(
        a, b, M, reg, m, "sinkhorn_log", numItermax, stopThr, verbose, log)


def _exact(
    a: Any, b: Any, M: Any, m: Any, kwargs: Dict[str, Any]
) -> Tuple[np.ndarray, Optional[Result], np.dtype]:
    kind = float_type(a, b, M)
    M = as_matrix(M, "M")
    weights = read_weights(a, M.shape[0], "a"), read_weights(b, M.shape[1], "b")
    mass = read_mass(m, *weights)
    if mass == 0:
        return np.zeros(M.shape, kind), None, kind
    problem = Problem(
        "partial_transport", copy=False, cost=M, weights_source=weights[0],
        weights_target=weights[1], mass=mass,
    )
    result = solve(problem, "partial_simplex", **_options(kwargs))
    warn_unsolved(result, "check masses and forbidden pairs, or raise numItermax")
    if result.status_code == _abi.INFEASIBLE:
        return np.zeros(M.shape, kind), result, kind
    return result.plan.astype(kind), result, kind


def _log_of(
    plan: np.ndarray, result: Optional[Result], kind: np.dtype, has_distance: bool
) -> Dict[str, Any]:
    u, v = (np.zeros(count, kind) for count in plan.shape)
    cost = kind.type(0)
    warning = None
    if result is not None and "potential_source" in result:
        u, v = result.potential_source.astype(kind), result.potential_target.astype(kind)
        cost = kind.type(result.transport_cost)
    if result is not None and result.status_code != _abi.SOLVED:
        warning = result.message
    found = {
        "cost": cost, "u": u, "v": v, "warning": warning,
        "result_code": 1 if warning is None else 0, "res": result,
    }
    if has_distance:
        found["partial_w_dist"] = cost
    return found


def _options(kwargs: Dict[str, Any]) -> Dict[str, Any]:
    options = {}
    if "numItermax" in kwargs:
        limit = kwargs.pop("numItermax")
        if limit != 100000:  # POT's default is no limit, as for emd
            options["max_iterations"] = read_count(limit, "numItermax")
    if "numThreads" in kwargs:
        threads = kwargs.pop("numThreads")
        options["threads"] = 1 if threads == "max" else read_count(threads, "numThreads")
    refuse_unknown("partial_wasserstein", kwargs)
    return options
