"""Entropic transport between sets of points."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple, Union

import numpy as np

from .._problem import Problem
from ._entropic import Entropic, Weights, solve_entropic
from ._inputs import float_type, read_points, refuse, refuse_unknown
from ._outcome import LazyPlan
from ._sinkhorn import sinkhorn, sinkhorn2
from ._tools import POINT_METRICS, dist


def empirical_sinkhorn(
    X_s: Any,
    X_t: Any,
    reg: float,
    a: Any = None,
    b: Any = None,
    metric: str = "sqeuclidean",
    numIterMax: int = 10000,
    stopThr: float = 1e-9,
    isLazy: bool = False,
    batchSize: Union[int, Tuple[int, int]] = 100,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    warmstart: Optional[Tuple[Any, Any]] = None,
    **kwargs: Any,
) -> Any:
    """Entropic transport plan between two sets of points.

    Parameters
    ----------
    X_s : array_like, shape (n, d)
        Source points.
    X_t : array_like, shape (m, d)
        Target points.
    reg : float
        Strength of the regularisation, > 0.
    a, b : array_like, optional
        Weights; uniform if None.
    metric : str
        As for `kantor.ot.dist`. With ``isLazy=True`` one of ``"sqeuclidean"``, ``"euclidean"``,
        ``"cityblock"``, ``"cosine"``.
    numIterMax : int
        Largest number of iterations.
    stopThr : float
        Marginal error to stop at; see `sinkhorn`.
    isLazy : bool
        Compute the costs on the fly, in memory proportional to n + m, and return the logarithms of
        the scaling vectors instead of the plan.
    batchSize : int or pair of int
        Without effect: costs are streamed in pieces that fit the processor's caches.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    warn : bool
        Warn if the solve fell short.
    warmstart : pair of array_like, optional
        Logarithms of the scaling vectors to start from.
    **kwargs
        ``method``, as for `sinkhorn`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan; with ``isLazy=True`` instead the two vectors log u and log v.
    log : dict
        With ``log=True``, as for `sinkhorn`; with ``isLazy=True`` its ``u`` and ``v`` are the
        logarithms, and ``lazy_plan`` computes blocks of the plan.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a metric that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.bregman.empirical_sinkhorn([[0.0], [1.0]], [[0.0], [1.0]], 0.1).round(4)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    kind = float_type(X_s, X_t)
    if not isLazy:
        M = dist(X_s, X_t, metric)
        return sinkhorn(
            a, b, M, reg, numItermax=numIterMax, stopThr=stopThr, verbose=verbose, log=log,
            warn=warn, warmstart=warmstart, **kwargs,
        )
    refuse_unknown("empirical_sinkhorn with isLazy=True", kwargs)
    found, x, y = _on_points(
        X_s, X_t, a, b, metric, reg, numIterMax, stopThr, verbose, log, warn, warmstart
    )
    log_u, log_v = found.log_u.astype(kind), found.log_v.astype(kind)
    if not log:
        return log_u, log_v
    told = {
        "err": found.errors(),
        "u": log_u,
        "v": log_v,
        "niter": found.result.iterations,
        "lazy_plan": lazy_plan(found, x, y, metric, reg, kind),
    }
    return log_u, log_v, told


def empirical_sinkhorn2(
    X_s: Any,
    X_t: Any,
    reg: float,
    a: Any = None,
    b: Any = None,
    metric: str = "sqeuclidean",
    numIterMax: int = 10000,
    stopThr: float = 1e-9,
    isLazy: bool = False,
    batchSize: Union[int, Tuple[int, int]] = 100,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    warmstart: Optional[Tuple[Any, Any]] = None,
    **kwargs: Any,
) -> Any:
    """Cost of the entropic transport plan between two sets of points, without the entropy.

    Parameters
    ----------
    X_s, X_t, reg, a, b, metric, numIterMax, stopThr, isLazy, batchSize, verbose, log, warn, \
warmstart, **kwargs
        As for `empirical_sinkhorn`.

    Returns
    -------
    loss : float, or numpy.ndarray of shape (k,)
        Cost of the plan; one for each column of `b`.
    log : dict
        With ``log=True``, as for `empirical_sinkhorn`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a metric that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> loss = kantor.ot.bregman.empirical_sinkhorn2([[0.0]], [[2.0]], 0.1)
    >>> round(float(loss), 6)
    4.0
    """
    kind = float_type(X_s, X_t)
    if not isLazy:
        M = dist(X_s, X_t, metric)
        return sinkhorn2(
            a, b, M, reg, numItermax=numIterMax, stopThr=stopThr, verbose=verbose, log=log,
            warn=warn, warmstart=warmstart, **kwargs,
        )
    refuse_unknown("empirical_sinkhorn2 with isLazy=True", kwargs)
    found, x, y = _on_points(
        X_s, X_t, a, b, metric, reg, numIterMax, stopThr, verbose, log, warn, warmstart
    )
    loss = kind.type(found.result.transport_cost)
    if not log:
        return loss
    return loss, {
        "err": found.errors(),
        "u": found.log_u.astype(kind),
        "v": found.log_v.astype(kind),
        "niter": found.result.iterations,
        "lazy_plan": lazy_plan(found, x, y, metric, reg, kind),
    }


def empirical_sinkhorn_divergence(
    X_s: Any,
    X_t: Any,
    reg: float,
    a: Any = None,
    b: Any = None,
    metric: str = "sqeuclidean",
    numIterMax: int = 10000,
    stopThr: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    warmstart: Optional[Tuple[Any, Any]] = None,
    **kwargs: Any,
) -> Any:
    """Debiased cost between two sets of points, in POT's definition without the entropy.

    The losses W of `empirical_sinkhorn2` give ``max(0, W(s, t) - (W(s, s) + W(t, t)) / 2)``. For
    the Sinkhorn divergence with the entropy, which is zero only for equal measures, see
    ``solve_sample(..., reg=reg, debias=True)`` or the method ``"sinkhorn_divergence"``.

    Parameters
    ----------
    X_s, X_t, reg, a, b, metric, numIterMax, stopThr, verbose, log, warn, warmstart, **kwargs
        As for `empirical_sinkhorn`.

    Returns
    -------
    divergence : float
        The debiased cost.
    log : dict
        With ``log=True``: ``sinkhorn_loss_ab``, ``sinkhorn_loss_a``, ``sinkhorn_loss_b`` and
        ``log_sinkhorn_ab``, ``log_sinkhorn_a``, ``log_sinkhorn_b``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a metric that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> float(kantor.ot.bregman.empirical_sinkhorn_divergence([[0.0]], [[0.0]], 0.1))
    0.0
    """
    starts: List[Any] = [None, None, None]
    if warmstart is not None:
        u, v = warmstart
        starts = [warmstart, (u, u), (v, v)]
    sides = [(X_s, X_t, a, b), (X_s, X_s, a, a), (X_t, X_t, b, b)]
    losses, logs = zip(*(
        empirical_sinkhorn2(
            x, y, reg, left, right, metric, numIterMax, stopThr, verbose=verbose, log=True,
            warn=warn, warmstart=start, **kwargs,
        )
        for (x, y, left, right), start in zip(sides, starts)
    ))
    divergence = max(losses[0] * 0, losses[0] - (losses[1] + losses[2]) / 2)
    if not log:
        return divergence
    names = ("ab", "a", "b")
    told = {f"sinkhorn_loss_{name}": loss for name, loss in zip(names, losses)}
    told.update({f"log_sinkhorn_{name}": entry for name, entry in zip(names, logs)})
    return divergence, told


def _on_points(
    X_s: Any, X_t: Any, a: Any, b: Any, metric: str, reg: float, limit: int, tolerance: float,
    verbose: bool, trace: bool, warn: bool, warmstart: Any,
) -> Tuple[Entropic, np.ndarray, np.ndarray]:
    if metric not in POINT_METRICS:
        refuse(
            f"metric {metric!r} is not offered without a cost matrix; use one of "
            f"{', '.join(POINT_METRICS)}, or isLazy=False"
        )
    x, y = read_points(X_s, "X_s"), read_points(X_t, "X_t")
    weights = Weights.read(a, b, x.shape[0], y.shape[0])
    problem = Problem(
        "transport", copy=False, points=(x, y), metric=POINT_METRICS[metric], a=weights.a,
        b=weights.b,
    )
    shape = (x.shape[0], y.shape[0])
    found = solve_entropic(
        problem, weights, shape, reg, limit, tolerance, verbose=verbose, warn=warn, trace=trace,
        warmstart=warmstart,
    )
    return found, x, y


def lazy_plan(
    found: Entropic, x: np.ndarray, y: np.ndarray, metric: str, reg: float, kind: np.dtype
) -> LazyPlan:
    """Make a plan that is computed where it is read.

    Parameters
    ----------
    found : Entropic
        The solution.
    x, y : numpy.ndarray
        The points.
    metric : str
        The metric.
    reg : float
        Strength of the regularisation.
    kind : numpy.dtype
        Precision of the blocks.

    Returns
    -------
    LazyPlan
        The plan.
    """
    x, y = x.astype(np.float64), y.astype(np.float64)

    def block(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        costs = dist(x[rows], y[columns], metric)
        exponents = found.log_u[rows, None] + found.log_v[columns] - costs / reg
        return np.exp(exponents).astype(kind, copy=False)

    return LazyPlan((x.shape[0], y.shape[0]), block)
