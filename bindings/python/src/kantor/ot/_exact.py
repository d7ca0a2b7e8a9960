"""Exact transport between histograms: ``emd`` and ``emd2``."""

from __future__ import annotations

import os
import warnings
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from .. import _abi
from .._arrays import address, as_matrix, as_numbers, is_sparse
from .._errors import check, error
from .._library import lib
from .._problem import Problem
from .._solve import solve
from ._inputs import balance, float_type, is_empty, read_count, read_start, read_weights
from ._outcome import coo_plan

# POT's default limit of pivots. At this value and above the solver runs until it is done.
NO_LIMIT = 100_000
# Up to this many pairs the call without handles is quicker than one can press Ctrl-C.
_QUICK_PAIRS = 1 << 18
_F64 = np.dtype(np.float64)

# POT's numbers for how a solve ended.
_OPTIMAL, _INFEASIBLE, _LIMIT = 1, 0, 3


class Solved(NamedTuple):
    """An exact solution: cost, potentials and the entries of the plan."""

    code: int
    cost: float
    u: Optional[np.ndarray]
    v: Optional[np.ndarray]
    row: Optional[np.ndarray]
    column: Optional[np.ndarray]
    value: Optional[np.ndarray]


def emd(
    a: Any,
    b: Any,
    M: Any,
    numItermax: int = NO_LIMIT,
    log: bool = False,
    center_dual: bool = True,
    numThreads: Union[int, str] = 1,
    check_marginals: bool = True,
    potentials_init: Optional[Tuple[Any, Any]] = None,
) -> Union[np.ndarray, Tuple[np.ndarray, Dict[str, Any]]]:
    r"""Optimal transport plan between two histograms.

    .. math:: \min_P \langle P, M \rangle \quad\text{subject to}\quad P \ge 0,\ P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs; infinity forbids a pair. Of a sparse array of SciPy, pairs that are not stored are
        forbidden, and the plan comes as one.
    numItermax : int
        Largest number of pivots; the default and above mean no limit, unlike in POT, so that
        large problems are not cut off.
    log : bool
        Return a dictionary as well.
    center_dual : bool
        Shift the potentials so that ``a @ u == b @ v``.
    numThreads : int or "max"
        Threads of the solver.
    check_marginals : bool
        Refuse masses that differ by more than 1.5e-6. Smaller differences, or all if False, are
        scaled away in `b`.
    potentials_init : pair of array_like, optional
        Potentials (u, v) to start from.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m), or scipy.sparse array
        The plan, in the precision of `a`, else `b`, else `M`.
    log : dict
        With ``log=True``: ``cost``, the potentials ``u`` and ``v``, ``warning`` (None or a text)
        and ``result_code`` (1 optimal, 0 infeasible, 3 stopped at the limit).

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Notes
    -----
    If no plan avoids the forbidden pairs, a warning is issued, the plan is zero and the cost
    infinite.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.emd([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]])
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    if numItermax == NO_LIMIT and numThreads == 1 and potentials_init is None:
        found = _one_call(a, b, M, log, True)
        if found is not None and found.code == _abi.SOLVED:
            plan = np.zeros(M.shape)
            plan[found.row, found.column] = found.value
            if not log:
                return plan
            weights = (None if is_empty(a) else a, None if is_empty(b) else b)
            return plan, log_of(found, weights, center_dual, _F64, None)
    kind = float_type(a, b, M)
    stored = is_sparse(M)
    M, a, b = _read(a, b, _filled(M) if stored else M, check_marginals)
    found = _solve(a, b, M, numItermax, numThreads, potentials_init, log, True)
    text = warn_of(found.code)
    plan = _plan(found, M.shape, kind, stored)
    return (plan, log_of(found, (a, b), center_dual, kind, text)) if log else plan


def emd2(
    a: Any,
    b: Any,
    M: Any,
    processes: int = 1,
    numItermax: int = NO_LIMIT,
    log: bool = False,
    return_matrix: bool = False,
    center_dual: bool = True,
    numThreads: Union[int, str] = 1,
    check_marginals: bool = True,
    potentials_init: Optional[Tuple[Any, Any]] = None,
) -> Any:
    r"""Optimal transport cost between two histograms, or one and several.

    .. math:: \min_P \langle P, M \rangle \quad\text{subject to}\quad P \ge 0,\ P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,) or (m, k)
        Weights of the targets; uniform if empty or None. Each column is a histogram of its own.
    M : array_like, shape (n, m)
        Costs; infinity forbids a pair. Of a sparse array of SciPy, pairs that are not stored are
        forbidden, and the plan comes as one.
    processes : int
        1; run several calls in threads of your own, the interpreter lock is released.
    numItermax : int
        Largest number of pivots; the default and above mean no limit, unlike in POT.
    log : bool
        Return a dictionary as well.
    return_matrix : bool
        Return a dictionary, with the plan as ``G``.
    center_dual : bool
        Shift the potentials so that ``a @ u == b @ v``.
    numThreads : int or "max"
        Threads of the solver.
    check_marginals : bool
        Refuse masses that differ by more than 1.5e-6; see `emd`.
    potentials_init : pair of array_like, optional
        Potentials (u, v) to start from.

    Returns
    -------
    float, or list
        The cost. With `log` or `return_matrix` a list of the cost and the dictionary of `emd`. For
        several histograms a list of those.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.emd2([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]])
    0.0
    """
    if processes != 1:
        raise error(_abi.E_UNSUPPORTED, f"processes is {processes!r}; only 1 is offered")
    wants_log = bool(log or return_matrix)
    if numItermax == NO_LIMIT and numThreads == 1 and potentials_init is None and not wants_log:
        found = _one_call(a, b, M, False, False)
        if found is not None and found.code == _abi.SOLVED:
            return found.cost
    kind = float_type(a, b, M)
    columns = None if is_empty(b) else as_numbers(b, "b")
    if columns is not None and columns.ndim == 2:
        return [
            _emd2(a, columns[:, k], M, kind, numItermax, wants_log, return_matrix, center_dual,
                  numThreads, check_marginals, potentials_init)
            for k in range(columns.shape[1])
        ]
    return _emd2(a, b, M, kind, numItermax, wants_log, return_matrix, center_dual, numThreads,
                 check_marginals, potentials_init)


def _emd2(
    a: Any, b: Any, M: Any, kind: np.dtype, limit: int, log: bool, matrix: bool, center: bool,
    threads: Union[int, str], check_marginals: bool, start: Optional[Tuple[Any, Any]],
) -> Any:
    stored = is_sparse(M)
    M, a, b = _read(a, b, _filled(M) if stored else M, check_marginals)
    found = _solve(a, b, M, limit, threads, start, log, matrix)
    text = warn_of(found.code)
    if not log:
        return found.cost
    told = log_of(found, (a, b), center, kind, text)
    if matrix:
        told["G"] = _plan(found, M.shape, kind, stored)
    return [found.cost, told]


def _filled(M: Any) -> np.ndarray:
    """The costs of a sparse matrix, whose other pairs are forbidden."""
    entries = M.tocoo()
    entries.sum_duplicates()
    costs = np.full(entries.shape, np.inf)
    costs[entries.row, entries.col] = entries.data
    return costs


def _plan(found: Solved, shape: Tuple[int, int], kind: np.dtype, stored: bool) -> Any:
    empty = np.empty(0, dtype=np.int64)
    row, column = (empty if x is None else x for x in (found.row, found.column))
    value = np.empty(0) if found.value is None else found.value
    if stored:
        return coo_plan(value.astype(kind), row, column, shape)
    plan = np.zeros(shape, dtype=kind)
    plan[row, column] = value
    return plan


def _read(
    a: Any, b: Any, M: Any, check_marginals: bool
) -> Tuple[np.ndarray, Optional[np.ndarray], Optional[np.ndarray]]:
    M = as_matrix(M, "M")
    a, b = balance(
        read_weights(a, M.shape[0], "a"), read_weights(b, M.shape[1], "b"), check_marginals
    )
    return M, a, b


def _solve(
    a: Optional[np.ndarray], b: Optional[np.ndarray], M: np.ndarray, limit: int,
    threads: Union[int, str], start: Optional[Tuple[Any, Any]], duals: bool, entries: bool,
) -> Solved:
    limit = read_count(limit, "numItermax")
    if limit >= NO_LIMIT and threads == 1 and start is None and M.size <= _QUICK_PAIRS:
        left, right = (None if x is None else np.ascontiguousarray(x, _F64) for x in (a, b))
        found = _one_call(left, right, np.ascontiguousarray(M, _F64), duals, entries, True)
        if found is not None:
            return found
    options: Dict[str, Any] = {"threads": _threads(threads)}
    method = None
    if limit < NO_LIMIT:
        method, options["max_iterations"] = "network_simplex", limit
    warm_start = None
    if start is not None:
        method, warm_start = "network_simplex", read_start(start, *M.shape)
    problem = Problem("transport", copy=False, cost=M, a=a, b=b)
    result = solve(problem, method, warm_start=warm_start, **options)
    if result.status_code == _abi.INFEASIBLE:
        return _infeasible(*M.shape)
    return Solved(
        result.status_code, result.objective, result.potential_source, result.potential_target,
        *((result.plan_row, result.plan_column, result.plan_value) if entries else (None,) * 3),
    )


def _infeasible(n: int, m: int) -> Solved:
    return Solved(
        _abi.INFEASIBLE, float("inf"), np.full(n, np.nan), np.full(m, np.nan), None, None, None
    )


def _threads(threads: Union[int, str]) -> int:
    return (os.cpu_count() or 1) if threads == "max" else read_count(threads, "numThreads")


def _one_call(
    a: Any, b: Any, M: Any, duals: bool, entries: bool, checked: bool = False
) -> Optional[Solved]:
    """Solve without handles what is small and plain; None for all that needs more care.

    This is the path whose overhead counts: no conversions, and one block for all outputs.
    """
    if type(M) is not np.ndarray or M.dtype is not _F64 or M.ndim != 2:
        return None
    n, m = M.shape
    if not 0 < n * m <= _QUICK_PAIRS or not M.flags.c_contiguous:
        return None
    weights: List[Optional[int]] = []
    for value, count in ((a, n), (b, m)):
        if type(value) is np.ndarray and value.dtype is _F64:
            if value.shape != (count,) or not value.flags.c_contiguous:
                return None
            weights.append(address(value))
        elif is_empty(value):
            weights.append(None)
        else:
            return None
    if (weights[0] is None) != (weights[1] is None):
        return None  # uniform weights of mass 1 on one side, which the other has to match
    capacity = n + m
    numbers = np.empty(2 * capacity + 1)  # potentials, values of the plan, objective
    start = address(numbers)
    values = start + 8 * capacity
    places = cells = None
    if entries:
        cells = np.empty(2 * capacity + 1, np.int64)  # rows, columns, count
        places = address(cells)
    code = lib.kantor_transport_exact(
        n, m, address(M), weights[0], weights[1], values + 8 * capacity,
        start if duals else None, start + 8 * n if duals else None,
        capacity if entries else 0,
        places, places + 8 * capacity if entries else None, values if entries else None,
        places + 16 * capacity if entries else None,
    )
    if code == _abi.INFEASIBLE:
        return _infeasible(n, m)
    if code < 0:
        if checked:
            check(code)
        return None  # the careful way words the error, or scales the masses
    row = column = value = None
    if cells is not None:
        count = int(cells[2 * capacity])
        row, column = cells[:count], cells[capacity:capacity + count]
        value = numbers[capacity:capacity + count]
    return Solved(
        code, float(numbers[2 * capacity]), numbers[:n] if duals else None,
        numbers[n:capacity] if duals else None, row, column, value,
    )


def log_of(
    found: Solved, weights: Tuple[Any, Any], center: bool, kind: np.dtype, text: Optional[str]
) -> Dict[str, Any]:
    """Tell what POT tells of an exact solve.

    Parameters
    ----------
    found : Solved
        What was found.
    weights : pair of array_like
        Weights; None for uniform ones.
    center : bool
        Shift the potentials.
    kind : numpy.dtype
        Precision of the potentials.
    text : str or None
        The warning.

    Returns
    -------
    dict
        ``cost``, ``u``, ``v``, ``warning`` and ``result_code``.
    """
    u, v = found.u, found.v
    if center and found.code != _abi.INFEASIBLE:
        u, v = center_dual_potentials(u, v, *weights)
    codes = {_abi.SOLVED: _OPTIMAL, _abi.SOLVED_INACCURATE: _OPTIMAL,
             _abi.INFEASIBLE: _INFEASIBLE}
    return {
        "cost": found.cost,
        "u": np.array(u, dtype=kind),
        "v": np.array(v, dtype=kind),
        "warning": text,
        "result_code": codes.get(found.code, _LIMIT),
    }


def center_dual_potentials(u: Any, v: Any, a: Any, b: Any) -> Tuple[np.ndarray, np.ndarray]:
    """Shift potentials so that both sides carry half of the dual objective.

    Parameters
    ----------
    u, v : numpy.ndarray
        Potentials.
    a, b : numpy.ndarray or None
        Weights; None for uniform ones.

    Returns
    -------
    u, v : numpy.ndarray
        Shifted by opposite constants.
    """
    left = u.mean() if a is None else a @ u / a.sum()
    right = v.mean() if b is None else b @ v / b.sum()
    shift = (right - left) / 2
    return u + shift, v - shift


def warn_of(code: int) -> Optional[str]:
    """Warn when an exact solve fell short.

    Parameters
    ----------
    code : int
        Status of the result.

    Returns
    -------
    str or None
        The text of the warning.
    """
    texts = {
        _abi.SOLVED: None,
        _abi.SOLVED_INACCURATE: "the certificate of the plan holds to a looser tolerance only",
        _abi.INFEASIBLE: "no plan avoids the forbidden pairs",
        _abi.ITERATION_LIMIT: "numItermax was reached before the optimum; increase it",
    }
    text = texts.get(code, f"the solve ended with the status {code}")
    if text is not None:
        warnings.warn(text, stacklevel=3)
    return text
