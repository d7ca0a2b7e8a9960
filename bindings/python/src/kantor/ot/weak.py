"""Weak transport: only the means of what each source sends matter."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _abi
from .._errors import error
from ._entropic import Weights
from ._inputs import float_type, read_points
from .optim import cg, exact_search

__all__ = ["weak_optimal_transport"]


def weak_optimal_transport(
    Xa: Any,
    Xb: Any,
    a: Any = None,
    b: Any = None,
    verbose: bool = False,
    log: bool = False,
    G0: Any = None,
    **kwargs: Any,
) -> Any:
    r"""Plan whose barycentric map moves the sources least.

    .. math::
        \min_P \sum_i a_i \Bigl\| x_i - \frac1{a_i} \sum_j P_{ij} y_j \Bigr\|^2
        \quad\text{subject to}\quad P \ge 0,\ P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    Xa : array_like, shape (n, d)
        The sources.
    Xb : array_like, shape (m, d)
        The targets.
    a, b : array_like, optional
        Weights; uniform if None.
    verbose : bool
        Print the course.
    log : bool
        Return a dictionary as well.
    G0 : array_like, shape (n, m), optional
        Plan to start from; the product of the weights if None.
    **kwargs
        Other arguments of `kantor.ot.optim.cg`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``, as for `kantor.ot.optim.cg`: the problem is convex, and ``gap`` bounds
        how far the last of ``loss`` is from the optimum.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> plan, log = kantor.ot.weak_optimal_transport([[0.0]], [[-1.0], [1.0]], log=True)
    >>> plan, log["loss"][-1]
    (array([[0.5, 0.5]]), 0.0)
    """
    X, Y = read_points(Xa, "Xa").astype(float), read_points(Xb, "Xb").astype(float)
    if X.shape[1] != Y.shape[1]:
        raise error(
            _abi.E_SHAPE, f"Xa has the dimension {X.shape[1]}, Xb {Y.shape[1]}; they must agree")
    source, target = Weights.read(a, b, len(X), len(Y)).filled(len(X), len(Y))
    inverse = np.divide(1.0, source, out=np.zeros(len(X)), where=source > 0)[:, None]

    def away(G: np.ndarray) -> np.ndarray:
        return inverse * (G @ Y) - X

    kind = float_type(Xa, Xb)
    search = exact_search(lambda D: float((inverse * (D @ Y) ** 2).sum()), 1.0)
    plan, told = cg(
        source, target, np.zeros((len(X), len(Y))), 1.0,
        lambda G: source @ (away(G) ** 2).sum(axis=1), lambda G: 2 * away(G) @ Y.T, G0=G0,
        verbose=verbose, log=True, **{"line_search": search, **kwargs})
    plan = plan.astype(kind)
    return (plan, told) if log else plan
