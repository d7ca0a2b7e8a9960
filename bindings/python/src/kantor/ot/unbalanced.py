"""Unbalanced transport: marginals may be missed at a price."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._errors import error
from ._inputs import float_type, refuse, refuse_unknown
from ._relaxed import Unbalanced, joined_logs, log_of, solve_any, solve_unbalanced
from ._unbalanced_barycentre import (
    barycenter_unbalanced, barycenter_unbalanced_sinkhorn, barycenter_unbalanced_stabilized,
)

_METHODS = (
    "sinkhorn", "sinkhorn_stabilized", "sinkhorn_translation_invariant", "sinkhorn_reg_scaling",
)
__all__ = [
    "barycenter_unbalanced",
    "barycenter_unbalanced_sinkhorn",
    "barycenter_unbalanced_stabilized",
    "lbfgsb_unbalanced",
    "lbfgsb_unbalanced2",
    "mm_unbalanced",
    "mm_unbalanced2",
    "sinkhorn_knopp_unbalanced",
    "sinkhorn_stabilized_unbalanced",
    "sinkhorn_unbalanced",
    "sinkhorn_unbalanced2",
    "sinkhorn_unbalanced_translation_invariant",
]


def sinkhorn_unbalanced(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    reg_m: Any,
    method: str = "sinkhorn",
    reg_type: str = "kl",
    c: Any = None,
    warmstart: Optional[Tuple[Any, Any]] = None,
    numItermax: int = 1000,
    stopThr: float = 1e-6,
    verbose: bool = False,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    r"""Entropic unbalanced transport plan.

    .. math:: \min_{P \ge 0} \langle P, M \rangle + reg\, KL(P | c)
              + reg_{m1} KL(P 1 | a) + reg_{m2} KL(P^T 1 | b)

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,) or (m, k)
        Weights of the targets, of any total; uniform if empty or None. With k columns the k costs
        are returned, not the plans.
    M : array_like, shape (n, m)
        Costs; infinity forbids a pair.
    reg : float
        Strength of the entropy, > 0.
    reg_m : float or pair of float
        Strengths of the penalties, > 0; infinity fixes a marginal, two of them both: balanced
        transport, of masses that agree.
    method : str
        Without effect but for its name: ``"sinkhorn"``, ``"sinkhorn_stabilized"``,
        ``"sinkhorn_translation_invariant"`` and ``"sinkhorn_reg_scaling"`` are one solver.
    reg_type : {"kl", "entropy"}
        The entropy is relative to `c`, or to 1.
    c : array_like, shape (n, m), optional
        What the entropy is relative to; the product of the weights by default.
    warmstart : pair of array_like, optional
        Logarithms of the scaling vectors to start from.
    numItermax : int
        Largest number of passes.
    stopThr : float
        Marginal error to stop at, relative to the mass; POT's compares scaling vectors.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    **kwargs
        ``tau``: without effect, as the solver works on potentials.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`; with several targets the costs, of shape (k,).
    log : dict
        With ``log=True``: ``err``, ``logu``, ``logv``, ``cost`` (of the plan), ``total_cost`` (the
        objective), and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [1.0, 0.0]]
    >>> kantor.ot.unbalanced.sinkhorn_unbalanced([0.5, 0.5], [0.5, 0.5], M, 1.0, 1.0).round(3)
    array([[0.322, 0.118],
           [0.118, 0.322]])
    """
    if np.ndim(b) == 2:
        return sinkhorn_unbalanced2(
            a, b, M, reg, reg_m, method, reg_type, c, warmstart, "linear", numItermax, stopThr,
            verbose, log, **kwargs,
        )
    _check_method(method, kwargs)
    kind = float_type(M, a, b)
    found = solve_unbalanced(
        a, b, M, reg_m, reg=reg, reg_type=reg_type, c=c, warmstart=warmstart, limit=numItermax,
        tolerance=stopThr, verbose=verbose, trace=log, method="unbalanced_sinkhorn",
    )
    plan = found.plan.astype(kind)
    return (plan, log_of(found, reg, kind)) if log else plan


def sinkhorn_unbalanced2(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    reg_m: Any,
    method: str = "sinkhorn",
    reg_type: str = "kl",
    c: Any = None,
    warmstart: Optional[Tuple[Any, Any]] = None,
    returnCost: str = "linear",
    numItermax: int = 1000,
    stopThr: float = 1e-6,
    verbose: bool = False,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    """Cost of the entropic unbalanced transport plan.

    Parameters
    ----------
    a, b, M, reg, reg_m, method, reg_type, c, warmstart, numItermax, stopThr, verbose, log, **kwargs
        As for `sinkhorn_unbalanced`.
    returnCost : {"linear", "total"}
        The cost of the plan, or the objective with regularisation and penalties. (POT 0.9.7's
        ``"total"`` of this function is not the objective.)

    Returns
    -------
    cost : float
        In the precision of `M`; of shape (k,) for k columns of `b`.
    log : dict
        With ``log=True``: that of `sinkhorn_unbalanced`; for k columns of `b`, ``logu`` has the
        shape (n, k), ``logv`` (m, k), costs (k,), and ``err`` and ``res`` are lists.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [1.0, 0.0]]
    >>> cost = kantor.ot.unbalanced.sinkhorn_unbalanced2([0.5, 0.5], [0.5, 0.5], M, 1.0, 1.0)
    >>> round(float(cost), 3)
    0.237
    """
    _check_method(method, kwargs)
    _check_cost(returnCost)
    kind = float_type(M, a, b)
    targets = [b] if np.ndim(b) < 2 else list(np.asarray(b).T)
    all_found = [
        solve_unbalanced(
            a, target, M, reg_m, reg=reg, reg_type=reg_type, c=c, warmstart=warmstart,
            limit=numItermax, tolerance=stopThr, verbose=verbose, trace=log,
            method="unbalanced_sinkhorn",
        )
        for target in targets
    ]
    values = [found.linear if returnCost == "linear" else found.total for found in all_found]
    cost = kind.type(values[0]) if np.ndim(b) < 2 else np.array(values, kind)
    if not log:
        return cost
    logs = [log_of(found, reg, kind) for found in all_found]
    return cost, logs[0] if np.ndim(b) < 2 else joined_logs(logs)


def sinkhorn_knopp_unbalanced(
    a: Any, b: Any, M: Any, reg: float, reg_m: Any, reg_type: str = "kl", c: Any = None,
    warmstart: Optional[Tuple[Any, Any]] = None, numItermax: int = 1000, stopThr: float = 1e-6,
    verbose: bool = False, log: bool = False, **kwargs: Any,
) -> Any:
    """`sinkhorn_unbalanced` with the method ``"sinkhorn"``.

    Parameters
    ----------
    a, b, M, reg, reg_m, reg_type, c, warmstart, numItermax, stopThr, verbose, log, **kwargs
        As for `sinkhorn_unbalanced`.

    Returns
    -------
    plan : numpy.ndarray
        The plan, or the costs.
    log : dict
        With ``log=True``.
    """
    return sinkhorn_unbalanced(
        a, b, M, reg, reg_m, "sinkhorn", reg_type, c, warmstart, numItermax, stopThr, verbose,
        log, **kwargs,
    )


def sinkhorn_stabilized_unbalanced(
    a: Any, b: Any, M: Any, reg: float, reg_m: Any, reg_type: str = "kl", c: Any = None,
    warmstart: Optional[Tuple[Any, Any]] = None, tau: float = 1e5, numItermax: int = 1000,
    stopThr: float = 1e-6, verbose: bool = False, log: bool = False, **kwargs: Any,
) -> Any:
    """`sinkhorn_unbalanced`, which works on potentials anyhow.

    Parameters
    ----------
    a, b, M, reg, reg_m, reg_type, c, warmstart, numItermax, stopThr, verbose, log, **kwargs
        As for `sinkhorn_unbalanced`.
    tau : float
        Without effect.

    Returns
    -------
    plan : numpy.ndarray
        The plan, or the costs.
    log : dict
        With ``log=True``.
    """
    return sinkhorn_unbalanced(
        a, b, M, reg, reg_m, "sinkhorn_stabilized", reg_type, c, warmstart, numItermax, stopThr,
        verbose, log, **kwargs,
    )


def sinkhorn_unbalanced_translation_invariant(
    a: Any, b: Any, M: Any, reg: float, reg_m: Any, reg_type: str = "kl", c: Any = None,
    warmstart: Optional[Tuple[Any, Any]] = None, numItermax: int = 1000, stopThr: float = 1e-6,
    verbose: bool = False, log: bool = False, **kwargs: Any,
) -> Any:
    """`sinkhorn_unbalanced`, whose steps are translation invariant anyhow.

    Parameters
    ----------
    a, b, M, reg, reg_m, reg_type, c, warmstart, numItermax, stopThr, verbose, log, **kwargs
        As for `sinkhorn_unbalanced`.

    Returns
    -------
    plan : numpy.ndarray
        The plan, or the costs.
    log : dict
        With ``log=True``.
    """
    return sinkhorn_unbalanced(
        a, b, M, reg, reg_m, "sinkhorn_translation_invariant", reg_type, c, warmstart, numItermax,
        stopThr, verbose, log, **kwargs,
    )


def mm_unbalanced(
    a: Any, b: Any, M: Any, reg_m: Any, c: Any = None, reg: float = 0, div: str = "kl",
    G0: Any = None, numItermax: int = 1000, stopThr: float = 1e-15, verbose: bool = False,
    log: bool = False,
) -> Any:
    r"""Unbalanced transport plan, without entropy by default.

    .. math:: \min_{P \ge 0} \langle P, M \rangle + reg_{m1} D(P 1 | a) + reg_{m2} D(P^T 1 | b)
              + reg\, KL(P | c)

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets, of any total; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs; infinity forbids a pair.
    reg_m : float or pair of float
        Strengths of the penalties, > 0.
    c : array_like, shape (n, m), optional
        What the entropy is relative to; the product of the weights by default.
    reg : float
        Strength of the entropy; with ``div="l2"`` of ``1/2 |P - c|^2`` in its place.
    div : {"kl", "l2"}
        D: the Kullback-Leibler divergence, or half the squared distance.
    G0 : array_like, optional
        Without effect: the problem is convex, and solved to the end.
    numItermax : int
        Without effect without entropy; then the largest number of passes.
    stopThr : float
        Certified relative gap to stop at; at least 1e-9.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``: ``err``, ``cost`` (of the plan), ``total_cost`` (the objective), and
        ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[1.0, 36.0], [9.0, 4.0]]
    >>> kantor.ot.unbalanced.mm_unbalanced([0.5, 0.5], [0.5, 0.5], M, 5).round(2)
    array([[0.45, 0.  ],
           [0.  , 0.34]])
    >>> kantor.ot.unbalanced.mm_unbalanced([0.5, 0.5], [0.5, 0.5], M, 5, div="l2").round(2)
    array([[0.4, 0. ],
           [0. , 0.1]])
    """
    if div not in ("kl", "l2"):
        refuse(f"div {div!r} is not offered; use 'kl' or 'l2'")
    kind = float_type(M, a, b)
    found = solve_any(
        a, b, M, reg, reg_m, c, div, div, numItermax, stopThr, verbose, log)
    plan = found.plan.astype(kind)
    return (plan, _plain_log(found, kind, "err")) if log else plan


def mm_unbalanced2(
    a: Any, b: Any, M: Any, reg_m: Any, c: Any = None, reg: float = 0, div: str = "kl",
    G0: Any = None, returnCost: str = "linear", numItermax: int = 1000, stopThr: float = 1e-15,
    verbose: bool = False, log: bool = False,
) -> Any:
    """Cost of the plan of `mm_unbalanced`.

    Parameters
    ----------
    a, b, M, reg_m, c, reg, div, G0, numItermax, stopThr, verbose, log
        As for `mm_unbalanced`.
    returnCost : {"linear", "total"}
        The cost of the plan, or the objective.

    Returns
    -------
    cost : float
        In the precision of `M`.
    log : dict
        With ``log=True``: that of `mm_unbalanced`.
    """
    _check_cost(returnCost)
    _, found = mm_unbalanced(
        a, b, M, reg_m, c, reg, div, G0, numItermax, stopThr, verbose, True)
    cost = found["cost" if returnCost == "linear" else "total_cost"]
    return (cost, found) if log else cost


def lbfgsb_unbalanced(
    a: Any, b: Any, M: Any, reg: float, reg_m: Any, c: Any = None, reg_div: Any = "kl",
    regm_div: str = "kl", G0: Any = None, numItermax: int = 1000, stopThr: float = 1e-15,
    method: str = "L-BFGS-B", verbose: bool = False, log: bool = False,
) -> Any:
    r"""Unbalanced transport plan, with any of three penalties.

    .. math:: \min_{P \ge 0} \langle P, M \rangle + reg\, KL(P | c)
              + reg_{m1} D(P 1 | a) + reg_{m2} D(P^T 1 | b)

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets, of any total; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs; infinity forbids a pair.
    reg : float
        Strength of the entropy; 0 for none.
    reg_m : float or pair of float
        Strengths of the penalties, > 0.
    c : array_like, shape (n, m), optional
        What the entropy is relative to; the product of the weights by default.
    reg_div : {"kl", "entropy", "l2"}
        The entropy is relative to `c`, or to 1; ``"l2"``: half the squared distance from `c`, by a
        cone program, for some hundred points; its values are exact to about 1e-8 of strengths times
        masses. Functions are not offered.
    regm_div : {"kl", "l2", "tv"}
        D: the Kullback-Leibler divergence, half the squared distance, or the total variation.
    G0 : array_like, optional
        Without effect: the problem is convex, and solved to the end.
    numItermax : int
        Without effect without entropy; then the largest number of passes.
    stopThr : float
        Certified relative gap to stop at; at least 1e-9.
    method : str
        Without effect.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``: ``cost`` (of the plan), ``total_cost`` (the objective), and ``res``, a
        `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[1.0, 36.0], [9.0, 4.0]]
    >>> a = [0.5, 0.5]
    >>> kantor.ot.unbalanced.lbfgsb_unbalanced(a, a, M, 0, 5, regm_div="tv").round(2)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    if regm_div not in ("kl", "l2", "tv"):
        refuse(f"regm_div {regm_div!r} is not offered; use 'kl', 'l2' or 'tv'")
    kind = float_type(M, a, b)
    found = solve_any(
        a, b, M, reg, reg_m, c, reg_div, regm_div, numItermax, stopThr, verbose, log)
    plan = found.plan.astype(kind)
    return (plan, _plain_log(found, kind)) if log else plan


def lbfgsb_unbalanced2(
    a: Any, b: Any, M: Any, reg: float, reg_m: Any, c: Any = None, reg_div: Any = "kl",
    regm_div: str = "kl", G0: Any = None, returnCost: str = "linear", numItermax: int = 1000,
    stopThr: float = 1e-15, method: str = "L-BFGS-B", verbose: bool = False, log: bool = False,
) -> Any:
    """Cost of the plan of `lbfgsb_unbalanced`.

    Parameters
    ----------
    a, b, M, reg, reg_m, c, reg_div, regm_div, G0, numItermax, stopThr, method, verbose, log
        As for `lbfgsb_unbalanced`.
    returnCost : {"linear", "total"}
        The cost of the plan, or the objective.

    Returns
    -------
    cost : float
        In the precision of `M`.
    log : dict
        With ``log=True``: that of `lbfgsb_unbalanced`.
    """
    _check_cost(returnCost)
    _, found = lbfgsb_unbalanced(
        a, b, M, reg, reg_m, c, reg_div, regm_div, G0, numItermax, stopThr, method, verbose, True)
    cost = found["cost" if returnCost == "linear" else "total_cost"]
    return (cost, found) if log else cost


def _plain_log(found: Unbalanced, kind: np.dtype, *names: str) -> Dict[str, Any]:
    log: Dict[str, Any] = {
        "cost": kind.type(found.linear), "total_cost": kind.type(found.total), "res": found.result,
    }
    if "err" in names:
        gaps = found.result.trace_gap if "trace_gap" in found.result else []
        log["err"] = list(gaps)
    return log


def _check_method(method: Any, kwargs: Dict[str, Any]) -> None:
    if str(method).lower() not in _METHODS:
        refuse(f"method {method!r} is not offered; use one of {', '.join(_METHODS)}")
    kwargs.pop("tau", None)
    kwargs.pop("translation_invariant", None)
    refuse_unknown("sinkhorn_unbalanced", kwargs)


def _check_cost(name: Any) -> None:
    if name not in ("linear", "total"):
        raise error(_abi.E_RANGE, f"returnCost is {name!r}; use 'linear' or 'total'")
