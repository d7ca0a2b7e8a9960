"""Small dense programs through the one-call function of the C library."""

from __future__ import annotations

from ctypes import byref, sizeof
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import _abi
from ._arrays import address, as_matrix, as_numbers
from ._errors import check, code_name, error
from ._library import lib
from ._rows import column, objective


class DenseProgram:
    """A small dense linear or quadratic program, for solving again and again.

        min 1/2 x'Px + q'x   subject to   l <= Ax <= u,  lb <= x <= ub

    Memory is allocated once. Each solve starts from the active bounds of the one before, and takes
    some microseconds for ten variables. Change the data by writing into the arrays `P`, `q`, `A`,
    `l`, `u`, `lb`, `ub`.

    Parameters
    ----------
    P : array_like, shape (n, n), or None
        Symmetric positive semidefinite; None: zero.
    q : array_like, shape (n,)
        Linear objective.
    A : array_like, shape (m, n), or None
        Rows.
    l, u : array_like of shape (m,), float or None
        Their sides, infinity allowed; equal ones make an equality.
    lb, ub : array_like of shape (n,), float or None
        Bounds of x, infinity allowed.

    Attributes
    ----------
    P, q, A, l, u, lb, ub : numpy.ndarray or None
        The data, float64, to be changed in place; None where there were none.
    x : numpy.ndarray, shape (n,)
        The minimiser after `solve`; the ray of an unbounded program.
    y : numpy.ndarray, shape (m + n,)
        Multipliers of rows and then of bounds, Px + q + A'y[:m] + y[m:] = 0: >= 0 at upper sides,
        <= 0 at lower ones; the ray of an infeasible program.
    active : numpy.ndarray of int32, shape (m + n,)
        -1 where a lower side is active, 1 at an upper one; the next solve starts from them.

    Raises
    ------
    kantor.KantorError
        Shapes that do not fit together.

    References
    ----------
    D. Goldfarb and A. Idnani, A numerically stable dual method for solving strictly convex
    quadratic programs, 1983.

    Examples
    --------
    >>> import kantor.qp
    >>> program = kantor.qp.DenseProgram([[1.0]], [-4.0], [[1.0]], -1.0, 1.0)
    >>> program.solve(), program.x
    ('solved', array([1.]))
    >>> program.q[0] = 0.5
    >>> program.solve(), program.x
    ('solved', array([-0.5]))
    """

    def __init__(
        self, P: Any, q: Any, A: Any = None,
        l: Any = None,  # noqa: E741 - the name that the form has everywhere
        u: Any = None, lb: Any = None, ub: Any = None,
    ) -> None:
        self.q = np.array(objective(q))
        n = self.q.size
        self.P = None if P is None else np.array(as_matrix(P, "P"), dtype=np.float64, order="C")
        self.A = None
        if A is not None:
            rows = as_numbers(A, "A")
            rows = rows[None, :] if rows.ndim == 1 else as_matrix(rows, "A")
            self.A = np.array(rows, dtype=np.float64, order="C")
        m = 0 if self.A is None else len(self.A)
        for name, array, shape in (("P", self.P, (n, n)), ("A", self.A, (m, n))):
            if array is not None and array.shape != shape:
                raise error(
                    _abi.E_SHAPE, f"{name} has the shape {array.shape}; {shape} is needed")
        self.l = _own(l, "l", m)
        self.u = _own(u, "u", m)
        self.lb = _own(lb, "lb", n)
        self.ub = _own(ub, "ub", n)
        self.x, self.y = np.zeros(n), np.zeros(m + n)
        self.active = np.zeros(m + n, dtype=np.int32)
        room = check(lib.kantor_qp_workspace(n, m))
        self._workspace = np.empty(room)
        self._keep = (self.P, self.q, self.A, self.l, self.u, self.lb, self.ub, self.x, self.y,
                      self.active)
        pointers = [None if v is None else address(v) for v in self._keep]
        problem = _abi.QP(sizeof(_abi.QP), n, m, *pointers[:7])
        self._answer = _abi.QPAnswer(sizeof(_abi.QPAnswer), *pointers[7:])
        self._arguments = (byref(problem), byref(self._answer), address(self._workspace), room)

    def solve(self) -> str:
        """Solve with the data as they are now.

        Returns
        -------
        str
            ``"solved"``, ``"solved_inaccurate"``, ``"infeasible"``, ``"unbounded"``,
            ``"iteration_limit"`` or ``"numerical_error"``.

        Raises
        ------
        kantor.KantorError
            Data that cannot be used, such as numbers that are not finite, crossed bounds, or a P
            that is not positive semidefinite.
        """
        return _NAMES[check(_solve(*self._arguments))]

    @property
    def objective(self) -> float:
        """Objective of the last solve, if it gave a point."""
        return float(self._answer.objective)

    @property
    def iterations(self) -> int:
        """Changes of the working set in the last solve."""
        return int(self._answer.iterations)

    @property
    def certificate(self) -> Dict[str, float]:
        """Absolute residuals and gap of the last solve; after a ray its radius: no feasible x,
        or no multipliers, have all elements smaller."""
        names = ("primal_residual", "dual_residual", "gap", "radius")
        return {name: float(getattr(self._answer, name)) for name in names}


#: Largest number of variables and of rows that `attempt` takes.
MOST_VARIABLES, MOST_ROWS = 50, 200

_F64 = np.dtype(np.float64)
_PLAIN = (np.ndarray, list, tuple, float, int)
Block = Tuple[Any, Any, Any]


class Found(NamedTuple):
    """What `attempt` gives: status and figures as for `DenseProgram`, and the working set."""

    status: str
    objective: float
    x: np.ndarray
    y: np.ndarray
    active: np.ndarray
    certificate: Dict[str, float]


def attempt(
    P: Any, q: Any, blocks: Sequence[Block], lb: Any, ub: Any, start: Optional[np.ndarray]
) -> Optional[Found]:
    """Solve a small dense program by the shortest way.

    Parameters
    ----------
    P, q, lb, ub : array_like or None
        As for `DenseProgram`.
    blocks : sequence of (rows, lower, upper)
        Blocks of rows with their sides; no rows: None.
    start : numpy.ndarray of int32, or None
        Active sides to start from; left out where it does not fit.

    Returns
    -------
    Found or None
        None for what is large, sparse, of an unusual form, wrong, or has not been settled: the
        general way then tells.
    """
    try:
        given = _read(P, q, blocks, lb, ub)
    except (TypeError, ValueError):
        return None
    if given is None:
        return None
    n, m = np.size(given[1]), 0 if given[2] is None else len(given[2])
    x, y = np.empty(n), np.empty(m + n)
    fits = start is not None and start.size == m + n
    active = np.array(start) if fits else np.zeros(m + n, dtype=np.int32)
    problem = _abi.QP(sizeof(_abi.QP), n, m, *[None if v is None else address(v) for v in given])
    answer = _abi.QPAnswer(sizeof(_abi.QPAnswer), address(x), address(y), address(active))
    code = _solve(byref(problem), byref(answer), None, 0)
    if code not in (_abi.SOLVED, _abi.INFEASIBLE, _abi.UNBOUNDED):
        return None
    objective = answer.objective
    if code != _abi.SOLVED:
        objective = np.inf if code == _abi.INFEASIBLE else -np.inf
    figures = {"radius": answer.radius} if code != _abi.SOLVED else {
        "primal_residual": answer.primal_residual, "dual_residual": answer.dual_residual,
        "gap": answer.gap}
    return Found(_NAMES[code], objective, x, y, active, figures)


def _read(
    P: Any, q: Any, blocks: Sequence[Block], lb: Any, ub: Any
) -> Optional[List[Any]]:
    q = _plain(q)
    n = q.size
    if q.ndim != 1 or not 0 < n <= MOST_VARIABLES:
        return None
    if P is not None:
        P = _plain(P)
        if P.shape != (n, n):
            return None
    parts = []
    for rows, low, high in blocks:
        if rows is None:
            if low is not None or high is not None:
                return None
            continue
        rows = _plain(rows)
        if rows.ndim != 2 or rows.shape[1] != n or (low is None and high is None):
            return None
        parts.append((rows, low, high))
    lower, upper = (None if v is None else _side(v, n, 0.0) for v in (lb, ub))
    if not parts:
        return [P, q, None, None, None, lower, upper]
    sides: List[List[Any]] = [
        [None if v is None else _side(v, len(rows), 0.0) for v in both] for rows, *both in parts]
    if len(parts) == 1:
        (rows, (low, high)) = (parts[0][0], sides[0])
    else:
        rows = np.concatenate([part[0] for part in parts])
        low, high = (
            np.concatenate([_side(side[k], len(part[0]), free) for part, side in zip(parts, sides)])
            for k, free in ((0, -np.inf), (1, np.inf)))
    if len(rows) > MOST_ROWS:
        return None
    return [P, q, rows if len(rows) else None, low, high, lower, upper]


def _plain(value: Any) -> np.ndarray:
    if type(value) is np.ndarray and value.dtype is _F64 and value.flags.c_contiguous:
        return value
    if type(value) not in _PLAIN:
        raise TypeError
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError
    return np.ascontiguousarray(array, dtype=np.float64)


def _side(value: Any, count: int, default: float) -> np.ndarray:
    if value is None:
        return np.full(count, default)
    side = _plain(value)
    if side.shape == (1,) and np.ndim(value) == 0:
        return np.full(count, side[0])
    if side.shape != (count,):
        raise ValueError
    return side


def _own(value: Any, name: str, count: int) -> Optional[np.ndarray]:
    return None if value is None else np.array(column(value, name, count, infinite=True))


_solve = lib.kantor_qp_dense
_NAMES = {code: code_name(code) for code in range(0, 32)}
