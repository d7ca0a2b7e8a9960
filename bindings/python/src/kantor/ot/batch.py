"""Many transport problems of one shape, in POT's names of ``ot.batch``.

Arrays have a leading batch axis. Each problem is solved and certified on its own, several at a
time on ``threads`` threads; `kantor.solve_batch` does the same for problems of different shapes
and for every other method.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

import numpy as np

from .. import _abi
from .._batch import solve_batch as solve_problems
from .._errors import error
from .._problem import Problem
from .._result import Result
from ._batch_result import BatchResult, read_member_weights, read_members, same_count
from ._entropic import Weights, scalings
from ._exact import center_dual_potentials
from ._gromov_batch import (
    loss_quadratic_batch, loss_quadratic_samples_batch, solve_gromov_batch,
)
from ._inputs import float_type, read_count, read_positive, refuse, warn_unsolved
from ._outcome import OTResult
from ._tools import dist

__all__ = [
    "BatchResult",
    "dist_batch",
    "loss_linear_batch",
    "loss_linear_samples_batch",
    "loss_quadratic_batch",
    "loss_quadratic_samples_batch",
    "solve_batch",
    "solve_gromov_batch",
    "solve_sample_batch",
]

_ENTROPIC = ("auto", "sinkhorn", "log_sinkhorn")


def dist_batch(
    X1: Any, X2: Any = None, metric: str = "sqeuclidean", p: float = 2, nx: Any = None
) -> np.ndarray:
    """Costs between the points of each pair of a batch.

    Parameters
    ----------
    X1 : array_like, shape (B, n, d)
        Source points.
    X2 : array_like, shape (B, m, d), optional
        Target points; None: the source points.
    metric : str
        As for `kantor.ot.dist`; and ``"kl"``, sum y log(y / x) of a target y and a source x with
        positive coordinates.
    p : float
        Exponent of the metric ``"minkowski"``.
    nx : None
        Other array libraries are not offered.

    Returns
    -------
    numpy.ndarray, shape (B, n, m)
        The costs.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.batch.dist_batch([[[0.0]], [[1.0]]], [[[2.0]], [[4.0]]]).ravel()
    array([4., 9.])
    """
    if nx is not None:
        refuse("nx: other array libraries are not offered; leave it out")
    first = read_members(X1, "X1")
    second = first if X2 is None else read_members(X2, "X2")
    same_count(first, second, "X1", "X2")
    if len(first) == 0:
        return np.zeros((0, first.shape[1], second.shape[1]), dtype=float_type(X1, X2))
    if metric == "kl":
        return _divergences(first, second).astype(float_type(X1, X2), copy=False)
    return np.stack([dist(x, y, metric, p=p) for x, y in zip(first, second)])


def _divergences(X1: np.ndarray, X2: np.ndarray) -> np.ndarray:
    """sum_k y_k log(y_k / x_k) of target y against source x."""
    for name, points in (("X1", X1), ("X2", X2)):
        if not (points > 0).all():
            raise error(_abi.E_RANGE, f"{name} has coordinates that are not positive; 'kl' needs "
                        "positive ones")
    costs = np.zeros((len(X1), X1.shape[1], X2.shape[1]))
    for k in range(X1.shape[2]):
        x, y = X1[:, :, None, k], X2[:, None, :, k]
        costs += y * np.log(y / x)
    return costs


def solve_batch(
    M: Any,
    reg: Optional[float] = None,
    a: Any = None,
    b: Any = None,
    max_iter: int = 1000,
    tol: float = 1e-5,
    method: str = "auto",
    inner_iter: int = 1,
    inner_reg: float = 1e-3,
    reg_type: str = "entropy",
    grad: str = "envelope",
    threads: int = 1,
) -> BatchResult:
    """Solve transport problems with a batch of cost matrices, exact or entropic.

    Parameters
    ----------
    M : array_like, shape (B, n, m)
        Costs.
    reg : float, optional
        Strength of the entropic regularisation; None or 0: exact. POT approximates exact problems
        by a proximal method; here they are solved.
    a : array_like, shape (B, n) or (n,), optional
        Weights of the sources; uniform if None.
    b : array_like, shape (B, m) or (m,), optional
        Weights of the targets.
    max_iter : int
        Largest number of iterations of an entropic problem.
    tol : float
        Marginal error of entropic plans to stop at.
    method : {"auto", "sinkhorn", "log_sinkhorn", "proximal"}
        Names of POT's solvers; ``"proximal"`` stands for the exact problem and is refused with
        `reg`.
    inner_iter, inner_reg
        Without effect: they belong to POT's proximal method.
    reg_type : {"entropy", "KL"}
        As for `kantor.ot.solve`.
    grad : str
        Without effect; see ``BatchResult.results``.
    threads : int
        Problems solved at a time.

    Returns
    -------
    BatchResult
        ``value``, ``value_linear``, ``plan``, ``potentials``, ``status``, ``results``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or an argument that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.batch.solve_batch([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 1.0]]]).value
    array([0. , 0.5])
    """
    costs = read_members(M, "M")
    return _solve(
        lambda k: {"cost": costs[k]}, costs.shape, float_type(M, a, b), reg, a, b, max_iter, tol,
        method, reg_type, threads,
    )


def solve_sample_batch(
    X_a: Any,
    X_b: Any,
    reg: Optional[float] = None,
    a: Any = None,
    b: Any = None,
    metric: str = "sqeuclidean",
    p: float = 2,
    max_iter: int = 1000,
    tol: float = 1e-5,
    method: str = "auto",
    inner_iter: int = 1,
    inner_reg: float = 1e-3,
    reg_type: str = "entropy",
    grad: str = "envelope",
    threads: int = 1,
) -> BatchResult:
    """Solve transport problems between a batch of pairs of point sets.

    Parameters
    ----------
    X_a : array_like, shape (B, n, d)
        Source points.
    X_b : array_like, shape (B, m, d)
        Target points.
    metric : str
        As for `dist_batch`.
    p : float
        As for `dist_batch`.
    reg, a, b, max_iter, tol, method, inner_iter, inner_reg, reg_type, grad, threads
        As for `solve_batch`.

    Returns
    -------
    BatchResult
        As for `solve_batch`.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.batch.solve_sample_batch([[[0.0], [1.0]]], [[[1.0], [2.0]]]).value
    array([1.])
    """
    return solve_batch(
        dist_batch(X_a, X_b, metric, p), reg, a, b, max_iter, tol, method, inner_iter, inner_reg,
        reg_type, grad, threads,
    )


def loss_linear_batch(M: Any, T: Any, nx: Any = None) -> np.ndarray:
    """Costs of a batch of plans.

    Parameters
    ----------
    M : array_like, shape (B, n, m)
        Costs.
    T : array_like, shape (B, n, m)
        Plans.
    nx : None
        Other array libraries are not offered.

    Returns
    -------
    numpy.ndarray, shape (B,)
        <M, T> of each.
    """
    if nx is not None:
        refuse("nx: other array libraries are not offered; leave it out")
    costs, plans = read_members(M, "M"), read_members(T, "T")
    if costs.shape != plans.shape:
        raise error(
            _abi.E_SHAPE, f"M has the shape {costs.shape}, T {plans.shape}; they must agree"
        )
    return np.einsum("bij,bij->b", costs, plans)


def loss_linear_samples_batch(
    X: Any, Y: Any, T: Any, metric: str = "sqeuclidean"
) -> np.ndarray:
    """Costs of a batch of plans between points.

    Parameters
    ----------
    X : array_like, shape (B, n, d)
        Source points.
    Y : array_like, shape (B, m, d)
        Target points.
    T : array_like, shape (B, n, m)
        Plans.
    metric : str
        As for `dist_batch`.

    Returns
    -------
    numpy.ndarray, shape (B,)
        The costs.
    """
    return loss_linear_batch(dist_batch(X, Y, metric), T)


def _solve(
    fields: Callable[[int], Any], shape: Tuple[int, ...], kind: np.dtype, reg: Optional[float],
    a: Any, b: Any, max_iter: Any, tol: Any, method: str, reg_type: str, threads: Any,
) -> BatchResult:
    count, n, m = shape
    if not isinstance(reg_type, str) or reg_type.lower() not in ("kl", "entropy"):
        refuse(f"reg_type {reg_type!r} is not offered; use 'entropy' or 'KL'")
    allowed = _ENTROPIC if reg else ("auto", "proximal")
    if method not in allowed:
        refuse(f"method {method!r} is not offered with reg={reg!r}; use {', '.join(allowed)}")
    sources, targets = read_member_weights(a, count, n, "a"), read_member_weights(b, count, m, "b")
    weights = [Weights.read(sources(k), targets(k), n, m) for k in range(count)]
    problems = [
        Problem("transport", copy=False, a=weights[k].a, b=weights[k].b, **fields(k))
        for k in range(count)
    ]
    threads = read_count(threads, "threads")
    if not reg:
        results = solve_problems(problems, threads=threads)
        return BatchResult([_exact(result, w, (n, m), kind)
                            for result, w in zip(results, weights)])
    epsilon = read_positive(reg, "reg")
    results = solve_problems(
        problems, "sinkhorn", threads=threads, epsilon=epsilon,
        max_iterations=read_count(max_iter, "max_iter"), tolerance=read_positive(tol, "tol"),
    )
    return BatchResult([_entropic(result, w, (n, m), epsilon, reg_type, kind)
                        for result, w in zip(results, weights)])


def _exact(
    result: Result, weights: Weights, shape: Tuple[int, int], kind: np.dtype
) -> OTResult:
    solved = warn_unsolved(result, "check masses and forbidden pairs") is None
    if result.status_code == _abi.INFEASIBLE:
        return OTResult(np.inf, np.inf, None, shape, "infeasible", kind, result, is_sparse=True)
    u, v = center_dual_potentials(result.potential_source, result.potential_target, *weights)
    return OTResult(
        kind.type(result.objective), kind.type(result.objective), (u.astype(kind), v.astype(kind)),
        shape, "Converged" if solved else result.status, kind, result, is_sparse=True,
    )


def _entropic(
    result: Result, weights: Weights, shape: Tuple[int, int], epsilon: float, reg_type: str,
    kind: np.dtype,
) -> OTResult:
    log_a, log_b = weights.logarithms(*shape)
    found = scalings(result, epsilon, log_a, log_b)
    value = result.objective
    if reg_type.lower() == "entropy":
        # sum P log P = KL(P | a b') + <P 1, log a> + <P' 1, log b>, and the marginals are a and b.
        for logarithm in (log_a, log_b):
            mass = np.exp(logarithm)
            value += epsilon * float(mass[mass > 0] @ logarithm[mass > 0])
    solved = warn_unsolved(result, "a larger max_iter, tol or reg could help") is None
    return OTResult(
        kind.type(value), kind.type(result.transport_cost),
        (found.log_u.astype(kind), found.log_v.astype(kind)), shape,
        "Converged" if solved else result.status, kind, result,
    )
