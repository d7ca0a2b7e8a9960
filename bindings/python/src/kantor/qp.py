"""Linear and quadratic programs, in the forms of qpsolvers and of OSQP.

`solve_qp` and `solve_lp` take inequalities, equalities and bounds apart; `solve_two_sided` takes
rows ``l <= Ax <= u``. Matrices are dense or sparse (scipy.sparse)::

    import kantor.qp

    x = kantor.qp.solve_qp(P, q, G, h, A, b, lb, ub)
    found = kantor.qp.solve_qp(P, q, G, h, full=True)      # with multipliers and certificate
"""

from __future__ import annotations

import warnings
from typing import Any, Dict, Optional, Tuple, Union

import numpy as np

from . import _abi
from ._errors import error
from ._problem import Problem
from ._result import Result
from ._rows import Stack, column, matrix, objective
from ._solve import solve as _solve
from .cone import method_for

__all__ = ["Solution", "solve_lp", "solve_qp", "solve_two_sided"]


class Solution:
    """Solution of a linear or quadratic program; functions of this module give it with
    ``full=True``.

    Parameters
    ----------
    status : str
        Word for how the solve ended.
    objective : float
        Value found.
    x : numpy.ndarray or None
        The minimiser.
    parts : dict of str to numpy.ndarray
        Multipliers by name: ``y``, ``z``, ``z_box``.
    certificate : dict of str to float
        Residuals and gap.
    ray : numpy.ndarray or None
        The direction of an unbounded problem.
    result : kantor.Result or None
        What the library gave.

    Attributes
    ----------
    x : numpy.ndarray, shape (n,), or None
        The minimiser; None when the problem is infeasible or unbounded.
    y : numpy.ndarray or None
        Multipliers of the equalities, or of all rows of `solve_two_sided`; >= 0 at an upper side
        and <= 0 at a lower one.
    z : numpy.ndarray or None
        Multipliers of the inequalities, >= 0.
    z_box : numpy.ndarray or None
        Multipliers of the bounds: >= 0 at ub, <= 0 at lb. In all,
        Px + q + G'z + A'y + z_box = 0. In an infeasible problem they are the proof, with G'z + A'y
        + z_box = 0 and h'z + b'y + (the bounds' part) < 0.
    ray : numpy.ndarray, shape (n,), or None
        Unbounded problem: a direction along which the objective falls for ever.
    status : str
        ``"solved"``, ``"infeasible"``, ``"unbounded"``, ... It follows from the certificate.
    found : bool
        Whether x is a solution, at least an inaccurate one.
    objective : float
        1/2 x'Px + q'x; infinite without a solution.
    certificate : dict of str to float
        Residuals and gap on the data as given.
    result : kantor.Result or None
        All the rest, such as ``result.iterations``.
    """

    def __init__(
        self, status: str, objective: float, x: Optional[np.ndarray],
        parts: Dict[str, np.ndarray], certificate: Dict[str, float],
        ray: Optional[np.ndarray] = None, result: Optional[Result] = None,
    ) -> None:
        self.status, self.objective, self.x, self.ray = status, objective, x, ray
        self.y, self.z, self.z_box = parts.get("y"), parts.get("z"), parts.get("z_box")
        self.certificate, self.result = certificate, result
        self.found = status in ("solved", "solved_inaccurate")

    def __repr__(self) -> str:
        return f"<kantor.qp.Solution {self.status}: objective={self.objective:.6g}>"


def solve_qp(
    P: Any,
    q: Any,
    G: Any = None,
    h: Any = None,
    A: Any = None,
    b: Any = None,
    lb: Any = None,
    ub: Any = None,
    solver: Optional[str] = None,
    initvals: Any = None,
    verbose: bool = False,
    *,
    full: bool = False,
    **options: Any,
) -> Union[np.ndarray, Solution, None]:
    """Solve min 1/2 x'Px + q'x subject to Gx <= h, Ax = b, lb <= x <= ub.

    The arguments are those of ``qpsolvers.solve_qp``.

    Parameters
    ----------
    P : array_like or scipy.sparse matrix, shape (n, n), or None
        Symmetric positive semidefinite; None: zero.
    q : array_like, shape (n,)
        Linear objective.
    G : array_like or scipy.sparse matrix, shape (p, n), or None
        Rows of inequalities.
    h : array_like, shape (p,), or None
        Their right-hand side, infinity allowed.
    A : array_like or scipy.sparse matrix, shape (m, n), or None
        Rows of equalities.
    b : array_like, shape (m,), or None
        Their right-hand side.
    lb, ub : array_like of shape (n,), float or None
        Bounds of x, infinity allowed.
    solver : str, optional
        A method of the kind ``cone``; None: the default for the problem.
    initvals : array_like of shape (n,), Solution or None
        Where to start. A point alone is of use only to methods that need no multipliers.
    verbose : bool
        Log the course of the solve to the logger ``"kantor"``.
    full : bool
        Give a `Solution` with multipliers and certificate.
    **options
        Options of the method and of `kantor.solve`, such as ``tolerance=1e-10``.

    Returns
    -------
    numpy.ndarray, Solution or None
        x, or None when there is no solution. A solution that falls short of the tolerance comes
        with a warning.

    Raises
    ------
    kantor.KantorError
        Data that cannot be used, such as a P that is not positive semidefinite.

    References
    ----------
    R. Schwan and others, PIQP: a proximal interior-point quadratic programming solver, 2023.

    Examples
    --------
    >>> import kantor.qp
    >>> kantor.qp.solve_qp([[2.0, 0.0], [0.0, 2.0]], [-2.0, -6.0], [[1.0, 1.0]], [3.0],
    ...                    ub=[0.5, 2.0]).round(6)
    array([0.5, 2. ])
    """
    form = _Form(P, q, lb, ub)
    form.add(A, b, b, ("A", "b", "b"), "y")
    form.add(G, None, h, ("G", "", "h"), "z")
    return form.solve(solver, initvals, verbose, full, options)


def solve_lp(
    c: Any,
    G: Any = None,
    h: Any = None,
    A: Any = None,
    b: Any = None,
    lb: Any = None,
    ub: Any = None,
    solver: Optional[str] = None,
    *,
    initvals: Any = None,
    verbose: bool = False,
    full: bool = False,
    **options: Any,
) -> Union[np.ndarray, Solution, None]:
    """Solve min c'x subject to Gx <= h, Ax = b, lb <= x <= ub.

    Parameters
    ----------
    c : array_like, shape (n,)
        Objective.
    G, h, A, b, lb, ub, solver, initvals, verbose, full, **options
        As for `solve_qp`. Without lb, variables are free.

    Returns
    -------
    numpy.ndarray, Solution or None
        As from `solve_qp`.

    Raises
    ------
    kantor.KantorError
        Data that cannot be used.

    References
    ----------
    R. Schwan and others, PIQP: a proximal interior-point quadratic programming solver, 2023.

    Examples
    --------
    >>> import kantor.qp
    >>> kantor.qp.solve_lp([-1.0, -2.0], [[1.0, 1.0]], [4.0], lb=0.0, ub=[10.0, 3.0]).round(6)
    array([1., 3.])
    """
    found = solve_qp(
        None, c, G, h, A, b, lb, ub, solver, initvals, verbose, full=full, **options)
    return found


def solve_two_sided(
    P: Any,
    q: Any,
    A: Any = None,
    l: Any = None,  # noqa: E741 - the name that the form has everywhere
    u: Any = None,
    solver: Optional[str] = None,
    *,
    initvals: Any = None,
    verbose: bool = False,
    full: bool = False,
    **options: Any,
) -> Union[np.ndarray, Solution, None]:
    """Solve min 1/2 x'Px + q'x subject to l <= Ax <= u, the form of OSQP.

    Parameters
    ----------
    P : array_like or scipy.sparse matrix, shape (n, n), or None
        Symmetric positive semidefinite: whole, or its upper triangle; None: zero.
    q : array_like, shape (n,)
        Linear objective.
    A : array_like or scipy.sparse matrix, shape (m, n), or None
        Rows.
    l, u : array_like of shape (m,), float or None
        Their sides, infinity allowed; equal sides make an equality.
    solver, initvals, verbose, full, **options
        As for `solve_qp`.

    Returns
    -------
    numpy.ndarray, Solution or None
        As from `solve_qp`; the solution's y has the sign of OSQP: Px + q + A'y = 0.

    Raises
    ------
    kantor.KantorError
        Data that cannot be used.

    References
    ----------
    B. Stellato and others, OSQP: an operator splitting solver for quadratic programs, 2020.

    Examples
    --------
    >>> import kantor.qp
    >>> found = kantor.qp.solve_two_sided([[1.0]], [-4.0], [[1.0]], -1.0, 1.0, full=True)
    >>> found.x.round(6), found.y.round(6)
    (array([1.]), array([3.]))
    """
    form = _Form(P, q, None, None)
    form.add(A, l, u, ("A", "l", "u"), "y")
    return form.solve(solver, initvals, verbose, full, options)


class _Form:
    """Blocks of rows l <= Ax <= u and bounds, on their way to a problem of the kind ``cone``."""

    def __init__(self, P: Any, q: Any, lb: Any, ub: Any) -> None:
        self.q = objective(q)
        n = self.q.size
        self.P = None if P is None else matrix(P, "P", n)
        if self.P is not None and self.P.shape[0] != n:
            raise error(
                _abi.E_SHAPE, f"P has the shape {tuple(self.P.shape)}; ({n}, {n}) is needed")
        self.lower = _side(lb, "lb", n, -np.inf)
        self.upper = _side(ub, "ub", n, np.inf)
        self.blocks: list = []
        self.has_bounds = lb is not None or ub is not None

    def add(
        self, rows: Any, lower: Any, upper: Any, names: Tuple[str, str, str], part: str
    ) -> None:
        given = [side for side in (lower, upper) if side is not None]
        if rows is None:
            if given:
                side = names[1] if lower is not None else names[2]
                raise error(_abi.E_MISSING, f"{side} is given without {names[0]}")
            return
        if not given:
            raise error(_abi.E_MISSING, f"{names[0]} is given without {names[2]}")
        rows = matrix(rows, names[0], self.q.size)
        count = rows.shape[0]
        equal = lower is upper
        low = _side(lower, names[1], count, -np.inf)
        high = low if equal else _side(upper, names[2], count, np.inf)
        if equal and not np.isfinite(low).all():
            raise error(_abi.E_NOT_FINITE, f"{names[1]} has infinite elements")
        _ordered(low, high, names[1], names[2])
        self.blocks.append((rows, low, high, part))

    def problem(self) -> Tuple[Problem, np.ndarray]:
        """The cone program, and the variables that have a row for their bounds."""
        stack = Stack(self.q.size)
        for rows, _low, _high, _part in self.blocks:
            stack.add(rows, -1.0)
        which = np.flatnonzero(np.isfinite(self.lower) | np.isfinite(self.upper))
        stack.add_variables(which, -1.0)
        lows = [low for _rows, low, _high, _part in self.blocks] + [self.lower[which]]
        highs = [high for _rows, _low, high, _part in self.blocks] + [self.upper[which]]
        fields: Dict[str, Any] = {}
        if stack.rows:
            fields = {
                "A": stack.matrix(), "cones": f"box {stack.rows}",
                "lower": np.concatenate(lows), "upper": np.concatenate(highs),
            }
        return Problem("cone", P=self.P, q=self.q, **fields), which

    def solve(
        self, solver: Optional[str], initvals: Any, verbose: bool, full: bool,
        options: Dict[str, Any],
    ) -> Union[np.ndarray, Solution, None]:
        _ordered(self.lower, self.upper, "lb", "ub")
        problem, which = self.problem()
        if isinstance(initvals, Solution):
            options["warm_start"] = initvals.result
        elif initvals is not None:
            options["warm_start"] = {"x": column(initvals, "initvals", self.q.size)}
        if verbose:
            options.setdefault("log", True)
        result = _solve(problem, solver or method_for(options), **options)
        dual = result.get("z", result.get("ray_dual"))
        parts = {} if dual is None else self._parts(-dual, which)
        found = Solution(
            result.status, result["objective"], result.get("x"), parts, result.certificate,
            result.get("ray_primal"), result)
        return found if full else _point(found)

    def _parts(self, y: np.ndarray, which: np.ndarray) -> Dict[str, np.ndarray]:
        """Multipliers of the blocks, and of the bounds where there are any."""
        parts, row = {}, 0
        for rows, _low, _high, part in self.blocks:
            parts[part] = y[row:row + rows.shape[0]]
            row += rows.shape[0]
        if self.has_bounds:
            parts["z_box"] = np.zeros(self.q.size)
            parts["z_box"][which] = y[row:]
        return parts


def _side(value: Any, name: str, count: int, default: float) -> np.ndarray:
    return np.full(count, default) if value is None else column(value, name, count, infinite=True)


def _ordered(low: np.ndarray, high: np.ndarray, lower: str, upper: str) -> None:
    wrong = (low > high) | (low == np.inf) | (high == -np.inf)
    if wrong.any():
        place = int(np.argmax(wrong))
        names = f"{lower} is {low[place]} and " if lower else ""
        raise error(
            _abi.E_RANGE,
            f"{names}{upper} is {high[place]} at {place}; a range of numbers is needed")


def _point(found: Solution) -> Optional[np.ndarray]:
    if not found.found:
        return None
    if found.status == "solved_inaccurate":
        warnings.warn("the solution falls short of the tolerance", RuntimeWarning, stacklevel=4)
    return None if found.x is None else np.array(found.x)
