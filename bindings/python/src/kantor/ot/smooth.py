"""Smoothed transport with sparse plans: quadratic regularisation, at most `max_nz` entries."""

from __future__ import annotations

import operator
import warnings
from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._entropic import Weights, _Printer, solve_entropic
from ._inputs import float_type, read_count, read_positive, read_threshold, refuse

_ENTROPIC = ("entropic", "negentropy", "kl")
_QUADRATIC = ("l2", "squaredl2")
_LIMITED = ("sparsity_constrained", "sparsity-constrained")

__all__ = ["smooth_ot_dual", "smooth_ot_semi_dual"]


def smooth_ot_dual(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    reg_type: str = "l2",
    method: str = "L-BFGS-B",
    stopThr: float = 1e-9,
    numItermax: int = 500,
    verbose: bool = False,
    log: bool = False,
    max_nz: Optional[int] = None,
    repair: str = "none",
) -> Any:
    r"""Smoothed transport plan, by the dual problem.

    .. math:: \min_P \langle P, M \rangle + \sum_j \Omega(P_{:j})
              \quad\text{subject to}\quad P \ge 0,\ P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs; infinity forbids a pair.
    reg : float
        Strength of the regularisation, > 0.
    reg_type : {"l2", "kl", "sparsity_constrained"}
        :math:`\Omega`: half the squared norm, the negative entropy, or the former with at most
        `max_nz` entries in each column.
    method : str
        Without effect: problems are solved by semismooth Newton steps, or Sinkhorn's iteration.
    stopThr : float
        Marginal error to stop at, relative to the mass; POT's is a tolerance of its optimiser.
    numItermax : int
        Largest number of steps.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    max_nz : int, optional
        Largest number of entries in a column, with ``"sparsity_constrained"``.
    repair : {"none", "ties", "support"}
        Beyond POT: what to do where plans with `max_nz` entries miss the marginals. ``"none"``:
        nothing but a warning. ``"ties"``: marginals hold, some columns have more entries.
        ``"support"``: keep the places of the entries and move as much mass as they can.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``: the potentials ``alpha`` and ``beta``, and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [1.0, 0.0]]
    >>> kantor.ot.smooth.smooth_ot_dual([0.5, 0.5], [0.5, 0.5], M, 4.0).round(6)
    array([[0.375, 0.125],
           [0.125, 0.375]])
    """
    plan, alpha, beta, result = _solve(
        a, b, M, reg, reg_type, stopThr, numItermax, verbose, max_nz, repair
    )
    return (plan, {"alpha": alpha, "beta": beta, "res": result}) if log else plan


def smooth_ot_semi_dual(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    reg_type: str = "l2",
    max_nz: Optional[int] = None,
    method: str = "L-BFGS-B",
    stopThr: float = 1e-9,
    numItermax: int = 500,
    verbose: bool = False,
    log: bool = False,
    repair: str = "none",
) -> Any:
    """Smoothed transport plan, by the semi-dual problem: columns have exactly the mass b.

    The same solver as `smooth_ot_dual`, which works on the semi-dual anyhow.

    Parameters
    ----------
    a, b, M, reg, reg_type, max_nz, method, stopThr, numItermax, verbose, log, repair
        As for `smooth_ot_dual`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``: the potentials ``alpha`` of the sources, and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [1.0, 0.0]]
    >>> plan = kantor.ot.smooth.smooth_ot_semi_dual(
    ...     [0.5, 0.5], [0.5, 0.5], M, 4.0, reg_type="sparsity_constrained", max_nz=1)
    >>> plan.round(6)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    plan, alpha, _, result = _solve(
        a, b, M, reg, reg_type, stopThr, numItermax, verbose, max_nz, repair
    )
    return (plan, {"alpha": alpha, "res": result}) if log else plan


def solve_quadratic(
    problem: Problem, reg: float, limit: int, tolerance: float, *, verbose: bool = False,
    threads: int = 1, method: str = "quadratic", **options: Any,
) -> Result:
    """Solve by `quadratic` or `sparsity_constrained`, and warn if it fell short.

    Parameters
    ----------
    problem : Problem
        With the weights set.
    reg : float
        Strength of the regularisation.
    limit : int
        Largest number of steps.
    tolerance : float
        Marginal error to stop at.
    verbose : bool
        Print the course of the solve.
    threads : int
        Threads of the solver.
    method : str
        Name of the method.
    **options
        Its further options.

    Returns
    -------
    Result
        The result.
    """
    result = solve(
        problem, method, gamma=read_positive(reg, "reg"),
        max_iterations=read_count(limit, "numItermax"),
        tolerance=read_threshold(tolerance, "stopThr", 1e-15), threads=threads,
        progress=_Printer() if verbose else None, **options,
    )
    if result.status_code not in (_abi.SOLVED, _abi.SOLVED_INACCURATE):
        missed = ""
        if result.status_code != _abi.INFEASIBLE:
            missed = f"; the plan misses the marginals by {result.marginal_residual:.3g} in all"
        warnings.warn(
            f"the solve ended with the status '{result.status}'{missed}", stacklevel=4
        )
    return result


def _solve(
    a: Any, b: Any, M: Any, reg: float, reg_type: str, tolerance: float, limit: int,
    verbose: bool, max_nz: Optional[int], repair: str,
) -> Tuple[np.ndarray, np.ndarray, np.ndarray, Result]:
    kind = float_type(M)
    M = as_matrix(M, "M")
    weights = Weights.read(a, b, *M.shape)
    problem = Problem("transport", copy=False, cost=M, a=weights.a, b=weights.b)
    name = str(reg_type).lower()
    if name in _ENTROPIC:
        found = solve_entropic(
            problem, weights, M.shape, reg, limit, tolerance, verbose=verbose
        )
        alpha, beta = (float(reg) * (x + 0.5) for x in (found.log_u, found.log_v))
        result = found.result
    else:
        options: Dict[str, Any] = {}
        if name in _LIMITED:
            options = {
                "method": "sparsity_constrained", "cardinality": _capacity(max_nz, M.shape[0]),
                "repair": repair,
            }
        elif name not in _QUADRATIC:
            refuse(
                f"reg_type {reg_type!r} is not offered; use 'l2', 'kl' or 'sparsity_constrained'"
            )
        result = solve_quadratic(problem, reg, limit, tolerance, verbose=verbose, **options)
        if result.status_code == _abi.INFEASIBLE:
            nothing = (np.full(count, np.nan, kind) for count in M.shape)
            return (np.zeros(M.shape, kind), *nothing, result)
        alpha, beta = result.potential_source, result.potential_target
    return result.plan.astype(kind), np.array(alpha, kind), np.array(beta, kind), result


def _capacity(max_nz: Any, rows: int) -> int:
    try:
        count = operator.index(max_nz)
    except TypeError:
        raise error(_abi.E_TYPE, f"max_nz is {max_nz!r}; a whole number is needed") from None
    if not 1 <= count <= rows:
        raise error(_abi.E_RANGE, f"max_nz is {count}; 1 to {rows} entries are possible")
    return count
