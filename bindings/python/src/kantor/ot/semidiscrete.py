"""Semi-discrete transport: the names of ``ot.semidiscrete``."""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple, Union

import numpy as np

from .. import _abi
from .._errors import error
from .._problem import Problem
from .._solve import solve
from ._inputs import float_type, read_count, read_points, read_weights, refuse, warn_unsolved
from ._tools import dist

__all__ = [
    "semidiscrete_atom_weights",
    "semidiscrete_c_transform",
    "semidiscrete_ot_map",
    "solve_semidiscrete",
]

#: Samples are drawn once, and looked at again in every step.
_MOST_SAMPLES = 1 << 18

Metric = Union[str, Callable[[Any, Any], Any], None]


def solve_semidiscrete(
    X_target: Any,
    sampler_source: Union[str, Callable[[int], Any]] = "unif",
    a_target: Any = None,
    metric: Metric = None,
    reg: float = 0.0,
    max_iter: int = 10_000,
    batch_size: int = 32,
    lr0: Optional[float] = None,
    lr_exponent: float = 2.0 / 3.0,
    init_potential: Any = None,
    decreasing_reg: bool = True,
    decreasing_reg_initial_eps: float = 0.1,
    decreasing_reg_exponent: float = 0.5,
    max_cost: Optional[float] = None,
    polyak_average: bool = True,
    log: bool = False,
) -> Any:
    r"""Potential of points that share a density out among them, at squared distances.

    .. math:: \max_g\ E_x \min_j (|x - y_j|^2 - g_j) + \langle g, a \rangle

    Samples are drawn once and the problem on them is solved by a deterministic method, where POT
    takes stochastic steps.

    Parameters
    ----------
    X_target : array_like, shape (m, d)
        The points.
    sampler_source : callable or {"unif", "unif_cube", "ball", "unif_ball", "normal"}
        A function that draws a number of samples, or the name of a law; names draw from numpy's
        own generator.
    a_target : array_like, shape (m,), optional
        Masses of the points; uniform if None.
    metric : {None, "sqeuclidean"}
        Other costs are not offered.
    reg : float
        Strength of the entropic regularisation.
    max_iter, batch_size : int
        Their product, at most 2^18, is the number of samples that is drawn.
    lr0, lr_exponent, init_potential, decreasing_reg, decreasing_reg_initial_eps
        Without effect: they tune POT's own method.
    decreasing_reg_exponent, max_cost, polyak_average
        Without effect as well.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    g : numpy.ndarray, shape (m,)
        The potential, of mean 0 under the masses.
    log : dict
        With ``log=True``: ``max_iter``, ``batch_size``, ``max_cost``, ``polyak_average`` and
        ``last_potential`` as in POT, and ``result``, with masses of cells and bounds.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used, or another metric.

    Examples
    --------
    >>> import numpy as np, kantor
    >>> rng = np.random.default_rng(0)
    >>> points = [[0.25], [0.75]]
    >>> g = kantor.ot.semidiscrete.solve_semidiscrete(points, lambda n: rng.random((n, 1)))
    >>> bool(np.abs(g).max() < 0.01)
    True
    """
    if metric not in (None, "sqeuclidean"):
        refuse(f"metric {metric!r} is not offered; semi-discrete costs are squared distances")
    points = read_points(X_target, "X_target")
    count = min(read_count(max_iter, "max_iter") * read_count(batch_size, "batch_size"),
                _MOST_SAMPLES)
    samples = read_points(_sampler(sampler_source, points.shape[1])(count), "sampler_source")
    problem = Problem(
        "semi_discrete_transport", samples=samples, points_target=points,
        weights_target=read_weights(a_target, len(points), "a_target"),
    )
    result = solve(problem, "semi_discrete", epsilon=float(reg))
    warn_unsolved(result, "the potential is the best one found")
    g = np.array(result.potential_target, dtype=float_type(X_target))
    if not log:
        return g
    return g, {
        "max_iter": max_iter, "batch_size": batch_size, "max_cost": max_cost,
        "polyak_average": polyak_average, "last_potential": g.copy(), "result": result,
    }


def semidiscrete_atom_weights(
    X_target: Any,
    X_source: Any,
    semi_dual_potential: Any,
    a_target: Any = None,
    metric: Metric = None,
    reg: float = 0.0,
) -> np.ndarray:
    """Shares in which samples go to the points, under a potential.

    Parameters
    ----------
    X_target : array_like, shape (m, d)
        The points.
    X_source : array_like, shape (n, d)
        The samples.
    semi_dual_potential : array_like, shape (m,)
        The potential.
    a_target : array_like, shape (m,), optional
        Masses of the points; uniform if None.
    metric : str or callable, optional
        A cost that `kantor.ot.dist` knows, or a function of samples and points; squared distances
        if None.
    reg : float
        Strength of the regularisation; 0 sends every sample to one point.

    Returns
    -------
    weights : numpy.ndarray, shape (n, m)
        Rows of sum 1.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    scores, _ = _scores(X_target, X_source, semi_dual_potential, a_target, metric, reg)
    if reg > 0:
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return shares / shares.sum(axis=1, keepdims=True)
    shares = np.zeros_like(scores)
    shares[np.arange(len(scores)), scores.argmax(axis=1)] = 1
    return shares


def semidiscrete_ot_map(
    X_target: Any,
    X_source: Any,
    semi_dual_potential: Any,
    a_target: Any = None,
    metric: Metric = None,
    reg: float = 0.0,
) -> np.ndarray:
    """Where samples go, under a potential: to a point, or to a mean of points.

    Parameters
    ----------
    X_target, X_source, semi_dual_potential, a_target, metric, reg
        As for `semidiscrete_atom_weights`.

    Returns
    -------
    T : numpy.ndarray, shape (n, d)
        The images of the samples.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    shares = semidiscrete_atom_weights(
        X_target, X_source, semi_dual_potential, a_target, metric, reg)
    return shares @ read_points(X_target, "X_target")


def semidiscrete_c_transform(
    X_target: Any,
    X_source: Any,
    semi_dual_potential: Any,
    a_target: Any = None,
    metric: Metric = None,
    reg: float = 0.0,
) -> np.ndarray:
    """Potential of samples that belongs to a potential of the points.

    Parameters
    ----------
    X_target, X_source, semi_dual_potential, a_target, metric, reg
        As for `semidiscrete_atom_weights`.

    Returns
    -------
    f : numpy.ndarray, shape (n,)
        The least of cost minus potential, or its soft form.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.
    """
    scores, scale = _scores(X_target, X_source, semi_dual_potential, a_target, metric, reg)
    top = scores.max(axis=1)
    if reg > 0:
        return -scale * (top + np.log(np.exp(scores - top[:, None]).sum(axis=1)))
    return -top


def _scores(
    X_target: Any, X_source: Any, potential: Any, a_target: Any, metric: Metric, reg: float
) -> Tuple[np.ndarray, float]:
    """(g - cost) / reg + log a, or g - cost without regularisation."""
    y, x = read_points(X_target, "X_target"), read_points(X_source, "X_source")
    g = np.asarray(potential, dtype=float)
    if g.shape != (len(y),):
        raise error(
            _abi.E_SHAPE, f"semi_dual_potential has the shape {g.shape}; ({len(y)},) is needed")
    if not 0 <= reg < np.inf:
        raise error(_abi.E_RANGE, f"reg is {reg}; a number >= 0 is needed")
    cost = metric(x, y) if callable(metric) else dist(x, y, metric or "sqeuclidean")
    if reg == 0:
        return g - np.asarray(cost), 1.0
    weights = read_weights(a_target, len(y), "a_target")
    shares = np.full(len(y), 1 / len(y)) if weights is None else weights
    return (g - np.asarray(cost)) / reg + np.log(shares), float(reg)


def _sampler(source: Union[str, Callable[[int], Any]], d: int) -> Callable[[int], Any]:
    if callable(source):
        return source
    if source in ("unif", "unif_cube"):
        return lambda n: np.random.random_sample((n, d))
    if source == "normal":
        return lambda n: np.random.standard_normal((n, d))
    if source in ("ball", "unif_ball"):
        return lambda n: _ball(n, d)
    raise error(
        _abi.E_RANGE, f"sampler_source is {source!r}; a function, 'unif', 'ball' or 'normal' is "
        "needed")


def _ball(n: int, d: int) -> np.ndarray:
    directions = np.random.standard_normal((n, d))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * np.random.random_sample((n, 1)) ** (1 / d)
