"""Barycentres of points by entropic plans."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from .. import _abi
from .._arrays import as_vector
from .._errors import error
from ._barycentre import read_shares
from ._inputs import float_type, read_count, read_points, read_threshold
from ._sinkhorn import sinkhorn
from ._tools import dist


def free_support_sinkhorn_barycenter(
    measures_locations: Any,
    measures_weights: Any,
    X_init: Any,
    reg: float,
    b: Any = None,
    weights: Any = None,
    numItermax: int = 100,
    numInnerItermax: int = 1000,
    stopThr: float = 1e-7,
    verbose: bool = False,
    log: Optional[bool] = None,
    **kwargs: Any,
) -> Any:
    r"""Points in the middle of several measures, by entropic plans of squared distances.

    Each round solves for the entropic plan from the points to every measure and moves each point to
    the weighted mean of its images: where this moves nothing, the objective

    .. math:: \min_X \sum_k w_k \min_P \langle P, M_k(X) \rangle + \mathrm{reg}
              \sum_{ij} P_{ij} \log P_{ij}

    is stationary; it is not convex.

    Parameters
    ----------
    measures_locations : list of array_like, shapes (n_k, d)
        Points of the measures.
    measures_weights : list of array_like, shapes (n_k,)
        Their weights, each of the mass of `b`.
    X_init : array_like, shape (m, d)
        Points to start from.
    reg : float
        Strength of the entropy, > 0.
    b : array_like, shape (m,), optional
        Weights of the barycentre's points, all positive; equal ones of mass 1 if None.
    weights : array_like, shape (k,), optional
        Weights of the measures, scaled to sum 1; equal if None.
    numItermax : int
        Largest number of rounds.
    numInnerItermax : int
        Largest number of iterations of each plan.
    stopThr : float
        Sum of the squares of all moves at which to stop.
    verbose : bool
        Print the course.
    log : bool, optional
        Return a dictionary as well.
    **kwargs
        Other arguments of `kantor.ot.sinkhorn`.

    Returns
    -------
    X : numpy.ndarray, shape (m, d)
        The points.
    log : dict
        With ``log=True``: ``displacement_square_norms``, one for each round.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.bregman.free_support_sinkhorn_barycenter(
    ...     [[[0.0], [2.0]], [[4.0], [6.0]]], [[0.5, 0.5]] * 2, [[1.0], [5.0]], 0.01).round(6)
    array([[2.],
           [4.]])
    """
    points = read_points(X_init, "X_init").astype(float)
    clouds = [read_points(x, "measures_locations").astype(float) for x in measures_locations]
    if not clouds or len(clouds) != len(measures_weights):
        raise error(
            _abi.E_SHAPE, f"there are {len(clouds)} measures_locations and "
            f"{len(measures_weights)} measures_weights; one of each is needed for every measure")
    for k, cloud in enumerate(clouds):
        if cloud.shape[1] != points.shape[1]:
            raise error(
                _abi.E_SHAPE, f"measure {k} has points of dimension {cloud.shape[1]}, X_init of "
                f"{points.shape[1]}")
    own = np.full(len(points), 1 / len(points)) if b is None else as_vector(b, "b").astype(float)
    if own.shape != (len(points),) or not (own > 0).all():
        raise error(_abi.E_RANGE, f"b is not {len(points)} positive weights")
    shares = read_shares(weights, len(clouds))
    least, moves = read_threshold(stopThr, "stopThr", 0.0), []
    for number in range(read_count(numItermax, "numItermax")):
        moved = np.zeros_like(points)
        for cloud, mass, share in zip(clouds, measures_weights, shares):
            plan = sinkhorn(own, mass, dist(points, cloud), reg, numItermax=numInnerItermax,
                            **kwargs)
            moved += share * (plan @ cloud) / own[:, None]
        moves.append(float(((moved - points) ** 2).sum()))
        points = moved
        if verbose:
            print(f"round {number + 1}: moves {moves[-1]:.6e}")
        if moves[-1] <= least:
            break
    answer = points.astype(float_type(X_init))
    return (answer, {"displacement_square_norms": moves}) if log else answer
