"""Transport between mixtures of normal laws by transport between their components."""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_numbers, as_vector
from .._errors import error
from ._barycentre import read_shares
from ._exact import emd, emd2
from ._inputs import float_type, read_count, read_generator, read_points, read_positive
from ._tools import dist
from .gaussian import (
    bures_wasserstein_barycenter, bures_wasserstein_distance, bures_wasserstein_mapping,
)

__all__ = [
    "dist_bures_squared",
    "gaussian_logpdf",
    "gaussian_pdf",
    "gmm_barycenter_fixed_point",
    "gmm_ot_apply_map",
    "gmm_ot_loss",
    "gmm_ot_plan",
    "gmm_ot_plan_density",
    "gmm_pdf",
]


def gaussian_logpdf(x: Any, m: Any, C: Any) -> np.ndarray:
    """Logarithm of the density of a normal law.

    Parameters
    ----------
    x : array_like, shape (..., d)
        Points.
    m : array_like, shape (d,)
        Mean.
    C : array_like, shape (d, d)
        Covariance, positive definite.

    Returns
    -------
    numpy.ndarray, shape (...)
        The logarithms.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    points, mean, covariance = as_numbers(x, "x"), as_vector(m, "m"), as_matrix(C, "C")
    d = len(mean)
    if points.shape[-1:] != (d,) or covariance.shape != (d, d):
        raise error(
            _abi.E_SHAPE, f"x, m and C have the shapes {points.shape}, {mean.shape} and "
            f"{covariance.shape}; (..., d), (d,) and (d, d) are needed")
    try:
        root = np.linalg.cholesky(covariance.astype(np.float64))
    except np.linalg.LinAlgError as cause:
        raise error(_abi.E_RANGE, "C is not positive definite") from cause
    apart = np.linalg.solve(root, (points - mean).reshape(-1, d).T.astype(np.float64))
    exponents = -0.5 * (apart**2).sum(axis=0) - np.log(np.diag(root)).sum()
    logarithms = exponents - 0.5 * d * np.log(2 * np.pi)
    return logarithms.reshape(points.shape[:-1]).astype(float_type(x))


def gaussian_pdf(x: Any, m: Any, C: Any) -> np.ndarray:
    """Density of a normal law.

    Parameters
    ----------
    x, m, C
        As for `gaussian_logpdf`.

    Returns
    -------
    numpy.ndarray, shape (...)
        The density.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.gmm.gaussian_pdf([[0.0]], [0.0], [[1.0]]).round(6)
    array([0.398942])
    """
    return np.exp(gaussian_logpdf(x, m, C))


def gmm_pdf(x: Any, m: Any, C: Any, w: Any) -> np.ndarray:
    """Density of a mixture of normal laws.

    Parameters
    ----------
    x : array_like, shape (..., d)
        Points.
    m : array_like, shape (k, d)
        Means.
    C : array_like, shape (k, d, d)
        Covariances.
    w : array_like, shape (k,)
        Weights.

    Returns
    -------
    numpy.ndarray, shape (...)
        The density.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    means, covariances = _components(m, C, "m", "C")
    weights = _weights(w, len(means), "w")
    return sum(
        share * gaussian_pdf(x, mean, covariance)
        for share, mean, covariance in zip(weights, means, covariances))


def dist_bures_squared(m_s: Any, m_t: Any, C_s: Any, C_t: Any) -> np.ndarray:
    """Squared Wasserstein distances between the components of two mixtures.

    Parameters
    ----------
    m_s, m_t : array_like, shapes (k, d) and (l, d)
        Means.
    C_s, C_t : array_like, shapes (k, d, d) and (l, d, d)
        Covariances.

    Returns
    -------
    numpy.ndarray, shape (k, l)
        The squared distances.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    sources, targets = _components(m_s, C_s, "m_s", "C_s"), _components(m_t, C_t, "m_t", "C_t")
    return bures_wasserstein_distance(
        sources[0], targets[0], sources[1], targets[1], paired=False) ** 2


def gmm_ot_loss(
    m_s: Any, m_t: Any, C_s: Any, C_t: Any, w_s: Any, w_t: Any, log: bool = False
) -> Any:
    """Cost of transport between the components of two mixtures.

    It bounds the squared Wasserstein distance of the mixtures from above.

    Parameters
    ----------
    m_s, m_t, C_s, C_t
        As for `dist_bures_squared`.
    w_s, w_t : array_like, shapes (k,) and (l,)
        Weights.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    cost : float
        The cost.
    log : dict
        With ``log=True``, that of `kantor.ot.emd2`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> float(kantor.ot.gmm.gmm_ot_loss([[0.0]], [[3.0]], [[[1.0]]], [[[25.0]]], [1.0], [1.0]))
    25.0
    """
    cost = dist_bures_squared(m_s, m_t, C_s, C_t)
    a, b = _weights(w_s, cost.shape[0], "w_s"), _weights(w_t, cost.shape[1], "w_t")
    return emd2(a, b, cost, log=log)


def gmm_ot_plan(
    m_s: Any, m_t: Any, C_s: Any, C_t: Any, w_s: Any, w_t: Any, log: bool = False
) -> Any:
    """Plan of transport between the components of two mixtures.

    Parameters
    ----------
    m_s, m_t, C_s, C_t, w_s, w_t, log
        As for `gmm_ot_loss`.

    Returns
    -------
    plan : numpy.ndarray, shape (k, l)
        The plan.
    log : dict
        With ``log=True``, that of `kantor.ot.emd`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    cost = dist_bures_squared(m_s, m_t, C_s, C_t)
    a, b = _weights(w_s, cost.shape[0], "w_s"), _weights(w_t, cost.shape[1], "w_t")
    return emd(a, b, cost, log=log)


def gmm_ot_apply_map(
    x: Any, m_s: Any, m_t: Any, C_s: Any, C_t: Any, w_s: Any, w_t: Any, plan: Any = None,
    method: str = "bary", seed: Any = None,
) -> np.ndarray:
    """Carry points from one mixture to the other.

    Parameters
    ----------
    x : array_like, shape (n, d)
        Points.
    m_s, m_t, C_s, C_t, w_s, w_t
        As for `gmm_ot_loss`.
    plan : array_like, shape (k, l), optional
        Plan between the components; that of `gmm_ot_plan` if None.
    method : {"bary", "rand"}
        Go to the mean of the images under the maps between matched components, weighted by the
        shares of the components at the point; or to one of them, drawn with these weights.
    seed : int, numpy.random.RandomState or None
        Of the draw.

    Returns
    -------
    numpy.ndarray, shape (n, d)
        Where the points go.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> law = [[0.0]], [[4.0]], [[[1.0]]], [[[4.0]]], [1.0], [1.0]
    >>> kantor.ot.gmm.gmm_ot_apply_map([[0.0], [1.0]], *law).round(6).ravel()
    array([4., 6.])
    """
    if method not in ("bary", "rand"):
        raise error(_abi.E_RANGE, f"method is {method!r}; use 'bary' or 'rand'")
    points = read_points(x, "x")
    if plan is None:
        plan = gmm_ot_plan(m_s, m_t, C_s, C_t, w_s, w_t)
    moved = as_matrix(plan, "plan")
    sources, targets = _components(m_s, C_s, "m_s", "C_s"), _components(m_t, C_t, "m_t", "C_t")
    shape = (len(sources[0]), len(targets[0]))
    if moved.shape != shape or points.shape[1] != sources[0].shape[1]:
        raise error(
            _abi.E_SHAPE, f"plan and x have the shapes {moved.shape} and {points.shape}; {shape} "
            f"and (n, {sources[0].shape[1]}) are needed")
    logarithms = np.stack(
        [gaussian_logpdf(points, mean, covariance) for mean, covariance in zip(*sources)])
    # Relative to the largest density, so that a point far from all components has shares.
    density = np.exp(logarithms - logarithms.max(axis=0))
    density /= _weights(w_s, shape[0], "w_s") @ density
    images: List[np.ndarray] = []
    shares: List[np.ndarray] = []
    for i, j in zip(*np.nonzero(moved > 0)):
        A, b = bures_wasserstein_mapping(
            sources[0][i], targets[0][j], sources[1][i], targets[1][j])
        images.append(points @ A + b)
        shares.append(moved[i, j] * density[i])
    goals, chances = np.stack(images), np.stack(shares)
    if method == "bary":
        return np.einsum("pn,pnd->nd", chances, goals).astype(float_type(x))
    levels = read_generator(seed, "seed").rand(len(points)) * chances.sum(axis=0)
    drawn = np.minimum((chances.cumsum(axis=0) <= levels).sum(axis=0), len(chances) - 1)
    return goals[drawn, np.arange(len(points))].astype(float_type(x))


def gmm_ot_plan_density(
    x: Any, y: Any, m_s: Any, m_t: Any, C_s: Any, C_t: Any, w_s: Any, w_t: Any, plan: Any = None,
    atol: float = 1e-2,
) -> np.ndarray:
    """Density of the plan between two mixtures, at pairs of points.

    The plan lies on the graphs of the maps between matched components.

    Parameters
    ----------
    x, y : array_like, shapes (n, d) and (m, d)
        Points of the sources and of the targets.
    m_s, m_t, C_s, C_t, w_s, w_t
        As for `gmm_ot_loss`.
    plan : array_like, shape (k, l), optional
        Plan between the components; that of `gmm_ot_plan` if None.
    atol : float
        How far a target may be from the image of a source to lie on the graph.

    Returns
    -------
    numpy.ndarray, shape (n, m)
        The density of the sources there, in the shares of the components that are matched.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    points, places = read_points(x, "x"), read_points(y, "y")
    if plan is None:
        plan = gmm_ot_plan(m_s, m_t, C_s, C_t, w_s, w_t)
    moved = as_matrix(plan, "plan")
    sources, targets = _components(m_s, C_s, "m_s", "C_s"), _components(m_t, C_t, "m_t", "C_t")
    d = sources[0].shape[1]
    if moved.shape != (len(sources[0]), len(targets[0])) or {
            points.shape[1], places.shape[1]} != {d}:
        raise error(
            _abi.E_SHAPE, f"plan, x and y have the shapes {moved.shape}, {points.shape} and "
            f"{places.shape}; ({len(sources[0])}, {len(targets[0])}), (n, {d}) and (m, {d}) are "
            "needed")
    width = read_positive(atol, "atol")
    density = np.zeros((len(points), len(places)))
    for i, j in zip(*np.nonzero(moved > 0)):
        A, b = bures_wasserstein_mapping(
            sources[0][i], targets[0][j], sources[1][i], targets[1][j])
        near = dist(points @ A + b, places) < width**2
        height = gaussian_pdf(points, sources[0][i], sources[1][i])
        density += moved[i, j] * height[:, None] * near
    return density.astype(float_type(x))


def gmm_barycenter_fixed_point(
    means_list: Any, covs_list: Any, w_list: Any, means_init: Any, covs_init: Any, weights: Any,
    w_bar: Any = None, iterations: int = 100, log: bool = False,
    barycentric_proj_method: str = "euclidean",
) -> Any:
    """Mixture in the middle of several mixtures, by rounds of plans and barycentres.

    Parameters
    ----------
    means_list, covs_list : list of array_like, shapes (k, d) and (k, d, d)
        Means and covariances of the mixtures.
    w_list : list of array_like, shapes (k,)
        Their weights.
    means_init, covs_init : array_like, shapes (n, d) and (n, d, d)
        Components to start from.
    weights : array_like, shape (number of mixtures,)
        Weights of the mixtures, scaled to sum 1; equal if None.
    w_bar : array_like, shape (n,), optional
        Weights of the components, all positive; equal if None.
    iterations : int
        Number of rounds.
    log : bool
        Return a dictionary as well.
    barycentric_proj_method : {"euclidean", "bures"}
        What stands for the components of one mixture that a component is matched to: means of
        their means and covariances, or their barycentre.

    Returns
    -------
    means : numpy.ndarray, shape (n, d)
        Means of the components.
    covs : numpy.ndarray, shape (n, d, d)
        Their covariances.
    log : dict
        With ``log=True``: ``means_its`` and ``covs_its``, those of all rounds.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    if barycentric_proj_method not in ("euclidean", "bures"):
        raise error(
            _abi.E_RANGE, f"barycentric_proj_method is {barycentric_proj_method!r}; use "
            "'euclidean' or 'bures'")
    count = len(means_list)
    if count == 0 or len(covs_list) != count or len(w_list) != count:
        raise error(
            _abi.E_SHAPE, f"there are {count} means_list, {len(covs_list)} covs_list and "
            f"{len(w_list)} w_list; one of each is needed for every mixture")
    mixtures = [_components(m, C, "means_list", "covs_list") for m, C in zip(means_list, covs_list)]
    kind = float_type(means_init)
    means, covs = (value.astype(float) for value in _components(
        means_init, covs_init, "means_init", "covs_init"))
    own = np.full(len(means), 1 / len(means)) if w_bar is None else _weights(
        w_bar, len(means), "w_bar")
    if not (own > 0).all():
        raise error(_abi.E_RANGE, "w_bar has weights that are not positive")
    shares, course = read_shares(weights, count), [(means, covs)]
    for _ in range(read_count(iterations, "iterations")):
        chosen = []
        for (m, C), w in zip(mixtures, w_list):
            plan = gmm_ot_plan(means, m, covs, C, own, w) / own[:, None]
            if barycentric_proj_method == "euclidean":
                chosen.append((plan @ m, np.einsum("ij,jab->iab", plan, C)))
            else:
                parts = [bures_wasserstein_barycenter(m[row > 0], C[row > 0], row[row > 0])
                         for row in plan]
                chosen.append(tuple(np.stack(part) for part in zip(*parts)))
        middles = [bures_wasserstein_barycenter(
            np.stack([m[i] for m, _ in chosen]), np.stack([C[i] for _, C in chosen]), shares)
            for i in range(len(own))]
        means, covs = (np.stack(part) for part in zip(*middles))
        course.append((means, covs))
    answer = means.astype(kind), covs.astype(kind)
    if not log:
        return answer
    return *answer, {"means_its": [m for m, _ in course], "covs_its": [C for _, C in course]}


def _components(m: Any, C: Any, name: str, other: str) -> Tuple[np.ndarray, np.ndarray]:
    means, covariances = as_matrix(m, name), as_numbers(C, other)
    k, d = means.shape
    if covariances.shape != (k, d, d):
        raise error(
            _abi.E_SHAPE, f"{name} and {other} have the shapes {means.shape} and "
            f"{covariances.shape}; (k, d) and (k, d, d) are needed")
    return means, covariances


def _weights(w: Any, count: int, name: str) -> np.ndarray:
    weights = as_vector(w, name)
    if len(weights) != count:
        raise error(_abi.E_SHAPE, f"{name} has {len(weights)} weights; {count} are needed")
    return weights
