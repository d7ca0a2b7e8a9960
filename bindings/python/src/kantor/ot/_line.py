"""Transport on the line: ``emd_1d``, ``emd2_1d`` and ``wasserstein_1d``."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from .. import _abi
from .._arrays import as_numbers
from .._errors import error
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._inputs import balance, float_type, read_positive, read_weights, warn_unsolved
from ._outcome import coo_plan

_METRICS = {
    "sqeuclidean": ("sqeuclidean", None),
    "euclidean": ("euclidean", None),
    "cityblock": ("l1", None),
    "minkowski": ("power", "p"),
}


class PlanTuple(NamedTuple):
    """Entries of a plan."""

    data: np.ndarray
    rows: np.ndarray
    cols: np.ndarray


def emd_1d(
    x_a: Any,
    x_b: Any,
    a: Any = None,
    b: Any = None,
    metric: str = "sqeuclidean",
    p: float = 1.0,
    dense: bool = True,
    log: bool = False,
    check_marginals: bool = True,
) -> Any:
    """Optimal transport plan between samples on the line.

    Parameters
    ----------
    x_a : array_like, shape (n,) or (n, 1)
        Source samples.
    x_b : array_like, shape (m,) or (m, 1)
        Target samples.
    a, b : array_like, optional
        Weights; uniform if None or empty.
    metric : {"sqeuclidean", "euclidean", "cityblock", "minkowski"}
        Cost of a pair: the square of the distance, the distance, the same, or its `p`-th power.
    p : float
        The power, > 0. Below 1 the cost is not convex and is solved as a dense problem.
    dense : bool
        Return a dense plan; False: a sparse array of SciPy.
    log : bool
        Return a dictionary as well.
    check_marginals : bool
        Refuse masses that differ by more than 1.5e-6; smaller differences, or all if False, are
        scaled away in `b`.

    Returns
    -------
    plan : numpy.ndarray or scipy.sparse array, shape (n, m)
        The plan.
    log : dict
        With ``log=True``: ``cost``, and ``perms_x_a`` and ``perms_x_b``, the samples that each
        entry of the plan joins.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a metric that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.emd_1d([2.0, 0.0], [0.0, 3.0])
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    x, y = _samples(x_a, "x_a"), _samples(x_b, "x_b")
    kind = float_type(x_a, x_b)
    result = _solve_line(x, y, a, b, metric, p, check_marginals)
    rows, columns = result.plan_row, result.plan_column
    values = result.plan_value.astype(kind)
    if dense:
        plan = np.zeros((x.shape[0], y.shape[0]), dtype=kind)
        plan[rows, columns] = values
    else:
        plan = coo_plan(values, np.array(rows), np.array(columns), (x.shape[0], y.shape[0]))
    if not log:
        return plan
    told = {"cost": result.objective, "perms_x_a": np.array(rows), "perms_x_b": np.array(columns)}
    return plan, told


def emd2_1d(
    x_a: Any,
    x_b: Any,
    a: Any = None,
    b: Any = None,
    metric: str = "sqeuclidean",
    p: float = 1.0,
    dense: bool = True,
    log: bool = False,
) -> Union[float, Tuple[float, Dict[str, Any]]]:
    """Optimal transport cost between samples on the line.

    Parameters
    ----------
    x_a, x_b, a, b, metric, p, dense
        As for `emd_1d`; `dense` matters with ``log=True`` only.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    cost : float
        The cost.
    log : dict
        With ``log=True``: the plan as ``G``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a metric that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.emd2_1d([2.0, 0.0], [0.0, 3.0])
    0.5
    """
    if log:
        plan, told = emd_1d(x_a, x_b, a, b, metric, p, dense, log=True)
        return told["cost"], {"G": plan}
    x, y = _samples(x_a, "x_a"), _samples(x_b, "x_b")
    return _cost_on_line(x, y, a, b, metric, p)


def wasserstein_1d(
    u_values: Any,
    v_values: Any,
    u_weights: Any = None,
    v_weights: Any = None,
    p: float = 1,
    require_sort: bool = True,
    return_plans: Union[bool, str] = False,
) -> Any:
    """Wasserstein cost on the line, to the power p, for one or many pairs of samples.

    Parameters
    ----------
    u_values : array_like, shape (n,) or (n, k)
        Source samples; each column is a problem of its own.
    v_values : array_like, shape (m,) or (m, k)
        Target samples.
    u_weights, v_weights : array_like, shape of the values or (n,) and (m,), optional
        Weights, for all columns or for each; uniform if None.
    p : float
        Power of the distance, >= 1.
    require_sort : bool
        Without effect on the answer: samples need not be sorted, and sorted ones are noticed.
    return_plans : bool or "coo_tuple"
        Return the plans too, as sparse arrays of SciPy or as triples of arrays.

    Returns
    -------
    cost : float or numpy.ndarray of shape (k,)
        The mean p-th power of the distance.
    plans : list
        With `return_plans`: sparse arrays, or triples ``data``, ``rows``, ``cols``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> float(kantor.ot.wasserstein_1d([0.0, 1.0], [2.0, 3.0], p=2))
    4.0
    """
    if not p >= 1:
        raise error(_abi.E_RANGE, f"p is {p}; p >= 1 is needed")
    if return_plans not in (True, False, "coo_tuple"):
        raise error(
            _abi.E_RANGE, f"return_plans is {return_plans!r}; True, False or 'coo_tuple' is needed"
        )
    kind = float_type(u_values, v_values)
    u, v, single = read_columns(u_values, v_values)
    weights_u = read_column_weights(u_weights, u.shape, "u_weights")
    weights_v = read_column_weights(v_weights, v.shape, "v_weights")
    columns = [
        (
            u[:, k], v[:, k], weights_u and weights_u[k], weights_v and weights_v[k], "minkowski",
            p,
        )
        for k in range(u.shape[1])
    ]
    if return_plans is False:
        costs = np.array([_cost_on_line(*column) for column in columns], dtype=kind)
        return costs[0] if single else costs
    results = [_solve_line(*column, True) for column in columns]
    costs = np.array([result.objective for result in results], dtype=kind)
    answer = costs[0] if single else costs
    return answer, [_plan(result, kind, return_plans, (len(u), len(v))) for result in results]


def _plan(result: Result, kind: np.dtype, form: Union[bool, str], shape: Tuple[int, int]) -> Any:
    entries = PlanTuple(
        result.plan_value.astype(kind), np.array(result.plan_row), np.array(result.plan_column)
    )
    return entries if form == "coo_tuple" else coo_plan(*entries, shape)


def read_columns(u_values: Any, v_values: Any) -> Tuple[np.ndarray, np.ndarray, bool]:
    """Read samples of one or many problems.

    Parameters
    ----------
    u_values : array_like, shape (n,) or (n, k)
        Source samples.
    v_values : array_like, shape (m,) or (m, k)
        Target samples.

    Returns
    -------
    u, v : numpy.ndarray, shapes (n, k) and (m, k)
        The samples.
    single : bool
        Whether they came without columns.
    """
    u, v = as_numbers(u_values, "u_values"), as_numbers(v_values, "v_values")
    if u.ndim != v.ndim or u.ndim not in (1, 2) or u.shape[1:] != v.shape[1:]:
        raise error(
            _abi.E_SHAPE,
            f"u_values and v_values have the shapes {u.shape} and {v.shape}; (n,) and (m,), or "
            "(n, k) and (m, k) are needed",
        )
    if u.ndim == 1:
        return u[:, None], v[:, None], True
    return u, v, False


class _Columns(list):
    """Weights, one vector for each column; true even if empty."""

    def __bool__(self) -> bool:
        return True


def read_column_weights(
    weights: Any, shape: Tuple[int, int], name: str
) -> Optional[List[np.ndarray]]:
    """Read weights of one or many problems.

    Parameters
    ----------
    weights : array_like or None
        Weights, for all columns or for each.
    shape : tuple of int
        That of the samples.
    name : str
        What they are called in error messages.

    Returns
    -------
    list of numpy.ndarray or None
        One for each column; None for uniform ones.
    """
    if weights is None:
        return None
    array = as_numbers(weights, name)
    if array.shape == shape[:1]:
        return _Columns([array] * shape[1])
    if array.shape == shape:
        return _Columns(array[:, k] for k in range(shape[1]))
    raise error(
        _abi.E_SHAPE, f"{name} has the shape {array.shape}; {shape[:1]} or {shape} is needed"
    )


def _samples(value: Any, name: str) -> np.ndarray:
    samples = as_numbers(value, name)
    if samples.ndim == 2 and samples.shape[1] == 1:
        samples = samples[:, 0]
    if samples.ndim != 1:
        raise error(_abi.E_SHAPE, f"{name} has the shape {samples.shape}; (n,) or (n, 1) is needed")
    return samples


def _cost_on_line(
    x: np.ndarray, y: np.ndarray, a: Any, b: Any, metric: str, p: float
) -> float:
    """The cost alone, by the method that makes no plan, where there is one."""
    power = {"sqeuclidean": 2.0, "euclidean": 1.0, "cityblock": 1.0}.get(metric)
    if metric == "minkowski":
        power = read_positive(p, "p")
    if power is None or not 1 <= power <= 100:
        return _solve_line(x, y, a, b, metric, p, True).objective
    a, b = balance(read_weights(a, x.shape[0], "a"), read_weights(b, y.shape[0], "b"))
    problem = Problem(
        "sliced_transport", copy=False, points_source=x, points_target=y, power=power,
        weights_source=a, weights_target=b,
    )
    result = solve(problem)
    warn_unsolved(result, "the cost is the best one found")
    return result.objective


def _solve_line(
    x: np.ndarray, y: np.ndarray, a: Any, b: Any, metric: str, p: float, check_marginals: bool
) -> Result:
    if metric not in _METRICS:
        raise error(
            _abi.E_RANGE, f"metric {metric!r} is not offered on the line; use one of "
            f"{', '.join(_METRICS)}"
        )
    name, takes_power = _METRICS[metric]
    power = read_positive(p, "p") if takes_power else None
    a, b = balance(
        read_weights(a, x.shape[0], "a"), read_weights(b, y.shape[0], "b"), check_marginals
    )
    problem = Problem(
        "transport", copy=False, points=(x, y), metric=name, power=power, a=a, b=b
    )
    result = solve(problem)
    warn_unsolved(result, "the plan is the best one found")
    return result
