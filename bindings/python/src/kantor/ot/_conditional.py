"""Conditional gradients over transport plans: what ``ot.optim`` is made of."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from ._entropic import Weights
from ._inputs import is_empty, read_count, read_number, read_positive, read_threshold

#: Steps below this share of the first one change nothing that double precision shows.
_LEAST_STEP = 1e-14


class Objective:
    """``<P, M> + reg f(P) + entropy``; what the caller's functions return is looked at.

    Parameters
    ----------
    M : numpy.ndarray, shape (n, m)
        Costs.
    reg : float
        Factor of `f`.
    f, df : callable
        A function of the plan and its gradient.
    entropy : float
        Strength of the entropy, 0 for none.

    Attributes
    ----------
    inner : numpy.ndarray
        The gradient of `f` where `slope` was asked last.
    """

    def __init__(
        self, M: np.ndarray, reg: float, f: Callable, df: Callable, entropy: float
    ) -> None:
        self._M, self._reg, self._f, self._df, self._entropy = M, reg, f, df, entropy
        self.inner = M

    def __call__(self, G: np.ndarray) -> float:
        own = self._f(G)
        if np.size(own) != 1:
            raise error(
                _abi.E_SHAPE, f"f returned the shape {np.shape(own)}; one number is needed")
        total = np.vdot(self._M, G) + self._reg * float(np.reshape(own, ()))
        return float(total + self._entropy * negative_entropy(G)) if self._entropy else float(total)

    def slope(self, G: np.ndarray, known: Optional[np.ndarray]) -> np.ndarray:
        """Give the gradient without the entropy.

        Parameters
        ----------
        G : numpy.ndarray, shape (n, m)
            The plan.
        known : numpy.ndarray, optional
            The gradient of `f` there, if somebody has it.

        Returns
        -------
        numpy.ndarray, shape (n, m)
            The gradient.
        """
        own = np.asarray(self._df(G) if known is None else known, dtype=float)
        if own.shape not in (G.shape, ()):
            raise error(
                _abi.E_SHAPE, f"df returned the shape {own.shape}; {G.shape}, that of the plan, is "
                "needed")
        if not np.isfinite(own).all():
            raise error(_abi.E_RANGE, "df returned a value that is not finite")
        self.inner = own
        return self._M + self._reg * own


def negative_entropy(G: np.ndarray) -> float:
    """Sum ``P log P`` over the entries of a plan.

    Parameters
    ----------
    G : numpy.ndarray, shape (n, m)
        The plan.

    Returns
    -------
    float
        The sum.
    """
    positive = G[G > 0]
    return float(positive @ np.log(positive))


def read_problem(a: Any, b: Any, M: Any, G0: Any) -> Tuple[np.ndarray, ...]:
    """Read weights, costs and a plan to start from.

    Parameters
    ----------
    a, b : array_like
        Weights; uniform if empty or None.
    M : array_like or float
        Costs, or one number for all pairs.
    G0 : array_like, optional
        The plan; the product of the weights if None.

    Returns
    -------
    a, b, M, G : numpy.ndarray
        As float64.
    """
    if np.ndim(M) == 0:
        if is_empty(a) or is_empty(b):
            raise error(_abi.E_MISSING, "a and b are needed where M is one number for all pairs")
        M = np.full((len(a), len(b)), read_number(M, "M"))
    M = as_matrix(M, "M").astype(float)
    left, right = Weights.read(a, b, *M.shape).filled(*M.shape)
    G = np.outer(left, right) / left.sum() if is_empty(G0) else as_matrix(G0, "G0").astype(float)
    if G.shape != M.shape:
        raise error(_abi.E_SHAPE, f"G0 has the shape {G.shape}; {M.shape}, that of M, is needed")
    return left, right, M, G


def descend(
    objective: Objective, G: np.ndarray, step: Callable[..., Tuple], kind: np.dtype, limit: Any,
    relative: Any, absolute: Any, verbose: bool, log: bool,
) -> Any:
    """Take steps until the objective does not change; bound it from below as they go.

    Parameters
    ----------
    objective : Objective
        What is to fall.
    G : numpy.ndarray, shape (n, m)
        Where to start.
    step : callable
        ``step(plan, value, gradient)`` returns the next plan, its value, the gradient of the
        function there or None, what the linear problem promised (<= 0), and its dictionary.
    kind : numpy.dtype
        Precision of the answer.
    limit : int
        Largest number of steps.
    relative, absolute : float
        Changes of the value to stop at.
    verbose : bool
        Print the course.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With `log`: ``loss``, ``gap`` and the last dictionary.
    """
    relative = read_threshold(relative, "stopThr", 0.0)
    absolute = read_threshold(absolute, "stopThr2", 0.0)
    value = objective(G)
    losses: List[float] = [value]
    bound, known, told = -np.inf, None, {}
    for number in range(1, read_count(limit, "numItermax") + 1):
        last = value
        G, value, known, fall, told = step(G, last, objective.slope(G, known))
        bound = max(bound, last + fall)
        losses.append(float(value))
        change = abs(value - last)
        if verbose:
            print(f"{number:5d} | objective {value:.9e} | change {change:.3e} | "
                  f"gap {value - bound:.3e}")
        if change < absolute or change < relative * abs(value) or change == 0:
            break
    plan = G.astype(kind)
    if not log:
        return plan
    return plan, {**told, "loss": losses, "gap": max(0.0, float(losses[-1] - bound))}


def armijo(
    phi: Callable[[float], Any], start: Any, slope: Any, c1: float = 1e-4, alpha0: float = 0.99,
    alpha_min: float = 0.0, alpha_max: Optional[float] = None, close: float = 0.0,
) -> Tuple[float, int, Any]:
    """Shorten a step to the lowest point of a parabola until the function falls enough.

    Parameters
    ----------
    phi : callable
        The function of the step.
    start, slope : float
        Its value and its slope at 0.
    c1, alpha0, alpha_min, alpha_max
        As for `kantor.ot.optim.line_search_armijo`.
    close : float
        A step that is enough, but whose parabola is lowest before this share of it, is shortened
        once more: worth it where directions are dear.

    Returns
    -------
    step : float
        The step, 0 if none is enough.
    count : int
        Number of evaluations.
    value : float
        The function at the step.
    """
    most = np.inf if alpha_max is None else float(alpha_max)
    first = step = min(read_positive(alpha0, "alpha0"), most)
    count, slope = 0, float(slope)
    while slope < 0 and step > max(alpha_min, _LEAST_STEP * first):
        value = phi(step)
        count += 1
        bend = float(value - start - step * slope) / step**2
        lowest = -slope / (2 * bend) if 0 < bend < np.inf else step if bend <= 0 else 0.0
        if value <= start + c1 * step * slope:
            if alpha_min < lowest < close * step:
                better = phi(lowest)
                count += 1
                if better < value:
                    return lowest, count, better
            return step, count, value
        step = min(max(lowest, 0.01 * step), 0.5 * step)
    return 0.0, count, start
