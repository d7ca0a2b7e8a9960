"""Plans of projections, lifted back to the points: part of ``ot.sliced``."""

from __future__ import annotations

from typing import Any, List, Optional

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from ._inputs import float_type, read_count, read_number, read_points, refuse
from ._line import wasserstein_1d
from ._outcome import coo_plan
from ._projections import get_random_projections

_METRICS = ("sqeuclidean", "euclidean", "cityblock", "minkowski")


def sliced_plans(
    X_s: Any, X_t: Any, a: Any = None, b: Any = None, metric: str = "sqeuclidean", p: float = 1,
    projections: Any = None, n_projections: Optional[int] = None, seed: Any = None,
    batch_size: Optional[int] = None, log: bool = False,
) -> Any:
    """Optimal plans along directions, and what they cost between the points themselves.

    Parameters
    ----------
    X_s : array_like, shape (n, d)
        Source points.
    X_t : array_like, shape (m, d)
        Target points.
    a, b : array_like, optional
        Weights; uniform if None.
    metric : {"sqeuclidean", "euclidean", "cityblock", "minkowski"}
        Costs between points.
    p : float
        Order of ``"minkowski"``, >= 1.
    projections : array_like, shape (d, n_projections), optional
        The directions; random ones if None.
    n_projections : int, optional
        Number of random directions.
    seed : int, numpy.random.RandomState or None
        As for `kantor.ot.sliced.get_random_projections`.
    batch_size : int, optional
        How many entries of a plan are worked on at a time; all if None.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    plans : list of triples of numpy.ndarray
        ``data``, ``rows``, ``cols`` of each plan.
    costs : numpy.ndarray, shape (n_projections,)
        Their costs, none below that of exact transport.
    log : dict
        With ``log=True``: ``X_projection``, ``Y_projection`` and ``projections``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    x, y = read_points(X_s, "X_s"), read_points(X_t, "X_t")
    if x.shape[1] != y.shape[1]:
        raise error(
            _abi.E_SHAPE, f"X_s has points of dimension {x.shape[1]}, X_t of {y.shape[1]}; they "
            "must agree")
    if metric not in _METRICS:
        refuse(f"metric {metric!r} is not offered; use one of {', '.join(_METRICS)}")
    if projections is not None:
        directions = as_matrix(projections, "projections")
        if directions.shape[0] != x.shape[1]:
            raise error(
                _abi.E_SHAPE,
                f"projections has the shape {directions.shape}; ({x.shape[1]}, n) is needed")
    elif n_projections is None:
        raise error(_abi.E_MISSING, "n_projections is missing; it is needed without projections")
    else:
        directions = get_random_projections(x.shape[1], n_projections, seed, type_as=X_s)
    along, across = x @ directions, y @ directions
    _, plans = wasserstein_1d(along, across, a, b, 1, return_plans="coo_tuple")
    power = {"euclidean": 2.0, "cityblock": 1.0}.get(metric, read_number(p, "p"))
    if power < 1:
        raise error(_abi.E_RANGE, f"p is {power}; p >= 1 is needed")
    step = None if batch_size is None else read_count(batch_size, "batch_size")
    costs = np.array([_cost(x, y, plan, metric, power, step) for plan in plans],
                     dtype=float_type(X_s, X_t))
    if not log:
        return plans, costs
    return plans, costs, {
        "X_projection": along, "Y_projection": across, "projections": directions}


def min_sliced_transport_plan(
    X_s: Any, X_t: Any, a: Any = None, b: Any = None, projections: Any = None,
    metric: str = "sqeuclidean", p: float = 2, n_projections: Optional[int] = None,
    seed: Any = None, batch_size: Optional[int] = None, dense: bool = True, log: bool = False,
) -> Any:
    """The cheapest of the plans of `sliced_plans`.

    Parameters
    ----------
    X_s, X_t, a, b, projections, metric, p, n_projections, seed, batch_size, log
        As for `sliced_plans`.
    dense : bool
        Give the plan as a dense array; False: as a sparse array of SciPy.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m), or scipy.sparse array
        The plan: feasible, and optimal along its direction.
    cost : float
        Its cost, an upper bound of that of exact transport.
    log : dict
        With ``log=True``: ``projections``, ``costs``, ``min_projection``, ``X_min_projection`` and
        ``Y_min_projection``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> plan, cost = kantor.ot.min_sliced_transport_plan(
    ...     [[0.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 1.0]], projections=[[1.0], [0.0]])
    >>> plan, float(cost)
    (array([[0. , 0.5],
           [0.5, 0. ]]), 1.0)
    """
    plans, costs, told = sliced_plans(
        X_s, X_t, a, b, metric, p, projections, n_projections, seed, batch_size, True)
    best = int(costs.argmin())
    plan = _joined([plans[best]], [1.0], np.shape(X_s)[0], np.shape(X_t)[0], dense)
    if not log:
        return plan, costs[best]
    return plan, costs[best], {
        "projections": told["projections"], "costs": costs,
        "min_projection": told["projections"][:, best],
        "X_min_projection": told["X_projection"][:, best],
        "Y_min_projection": told["Y_projection"][:, best],
    }


def expected_sliced_plan(
    X_s: Any, X_t: Any, a: Any = None, b: Any = None, projections: Any = None,
    metric: str = "sqeuclidean", p: float = 2, n_projections: Optional[int] = None,
    beta: float = 0.0, seed: Any = None, dense: bool = True, batch_size: Optional[int] = None,
    log: bool = False,
) -> Any:
    """The weighted mean of the plans of `sliced_plans`.

    Parameters
    ----------
    X_s, X_t, a, b, projections, metric, p, n_projections, seed, batch_size, log
        As for `sliced_plans`.
    beta : float
        Plans weigh exp(-beta cost); all the same with 0.
    dense : bool
        Give the plan as a dense array; False: as a sparse array of SciPy.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m), or scipy.sparse array
        The plan, which is feasible.
    cost : float
        Its cost, an upper bound of that of exact transport.
    log : dict
        With ``log=True``: ``projections``, ``costs``, ``G`` (the plans) and ``weights``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    plans, costs, told = sliced_plans(
        X_s, X_t, a, b, metric, p, projections, n_projections, seed, batch_size, True)
    exponents = -read_number(beta, "beta") * costs
    weights = np.exp(exponents - exponents.max())
    weights /= weights.sum()
    plan = _joined(plans, weights, np.shape(X_s)[0], np.shape(X_t)[0], dense)
    cost = weights @ costs
    if not log:
        return plan, cost
    return plan, cost, {
        "projections": told["projections"], "costs": costs, "G": plans, "weights": weights}


def _cost(
    x: np.ndarray, y: np.ndarray, plan: Any, metric: str, power: float, step: Optional[int]
) -> float:
    total, size = 0.0, len(plan.data) if step is None else step
    for k in range(0, len(plan.data), max(size, 1)):
        part = slice(k, k + size)
        gaps = np.abs(x[plan.rows[part]] - y[plan.cols[part]]).astype(float)
        lengths = (gaps**2).sum(axis=1) if metric == "sqeuclidean" else (
            gaps**power).sum(axis=1) ** (1 / power)
        total += float(plan.data[part] @ lengths)
    return total


def _joined(plans: List[Any], weights: Any, n: int, m: int, dense: bool) -> Any:
    data, rows, columns = (
        np.concatenate(parts) for parts in zip(*(
            (plan.data * plan.data.dtype.type(w), plan.rows, plan.cols)
            for plan, w in zip(plans, weights))))
    if not dense:
        return coo_plan(data, rows, columns, (n, m))
    plan = np.zeros((n, m), dtype=data.dtype)
    np.add.at(plan, (rows, columns), data)
    return plan
