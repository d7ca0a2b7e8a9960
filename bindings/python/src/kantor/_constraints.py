"""Constraints in SciPy's forms, put together as one vector function."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from . import _abi
from ._errors import error
from ._frameworks import derivatives
from ._scipy_forms import JacobianForm, Remembering, call_with, complex_step, differences
from ._sparse import is_sparse


class Part:
    """Rows of one constraint: their values, bounds and derivatives at points x.

    Parameters
    ----------
    fun : callable
        Gives the rows.
    lower, upper : array_like
        Their bounds, or numbers for all of them.
    jac : callable, optional
        Gives their derivative; None: there is none.
    hess : callable, optional
        ``hess(x, v)``: sum of v_i times the second derivative of row i.
    x : numpy.ndarray
        A point inside the bounds, at which the number of rows shows.
    name : str
        What to call it in messages.
    is_linear : bool, default False
        Whether the rows are affine.
    """

    def __init__(
        self, fun: Callable[..., Any], lower: Any, upper: Any, jac: Optional[Callable[..., Any]],
        hess: Optional[Callable[..., Any]], x: np.ndarray, name: str, is_linear: bool = False,
    ) -> None:
        self.fun, self.jac, self.hess = Remembering(fun), jac, hess
        self.name, self.is_linear = name, is_linear
        first = self.fun(x)
        if first is None:
            raise error(_abi.E_NOT_FINITE, f"{name}: no values at x0; numbers are needed there")
        rows = np.atleast_1d(np.asarray(first, dtype=np.float64))
        if rows.ndim != 1:
            raise error(_abi.E_SHAPE, f"{name} has values of the shape {rows.shape}, not (m,)")
        self.rows = len(rows)
        sides = []
        for side, what in ((lower, "lb"), (upper, "ub")):
            array = np.asarray(side, dtype=np.float64)
            if array.shape not in ((), (1,), (self.rows,)):
                raise error(
                    _abi.E_SHAPE, f"{name}: {what} has the shape {array.shape}; needed is "
                    f"({self.rows},)"
                )
            sides.append(np.broadcast_to(array, (self.rows,)).copy())
        self.lower, self.upper = sides
        self.form: Optional[JacobianForm] = None
        if jac is not None:
            self.form = JacobianForm(jac(x), self.rows, len(x), f"the Jacobian of {name}")
            if self.form.is_operator:
                raise error(
                    _abi.E_UNSUPPORTED,
                    f"the Jacobian of {name} is an operator; an array or a sparse matrix is needed",
                )

    def use_differences(self, x: np.ndarray, lower: Any, upper: Any) -> None:
        """Make a Jacobian of central differences, because other parts have one.

        Parameters
        ----------
        x : numpy.ndarray, shape (n,)
            The start.
        lower, upper : numpy.ndarray or None
            Bounds of the points.
        """
        raw = self.fun.function
        self.jac = Remembering(lambda point: differences(raw, point, lower, upper))
        self.form = JacobianForm(self.jac(x), self.rows, len(x), self.name)


def read_constraints(
    constraints: Any, x: np.ndarray, framework: Optional[str] = None
) -> List[Part]:
    """Read constraints.

    Parameters
    ----------
    constraints : object, dict, or sequence of them
        Linear or nonlinear constraints of SciPy, and dictionaries.
    x : numpy.ndarray, shape (n,)
        A point inside the bounds.
    framework : {"jax", "torch"}, optional
        What functions without a Jacobian of their own are written in; None: numpy.

    Returns
    -------
    list of Part
        One for each.

    Raises
    ------
    KantorError
        Something that is no constraint.
    """
    if isinstance(constraints, dict) or hasattr(constraints, "lb"):
        constraints = (constraints,)
    parts = []
    for k, given in enumerate(constraints or ()):
        name = f"constraint {k}"
        if isinstance(given, dict):
            parts.append(_from_dictionary(given, x, framework, name))
        elif hasattr(given, "A"):
            parts.append(_linear(given, x, name))
        elif hasattr(given, "fun") and hasattr(given, "lb"):
            parts.append(_nonlinear(given, x, framework, name))
        else:
            raise error(
                _abi.E_TYPE,
                f"{name} is of type {type(given).__name__}; a LinearConstraint, a "
                "NonlinearConstraint or a dictionary is needed",
            )
    return [part for part in parts if part.rows > 0]


def _linear(given: Any, x: np.ndarray, name: str) -> Part:
    matrix = given.A
    if not is_sparse(matrix):
        matrix = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
    if matrix.shape[1] != len(x):
        raise error(
            _abi.E_SHAPE, f"{name}: A has the shape {tuple(matrix.shape)}; needed is (m, {len(x)})"
        )
    n = len(x)
    return Part(
        lambda point: matrix @ point, given.lb, given.ub, lambda point: matrix,
        lambda point, v: np.zeros((n, n)), x, name, is_linear=True,
    )


def _nonlinear(given: Any, x: np.ndarray, framework: Optional[str], name: str) -> Part:
    hess = given.hess if callable(getattr(given, "hess", None)) else None
    fun, jac = _with_jacobian(given.fun, given.jac, framework, name)
    return Part(fun, given.lb, given.ub, jac, hess, x, name)


def _from_dictionary(
    given: Dict[str, Any], x: np.ndarray, framework: Optional[str], name: str
) -> Part:
    kind = str(given.get("type", "")).lower()
    if kind not in ("eq", "ineq") or not callable(given.get("fun")):
        raise error(
            _abi.E_RANGE,
            f"{name} has the type {given.get('type')!r} and the function {given.get('fun')!r}; "
            "needed are 'eq' or 'ineq' and a function",
        )
    args = given.get("args", ())
    fun = call_with(given["fun"], args)
    jac = given.get("jac")
    if callable(jac):
        jac = call_with(jac, args)
    upper = 0.0 if kind == "eq" else np.inf
    fun, jac = _with_jacobian(fun, jac, framework, name)
    return Part(fun, 0.0, upper, jac, None, x, name)


def _with_jacobian(
    fun: Callable[..., Any], jac: Any, framework: Optional[str], name: str
) -> Tuple[Callable[..., Any], Optional[Callable[..., Any]]]:
    """The rows over numpy, and their Jacobian if there is one."""
    if callable(jac):
        return fun, Remembering(jac)
    if jac in ("2-point", "3-point", None, False):
        jac = framework
    if jac is None:
        return fun, None
    if jac == "cs":
        return fun, Remembering(lambda point: complex_step(fun, point))
    if jac in ("jax", "torch"):
        given = derivatives(jac, fun)
        return given.value, Remembering(given.jacobian)
    raise error(
        _abi.E_NAME,
        f"{name}: jac is {jac!r}; a function, '2-point', '3-point', 'cs', 'jax' or 'torch' is "
        "needed",
    )


class Rows:
    """All constraints as one function of x.

    Parameters
    ----------
    parts : list of Part
        At least one.
    x : numpy.ndarray, shape (n,)
        The start, inside the bounds.
    lower, upper : numpy.ndarray or None
        Bounds of x.
    """

    def __init__(self, parts: List[Part], x: np.ndarray, lower: Any, upper: Any) -> None:
        self.parts = parts
        self.count = sum(part.rows for part in parts)
        self.lower = np.concatenate([part.lower for part in parts])
        self.upper = np.concatenate([part.upper for part in parts])
        self.linear = np.concatenate([np.full(p.rows, float(p.is_linear)) for p in parts])
        #: Whether all curved constraints leave their derivatives to the library.
        self.has_jacobian = any(p.jac is not None and not p.is_linear for p in parts) or all(
            p.is_linear for p in parts
        )
        if self.has_jacobian:
            for part in parts:
                if part.jac is None:
                    part.use_differences(x, lower, upper)
        self.is_sparse = self.has_jacobian and any(
            p.form is not None and p.form.is_sparse for p in parts
        )
        self.row, self.column = self._pattern(len(x)) if self.is_sparse else (None, None)
        self.has_hessians = all(part.hess is not None for part in parts)

    def _pattern(self, n: int) -> Any:
        rows, columns, first = [], [], 0
        for part in self.parts:
            form = part.form
            if form is not None and form.row is not None:
                rows.append(form.row + first)
                columns.append(form.column)
            else:
                i, j = np.indices((part.rows, n))
                rows.append(i.ravel() + first)
                columns.append(j.ravel())
            first += part.rows
        return np.concatenate(rows), np.concatenate(columns)

    def values(self, x: np.ndarray) -> Optional[np.ndarray]:
        """Evaluate all rows.

        Parameters
        ----------
        x : numpy.ndarray, shape (n,)
            Where.

        Returns
        -------
        numpy.ndarray, shape (m,), or None
            None where one constraint has no values.
        """
        found = [part.fun(x) for part in self.parts]
        if any(value is None for value in found):
            return None
        return np.concatenate([np.ravel(np.asarray(value, dtype=np.float64)) for value in found])

    def jacobian(self, x: np.ndarray) -> np.ndarray:
        """Differentiate all rows.

        Parameters
        ----------
        x : numpy.ndarray, shape (n,)
            Where.

        Returns
        -------
        numpy.ndarray
            Of the shape (m, n), or the entries of the pattern.
        """
        blocks = []
        for part in self.parts:
            assert part.form is not None and part.jac is not None
            block = part.form.values(part.jac(x))
            blocks.append(block.ravel() if self.is_sparse else block)
        return np.concatenate(blocks)

    def hessian(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Add up second derivatives.

        Parameters
        ----------
        x : numpy.ndarray, shape (n,)
            Where.
        y : numpy.ndarray, shape (m,)
            Weights of the rows.

        Returns
        -------
        numpy.ndarray, shape (n, n)
            Sum of y_i times the second derivative of row i.
        """
        total: Any = np.zeros((len(x), len(x)))
        first = 0
        for part in self.parts:
            weights = y[first:first + part.rows]
            first += part.rows
            if part.is_linear or part.hess is None:
                continue
            term = part.hess(x, weights)
            if hasattr(term, "toarray"):
                term = term.toarray()
            elif hasattr(term, "matvec"):
                term = term @ np.eye(len(x))
            total = total + np.asarray(term, dtype=np.float64)
        return total

    def split(self, y: np.ndarray) -> List[np.ndarray]:
        """Cut multipliers by constraint.

        Parameters
        ----------
        y : numpy.ndarray, shape (m,)
            Of all rows.

        Returns
        -------
        list of numpy.ndarray
            One for each constraint.
        """
        return np.split(y, np.cumsum([part.rows for part in self.parts])[:-1])
