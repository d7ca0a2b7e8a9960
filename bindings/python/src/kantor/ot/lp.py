"""Exact transport and barycentres: the names of ``ot.lp``."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from .. import _abi
from .._arrays import as_vector
from .._errors import error
from .._problem import Problem
from .._solve import solve
from ._barycentre import read_lambda
from ._exact import emd, emd2
from ._inputs import float_type, read_count, read_points, refuse, warn_unsolved
from ._line import emd2_1d, emd_1d, wasserstein_1d

__all__ = [
    "barycenter",
    "emd",
    "emd2",
    "emd2_1d",
    "emd_1d",
    "free_support_barycenter",
    "wasserstein_1d",
]


def barycenter(*args: Any, **kwargs: Any) -> None:
    """Unregularised barycentre on given points, by a linear program: not offered.

    Parameters
    ----------
    *args, **kwargs
        As in POT.

    Raises
    ------
    kantor.UnsupportedError
        Always. `kantor.ot.barycenter` with a small `reg` comes near it.
    """
    refuse("lp.barycenter is not offered; use ot.barycenter with a small reg")


def free_support_barycenter(
    measures_locations: Sequence[Any],
    measures_weights: Sequence[Any],
    X_init: Any,
    b: Any = None,
    weights: Any = None,
    numItermax: int = 100,
    stopThr: float = 1e-7,
    verbose: bool = False,
    log: Optional[bool] = None,
    numThreads: Any = 1,
) -> Any:
    """Barycentre whose points move, by exact plans and weighted means in turn.

    Parameters
    ----------
    measures_locations : sequence of array_like, shape (n_k, d)
        Points of the measures.
    measures_weights : sequence of array_like, shape (n_k,)
        Weights of the points, of equal mass.
    X_init : array_like, shape (m, d)
        Points to start from.
    b : array_like, shape (m,), optional
        Weights of the barycentre's points, all positive; equal if None.
    weights : array_like, shape (k,), optional
        Weights of the measures, scaled to sum 1; equal if None.
    numItermax : int
        Largest number of iterations.
    stopThr : float
        Sum of the squares of all moves at which to stop. The solver's test weights the moves by
        `b` and is made at least as strict.
    verbose : bool
        Print the course of the solve.
    log : bool, optional
        Return a dictionary as well.
    numThreads : int or "max"
        Threads; "max" is read as 1, as in POT.

    Returns
    -------
    X : numpy.ndarray, shape (m, d)
        Points of the barycentre.
    log : dict
        With ``log=True``: ``displacement_square_norms``, one for each iteration, weighted by `b`
        and the number of points.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> points = [[[0.0, 0.0], [2.0, 0.0]], [[0.0, 2.0], [2.0, 2.0]]]
    >>> kantor.ot.lp.free_support_barycenter(points, [[0.5, 0.5]] * 2, [[0.0, 1.0], [1.0, 1.0]])
    array([[0., 1.],
           [2., 1.]])
    """
    start = read_points(X_init, "X_init")
    clouds = [read_points(x, "measures_locations") for x in measures_locations]
    masses = [as_vector(w, "measures_weights") for w in measures_weights]
    _check(clouds, masses, start)
    own = None if b is None else as_vector(b, "b").astype(float)
    if own is not None and not (own > 0).all():
        raise error(_abi.E_RANGE, f"b has the weight {own.min()}; positive ones are needed")
    share = 1.0 / len(start) if own is None else float((own / own.sum()).min())
    problem = Problem(
        "point_barycentre", points=np.concatenate(clouds).astype(float),
        counts=[len(x) for x in clouds],
        point_weights=np.concatenate([w.astype(float) / w.sum() for w in masses]),
        weights=read_lambda(weights), points_start=start.astype(float), weights_barycentre=own,
    )
    # The library compares sqrt(sum_i b_i |move_i|^2) with tolerance times the spread of the points.
    spread = _spread(clouds, masses, weights)
    goal = np.sqrt(max(float(stopThr), 0.0) * share) / spread if spread > 0 else 1.0
    result = solve(
        problem, "free_support_barycentre", tolerance=float(np.clip(goal, 1e-12, 1.0)),
        max_iterations=read_count(numItermax, "numItermax"), trace=bool(log),
        threads=1 if numThreads == "max" else read_count(numThreads, "numThreads"),
        log=(lambda level, text: print(text)) if verbose else None,
    )
    if result.status not in ("solved", "iteration_limit"):
        warn_unsolved(result, "the points are the best ones found")
    X = np.array(result.points, dtype=float_type(X_init))
    if not log:
        return X
    steps = result.trace_residual
    told: Dict[str, Any] = {
        "displacement_square_norms": [float(s) ** 2 * len(start) for s in steps]
    }
    return X, told


def _check(clouds: List[np.ndarray], masses: List[np.ndarray], start: np.ndarray) -> None:
    if not clouds or len(clouds) != len(masses):
        raise error(
            _abi.E_SHAPE,
            f"there are {len(clouds)} measures_locations and {len(masses)} measures_weights; one "
            "of each is needed for every measure, and one measure at least",
        )
    for k, (x, w) in enumerate(zip(clouds, masses)):
        if x.shape[1] != start.shape[1]:
            raise error(
                _abi.E_SHAPE,
                f"measure {k} has points of dimension {x.shape[1]}, X_init of {start.shape[1]}",
            )
        if len(w) != len(x):
            raise error(
                _abi.E_SHAPE, f"measure {k} has {len(x)} points and {len(w)} weights"
            )
        if not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
            raise error(_abi.E_RANGE, f"the weights of measure {k} are not those of a measure")


def _spread(clouds: List[np.ndarray], masses: List[np.ndarray], weights: Any) -> float:
    shares = np.ones(len(clouds)) if weights is None else np.asarray(weights, dtype=float)
    if shares.shape != (len(clouds),) or not shares.sum() > 0:
        return 1.0  # refused by the library, with its message
    shares = shares / shares.sum()
    points = np.concatenate(clouds).astype(float)
    every = np.concatenate([s * w / w.sum() for s, w in zip(shares, masses)])
    return float(np.sqrt((every[:, None] * (points - every @ points) ** 2).sum()))
