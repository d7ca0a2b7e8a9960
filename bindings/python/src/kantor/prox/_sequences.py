"""Maps of the simplex with entropies, and of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._call import apply


def simplex_entropy(
    x: Any, step: float = 1.0, weight: float = 1.0, radius: float = 1.0,
) -> np.ndarray:
    """Proximal map of g(x) = w sum x log x on { x >= 0, sum x = r }.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    step : float, default 1.0
        Greater than 0.
    weight : float, default 1.0
        w > 0.
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
    u = c omega((x - lambda)/c - log c), c = step w, omega + log omega = z; lambda by Newton's
    method.
    Cost: O(n) for each of some ten steps. See [1]_.

    References
    ----------
    .. [1] P. L. Combettes, J.-C. Pesquet, "Proximal splitting methods in signal processing",
       Springer (2011).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.simplex_entropy([0.0, 0.0])
    array([0.5, 0.5])
    """
    answer: np.ndarray = apply(  # type: ignore[assignment]
        "simplex_entropy", x,
        step=step, weight=weight, radius=radius,
    )
    return answer


def mirror_simplex(x: Any, step: float = 1.0, center: Any = 1.0, radius: float = 1.0) -> np.ndarray:
    """Entropic mirror step on { u >= 0, sum u = r }: the u that maximises x'u - KL(u|q)/step.

    Parameters
    ----------
    x : array_like of shape (..., n)
        Points along the last axis.
    step : float, default 1.0
        Greater than 0.
    center : float or array_like of shape (n,), default 1.0
        q > 0.
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
    u = r q exp(step x) / sum q exp(step x).
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] A. Beck, M. Teboulle, "Mirror descent and nonlinear projected subgradient methods for
       convex optimization", Oper. Res. Lett. 31 (2003).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.mirror_simplex([0.0, 0.0], center=[3.0, 1.0])
    array([0.75, 0.25])
    """
    answer: np.ndarray = apply(  # type: ignore[assignment]
        "mirror_simplex", x,
        step=step, center=center, radius=radius,
    )
    return answer


def total_variation(x: Any, step: float = 1.0, weight: float = 1.0) -> np.ndarray:
    """Proximal map of total variation in one dimension, g(x) = w sum |x_{i+1} - x_i|.

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
    Exact, by dynamic programming over places.
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] N. A. Johnson, "A dynamic programming algorithm for the fused lasso and
       L0-segmentation", J. Comput. Graph. Stat. 22 (2013).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.total_variation([0.0, 0.0, 10.0, 10.0])
    array([0.5, 0.5, 9.5, 9.5])
    """
    answer: np.ndarray = apply(  # type: ignore[assignment]
        "total_variation", x,
        step=step, weight=weight,
    )
    return answer


def isotonic(x: Any) -> np.ndarray:
    """Project on { x_1 <= x_2 <= ... <= x_n }.

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
    Means of pooled adjacent violators.
    Cost: O(n). See [1]_.

    References
    ----------
    .. [1] M. J. Best, N. Chakravarti, "Active set algorithms for isotonic regression; a unifying
       framework", Math. Program. 47 (1990).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.isotonic([3.0, 1.0, 2.0, 5.0])
    array([2., 2., 2., 5.])
    """
    answer: np.ndarray = apply("isotonic", x)  # type: ignore[assignment]
    return answer
