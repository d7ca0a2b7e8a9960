"""Proven lower bounds of the optimal values of cone programs."""

from __future__ import annotations

from ctypes import byref, c_double
from typing import Any, Optional

from . import _abi
from ._arrays import as_numbers, view_of
from ._errors import check, error
from ._library import lib
from ._problem import Problem


def bound(
    problem: Problem,
    z: Any,
    x: Optional[Any] = None,
    lower: Optional[Any] = None,
    upper: Optional[Any] = None,
) -> float:
    """Bound the optimal value of a cone program from below, rounding included.

    The bound never exceeds the optimal value, whatever `z` and `x` are: they may come from any
    solver, from a prediction, or be zeros. With the multipliers of a solution it is within rounding
    of the optimal value.

    Parameters
    ----------
    problem : kantor.Problem
        Of the kind ``"cone"``, with a positive semidefinite P. It is sealed.
    z : array_like of shape (m,)
        A guess of the multipliers; it is moved into the dual cones first.
    x : array_like of shape (n,), optional
        A guess of the solution, used where P couples variables.
    lower, upper : array_like of shape (n,), optional
        Bounds that hold for the variables of some solution, infinities allowed, in addition to
        those that follow from the rows.

    Returns
    -------
    float
        The bound; ``-inf`` when a variable without a bound keeps it from being finite, ``inf`` when
        the rows prove that no point is feasible.

    Raises
    ------
    KantorError
        Another kind of problem, a wrong shape, or numbers that are not finite.

    Notes
    -----
    Dual completion of [1]_, with errors of rounding bounded as in ``docs/methods``.

    References
    ----------
    .. [1] M. Tanneau, P. Van Hentenryck, "Dual Lagrangian Learning for conic optimization",
       NeurIPS (2024).

    Examples
    --------
    >>> import kantor
    >>> from kantor.cone import bound
    >>> problem = kantor.Problem(
    ...     "cone", q=[-1.0], A=[[1.0], [-1.0]], b=[2.0, 0.0], cones="nonnegative 2")
    >>> round(bound(problem, [0.0, 0.0]), 9)
    -2.0
    """
    if not isinstance(problem, Problem):
        raise error(
            _abi.E_TYPE, f"problem is a {type(problem).__name__}; a kantor.Problem is needed"
        )
    views = []
    owners = []
    for name, value in (("z", z), ("x", x), ("lower", lower), ("upper", upper)):
        if value is None:
            views.append(None)
            continue
        view, owner = view_of(as_numbers(value, name), name)
        views.append(byref(view))
        owners.append((view, owner))
    answer = c_double()
    check(lib.kantor_cone_bound(problem._handle.pointer, *views, byref(answer)))
    del owners
    return answer.value
