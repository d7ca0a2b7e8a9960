"""Proximal maps of norms, and projections on their balls."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._call import apply


def l2(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of the Euclidean norm, g(x) = w |x|.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    step : float, default 1.0
        Greater than 0.
    weight : float, default 1.0
        w >= 0.

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
    u = max(1 - step w/|x|, 0) x.
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1
       (2014).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.l2([3.0, 4.0])
    array([2.4, 3.2])
    """
    answer: np.ndarray = apply("l2", x, step=step, weight=weight)  # type: ignore[assignment]
    return answer


def linf(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of the largest size, g(x) = w max |x|.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    step : float, default 1.0
        Greater than 0.
    weight : float, default 1.0
        w >= 0.

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
    u = x - P(x), P the projection on the l1 ball of radius step w.
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1
       (2014).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.linf([3.0, 1.0, -2.5])
    array([ 2.25,  1.  , -2.25])
    """
    answer: np.ndarray = apply("linf", x, step=step, weight=weight)  # type: ignore[assignment]
    return answer


def group_l2(x: Any, sizes: Any, step: float = 1.0, weight: Any = 1.0) -> np.ndarray:
    """Proximal map of a sum of Euclidean norms of groups, g(x) = sum w_g |x_g|.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    sizes : int or array_like of shape (groups,)
        Places of each group; groups follow one another. A number: all alike.
    step : float, default 1.0
        Greater than 0.
    weight : float or array_like of shape (groups,), default 1.0
        w >= 0.

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
    u_g = max(1 - step w_g/|x_g|, 0) x_g.
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] P. L. Combettes, J.-C. Pesquet, "Proximal splitting methods in signal processing",
       Springer (2011).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.group_l2([3.0, 4.0, 0.5], sizes=[2, 1])
    array([2.4, 3.2, 0. ])
    """
    answer: np.ndarray = apply(  # type: ignore[assignment]
        "group_l2", x,
        sizes=sizes, step=step, weight=weight,
    )
    return answer


def l1_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { sum |x| <= r }.

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
    u = sign(x) max(|x| - tau, 0), tau by filtering.
    Cost: O(n) in practice. See [1]_.

    References
    ----------
    .. [1] L. Condat, "Fast projection onto the simplex and the l1 ball", Math. Program. 158
       (2016).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.l1_ball([3.0, -1.0])
    array([1., 0.])
    """
    answer: np.ndarray = apply("l1_ball", x, radius=radius)  # type: ignore[assignment]
    return answer


def l2_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { |x| <= r }.

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
    u = x r/max(|x|, r).
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1
       (2014).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.l2_ball([3.0, 4.0])
    array([0.6, 0.8])
    """
    answer: np.ndarray = apply("l2_ball", x, radius=radius)  # type: ignore[assignment]
    return answer


def linf_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { max |x| <= r }.

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
    u = min(max(x, -r), r).
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1
       (2014).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.linf_ball([3.0, -0.5])
    array([ 1. , -0.5])
    """
    answer: np.ndarray = apply("linf_ball", x, radius=radius)  # type: ignore[assignment]
    return answer


def sorted_l1(x: Any, weights: Any = 1.0, step: float = 1.0) -> np.ndarray:
    """Proximal map of the sorted l1 norm (OWL, SLOPE), g(x) = sum w_k |x|_(k), sizes in falling
    order.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    weights : float or array_like of shape (n,), default 1.0
        w_1 >= w_2 >= ... >= 0.
    step : float, default 1.0
        Greater than 0.

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
    Sizes less step w, made falling by pooling of adjacent violators, and cut off at 0.
    Cost: O(n log n). See [1]_.

    References
    ----------
    .. [1] M. Bogdan, E. van den Berg, C. Sabatti, W. Su, E. J. Candes, "SLOPE - adaptive variable
       selection via convex optimization", Ann. Appl. Stat. 9 (2015).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.sorted_l1([3.0, -3.0, 0.5], [2.0, 1.0, 1.0])
    array([ 1.5, -1.5,  0. ])
    """
    answer: np.ndarray = apply(  # type: ignore[assignment]
        "sorted_l1", x,
        weights=weights, step=step,
    )
    return answer


def nuclear(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of the nuclear norm, g(X) = w times the sum of singular values.

    Parameters
    ----------
    x : array_like of shape (..., rows, columns)
        Matrices along the last two axes.
    step : float, default 1.0
        Greater than 0.
    weight : float, default 1.0
        w >= 0.

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
    U = L max(S - step w, 0) R' with X = L S R'.
    Cost: a singular value decomposition. See [1]_.

    References
    ----------
    .. [1] A. S. Lewis, "The convex analysis of unitarily invariant matrix functions",
       J. Convex Anal. 2 (1995).

    Examples
    --------
    >>> import kantor
    >>> round(float(kantor.prox.nuclear([[3.0, 0.0], [0.0, 1.0]])[0, 0]), 12)
    2.0
    """
    answer: np.ndarray = apply("nuclear", x, step=step, weight=weight)  # type: ignore[assignment]
    return answer


def spectral(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of the spectral norm, g(X) = w times the largest singular value.

    Parameters
    ----------
    x : array_like of shape (..., rows, columns)
        Matrices along the last two axes.
    step : float, default 1.0
        Greater than 0.
    weight : float, default 1.0
        w >= 0.

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
    The map of `linf`, applied to the singular values.
    Cost: a singular value decomposition. See [1]_.

    References
    ----------
    .. [1] A. S. Lewis, "The convex analysis of unitarily invariant matrix functions",
       J. Convex Anal. 2 (1995).

    Examples
    --------
    >>> import kantor
    >>> round(float(kantor.prox.spectral([[3.0, 0.0], [0.0, 1.0]])[0, 0]), 12)
    2.0
    """
    answer: np.ndarray = apply("spectral", x, step=step, weight=weight)  # type: ignore[assignment]
    return answer


def nuclear_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on matrices whose singular values have at most the sum r.

    Parameters
    ----------
    x : array_like of shape (..., rows, columns)
        Matrices along the last two axes.
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
    The projection `l1_ball` of the singular values.
    Cost: a singular value decomposition. See [1]_.

    References
    ----------
    .. [1] A. S. Lewis, "The convex analysis of unitarily invariant matrix functions",
       J. Convex Anal. 2 (1995).

    Examples
    --------
    >>> import kantor
    >>> round(float(kantor.prox.nuclear_ball([[3.0, 0.0], [0.0, 1.0]])[0, 0]), 12)
    1.0
    """
    answer: np.ndarray = apply("nuclear_ball", x, radius=radius)  # type: ignore[assignment]
    return answer


def spectral_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on matrices with no singular value beyond r.

    Parameters
    ----------
    x : array_like of shape (..., rows, columns)
        Matrices along the last two axes.
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
    The projection `linf_ball` of the singular values.
    Cost: a singular value decomposition. See [1]_.

    References
    ----------
    .. [1] A. S. Lewis, "The convex analysis of unitarily invariant matrix functions",
       J. Convex Anal. 2 (1995).

    Examples
    --------
    >>> import kantor
    >>> round(float(kantor.prox.spectral_ball([[3.0, 0.0], [0.0, 0.5]])[0, 0]), 12)
    1.0
    """
    answer: np.ndarray = apply("spectral_ball", x, radius=radius)  # type: ignore[assignment]
    return answer
