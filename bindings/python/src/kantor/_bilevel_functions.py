"""Functions of x and y, put together to bundles over the joined vector."""

from __future__ import annotations

import math
import warnings
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from . import _abi
from ._errors import error
from ._functions import Functions

#: Relative step of central differences: the cube root of the precision.
STEP = 6.06e-6


class Shapes:
    """Shapes of x and y, and the way from the joined vector to both and back.

    Parameters
    ----------
    x, y : array_like
        Starts, of any shapes.
    """

    def __init__(self, x: Any, y: Any) -> None:
        self.start_x = np.asarray(x, dtype=np.float64)
        self.start_y = np.asarray(y, dtype=np.float64)
        self.nx, self.ny = self.start_x.size, self.start_y.size
        self.n = self.nx + self.ny
        # Most are vectors, and functions are called often.
        self._are_vectors = self.start_x.ndim == 1 and self.start_y.ndim == 1

    def split(self, w: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Take the joined vector apart.

        Parameters
        ----------
        w : ndarray of shape (nx + ny,)
            Joined vector.

        Returns
        -------
        pair of ndarray
            x and y in the shapes of their starts.
        """
        x, y = w[: self.nx], w[self.nx:]
        if self._are_vectors:
            return x, y
        return x.reshape(self.start_x.shape), y.reshape(self.start_y.shape)

    def join(self, pair: Sequence[Any], name: str) -> np.ndarray:
        """Put a pair of gradients together.

        Parameters
        ----------
        pair : pair of array_like
            Of the sizes of x and y; None stands for zeros.
        name : str
            The function that returned it, for messages.

        Returns
        -------
        ndarray of shape (nx + ny,)
            The joined vector.
        """
        if pair is None:
            return np.full(self.n, np.nan)
        try:
            first, second = pair
        except (TypeError, ValueError):
            raise error(
                _abi.E_SHAPE, f"{name} returned no pair; a pair of gradients is needed"
            ) from None
        if _is_vector(first, self.nx) and _is_vector(second, self.ny):
            return np.concatenate((first, second))
        # Frameworks return their own arrays, and None for what a function does not depend on.
        first = np.zeros(self.nx) if first is None else np.asarray(first, dtype=np.float64)
        second = np.zeros(self.ny) if second is None else np.asarray(second, dtype=np.float64)
        sizes = first.size, second.size
        if sizes != (self.nx, self.ny):
            raise error(
                _abi.E_SHAPE,
                f"{name} returned {sizes[0]} and {sizes[1]} numbers; x and y have "
                f"{self.nx} and {self.ny}",
            )
        out = np.empty(self.n)
        out[: self.nx] = np.reshape(first, -1)
        out[self.nx:] = np.reshape(second, -1)
        return out


def _is_vector(value: Any, size: int) -> bool:
    """Whether a value is such an array that it needs no more looking at."""
    return type(value) is np.ndarray and value.shape == (size,)


def _flat(value: Any, size: int, name: str) -> Any:
    if _is_vector(value, size):
        return value
    found = np.asarray(value, dtype=np.float64)
    if found.size != size:
        raise error(
            _abi.E_SHAPE, f"{name} returned the shape {found.shape}; {size} numbers are needed")
    return found.reshape(-1)


def differences(f: Callable[[np.ndarray], Any], w: np.ndarray) -> np.ndarray:
    """Differentiate a function by central differences.

    Parameters
    ----------
    f : callable
        From a vector to a number or a vector.
    w : ndarray
        The point.

    Returns
    -------
    ndarray
        The gradient, or the Jacobian of the shape (m, n).
    """
    columns = []
    for j in range(w.size):
        step = STEP * (1 + abs(w[j]))
        up, down = w.copy(), w.copy()
        up[j] += step
        down[j] -= step
        high, low = (np.asarray(f(point), dtype=np.float64) for point in (up, down))
        columns.append((high - low) / (2 * step))
    return np.stack(columns, axis=-1) if columns else np.zeros(0)


class Constraints:
    """Rows of one level: inequalities <= 0, then equations = 0.

    Parameters
    ----------
    given : callable, pair, dict or None
        As for `kantor.bilevel.problem`.
    shapes : Shapes
        Of x and y; anything with ``nx``, ``ny``, ``start_x``, ``start_y`` and ``split``.
    name : str
        What the rows are called in messages.
    """

    def __init__(self, given: Any, shapes: Any, name: str) -> None:
        self.shapes = shapes
        self.name = name
        self.pieces: List[Tuple[Callable[..., Any], Optional[Callable[..., Any]]]] = []
        self.sizes: List[int] = []
        self.equalities = 0
        if given is None:
            return
        if not isinstance(given, dict):
            given = {"ineq": given}
        unknown = sorted(set(given) - {"ineq", "eq"})
        if unknown:
            raise error(
                _abi.E_NAME, f"{name}: '{unknown[0]}' is not known; 'ineq' and 'eq' are")
        for kind in ("ineq", "eq"):
            if given.get(kind) is None:
                continue
            piece = given[kind] if isinstance(given[kind], (tuple, list)) else (given[kind], None)
            if not callable(piece[0]):
                raise error(
                    _abi.E_TYPE, f"{name}: a function, or a pair of a function and its Jacobians, "
                    f"is needed, not {given[kind]!r}")
            value = np.atleast_1d(np.asarray(piece[0](shapes.start_x, shapes.start_y), float))
            self.pieces.append((piece[0], piece[1] if len(piece) > 1 else None))
            self.sizes.append(value.size)
            if kind == "eq":
                self.equalities = value.size

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(self.sizes)

    @property
    def has_jacobian(self) -> bool:
        """Whether every piece came with its Jacobians."""
        return all(jacobian is not None for _, jacobian in self.pieces)

    def value(self, w: np.ndarray) -> np.ndarray:
        """Rows at a point.

        Parameters
        ----------
        w : ndarray
            Joined vector.

        Returns
        -------
        ndarray of shape (rows,)
            Values.
        """
        x, y = self.shapes.split(w)
        return np.concatenate([np.reshape(f(x, y), -1) for f, _ in self.pieces])

    def jacobian(self, w: np.ndarray) -> np.ndarray:
        """Jacobian of the rows.

        Parameters
        ----------
        w : ndarray
            Joined vector.

        Returns
        -------
        ndarray of shape (rows, nx + ny)
            The Jacobian.
        """
        x, y = self.shapes.split(w)
        blocks = []
        for (_, jacobian), rows in zip(self.pieces, self.sizes):
            if jacobian is None:
                raise error(_abi.E_MISSING, f"{self.name} have no Jacobian")
            parts = []
            for part, size in zip(jacobian(x, y), (self.shapes.nx, self.shapes.ny)):
                part = np.asarray(part, float)
                if part.size != rows * size:
                    raise error(
                        _abi.E_SHAPE,
                        f"{self.name}: a Jacobian has the shape {part.shape}; {(rows, size)} is "
                        "needed")
                parts.append(part.reshape(rows, size))
            blocks.append(np.hstack(parts))
        return np.vstack(blocks)


def bundle(
    value: Callable[..., Any], gradient: Optional[Callable[..., Any]], shapes: Shapes,
    constraints: Constraints, name: str, hvp: Optional[Callable[..., Any]] = None,
    cross: Optional[Callable[..., Any]] = None,
) -> Functions:
    """Make the bundle of one level.

    Parameters
    ----------
    value : callable
        ``value(x, y)``, a number.
    gradient : callable or None
        ``gradient(x, y)``, the pair of gradients.
    shapes : Shapes
        Of x and y.
    constraints : Constraints
        Rows of the level.
    name : str
        ``"upper"`` or ``"lower"``, for messages.
    hvp, cross : callable, optional
        ``(x, y, v)``: the second derivative in y times v, and the cross derivative (rows x) times
        v.

    Returns
    -------
    kantor.Functions
        The bundle.
    """
    if not callable(value):
        raise error(_abi.E_TYPE, f"{name} is {value!r}, not a function")

    def f(w: np.ndarray) -> Any:
        found = value(*shapes.split(w))
        if found is not None and not isinstance(found, float) and np.prod(np.shape(found)) != 1:
            raise error(
                _abi.E_SHAPE,
                f"{name} returned the shape {np.shape(found)}; one number is needed")
        return found

    if gradient is None:
        warnings.warn(
            f"grad_{name} is missing: gradients are taken by central differences, which costs "
            f"{2 * shapes.n} values each and half of the digits", stacklevel=4)

        def joined(w: np.ndarray) -> np.ndarray:
            return differences(f, w)
    else:
        def joined(w: np.ndarray) -> np.ndarray:
            return shapes.join(gradient(*shapes.split(w)), f"grad_{name}")

    def both(w: np.ndarray) -> Any:
        at = f(w)
        if at is None:
            return None
        # Where a function is not defined, its gradient need not be either.
        if not isinstance(at, float):
            at = float(np.reshape(np.asarray(at), -1)[0])
        return at, joined(w) if math.isfinite(at) else np.zeros(shapes.n)

    members: Dict[str, Any] = {"value": f, "gradient": joined, "value_gradient": both}
    if constraints.rows:
        members["map"] = constraints.value
        if constraints.has_jacobian:
            members["jacobian"] = constraints.jacobian
    if hvp is not None:
        members["hessian_product"] = _product(shapes, joined, constraints, hvp, cross)
    return Functions(shapes.n, constraints.rows, **members)


def inner_product(
    shapes: Shapes, constraints: Constraints, hvp: Callable[..., Any],
) -> Functions:
    """Make the bundle of products of which only the part of y is read.

    Parameters
    ----------
    shapes : Shapes
        Of x and y.
    constraints : Constraints
        Rows of the lower level.
    hvp : callable
        ``(x, y, v)``: the second derivative in y times v.

    Returns
    -------
    kantor.Functions
        The bundle.
    """
    return Functions(
        shapes.n, constraints.rows,
        hessian_product=_product(shapes, None, constraints, hvp, None, inner=True))


def _product(
    shapes: Shapes, gradient: Optional[Callable[[np.ndarray], np.ndarray]],
    constraints: Constraints, hvp: Callable[..., Any], cross: Optional[Callable[..., Any]],
    inner: bool = False,
) -> Callable[..., np.ndarray]:
    """Second derivatives of a level times (0, v); what is not given is differenced.

    With `inner`, the part of x is left out where it would cost calls of its own.
    """

    def along(w: np.ndarray, d: np.ndarray) -> float:
        return STEP * (1 + np.abs(w[d != 0]).max(initial=0)) / max(np.abs(d).max(), 1e-300)

    nx, ny = shapes.nx, shapes.ny

    def product(w: np.ndarray, sigma: float, y: np.ndarray, d: np.ndarray) -> np.ndarray:
        is_of_y = inner or not d[:nx].any()
        has_rows = y.size > 0 and y.any()
        if is_of_y and not has_rows and (inner or cross is not None):
            # What the methods ask for: nothing has to be differenced.
            first, second = shapes.split(w)
            v = shapes.split(d)[1]
            out = np.zeros(shapes.n)
            if not inner:
                out[:nx] = _flat(cross(first, second, v), nx, "cross_lower")
            out[nx:] = _flat(hvp(first, second, v), ny, "hvp_lower")
            return out if sigma == 1 else sigma * out
        out = np.zeros(shapes.n)
        if not d.any():
            return out
        step = along(w, d)
        if sigma:
            point, v = shapes.split(w), shapes.split(d)[1]
            if not inner and (cross is None or not is_of_y):
                difference = (gradient(w + step * d) - gradient(w - step * d)) / (2 * step)
                out += sigma * difference
            elif not inner:
                out[:nx] += sigma * _flat(cross(*point, v), nx, "cross_lower")
            if is_of_y:
                out[nx:] = sigma * _flat(hvp(*point, v), ny, "hvp_lower")
        if has_rows and constraints.has_jacobian:
            up, down = constraints.jacobian(w + step * d), constraints.jacobian(w - step * d)
            out += (up - down).T @ y / (2 * step)
        elif has_rows:
            def lagrangian(u: np.ndarray) -> float:
                return float(constraints.value(u) @ y)

            out += (differences(lagrangian, w + step * d)
                    - differences(lagrangian, w - step * d)) / (2 * step)
        return out

    return product
