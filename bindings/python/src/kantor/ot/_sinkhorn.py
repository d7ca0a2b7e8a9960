"""Entropic transport between histograms: ``sinkhorn`` and ``sinkhorn2``."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_numbers
from .._errors import error
from .._problem import Problem
from ._entropic import VARIANTS, Entropic, Weights, solve_entropic
from ._inputs import drop_keywords, float_type, is_empty, refuse

#: Arguments of POT's single variants that have nothing to do here.
_IDLE = ("tau", "epsilon0", "numInnerItermax", "print_period")
_WORDS = (
    "the solver is Kantor's 'sinkhorn' for every variant but 'greenkhorn': it works with "
    "potentials and never under- or overflows"
)


def sinkhorn(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    method: str = "sinkhorn",
    numItermax: int = 1000,
    stopThr: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    warmstart: Optional[Tuple[Any, Any]] = None,
    **kwargs: Any,
) -> Any:
    r"""Entropic transport plan between two histograms.

    .. math::
        \min_P \langle P, M \rangle + \mathrm{reg} \sum_{ij} P_{ij} \log P_{ij}
        \quad\text{subject to}\quad P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,) or (m, k)
        Weights of the targets; uniform if empty or None. Several columns are several problems, and
        their losses are returned.
    M : array_like, shape (n, m)
        Costs.
    reg : float
        Strength of the regularisation, > 0.
    method : {"sinkhorn", "greenkhorn", "sinkhorn_log", "sinkhorn_stabilized", \
"sinkhorn_epsilon_scaling"}
        ``"greenkhorn"`` scales single rows and columns, the worst first. The others choose the
        keys of the dictionary only: their solver is the same, works with potentials and does not
        under- or overflow.
    numItermax : int
        Largest number of iterations; of scaled rows and columns for ``"greenkhorn"``.
    stopThr : float
        Marginal error to stop at: the sum of absolute errors, relative to the mass, which is at
        least as strict as POT's Euclidean norm.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    warn : bool
        Warn if the solve fell short.
    warmstart : pair of array_like, optional
        Logarithms of the scaling vectors to start from.
    **kwargs
        ``tau``, ``epsilon0``, ``numInnerItermax``, ``print_period``: without effect; they guard
        POT's scaling vectors, and potentials need no guard. Others are refused.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan; for several histograms their losses, shape (k,).
    log : dict
        With ``log=True``: ``err`` (marginal errors), ``niter`` and the scaling vectors ``u`` and
        ``v`` with ``plan = diag(u) exp(-M / reg) diag(v)``; for ``"sinkhorn_log"`` also ``log_u``
        and ``log_v``; for ``"greenkhorn"`` ``u``, ``v`` and ``n_iter`` alone; for
        ``"sinkhorn_stabilized"`` ``logu``, ``logv``, ``alpha``, ``beta``,
        ``warmstart`` and ``n_iter``; for ``"sinkhorn_epsilon_scaling"`` ``alpha``, ``beta``,
        ``warmstart`` and ``niter``. Scaling vectors beyond the range of doubles are infinite.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a method that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> plan = kantor.ot.sinkhorn([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], 1.0)
    >>> plan.round(6)
    array([[0.365529, 0.134471],
           [0.134471, 0.365529]])
    """
    drop_keywords("sinkhorn", kwargs, *_IDLE)
    variant = _variant(method)
    kind = float_type(a, b, M)
    columns = _columns(b)
    if columns is not None:
        return _losses(a, columns, M, reg, variant, numItermax, stopThr, verbose, log, warn,
                       warmstart, kind)
    found = _on_costs(a, b, M, reg, variant, numItermax, stopThr, verbose, log, warn, warmstart)
    plan = np.array(found.result.plan, dtype=kind)
    return (plan, _log_of(found, variant, reg, kind)) if log else plan


def sinkhorn2(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    method: str = "sinkhorn",
    numItermax: int = 1000,
    stopThr: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    warn: bool = False,
    warmstart: Optional[Tuple[Any, Any]] = None,
    **kwargs: Any,
) -> Any:
    """Cost of the entropic transport plan, without the entropy.

    Parameters
    ----------
    a, b, M, reg, method, numItermax, stopThr, verbose, log, warn, warmstart, **kwargs
        As for `sinkhorn`, with ``warn=False`` by default.

    Returns
    -------
    loss : float, or numpy.ndarray of shape (k,)
        ``(plan * M).sum()``, for each histogram.
    log : dict
        With ``log=True``, as for `sinkhorn`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a method that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> loss = kantor.ot.sinkhorn2([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], 1.0)
    >>> round(float(loss), 6)
    0.268941
    """
    drop_keywords("sinkhorn2", kwargs, *_IDLE)
    variant = _variant(method)
    kind = float_type(a, b, M)
    columns = _columns(b)
    if columns is not None:
        return _losses(a, columns, M, reg, variant, numItermax, stopThr, verbose, log, warn,
                       warmstart, kind)
    found = _on_costs(a, b, M, reg, variant, numItermax, stopThr, verbose, log, warn, warmstart)
    loss = kind.type(found.result.transport_cost)
    return (loss, _log_of(found, variant, reg, kind)) if log else loss


def _variant(method: str) -> str:
    variant = method.lower() if isinstance(method, str) else method
    if variant not in VARIANTS:
        refuse(f"method {method!r} is not offered; use one of {', '.join(VARIANTS)}: {_WORDS}")
    return variant


def _columns(b: Any) -> Optional[np.ndarray]:
    if is_empty(b):
        return None
    columns = as_numbers(b, "b")
    return columns if columns.ndim == 2 else None


def _on_costs(
    a: Any, b: Any, M: Any, reg: float, variant: str, limit: int, tolerance: float, verbose: bool,
    trace: bool, warn: bool, warmstart: Any,
) -> Entropic:
    M = as_matrix(M, "M")
    weights = Weights.read(a, b, *M.shape)
    problem = Problem("transport", copy=False, cost=M, a=weights.a, b=weights.b)
    return solve_entropic(
        problem, weights, M.shape, reg, limit, tolerance, verbose=verbose, warn=warn, trace=trace,
        warmstart=warmstart, method=VARIANTS[variant],
    )


def _losses(
    a: Any, columns: np.ndarray, M: Any, reg: float, variant: str, limit: int, tolerance: float,
    verbose: bool, log: bool, warn: bool, warmstart: Any, kind: np.dtype,
) -> Any:
    M = as_matrix(M, "M")
    count = columns.shape[1]
    if warmstart is None:
        warmstart = [None] * count
    elif len(warmstart) != count:
        raise error(
            _abi.E_SHAPE, f"warmstart has {len(warmstart)} pairs; {count} are needed, one for each "
            "column of b"
        )
    solved = [
        _on_costs(
            a, columns[:, k], M, reg, variant, limit, tolerance, verbose, log, warn, warmstart[k]
        )
        for k in range(count)
    ]
    losses = np.array([found.result.transport_cost for found in solved], dtype=kind)
    if not log:
        return losses
    told = [_log_of(found, variant, reg, kind) for found in solved]
    joined: Dict[str, Any] = {}
    for key in told[0]:
        values = [entry[key] for entry in told]
        if isinstance(values[0], np.ndarray):
            joined[key] = np.stack(values, axis=1)
        elif key in ("niter", "n_iter"):
            joined[key] = max(values)
        else:
            joined[key] = values
    return losses, joined


def _log_of(found: Entropic, variant: str, reg: float, kind: np.dtype) -> Dict[str, Any]:
    log_u, log_v = found.log_u.astype(kind), found.log_v.astype(kind)
    iterations = found.result.iterations
    if variant == "greenkhorn":
        with np.errstate(over="ignore"):
            return {"u": np.exp(log_u), "v": np.exp(log_v), "n_iter": iterations}
    told: Dict[str, Any] = {"err": found.errors()}
    if variant == "sinkhorn_stabilized":
        told.update(n_iter=iterations, logu=log_u, logv=log_v)
    else:
        told["niter"] = iterations
    if variant == "sinkhorn_log":
        told.update(log_u=log_u, log_v=log_v)
    if variant in ("sinkhorn", "sinkhorn_log"):
        with np.errstate(over="ignore"):
            told.update(u=np.exp(log_u), v=np.exp(log_v))
    else:
        told.update(alpha=reg * log_u, beta=reg * log_v, warmstart=(log_u, log_v))
    return told
