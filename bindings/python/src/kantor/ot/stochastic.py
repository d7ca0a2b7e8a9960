"""Entropic transport by POT's stochastic names: the functions of ``ot.stochastic``."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from .._problem import Problem
from .._solve import solve
from ._inputs import balance, float_type, read_count, read_positive, read_weights, warn_unsolved

__all__ = ["solve_dual_entropic", "solve_semi_dual_entropic"]


def solve_semi_dual_entropic(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    method: str,
    numItermax: int = 10000,
    lr: Optional[float] = None,
    log: bool = False,
) -> Any:
    """Entropic transport plan of a cost matrix, where POT takes stochastic steps.

    The same problem is solved to its end by a deterministic method.

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty.
    b : array_like, shape (m,)
        Weights of the targets; uniform if empty.
    M : array_like, shape (n, m)
        Costs.
    reg : float
        Strength of the regularisation, > 0.
    method : {"sag", "asgd"}
        Without effect, in upper or lower case.
    numItermax : int
        Largest number of iterations.
    lr : float, optional
        Without effect: there are no step lengths.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    pi : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``: the potentials ``alpha`` and ``beta``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or a method that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [1.0, 0.0]]
    >>> half = [0.5, 0.5]
    >>> kantor.ot.stochastic.solve_semi_dual_entropic(half, half, M, 1.0, "sag").round(4)
    array([[0.3655, 0.1345],
           [0.1345, 0.3655]])
    """
    if str(method).lower() not in ("sag", "asgd"):
        raise error(_abi.E_RANGE, f"method is {method!r}; 'sag' or 'asgd' is needed")
    return _entropic(a, b, M, reg, numItermax, log)


def solve_dual_entropic(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    batch_size: int,
    numItermax: int = 10000,
    lr: float = 1,
    log: bool = False,
) -> Any:
    """Entropic transport plan of a cost matrix, where POT takes stochastic steps.

    The same problem is solved to its end by a deterministic method.

    Parameters
    ----------
    a, b, M, reg, numItermax, log
        As for `solve_semi_dual_entropic`.
    batch_size : int
        Without effect: all costs are looked at.
    lr : float
        Without effect: there are no step lengths.

    Returns
    -------
    pi : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``: the potentials ``alpha`` and ``beta``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    read_count(batch_size, "batch_size")
    return _entropic(a, b, M, reg, numItermax, log)


def _entropic(a: Any, b: Any, M: Any, reg: float, numItermax: int, log: bool) -> Any:
    cost = as_matrix(M, "M")
    n, m = cost.shape
    weights: Tuple[Any, Any] = balance(read_weights(a, n, "a"), read_weights(b, m, "b"))
    problem = Problem("transport", cost=cost, a=weights[0], b=weights[1])
    result = solve(
        problem, "sinkhorn", epsilon=read_positive(reg, "reg"),
        max_iterations=read_count(numItermax, "numItermax"),
    )
    warn_unsolved(result, "the plan is the best one found")
    kind = float_type(M, a, b)
    plan = np.array(result.plan, dtype=kind)
    if not log:
        return plan
    told: Dict[str, Any] = {
        "alpha": np.array(result.potential_source, dtype=kind),
        "beta": np.array(result.potential_target, dtype=kind),
    }
    return plan, told
