"""Maps of the simplex with entropies, and of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._call import mapped
from ._documentation import documented


@documented("combettes2011proximal")
def simplex_entropy(
    x: Any, step: float = 1.0, weight: float = 1.0, radius: float = 1.0,
) -> np.ndarray:
    """Proximal map of g(x) = w sum x log x on { x >= 0, sum x = r }.

    Parameters
    ----------
    weight : float, default 1.0
        w > 0.
    radius : float, default 1.0
        r > 0.

    Notes
    -----
    u = c omega((x - lambda)/c - log c), c = step w, omega + log omega = z; lambda by Newton's
    method.
    Cost: O(n) for each of some ten steps.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.simplex_entropy([0.0, 0.0])
    array([0.5, 0.5])
    """
    return mapped("simplex_entropy", x, step=step, weight=weight, radius=radius)


@documented("beck2003mirror")
def mirror_simplex(x: Any, step: float = 1.0, center: Any = 1.0, radius: float = 1.0) -> np.ndarray:
    """Entropic mirror step on { u >= 0, sum u = r }: the u that maximises x'u - KL(u|q)/step.

    Parameters
    ----------
    center : float or array_like of shape (n,), default 1.0
        q > 0.
    radius : float, default 1.0
        r > 0.

    Notes
    -----
    u = r q exp(step x) / sum q exp(step x).
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.mirror_simplex([0.0, 0.0], center=[3.0, 1.0])
    array([0.75, 0.25])
    """
    return mapped("mirror_simplex", x, step=step, center=center, radius=radius)


@documented("johnson2013dynamic")
def total_variation(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of total variation in one dimension, g(x) = w sum |x_{i+1} - x_i|.

    Parameters
    ----------
    weight : float, default 1.0
        w >= 0.

    Notes
    -----
    Exact, by dynamic programming over places.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.total_variation([0.0, 0.0, 10.0, 10.0])
    array([0.5, 0.5, 9.5, 9.5])
    """
    return mapped("total_variation", x, step=step, weight=weight)


@documented("best1990active")
def isotonic(x: Any) -> np.ndarray:
    """Project on { x_1 <= x_2 <= ... <= x_n }.

    Notes
    -----
    Means of pooled adjacent violators.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.isotonic([3.0, 1.0, 2.0, 5.0])
    array([2., 2., 2., 5.])
    """
    return mapped("isotonic", x)
