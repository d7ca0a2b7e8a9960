"""Plans fitted with penalties on classes and neighbours, of ``ot.da``."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._errors import error
from ._da_base import BaseTransport, distribution_estimation_uniform
from ._da_penalties import emd_laplace, sinkhorn_l1l2_gl, sinkhorn_lpl1_mm
from ._da_plans import NEAREST, check_map


class SinkhornLpl1Transport(BaseTransport):
    """The entropic plan that prefers each target to be fed by one class of sources.

    Parameters
    ----------
    reg_e : float
        Strength of the entropy, > 0.
    reg_cl : float
        Strength of the penalty on classes, >= 0.
    max_iter, max_inner_iter : int
        Number of entropic problems, and largest number of iterations of each.
    log : bool
        Keep what the solver tells in ``log_``.
    tol : float
        Where to stop, as ``stopInnerThr`` of `kantor.ot.da.sinkhorn_lpl1_mm`.
    verbose : bool
        Print the course of the solves.
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
    >>> fitted = kantor.ot.da.SinkhornLpl1Transport(reg_e=0.1, reg_cl=1.0)
    >>> fitted.fit_transform(Xs=[[0.0], [1.0]], ys=[0, 1], Xt=[[5.0], [6.0]]).round(3).ravel()
    array([5., 6.])
    """

    _solve = staticmethod(sinkhorn_lpl1_mm)

    def __init__(
        self, reg_e: float = 1.0, reg_cl: float = 0.1, max_iter: int = 10,
        max_inner_iter: int = 200, log: bool = False, tol: float = 1e-8, verbose: bool = False,
        metric: str = "sqeuclidean", norm: Optional[str] = None,
        distribution_estimation: Callable[[Any], Any] = distribution_estimation_uniform,
        out_of_sample_map: str = "ferradans", limit_max: float = np.inf,
    ) -> None:
        check_map(out_of_sample_map, NEAREST)
        self.reg_e = reg_e
        self.reg_cl = reg_cl
        self.max_iter = max_iter
        self.max_inner_iter = max_inner_iter
        self.log = log
        self.tol = tol
        self.verbose = verbose
        self.metric = metric
        self.norm = norm
        self.distribution_estimation = distribution_estimation
        self.out_of_sample_map = out_of_sample_map
        self.limit_max = limit_max

    def fit(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None
    ) -> "BaseTransport":
        """Solve for the plan from one sample to the other.

        Parameters
        ----------
        Xs : array_like, shape (n, d)
            The sources.
        ys : array_like, shape (n,)
            Their labels, which are needed here; -1 for one that is not known.
        Xt : array_like, shape (m, d)
            The targets.
        yt : array_like, shape (m,), optional
            Their labels, as for other plans.

        Returns
        -------
        BaseTransport
            The object.
        """
        if ys is None:
            raise error(_abi.E_MISSING, "ys is missing; the classes of the sources are needed")
        return super().fit(Xs, ys, Xt, yt)

    def _couple(self, ys: Any) -> Tuple[np.ndarray, Dict[str, Any]]:
        return self._solve(
            self.mu_s, ys, self.mu_t, self.cost_, self.reg_e, self.reg_cl,
            numItermax=self.max_iter, numInnerItermax=self.max_inner_iter, stopInnerThr=self.tol,
            verbose=self.verbose, log=True)


class SinkhornL1l2Transport(SinkhornLpl1Transport):
    """The entropic plan with a group lasso over the classes of the sources.

    Parameters
    ----------
    reg_e, reg_cl, max_iter, max_inner_iter, tol, verbose, log, metric, norm, \
distribution_estimation, out_of_sample_map, limit_max
        As for `SinkhornLpl1Transport`; `tol` is ``stopInnerThr`` of
        `kantor.ot.da.sinkhorn_l1l2_gl`.

    Examples
    --------
    >>> import kantor
    >>> fitted = kantor.ot.da.SinkhornL1l2Transport(reg_e=0.1, reg_cl=1.0)
    >>> fitted.fit_transform(Xs=[[0.0], [1.0]], ys=[0, 1], Xt=[[5.0], [6.0]]).round(3).ravel()
    array([5., 6.])
    """

    _solve = staticmethod(sinkhorn_l1l2_gl)

    def __init__(
        self, reg_e: float = 1.0, reg_cl: float = 0.1, max_iter: int = 10,
        max_inner_iter: int = 200, tol: float = 1e-8, verbose: bool = False, log: bool = False,
        metric: str = "sqeuclidean", norm: Optional[str] = None,
        distribution_estimation: Callable[[Any], Any] = distribution_estimation_uniform,
        out_of_sample_map: str = "ferradans", limit_max: float = 10,
    ) -> None:
        super().__init__(
            reg_e, reg_cl, max_iter, max_inner_iter, log, tol, verbose, metric, norm,
            distribution_estimation, out_of_sample_map, limit_max)


class EMDLaplaceTransport(BaseTransport):
    """The plan that carries neighbours to neighbours.

    Parameters
    ----------
    reg_type : {"pos", "disp"}
        Keep the places of carried neighbours close, or their displacements.
    reg_lap : float
        Strength, >= 0.
    reg_src : float
        Share of the sources' graph, from 0 to 1.
    metric : str
        As for `kantor.ot.dist`.
    norm : str, optional
        As for `kantor.ot.utils.cost_normalization`.
    similarity : {"knn", "gauss"}
        As ``sim`` of `kantor.ot.da.emd_laplace`.
    similarity_param : float, optional
        As ``sim_param`` of it.
    max_iter, tol, max_inner_iter, inner_tol
        As ``numItermax``, ``stopThr``, ``numInnerItermax`` and ``stopInnerThr`` of it.
    log : bool
        Keep what the solver tells in ``log_``.
    verbose : bool
        Print the course.
    distribution_estimation : callable
        Takes points and returns their weights.
    out_of_sample_map : {"ferradans"}
        Points that were not fitted move as the nearest fitted one does.

    Examples
    --------
    >>> import kantor
    >>> fitted = kantor.ot.da.EMDLaplaceTransport(similarity_param=1)
    >>> fitted.fit_transform(Xs=[[0.0], [1.0]], Xt=[[5.0], [6.0]]).round(3).ravel()
    array([5., 6.])
    """

    def __init__(
        self, reg_type: str = "pos", reg_lap: float = 1.0, reg_src: float = 1.0,
        metric: str = "sqeuclidean", norm: Optional[str] = None, similarity: str = "knn",
        similarity_param: Optional[float] = None, max_iter: int = 100, tol: float = 1e-9,
        max_inner_iter: int = 100000, inner_tol: float = 1e-9, log: bool = False,
        verbose: bool = False,
        distribution_estimation: Callable[[Any], Any] = distribution_estimation_uniform,
        out_of_sample_map: str = "ferradans",
    ) -> None:
        check_map(out_of_sample_map, NEAREST)
        self.reg_type = reg_type
        self.reg_lap = reg_lap
        self.reg_src = reg_src
        self.metric = metric
        self.norm = norm
        self.similarity = similarity
        self.similarity_param = similarity_param
        self.max_iter = max_iter
        self.tol = tol
        self.max_inner_iter = max_inner_iter
        self.inner_tol = inner_tol
        self.log = log
        self.verbose = verbose
        self.distribution_estimation = distribution_estimation
        self.out_of_sample_map = out_of_sample_map

    def _couple(self, ys: Any) -> Tuple[np.ndarray, Dict[str, Any]]:
        return emd_laplace(
            self.mu_s, self.mu_t, self.xs_, self.xt_, self.cost_, sim=self.similarity,
            sim_param=self.similarity_param, reg=self.reg_type, eta=self.reg_lap,
            alpha=self.reg_src, numItermax=self.max_iter, stopThr=self.tol,
            numInnerItermax=self.max_inner_iter, stopInnerThr=self.inner_tol,
            verbose=self.verbose, log=True)
