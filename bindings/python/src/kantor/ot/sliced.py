"""Sliced transport: the names of ``ot.sliced``."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._inputs import (
    balance,
    float_type,
    read_count,
    read_points,
    read_weights,
    warn_unsolved,
)
from ._projections import get_random_projections
from ._sliced_plans import expected_sliced_plan, min_sliced_transport_plan, sliced_plans
from ._sphere import (
    get_projections_sphere, linear_sliced_wasserstein_sphere, projection_sphere_to_circle,
    sliced_wasserstein_sphere, sliced_wasserstein_sphere_unif,
)

__all__ = [
    "expected_sliced_plan",
    "get_projections_sphere",
    "get_random_projections",
    "linear_sliced_wasserstein_sphere",
    "max_sliced_wasserstein_distance",
    "min_sliced_transport_plan",
    "projection_sphere_to_circle",
    "sliced_plans",
    "sliced_wasserstein_distance",
    "sliced_wasserstein_sphere",
    "sliced_wasserstein_sphere_unif",
]


def sliced_wasserstein_distance(
    X_s: Any,
    X_t: Any,
    a: Any = None,
    b: Any = None,
    n_projections: int = 50,
    p: float = 2,
    projections: Any = None,
    seed: Any = None,
    log: bool = False,
    scaler: Any = None,
    numThreads: int = 1,
) -> Any:
    r"""Sliced Wasserstein distance, by exact transport along directions.

    .. math:: \Bigl(\frac{1}{L} \sum_l W_p^p(\theta_l^T X_s, \theta_l^T X_t)\Bigr)^{1/p}

    Parameters
    ----------
    X_s : array_like, shape (n, d)
        Source points.
    X_t : array_like, shape (m, d)
        Target points.
    a, b : array_like, shapes (n,) and (m,), optional
        Weights; uniform if None.
    n_projections : int
        Number of directions.
    p : float
        Power, >= 1.
    projections : array_like, shape (d, n_projections), optional
        Directions to use, as they are; `n_projections` and `seed` then have no effect.
    seed : int, numpy.random.RandomState or None
        As for `get_random_projections`.
    log : bool
        Return a dictionary as well.
    scaler : callable or object with a method ``transform``, optional
        Applied to both clouds before.
    numThreads : int
        Threads; POT has no such argument.

    Returns
    -------
    distance : float
        The distance.
    log : dict
        With ``log=True``: ``projections``, ``projected_emds`` (:math:`W_p^p` along each direction),
        and beyond POT's ``standard_error`` (of the distance, as an estimate of the one over all
        directions) and ``result``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a power that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> X = [[0.0, 0.0], [1.0, 2.0]]
    >>> Y = [[3.0, 4.0], [4.0, 6.0]]
    >>> along = [[1.0, 0.0], [0.0, 1.0]]
    >>> round(kantor.ot.sliced_wasserstein_distance(X, Y, projections=along), 9)
    3.535533906
    """
    problem, directions = _problem(X_s, X_t, a, b, n_projections, p, projections, seed, scaler)
    result = _solved(problem, numThreads)
    distance = _typed(result.objective ** (1 / p), X_s, X_t)
    if not log:
        return distance
    slope = result.objective ** (1 / p - 1) / p if result.objective > 0 else 0.0
    told: Dict[str, Any] = {
        "projections": directions, "projected_emds": np.array(result.slice_costs),
        "standard_error": slope * result.standard_error, "result": result,
    }
    return distance, told


def max_sliced_wasserstein_distance(
    X_s: Any,
    X_t: Any,
    a: Any = None,
    b: Any = None,
    n_projections: int = 50,
    p: float = 2,
    projections: Any = None,
    seed: Any = None,
    log: bool = False,
    scaler: Any = None,
    climb: bool = False,
    numThreads: int = 1,
) -> Any:
    r"""Max-sliced Wasserstein distance: along the best direction.

    Parameters
    ----------
    X_s, X_t, a, b, n_projections, p, projections, seed, scaler, numThreads
        As for `sliced_wasserstein_distance`.
    log : bool
        Return a dictionary as well.
    climb : bool
        False: the largest among the directions, as in POT. True: climb from the best of them to a
        local maximum over the sphere; POT has no such argument.

    Returns
    -------
    distance : float
        The distance, a lower bound of the largest over all directions.
    log : dict
        With ``log=True``: ``projections``, ``projected_emds``, and beyond POT's
        ``best_direction`` and ``result``. With `climb` there are ``upper_bound`` (of the distance
        over all directions) and no ``projected_emds``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a power that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> X = [[0.0, 0.0], [1.0, 2.0]]
    >>> Y = [[3.0, 4.0], [4.0, 6.0]]
    >>> round(kantor.ot.max_sliced_wasserstein_distance(X, Y, seed=0, climb=True), 6)
    5.0
    """
    problem, directions = _problem(X_s, X_t, a, b, n_projections, p, projections, seed, scaler)
    if climb:
        result = _solved(problem, numThreads, "max_sliced")
        distance = _typed(result.objective ** (1 / p), X_s, X_t)
        told = {"projections": directions, "upper_bound": result.upper_bound ** (1 / p)}
    else:
        result = _solved(problem, numThreads)
        distance = _typed(result.largest ** (1 / p), X_s, X_t)
        told = {"projections": directions, "projected_emds": np.array(result.slice_costs)}
    told.update(best_direction=np.array(result.best_direction), result=result)
    return (distance, told) if log else distance


def _problem(
    X_s: Any, X_t: Any, a: Any, b: Any, n_projections: int, p: float, projections: Any, seed: Any,
    scaler: Any,
) -> Tuple[Problem, np.ndarray]:
    if not 1 <= p <= 100:
        raise error(_abi.E_RANGE, f"p is {p}; a power in [1, 100] is needed")
    X_s, X_t = _scaled(X_s, scaler), _scaled(X_t, scaler)
    x, y = read_points(X_s, "X_s"), read_points(X_t, "X_t")
    if x.shape[1] != y.shape[1]:
        raise error(
            _abi.E_SHAPE,
            f"X_s has points of dimension {x.shape[1]}, X_t of {y.shape[1]}; they must agree",
        )
    if projections is None:
        directions = get_random_projections(x.shape[1], n_projections, seed, type_as=X_s)
    else:
        directions = as_matrix(projections, "projections")
        if directions.shape[0] != x.shape[1]:
            raise error(
                _abi.E_SHAPE,
                f"projections has the shape {directions.shape}; ({x.shape[1]}, n) is needed",
            )
    a, b = balance(read_weights(a, len(x), "a"), read_weights(b, len(y), "b"))
    problem = Problem(
        "sliced_transport", copy=False, points_source=x, points_target=y, weights_source=a,
        weights_target=b, power=float(p), projections=np.ascontiguousarray(directions.T),
    )
    return problem, directions


def _solved(problem: Problem, threads: int, method: Optional[str] = None) -> Result:
    result = solve(problem, method, threads=read_count(threads, "numThreads"))
    warn_unsolved(result, "the value is the best one found")
    return result


def _scaled(points: Any, scaler: Any) -> Any:
    if scaler is None:
        return points
    points = np.asarray(points)
    if hasattr(scaler, "transform"):
        return scaler.transform(points)
    if not callable(scaler):
        raise error(
            _abi.E_TYPE, f"scaler must be a function or have a method transform, not {scaler!r}")
    return scaler(points)


def _typed(value: float, *arrays: Any) -> Any:
    kind = float_type(*arrays)
    return float(value) if kind == np.float64 else kind.type(value)
