"""Projections on polyhedra and cones."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from ._call import apply


def box(x: Any, lower: Any = -np.inf, upper: Any = np.inf) -> np.ndarray:
    """Project on { lower <= x <= upper }.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    lower : float or array_like of shape (n,), default -inf
        May be infinite.
    upper : float or array_like of shape (n,), default inf
        May be infinite.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    u = min(max(x, lower), upper).
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1
       (2014).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.box([2.0, -3.0], -1.0, 1.0)
    array([ 1., -1.])
    """
    answer: np.ndarray = apply("box", x, lower=lower, upper=upper)  # type: ignore[assignment]
    return answer


def nonnegative(x: Any) -> np.ndarray:
    """Project on { x >= 0 }.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    u = max(x, 0).
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1
       (2014).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.nonnegative([2.0, -3.0])
    array([2., 0.])
    """
    answer: np.ndarray = apply("nonnegative", x)  # type: ignore[assignment]
    return answer


def simplex(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { x >= 0, sum x = r }.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    radius : float, default 1.0
        r > 0.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    u = max(x - tau, 0), tau by filtering.
    Cost: O(n) in practice. See [1]_.

    References
    ----------
    .. [1] L. Condat, "Fast projection onto the simplex and the l1 ball", Math. Program. 158
       (2016).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.simplex([1.0, 2.0, 3.0])
    array([0., 0., 1.])
    """
    answer: np.ndarray = apply("simplex", x, radius=radius)  # type: ignore[assignment]
    return answer


def budget(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { x >= 0, sum x <= r }.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    radius : float, default 1.0
        r > 0.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    max(x, 0) where its sum is at most r, else the projection on the simplex.
    Cost: O(n) in practice. See [1]_.

    References
    ----------
    .. [1] L. Condat, "Fast projection onto the simplex and the l1 ball", Math. Program. 158
       (2016).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.budget([0.2, -1.0, 0.3])
    array([0.2, 0. , 0.3])
    """
    answer: np.ndarray = apply("budget", x, radius=radius)  # type: ignore[assignment]
    return answer


def box_sum(
    x: Any,
    total: Optional[float] = None,
    lower: Any = 0.0,
    upper: Any = np.inf,
    coefficients: Any = 1.0,
    total_lower: Optional[float] = None,
    total_upper: Optional[float] = None,
) -> np.ndarray:
    """Project on { lower <= x <= upper, total_lower <= a'x <= total_upper }.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    total : float, optional
        a'x, in place of the two totals below.
    lower : float or array_like of shape (n,), default 0.0
        May be infinite.
    upper : float or array_like of shape (n,), default inf
        May be infinite.
    coefficients : float or array_like of shape (n,), default 1.0
        a > 0.
    total_lower, total_upper : float, optional
        Bounds of the total.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    u = min(max(x - mu a, lower), upper), mu by a search of breakpoints.
    Cost: O(n log n). See [1]_.

    References
    ----------
    .. [1] K. C. Kiwiel, "Breakpoint searching algorithms for the continuous quadratic knapsack
       problem", Math. Program. 112 (2008).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.box_sum([1.0, 2.0, 3.0], total=2.0, upper=1.0)
    array([0., 1., 1.])
    """
    answer: np.ndarray = apply(  # type: ignore[assignment]
        "box_sum", x,
        total=total, lower=lower, upper=upper, coefficients=coefficients,
        total_lower=total_lower, total_upper=total_upper,
    )
    return answer


def halfspace(x: Any, normal: Any, bound: float) -> np.ndarray:
    """Project on { a'x <= b }.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    normal : float or array_like of shape (n,)
        a, not 0.
    bound : float
        b.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    u = x - max(a'x - b, 0)/|a|^2 a.
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1
       (2014).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.halfspace([2.0, 2.0], 1.0, 2.0)
    array([1., 1.])
    """
    answer: np.ndarray = apply(  # type: ignore[assignment]
        "halfspace", x,
        normal=normal, bound=bound,
    )
    return answer


def affine(x: Any, matrix: Any, rhs: Any = 0.0) -> np.ndarray:
    """Project on { A x = b }.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    matrix : array_like of shape (m, n)
        A. Rows may depend on one another where b agrees.
    rhs : float or array_like of shape (m,), default 0.0
        b.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    u = x - A'(AA')^-1 (A x - b), by orthonormal rows.
    Cost: O(m^2 n) once and O(m n) for each point. See [1]_.

    References
    ----------
    .. [1] N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1
       (2014).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.affine([1.0, 1.0], [[1.0, 1.0]], [4.0])
    array([2., 2.])
    """
    answer: np.ndarray = apply("affine", x, matrix=matrix, rhs=rhs)  # type: ignore[assignment]
    return answer


def second_order(x: Any) -> np.ndarray:
    """Project on the second-order cone { x_0 >= |(x_1, ...)| }.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    ((t + |y|)/2) (1, y/|y|) for x = (t, y) outside of the cone and its polar.
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1
       (2014).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.second_order([0.0, 3.0, 4.0])
    array([2.5, 1.5, 2. ])
    """
    answer: np.ndarray = apply("second_order", x)  # type: ignore[assignment]
    return answer


def psd(x: Any) -> np.ndarray:
    """Project on symmetric positive semidefinite matrices.

    Parameters
    ----------
    x : array_like of shape (..., rows, columns)
        Matrices along the last two axes.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    Negative eigenvalues of the symmetric part become 0.
    Cost: O(n^3). See [1]_.

    References
    ----------
    .. [1] N. J. Higham, "Computing a nearest symmetric positive semidefinite matrix", Linear
       Algebra Appl. 103 (1988).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.psd([[1.0, 2.0], [2.0, 1.0]]).round(12)
    array([[1.5, 1.5],
           [1.5, 1.5]])
    """
    answer: np.ndarray = apply("psd", x)  # type: ignore[assignment]
    return answer


def exponential(x: Any) -> np.ndarray:
    """Project on exponential cones, x_1 exp(x_0/x_1) <= x_2, three numbers after three.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`, float64.

    Raises
    ------
    KantorError
        Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

    Notes
    -----
    One equation for one number for each cone.
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] H. A. Friberg, "Projection onto the exponential cone: a univariate root-finding
       problem", Optim. Methods Softw. (2021).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.exponential([0.0, 1.0, 1.0])
    array([0., 1., 1.])
    """
    answer: np.ndarray = apply("exponential", x)  # type: ignore[assignment]
    return answer
