"""Bilevel problems: min F(x, y) over x, where y minimises f(x, y) for that x.

`minimize` solves them from plain functions of x and y. `hypergradient` gives the derivative of F
along y(x) alone, for outer loops of other packages. `problem` makes the `kantor.Problem` of both,
for `kantor.solve` and for many calls of `evaluate`. `nested` and `nested_problem` are for lower
levels that are problems of this package themselves.
"""

from __future__ import annotations

from ctypes import byref, c_void_p
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Union

import numpy as np

from . import _abi
from ._arrays import as_numbers, view_of
from ._bilevel_functions import Constraints, Shapes, bundle, inner_product
from ._errors import check, error
from ._functions import calling
from ._library import lib
from ._nested import nested_fields
from ._problem import Problem
from ._result import Result, ResultHandle
from ._settings import SettingsHandle
from ._solve import solve
from ._subproblem import Subproblem

__all__ = ["evaluate", "hypergradient", "minimize", "nested", "nested_problem", "problem"]


def problem(
    upper: Callable[..., Any], lower: Callable[..., Any], x0: Any, y0: Any, *,
    grad_upper: Optional[Callable[..., Any]] = None,
    grad_lower: Optional[Callable[..., Any]] = None,
    hvp_lower: Optional[Callable[..., Any]] = None,
    cross_lower: Optional[Callable[..., Any]] = None,
    lower_constraints: Any = None, upper_constraints: Any = None,
    x_bounds: Any = None, y_bounds: Any = None,
    x_set: Optional[str] = None, x_size: Optional[float] = None, blocks: Optional[int] = None,
) -> Problem:
    """Make a bilevel problem from functions of x and y.

    Parameters
    ----------
    upper, lower : callable
        ``F(x, y)`` and ``f(x, y)``, numbers. x and y come in the shapes of x0 and y0.
    x0, y0 : array_like
        Where to start; any shapes.
    grad_upper, grad_lower : callable, optional
        ``(x, y)``: the pair of gradients in x and in y, arrays of any framework on the CPU; None in
        the place of one stands for zeros. Central differences, with a warning, if missing.
    hvp_lower : callable, optional
        ``(x, y, v)``: second derivative of f in y times v. Gradients are differenced if missing.
    cross_lower : callable, optional
        ``(x, y, v)``: derivative along v in y of the gradient of f in x. Differenced if missing;
        read with hvp_lower.
    lower_constraints, upper_constraints : optional
        A function ``g(x, y)`` of rows that must be <= 0, or a pair of it and ``(x, y)`` -> the pair
        of Jacobians; or a dictionary with ``"ineq"`` and ``"eq"`` of such, for rows that must be 0.
    x_bounds, y_bounds : pair of array_like or None, optional
        Lower and upper bounds, infinities allowed; a number stands for all.
    x_set : {"box", "ball", "simplex"}, optional
        Set of x in the place of bounds.
    x_size : float, optional
        Radius of the ball, or sum of the simplex; 1 if not given.
    blocks : int, optional
        Equal parts of y into which the lower level separates for a given x, of the flat y.

    Returns
    -------
    kantor.Problem
        Of the kind ``"bilevel"``.

    Raises
    ------
    KantorError
        Functions or bounds that cannot be used.

    Examples
    --------
    >>> from kantor import bilevel
    >>> p = bilevel.problem(
    ...     lambda x, y: float((y - 1) ** 2), lambda x, y: float((y - x) ** 2), 0.0, 0.0,
    ...     grad_upper=lambda x, y: (0 * x, 2 * (y - 1)),
    ...     grad_lower=lambda x, y: (2 * (x - y), 2 * (y - x)))
    >>> p.kind
    'bilevel'
    """
    shapes = Shapes(x0, y0)
    lower_rows = Constraints(lower_constraints, shapes, "lower_constraints")
    upper_rows = Constraints(upper_constraints, shapes, "upper_constraints")
    fields: Dict[str, Any] = {
        "upper": bundle(upper, grad_upper, shapes, upper_rows, "upper"),
        "lower": bundle(
            lower, grad_lower, shapes, lower_rows, "lower", hvp_lower, cross_lower),
        "start_x": shapes.start_x.reshape(-1), "start_y": shapes.start_y.reshape(-1),
    }
    if hvp_lower is not None:
        fields["lower_product"] = inner_product(shapes, lower_rows, hvp_lower)
    for name, rows in (("upper", upper_rows), ("lower", lower_rows)):
        if rows.rows:
            fields[name + "_rows"] = rows.rows
            fields[name + "_equalities"] = rows.equalities
    for name, bounds, size in (("x", x_bounds, shapes.nx), ("y", y_bounds, shapes.ny)):
        fields.update(_bounds(name, bounds, size))
    fields.update(_set_of_x(x_set, x_size))
    if blocks is not None:
        fields["blocks"] = int(blocks)
    return Problem("bilevel", **fields)


def _set_of_x(x_set: Optional[str], x_size: Optional[float]) -> Dict[str, Any]:
    return {
        **({} if x_set is None else {"x_set": x_set}),
        **({} if x_size is None else {"x_size": float(x_size)}),
    }


def _bounds(name: str, bounds: Any, size: int) -> Dict[str, np.ndarray]:
    if bounds is None:
        return {}
    try:
        low, high = bounds
    except (TypeError, ValueError):
        raise error(
            _abi.E_TYPE,
            f"{name}_bounds is {bounds!r}; a pair of lower and upper bounds is needed, each "
            "a number or an array, not a pair for each variable") from None
    fields = {}
    for side, value in (("lower", low), ("upper", high)):
        if value is None:
            continue
        values = np.asarray(value, dtype=np.float64).reshape(-1)
        if values.size not in (1, size):
            raise error(
                _abi.E_SHAPE,
                f"{name}_bounds: the {side} bound has {values.size} numbers; {name} has {size}",
            )
        fields[f"{name}_{side}"] = np.broadcast_to(values, (size,)).copy()
    return fields


def minimize(
    upper: Callable[..., Any], lower: Callable[..., Any], x0: Any, y0: Any, *,
    grad_upper: Optional[Callable[..., Any]] = None,
    grad_lower: Optional[Callable[..., Any]] = None,
    hvp_lower: Optional[Callable[..., Any]] = None,
    cross_lower: Optional[Callable[..., Any]] = None,
    lower_constraints: Any = None, upper_constraints: Any = None,
    x_bounds: Any = None, y_bounds: Any = None,
    x_set: Optional[str] = None, x_size: Optional[float] = None, blocks: Optional[int] = None,
    method: Optional[str] = None, **options: Any,
) -> Result:
    """Solve a bilevel problem.

    Parameters
    ----------
    upper, lower, x0, y0, grad_upper, grad_lower, hvp_lower, cross_lower
        As for `problem`.
    lower_constraints, upper_constraints, x_bounds, y_bounds, x_set, x_size, blocks
        As for `problem`.
    method : str, optional
        A method of the kind ``"bilevel"``; ``kantor.methods("bilevel")`` lists them. None: the
        default, which needs no tuning.
    **options
        Options of the method, and arguments of `kantor.solve` such as ``warm_start``,
        ``progress`` and ``check``.

    Returns
    -------
    kantor.Result
        With ``x``, ``y`` (flat), ``objective``, ``lower_objective``, ``status``, ``certificate``.

    Raises
    ------
    KantorError
        Functions, bounds or options that cannot be used. What a function raises is raised here.

    Notes
    -----
    The certificate has the gap f(x, y) - min f(x, .) by solves of its own, and the residual of the
    first-order conditions; see ``docs/methods/implicit.md``.

    Examples
    --------
    The duopoly of a leader and a follower:

    >>> import numpy as np
    >>> from kantor import bilevel
    >>> result = bilevel.minimize(
    ...     lambda x, y: float(x * (x + y - 8)), lambda x, y: float(y * (x + y - 8)), 1.0, 1.0,
    ...     grad_upper=lambda x, y: (2 * x + y - 8, x), grad_lower=lambda x, y: (y, x + 2 * y - 8),
    ...     x_bounds=(0, 10), y_bounds=(0, None))
    >>> result.status, float(result.x[0].round(6)), float(result.y[0].round(6))
    ('solved', 4.0, 2.0)
    """
    made = problem(
        upper, lower, x0, y0, grad_upper=grad_upper, grad_lower=grad_lower, hvp_lower=hvp_lower,
        cross_lower=cross_lower, lower_constraints=lower_constraints,
        upper_constraints=upper_constraints, x_bounds=x_bounds, y_bounds=y_bounds, x_set=x_set,
        x_size=x_size, blocks=blocks)
    # By its name, so that its options are known.
    return solve(made, method or "adaptive", **options)


def nested_problem(
    upper: Callable[..., Any], lower: Union[Problem, Subproblem], x0: Any, *,
    depends: Mapping[str, Any], answer: Union[str, Sequence[str]],
    grad_upper: Optional[Callable[..., Any]] = None, upper_constraints: Any = None,
    answer_shape: Optional[Any] = None, x_bounds: Any = None, x_set: Optional[str] = None,
    x_size: Optional[float] = None,
) -> Problem:
    """Make a problem whose lower level is a problem of this package that depends on x.

    min F(x, z) over x with G(x, z) <= 0, where z are named fields of the result of the lower
    problem.

    Parameters
    ----------
    upper : callable
        ``F(x, z)``, a number. x comes in the shape of x0, z in that of the answer; a tuple where
        there are several.
    lower : kantor.Problem or kantor.Subproblem
        Of any kind with derivatives: cone, nonlinear, transport, game, inclusion. It is sealed. A
        `Subproblem` says with which method and options it is solved.
    x0 : array_like
        Where to start; any shape.
    depends : dict
        For each field of the lower problem that depends on x a matrix M, of (numbers of the field,
        numbers of x): the field is that of the lower problem plus M x. Or a function of x that
        gives the field, or a pair of it and ``(x, w)`` -> the gradient of the sum of w times the
        field, which is differenced if missing, with a warning. A field that was given as a sparse
        matrix counts as the vector of its stored values.
    answer : str or sequence of str
        Fields of the lower result, numbers or arrays, that z is made of.
    grad_upper : callable, optional
        ``(x, z)``: the pair of gradients in x and in z, the latter a tuple where there are several
        answers. Central differences, with a warning, if missing.
    upper_constraints : callable, pair or dict, optional
        Rows G(x, z) <= 0: a function of (x, z) returning a vector, with a function returning the
        pair of its Jacobians, (rows, nx) and (rows, nz) with all answers flat. Differences, with a
        warning, if the latter is missing. A dict has such under ``"ineq"`` and, for equations,
        ``"eq"``.
    answer_shape : tuple, or sequence of tuples, optional
        Shapes of the answers. If not given, the lower problem is solved once at x0 to see.
    x_bounds : pair of array_like or None, optional
        Lower and upper bounds, infinities allowed; a number stands for all.
    x_set : {"box", "ball", "simplex"}, optional
        Set of x in the place of bounds.
    x_size : float, optional
        Radius of the ball, or sum of the simplex; 1 if not given.

    Returns
    -------
    kantor.Problem
        Of the kind ``"nested"``.

    Raises
    ------
    KantorError
        Functions, fields or shapes that cannot be used, or a lower method without derivatives.
    NotSolvedError
        The lower problem has no answer at x0, and its shape was not given.

    Notes
    -----
    Where functions of the lower problem depend on x (its field ``parameters``), the function for
    that field is called with x before every lower solve, and may tell them.

    Examples
    --------
    >>> import kantor
    >>> from kantor import bilevel
    >>> lower = kantor.Problem("cone", P=[[1.0]], q=[0.0])
    >>> p = bilevel.nested_problem(
    ...     lambda x, z: float((z[0] - 3) ** 2), lower, 0.0, depends={"q": [[-2.0]]}, answer="x",
    ...     grad_upper=lambda x, z: (0 * x, 2 * (z - 3)))
    >>> bilevel.evaluate(p, 1.0).gradient.round(6)
    array([-4.])
    """
    fields = nested_fields(
        upper, lower, x0, depends, answer, grad_upper, answer_shape, upper_constraints)
    fields.update(_bounds("x", x_bounds, fields["start_x"].size))
    fields.update(_set_of_x(x_set, x_size))
    return Problem("nested", **fields)


def nested(
    upper: Callable[..., Any], lower: Union[Problem, Subproblem], x0: Any, *,
    depends: Mapping[str, Any], answer: Union[str, Sequence[str]],
    grad_upper: Optional[Callable[..., Any]] = None, upper_constraints: Any = None,
    answer_shape: Optional[Any] = None, x_bounds: Any = None, x_set: Optional[str] = None,
    x_size: Optional[float] = None,
    **options: Any,
) -> Result:
    """Minimise over x a function of the answer of a problem whose data depend on x.

    Parameters
    ----------
    upper, lower, x0, depends, answer, grad_upper, upper_constraints, answer_shape
        As for `nested_problem`.
    x_bounds, x_set, x_size
        As for `nested_problem`.
    **options
        Options of the method ``implicit_programming``, and arguments of `kantor.solve` such as
        ``warm_start``, ``progress`` and ``check``.

    Returns
    -------
    kantor.Result
        With ``x``, ``answer`` (flat), ``objective``, ``lower_values``, ``lower_status``,
        ``status``, ``certificate``.

    Raises
    ------
    KantorError
        Functions, fields, shapes or options that cannot be used. What a function raises is raised
        here.
    NotSolvedError
        The lower problem has no answer at x0, and its shape was not given.

    Examples
    --------
    Which price x makes a follower who minimises z^2 / 2 - x z take 3, within 0 <= z?

    >>> import kantor
    >>> from kantor import bilevel
    >>> lower = kantor.Problem(
    ...     "cone", P=[[1.0]], q=[0.0], A=[[-1.0]], b=[0.0], cones="nonnegative 1")
    >>> result = bilevel.nested(
    ...     lambda x, z: float((z[0] - 3) ** 2), lower, 1.0, depends={"q": [[-1.0]]}, answer="x",
    ...     grad_upper=lambda x, z: (0 * x, 2 * (z - 3)))
    >>> result.status, float(result.x[0].round(4)), result.lower_status
    ('solved', 3.0, 'solved')
    """
    made = nested_problem(
        upper, lower, x0, depends=depends, answer=answer, grad_upper=grad_upper,
        upper_constraints=upper_constraints, answer_shape=answer_shape, x_bounds=x_bounds,
        x_set=x_set, x_size=x_size)
    return solve(made, "implicit_programming", **options)


def evaluate(made: Problem, x: Any, *, y: Any = None, **options: Any) -> Result:
    """Differentiate F along y(x) at one x.

    Parameters
    ----------
    made : kantor.Problem
        Of the kind ``"bilevel"`` or ``"nested"``. It is sealed.
    x : array_like of size nx
        Where.
    y : array_like of size ny, optional
        Where the lower solve starts; the problem's start if not given.
    **options
        Options of the method ``implicit``, such as ``adjoint``, ``tolerance`` and
        ``check_directions``; of ``implicit_programming`` for nested problems.

    Returns
    -------
    kantor.Result
        With ``objective``, ``gradient``, ``y``, ``adjoint``, ``lower_multipliers``,
        ``lower_value_gradient``, residuals, and ``derivative_check`` if asked for. Of a nested
        problem: ``objective``, ``gradient``, ``answer``, ``lower_values``, ``lower_status``.

    Raises
    ------
    KantorError
        Another kind of problem, a wrong shape, or an unknown option.

    Examples
    --------
    >>> from kantor import bilevel
    >>> p = bilevel.problem(
    ...     lambda x, y: float((y - 1) ** 2), lambda x, y: float((y - x) ** 2), 0.0, 0.0,
    ...     grad_upper=lambda x, y: (0 * x, 2 * (y - 1)),
    ...     grad_lower=lambda x, y: (2 * (x - y), 2 * (y - x)))
    >>> bilevel.evaluate(p, 3.0).gradient.round(6)
    array([4.])
    """
    if not isinstance(made, Problem):
        raise error(
            _abi.E_TYPE, f"the problem is a {type(made).__name__}; a kantor.Problem is needed")
    handle = SettingsHandle.create(
        "nested/implicit_programming" if made.kind == "nested" else "bilevel/implicit")
    for name, value in options.items():
        handle.set(name, value)
    if y is not None:
        handle.set_start({"y": np.asarray(y, dtype=np.float64).reshape(-1)})
    point = as_numbers(np.asarray(x, dtype=np.float64).reshape(-1), "x")
    view, owner = view_of(point, "x")
    pointer = c_void_p()
    with calling(made._functions):
        code = lib.kantor_bilevel_hypergradient(
            made._handle.pointer, byref(view), handle.pointer, byref(pointer))
        if code == 0:
            result = Result(ResultHandle(pointer.value), made)
    check(code)
    del owner
    return result


def hypergradient(
    upper: Callable[..., Any], lower: Callable[..., Any], x0: Any, y0: Any, *,
    grad_upper: Optional[Callable[..., Any]] = None,
    grad_lower: Optional[Callable[..., Any]] = None,
    hvp_lower: Optional[Callable[..., Any]] = None,
    cross_lower: Optional[Callable[..., Any]] = None,
    lower_constraints: Any = None, upper_constraints: Any = None,
    x_bounds: Any = None, y_bounds: Any = None,
    x_set: Optional[str] = None, x_size: Optional[float] = None, blocks: Optional[int] = None,
    **options: Any,
) -> Result:
    """Differentiate F along y(x) at x0, the lower solve starting at y0.

    Parameters
    ----------
    upper, lower, x0, y0, grad_upper, grad_lower, hvp_lower, cross_lower
        As for `problem`.
    lower_constraints, upper_constraints, x_bounds, y_bounds, x_set, x_size, blocks
        As for `problem`.
    **options
        As for `evaluate`.

    Returns
    -------
    kantor.Result
        As of `evaluate`.

    Examples
    --------
    >>> from kantor import bilevel
    >>> found = bilevel.hypergradient(
    ...     lambda x, y: float((y - 1) ** 2), lambda x, y: float((y - x) ** 2), 3.0, 0.0,
    ...     grad_upper=lambda x, y: (0 * x, 2 * (y - 1)),
    ...     grad_lower=lambda x, y: (2 * (x - y), 2 * (y - x)), check_directions=1)
    >>> found.gradient.round(6), found.derivative_check < 1e-6
    (array([4.]), True)
    """
    made = problem(
        upper, lower, x0, y0, grad_upper=grad_upper, grad_lower=grad_lower, hvp_lower=hvp_lower,
        cross_lower=cross_lower, lower_constraints=lower_constraints,
        upper_constraints=upper_constraints, x_bounds=x_bounds, y_bounds=y_bounds, x_set=x_set,
        x_size=x_size, blocks=blocks)
    return evaluate(made, x0, **options)
