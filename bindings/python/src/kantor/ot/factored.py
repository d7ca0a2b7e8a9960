"""Plans that pass through a few points: ``factored_optimal_transport``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _abi
from .._errors import error
from ._entropic import Weights
from ._exact import emd
from ._inputs import float_type, read_count, read_number, read_points, read_threshold
from ._outcome import LazyPlan
from ._sinkhorn import sinkhorn
from ._tools import dist

__all__ = ["factored_optimal_transport"]


def factored_optimal_transport(
    Xa: Any,
    Xb: Any,
    a: Any = None,
    b: Any = None,
    reg: float = 0.0,
    r: int = 100,
    X0: Any = None,
    stopThr: float = 1e-7,
    numItermax: int = 100,
    verbose: bool = False,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    r"""Plans from the sources to a few equal points and from those to the targets.

    .. math::
        \min_{z, P, Q} \sum_{ik} P_{ik} \|x_i - z_k\|^2 + \sum_{kj} Q_{kj} \|z_k - y_j\|^2

    over points z of weight 1/r and plans P of the weights a and 1/r, Q of 1/r and b. The plan
    ``r P Q`` between sources and targets has rank r at most.

    Parameters
    ----------
    Xa : array_like, shape (n, d)
        The sources.
    Xb : array_like, shape (m, d)
        The targets.
    a, b : array_like, optional
        Weights of mass 1; uniform if None.
    reg : float
        Strength of an entropy of both plans; 0 for exact ones.
    r : int
        Number of points.
    X0 : array_like, shape (r, d), optional
        Points to start from. If None, means of equal groups of sources and targets along the
        direction in which they spread most; POT starts from random points.
    stopThr : float
        Length of a step of all points to stop at.
    numItermax : int
        Largest number of rounds.
    verbose : bool
        Print the course.
    log : bool
        Return a dictionary as well.
    **kwargs
        Arguments of `kantor.ot.emd`, or with `reg` of `kantor.ot.sinkhorn`.

    Returns
    -------
    Ga : numpy.ndarray, shape (n, r)
        Plan from the sources to the points.
    Gb : numpy.ndarray, shape (r, m)
        Plan from the points to the targets.
    X : numpy.ndarray, shape (r, d)
        The points.
    log : dict
        With ``log=True``: ``delta_iter``, lengths of the steps; ``costa``, ``costb`` and
        potentials or scaling vectors ``ua``, ``va``, ``ub``, ``vb`` of both plans; ``lazy_plan``,
        the plan of both on demand.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Notes
    -----
    Plans and points take turns. Without an entropy the objective falls; it is not convex, and ends
    where neither plans nor points alone can lower it.

    Examples
    --------
    >>> import kantor
    >>> Ga, Gb, X = kantor.ot.factored_optimal_transport([[0.0], [1.0]], [[4.0], [6.0]], r=1)
    >>> X
    array([[2.75]])
    """
    kind = float_type(Xa, Xb)
    source, target = read_points(Xa, "Xa").astype(float), read_points(Xb, "Xb").astype(float)
    if source.shape[1] != target.shape[1]:
        raise error(
            _abi.E_SHAPE, f"Xa has the dimension {source.shape[1]}, Xb {target.shape[1]}; they "
            "must agree")
    sizes = len(source), len(target)
    left, right = Weights.read(a, b, *sizes).filled(*sizes)
    strength, count = read_number(reg, "reg"), read_count(r, "r")
    equal = np.full(count, left.sum() / count)
    points = _start(source, target, left, right, count) if X0 is None else read_points(
        X0, "X0").astype(float)
    if points.shape != (count, source.shape[1]):
        raise error(
            _abi.E_SHAPE, f"X0 has the shape {points.shape}; ({count}, {source.shape[1]}) is "
            "needed")

    def plan(x: np.ndarray, y: np.ndarray, p: np.ndarray, q: np.ndarray) -> Any:
        cost = dist(x, y)
        if strength == 0:
            return emd(p, q, cost, log=True, **kwargs)
        G, told = sinkhorn(p, q, cost, strength, log=True, **kwargs)
        return G, {**told, "cost": float(np.vdot(G, cost))}

    least, steps = read_threshold(stopThr, "stopThr", 0.0), []
    for number in range(read_count(numItermax, "numItermax")):
        Ga, to = plan(source, points, left, equal)
        Gb, fro = plan(points, target, equal, right)
        moved = (Ga.T @ source + Gb @ target) / (2 * equal[:, None])
        step = float(np.linalg.norm(moved - points))
        points = moved
        if verbose:
            print(f"round {number + 1}: cost {to['cost'] + fro['cost']:.9e}, step {step:.3e}")
        if step < least:
            break
        steps.append(step)
    Ga, Gb, points = (value.astype(kind) for value in (Ga, Gb, points))
    if not log:
        return Ga, Gb, points
    share = kind.type(1 / equal[0])
    return Ga, Gb, points, {
        "delta_iter": steps, "ua": to["u"], "va": to["v"], "ub": fro["u"], "vb": fro["v"],
        "costa": to["cost"], "costb": fro["cost"],
        "lazy_plan": LazyPlan(
            sizes, lambda rows, columns: share * Ga[rows] @ Gb[:, columns]),
    }


def _start(
    x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray, count: int
) -> np.ndarray:
    """Quantile groups of both samples along the direction in which they spread most, averaged."""
    both = np.vstack([x - x.mean(0), y - y.mean(0)])
    direction = np.linalg.svd(both, full_matrices=False)[2][0]
    edges = np.arange(count + 1) / count
    points = np.zeros((count, x.shape[1]))
    for sample, weights in ((x, a), (y, b)):
        order = np.argsort(sample @ direction, kind="stable")
        ends = np.concatenate([[0.0], np.cumsum(weights[order]) / weights.sum()])
        overlap = (np.minimum(ends[1:, None], edges[None, 1:])
                   - np.maximum(ends[:-1, None], edges[None, :-1]))
        points += np.maximum(overlap, 0).T @ sample[order] * count / 2
    return points
