"""Transport plans fitted together with a map that follows them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _abi
from .._errors import error
from ._inputs import (
    float_type, read_count, read_points, read_positive, read_threshold,
)
from ._tools import dist
from .optim import cg, exact_search
from .utils import kernel

__all__ = ["joint_OT_mapping_kernel", "joint_OT_mapping_linear"]


def joint_OT_mapping_linear(
    xs: Any,
    xt: Any,
    mu: float = 1,
    eta: float = 0.001,
    bias: bool = False,
    verbose: bool = False,
    verbose2: bool = False,
    numItermax: int = 100,
    numInnerItermax: int = 10,
    stopInnerThr: float = 1e-6,
    stopThr: float = 1e-5,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    r"""Plan and linear map between samples, each drawn to the other.

    .. math::
        \min_{P, L} \|X_s L - n P X_t\|_F^2 + \mu\, n \langle P, M \rangle + \eta \|L - I\|_F^2
        \quad\text{subject to}\quad P \ge 0,\ P 1 = \tfrac1n,\ P^T 1 = \tfrac1m

    with M the squared distances.

    Parameters
    ----------
    xs : array_like, shape (n, d)
        The sources.
    xt : array_like, shape (m, d)
        The targets.
    mu : float
        Weight of the transport cost, > 0.
    eta : float
        Strength that holds the map at the identity, > 0.
    bias : bool
        Fit a shift as well, the last row of the map, which `eta` leaves free.
    verbose : bool
        Print the course.
    verbose2 : bool
        Without effect: there are no inner steps of their own.
    numItermax, numInnerItermax : int
        Their product is the largest number of steps, each with an exact transport problem.
    stopInnerThr, stopThr : float
        Relative change of the objective to stop at: the smaller one.
    log : bool
        Return a dictionary as well.
    **kwargs
        Without effect, as in POT.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    L : numpy.ndarray, shape (d, d), or (d + 1, d) with `bias`
        The map x -> x L.
    log : dict
        With ``log=True``: ``loss``, the objectives of all steps, and ``gap``, which bounds how far
        the last one is from the optimum.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.

    Notes
    -----
    The map of a plan is known in closed form, which leaves a convex problem of the plan alone.
    POT alternates between both.
    """
    X, Y = _read(xs, xt)
    d = X.shape[1]
    features, ridge, centre = X, np.eye(d), np.eye(d)
    if bias:
        features, ridge = _with_ones(X), np.diag([1.0] * d + [0.0])
        centre = np.eye(d + 1, d)
    eta = read_positive(eta, "eta")
    fit = _Fit(features, ridge, centre, features.T @ features + eta * ridge, features.T, eta)
    return _joint(X, Y, fit, mu, float_type(xs, xt), verbose, numItermax, numInnerItermax,
                  stopInnerThr, stopThr, log)


def joint_OT_mapping_kernel(
    xs: Any,
    xt: Any,
    mu: float = 1,
    eta: float = 0.001,
    kerneltype: str = "gaussian",
    sigma: float = 1,
    bias: bool = False,
    verbose: bool = False,
    verbose2: bool = False,
    numItermax: int = 100,
    numInnerItermax: int = 10,
    stopInnerThr: float = 1e-6,
    stopThr: float = 1e-5,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    r"""Plan and kernel map between samples, each drawn to the other.

    .. math::
        \min_{P, L} \|K L - n P X_t\|_F^2 + \mu\, n \langle P, M \rangle
        + \eta \operatorname{tr} L^T K L
        \quad\text{subject to}\quad P \ge 0,\ P 1 = \tfrac1n,\ P^T 1 = \tfrac1m

    Parameters
    ----------
    xs, xt, mu, bias, verbose, verbose2, numItermax, numInnerItermax, stopInnerThr, stopThr, log
        As for `joint_OT_mapping_linear`; with `bias` its square is penalised too.
    eta : float
        Strength that keeps the map smooth, > 0.
    kerneltype : {"gaussian"}
        The kernel, as for `kantor.ot.utils.kernel`.
    sigma : float
        Its width, > 0.
    **kwargs
        Without effect, as in POT.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    L : numpy.ndarray, shape (n, d), or (n + 1, d) with `bias`
        The map x -> k(x, xs) L.
    log : dict
        With ``log=True``, as for `joint_OT_mapping_linear`.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    X, Y = _read(xs, xt)
    n, eta = len(X), read_positive(eta, "eta")
    gram = kernel(X, X, method=kerneltype, sigma=sigma)
    features = ridge = gram
    normal, pull = gram + eta * np.eye(n), np.eye(n)  # both sides divided by the kernel
    if bias:
        features, ridge = _with_ones(gram), np.eye(n + 1)
        ridge[:n, :n] = gram
        normal, pull = features.T @ features + eta * ridge, features.T
    fit = _Fit(features, ridge, np.zeros((features.shape[1], X.shape[1])), normal, pull, eta)
    return _joint(X, Y, fit, mu, float_type(xs, xt), verbose, numItermax, numInnerItermax,
                  stopInnerThr, stopThr, log)


class _Fit:
    """Least squares for the map of a plan, as one matrix that is found once."""

    def __init__(
        self, features: np.ndarray, ridge: np.ndarray, centre: np.ndarray, normal: np.ndarray,
        pull: np.ndarray, eta: float,
    ) -> None:
        self.features, self.ridge, self.centre, self.eta = features, ridge, centre, eta
        self._pull = np.linalg.lstsq(normal, pull, rcond=None)[0]
        self._rest = np.linalg.lstsq(normal, eta * ridge @ centre, rcond=None)[0]

    def map(self, goals: np.ndarray) -> np.ndarray:
        return self._pull @ goals + self._rest

    def value(self, goals: np.ndarray) -> float:
        return self._loss(goals, self.map(goals), self.centre)

    def bend(self, goals: np.ndarray) -> float:
        """The quadratic part of the value."""
        return self._loss(goals, self._pull @ goals, np.zeros_like(self.centre))

    def _loss(self, goals: np.ndarray, found: np.ndarray, centre: np.ndarray) -> float:
        gap = found - centre
        return float(((self.features @ found - goals) ** 2).sum()
                     + self.eta * np.vdot(gap, self.ridge @ gap))


def _joint(
    X: np.ndarray, Y: np.ndarray, fit: _Fit, mu: float, kind: np.dtype, verbose: bool, rounds: Any,
    inner: Any, inner_change: Any, change: Any, log: bool,
) -> Any:
    n, mu = len(X), read_positive(mu, "mu")
    change = min(
        read_threshold(change, "stopThr", 0.0), read_threshold(inner_change, "stopInnerThr", 0.0))

    def df(G: np.ndarray) -> np.ndarray:
        goals = n * (G @ Y)
        return 2 * n * (goals - fit.features @ fit.map(goals)) @ Y.T

    plan, told = cg(
        None, None, n * dist(X, Y), 1 / mu, lambda G: fit.value(n * (G @ Y)), df,
        line_search=exact_search(lambda D: fit.bend(n * (D @ Y)), 1 / mu),
        numItermax=read_count(rounds, "numItermax") * read_count(inner, "numInnerItermax"),
        stopThr=change, stopThr2=0.0, verbose=verbose, log=True)
    L = fit.map(n * (plan @ Y)).astype(kind)
    plan = plan.astype(kind)
    if not log:
        return plan, L
    return plan, L, {"loss": [mu * value for value in told["loss"]], "gap": mu * told["gap"]}


def _read(xs: Any, xt: Any) -> Any:
    X, Y = read_points(xs, "xs").astype(float), read_points(xt, "xt").astype(float)
    if X.shape[1] != Y.shape[1]:
        raise error(
            _abi.E_SHAPE, f"xs has the dimension {X.shape[1]}, xt {Y.shape[1]}; they must agree")
    return X, Y


def _with_ones(features: np.ndarray) -> np.ndarray:
    return np.hstack([features, np.ones((len(features), 1))])
