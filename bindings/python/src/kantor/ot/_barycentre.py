"""Barycentres on given points and on images: the functions of ``bregman``."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_numbers, as_vector
from .._errors import error
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._inputs import float_type, read_count, read_positive, refuse, refuse_unknown, warn_unsolved

_METHODS = ("sinkhorn", "sinkhorn_log", "sinkhorn_stabilized")


def barycenter(
    A: Any,
    M: Any,
    reg: float,
    weights: Any = None,
    method: str = "sinkhorn",
    numItermax: int = 10000,
    stopThr: float = 1e-4,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    **kwargs: Any,
) -> Any:
    r"""Entropic Wasserstein barycentre of histograms.

    .. math::
        \min_q \sum_k w_k \min_P \langle P, M \rangle + \mathrm{reg} \sum_{ij} P_{ij} \log P_{ij}
        \quad\text{subject to}\quad P 1 = A_k,\ P^T 1 = q

    Parameters
    ----------
    A : array_like, shape (dim, k)
        The histograms, one in each column, of equal mass.
    M : array_like, shape (dim, m)
        Costs from the points of the histograms to those of the barycentre.
    reg : float
        Strength of the regularisation, > 0.
    weights : array_like, shape (k,), optional
        Weights of the histograms, scaled to sum 1; equal if None.
    method : {"sinkhorn", "sinkhorn_log", "sinkhorn_stabilized"}
        Without effect: the solver is the same for all, and does not under- or overflow.
    numItermax : int
        Largest number of iterations.
    stopThr : float
        Weighted mean of the L1 distances of the plans' marginals from the barycentre, relative to
        the mass, at which to stop.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    warn : bool
        Warn if the solve fell short.
    **kwargs
        Arguments of single variants are not offered.

    Returns
    -------
    barycentre : numpy.ndarray, shape (m,)
        Its weights.
    log : dict
        With ``log=True``: ``err`` (errors) and ``niter``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a method that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> A = [[0.5, 0.0], [0.5, 0.5], [0.0, 0.5]]
    >>> M = [[0.0, 1.0, 4.0], [1.0, 0.0, 1.0], [4.0, 1.0, 0.0]]
    >>> kantor.ot.barycenter(A, M, 0.1).round(4)
    array([0.25, 0.5 , 0.25])
    """
    refuse_unknown("barycenter", kwargs)
    return _on_costs("entropic_barycentre", A, M, reg, weights, method, numItermax, stopThr,
                     verbose, log, warn)


def barycenter_sinkhorn(
    A: Any,
    M: Any,
    reg: float,
    weights: Any = None,
    numItermax: int = 1000,
    stopThr: float = 1e-4,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
) -> Any:
    """Entropic Wasserstein barycentre of histograms.

    Parameters
    ----------
    A, M, reg, weights, numItermax, stopThr, verbose, log, warn
        As for `barycenter`.

    Returns
    -------
    barycentre : numpy.ndarray, shape (m,)
        Its weights.
    log : dict
        With ``log=True``, as for `barycenter`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    return _on_costs("entropic_barycentre", A, M, reg, weights, "sinkhorn", numItermax, stopThr,
                     verbose, log, warn)


def barycenter_stabilized(
    A: Any,
    M: Any,
    reg: float,
    tau: float = 1e10,
    weights: Any = None,
    numItermax: int = 1000,
    stopThr: float = 1e-4,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
) -> Any:
    """Entropic Wasserstein barycentre of histograms.

    Parameters
    ----------
    A, M, reg, weights, numItermax, stopThr, verbose, log, warn
        As for `barycenter`.
    tau : float
        Without effect: nothing under- or overflows.

    Returns
    -------
    barycentre : numpy.ndarray, shape (m,)
        Its weights.
    log : dict
        With ``log=True``, as for `barycenter`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    return _on_costs("entropic_barycentre", A, M, reg, weights, "sinkhorn", numItermax, stopThr,
                     verbose, log, warn)


def barycenter_debiased(
    A: Any,
    M: Any,
    reg: float,
    weights: Any = None,
    method: str = "sinkhorn",
    numItermax: int = 10000,
    stopThr: float = 1e-4,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    **kwargs: Any,
) -> Any:
    """Barycentre of histograms for the Sinkhorn divergence, which the entropy does not blur.

    Parameters
    ----------
    A : array_like, shape (dim, k)
        The histograms, one in each column, of equal mass.
    M : array_like, shape (dim, dim)
        Symmetric costs.
    reg, weights, method, numItermax, stopThr, verbose, log, warn, **kwargs
        As for `barycenter`.

    Returns
    -------
    barycentre : numpy.ndarray, shape (dim,)
        Its weights.
    log : dict
        With ``log=True``, as for `barycenter`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a method that cannot be used.
    """
    refuse_unknown("barycenter_debiased", kwargs)
    return _on_costs("debiased_barycentre", A, M, reg, weights, method, numItermax, stopThr,
                     verbose, log, warn)


def convolutional_barycenter2d(
    A: Any,
    reg: float,
    weights: Any = None,
    method: str = "sinkhorn",
    numItermax: int = 10000,
    stopThr: float = 1e-4,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    **kwargs: Any,
) -> Any:
    """Entropic Wasserstein barycentre of images.

    Parameters
    ----------
    A : array_like, shape (k, width, height)
        Images of equal mass, on a grid over the unit square, at squared Euclidean distances.
    reg : float
        Strength of the regularisation, > 0.
    weights, method, numItermax, stopThr, verbose, log, warn, **kwargs
        As for `barycenter`.

    Returns
    -------
    barycentre : numpy.ndarray, shape (width, height)
        The image.
    log : dict
        With ``log=True``, as for `barycenter`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a method that cannot be used.
    """
    refuse_unknown("convolutional_barycenter2d", kwargs)
    return _on_grid("entropic_barycentre", A, reg, weights, method, numItermax, stopThr, verbose,
                    log, warn)


def convolutional_barycenter2d_debiased(
    A: Any,
    reg: float,
    weights: Any = None,
    method: str = "sinkhorn",
    numItermax: int = 10000,
    stopThr: float = 1e-3,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    **kwargs: Any,
) -> Any:
    """Barycentre of images for the Sinkhorn divergence, which the entropy does not blur.

    Parameters
    ----------
    A, reg, weights, method, numItermax, stopThr, verbose, log, warn, **kwargs
        As for `convolutional_barycenter2d`.

    Returns
    -------
    barycentre : numpy.ndarray, shape (width, height)
        The image.
    log : dict
        With ``log=True``, as for `barycenter`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a method that cannot be used.
    """
    refuse_unknown("convolutional_barycenter2d_debiased", kwargs)
    return _on_grid("debiased_barycentre", A, reg, weights, method, numItermax, stopThr, verbose,
                    log, warn)


def _on_costs(
    name: str, A: Any, M: Any, reg: float, weights: Any, method: str, limit: int,
    tolerance: float, verbose: bool, log: bool, warn: bool,
) -> Any:
    histograms = as_matrix(A, "A")
    problem = Problem("barycentre", histograms=np.ascontiguousarray(histograms.T),
                      cost=as_matrix(M, "M"), weights=read_lambda(weights))
    result = _solve(problem, name, reg, method, limit, tolerance, verbose, log, warn)
    return _answer(result, result.barycentre, float_type(A, M), log)


def _on_grid(
    name: str, A: Any, reg: float, weights: Any, method: str, limit: int, tolerance: float,
    verbose: bool, log: bool, warn: bool,
) -> Any:
    images = as_numbers(A, "A")
    if images.ndim != 3:
        raise error(_abi.E_SHAPE, f"A has the shape {images.shape}; (k, width, height) is needed")
    problem = Problem("barycentre", histograms=images, weights=read_lambda(weights))
    result = _solve(problem, name, reg, method, limit, tolerance, verbose, log, warn)
    return _answer(result, result.barycentre.reshape(images.shape[1:]), float_type(A), log)


def read_lambda(weights: Any) -> Optional[np.ndarray]:
    """Read the weights of several measures.

    Parameters
    ----------
    weights : array_like or None
        The weights.

    Returns
    -------
    numpy.ndarray or None
        None for equal weights.
    """
    return None if weights is None else as_vector(weights, "weights")


def read_shares(weights: Any, count: int) -> np.ndarray:
    """Read the weights of several measures, scaled to sum 1.

    Parameters
    ----------
    weights : array_like or None
        The weights; None for equal ones.
    count : int
        How many there must be.

    Returns
    -------
    numpy.ndarray, shape (count,)
        The weights.
    """
    read = read_lambda(weights)
    shares = np.ones(count) if read is None else read.astype(float)
    if shares.shape != (count,) or not (shares >= 0).all() or not shares.sum() > 0:
        raise error(_abi.E_RANGE, f"weights are not {count} numbers >= 0, one of them > 0")
    return shares / shares.sum()


def _solve(
    problem: Problem, name: str, reg: float, method: str, limit: int, tolerance: float,
    verbose: bool, log: bool, warn: bool,
) -> Result:
    variant = method.lower() if isinstance(method, str) else method
    if variant not in _METHODS:
        refuse(f"method {method!r} is not offered; use one of {', '.join(_METHODS)}")
    result = solve(
        problem, name, epsilon=read_positive(reg, "reg"), tolerance=float(tolerance),
        max_iterations=read_count(limit, "numItermax"), trace=bool(log),
        log=print_line if verbose else None,
    )
    if warn:
        warn_unsolved(result, "raise numItermax, stopThr or reg")
    return result


def print_line(level: str, text: str) -> None:
    """Print a line of the library's log.

    Parameters
    ----------
    level, text : str
        What the log hook gets.
    """
    print(text)


def _answer(result: Result, barycentre: np.ndarray, kind: np.dtype, log: bool) -> Any:
    barycentre = np.array(barycentre, dtype=kind)
    if not log:
        return barycentre
    errors = result.trace_residual
    told: Dict[str, Any] = {
        "err": [float(e) for e in errors[np.isfinite(errors)]], "niter": result.iterations,
    }
    answer: Tuple[np.ndarray, Dict[str, Any]] = (barycentre, told)
    return answer
