"""Sliced transport on the sphere, along its great circles: part of ``ot.sliced``."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_numbers
from .._errors import error
from ._circle import linear_circular_ot, semidiscrete_wasserstein2_unif_circle, wasserstein_circle
from ._inputs import float_type, read_count, read_generator

#: How far squared lengths of points on the sphere may be from 1, as in POT.
_OFF_SPHERE = 1e-4


def get_projections_sphere(
    d: int, n_projections: int, seed: Any = None, backend: Any = None, type_as: Any = None
) -> np.ndarray:
    """Bases of random planes through the origin.

    Parameters
    ----------
    d : int
        Dimension, at least 2.
    n_projections : int
        Number of planes.
    seed : int, numpy.random.RandomState or None
        Where the random numbers come from, as for `kantor.ot.sliced.get_random_projections`.
    backend : None
        Without effect: arrays are those of numpy.
    type_as : array_like, optional
        The precision of the answer is that of this array.

    Returns
    -------
    numpy.ndarray, shape (n_projections, d, 2)
        Two orthonormal columns for each plane.

    Raises
    ------
    kantor.KantorError
        Numbers that are no sizes.

    Examples
    --------
    >>> import kantor
    >>> U = kantor.ot.sliced.get_projections_sphere(3, 5, seed=0)
    >>> U.shape, abs(U[0].T @ U[0]).round(12).tolist()
    ((5, 3, 2), [[1.0, 0.0], [0.0, 1.0]])
    """
    count, dimension = read_count(n_projections, "n_projections"), read_count(d, "d")
    if dimension < 2:
        raise error(_abi.E_RANGE, f"d is {dimension}; a sphere of dimension >= 2 is needed")
    normal = read_generator(seed, "seed").randn(count, dimension, 2)
    return np.stack([np.linalg.qr(Z)[0] for Z in normal]).astype(float_type(type_as), copy=False)


def projection_sphere_to_circle(
    x: Any, n_projections: int = 50, projections: Any = None, seed: Any = None, backend: Any = None
) -> Tuple[np.ndarray, np.ndarray]:
    """Nearest points of great circles, in turns.

    Parameters
    ----------
    x : array_like, shape (n, d)
        Points on the sphere.
    n_projections : int
        Number of circles.
    projections : array_like, shape (n_projections, d, 2), optional
        Bases of their planes; random ones if None.
    seed, backend
        As for `get_projections_sphere`.

    Returns
    -------
    turns : numpy.ndarray, shape (n_projections, n)
        From 0 to 1 around each circle.
    projections : numpy.ndarray, shape (n_projections, d, 2)
        The bases.

    Raises
    ------
    kantor.KantorError
        Shapes that do not fit.
    """
    points = as_matrix(x, "x")
    bases = _bases(points, n_projections, projections, seed)
    return _turns(points, bases).astype(float_type(x)), bases


def sliced_wasserstein_sphere(
    X_s: Any, X_t: Any, a: Any = None, b: Any = None, n_projections: int = 50, p: float = 2,
    projections: Any = None, seed: Any = None, log: bool = False,
) -> Any:
    r"""Wasserstein distance on the sphere, averaged over great circles.

    Parameters
    ----------
    X_s : array_like, shape (n, d)
        Source points, of length 1.
    X_t : array_like, shape (m, d)
        Target points, of length 1.
    a, b : array_like, optional
        Weights; uniform if None.
    n_projections : int
        Number of circles.
    p : float
        Power, >= 1; as for `kantor.ot.wasserstein_circle`.
    projections : array_like, shape (n_projections, d, 2), optional
        Bases of the planes of the circles; random ones if None.
    seed : int, numpy.random.RandomState or None
        As for `kantor.ot.sliced.get_projections_sphere`.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    distance : float
        The mean of the costs, to the power 1/p.
    log : dict
        With ``log=True``: ``projections`` and ``projected_emds``, the costs.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used, or points off the sphere.

    Examples
    --------
    >>> import kantor
    >>> float(kantor.ot.sliced_wasserstein_sphere([[1.0, 0.0]], [[-1.0, 0.0]]).round(6))
    0.5
    """
    x, y = _pair(X_s, X_t)
    bases = _bases(x, n_projections, projections, seed)
    costs = wasserstein_circle(
        _turns(x, bases).T, _turns(y, bases).T, u_weights=a, v_weights=b, p=p)
    return _answer(costs, p, bases, float_type(X_s, X_t), log)


def sliced_wasserstein_sphere_unif(
    X_s: Any, a: Any = None, n_projections: int = 50, projections: Any = None, seed: Any = None,
    log: bool = False,
) -> Any:
    """Wasserstein distance to the uniform law on the sphere, averaged over great circles.

    Parameters
    ----------
    X_s, a, n_projections, projections, seed, log
        As for `kantor.ot.sliced_wasserstein_sphere` with p = 2.

    Returns
    -------
    distance : float
        The root of the mean cost.
    log : dict
        With ``log=True``: ``projections`` and ``projected_emds``, the costs.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used, or points off the sphere.
    """
    x = _on_sphere(X_s, "X_s")
    bases = _bases(x, n_projections, projections, seed)
    costs = semidiscrete_wasserstein2_unif_circle(_turns(x, bases).T, u_weights=a)
    return _answer(costs, 2, bases, float_type(X_s), log)


def linear_sliced_wasserstein_sphere(
    X_s: Any, X_t: Any = None, a: Any = None, b: Any = None, n_projections: int = 50,
    projections: Any = None, seed: Any = None, log: bool = False,
) -> Any:
    """Linear circular transport distance, averaged over great circles.

    Parameters
    ----------
    X_s, a, b, n_projections, projections, seed, log
        As for `kantor.ot.sliced_wasserstein_sphere`.
    X_t : array_like, shape (m, d), optional
        Target points, of length 1; None for the uniform law.

    Returns
    -------
    distance : float
        The root of the mean cost, each as for `kantor.ot.linear_circular_ot`.
    log : dict
        With ``log=True``: ``projections`` and ``projected_emds``, the costs.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used, or points off the sphere.
    """
    x, y = (_on_sphere(X_s, "X_s"), None) if X_t is None else _pair(X_s, X_t)
    bases = _bases(x, n_projections, projections, seed)
    targets = None if y is None else _turns(y, bases).T
    costs = linear_circular_ot(_turns(x, bases).T, targets, u_weights=a, v_weights=b)
    return _answer(costs, 2, bases, float_type(X_s, X_t), log)


def _pair(X_s: Any, X_t: Any) -> Tuple[np.ndarray, np.ndarray]:
    x, y = _on_sphere(X_s, "X_s"), _on_sphere(X_t, "X_t")
    if x.shape[1] != y.shape[1]:
        raise error(
            _abi.E_SHAPE, f"X_s has points of dimension {x.shape[1]}, X_t of {y.shape[1]}; they "
            "must agree")
    return x, y


def _on_sphere(value: Any, name: str) -> np.ndarray:
    points = as_matrix(value, name)
    off = np.abs((points.astype(float) ** 2).sum(axis=1) - 1)
    if not (off <= _OFF_SPHERE).all():
        worst = int(np.nanargmax(np.where(np.isfinite(off), off, np.inf)))
        raise error(
            _abi.E_RANGE, f"{name}[{worst}] is not on the sphere: its length is "
            f"{np.linalg.norm(points[worst]):.6g}")
    return points


def _bases(x: np.ndarray, count: Any, projections: Any, seed: Optional[Any]) -> np.ndarray:
    d = x.shape[1]
    if projections is None:
        return get_projections_sphere(d, count, seed, type_as=x)
    bases = as_numbers(projections, "projections")
    if bases.ndim != 3 or bases.shape[1:] != (d, 2):
        raise error(
            _abi.E_SHAPE, f"projections has the shape {bases.shape}; (n_projections, {d}, 2) is "
            "needed")
    return bases


def _turns(points: np.ndarray, bases: np.ndarray) -> np.ndarray:
    planes = np.einsum("kdi,nd->kin", bases.astype(float), points)
    return (np.arctan2(-planes[:, 1], -planes[:, 0]) / (2 * np.pi) + 0.5) % 1.0


def _answer(costs: np.ndarray, p: float, bases: np.ndarray, kind: np.dtype, log: bool) -> Any:
    costs = costs.astype(kind)
    distance = kind.type(costs.astype(float).mean() ** (1 / p))
    return (distance, {"projections": bases, "projected_emds": costs}) if log else distance
