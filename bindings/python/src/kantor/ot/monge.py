"""Maps between point clouds: how far a map is from moving mass at least cost.

    from kantor.ot import monge

    gap = monge.monge_gap(X, TX)                         # 0 for optimal maps
    out = monge.monge_gap(X, TX, epsilon=0.1, full=True)
    out.gradient                                         # d gap / d TX

float32 in gives float32 out; the computation is in float64.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple, Union

import numpy as np

from .. import _abi
from .._arrays import as_numbers, as_vector
from .._errors import error
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._inputs import float_type, warn_unsolved

__all__ = ["MongeGap", "monge_gap"]


class MongeGap:
    """A Monge gap with what is known of it; `monge_gap` gives it with ``full=True``.

    Parameters
    ----------
    result : kantor.Result
        Status, certificate, and the fields of the method.
    kind : numpy.dtype
        Precision of the gradients.

    Attributes
    ----------
    value : float
        The gap.
    bounds : tuple of float
        Proved bounds of it.
    result : kantor.Result
        ``result.status``, ``result.pairing_cost``, ``result.transport_value`` and more.
    """

    def __init__(self, result: Result, kind: np.dtype) -> None:
        self.result = result
        self._kind = kind
        self.value: float = result["objective"]
        self.bounds: Tuple[float, float] = (result["lower_bound"], result["upper_bound"])

    def _pull(self, field: str) -> np.ndarray:
        return self.result.vjp({"objective": 1.0}, [field])[field].astype(self._kind)

    @property
    def gradient(self) -> np.ndarray:
        """Derivative with respect to the images, of their shape."""
        return self._pull("images")

    @property
    def gradient_points(self) -> np.ndarray:
        """Derivative with respect to the points where the images are held, of their shape."""
        return self._pull("points")

    @property
    def gradient_weights(self) -> np.ndarray:
        """Derivative with respect to the weights, shape (n,)."""
        return self._pull("weights")

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        return f"<Monge gap {self.value:.6g}, {self.result.message}>"


def monge_gap(
    X: Any,
    TX: Any,
    weights: Optional[Any] = None,
    *,
    metric: str = "sqeuclidean",
    p: Optional[float] = None,
    epsilon: float = 0.0,
    form: str = "shannon",
    tol: float = 1e-9,
    max_iter: int = 10000,
    threads: int = 1,
    full: bool = False,
) -> Union[float, MongeGap]:
    r"""Monge gap of a map given by samples.

    .. math:: M = \sum_i a_i\, c(x_i, T(x_i)) - W_\varepsilon(x, T(x))

    Parameters
    ----------
    X : array_like, shape (n, d) or (n,)
        Points.
    TX : array_like, shape (n, d) or (n,)
        Where the map takes them.
    weights : array_like, shape (n,), optional
        Masses of the points; uniform with total 1 if None.
    metric : {"sqeuclidean", "euclidean", "l1", "power", "cosine"}
        Cost c of taking a point to another.
    p : float, optional
        Exponent of the metric ``"power"``, :math:`|x - y|^p`; 2 if None.
    epsilon : float, default 0
        Strength of the entropy in W, in units of the cost; 0 for exact transport, where the gap
        is 0 just for maps that no reordering of their images improves.
    form : {"shannon", "kl", "debiased"}
        What W is for ``epsilon > 0``: transport with ``+ epsilon sum P log P`` as in the paper
        (the gap is then at least epsilon times the entropy of the weights), with ``+ epsilon
        KL(P | a a')``, or the Sinkhorn divergence.
    tol : float
        L1 error of the marginals of entropic plans, relative to the mass.
    max_iter : int
        Passes over the pairs, for ``epsilon > 0``.
    threads : int
        Threads to use.
    full : bool
        Return an object with gradients and bounds instead of the number.

    Returns
    -------
    float or MongeGap
        The gap.

    Raises
    ------
    kantor.KantorError
        Shapes that differ, values that are not finite, negative weights, an unknown metric.

    Notes
    -----
    T. Uscidda, M. Cuturi, "The Monge gap: a regularizer to learn all transport maps" (2023).

    Examples
    --------
    >>> from kantor.ot import monge
    >>> monge.monge_gap([[0.0], [1.0]], [[5.0], [8.0]])
    0.0
    >>> monge.monge_gap([[0.0], [1.0]], [[1.0], [0.0]])
    1.0
    """
    points, images = as_numbers(X, "X"), as_numbers(TX, "TX")
    if points.shape != images.shape or points.ndim not in (1, 2):
        raise error(
            _abi.E_SHAPE, f"X has the shape {points.shape}, TX {images.shape}; both must be (n, d)")
    problem = Problem(
        "map", points=points, images=images, metric=metric, power=p,
        weights=None if weights is None else as_vector(weights, "weights"))
    options = {} if epsilon == 0 else {"form": form}
    result = solve(
        problem, "monge_gap", epsilon=epsilon, tolerance=tol, max_iterations=max_iter,
        threads=threads, **options)
    warn_unsolved(result, "a larger epsilon or max_iter may help")
    out = MongeGap(result, float_type(TX, X))
    return out if full else out.value
