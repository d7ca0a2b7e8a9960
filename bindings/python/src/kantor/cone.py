"""Convex cone programs.

    minimise 1/2 x'Px + q'x   subject to   Ax + s = b,  s in K

K is a product of cones; P and A are dense or sparse (scipy.sparse)::

    import kantor.cone

    found = kantor.cone.solve(P, q, A, b, [("zero", 3), ("second_order", 4)])
    found.status, found.x, found.certificate

Linear and quadratic programs with two-sided rows and bounds are more at home in `kantor.qp`.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _abi
from ._arrays import as_numbers
from ._errors import error
from ._problem import Problem
from ._result import Result
from ._rows import column
from ._solve import solve as _solve

__all__ = ["Solution", "problem", "solve"]

#: Numbers that a cone is given by, after its name.
_SIZED = ("zero", "nonnegative", "second_order", "rotated_second_order", "psd")
_NAMES = (*_SIZED, "exponential", "power", "generalized_power", "box")

#: Arguments of `kantor.solve`, and options that every method has.
_COMMON = {
    "settings", "progress", "log", "log_level", "warm_start", "check", "threads", "time_limit",
    "seed", "heartbeat", "trace", "memory_limit",
}

Cones = Union[str, Iterable[Sequence[Any]]]


class Solution:
    """Solution of a cone program, or the proof that there is none.

    Parameters
    ----------
    result : kantor.Result
        What the library gave.

    Attributes
    ----------
    x : numpy.ndarray, shape (n,), or None
        The minimiser; None when the problem is infeasible or unbounded.
    s, z : numpy.ndarray, shape (m,), or None
        Slack b - Ax in K, and multipliers in the dual cone: Px + A'z + q = 0.
    ray_dual : numpy.ndarray, shape (m,), or None
        Proof of an infeasible problem: z in the dual cone, A'z = 0, b'z = -1.
    ray_primal : numpy.ndarray, shape (n,), or None
        Proof of an unbounded problem: x with Px = 0, -Ax in K, q'x = -1.
    status : str
        ``"solved"``, ``"infeasible"``, ``"unbounded"``, ... It follows from the certificate.
    objective : float
        1/2 x'Px + q'x; infinite without a solution.
    certificate : dict of str to float
        Residuals, violations and gap on the data as given.
    result : kantor.Result
        All the rest: ``result.iterations``, ``result.message``, ...
    """

    def __init__(self, result: Result) -> None:
        self.result = result
        self.status: str = result.status
        self.objective: float = result["objective"]
        self.certificate: Dict[str, float] = result.certificate
        self.x: Optional[np.ndarray] = result.get("x")
        self.s: Optional[np.ndarray] = result.get("s")
        self.z: Optional[np.ndarray] = result.get("z")
        self.ray_dual: Optional[np.ndarray] = result.get("ray_dual")
        self.ray_primal: Optional[np.ndarray] = result.get("ray_primal")

    def __repr__(self) -> str:
        return f"<kantor.cone.Solution {self.result.message}>"


def solve(
    P: Any,
    q: Any,
    A: Any,
    b: Any,
    cones: Cones,
    method: Optional[str] = None,
    *,
    warm_start: Any = None,
    **options: Any,
) -> Solution:
    """Solve min 1/2 x'Px + q'x subject to Ax + s = b, s in K.

    Parameters
    ----------
    P : array_like or scipy.sparse matrix, shape (n, n), or None
        Symmetric positive semidefinite: whole, or its upper triangle; None: zero.
    q : array_like, shape (n,)
        Linear objective.
    A : array_like or scipy.sparse matrix, shape (m, n), or None
        Rows of all cones, in order; None without constraints.
    b : array_like, shape (m,), or None
        Right-hand side; None: zero.
    cones : list of tuple
        The cones of the rows, in order: names and numbers, as listed below.
    method : str, optional
        A method of the kind ``cone``; None: the default for the problem, or ``interior_point``
        where options of a method are given.
    warm_start : Solution, kantor.Result or mapping, optional
        Where to start: an earlier solution, or arrays ``x``, ``s``, ``z``.
    **options
        Options of the method and of `kantor.solve`, such as ``tolerance=1e-10`` or
        ``check=True``.

    Returns
    -------
    Solution
        With x, s, z, status, objective and certificate.

    Raises
    ------
    kantor.KantorError
        Data that cannot be used: sizes, numbers that are not finite, a P that is not positive
        semidefinite (with the negative curvature found).
    kantor.UnsupportedError
        A method that does not take one of the cones.

    Notes
    -----
    The slack s of a cone's rows is bound to:

    - ``("zero", k)``: s = 0
    - ``("nonnegative", k)``: s >= 0
    - ``("box", lower, upper)``: lower <= s <= upper, arrays; either side may be infinite
    - ``("second_order", k)``: s[0] >= norm(s[1:])
    - ``("rotated_second_order", k)``: 2 s[0] s[1] >= norm(s[2:])**2, s[0], s[1] >= 0
    - ``("psd", k)``: a positive semidefinite matrix of k rows: its upper triangle by columns,
      what is not on the diagonal times sqrt(2)
    - ``("exponential",)``: s[1] exp(s[0] / s[1]) <= s[2], s[1] > 0; with a number, so many
    - ``("power", a)``: s[0]**a s[1]**(1 - a) >= abs(s[2]), s[0], s[1] >= 0
    - ``("generalized_power", d, exponents)``: the product of s[i]**exponents[i] is at least
      the norm of the d elements behind them

    References
    ----------
    S. Boyd and L. Vandenberghe, Convex Optimization, 2004, chapter 4.

    Examples
    --------
    >>> import kantor.cone
    >>> found = kantor.cone.solve(
    ...     None, [-1.0, -2.0], [[1.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], [4.0, 0.0, 0.0],
    ...     [("nonnegative", 1), ("box", [0.0, 0.0], [10.0, 3.0])])
    >>> found.status, found.x.round(6).tolist(), round(found.objective, 6)
    ('solved', [1.0, 3.0], -7.0)
    """
    if isinstance(warm_start, Solution):
        warm_start = warm_start.result
    given = problem(P, q, A, b, cones)
    return Solution(_solve(
        given, method or method_for(options), warm_start=warm_start, **options))


def method_for(options: Iterable[str]) -> Optional[str]:
    """Name the method for options that were given without one.

    Parameters
    ----------
    options : iterable of str
        Names of options of a method or of `kantor.solve`.

    Returns
    -------
    str or None
        ``"interior_point"`` when one of the options is a method's; None: the default will do.
    """
    return "interior_point" if set(options) - _COMMON else None


def problem(P: Any, q: Any, A: Any, b: Any, cones: Cones) -> Problem:
    """Make the `kantor.Problem` that `solve` solves.

    Parameters
    ----------
    P, q, A, b, cones
        As for `solve`.

    Returns
    -------
    kantor.Problem
        Of the kind ``cone``; ``problem.copy(q=other)`` shares all the rest.

    Raises
    ------
    kantor.KantorError
        A cone that is not known, or numbers it does not take.
    """
    text, lower, upper = _describe(cones)
    right = None if b is None else column(b, "b", None) if np.size(b) else np.zeros(0)
    return Problem(
        "cone", P=P, q=column(q, "q", None), A=A, b=right, cones=text, lower=lower, upper=upper)


def _describe(cones: Cones) -> Tuple[str, Optional[np.ndarray], Optional[np.ndarray]]:
    """The text that the library reads, and the limits of all boxes."""
    if isinstance(cones, str):
        return cones, None, None
    words: List[str] = []
    limits: List[Tuple[np.ndarray, np.ndarray]] = []
    for place, item in enumerate(cones):
        item = (item,) if isinstance(item, str) else tuple(item)
        if not item or item[0] not in _NAMES:
            what = f"'{item[0]}'" if item else "empty"
            raise error(
                _abi.E_NAME, f"cones[{place}] is {what}; known cones are {', '.join(_NAMES)}")
        words.append(_word(place, item, limits))
    if not limits:
        return ", ".join(words), None, None
    lower, upper = (np.concatenate([pair[side] for pair in limits]) for side in (0, 1))
    return ", ".join(words), lower, upper


def _word(
    place: int, item: Tuple[Any, ...], limits: List[Tuple[np.ndarray, np.ndarray]]
) -> str:
    name, numbers = item[0], item[1:]
    needed = {"exponential": (0, 1), "box": (2,), "generalized_power": (2,)}.get(name, (1,))
    if len(numbers) not in needed:
        raise error(
            _abi.E_RANGE,
            f"cones[{place}] ('{name}') has {len(numbers)} values behind its name; "
            f"{' or '.join(map(str, needed))} needed")
    if name == "box":
        return f"box {_limits(place, numbers[0], numbers[1], limits)}"
    if name == "power":
        return f"power {_real(numbers[0], place)!r}"
    if name == "generalized_power":
        exponents = " ".join(repr(_real(a, place)) for a in numbers[1])
        return f"generalized_power {_whole(numbers[0], place)} {exponents}"
    if name == "exponential":
        return f"{_whole(numbers[0], place)} * exponential" if numbers else name
    return f"{name} {_whole(numbers[0], place)}"


def _limits(
    place: int, lower: Any, upper: Any, limits: List[Tuple[np.ndarray, np.ndarray]]
) -> int:
    """Reads the limits of a box, where a number stands for as many as the other side has."""
    names = (f"cones[{place}] lower", f"cones[{place}] upper")
    given = [np.asarray(as_numbers(side, name)) for side, name in zip((lower, upper), names)]
    sizes = {side.size for side in given if side.ndim}
    if len(sizes) > 1:
        raise error(
            _abi.E_SHAPE,
            f"{names[0]} has {given[0].size} elements and upper {given[1].size}; as many needed")
    count = sizes.pop() if sizes else 1
    low, high = (column(side, name, count, infinite=True) for side, name in zip(given, names))
    limits.append((low, high))
    return count


def _whole(value: Any, place: int) -> int:
    try:
        if int(value) == value and value >= 0:
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise error(_abi.E_RANGE, f"cones[{place}] has the size {value!r}; a natural number is needed")


def _real(value: Any, place: int) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise error(
            _abi.E_TYPE, f"cones[{place}] has the exponent {value!r}; a number is needed"
        ) from None
