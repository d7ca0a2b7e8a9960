"""Gromov-Wasserstein problems between normal laws, solved among normal plans in closed form."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_numbers, as_vector
from .._errors import error
from ._inputs import float_type, read_points
from ._laws import fit_law


def gaussian_gromov_wasserstein_distance(Cov_s: Any, Cov_t: Any, log: bool = False) -> Any:
    r"""Gromov-Wasserstein distance of two normal laws among normal plans, for squared distances.

    With the eigenvalues :math:`\lambda` and :math:`\mu` of the covariances, falling and filled
    up with zeros,

    .. math::
        \sqrt{4 (\textstyle\sum_i \lambda_i - \mu_i)^2 + 8 \sum_i (\lambda_i - \mu_i)^2}

    of which the second term is :math:`8 |\lambda - \mu|^2`. An upper bound of the distance over
    all plans.

    Parameters
    ----------
    Cov_s : array_like, shape (n, n)
        Covariance of the sources.
    Cov_t : array_like, shape (m, m)
        Covariance of the targets.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    distance : float
        The distance.
    log : dict
        With ``log=True``: the eigenvalues ``d_s`` and ``d_t``.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.

    Notes
    -----
    Delon, Desolneux, Salmona (2022), Gromov-Wasserstein distances between Gaussian distributions.

    Examples
    --------
    >>> import kantor
    >>> distance = kantor.ot.gaussian.gaussian_gromov_wasserstein_distance([[3.0]], [[1.0]])
    >>> round(float(distance), 6)
    6.928203
    """
    (d_s, _), (d_t, _) = _axes(Cov_s, "Cov_s"), _axes(Cov_t, "Cov_t")
    differences = np.zeros(max(len(d_s), len(d_t)))
    differences[:len(d_s)] += d_s
    differences[:len(d_t)] -= d_t
    distance = float_type(Cov_s, Cov_t).type(
        np.sqrt(4 * differences.sum() ** 2 + 8 * (differences**2).sum()))
    return (distance, {"d_s": d_s, "d_t": d_t}) if log else distance


def empirical_gaussian_gromov_wasserstein_distance(
    xs: Any, xt: Any, ws: Any = None, wt: Any = None, log: bool = False
) -> Any:
    """The distance of `gaussian_gromov_wasserstein_distance` for laws fitted to two samples.

    Parameters
    ----------
    xs, xt : array_like, shape (n, d) and (m, e)
        Samples.
    ws, wt : array_like, optional
        Weights of the samples; equal if None.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    distance : float
        The distance.
    log : dict
        With ``log=True``: ``d_s``, ``d_t`` and the covariances ``Cov_s`` and ``Cov_t``.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    _, Cov_s = fit_law(xs, ws, 0.0, True, "xs")
    _, Cov_t = fit_law(xt, wt, 0.0, True, "xt")
    distance, told = gaussian_gromov_wasserstein_distance(Cov_s, Cov_t, log=True)
    distance = float_type(xs, xt).type(distance)
    return (distance, {**told, "Cov_s": Cov_s, "Cov_t": Cov_t}) if log else distance


def gaussian_gromov_wasserstein_mapping(
    mu_s: Any, mu_t: Any, Cov_s: Any, Cov_t: Any, sign_eigs: Any = None, log: bool = False
) -> Any:
    r"""Map ``x -> x @ A + b`` of the plan behind `gaussian_gromov_wasserstein_distance`.

    Axes are matched by their variances, the largest with the largest, and rescaled; each of them
    in one of two directions. Needs at least as many dimensions of the sources as variances of the
    targets that are positive.

    Parameters
    ----------
    mu_s : array_like, shape (n,) or (1, n)
        Mean of the sources.
    mu_t : array_like, shape (m,) or (1, m)
        Mean of the targets.
    Cov_s : array_like, shape (n, n)
        Covariance of the sources, positive definite.
    Cov_t : array_like, shape (m, m)
        Covariance of the targets.
    sign_eigs : array_like or "skewness", optional
        Directions of the axes, 1 or -1 for each; all 1 if None, relative to eigenvectors of which
        the largest entry is positive. ``"skewness"`` needs samples.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    A : numpy.ndarray, shape (n, m)
        The linear part.
    b : numpy.ndarray, shape (m,) or (1, m)
        The offset.
    log : dict
        With ``log=True``: eigenvalues ``d_s`` and ``d_t``, eigenvectors ``U_s`` and ``U_t``.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> A, b = kantor.ot.gaussian.gaussian_gromov_wasserstein_mapping(
    ...     [0.0], [1.0], [[1.0]], [[4.0]])
    >>> A, b
    (array([[2.]]), array([1.]))
    """
    (d_s, U_s), (d_t, U_t) = _axes(Cov_s, "Cov_s"), _axes(Cov_t, "Cov_t")
    source, target = _row(mu_s, "mu_s", len(d_s)), _row(mu_t, "mu_t", len(d_t))
    shared = min(len(d_s), len(d_t))
    if isinstance(sign_eigs, str) and sign_eigs == "skewness":
        raise error(
            _abi.E_RANGE, "sign_eigs 'skewness' needs samples; use "
            "empirical_gaussian_gromov_wasserstein_mapping")
    signs = np.ones(shared) if sign_eigs is None else as_vector(sign_eigs, "sign_eigs")
    if len(signs) < shared or not np.isin(signs, (-1, 1)).all():
        raise error(
            _abi.E_RANGE, f"sign_eigs must be {shared} numbers, each of them 1 or -1")
    if not d_s[shared - 1] > 0:
        raise error(_abi.E_RANGE, "Cov_s is singular; a positive definite one is needed")
    scales = signs[:shared] * np.sqrt(d_t[:shared] / d_s[:shared])
    kind = float_type(mu_s, mu_t, Cov_s, Cov_t)
    A = ((U_s[:, :shared] * scales) @ U_t[:, :shared].T).astype(kind)
    b = (target - source @ A).astype(kind)
    if max(np.ndim(mu_s), np.ndim(mu_t)) == 2:
        b = b[None, :]
    return (A, b, {"d_s": d_s, "d_t": d_t, "U_s": U_s, "U_t": U_t}) if log else (A, b)


def empirical_gaussian_gromov_wasserstein_mapping(
    xs: Any, xt: Any, ws: Any = None, wt: Any = None, sign_eigs: Any = None, log: bool = False
) -> Any:
    """The map of `gaussian_gromov_wasserstein_mapping` for laws fitted to two samples.

    Parameters
    ----------
    xs, xt, ws, wt
        As for `empirical_gaussian_gromov_wasserstein_distance`.
    sign_eigs : array_like or "skewness", optional
        As for `gaussian_gromov_wasserstein_mapping`; ``"skewness"``: such that the third moments
        along matched axes have one sign.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    A : numpy.ndarray, shape (d, e)
        The linear part.
    b : numpy.ndarray, shape (1, e)
        The offset.
    log : dict
        With ``log=True``, as for `gaussian_gromov_wasserstein_mapping`, and the covariances
        ``Cov_s`` and ``Cov_t``.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    mean_s, Cov_s = fit_law(xs, ws, 0.0, True, "xs")
    mean_t, Cov_t = fit_law(xt, wt, 0.0, True, "xt")
    if isinstance(sign_eigs, str) and sign_eigs == "skewness":
        moments = []
        for points, mean, covariance in ((xs, mean_s, Cov_s), (xt, mean_t, Cov_t)):
            along = (read_points(points, "xs") - mean) @ _axes(covariance, "xs")[1]
            moments.append((along**3).sum(axis=0))
        shared = min(map(len, moments))
        sign_eigs = np.where(moments[0][:shared] * moments[1][:shared] < 0, -1.0, 1.0)
    A, b, told = gaussian_gromov_wasserstein_mapping(
        mean_s, mean_t, Cov_s, Cov_t, sign_eigs, log=True)
    kind = float_type(xs, xt)
    A, b = A.astype(kind), b.astype(kind)[None, :]
    told_all: Dict[str, Any] = {**told, "Cov_s": Cov_s, "Cov_t": Cov_t}
    return (A, b, told_all) if log else (A, b)


def _axes(covariance: Any, name: str) -> Tuple[np.ndarray, np.ndarray]:
    """Variances, falling, and axes of which the largest entry is positive."""
    C = as_matrix(covariance, name).astype(np.float64, copy=False)
    if C.shape[0] != C.shape[1] or not np.allclose(C, C.T, rtol=1e-6, atol=1e-10):
        raise error(
            _abi.E_SHAPE, f"{name} of shape {C.shape} is not symmetric; a covariance is needed")
    values, vectors = np.linalg.eigh(C)
    values, vectors = values[::-1], vectors[:, ::-1]
    if len(values) and values[-1] < -1e-10 * max(values[0], 0):
        raise error(_abi.E_RANGE, f"{name} has the eigenvalue {values[-1]:g}; none may be negative")
    largest = np.take_along_axis(vectors, abs(vectors).argmax(axis=0)[None, :], axis=0)
    return np.maximum(values, 0), vectors * np.where(largest < 0, -1, 1)


def _row(value: Any, name: str, count: int) -> np.ndarray:
    mean = as_numbers(value, name).reshape(-1)
    if mean.shape != (count,):
        raise error(_abi.E_SHAPE, f"{name} has {mean.size} entries; {count} are needed")
    return mean
