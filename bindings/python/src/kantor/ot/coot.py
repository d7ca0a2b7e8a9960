"""Co-optimal transport: plans of samples and of features of two tables at once."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from ._entropic import Weights
from ._exact import emd, emd2
from ._inputs import float_type, read_count, read_number, read_threshold, refuse
from ._sinkhorn import sinkhorn

__all__ = ["co_optimal_transport", "co_optimal_transport2"]

_METHODS = ("sinkhorn", "sinkhorn_log")


def co_optimal_transport(
    X: Any,
    Y: Any,
    wx_samp: Any = None,
    wx_feat: Any = None,
    wy_samp: Any = None,
    wy_feat: Any = None,
    epsilon: Any = 0,
    alpha: Any = 0,
    M_samp: Any = None,
    M_feat: Any = None,
    warmstart: Optional[Dict[str, Any]] = None,
    nits_bcd: int = 100,
    tol_bcd: float = 1e-7,
    eval_bcd: int = 1,
    nits_ot: int = 500,
    tol_sinkhorn: float = 1e-7,
    method_sinkhorn: str = "sinkhorn",
    early_stopping_tol: float = 1e-6,
    log: bool = False,
    verbose: bool = False,
) -> Any:
    r"""Plans between the samples and between the features of two tables.

    .. math::
        \min_{P, Q} \sum_{ijkl} (X_{ik} - Y_{jl})^2 P_{ij} Q_{kl}
        + \alpha_1 \langle P, M_1 \rangle + \alpha_2 \langle Q, M_2 \rangle
        + \varepsilon_1 \mathrm{KL}(P | w_x w_y^T) + \varepsilon_2 \mathrm{KL}(Q | v_x v_y^T)

    over plans P of the weights of the samples, Q of those of the features.

    Parameters
    ----------
    X : array_like, shape (n, d)
        A table: samples in rows, features in columns.
    Y : array_like, shape (m, e)
        Another one.
    wx_samp, wy_samp : array_like, shapes (n,) and (m,), optional
        Weights of the samples; uniform if None.
    wx_feat, wy_feat : array_like, shapes (d,) and (e,), optional
        Weights of the features; uniform if None.
    epsilon : float or pair of float
        Strengths of the entropies, of samples and of features; 0 for exact plans.
    alpha : float or pair of float
        Factors of the costs `M_samp` and `M_feat`.
    M_samp, M_feat : array_like, shapes (n, m) and (d, e), optional
        Further costs of pairs of samples and of features.
    warmstart : dict, optional
        ``pi_feature`` is where the rounds start, with ``duals_sample`` and ``duals_feature`` of
        entropic plans; the rest is without effect.
    nits_bcd : int
        Largest number of rounds.
    tol_bcd : float
        Sum of absolute changes of the samples' plan in a round to stop at.
    eval_bcd : int
        How many rounds lie between two looks at whether to stop.
    nits_ot : int
        Largest number of iterations of each entropic transport; exact ones run to their end.
    tol_sinkhorn : float
        Where entropic transports stop, as for `kantor.ot.sinkhorn`.
    method_sinkhorn : {"sinkhorn", "sinkhorn_log"}
        Without effect: one solver under both names.
    early_stopping_tol : float
        Change of the objective between two looks to stop at.
    log : bool
        Return a dictionary as well.
    verbose : bool
        Print the objectives.

    Returns
    -------
    pi_samp : numpy.ndarray, shape (n, m)
        The samples' plan.
    pi_feat : numpy.ndarray, shape (d, e)
        The features' plan.
    log : dict
        With ``log=True``: ``duals_sample`` and ``duals_feature``, pairs of potentials, of entropic
        plans logarithms of the scaling vectors; ``distances``, the objectives; and ``gap``: how
        much an exact plan of the samples could still lower the objective with the features' plan
        as it is, None if the samples' plan is entropic.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Notes
    -----
    Each plan in turn solves a transport problem whose costs the other one gives. The objective
    falls, and its last value need not be the least of all: the problem is not convex.

    Examples
    --------
    >>> import kantor
    >>> X = [[1.0, 5.0], [2.0, 7.0]]
    >>> Y = [[7.0, 2.0], [5.0, 1.0]]
    >>> kantor.ot.coot.co_optimal_transport(X, Y)[0]
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    if method_sinkhorn not in _METHODS:
        refuse(f"method_sinkhorn {method_sinkhorn!r} is not offered; use {' or '.join(_METHODS)}")
    kind = float_type(X, Y)
    X, Y = as_matrix(X, "X").astype(float), as_matrix(Y, "Y").astype(float)
    strengths = _pair(epsilon, "epsilon")
    factors = _pair(alpha, "alpha")
    if min(strengths) < 0:
        raise error(_abi.E_RANGE, f"epsilon is {epsilon!r}; numbers >= 0 are needed")
    limits = (read_count(nits_ot, "nits_ot"), tol_sinkhorn)
    samples = _Side.read(wx_samp, wy_samp, X.shape[0], Y.shape[0], strengths[0], factors[0],
                         M_samp, "M_samp", limits)
    features = _Side.read(wx_feat, wy_feat, X.shape[1], Y.shape[1], strengths[1], factors[1],
                          M_feat, "M_feat", limits)
    change, fall = (read_threshold(tol_bcd, "tol_bcd", 0.0),
                    read_threshold(early_stopping_tol, "early_stopping_tol", 0.0))
    every = read_count(eval_bcd, "eval_bcd")
    P, Q, duals = samples.product, features.product, [None, None]
    if warmstart is not None:
        Q = features.plan(warmstart.get("pi_feature"), Q, "pi_feature")
        duals = [warmstart.get("duals_sample"), warmstart.get("duals_feature")]
    squares = _squares(X, Y, features), _squares(X.T, Y.T, samples)
    objectives = []
    rounds = read_count(nits_bcd, "nits_bcd")
    for number in range(rounds):
        before = P
        P, duals[0] = samples.solve(squares[0] - 2 * X @ Q @ Y.T + samples.extra, duals[0])
        inner = squares[1] - 2 * X.T @ P @ Y
        Q, duals[1] = features.solve(inner + features.extra, duals[1])
        if number % every and number + 1 < rounds:
            continue
        objectives.append(float(np.vdot(inner, Q) + samples.rest(P) + features.rest(Q)))
        if verbose:
            print(f"round {number + 1}: objective {objectives[-1]:.9e}")
        if np.abs(P - before).sum() < change or (
                len(objectives) > 1 and abs(objectives[-2] - objectives[-1]) < fall):
            break
    plans = P.astype(kind), Q.astype(kind)
    if not log:
        return plans
    gap = None
    if strengths[0] == 0:
        cost = squares[0] - 2 * X @ Q @ Y.T + samples.extra
        gap = max(0.0, float(np.vdot(cost, P)) - emd2(samples.a, samples.b, cost))
    return *plans, {
        "duals_sample": tuple(np.asarray(x).astype(kind) for x in duals[0]),
        "duals_feature": tuple(np.asarray(x).astype(kind) for x in duals[1]),
        "distances": objectives, "gap": gap,
    }


def co_optimal_transport2(
    X: Any,
    Y: Any,
    wx_samp: Any = None,
    wx_feat: Any = None,
    wy_samp: Any = None,
    wy_feat: Any = None,
    epsilon: Any = 0,
    alpha: Any = 0,
    M_samp: Any = None,
    M_feat: Any = None,
    warmstart: Optional[Dict[str, Any]] = None,
    log: bool = False,
    verbose: bool = False,
    early_stopping_tol: float = 1e-6,
    nits_bcd: int = 100,
    tol_bcd: float = 1e-7,
    eval_bcd: int = 1,
    nits_ot: int = 500,
    tol_sinkhorn: float = 1e-7,
    method_sinkhorn: str = "sinkhorn",
) -> Any:
    """Objective of `co_optimal_transport`.

    Parameters
    ----------
    X, Y, wx_samp, wx_feat, wy_samp, wy_feat, epsilon, alpha, M_samp, M_feat, warmstart, log
        As for `co_optimal_transport`.
    verbose, early_stopping_tol, nits_bcd, tol_bcd, eval_bcd, nits_ot, tol_sinkhorn, method_sinkhorn
        As for `co_optimal_transport`.

    Returns
    -------
    objective : float
        The last objective.
    log : dict
        With ``log=True``, as for `co_optimal_transport`, with the plans as ``pi_sample`` and
        ``pi_feature``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    P, Q, told = co_optimal_transport(
        X, Y, wx_samp, wx_feat, wy_samp, wy_feat, epsilon, alpha, M_samp, M_feat, warmstart,
        nits_bcd, tol_bcd, eval_bcd, nits_ot, tol_sinkhorn, method_sinkhorn, early_stopping_tol,
        True, verbose)
    objective = P.dtype.type(told["distances"][-1])
    return (objective, {"pi_sample": P, "pi_feature": Q, **told}) if log else objective


class _Side(NamedTuple):
    """Samples or features: weights, entropy, further costs, limits of entropic solves."""

    a: np.ndarray
    b: np.ndarray
    epsilon: float
    extra: Any
    limits: Tuple[int, float]

    @classmethod
    def read(
        cls, a: Any, b: Any, n: int, m: int, epsilon: float, factor: float, M: Any, name: str,
        limits: Tuple[int, float],
    ) -> "_Side":
        left, right = Weights.read(a, b, n, m).filled(n, m)
        extra: Any = 0.0
        if M is not None and factor != 0:
            costs = as_matrix(M, name).astype(float)
            if costs.shape != (n, m):
                raise error(
                    _abi.E_SHAPE, f"{name} has the shape {costs.shape}; ({n}, {m}) is needed")
            extra = factor * costs
        return cls(left, right, epsilon, extra, limits)

    @property
    def product(self) -> np.ndarray:
        return np.outer(self.a, self.b) / self.a.sum()

    def plan(self, value: Any, default: np.ndarray, name: str) -> np.ndarray:
        if value is None:
            return default
        plan = as_matrix(value, name).astype(float)
        if plan.shape != default.shape:
            raise error(
                _abi.E_SHAPE, f"{name} has the shape {plan.shape}; {default.shape} is needed")
        return plan

    def solve(self, cost: np.ndarray, start: Any) -> Tuple[np.ndarray, Any]:
        if self.epsilon == 0:
            plan, told = emd(self.a, self.b, cost, log=True)
            return plan, (told["u"], told["v"])
        plan, told = sinkhorn(
            self.a, self.b, cost, self.epsilon, method="sinkhorn_log", numItermax=self.limits[0],
            stopThr=self.limits[1], warmstart=start, log=True)
        return plan, (told["log_u"], told["log_v"])

    def rest(self, plan: np.ndarray) -> float:
        """What this side adds to the sum over both tables."""
        total = float((self.extra * plan).sum())
        if self.epsilon:
            moved = plan > 0
            total += self.epsilon * float(
                plan[moved] @ np.log(plan[moved] / self.product[moved]))
        return total


def _squares(X: np.ndarray, Y: np.ndarray, other: _Side) -> np.ndarray:
    return (X**2 @ other.a)[:, None] + (Y**2 @ other.b)[None, :]


def _pair(value: Any, name: str) -> Tuple[float, float]:
    parts = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(parts) != 2:
        raise error(_abi.E_SHAPE, f"{name} has {len(parts)} numbers; one or two are needed")
    return read_number(parts[0], name), read_number(parts[1], name)
