"""Transport with plans of low rank."""

from __future__ import annotations

import operator
import warnings
from typing import Any, Optional

import numpy as np

from .. import _abi
from .._errors import error
from .._problem import Problem
from .._solve import solve
from ._entropic import Weights
from ._inputs import float_type, read_count, read_points, read_positive, refuse
from ._outcome import LazyPlan

__all__ = ["lowrank_sinkhorn"]

# Relative stationarity gap to stop at; POT always takes 100 steps.
_GAP = 1e-3


def lowrank_sinkhorn(
    X_s: Any,
    X_t: Any,
    a: Any = None,
    b: Any = None,
    reg: float = 0,
    rank: Optional[int] = None,
    alpha: float = 1e-10,
    rescale_cost: bool = True,
    init: str = "random",
    reg_init: float = 1e-1,
    seed_init: int = 49,
    gamma_init: str = "rescale",
    numItermax: int = 2000,
    stopThr: float = 1e-7,
    warn: bool = True,
    log: bool = False,
) -> Any:
    r"""Transport plan of low rank between two sets of points, for squared Euclidean costs.

    .. math::
        \min_{Q, R, g} \langle C, Q\,\mathrm{diag}(1 / g) R^T \rangle \quad\text{subject to}\quad
        Q 1 = a,\ R 1 = b,\ Q^T 1 = R^T 1 = g

    Parameters
    ----------
    X_s : array_like, shape (n, d)
        Source points.
    X_t : array_like, shape (m, d)
        Target points.
    a, b : array_like, optional
        Weights; uniform if None.
    reg : float
        Only 0 is offered: no entropy of the factors.
    rank : int, optional
        Rank of the plan; the smaller number of points if None.
    alpha : float
        Without effect: the floor of g is 1e-10 of the mass.
    rescale_cost : bool
        Give values for costs divided as POT divides them, by
        :math:`\sqrt{\max A \max B}` of its factors :math:`C = A B^T`. The plan is the same.
    init : str
        Without effect: factors start around targets that lie apart.
    reg_init, gamma_init
        Without effect.
    seed_init : int
        Seed of the start.
    numItermax : int
        Largest number of steps.
    stopThr : float
        Without effect: factors have exact marginals, and steps end at a relative stationarity
        gap of 1e-3.
    warn : bool
        Warn if the solve fell short.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    Q : numpy.ndarray, shape (n, rank)
        Factor of the sources.
    R : numpy.ndarray, shape (m, rank)
        Factor of the targets.
    g : numpy.ndarray, shape (rank,)
        Weights of the groups.
    log : dict
        With ``log=True``: ``value`` and ``value_linear`` (the cost), ``lazy_plan`` and ``res``, a
        `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> X = [[0.0], [0.1], [5.0], [5.1]]
    >>> Q, R, g = kantor.ot.lowrank.lowrank_sinkhorn(X, X, rank=2)
    >>> bool(abs(Q.sum(axis=0) - g).max() < 1e-12), g.round(3)
    (True, array([0.5, 0.5]))
    """
    if reg != 0:
        refuse(f"reg={reg!r}: an entropy of the factors is not offered; leave it out")
    if gamma_init not in ("rescale", "theory"):
        refuse(f"gamma_init {gamma_init!r} is not offered; leave it out")
    kind = float_type(X_s, X_t, a, b)
    x, y = read_points(X_s, "X_s"), read_points(X_t, "X_t")
    n, m = x.shape[0], y.shape[0]
    count = min(n, m) if rank is None else _read_rank(rank, min(n, m))
    if read_positive(alpha, "alpha") > 1 / count:
        raise error(_abi.E_RANGE, f"alpha is {alpha}; at most 1 / rank = {1 / count} is possible")
    weights = Weights.read(a, b, n, m)
    problem = Problem(
        "transport", copy=False, points=(x, y), metric="sqeuclidean", a=weights.a, b=weights.b)
    result = solve(
        problem, "low_rank_sinkhorn", rank=count, tolerance=_GAP, seed=operator.index(seed_init),
        max_iterations=read_count(numItermax, "numItermax"),
    )
    if warn and result.status_code not in (_abi.SOLVED, _abi.SOLVED_INACCURATE):
        warnings.warn(result.message, stacklevel=2)
    Q = result.factor_source.astype(kind)
    R = result.factor_target.astype(kind)
    g = result.factor_weights.astype(kind)
    if not log:
        return Q, R, g
    value = result.transport_cost
    if rescale_cost:
        value /= _scale(np.asarray(x, float), np.asarray(y, float))
    told = {
        "value": kind.type(value),
        "value_linear": kind.type(value),
        "lazy_plan": LazyPlan((n, m), lambda rows, columns: (Q[rows] / g) @ R[columns].T),
        "res": result,
    }
    return Q, R, g, told


def _read_rank(rank: Any, most: int) -> int:
    try:
        count = operator.index(rank)
    except TypeError:
        raise error(_abi.E_TYPE, f"rank is {rank!r}; a whole number is needed") from None
    if count < 1:
        raise error(_abi.E_RANGE, f"rank is {count}; at least 1 is needed")
    return min(count, most)


def _scale(x: np.ndarray, y: np.ndarray) -> float:
    left = max((x**2).sum(axis=1).max(), 1.0, (-2 * x).max())
    right = max(1.0, (y**2).sum(axis=1).max(), y.max())
    return float(np.sqrt(left * right))
