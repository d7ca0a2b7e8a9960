"""Affine maps between samples: part of ``ot.da``."""

from __future__ import annotations

from typing import Any, Callable, Dict, Tuple

import numpy as np

from ._da_base import BaseTransport, distribution_estimation_uniform, read_carried
from ._gaussian_gromov import empirical_gaussian_gromov_wasserstein_mapping
from .gaussian import empirical_bures_wasserstein_mapping


class LinearTransport(BaseTransport):
    """The affine map between the normal laws fitted to two samples.

    Parameters
    ----------
    reg : float
        Added to the diagonals of the covariances, >= 0.
    bias : bool
        Fit the means; False takes them as 0.
    log : bool
        Keep what was computed in ``log_``.
    distribution_estimation : callable
        Takes points and returns their weights.

    Attributes
    ----------
    A_, B_ : numpy.ndarray, shapes (d, d) and (1, d)
        The map x -> x A_ + B_.
    A1_, B1_ : numpy.ndarray, shapes (d, d) and (1, d)
        The map back.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.da.LinearTransport().fit_transform(Xs=[[0.0], [2.0]], Xt=[[5.0], [9.0]]).round(6)
    array([[5.],
           [9.]])
    """

    def __init__(
        self, reg: float = 1e-8, bias: bool = True, log: bool = False,
        distribution_estimation: Callable[[Any], Any] = distribution_estimation_uniform,
    ) -> None:
        self.reg = reg
        self.bias = bias
        self.log = log
        self.distribution_estimation = distribution_estimation

    def fit(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None
    ) -> "BaseTransport":
        """Fit the map.

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
        LinearTransport
            The object.
        """
        self._read_samples(Xs, Xt)
        self.A_, self.B_, told = self._map(self.xs_, self.xt_, self.mu_s, self.mu_t)
        self.A1_, self.B1_ = self._map_back()
        self.log_ = told if self.log else {}
        return self

    def transform(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None,
        batch_size: int = 128,
    ) -> np.ndarray:
        """Carry points along the map.

        Parameters
        ----------
        Xs : array_like, shape (k, d)
            The points.
        ys, Xt, yt, batch_size
            Without effect.

        Returns
        -------
        numpy.ndarray, shape (k, e)
            Where they go.
        """
        return read_carried(Xs, "Xs", self.xs_) @ self.A_ + self.B_

    def inverse_transform(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None,
        batch_size: int = 128,
    ) -> np.ndarray:
        """Carry points along the map back.

        Parameters
        ----------
        Xt : array_like, shape (k, e)
            The points.
        Xs, ys, yt, batch_size
            Without effect.

        Returns
        -------
        numpy.ndarray, shape (k, d)
            Where they go.
        """
        return read_carried(Xt, "Xt", self.xt_) @ self.A1_ + self.B1_

    def _map(self, X: Any, Y: Any, a: Any, b: Any) -> Tuple[Any, Any, Dict[str, Any]]:
        return empirical_bures_wasserstein_mapping(
            X, Y, reg=self.reg, ws=a[:, None], wt=b[:, None], bias=self.bias, log=True)

    def _map_back(self) -> Tuple[np.ndarray, np.ndarray]:
        back = np.linalg.inv(self.A_)
        return back, -self.B_ @ back


class LinearGWTransport(LinearTransport):
    """The affine map between the normal laws of two samples that matches their inner structure.

    Parameters
    ----------
    log : bool
        Keep what was computed in ``log_``.
    sign_eigs : array_like or "skewness", optional
        As for `kantor.ot.gaussian.empirical_gaussian_gromov_wasserstein_mapping`.
    distribution_estimation : callable
        Takes points and returns their weights.

    Examples
    --------
    >>> import kantor
    >>> fitted = kantor.ot.da.LinearGWTransport().fit(Xs=[[0.0], [2.0]], Xt=[[5.0], [9.0]])
    >>> abs(fitted.A_).round(6)
    array([[2.]])
    """

    def __init__(
        self, log: bool = False, sign_eigs: Any = None,
        distribution_estimation: Callable[[Any], Any] = distribution_estimation_uniform,
    ) -> None:
        self.log = log
        self.sign_eigs = sign_eigs
        self.distribution_estimation = distribution_estimation

    def _map(self, X: Any, Y: Any, a: Any, b: Any) -> Tuple[Any, Any, Dict[str, Any]]:
        return empirical_gaussian_gromov_wasserstein_mapping(
            X, Y, ws=a[:, None], wt=b[:, None], sign_eigs=self.sign_eigs, log=True)

    def _map_back(self) -> Tuple[np.ndarray, np.ndarray]:
        return self._map(self.xt_, self.xs_, self.mu_t, self.mu_s)[:2]
