"""Proximal maps of functions of single numbers, and of quadratics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._call import mapped
from ._documentation import documented


@documented("parikh2014proximal")
def zero(x: Any, step: float = 1.0) -> np.ndarray:
    """Identity: the proximal map of g = 0.

    Notes
    -----
    u = x.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.zero([1.0, -2.0])
    array([ 1., -2.])
    """
    return mapped("zero", x, step=step)


@documented("parikh2014proximal")
def l1(x: Any, step: float = 1.0, weight: Any = 1.0) -> np.ndarray:
    """Soft thresholding: the proximal map of g(x) = sum w |x|.

    Parameters
    ----------
    weight : float or array_like of shape (n,), default 1.0
        w >= 0.

    Notes
    -----
    u = sign(x) max(|x| - step w, 0).
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.l1([3.0, -0.5, -2.0])
    array([ 2.,  0., -1.])
    """
    return mapped("l1", x, step=step, weight=weight)


@documented("combettes2011proximal")
def huber(x: Any, step: float = 1.0, weight: Any = 1.0, delta: float = 1.0) -> np.ndarray:
    """Proximal map of Huber's function, g(x) = sum w h(x).

    Parameters
    ----------
    weight : float or array_like of shape (n,), default 1.0
        w >= 0.
    delta : float, default 1.0
        Where squares end, > 0.

    Notes
    -----
    h(x) = x^2/2 for |x| <= delta, delta (|x| - delta/2) beyond.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.huber([3.0, 0.5])
    array([2.  , 0.25])
    """
    return mapped("huber", x, step=step, weight=weight, delta=delta)


@documented("combettes2011proximal")
def logistic(x: Any, step: float = 1.0, weight: Any = 1.0, labels: Any = 1.0) -> np.ndarray:
    """Proximal map of the logistic loss, g(x) = sum w log(1 + exp(-b x)).

    Parameters
    ----------
    weight : float or array_like of shape (n,), default 1.0
        w >= 0.
    labels : float or array_like of shape (n,), default 1.0
        b, 1 or -1.

    Notes
    -----
    u = x + step w b/(1 + exp(b u)), by Newton's method in a bracket.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.logistic([-0.5], step=1.0).round(4)
    array([0.])
    """
    return mapped("logistic", x, step=step, weight=weight, labels=labels)


@documented("combettes2011proximal")
def kullback_leibler(x: Any, step: float = 1.0, target: Any = 1.0, weight: Any = 1.0) -> np.ndarray:
    """Proximal map of g(x) = sum w (x - b + b log(b/x)), x >= 0: counts b with means x.

    Parameters
    ----------
    target : float or array_like of shape (n,), default 1.0
        b >= 0.
    weight : float or array_like of shape (n,), default 1.0
        w >= 0.

    Notes
    -----
    u = (z + sqrt(z^2 + 4 step w b))/2, z = x - step w.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.kullback_leibler([1.0, 3.0])
    array([1.        , 2.41421356])
    """
    return mapped("kullback_leibler", x, step=step, target=target, weight=weight)


@documented("combettes2011proximal")
def relative_entropy(x: Any, step: float = 1.0, target: Any = 1.0, weight: Any = 1.0) -> np.ndarray:
    """Proximal map of g(x) = sum w (x log(x/q) - x + q), x >= 0.

    Parameters
    ----------
    target : float or array_like of shape (n,), default 1.0
        q > 0.
    weight : float or array_like of shape (n,), default 1.0
        w >= 0.

    Notes
    -----
    u = c omega(x/c + log(q/c)), c = step w, omega Wright's function: omega + log omega = z.
    Cost: O(n).

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.relative_entropy([1.0])
    array([1.])
    """
    return mapped("relative_entropy", x, step=step, target=target, weight=weight)


@documented("parikh2014proximal")
def quadratic(x: Any, step: float = 1.0, matrix: Any = 1.0, linear: Any = 0.0) -> np.ndarray:
    """Proximal map of g(x) = x'Qx/2 + c'x.

    Parameters
    ----------
    matrix : float, array_like of shape (n,) or (n, n), default 1.0
        Q, positive semidefinite, or its diagonal.
    linear : float or array_like of shape (n,), default 0.0
        c.

    Notes
    -----
    u = (I + step Q)^-1 (x - step c).
    Cost: O(n^3) once for a full Q and O(n^2) for each point, O(n) for a diagonal.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.quadratic([2.0, 2.0], matrix=[[1.0, 0.0], [0.0, 3.0]])
    array([1. , 0.5])
    """
    return mapped("quadratic", x, step=step, matrix=matrix, linear=linear)
