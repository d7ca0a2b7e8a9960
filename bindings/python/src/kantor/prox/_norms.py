"""Proximal maps of norms, and projections on their balls."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._call import mapped
from ._documentation import documented


@documented("parikh2014proximal")
def l2(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of the Euclidean norm, g(x) = w |x|.

    Parameters
    ----------
    weight : float, default 1.0
        w >= 0.

    Notes
    -----
    u = max(1 - step w/|x|, 0) x.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.l2([3.0, 4.0])
    array([2.4, 3.2])
    """
    return mapped("l2", x, step=step, weight=weight)


@documented("parikh2014proximal")
def linf(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of the largest size, g(x) = w max |x|.

    Parameters
    ----------
    weight : float, default 1.0
        w >= 0.

    Notes
    -----
    u = x - P(x), P the projection on the l1 ball of radius step w.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.linf([3.0, 1.0, -2.5])
    array([ 2.25,  1.  , -2.25])
    """
    return mapped("linf", x, step=step, weight=weight)


@documented("combettes2011proximal")
def group_l2(x: Any, sizes: Any, step: float = 1.0, weight: Any = 1.0) -> np.ndarray:
    """Proximal map of a sum of Euclidean norms of groups, g(x) = sum w_g |x_g|.

    Parameters
    ----------
    sizes : int or array_like of shape (groups,)
        Places of each group; groups follow one another. A number: all alike.
    weight : float or array_like of shape (groups,), default 1.0
        w >= 0.

    Notes
    -----
    u_g = max(1 - step w_g/|x_g|, 0) x_g.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.group_l2([3.0, 4.0, 0.5], sizes=[2, 1])
    array([2.4, 3.2, 0. ])
    """
    return mapped("group_l2", x, sizes=sizes, step=step, weight=weight)


@documented("condat2016fast")
def l1_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { sum |x| <= r }.

    Parameters
    ----------
    radius : float, default 1.0
        r > 0.

    Notes
    -----
    u = sign(x) max(|x| - tau, 0), tau by filtering.
    Cost: O(n) in practice.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.l1_ball([3.0, -1.0])
    array([1., 0.])
    """
    return mapped("l1_ball", x, radius=radius)


@documented("parikh2014proximal")
def l2_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { |x| <= r }.

    Parameters
    ----------
    radius : float, default 1.0
        r > 0.

    Notes
    -----
    u = x r/max(|x|, r).
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.l2_ball([3.0, 4.0])
    array([0.6, 0.8])
    """
    return mapped("l2_ball", x, radius=radius)


@documented("parikh2014proximal")
def linf_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on { max |x| <= r }.

    Parameters
    ----------
    radius : float, default 1.0
        r > 0.

    Notes
    -----
    u = min(max(x, -r), r).
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.linf_ball([3.0, -0.5])
    array([ 1. , -0.5])
    """
    return mapped("linf_ball", x, radius=radius)


@documented("bogdan2015slope")
def sorted_l1(x: Any, weights: Any = 1.0, step: float = 1.0) -> np.ndarray:
    """Proximal map of the sorted l1 norm (OWL, SLOPE), g(x) = sum w_k |x|_(k), sizes in falling
    order.

    Parameters
    ----------
    weights : float or array_like of shape (n,), default 1.0
        w_1 >= w_2 >= ... >= 0.

    Notes
    -----
    Sizes less step w, made falling by pooling of adjacent violators, and cut off at 0.
    Cost: O(n log n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.sorted_l1([3.0, -3.0, 0.5], [2.0, 1.0, 1.0])
    array([ 1.5, -1.5,  0. ])
    """
    return mapped("sorted_l1", x, weights=weights, step=step)


@documented("lewis1995convex", matrices=True)
def nuclear(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of the nuclear norm, g(X) = w times the sum of singular values.

    Parameters
    ----------
    weight : float, default 1.0
        w >= 0.

    Notes
    -----
    U = L max(S - step w, 0) R' with X = L S R'.
    Cost: a singular value decomposition.

    Examples
    --------
    >>> import kantor
    >>> round(float(kantor.prox.nuclear([[3.0, 0.0], [0.0, 1.0]])[0, 0]), 12)
    2.0
    """
    return mapped("nuclear", x, step=step, weight=weight)


@documented("lewis1995convex", matrices=True)
def spectral(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of the spectral norm, g(X) = w times the largest singular value.

    Parameters
    ----------
    weight : float, default 1.0
        w >= 0.

    Notes
    -----
    The map of `linf`, applied to the singular values.
    Cost: a singular value decomposition.

    Examples
    --------
    >>> import kantor
    >>> round(float(kantor.prox.spectral([[3.0, 0.0], [0.0, 1.0]])[0, 0]), 12)
    2.0
    """
    return mapped("spectral", x, step=step, weight=weight)


@documented("lewis1995convex", matrices=True)
def nuclear_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on matrices whose singular values have at most the sum r.

    Parameters
    ----------
    radius : float, default 1.0
        r > 0.

    Notes
    -----
    The projection `l1_ball` of the singular values.
    Cost: a singular value decomposition.

    Examples
    --------
    >>> import kantor
    >>> round(float(kantor.prox.nuclear_ball([[3.0, 0.0], [0.0, 1.0]])[0, 0]), 12)
    1.0
    """
    return mapped("nuclear_ball", x, radius=radius)


@documented("lewis1995convex", matrices=True)
def spectral_ball(x: Any, radius: float = 1.0) -> np.ndarray:
    """Project on matrices with no singular value beyond r.

    Parameters
    ----------
    radius : float, default 1.0
        r > 0.

    Notes
    -----
    The projection `linf_ball` of the singular values.
    Cost: a singular value decomposition.

    Examples
    --------
    >>> import kantor
    >>> round(float(kantor.prox.spectral_ball([[3.0, 0.0], [0.0, 0.5]])[0, 0]), 12)
    1.0
    """
    return mapped("spectral_ball", x, radius=radius)
