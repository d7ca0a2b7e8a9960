"""A map fitted together with a plan, of ``ot.da``."""

from __future__ import annotations

from typing import Any, NoReturn, Optional

import numpy as np

from .. import _abi
from .._errors import error
from ._da_base import BaseTransport, means, read_carried
from ._inputs import refuse
from .mapping import joint_OT_mapping_kernel, joint_OT_mapping_linear
from .utils import kernel as gram


class MappingTransport(BaseTransport):
    """A plan between samples and a map that follows it.

    Parameters
    ----------
    mu, eta, bias, sigma
        As for `kantor.ot.mapping.joint_OT_mapping_linear` and ``joint_OT_mapping_kernel``.
    metric, norm
        Without effect, as in POT: costs are squared distances.
    kernel : {"linear", "gaussian"}
        Kind of map.
    max_iter, tol, max_inner_iter, inner_tol
        As ``numItermax``, ``stopThr``, ``numInnerItermax`` and ``stopInnerThr`` of them.
    log : bool
        Keep what the solver tells in ``log_``.
    verbose, verbose2 : bool
        Print the course; the second one is without effect.

    Attributes
    ----------
    coupling_ : numpy.ndarray, shape (n, m)
        The plan.
    mapping_ : numpy.ndarray
        The map, of shape (d, d) or (n, d), with one more row for `bias`.

    Examples
    --------
    >>> import kantor
    >>> fitted = kantor.ot.da.MappingTransport(bias=True).fit(Xs=[[0.0], [2.0]], Xt=[[5.0], [9.0]])
    >>> fitted.transform([[1.0]]).round(3)
    array([[7.]])
    """

    def __init__(
        self, mu: float = 1, eta: float = 0.001, bias: bool = False, metric: str = "sqeuclidean",
        norm: Optional[str] = None, kernel: str = "linear", sigma: float = 1, max_iter: int = 100,
        tol: float = 1e-5, max_inner_iter: int = 10, inner_tol: float = 1e-6, log: bool = False,
        verbose: bool = False, verbose2: bool = False,
    ) -> None:
        self.mu = mu
        self.eta = eta
        self.bias = bias
        self.metric = metric
        self.norm = norm
        self.kernel = kernel
        self.sigma = sigma
        self.max_iter = max_iter
        self.tol = tol
        self.max_inner_iter = max_inner_iter
        self.inner_tol = inner_tol
        self.log = log
        self.verbose = verbose
        self.verbose2 = verbose2

    def fit(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None
    ) -> "BaseTransport":
        """Fit the plan and the map.

        Parameters
        ----------
        Xs : array_like, shape (n, d)
            The sources.
        Xt : array_like, shape (m, d)
            The targets.
        ys, yt
            Without effect.

        Returns
        -------
        MappingTransport
            The object.
        """
        if self.kernel not in ("linear", "gaussian"):
            refuse(f"kernel {self.kernel!r} is not offered; use 'linear' or 'gaussian'")
        self._read_samples(Xs, Xt)
        shared = dict(
            mu=self.mu, eta=self.eta, bias=self.bias, verbose=self.verbose,
            numItermax=self.max_iter, numInnerItermax=self.max_inner_iter, stopThr=self.tol,
            stopInnerThr=self.inner_tol, log=True)
        if self.kernel == "linear":
            found = joint_OT_mapping_linear(self.xs_, self.xt_, **shared)
        else:
            found = joint_OT_mapping_kernel(self.xs_, self.xt_, sigma=self.sigma, **shared)
        self.coupling_, self.mapping_, told = found
        self.log_ = told if self.log else {}
        return self

    def transform(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None,
        batch_size: int = 128,
    ) -> np.ndarray:
        """Carry points to the targets.

        Parameters
        ----------
        Xs : array_like, shape (k, d)
            Points: the fitted ones go along the plan, others along the map.
        ys, Xt, yt, batch_size
            Without effect.

        Returns
        -------
        numpy.ndarray, shape (k, d)
            Where they go.
        """
        points = read_carried(Xs, "Xs", self.xs_)
        if np.array_equal(points, self.xs_):
            return means(self.coupling_, self.xt_)
        if self.kernel == "gaussian":
            points = gram(points, self.xs_, sigma=self.sigma)
        if self.bias:
            points = np.hstack([points, np.ones((len(points), 1), points.dtype)])
        return points @ self.mapping_

    def inverse_transform(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None,
        batch_size: int = 128,
    ) -> NoReturn:
        """Refuse: the map has no way back.

        Parameters
        ----------
        Xs, ys, Xt, yt, batch_size
            Without effect.

        Raises
        ------
        kantor.KantorError
            Always.
        """
        raise error(
            _abi.E_UNSUPPORTED, "inverse_transform is not offered for fitted maps; fit with the "
            "samples swapped")
