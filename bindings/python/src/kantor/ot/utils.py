"""Small helpers under the names of ``ot.utils``."""

from __future__ import annotations

import time
from typing import Any, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_numbers, as_vector
from .._errors import error
from ._inputs import float_type, read_count, read_positive, refuse
from ._outcome import OTResult
from ._tools import dist, unif

__all__ = [
    "OTResult",
    "clean_zeros",
    "cost_normalization",
    "dist",
    "dist0",
    "euclidean_distances",
    "kernel",
    "label_normalization",
    "laplacian",
    "proj_simplex",
    "projection_sparse_simplex",
    "tic",
    "toc",
    "toq",
    "unif",
]

_started = time.perf_counter()


def tic() -> None:
    """Start the clock of `toc` and `toq`."""
    global _started
    _started = time.perf_counter()


def toc(message: str = "Elapsed time : {} s") -> float:
    """Print the time since `tic`.

    Parameters
    ----------
    message : str
        What to print, with ``{}`` where the seconds go.

    Returns
    -------
    float
        Seconds.
    """
    seconds = toq()
    print(message.format(seconds))
    return seconds


def toq() -> float:
    """Give the time since `tic`.

    Returns
    -------
    float
        Seconds.
    """
    return time.perf_counter() - _started


def kernel(
    x1: Any, x2: Any, method: str = "gaussian", sigma: float = 1, **kwargs: Any
) -> np.ndarray:
    """Gaussian kernel between points, ``exp(-|x - y|^2 / (2 sigma^2))``.

    Parameters
    ----------
    x1 : array_like, shape (n, d)
        Points.
    x2 : array_like, shape (m, d)
        Points.
    method : {"gaussian", "gauss", "rbf"}
        Names of the kernel.
    sigma : float
        Its width, > 0.
    **kwargs
        Without effect, as in POT.

    Returns
    -------
    numpy.ndarray, shape (n, m)
        The kernel.
    """
    if str(method).lower() not in ("gaussian", "gauss", "rbf"):
        refuse(f"method {method!r} is not offered; use 'gaussian'")
    return np.exp(-dist(x1, x2) / (2 * read_positive(sigma, "sigma") ** 2))


def laplacian(x: Any) -> np.ndarray:
    """Laplacian of a graph.

    Parameters
    ----------
    x : array_like, shape (n, n)
        Weights of its edges.

    Returns
    -------
    numpy.ndarray, shape (n, n)
        Their sums over columns on the diagonal, less the weights.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.utils.laplacian([[0.0, 2.0], [2.0, 0.0]])
    array([[ 2., -2.],
           [-2.,  2.]])
    """
    weights = as_matrix(x, "x")
    if weights.shape[0] != weights.shape[1]:
        raise error(_abi.E_SHAPE, f"x has the shape {weights.shape}; a square is needed")
    return np.diag(weights.sum(axis=0)) - weights


def label_normalization(y: Any, start: int = 0, nx: Any = None) -> np.ndarray:
    """Shift labels so that the smallest one is `start`.

    Parameters
    ----------
    y : array_like, shape (n,)
        The labels.
    start : int
        What the smallest one becomes.
    nx : None
        Without effect: arrays are those of numpy.

    Returns
    -------
    numpy.ndarray, shape (n,)
        The labels.
    """
    labels = as_numbers(y, "y")
    return labels - (labels.min() - start)


def euclidean_distances(X: Any, Y: Any, squared: bool = False, nx: Any = None) -> np.ndarray:
    """Distances between points.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points.
    Y : array_like, shape (m, d)
        Points.
    squared : bool
        Give their squares.
    nx : None
        Without effect: arrays are those of numpy.

    Returns
    -------
    numpy.ndarray, shape (n, m)
        The distances.
    """
    return dist(X, Y, "sqeuclidean" if squared else "euclidean")


def dist0(n: int, method: str = "lin_square") -> np.ndarray:
    """Squared distances between 0, 1, ..., n - 1.

    Parameters
    ----------
    n : int
        How many.
    method : {"lin_square"}
        The only one.

    Returns
    -------
    numpy.ndarray, shape (n, n)
        The costs.
    """
    if method != "lin_square":
        refuse(f"method {method!r} is not offered; use 'lin_square'")
    points = np.arange(read_count(n, "n"), dtype=np.float64)
    return dist(points, points)


def cost_normalization(
    C: Any, norm: Optional[str] = None, return_value: bool = False, value: Any = None
) -> Any:
    """Bring costs to a common size.

    Parameters
    ----------
    C : array_like, shape (n, m)
        Costs; not changed.
    norm : {None, "median", "max", "log", "loglog"}
        Divide by the median or the largest entry, take ``log(1 + C)``, or that twice.
    return_value : bool
        Return what was divided by as well.
    value : float, optional
        Divide by this instead of the median or the largest entry.

    Returns
    -------
    C : numpy.ndarray
        The costs.
    value : float or None
        With `return_value`.
    """
    costs = as_numbers(C, "C")
    if norm in ("median", "max"):
        if value is None:
            value = float(np.median(costs) if norm == "median" else costs.max())
        costs = costs / value
    elif norm == "log":
        costs = np.log1p(costs)
    elif norm == "loglog":
        costs = np.log1p(np.log1p(costs))
    elif norm is not None:
        refuse(f"norm {norm!r} is not offered; use 'median', 'max', 'log' or 'loglog'")
    return (costs, value) if return_value else costs


def clean_zeros(a: Any, b: Any, M: Any) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Leave out points without mass. The solvers here do not need it.

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources.
    b : array_like, shape (m,)
        Weights of the targets.
    M : array_like, shape (n, m)
        Costs.

    Returns
    -------
    a, b, M : numpy.ndarray
        What is left.
    """
    sources, targets, costs = as_vector(a, "a"), as_vector(b, "b"), as_matrix(M, "M")
    rows, columns = sources > 0, targets > 0
    return sources[rows], targets[columns], np.ascontiguousarray(costs[rows][:, columns])


def proj_simplex(v: Any, z: float = 1) -> np.ndarray:
    """Nearest points with entries >= 0 of a given sum.

    Parameters
    ----------
    v : array_like, shape (n,) or (n, k)
        The points, one in each column.
    z : float
        The sum, > 0.

    Returns
    -------
    numpy.ndarray
        Of the shape of `v`.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.utils.proj_simplex([0.5, 1.5])
    array([0., 1.])
    """
    return projection_sparse_simplex(v, len(v), z, 0)


def projection_sparse_simplex(
    V: Any, max_nz: int, z: float = 1, axis: Optional[int] = None, nx: Any = None
) -> np.ndarray:
    """Nearest points with entries >= 0 of a given sum, at most so many of them positive.

    Parameters
    ----------
    V : array_like, shape (n,) or (n, m)
        The points.
    max_nz : int
        Largest number of positive entries of a point, at least 1.
    z : float
        The sum, > 0.
    axis : {None, 0, 1}
        Columns of `V` are points, or rows; None: all entries are one point, and the result is of
        shape (n m,).
    nx : None
        Without effect: arrays are those of numpy.

    Returns
    -------
    numpy.ndarray
        The points.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.utils.projection_sparse_simplex([0.5, 0.75, 1.0], 2, axis=0)
    array([0.   , 0.375, 0.625])
    """
    if axis not in (None, 0, 1):
        raise error(_abi.E_RANGE, f"axis is {axis!r}; None, 0 or 1 is needed")
    mass, kind = read_positive(z, "z"), float_type(V)
    array = as_numbers(V, "V").astype(np.float64)
    if axis is None:
        array = array.reshape(-1)
    points = array[None, :] if array.ndim == 1 else array.T if axis == 0 else array
    if points.ndim != 2 or points.shape[1] == 0:
        raise error(_abi.E_SHAPE, f"V has the shape {array.shape}; (n,) or (n, m) is needed")
    count = min(read_count(max_nz, "max_nz"), points.shape[1])
    order = np.argsort(-points, axis=1, kind="stable")[:, :count]
    largest = np.take_along_axis(points, order, axis=1)
    # The positive entries are the first ones that exceed the level that gives them the sum.
    levels = (largest.cumsum(axis=1) - mass) / np.arange(1, count + 1)
    positive = (largest > levels).sum(axis=1)
    level = levels[np.arange(len(points)), positive - 1]
    answer = np.zeros_like(points)
    np.put_along_axis(answer, order, np.maximum(largest - level[:, None], 0), axis=1)
    answer = answer[0] if array.ndim == 1 else answer.T if axis == 0 else answer
    return answer.astype(kind)
