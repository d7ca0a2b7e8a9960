"""Maps between point clouds: how far a map is from moving mass at least cost.

    from kantor.ot import monge

    gap = monge.monge_gap(X, TX)                         # 0 for optimal maps
    out = monge.monge_gap(X, TX, epsilon=0.1, full=True)
    out.gradient                                         # d gap / d TX

    fitted = monge.fit_map(X, Y)                         # an affine or radial map
    fitted.transform(X_new)

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
from ._inputs import float_type, read_points, warn_unsolved

__all__ = ["FittedMap", "MongeGap", "fit_map", "monge_gap"]


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


class FittedMap:
    r"""A map between two clouds; `fit_map` gives it.

    .. math:: T(x) = A x + b + \sum_k w_k \exp(-|x - c_k|^2 / (2 r^2))

    Parameters
    ----------
    result : kantor.Result
        Status, certificate, and the fields of the method.
    kind : numpy.dtype
        Precision of what `transform` gives.

    Attributes
    ----------
    matrix : numpy.ndarray, shape (d, d)
        A.
    offset : numpy.ndarray, shape (d,)
        b.
    centres, weights : numpy.ndarray, shape (k, d)
        The :math:`c_k` and :math:`w_k`; k = 0 for affine maps.
    width : float
        r; NaN for affine maps.
    mapped : numpy.ndarray, shape (n, d)
        The images of the points it was fitted to.
    result : kantor.Result
        ``result.status``, ``result.fitting_loss``, ``result.monge_gap``,
        ``result.gradient_residual`` and more.
    """

    def __init__(self, result: Result, kind: np.dtype) -> None:
        self.result = result
        self._kind = kind
        self.matrix: np.ndarray = np.array(result["matrix"])
        self.offset: np.ndarray = np.array(result["offset"])
        isradial = "centres" in result
        none = np.zeros((0, self.offset.size))
        self.centres: np.ndarray = np.array(result["centres"]) if isradial else none
        self.weights: np.ndarray = np.array(result["radial_weights"]) if isradial else none
        self.width: float = result["width"] if isradial else float("nan")
        self.mapped: np.ndarray = result["mapped"].astype(kind)

    def transform(self, X: Any) -> np.ndarray:
        """Map points.

        Parameters
        ----------
        X : array_like, shape (q, d) or (q,)
            Points; those of one dimension may have rank 1.

        Returns
        -------
        numpy.ndarray
            Their images, of the same shape.

        Raises
        ------
        kantor.KantorError
            Points of another dimension.
        """
        given = as_numbers(X, "X")
        points = read_points(given, "X").astype(np.float64)
        if points.shape[1] != self.offset.size:
            raise error(
                _abi.E_SHAPE, f"X has the shape {given.shape}; the map was fitted to points of "
                f"dimension {self.offset.size}")
        images = points @ self.matrix.T + self.offset
        for centre, weight in zip(self.centres, self.weights):
            square = ((points - centre) ** 2).sum(axis=1)
            images += np.exp(-0.5 * square / self.width**2)[:, None] * weight
        return images.reshape(given.shape).astype(self._kind)

    def __repr__(self) -> str:
        family = f"radial, {len(self.centres)} centres" if len(self.centres) else "affine"
        return f"<{family} map of dimension {self.offset.size}, {self.result.message}>"


def fit_map(
    X: Any,
    Y: Any,
    a: Optional[Any] = None,
    b: Optional[Any] = None,
    *,
    family: str = "affine",
    centres: Optional[Any] = None,
    width: Optional[float] = None,
    metric: str = "sqeuclidean",
    p: Optional[float] = None,
    gap_weight: float = 1.0,
    ridge: float = 1e-3,
    epsilon: float = 0.0,
    gap_epsilon: float = 0.0,
    tol: float = 1e-6,
    max_iter: int = 500,
    threads: int = 1,
) -> FittedMap:
    r"""Fit a map that takes one cloud to another at little cost.

    .. math:: \min_T S_\varepsilon(T(x), y) + \lambda M(x, T(x)) + \rho\,\mathrm{mean}|w_k|^2

    with the Sinkhorn divergence S under squared distances and the debiased Monge gap M.

    Parameters
    ----------
    X : array_like, shape (n, d) or (n,)
        Points to be mapped.
    Y : array_like, shape (m, d) or (m,)
        Where the images should lie, as a cloud.
    a, b : array_like, shape (n,) and (m,), optional
        Weights, scaled to sum 1; uniform if None.
    family : {"affine", "radial"}
        ``A x + b``, or that with Gaussian functions around centres.
    centres : int or array_like, shape (k, d), optional
        Radial maps: the centres, or how many to choose among `X`; 16 if None.
    width : float, optional
        Radial maps: width of the functions; the median distance of neighbours among the
        centres if None.
    metric : {"sqeuclidean", "euclidean", "l1", "power", "cosine"}
        Cost of the Monge gap.
    p : float, optional
        Exponent of the metric ``"power"``; 2 if None.
    gap_weight : float
        :math:`\lambda`, weight of the Monge gap.
    ridge : float
        :math:`\rho`, weight of the mean square of the radial weights.
    epsilon, gap_epsilon : float
        Strengths of the entropy in S and M; 0 for 0.05 times the mean cost within `Y`.
    tol : float
        Largest derivative for a parameter relative to the size of its terms.
    max_iter : int
        Quasi-Newton steps.
    threads : int
        Threads to use.

    Returns
    -------
    FittedMap
        The map, with ``transform`` for new points.

    Raises
    ------
    kantor.KantorError
        Shapes that differ, values that are not finite, centres or a width for an affine map.

    Warns
    -----
    UserWarning
        If the loss is not stationary to `tol`.

    Notes
    -----
    The loss is not convex: the answer is a stationary point, found from the identity moved to the
    mean of `Y`. After T. Uscidda, M. Cuturi, "The Monge gap: a regularizer to learn all transport
    maps" (2023), section 5, with maps that are linear in their parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from kantor.ot import monge
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> fitted = monge.fit_map(X, X * [2.0, 0.5] + [1.0, 0.0])
    >>> fitted.result.status, bool(abs(fitted.matrix - np.diag([2.0, 0.5])).max() < 0.05)
    ('solved', True)
    """
    points, targets = read_points(X, "X"), read_points(Y, "Y")
    fields = {"centre_count" if np.ndim(centres) == 0 else "centres": centres}
    problem = Problem(
        "map_fit", points_source=points, points_target=targets, weights_source=a,
        weights_target=b, metric=metric, power=p, family=family, width=width, **fields)
    result = solve(
        problem, "fit_map", gap_weight=gap_weight, ridge=ridge, epsilon=epsilon,
        gap_epsilon=gap_epsilon, tolerance=tol, max_iterations=max_iter, threads=threads)
    warn_unsolved(result, "a larger tol, max_iter or epsilon may help")
    return FittedMap(result, float_type(X, Y))
