"""Exact transport and barycentres: the names of ``ot.lp``."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_vector
from .._errors import error
from .._problem import Problem
from .._rows import Triplets
from .._solve import solve
from ._barycentre import print_line, read_lambda, read_shares
from ._circle import (
    binary_search_circle, linear_circular_ot, semidiscrete_wasserstein2_unif_circle,
    wasserstein_circle,
)
from ._exact import emd, emd2
from ._exact_points import emd2_lazy
from ._inputs import (
    MASS_TOLERANCE, float_type, read_count, read_generator, read_points, warn_unsolved,
)
from ._line import emd2_1d, emd_1d, wasserstein_1d

__all__ = [
    "barycenter",
    "binary_search_circle",
    "emd",
    "emd2",
    "emd2_1d",
    "emd2_lazy",
    "emd_1d",
    "free_support_barycenter",
    "generalized_free_support_barycenter",
    "linear_circular_ot",
    "semidiscrete_wasserstein2_unif_circle",
    "wasserstein_1d",
    "wasserstein_circle",
]


def barycenter(
    A: Any,
    M: Any,
    weights: Any = None,
    verbose: bool = False,
    log: bool = False,
    solver: Optional[str] = "highs-ipm",
) -> Any:
    r"""Barycentre on given points without regularisation, by a linear program.

    .. math::
        \min_q \sum_k w_k \min_P \langle P, M \rangle
        \quad\text{subject to}\quad P 1 = A_k,\ P^T 1 = q

    The program has k dim m + m variables: for some hundred points. Use `kantor.ot.barycenter`
    for more.

    Parameters
    ----------
    A : array_like, shape (dim, k)
        The histograms, one in each column, of equal mass.
    M : array_like, shape (dim, m)
        Costs from the points of the histograms to those of the barycentre.
    weights : array_like, shape (k,), optional
        Weights of the histograms, scaled to sum 1; equal if None.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    solver : str, optional
        Without effect: the program is solved by `interior_point`.

    Returns
    -------
    barycentre : numpy.ndarray, shape (m,)
        Its weights. Where several are optimal, one in their middle.
    log : dict
        With ``log=True``: ``fun``, the value, and ``result``, with certificate and multipliers.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> A = [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    >>> M = [[0.0, 1.0, 4.0], [1.0, 0.0, 1.0], [4.0, 1.0, 0.0]]
    >>> abs(kantor.ot.lp.barycenter(A, M)).round(6)
    array([0., 1., 0.])
    """
    histograms, cost = as_matrix(A, "A").astype(float), as_matrix(M, "M").astype(float)
    (n, count), m = histograms.shape, cost.shape[1]
    if cost.shape[0] != n:
        raise error(
            _abi.E_SHAPE, f"A has {n} rows, M {cost.shape[0]}; both are as many as the points")
    if not (np.isfinite(histograms).all() and (histograms >= 0).all()):
        raise error(_abi.E_RANGE, "A has entries that are no masses: negative or not finite")
    mass = histograms.sum(axis=0)
    if not (mass > 0).all() or np.ptp(mass) > MASS_TOLERANCE * mass.max():
        raise error(_abi.E_RANGE, f"the masses of A's columns are {mass}; they have to be equal")
    shares = np.full(count, 1 / count) if weights is None else as_vector(weights, "weights")
    if shares.shape != (count,) or not (shares >= 0).all() or not shares.sum() > 0:
        raise error(_abi.E_RANGE, f"weights are {weights}; {count} masses are needed")
    shares = shares / shares.sum()
    # At mass n the entries are of the size of 1.
    rows, b = _marginal_rows(n * histograms / mass, m)
    q = np.concatenate([*(share * cost.ravel() for share in shares), np.zeros(m)])
    problem = Problem(
        "cone", q=q, A=rows, b=b, cones=f"zero {len(b) - len(q)}, nonnegative {len(q)}")
    result = solve(problem, log=print_line if verbose else None)
    warn_unsolved(result, "the barycentre is the best one found")
    scale = mass.mean()
    barycentre = np.maximum(result.x[-m:], 0)
    barycentre = (scale / barycentre.sum() * barycentre).astype(float_type(A, M))
    if not log:
        return barycentre
    return barycentre, {"fun": scale / n * result.objective, "result": result}


def _marginal_rows(histograms: np.ndarray, m: int) -> Any:
    """P_k 1 = a_k and P_k' 1 - q = 0 for all k, then -x <= 0; and the right-hand side."""
    n, count = histograms.shape
    size = count * n * m + m
    plans, columns = np.arange(count * n * m), np.arange(count * m)
    k, i, j = plans // (n * m), plans // m % n, plans % m
    row = np.concatenate([k * n + i, count * n + k * m + j, count * n + columns])
    col = np.concatenate([plans, plans, count * n * m + columns % m])
    data = np.concatenate([np.ones(2 * len(plans)), -np.ones(len(columns))])
    b = np.concatenate([histograms.T.ravel(), np.zeros(count * m)])
    # The last column of every plan but the first follows from all other rows.
    keep = np.ones(len(b), dtype=bool)
    keep[count * n + m * np.arange(2, count + 1) - 1] = False
    place, kept = np.cumsum(keep) - 1, keep[row]
    row, col, data, b = place[row[kept]], col[kept], data[kept], b[keep]
    return Triplets(
        (len(b) + size, size), np.concatenate([row, len(b) + np.arange(size)]),
        np.concatenate([col, np.arange(size)]), np.concatenate([data, -np.ones(size)]),
    ), np.concatenate([b, np.zeros(size)])


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


def generalized_free_support_barycenter(
    X_list: Any,
    a_list: Any,
    P_list: Any,
    n_samples_bary: int,
    Y_init: Any = None,
    b: Any = None,
    weights: Any = None,
    numItermax: int = 100,
    stopThr: float = 1e-7,
    verbose: bool = False,
    log: Optional[bool] = None,
    numThreads: Any = 1,
    eps: float = 0,
) -> Any:
    r"""Points whose images under linear maps are in the middle of several measures.

    .. math:: \min_Y \sum_k w_k W_2^2(P_k Y, X_k)

    By a change of variables it is `kantor.ot.lp.free_support_barycenter`.

    Parameters
    ----------
    X_list : list of array_like, shapes (n_k, d_k)
        Points of the measures.
    a_list : list of array_like, shapes (n_k,)
        Their weights.
    P_list : list of array_like, shapes (d_k, d)
        The maps.
    n_samples_bary : int
        Number of points of the barycentre.
    Y_init : array_like, shape (n_samples_bary, d), optional
        Points to start from, after the change of variables as in POT; drawn by numpy's global
        generator if None.
    b, numItermax, stopThr, verbose, log, numThreads
        As for `kantor.ot.lp.free_support_barycenter`.
    weights : array_like, shape (k,), optional
        Weights of the measures, scaled to sum 1; equal if None.
    eps : float
        Added to the diagonal of ``sum_k w_k P_k' P_k``, which has to be regular.

    Returns
    -------
    Y : numpy.ndarray, shape (n_samples_bary, d)
        The points.
    log : dict
        With ``log=True``, as for `kantor.ot.lp.free_support_barycenter`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used, or maps that leave a direction free.
    """
    maps = [as_matrix(P, "P_list").astype(float) for P in P_list]
    clouds = [read_points(X, "X_list").astype(float) for X in X_list]
    if not clouds or len(maps) != len(clouds):
        raise error(
            _abi.E_SHAPE, f"there are {len(clouds)} X_list and {len(maps)} P_list; one of each is "
            "needed for every measure")
    d = maps[0].shape[1]
    for k, (cloud, P) in enumerate(zip(clouds, maps)):
        if P.shape != (cloud.shape[1], d):
            raise error(
                _abi.E_SHAPE, f"P_list[{k}] has the shape {P.shape}; {(cloud.shape[1], d)} is "
                "needed")
    shares = read_shares(weights, len(clouds))
    whole = eps * np.eye(d) + sum(w * P.T @ P for w, P in zip(shares, maps))
    values, vectors = np.linalg.eigh(whole)
    if not values[0] > 1e-12 * values[-1]:
        raise error(_abi.E_RANGE, "the maps of P_list leave a direction free; raise eps")
    back = (vectors / np.sqrt(values)) @ vectors.T
    start = read_generator(None, "Y_init").randn(read_count(n_samples_bary, "n_samples_bary"), d)
    if Y_init is not None:
        start = read_points(Y_init, "Y_init")
    found = free_support_barycenter(
        [X @ P @ back for X, P in zip(clouds, maps)], a_list, start, b, weights, numItermax,
        stopThr, verbose, True, numThreads)
    points = (found[0] @ back).astype(float_type(*X_list))
    return (points, found[1]) if log else points


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
