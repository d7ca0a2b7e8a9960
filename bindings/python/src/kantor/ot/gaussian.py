"""Normal laws: the names of ``ot.gaussian``."""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_numbers, as_vector
from .._errors import error
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._barycentre import read_lambda
from ._gaussian_gromov import (
    empirical_gaussian_gromov_wasserstein_distance,
    empirical_gaussian_gromov_wasserstein_mapping,
    gaussian_gromov_wasserstein_distance,
    gaussian_gromov_wasserstein_mapping,
)
from ._inputs import float_type, read_count, refuse, warn_unsolved
from ._laws import fit_law

__all__ = [
    "bures_barycenter_fixpoint",
    "bures_barycenter_gradient_descent",
    "bures_distance",
    "bures_wasserstein_barycenter",
    "bures_wasserstein_distance",
    "bures_wasserstein_mapping",
    "empirical_bures_wasserstein_barycenter",
    "empirical_bures_wasserstein_distance",
    "empirical_bures_wasserstein_mapping",
    "empirical_gaussian_gromov_wasserstein_distance",
    "empirical_gaussian_gromov_wasserstein_mapping",
    "gaussian_gromov_wasserstein_distance",
    "gaussian_gromov_wasserstein_mapping",
]

_BARYCENTRE_METHODS = (
    "fixed_point", "gradient_descent", "stochastic_gradient_descent",
    "averaged_stochastic_gradient_descent",
)


def bures_wasserstein_distance(
    ms: Any, mt: Any, Cs: Any, Ct: Any, paired: bool = False, log: bool = False
) -> Any:
    """Wasserstein distance of two normal laws (not its square).

    Parameters
    ----------
    ms, mt : array_like, shape (d,), or (n, d) and (m, d)
        Means.
    Cs, Ct : array_like, shape (d, d), or (n, d, d) and (m, d, d)
        Covariances, one of each pair positive definite.
    paired : bool
        Of several laws: True for the distances of each with its partner, False for those of all
        pairs.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    distance : float or numpy.ndarray of shape (n,) or (n, m)
        The distance.
    log : dict
        With ``log=True``: ``Cs12``, the root of the source's covariance.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used, or two singular covariances.

    Examples
    --------
    >>> import kantor
    >>> float(kantor.ot.gaussian.bures_wasserstein_distance([0.0], [3.0], [[1.0]], [[25.0]]))
    5.0
    """
    if max(np.ndim(ms), np.ndim(mt), np.ndim(Cs) - 1, np.ndim(Ct) - 1) > 1:
        return _many_distances(ms, mt, Cs, Ct, paired, log)
    source, target = as_matrix(Cs, "Cs"), as_matrix(Ct, "Ct")
    laws = [(as_vector(ms, "ms"), source), (as_vector(mt, "mt"), target)]
    if source.shape == target.shape and source.shape[0] == source.shape[1] and _is_flat(source):
        laws.reverse()  # the distance is symmetric, and the map needs a definite source
    result = _transport(*laws[0], *laws[1])
    distance = float_type(ms, mt, Cs, Ct).type(np.sqrt(max(result.objective, 0.0)))
    return (distance, {"Cs12": _root(source)}) if log else distance


def bures_wasserstein_mapping(ms: Any, mt: Any, Cs: Any, Ct: Any, log: bool = False) -> Any:
    """Optimal map ``x -> x @ A + b`` between two normal laws.

    Parameters
    ----------
    ms, mt : array_like, shape (d,) or (1, d)
        Means.
    Cs, Ct : array_like, shape (d, d)
        Covariances; `Cs` positive definite.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    A : numpy.ndarray, shape (d, d)
        Symmetric.
    b : numpy.ndarray, shape (d,), or (1, d) if a mean has this shape
        The offset.
    log : dict
        With ``log=True``: ``Cs12`` and ``Cs12inv``, the root of `Cs` and its inverse.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used, or a singular `Cs`.
    """
    source = as_matrix(Cs, "Cs")
    result = _transport(_mean(ms, "ms"), source, _mean(mt, "mt"), as_matrix(Ct, "Ct"))
    kind = float_type(ms, mt, Cs, Ct)
    A, b = np.array(result.map_matrix, dtype=kind), np.array(result.map_offset, dtype=kind)
    if max(np.ndim(ms), np.ndim(mt)) == 2:
        b = b[None, :]
    if not log:
        return A, b
    root = _root(source)
    return A, b, {"Cs12": root, "Cs12inv": np.linalg.inv(root)}


def bures_wasserstein_barycenter(
    m: Any,
    C: Any,
    weights: Any = None,
    method: str = "fixed_point",
    num_iter: int = 1000,
    eps: float = 1e-7,
    log: bool = False,
    step_size: float = 1,
    batch_size: Optional[int] = None,
) -> Any:
    """Wasserstein barycentre of normal laws.

    Parameters
    ----------
    m : array_like, shape (k, d)
        Means.
    C : array_like, shape (k, d, d)
        Covariances, positive definite.
    weights : array_like, shape (k,), optional
        Weights of the laws, scaled to sum 1; equal if None.
    method : str
        Without effect but for its name, ``"fixed_point"``, ``"gradient_descent"``,
        ``"stochastic_gradient_descent"`` or ``"averaged_stochastic_gradient_descent"``: the
        barycentre is unique, and one solver finds it.
    num_iter : int
        Largest number of iterations.
    eps : float
        Largest ``|sum_k w_k T_k - I|_F / sqrt(d)`` of the maps to the laws.
    log : bool
        Return a dictionary as well.
    step_size, batch_size
        Without effect: they belong to descents; `batch_size` has to be a whole number >= 1.

    Returns
    -------
    mb : numpy.ndarray, shape (d,)
        Mean of the barycentre.
    Cb : numpy.ndarray, shape (d, d)
        Its covariance.
    log : dict
        With ``log=True``: ``num_iter`` and ``final_diff``.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used, or singular covariances.
    """
    if method not in _BARYCENTRE_METHODS:
        refuse(f"method {method!r} is not offered; use one of {', '.join(_BARYCENTRE_METHODS)}")
    if batch_size is not None:
        read_count(batch_size, "batch_size")
    problem = Problem("gaussian_barycentre", means=as_matrix(m, "m"),
                      covariances=as_numbers(C, "C"), weights=read_lambda(weights))
    result = solve(problem, "bures_barycentre", tolerance=float(eps),
                   max_iterations=read_count(num_iter, "num_iter"))
    warn_unsolved(result, "raise num_iter or eps")
    kind = float_type(m, C)
    mean, covariance = np.array(result.mean, dtype=kind), np.array(result.covariance, dtype=kind)
    if not log:
        return mean, covariance
    told: Dict[str, Any] = {"num_iter": result.iterations, "final_diff": result.stationarity}
    return mean, covariance, told


def bures_barycenter_fixpoint(
    C: Any, weights: Any = None, num_iter: int = 1000, eps: float = 1e-7, log: bool = False,
    nx: Any = None,
) -> Any:
    """Wasserstein barycentre of centred normal laws.

    Parameters
    ----------
    C, weights, num_iter, eps, log
        As for `bures_wasserstein_barycenter`.
    nx : None
        Without effect: arrays are those of numpy.

    Returns
    -------
    Cb : numpy.ndarray, shape (d, d)
        Covariance of the barycentre.
    log : dict
        With ``log=True``, as for `bures_wasserstein_barycenter`.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used, or singular covariances.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.gaussian.bures_barycenter_fixpoint([[[1.0]], [[9.0]]]).round(6)
    array([[4.]])
    """
    means = np.zeros(np.shape(C)[:-1], dtype=float_type(C))
    _, *answer = bures_wasserstein_barycenter(
        means, C, weights, num_iter=num_iter, eps=eps, log=log)
    return tuple(answer) if log else answer[0]


def bures_barycenter_gradient_descent(
    C: Any, weights: Any = None, num_iter: int = 1000, eps: float = 1e-7, log: bool = False,
    step_size: float = 1, batch_size: Optional[int] = None, averaged: bool = False, nx: Any = None,
) -> Any:
    """Wasserstein barycentre of centred normal laws: another name.

    Parameters
    ----------
    C, weights, num_iter, eps, log, nx
        As for `bures_barycenter_fixpoint`, which this is.
    step_size, batch_size, averaged
        Without effect: they belong to descents.

    Returns
    -------
    Cb : numpy.ndarray, shape (d, d)
        Covariance of the barycentre.
    log : dict
        With ``log=True``, as for `bures_wasserstein_barycenter`.
    """
    return bures_barycenter_fixpoint(C, weights, num_iter, eps, log)


def empirical_bures_wasserstein_distance(
    xs: Any, xt: Any, reg: float = 1e-6, ws: Any = None, wt: Any = None, bias: bool = True,
    log: bool = False,
) -> Any:
    """Wasserstein distance of the normal laws fitted to two samples (not its square).

    Parameters
    ----------
    xs, xt : array_like, shape (n, d) and (m, d)
        Samples.
    reg : float
        Added to the diagonals of the covariances.
    ws, wt : array_like, shape (n,) or (n, 1), optional
        Weights of the samples; equal if None.
    bias : bool
        True: the means are those of the samples. False: they are 0 and so is the offset.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    distance : float
        The distance.
    log : dict
        With ``log=True``: the covariances ``Cs`` and ``Ct``, and the root ``Cs12`` of the first.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    source, target = fit_law(xs, ws, reg, bias, "xs"), fit_law(xt, wt, reg, bias, "xt")
    distance, told = bures_wasserstein_distance(
        source[0], target[0], source[1], target[1], log=True)
    distance = float_type(xs, xt).type(distance)
    return (distance, {"Cs": source[1], "Ct": target[1], **told}) if log else distance


def empirical_bures_wasserstein_mapping(
    xs: Any, xt: Any, reg: float = 1e-6, ws: Any = None, wt: Any = None, bias: bool = True,
    log: bool = False,
) -> Any:
    """Optimal map ``x -> x @ A + b`` between the normal laws fitted to two samples.

    Parameters
    ----------
    xs, xt, reg, ws, wt, bias, log
        As for `empirical_bures_wasserstein_distance`.

    Returns
    -------
    A : numpy.ndarray, shape (d, d)
        Symmetric.
    b : numpy.ndarray, shape (1, d)
        The offset.
    log : dict
        With ``log=True``: the covariances ``Cs`` and ``Ct``, and the root ``Cs12`` of the first
        with its inverse ``Cs12inv``.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    source, target = fit_law(xs, ws, reg, bias, "xs"), fit_law(xt, wt, reg, bias, "xt")
    A, b, told = bures_wasserstein_mapping(source[0], target[0], source[1], target[1], log=True)
    kind = float_type(xs, xt)
    A, b = A.astype(kind), b.astype(kind)[None, :]
    return (A, b, {**told, "Cs": source[1], "Ct": target[1]}) if log else (A, b)


def bures_distance(
    Cs: Any, Ct: Any, paired: bool = False, log: bool = False, nx: Any = None
) -> Any:
    """Wasserstein distance of centred normal laws (not its square).

    Parameters
    ----------
    Cs, Ct, paired, log
        As for `bures_wasserstein_distance`.
    nx : None
        Without effect: arrays are those of numpy.

    Returns
    -------
    distance : float or numpy.ndarray of shape (n,) or (n, m)
        The distance.
    log : dict
        With ``log=True``: ``Cs12``, the root of the source's covariance.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used, or two singular covariances.

    Examples
    --------
    >>> import kantor
    >>> float(kantor.ot.gaussian.bures_distance([[1.0]], [[25.0]]))
    4.0
    """
    means = [np.zeros(np.shape(C)[:-1], dtype=float_type(C)) for C in (Cs, Ct)]
    return bures_wasserstein_distance(means[0], means[1], Cs, Ct, paired, log)


def empirical_bures_wasserstein_barycenter(
    X: Any, reg: float = 1e-6, weights: Any = None, num_iter: int = 1000, eps: float = 1e-7,
    w: Any = None, bias: bool = True, log: bool = False,
) -> Any:
    """Wasserstein barycentre of the normal laws fitted to several samples.

    Parameters
    ----------
    X : sequence of array_like, shape (n_k, d)
        Samples.
    reg : float
        Added to the diagonals of the covariances.
    weights : array_like, shape (k,), optional
        Weights of the laws, scaled to sum 1; equal if None.
    num_iter : int
        Largest number of iterations.
    eps : float
        As for `bures_wasserstein_barycenter`.
    w : sequence of array_like, shape (n_k,) or (n_k, 1), optional
        Weights of the samples; equal if None.
    bias : bool
        True: the means are those of the samples. False: they are 0.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    mb : numpy.ndarray, shape (d,)
        Mean of the barycentre.
    Cb : numpy.ndarray, shape (d, d)
        Its covariance.
    log : dict
        With ``log=True``, as for `bures_wasserstein_barycenter`.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    samples = list(X)
    shares = [None] * len(samples) if w is None else list(w)
    if not samples or len(shares) != len(samples):
        raise error(
            _abi.E_SHAPE, f"X has {len(samples)} samples, w {len(shares)}; as many of each are "
            "needed, and one at least")
    laws = [fit_law(x, share, reg, bias, f"X[{k}]") for k, (x, share) in
            enumerate(zip(samples, shares))]
    if len({len(mean) for mean, _ in laws}) > 1:
        raise error(_abi.E_SHAPE, "the samples of X are not all of the same dimension")
    means, covariances = (np.stack(part) for part in zip(*laws))
    kind = float_type(*samples)
    answer = bures_wasserstein_barycenter(
        means, covariances, weights, num_iter=num_iter, eps=eps, log=log)
    return (answer[0].astype(kind), answer[1].astype(kind), *answer[2:])


def _many_distances(ms: Any, mt: Any, Cs: Any, Ct: Any, paired: bool, log: bool) -> Any:
    sources, targets = as_matrix(ms, "ms"), as_matrix(mt, "mt")
    left, right = as_numbers(Cs, "Cs"), as_numbers(Ct, "Ct")
    if (left.ndim, right.ndim) != (3, 3) or len(left) != len(sources) or len(right) != len(targets):
        raise error(
            _abi.E_SHAPE, f"ms, mt, Cs and Ct have the shapes {sources.shape}, {targets.shape}, "
            f"{left.shape} and {right.shape}; (n, d), (m, d), (n, d, d) and (m, d, d) are needed")
    kind = float_type(ms, mt, Cs, Ct)

    def distance(i: int, j: int) -> float:
        return bures_wasserstein_distance(sources[i], targets[j], left[i], right[j])

    if paired and len(left) == len(right):
        values = np.array([distance(i, i) for i in range(len(left))], dtype=kind)
    else:
        values = np.array(
            [[distance(i, j) for j in range(len(right))] for i in range(len(left))], dtype=kind)
    return (values, {"Cs12": np.stack([_root(C) for C in left])}) if log else values


def _mean(value: Any, name: str) -> np.ndarray:
    """A mean, which POT's users also give as a row."""
    return as_vector(np.asarray(value)[0] if np.shape(value)[:-1] == (1,) else value, name)


def _transport(ms: np.ndarray, Cs: np.ndarray, mt: np.ndarray, Ct: np.ndarray) -> Result:
    problem = Problem("gaussian_transport", mean_source=ms, mean_target=mt, covariance_source=Cs,
                      covariance_target=Ct)
    result = solve(problem, "bures_wasserstein")
    warn_unsolved(result, "the covariances are near singular")
    return result


def _is_flat(covariance: np.ndarray) -> bool:
    if not np.isfinite(covariance).all() or covariance.size == 0:
        return False
    values = np.linalg.eigvalsh(covariance)
    return bool(values[0] <= 1e-13 * len(values) * max(values[-1], 0.0))


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
