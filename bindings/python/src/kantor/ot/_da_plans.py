"""Plans between samples that are fitted once and then carry points and labels, of ``ot.da``."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._errors import error
from ._da_base import (
    BaseTransport, batches, distribution_estimation_uniform, read_carried,
)
from ._exact import emd
from ._inputs import read_positive
from ._sinkhorn import sinkhorn
from ._tools import dist
from .unbalanced import sinkhorn_unbalanced
from .utils import cost_normalization

#: What may carry points that were not fitted: of most plans, and of entropic ones.
NEAREST = ("ferradans",)
_MAPS = (*NEAREST, "continuous")


class EMDTransport(BaseTransport):
    """The exact plan between samples.

    Parameters
    ----------
    metric : str
        As for `kantor.ot.dist`.
    norm : str, optional
        As for `kantor.ot.utils.cost_normalization`.
    log : bool
        Keep what the solver tells in ``log_``.
    distribution_estimation : callable
        Takes points and returns their weights.
    out_of_sample_map : {"ferradans"}
        Points that were not fitted move as the nearest fitted one does.
    limit_max : float
        Pairs of different labels cost this many times the largest cost.
    max_iter : int
        Largest number of steps; POT's default is no limit, as for `kantor.ot.emd`.

    Examples
    --------
    >>> import kantor
    >>> moved = kantor.ot.da.EMDTransport().fit(Xs=[[0.0], [1.0]], Xt=[[6.0], [5.0]])
    >>> moved.transform([[0.0], [1.0], [1.25]]).ravel()
    array([5.  , 6.  , 6.25])
    """

    def __init__(
        self, metric: str = "sqeuclidean", norm: Optional[str] = None, log: bool = False,
        distribution_estimation: Callable[[Any], Any] = distribution_estimation_uniform,
        out_of_sample_map: str = "ferradans", limit_max: float = 10, max_iter: int = 100000,
    ) -> None:
        check_map(out_of_sample_map, NEAREST)
        self.metric = metric
        self.norm = norm
        self.log = log
        self.distribution_estimation = distribution_estimation
        self.out_of_sample_map = out_of_sample_map
        self.limit_max = limit_max
        self.max_iter = max_iter

    def _couple(self, ys: Any) -> Tuple[np.ndarray, Dict[str, Any]]:
        return emd(self.mu_s, self.mu_t, self.cost_, numItermax=self.max_iter, log=True)


class SinkhornTransport(BaseTransport):
    """The entropic plan between samples.

    Parameters
    ----------
    reg_e : float
        Strength of the entropy, > 0.
    method : str
        As for `kantor.ot.sinkhorn`: one solver under all names.
    max_iter : int
        Largest number of iterations.
    tol : float
        Where to stop, as for `kantor.ot.sinkhorn`.
    verbose : bool
        Print the course of the solve.
    log : bool
        Keep what the solver tells in ``log_``.
    metric : str
        As for `kantor.ot.dist`.
    norm : str, optional
        As for `kantor.ot.utils.cost_normalization`.
    distribution_estimation : callable
        Takes points and returns their weights.
    out_of_sample_map : {"continuous", "ferradans"}
        Any point moves to the mean that the entropic potential gives it, a smooth map; or points
        that were not fitted move as the nearest fitted one does.
    limit_max : float
        Pairs of different labels cost this many times the largest cost; infinity forbids them.

    Examples
    --------
    >>> import kantor
    >>> moved = kantor.ot.da.SinkhornTransport(reg_e=0.1).fit(Xs=[[0.0], [1.0]], Xt=[[5.0], [6.0]])
    >>> moved.transform([[0.0], [0.5]]).round(6).ravel()
    array([5.000045, 5.5     ])
    """

    def __init__(
        self, reg_e: float = 1.0, method: str = "sinkhorn_log", max_iter: int = 1000,
        tol: float = 1e-8, verbose: bool = False, log: bool = False, metric: str = "sqeuclidean",
        norm: Optional[str] = None,
        distribution_estimation: Callable[[Any], Any] = distribution_estimation_uniform,
        out_of_sample_map: str = "continuous", limit_max: float = np.inf,
    ) -> None:
        check_map(out_of_sample_map, _MAPS)
        self.reg_e = reg_e
        self.method = method
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.log = log
        self.metric = metric
        self.norm = norm
        self.distribution_estimation = distribution_estimation
        self.out_of_sample_map = out_of_sample_map
        self.limit_max = limit_max

    def _couple(self, ys: Any) -> Tuple[np.ndarray, Dict[str, Any]]:
        method = "sinkhorn_log" if self.out_of_sample_map == "continuous" else self.method
        plan, told = sinkhorn(
            self.mu_s, self.mu_t, self.cost_, self.reg_e, method=method, numItermax=self.max_iter,
            stopThr=self.tol, verbose=self.verbose, log=True)
        if self.out_of_sample_map == "continuous":
            self._scalings = told["log_u"], told["log_v"]
        return plan, told

    def transform(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None,
        batch_size: int = 128,
    ) -> np.ndarray:
        """Carry points to the targets.

        Parameters
        ----------
        Xs : array_like, shape (k, d)
            Points: the fitted ones, or others.
        ys, Xt, yt
            Without effect.
        batch_size : int
            How many points are worked on at a time.

        Returns
        -------
        numpy.ndarray, shape (k, d)
            Where they go.
        """
        if self.out_of_sample_map == "ferradans":
            return super().transform(Xs, batch_size=batch_size)
        return self._blend(Xs, "Xs", self.xt_, self._scalings[1], batch_size)

    def inverse_transform(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None,
        batch_size: int = 128,
    ) -> np.ndarray:
        """Carry points to the sources.

        Parameters
        ----------
        Xs, ys, yt
            Without effect.
        Xt : array_like, shape (k, d)
            Points: the fitted ones, or others.
        batch_size : int
            How many points are worked on at a time.

        Returns
        -------
        numpy.ndarray, shape (k, d)
            Where they go.
        """
        if self.out_of_sample_map == "ferradans":
            return super().inverse_transform(Xt=Xt, batch_size=batch_size)
        return self._blend(Xt, "Xt", self.xs_, self._scalings[0], batch_size)

    def _blend(
        self, X: Any, name: str, towards: np.ndarray, scaling: np.ndarray, batch_size: int
    ) -> np.ndarray:
        points, answer = read_carried(X, name, towards), []
        for part in batches(points, batch_size):
            cost = cost_normalization(
                dist(part, towards, metric=self.metric), self.norm, value=self.norm_cost_)
            exponents = scaling[None, :] - cost / read_positive(self.reg_e, "reg_e")
            # The largest exponent is taken out, so that far points keep a weight.
            kernel = np.exp(exponents - exponents.max(axis=1, keepdims=True))
            answer.append(kernel @ towards / kernel.sum(axis=1, keepdims=True))
        return np.concatenate(answer)


class UnbalancedSinkhornTransport(BaseTransport):
    """The entropic plan between samples whose weights may be missed at a price.

    Parameters
    ----------
    reg_e : float
        Strength of the entropy, > 0.
    reg_m : float or pair of float
        Strengths of the penalties, > 0.
    method : str
        As for `kantor.ot.sinkhorn_unbalanced`: one solver under all names.
    max_iter : int
        Largest number of passes.
    tol : float
        Where to stop, as for `kantor.ot.sinkhorn_unbalanced`.
    verbose : bool
        Print the course of the solve.
    log : bool
        Keep what the solver tells in ``log_``.
    metric : str
        As for `kantor.ot.dist`.
    norm : str, optional
        As for `kantor.ot.utils.cost_normalization`.
    distribution_estimation : callable
        Takes points and returns their weights.
    out_of_sample_map : {"ferradans"}
        Points that were not fitted move as the nearest fitted one does.
    limit_max : float
        Pairs of different labels cost this many times the largest cost; infinity forbids them.

    Examples
    --------
    >>> import kantor
    >>> fitted = kantor.ot.da.UnbalancedSinkhornTransport(reg_e=0.1, reg_m=1.0, max_iter=100)
    >>> fitted.fit_transform(Xs=[[0.0], [1.0]], Xt=[[0.5], [1.5]]).round(3).ravel()
    array([0.5  , 1.344])
    """

    def __init__(
        self, reg_e: float = 1.0, reg_m: Any = 0.1, method: str = "sinkhorn", max_iter: int = 10,
        tol: float = 1e-9, verbose: bool = False, log: bool = False, metric: str = "sqeuclidean",
        norm: Optional[str] = None,
        distribution_estimation: Callable[[Any], Any] = distribution_estimation_uniform,
        out_of_sample_map: str = "ferradans", limit_max: float = 10,
    ) -> None:
        check_map(out_of_sample_map, NEAREST)
        self.reg_e = reg_e
        self.reg_m = reg_m
        self.method = method
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.log = log
        self.metric = metric
        self.norm = norm
        self.distribution_estimation = distribution_estimation
        self.out_of_sample_map = out_of_sample_map
        self.limit_max = limit_max

    def _couple(self, ys: Any) -> Tuple[np.ndarray, Dict[str, Any]]:
        return sinkhorn_unbalanced(
            self.mu_s, self.mu_t, self.cost_, self.reg_e, self.reg_m, method=self.method,
            numItermax=self.max_iter, stopThr=self.tol, verbose=self.verbose, log=True)


def check_map(name: Any, allowed: Tuple[str, ...]) -> None:
    """Refuse a way of carrying points that a class does not have.

    Parameters
    ----------
    name : str
        The argument ``out_of_sample_map``.
    allowed : tuple of str
        What it may be.
    """
    if name not in allowed:
        raise error(
            _abi.E_RANGE, f"out_of_sample_map is {name!r}; use {' or '.join(map(repr, allowed))}")
