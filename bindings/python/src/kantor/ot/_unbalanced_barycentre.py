"""Barycentres that need not have the mass of their histograms: part of ``ot.unbalanced``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from ._barycentre import read_shares
from ._inputs import float_type, read_count, read_positive, read_threshold, refuse, refuse_unknown

_METHODS = (
    "sinkhorn", "sinkhorn_stabilized", "sinkhorn_translation_invariant", "sinkhorn_reg_scaling",
)
#: Rounds before the first look at whether to stop, as in POT.
_FIRST_ROUNDS = 10


def barycenter_unbalanced(
    A: Any,
    M: Any,
    reg: float,
    reg_m: float,
    method: str = "sinkhorn",
    weights: Any = None,
    numItermax: int = 1000,
    stopThr: float = 1e-6,
    verbose: bool = False,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    r"""Entropic barycentre of histograms whose masses may be missed at a price.

    .. math::
        \min_{q, P_k} \sum_k w_k \bigl(\mathrm{reg}\, \mathrm{KL}(P_k | e^{-M / \mathrm{reg}})
        + \mathrm{reg}_m \mathrm{KL}(P_k 1 | A_k) + \mathrm{reg}_m \mathrm{KL}(P_k^T 1 | q)\bigr)

    Parameters
    ----------
    A : array_like, shape (dim, k)
        The histograms, one in each column, of any masses.
    M : array_like, shape (dim, dim)
        Costs from the points of the histograms to those of the barycentre.
    reg : float
        Strength of the entropy, > 0.
    reg_m : float
        Strength of the penalties on marginals, > 0.
    method : {"sinkhorn", "sinkhorn_stabilized", "sinkhorn_translation_invariant", \
"sinkhorn_reg_scaling"}
        Without effect but for its name: the iteration works with logarithms, and nothing under- or
        overflows.
    weights : array_like, shape (k,), optional
        Weights of the histograms, scaled to sum 1; equal if None.
    numItermax : int
        Largest number of rounds.
    stopThr : float
        Change of the barycentre to stop at, relative to its largest entry if this is above 1.
    verbose : bool
        Print the course.
    log : bool
        Return a dictionary as well.
    **kwargs
        ``tau``: without effect. Others are refused.

    Returns
    -------
    barycentre : numpy.ndarray, shape (dim,)
        Its weights.
    log : dict
        With ``log=True``: ``err`` (changes), ``niter``, ``logu`` and ``logv`` (logarithms of the
        scaling vectors), ``loss`` (the objective) and ``gap``, which bounds how far it is from the
        optimum: the potentials give a feasible point of the dual problem.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> A = [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    >>> M = [[0.0, 1.0, 4.0], [1.0, 0.0, 1.0], [4.0, 1.0, 0.0]]
    >>> q, log = kantor.ot.barycenter_unbalanced(A, M, 0.1, 10.0, stopThr=1e-12, log=True)
    >>> q.round(3), log["gap"] < 1e-6
    (array([0.   , 0.905, 0.   ]), True)
    """
    refuse_unknown("barycenter_unbalanced", {k: v for k, v in kwargs.items() if k != "tau"})
    if method not in _METHODS:
        refuse(f"method {method!r} is not offered; use one of {', '.join(_METHODS)}")
    kind = float_type(A, M)
    problem = _Problem.read(A, M, reg, reg_m, weights)
    least = read_threshold(stopThr, "stopThr", 0.0)
    log_v, q, changes = np.zeros_like(problem.log_a), np.ones(problem.cost.shape[1]), []
    for number in range(read_count(numItermax, "numItermax")):
        last = q
        log_u, log_v, q = problem.round(log_v)
        changes.append(float(np.abs(q - last).max() / max(q.max(), last.max(), 1.0)))
        if verbose:
            print(f"round {number + 1}: change {changes[-1]:.3e}")
        if changes[-1] < least and number > _FIRST_ROUNDS:
            break
    barycentre = q.astype(kind)
    if not log:
        return barycentre
    loss, bound = problem.values(log_u, log_v, q)
    return barycentre, {
        "err": changes, "niter": len(changes), "logu": log_u.T.astype(kind),
        "logv": log_v.T.astype(kind), "loss": loss, "gap": max(0.0, loss - bound),
    }


def barycenter_unbalanced_sinkhorn(
    A: Any, M: Any, reg: float, reg_m: float, weights: Any = None, numItermax: int = 1000,
    stopThr: float = 1e-6, verbose: bool = False, log: bool = False,
) -> Any:
    """Entropic barycentre of histograms: `barycenter_unbalanced` under another name.

    Parameters
    ----------
    A, M, reg, reg_m, weights, numItermax, stopThr, verbose, log
        As for `barycenter_unbalanced`.

    Returns
    -------
    barycentre : numpy.ndarray, shape (dim,)
        Its weights.
    log : dict
        With ``log=True``, as for `barycenter_unbalanced`.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    return barycenter_unbalanced(
        A, M, reg, reg_m, weights=weights, numItermax=numItermax, stopThr=stopThr,
        verbose=verbose, log=log)


def barycenter_unbalanced_stabilized(
    A: Any, M: Any, reg: float, reg_m: float, weights: Any = None, tau: float = 1e3,
    numItermax: int = 1000, stopThr: float = 1e-6, verbose: bool = False, log: bool = False,
) -> Any:
    """Entropic barycentre of histograms: `barycenter_unbalanced` under another name.

    Parameters
    ----------
    A, M, reg, reg_m, weights, numItermax, stopThr, verbose, log
        As for `barycenter_unbalanced`.
    tau : float
        Without effect: nothing under- or overflows.

    Returns
    -------
    barycentre : numpy.ndarray, shape (dim,)
        Its weights.
    log : dict
        With ``log=True``, as for `barycenter_unbalanced`.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    return barycenter_unbalanced_sinkhorn(
        A, M, reg, reg_m, weights, numItermax, stopThr, verbose, log)


class _Problem(NamedTuple):
    """The data: a row for each histogram, costs divided by the strength of the entropy."""

    log_a: np.ndarray
    cost: np.ndarray
    shares: np.ndarray
    reg: float
    reg_m: float

    @classmethod
    def read(cls, A: Any, M: Any, reg: Any, reg_m: Any, weights: Any) -> "_Problem":
        histograms, cost = as_matrix(A, "A").T.astype(float), as_matrix(M, "M").astype(float)
        size = histograms.shape[1]
        if cost.shape != (size, size):
            raise error(_abi.E_SHAPE, f"M has the shape {cost.shape}; {(size, size)} is needed")
        if not np.isfinite(cost).all():
            raise error(_abi.E_RANGE, "M has costs that are not finite")
        if not ((histograms >= 0) & (histograms < np.inf)).all():
            raise error(_abi.E_RANGE, "A has entries that are no masses")
        shares = read_shares(weights, len(histograms))
        reg = read_positive(reg, "reg")
        with np.errstate(divide="ignore"):
            log_a = np.log(histograms)
        return cls(log_a, cost / reg, shares, reg, read_positive(reg_m, "reg_m"))

    def round(self, log_v: np.ndarray) -> tuple:
        """Best potentials of the sources, then barycentre and potentials of the targets."""
        power = self.reg_m / (self.reg_m + self.reg)
        log_u = power * (self.log_a - _soft_sums(log_v, self.cost.T))
        sums = _soft_sums(log_u, self.cost)
        exponents = (1 - power) * sums
        top = exponents.max(axis=0)
        top = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            log_q = (top + np.log(self.shares @ np.exp(exponents - top))) / (1 - power)
        log_q = np.maximum(log_q, np.finfo(float).min)  # no mass: no infinity less infinity
        return log_u, power * (log_q - np.maximum(sums, np.finfo(float).min)), np.exp(log_q)

    def values(self, log_u: np.ndarray, log_v: np.ndarray, q: np.ndarray) -> tuple:
        """The objective of the plans, and what the potentials bound it by."""
        loss = bound = 0.0
        for share, log_a, u, v in zip(self.shares, self.log_a, log_u, log_v):
            mass = np.exp(log_a)
            exponents = u[:, None] + v - self.cost
            plan = np.exp(exponents)
            left, right = plan.sum(axis=1), plan.sum(axis=0)
            total, free = plan.sum(), np.exp(-self.cost).sum()
            moved = np.where(mass > 0, u, 0.0)[:, None] + v
            entropy = float((plan * moved).sum()) - total + free
            loss += share * (self.reg * entropy + self.reg_m * (
                _divergence(left, mass) + _divergence(right, q)))
            massive = mass > 0
            paid = np.exp(-self.reg / self.reg_m * u[massive])
            bound += share * (self.reg_m * float(mass[massive] @ (1 - paid))
                              + self.reg * (free - total))
        return loss, bound


def _soft_sums(values: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Logarithms of ``sum_i exp(values[k, i] - cost[i, j])``."""
    answer = np.empty((len(values), cost.shape[1]))
    for row, out in zip(values, answer):
        exponents = row[:, None] - cost
        top = exponents.max(axis=0)
        top = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            out[:] = top + np.log(np.exp(exponents - top).sum(axis=0))
    return answer


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    both = (p > 0) & (q > 0)
    return float(p[both] @ np.log(p[both] / q[both]) - p.sum() + q.sum())
