"""Distances and uniform weights."""

from __future__ import annotations

from typing import Any, Callable, Optional, Union

import numpy as np

from .. import _abi
from .._arrays import as_vector
from .._errors import error
from ._inputs import float_type, read_count, read_points, refuse

# Up to this dimension differences are taken coordinate by coordinate: no cancellation, and not
# slower than a matrix product.
_DIRECT_DIMENSION = 16

#: Metrics that Kantor computes on the fly from points: name here -> (name, power) there.
POINT_METRICS = {
    "sqeuclidean": "sqeuclidean",
    "euclidean": "euclidean",
    "cityblock": "l1",
    "cosine": "cosine",
}


def unif(n: int, type_as: Any = None) -> np.ndarray:
    """Uniform weights of total 1.

    Parameters
    ----------
    n : int
        How many.
    type_as : array_like, optional
        Its precision is taken.

    Returns
    -------
    numpy.ndarray
        Of shape (n,).

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.unif(4)
    array([0.25, 0.25, 0.25, 0.25])
    """
    count = read_count(n, "n")
    return np.full(count, 1.0 / count, dtype=float_type(type_as))


def dist(
    x1: Any,
    x2: Any = None,
    metric: Union[str, Callable[[np.ndarray, np.ndarray], float]] = "sqeuclidean",
    p: float = 2,
    w: Any = None,
    backend: str = "auto",
    nx: Any = None,
    use_tensor: bool = False,
) -> np.ndarray:
    """Costs between all pairs of points.

    Parameters
    ----------
    x1 : array_like, shape (n, d)
        Points.
    x2 : array_like, shape (m, d), optional
        Points; None: `x1` again.
    metric : str or callable
        ``"sqeuclidean"``, ``"euclidean"``, ``"cityblock"``, ``"minkowski"``, ``"cosine"``,
        ``"correlation"``, ``"chebyshev"``; other names, and functions of two points, need SciPy.
    p : float
        Order of the Minkowski metric.
    w : array_like, shape (d,), optional
        Weights of the coordinates; of other metrics than Minkowski's they need SciPy.
    backend : {"auto", "numpy", "scipy"}
        ``"scipy"`` hands all metrics to SciPy.
    nx : None
        Other array backends are not offered.
    use_tensor : bool
        Without effect: the coordinates are always summed one by one, in little memory.

    Returns
    -------
    numpy.ndarray
        Costs, shape (n, m), in the precision of `x1`.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.dist([[0.0], [3.0]], [[1.0]])
    array([[1.],
           [4.]])
    """
    if nx is not None:
        refuse("nx: other array backends than numpy are not offered")
    kind = float_type(x1, x2)
    x = read_points(x1, "x1")
    y = x if x2 is None else read_points(x2, "x2")
    if x.shape[1] != y.shape[1]:
        raise error(
            _abi.E_SHAPE, f"x1 has the dimension {x.shape[1]}, x2 {y.shape[1]}; they must agree"
        )
    if w is not None:
        w = as_vector(w, "w")
        if w.shape[0] != x.shape[1]:
            raise error(_abi.E_SHAPE, f"w has {w.shape[0]} weights; {x.shape[1]} are needed")
    if backend == "scipy":
        return _by_scipy(x, y, metric, p, w).astype(kind, copy=False)
    if backend not in ("auto", "numpy"):
        refuse(f"backend {backend!r} is not offered; use 'auto', 'numpy' or 'scipy'")
    plain = w is None or metric == "minkowski"
    function = _METRICS.get(metric) if plain and isinstance(metric, str) else None
    costs = function(x, y, p, w) if function else _by_scipy(x, y, metric, p, w)
    return costs.astype(kind, copy=False)


def _sum_over_coordinates(
    x: np.ndarray, y: np.ndarray, term: Callable[[np.ndarray, int], np.ndarray]
) -> np.ndarray:
    total = np.zeros((x.shape[0], y.shape[0]), dtype=np.result_type(x, y))
    for k in range(x.shape[1]):
        total += term(np.subtract.outer(x[:, k], y[:, k]), k)
    return total


def _sqeuclidean(x: np.ndarray, y: np.ndarray, p: float, w: Any) -> np.ndarray:
    if x.shape[1] <= _DIRECT_DIMENSION:
        return _sum_over_coordinates(x, y, lambda gap, k: np.square(gap, out=gap))
    centre = y.mean(axis=0)  # far from the origin the products would cancel
    same = y is x
    x, y = x - centre, y - centre
    costs = x @ y.T
    costs *= -2
    costs += np.einsum("ij,ij->i", x, x)[:, None]
    costs += np.einsum("ij,ij->i", y, y)
    np.maximum(costs, 0, out=costs)
    if same:
        np.fill_diagonal(costs, 0)
    return costs


def _euclidean(x: np.ndarray, y: np.ndarray, p: float, w: Any) -> np.ndarray:
    costs = _sqeuclidean(x, y, p, w)
    return np.sqrt(costs, out=costs)


def _cityblock(x: np.ndarray, y: np.ndarray, p: float, w: Any) -> np.ndarray:
    return _sum_over_coordinates(x, y, lambda gap, k: np.abs(gap, out=gap))


def _minkowski(x: np.ndarray, y: np.ndarray, p: float, w: Optional[np.ndarray]) -> np.ndarray:
    if not p > 0:
        raise error(_abi.E_RANGE, f"p is {p}; a positive number is needed")

    def term(gap: np.ndarray, k: int) -> np.ndarray:
        power = np.abs(gap, out=gap) ** p
        return power if w is None else w[k] * power

    return _sum_over_coordinates(x, y, term) ** (1 / p)


def _chebyshev(x: np.ndarray, y: np.ndarray, p: float, w: Any) -> np.ndarray:
    largest = np.zeros((x.shape[0], y.shape[0]), dtype=np.result_type(x, y))
    for k in range(x.shape[1]):
        np.maximum(largest, np.abs(np.subtract.outer(x[:, k], y[:, k])), out=largest)
    return largest


def _cosine(x: np.ndarray, y: np.ndarray, p: float, w: Any) -> np.ndarray:
    return 1 - _unit(x) @ _unit(y).T


def _correlation(x: np.ndarray, y: np.ndarray, p: float, w: Any) -> np.ndarray:
    return _cosine(x - x.mean(axis=1)[:, None], y - y.mean(axis=1)[:, None], p, w)


def _unit(x: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum("ij,ij->i", x, x))
    return x / np.where(length > 0, length, 1)[:, None]


_METRICS = {
    "sqeuclidean": _sqeuclidean,
    "euclidean": _euclidean,
    "cityblock": _cityblock,
    "minkowski": _minkowski,
    "chebyshev": _chebyshev,
    "cosine": _cosine,
    "correlation": _correlation,
}


def _by_scipy(x: np.ndarray, y: np.ndarray, metric: Any, p: float, w: Any) -> np.ndarray:
    try:
        from scipy.spatial.distance import cdist
    except ImportError:
        refuse(f"metric {metric!r} needs SciPy, which is not installed")
    extra = {}
    if metric == "minkowski":
        extra["p"] = p
    if w is not None:
        extra["w"] = w
    try:
        return cdist(x, y, metric=metric, **extra)
    except (TypeError, ValueError) as cause:
        raise error(_abi.E_RANGE, f"metric {metric!r}: {cause}") from cause
