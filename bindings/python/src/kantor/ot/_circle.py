"""Transport on the circle of length 1."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from .. import _abi
from .._errors import error
from ._inputs import balance, float_type, read_number
from ._line import read_columns, read_column_weights


def wasserstein_circle(
    u_values: Any, v_values: Any, u_weights: Any = None, v_weights: Any = None, p: float = 1,
    Lm: float = 10, Lp: float = 10, tm: float = -1, tp: float = 1, eps: float = 1e-6,
    require_sort: bool = True,
) -> np.ndarray:
    r"""Wasserstein cost on the circle, to the power p, for one or many pairs of samples.

    For p = 1 by the median of the difference of the distribution functions, in sorting time; else
    by bisection for the cut at which the cost, a convex function of it, is least.

    Parameters
    ----------
    u_values : array_like, shape (n,) or (n, k)
        Source samples, in turns: numbers that differ by whole ones are one point. Each column is a
        problem of its own.
    v_values : array_like, shape (m,) or (m, k)
        Target samples.
    u_weights, v_weights : array_like, shape of the values or (n,) and (m,), optional
        Weights, for all columns or for each; uniform if None.
    p : float
        Power of the distance, >= 1.
    Lm, Lp, tm, tp, eps
        Without effect: they belong to a search for the cut, and the answer here is exact.
    require_sort : bool
        Without effect: samples need not be sorted.

    Returns
    -------
    numpy.ndarray, shape (k,)
        The costs, one for samples without columns.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.wasserstein_circle([0.0, 0.5], [0.9, 0.5], p=2).round(6)
    array([0.005])
    """
    power = read_number(p, "p")
    if power < 1:
        raise error(_abi.E_RANGE, f"p is {power}; p >= 1 is needed")
    kind = float_type(u_values, v_values)
    u, v, _ = read_columns(u_values, v_values)
    weights_u = read_column_weights(u_weights, u.shape, "u_weights")
    weights_v = read_column_weights(v_weights, v.shape, "v_weights")
    costs = []
    for k in range(u.shape[1]):
        a, b = balance(
            None if weights_u is None else weights_u[k].astype(np.float64),
            None if weights_v is None else weights_v[k].astype(np.float64))
        x, y = (_turns(values[:, k]) for values in (u, v))
        costs.append(_first(x, y, a, b) if power == 1 else _other(x, y, a, b, power))
    return np.array(costs, dtype=kind)


def binary_search_circle(
    u_values: Any, v_values: Any, u_weights: Any = None, v_weights: Any = None, p: float = 1,
    Lm: float = 10, Lp: float = 10, tm: float = -1, tp: float = 1, eps: float = 1e-6,
    require_sort: bool = True, log: bool = False,
) -> np.ndarray:
    """Wasserstein cost on the circle: `wasserstein_circle` under another name.

    Parameters
    ----------
    u_values, v_values, u_weights, v_weights, p, Lm, Lp, tm, tp, eps, require_sort
        As for `wasserstein_circle`.
    log : bool
        Not offered: there is no search, and so no cut that it ends with.

    Returns
    -------
    numpy.ndarray, shape (k,)
        The costs.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    if log:
        raise error(_abi.E_UNSUPPORTED, "log is not offered; the cost is found without a search")
    return wasserstein_circle(u_values, v_values, u_weights, v_weights, p)


def semidiscrete_wasserstein2_unif_circle(u_values: Any, u_weights: Any = None) -> np.ndarray:
    r"""Squared Wasserstein cost from samples on the circle to the uniform law, in closed form.

    With F the distribution function of the samples it is the variance of F^{-1}(q) - q.

    Parameters
    ----------
    u_values : array_like, shape (n,) or (n, k)
        Samples, in turns; each column is a problem of its own.
    u_weights : array_like, shape of the values or (n,), optional
        Weights, scaled to sum 1; uniform if None.

    Returns
    -------
    numpy.ndarray, shape (k,)
        The costs.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.semidiscrete_wasserstein2_unif_circle([0.3]).round(6)
    array([0.083333])
    """
    u, _, _ = read_columns(u_values, u_values)
    weights = read_column_weights(u_weights, u.shape, "u_weights")
    costs = []
    for k in range(u.shape[1]):
        x = _turns(u[:, k])
        order = np.argsort(x, kind="stable")
        a = _shares(None if weights is None else weights[k].astype(np.float64), len(x))[order]
        ends = np.concatenate([[0.0], np.cumsum(a)])
        # With t = F^{-1}(q) - q: the mean and the mean square over each step of F.
        left, right = x[order] - ends[:-1], x[order] - ends[1:]
        mean = 0.5 * (left**2 - right**2).sum()
        costs.append((left**3 - right**3).sum() / 3 - mean**2)
    return np.maximum(np.array(costs), 0).astype(float_type(u_values))


def linear_circular_ot(
    u_values: Any, v_values: Any = None, u_weights: Any = None, v_weights: Any = None
) -> np.ndarray:
    r"""Squared distance of samples on the circle by their maps from the uniform law.

    With the map :math:`T(x) = F^{-1}(x - \mathrm{mean} + 1/2) - x` of each sample, the integral of
    the squared distance along the circle of T_u(x) from T_v(x): exact, where POT averages over a
    hundred places and takes the sample next to the quantile.

    Parameters
    ----------
    u_values : array_like, shape (n,) or (n, k)
        Source samples, in turns; each column is a problem of its own.
    v_values : array_like, shape (m,) or (m, k), optional
        Target samples; None for the uniform law, as for `semidiscrete_wasserstein2_unif_circle`.
    u_weights, v_weights : array_like, shape of the values or (n,) and (m,), optional
        Weights, scaled to sum 1; uniform if None.

    Returns
    -------
    numpy.ndarray, shape (k,)
        The squared distances.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.linear_circular_ot([0.1], [0.3]).round(6)
    array([0.04])
    """
    if v_values is None:
        return semidiscrete_wasserstein2_unif_circle(u_values, u_weights)
    u, v, _ = read_columns(u_values, v_values)
    weights_u = read_column_weights(u_weights, u.shape, "u_weights")
    weights_v = read_column_weights(v_weights, v.shape, "v_weights")
    costs = []
    for k in range(u.shape[1]):
        sides = [_quantiles(values[:, k], None if weights is None else weights[k])
                 for values, weights in ((u, weights_u), (v, weights_v))]
        # Both maps move as -x between the jumps, so that their difference is constant there.
        jumps = np.sort(np.concatenate([jumps for jumps, _ in sides]))
        lengths = np.diff(jumps, append=jumps[0] + 1.0)
        middles = jumps + lengths / 2
        apart = np.subtract(*(
            x[np.searchsorted(jumps, middles % 1.0) % len(x)] for jumps, x in sides)) % 1.0
        costs.append(float(lengths @ np.minimum(apart, 1 - apart) ** 2))
    return np.array(costs, dtype=float_type(u_values, v_values))


def _quantiles(values: np.ndarray, weights: Optional[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
    """Where the map from the uniform law leaves each sample, in rising order, and the samples."""
    x = _turns(values)
    order = np.argsort(x, kind="stable")
    x, shares = x[order], _shares(
        None if weights is None else weights.astype(np.float64), len(x))[order]
    jumps = (np.cumsum(shares) + shares @ x - 0.5) % 1.0
    order = np.argsort(jumps, kind="stable")
    return jumps[order], x[order]


def _turns(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise error(_abi.E_RANGE, "the samples have values that are not finite")
    return values.astype(np.float64) % 1.0


def _shares(weights: Optional[np.ndarray], count: int) -> np.ndarray:
    if weights is None:
        return np.full(count, 1 / count)
    if not ((weights >= 0).all() and np.isfinite(weights).all() and weights.sum() > 0):
        raise error(_abi.E_RANGE, "weights have entries that are no masses, or are all 0")
    return weights / weights.sum()


def _first(x: np.ndarray, y: np.ndarray, a: Any, b: Any) -> float:
    """The integral of |F - G - s| over the circle, least at the median s of F - G."""
    mass = 1.0 if a is None and b is None else float((b if a is None else a).sum())
    places = np.concatenate([x, y])
    order = np.argsort(places, kind="stable")
    steps = np.concatenate([_shares(a, len(x)), -_shares(b, len(y))])[order]
    places = places[order]
    lengths = np.diff(places, append=places[0] + 1.0)
    heights = np.cumsum(steps)
    rank = np.argsort(heights, kind="stable")
    half = np.searchsorted(np.cumsum(lengths[rank]), 0.5)
    median = heights[rank[min(half, len(rank) - 1)]]
    return mass * float((lengths * np.abs(heights - median)).sum())


def _other(x: np.ndarray, y: np.ndarray, a: Any, b: Any, power: float) -> float:
    """The integral of |F^-1(q) - G^-1(q + s)|^p over a turn, least over the cut s.

    It is convex in s and linear between the cuts at which two jumps meet, so that its slope alone
    leads to the least.
    """
    mass = 1.0 if a is None and b is None else float((b if a is None else a).sum())
    source, target = _Quantiles(x, _shares(a, len(x))), _Quantiles(y, _shares(b, len(y)))
    after = np.append(target.places[1:], target.places[0] + 1.0)

    def slope(cut: float) -> float:
        met = source.at(target.ends - cut)
        return float((np.abs(met - after) ** power - np.abs(met - target.places) ** power).sum())

    low, high = -1.0, 1.0
    below, above = slope(low), slope(high)
    # What is still to gain is at most the product; costs in turns are below 1.
    while (above - below) * (high - low) > 1e-24 and high - low > 1e-15:
        middle = 0.5 * (low + high)
        here = slope(middle)
        if here < 0:
            low, below = middle, here
        else:
            high, above = middle, here
    return mass * min(_cost_of_cut(source, target, cut, power) for cut in (low, high))


class _Quantiles:
    """The quantiles of samples on the circle, continued over all turns."""

    def __init__(self, places: np.ndarray, shares: np.ndarray) -> None:
        order = np.argsort(places, kind="stable")
        self.places = places[order]
        self.ends = np.cumsum(shares[order])
        # The last sample with mass ends the turn.
        self.ends[self.ends == self.ends[-1]] = 1.0

    def at(self, q: np.ndarray) -> np.ndarray:
        turns = np.floor(q)
        rank = np.searchsorted(self.ends, q - turns, side="right")
        beyond = rank == len(self.places)
        return self.places[np.where(beyond, 0, rank)] + turns + beyond


def _cost_of_cut(source: _Quantiles, target: _Quantiles, cut: float, power: float) -> float:
    ends = np.sort(np.concatenate([source.ends, (target.ends - cut) % 1.0]), kind="stable")
    lengths = np.diff(ends, prepend=0.0)
    middles = ends - 0.5 * lengths
    return float((lengths * np.abs(source.at(middles) - target.at(middles + cut)) ** power).sum())
