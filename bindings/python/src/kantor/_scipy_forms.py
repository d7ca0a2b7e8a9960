"""What `minimize`, `least_squares` and `root` share."""

from __future__ import annotations

from collections.abc import ItemsView, ValuesView
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from . import _abi
from ._errors import error
from ._sparse import is_sparse

#: Numbers of SciPy's kind for the statuses, in ``OptimizeResult.status``.
STATUS_NUMBERS = {
    "solved": 0, "iteration_limit": 1, "evaluation_limit": 1, "solved_inaccurate": 2,
    "infeasible": 3, "locally_infeasible": 3, "unbounded": 4, "stalled": 5, "time_limit": 6,
    "cancelled": 7, "stopped_by_callback": 8, "callback_error": 9, "numerical_error": 10,
}


class OptimizeResult(Dict[str, Any]):
    """Named values as a dictionary and as attributes, like SciPy's class of that name.

    Values that cost calls of the caller's functions are made by their first use.

    Parameters
    ----------
    **values
        The entries.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"this result has no {name!r}; it has {', '.join(self)}"
            ) from None

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, Later):
            value = value.make()
            self[name] = value
        return value

    # A dictionary of its own would hand out what is still to be made.

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        """Give an entry, finished.

        Parameters
        ----------
        name : str
            Its name.
        default : object
            What to give if there is none.

        Returns
        -------
        object
            The entry.
        """
        return self[name] if name in self else default

    def values(self) -> Any:
        """Give the entries, finished.

        Returns
        -------
        collections.abc.ValuesView
            The entries.
        """
        return ValuesView(self)

    def items(self) -> Any:
        """Give names and entries, finished.

        Returns
        -------
        collections.abc.ItemsView
            The pairs.
        """
        return ItemsView(self)

    def copy(self) -> OptimizeResult:
        """Copy the result, with all entries finished.

        Returns
        -------
        OptimizeResult
            The copy.
        """
        return OptimizeResult(**dict(self))

    def __reduce__(self) -> Tuple[Any, ...]:
        return OptimizeResult, (), None, None, iter(self.items())

    def __dir__(self) -> List[str]:
        return list(self)

    def __repr__(self) -> str:
        shown = ("message", "success", "status", "fun", "cost", "x", "nit", "nfev", "njev", "nhev")
        lines = [f"{name:>8}: {self[name]}" for name in shown if name in self]
        return "\n".join(lines)


class Later:
    """A value that is made when somebody asks for it.

    Parameters
    ----------
    make : callable
        Makes it.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def start_point(x0: Any) -> np.ndarray:
    """Read the start.

    Parameters
    ----------
    x0 : array_like
        A vector or a number.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Of float64.

    Raises
    ------
    KantorError
        More dimensions than one, or complex numbers.
    """
    point = np.asarray(x0)
    if point.dtype.kind == "c":
        raise error(_abi.E_TYPE, "x0 has complex numbers; real ones are needed")
    point = np.atleast_1d(np.asarray(point, dtype=np.float64))
    if point.ndim != 1:
        raise error(_abi.E_SHAPE, f"x0 has the shape {point.shape}; one dimension is needed")
    return point


def read_bounds(bounds: Any, n: int) -> Tuple[Optional[np.ndarray], Optional[np.ndarray]]:
    """Read bounds in any of SciPy's forms.

    Parameters
    ----------
    bounds : None, object with ``lb`` and ``ub``, or sequence
        A sequence has a pair (low, high) for each variable, None for no bound.
    n : int
        Number of variables.

    Returns
    -------
    lower, upper : numpy.ndarray or None
        Vectors of n numbers, infinite where there is no bound; None without any.

    Raises
    ------
    KantorError
        Other numbers of bounds than of variables.
    """
    if bounds is None:
        return None, None
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        low, high = bounds.lb, bounds.ub
    else:
        pairs = list(bounds)
        if len(pairs) != n or any(len(pair) != 2 for pair in pairs):
            raise error(
                _abi.E_SHAPE, f"bounds has {len(pairs)} entries; {n} pairs (low, high) are needed"
            )
        low = [-np.inf if pair[0] is None else pair[0] for pair in pairs]
        high = [np.inf if pair[1] is None else pair[1] for pair in pairs]
    sides = []
    for name, side in (("lower", low), ("upper", high)):
        array = np.asarray(side, dtype=np.float64)
        if array.shape not in ((), (1,), (n,)):
            raise error(
                _abi.E_SHAPE, f"{name} bounds have the shape {array.shape}; needed is ({n},)"
            )
        sides.append(np.broadcast_to(array, (n,)).copy())
    return sides[0], sides[1]


class Remembering:
    """A function that remembers its last values, so that asking again costs nothing.

    Parameters
    ----------
    function : callable
        Of a point.
    size : int, default 1
        How many values are kept.
    """

    def __init__(self, function: Callable[[np.ndarray], Any], size: int = 1) -> None:
        self.function = function
        self.calls = 0
        self._size = size
        self._known: List[Tuple[bytes, Any]] = []

    def __call__(self, x: np.ndarray) -> Any:
        key = x.tobytes()
        for known, value in self._known:
            if known == key:
                return value
        self.calls += 1
        value = self.function(x)
        self._known.append((key, value))
        del self._known[:-self._size]
        return value


class JacobianForm:
    """A Jacobian as its function returns it at the start: dense, sparse, or an operator.

    Parameters
    ----------
    sample : object
        What the function returned.
    rows, columns : int
        The shape that is needed.
    name : str
        What to call it in messages.
    pattern : sparse matrix, optional
        Declared entries; else those of the sample.
    """

    def __init__(
        self, sample: Any, rows: int, columns: int, name: str = "jac", pattern: Any = None
    ) -> None:
        self.shape, self.name = (rows, columns), name
        self.is_operator = not is_sparse(sample) and hasattr(sample, "matvec")
        self.row: Optional[np.ndarray] = None
        self.column: Optional[np.ndarray] = None
        if is_sparse(sample):
            self._check_shape(sample.shape)
            self._declare(sample if pattern is None else pattern)
        elif self.is_operator:
            self._check_shape(sample.shape)
        else:
            self.values(sample)

    @property
    def is_sparse(self) -> bool:
        """Whether there is a pattern."""
        return self.row is not None

    def _check_shape(self, shape: Tuple[int, ...]) -> None:
        if tuple(shape) != self.shape:
            raise error(
                _abi.E_SHAPE,
                f"{self.name} returned the shape {tuple(shape)}; needed is {self.shape}",
            )

    def _declare(self, matrix: Any) -> None:
        entries = matrix.tocoo()
        keys = np.unique(entries.row.astype(np.int64) * self.shape[1] + entries.col)
        self._keys = keys
        self.row, self.column = keys // self.shape[1], keys % self.shape[1]

    def values(self, given: Any) -> np.ndarray:
        """Bring what the function returned into the form that was declared.

        Parameters
        ----------
        given : array_like or sparse matrix
            A Jacobian.

        Returns
        -------
        numpy.ndarray
            Of the shape (rows, columns), or the entries of the pattern.
        """
        if self.row is None:
            if is_sparse(given):
                given = given.toarray()
            dense = np.asarray(given, dtype=np.float64)
            if dense.size == self.shape[0] * self.shape[1] and dense.ndim <= 2:
                return dense.reshape(self.shape)
            self._check_shape(dense.shape)
            return dense
        out = np.zeros(len(self._keys))
        if not is_sparse(given):
            return np.asarray(given, dtype=np.float64)[self.row, self.column]
        self._check_shape(given.shape)
        entries = given.tocoo()
        keys = entries.row.astype(np.int64) * self.shape[1] + entries.col
        place = np.searchsorted(self._keys, keys)
        known = place < len(self._keys)
        known[known] = self._keys[place[known]] == keys[known]
        stray = ~known & (entries.data != 0)
        if stray.any():
            k = int(np.argmax(stray))
            raise error(
                _abi.E_RANGE,
                f"{self.name} has an entry at ({entries.row[k]}, {entries.col[k]}), which its "
                "pattern does not have; give a pattern with all entries that may ever be there",
            )
        np.add.at(out, place[known], entries.data[known])
        return out


def differences(
    f: Callable[[np.ndarray], Any], x: np.ndarray, lower: Any = None, upper: Any = None
) -> np.ndarray:
    """Differentiate by central differences that stay inside bounds.

    Parameters
    ----------
    f : callable
        Of a point; gives a number or a vector.
    x : numpy.ndarray, shape (n,)
        Where.
    lower, upper : numpy.ndarray, shape (n,), optional
        Bounds of the points.

    Returns
    -------
    numpy.ndarray, shape (m, n)
        The derivative.
    """
    columns = []
    for j in range(len(x)):
        h = 6e-6 * max(1.0, abs(x[j]))
        up, down = x.copy(), x.copy()
        up[j] = x[j] + h if upper is None else min(x[j] + h, upper[j])
        down[j] = x[j] - h if lower is None else max(x[j] - h, lower[j])
        width = up[j] - down[j]
        slope = np.atleast_1d(f(up)) - np.atleast_1d(f(down))
        columns.append(np.ravel(slope) / width if width > 0 else np.zeros(np.size(slope)))
    return np.stack(columns, axis=1)


def complex_step(f: Callable[[np.ndarray], Any], x: np.ndarray) -> np.ndarray:
    """Differentiate by steps along the imaginary axis.

    Parameters
    ----------
    f : callable
        Takes complex points.
    x : numpy.ndarray, shape (n,)
        Where.

    Returns
    -------
    numpy.ndarray, shape (m, n)
        The derivative.
    """
    step = 1e-30
    columns = []
    for j in range(len(x)):
        point = x.astype(np.complex128)
        point[j] += 1j * step
        columns.append(np.atleast_1d(np.imag(f(point))).ravel() / step)
    return np.stack(columns, axis=1)


def call_with(function: Callable[..., Any], args: Any, kwargs: Any = None) -> Callable[..., Any]:
    """Bind extra arguments.

    Parameters
    ----------
    function : callable
        Takes a point, and perhaps a vector, before them.
    args : tuple or object
        Positional ones; a lone object stands for a tuple of it.
    kwargs : dict, optional
        Named ones.

    Returns
    -------
    callable
        Without them.
    """
    extra = args if isinstance(args, tuple) else (args,)
    named = kwargs or {}
    if not extra and not named:
        return function
    return lambda *points: function(*points, *extra, **named)
