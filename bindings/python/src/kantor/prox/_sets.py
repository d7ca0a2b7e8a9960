"""Projections on polyhedra and cones."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from ._call import mapped
from ._documentation import documented


@documented("parikh2014proximal")
def box(x: Any, lower: Any = -np.inf, upper: Any = np.inf) -> np.ndarray:
    """Project on { lower <= x <= upper }.

    Parameters
    ----------
    lower : float or array_like of shape (n,), default -inf
        May be infinite.
    upper : float or array_like of shape (n,), default inf
        May be infinite.

    Notes
    -----
    u = min(max(x, lower), upper).
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.box([2.0, -3.0], -1.0, 1.0)
    array([ 1., -1.])
    """
    return mapped("box", x, lower=lower, upper=upper)


@documented("parikh2014proximal")
def nonnegative(x: Any) -> np.ndarray:
    """Project on { x >= 0 }.

    Notes
    -----
    u = max(x, 0).
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.nonnegative([2.0, -3.0])
    array([2., 0.])
    """
    return mapped("nonnegative", x)


@documented("condat2016fast")
def simplex(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { x >= 0, sum x = r }.

    Parameters
    ----------
    radius : float, default 1.0
        r > 0.

    Notes
    -----
    u = max(x - tau, 0), tau by filtering.
    Cost: O(n) in practice.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.simplex([1.0, 2.0, 3.0])
    array([0., 0., 1.])
    """
    return mapped("simplex", x, radius=radius)


@documented("condat2016fast")
def budget(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { x >= 0, sum x <= r }.

    Parameters
    ----------
    radius : float, default 1.0
        r > 0.

    Notes
    -----
    max(x, 0) where its sum is at most r, else the projection on the simplex.
    Cost: O(n) in practice.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.budget([0.2, -1.0, 0.3])
    array([0.2, 0. , 0.3])
    """
    return mapped("budget", x, radius=radius)


@documented("kiwiel2008breakpoint")
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

    Notes
    -----
    u = min(max(x - mu a, lower), upper), mu by a search of breakpoints.
    Cost: O(n log n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.box_sum([1.0, 2.0, 3.0], total=2.0, upper=1.0)
    array([0., 1., 1.])
    """
    return mapped(
        "box_sum", x, total=total, lower=lower, upper=upper, coefficients=coefficients,
        total_lower=total_lower, total_upper=total_upper)


@documented("parikh2014proximal")
def halfspace(x: Any, normal: Any, bound: float) -> np.ndarray:
    """Project on { a'x <= b }.

    Parameters
    ----------
    normal : float or array_like of shape (n,)
        a, not 0.
    bound : float
        b.

    Notes
    -----
    u = x - max(a'x - b, 0)/|a|^2 a.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.halfspace([2.0, 2.0], 1.0, 2.0)
    array([1., 1.])
    """
    return mapped("halfspace", x, normal=normal, bound=bound)


@documented("parikh2014proximal")
def affine(x: Any, matrix: Any, rhs: Any = 0.0) -> np.ndarray:
    """Project on { A x = b }.

    Parameters
    ----------
    matrix : array_like of shape (m, n)
        A. Rows may depend on one another where b agrees.
    rhs : float or array_like of shape (m,), default 0.0
        b.

    Notes
    -----
    u = x - A'(AA')^-1 (A x - b), by orthonormal rows.
    Cost: O(m^2 n) once and O(m n) for each point.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.affine([1.0, 1.0], [[1.0, 1.0]], [4.0])
    array([2., 2.])
    """
    return mapped("affine", x, matrix=matrix, rhs=rhs)


@documented("parikh2014proximal")
def second_order(x: Any) -> np.ndarray:
    """Project on the second-order cone { x_0 >= |(x_1, ...)| }.

    Notes
    -----
    ((t + |y|)/2) (1, y/|y|) for x = (t, y) outside of the cone and its polar.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.second_order([0.0, 3.0, 4.0])
    array([2.5, 1.5, 2. ])
    """
    return mapped("second_order", x)


@documented("higham1988nearest", matrices=True)
def psd(x: Any) -> np.ndarray:
    """Project on symmetric positive semidefinite matrices.

    Notes
    -----
    Negative eigenvalues of the symmetric part become 0.
    Cost: O(n^3).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.psd([[1.0, 2.0], [2.0, 1.0]]).round(12)
    array([[1.5, 1.5],
           [1.5, 1.5]])
    """
    return mapped("psd", x)


@documented("friberg2021projection")
def exponential(x: Any) -> np.ndarray:
    """Project on exponential cones, x_1 exp(x_0/x_1) <= x_2, three numbers after three.

    Notes
    -----
    One equation for one number for each cone.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.exponential([0.0, 1.0, 1.0])
    array([0., 1., 1.])
    """
    return mapped("exponential", x)
