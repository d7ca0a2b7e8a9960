"""Derivatives of the caller's functions against differences."""

from __future__ import annotations

from ctypes import byref, c_void_p
from typing import Any, Optional

from . import _abi
from ._arrays import as_numbers, view_of
from ._errors import check, error
from ._functions import calling
from ._library import lib
from ._problem import Problem
from ._result import Result, ResultHandle
from ._settings import SettingsHandle


def check_derivatives(problem: Problem, x: Optional[Any] = None, **options: Any) -> Result:
    """Compare the derivatives that functions give with central differences.

    Every entry is compared, also those outside the declared patterns. Points stay inside the
    bounds.

    Parameters
    ----------
    problem : Problem
        Of the kind ``"nonlinear"`` or ``"least_squares"``. It is sealed.
    x : array_like of shape (n,), optional
        Where to look, inside the bounds; None: near the start, at a point that `seed` determines.
    **options
        ``seed`` (int, default 0) and ``time_limit`` (seconds, default none).

    Returns
    -------
    Result
        Its status is ``"solved"`` when all entries agree to 1e-4 relative, ``"stalled"`` when some
        do not, ``"callback_error"`` when a function cannot be evaluated. ``report`` has a line for
        each bad entry, worst first; the same as arrays are ``functions`` (0 gradient, 1 jacobian, 2
        hessian, 3 jacobian_product, 4 jacobian_transpose_product, 5 hessian_product), ``rows``,
        ``columns`` (-1 of vectors), ``given`` and ``estimated``. ``compared``, ``disagreeing``,
        ``outside_pattern`` and ``always_zero`` are counts.

    Raises
    ------
    KantorError
        Another kind of problem, or an x that cannot be used. What a function raises is raised.

    Examples
    --------
    >>> import numpy as np
    >>> import kantor
    >>> functions = kantor.Functions(
    ...     2, value=lambda x: x @ x, gradient=lambda x: np.array([2, 3]) * x)
    >>> problem = kantor.Problem("nonlinear", functions=functions, start=np.array([1.0, 2.0]))
    >>> print(kantor.check_derivatives(problem, [1.0, 2.0]).report)
    1 of 2 derivatives disagree with differences; worst is gradient[1]: given 6, difference 4
      gradient[1]: given 6, difference 4, error 0.333
    """
    if not isinstance(problem, Problem):
        raise error(
            _abi.E_TYPE, f"problem is of type {type(problem).__name__}; a kantor.Problem is needed"
        )
    handle = SettingsHandle.create(None)
    for name, value in options.items():
        handle.set(name, value)
    point, owner = (None, None) if x is None else view_of(as_numbers(x, "x"), "x")
    pointer = c_void_p()
    with calling(problem._functions):
        code = lib.kantor_problem_check_derivatives(
            problem._handle.pointer, None if point is None else byref(point), handle.pointer,
            byref(pointer))
        if code == 0:
            result = Result(ResultHandle(pointer.value), problem)
    del owner
    check(code)
    return result
