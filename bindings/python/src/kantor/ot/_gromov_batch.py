"""Batches of matchings of structures."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from .. import _abi
from .._batch import solve_batch as solve_problems
from .._errors import error
from ._batch_result import BatchResult, read_member_weights, read_members, same_count
from ._gromov import Spaces, plan_of, read_spaces, read_tolerance, solve_spaces
from ._gromov_terms import read_share
from ._inputs import read_count, read_positive, refuse
from ._outcome import OTResult

# Relative gap of conditional gradient, which ends the proximal steps.
_GAP = 1e-7


def solve_gromov_batch(
    Ca: Any, Cb: Any, reg: float = 1e-2, a: Any = None, b: Any = None, loss: str = "sqeuclidean",
    symmetric: Optional[bool] = None, M: Any = None, alpha: Optional[float] = None,
    T_init: Any = None, max_iter: int = 50, tol: float = 1e-5, max_iter_inner: int = 50,
    tol_inner: float = 1e-5, grad: str = "envelope", logits: Optional[bool] = None,
    threads: int = 1,
) -> BatchResult:
    """Match pairs of structures, each with its partner, by proximal steps.

    Parameters
    ----------
    Ca : array_like, shape (B, n, n)
        Structures of the sources.
    Cb : array_like, shape (B, m, m)
        Structures of the targets.
    reg : float
        Strength of the entropy of a step, > 0; it does not count in the objective.
    a : array_like, shape (B, n) or (n,), optional
        Weights of the sources; uniform if None.
    b : array_like, shape (B, m) or (m,), optional
        Weights of the targets.
    loss : {"sqeuclidean"}
        Squares of differences. Structures with several numbers for a pair are not offered.
    symmetric : bool, optional
        As for `kantor.ot.gromov.gromov_wasserstein`.
    M : array_like, shape (B, n, m), optional
        Costs of features: fused problems.
    alpha : float, optional
        Weight of the structures in them; 0.5 if None.
    T_init : array_like, shape (B, n, m), optional
        Plans to start from. The problems are then solved one after the other.
    max_iter : int
        Largest number of steps.
    tol : float
        L1 change of a plan in a step to stop at.
    max_iter_inner, tol_inner, grad, logits
        Without effect; see ``BatchResult.results`` for derivatives.
    threads : int
        Problems solved at a time; POT has no such argument.

    Returns
    -------
    BatchResult
        ``plan``, ``value`` and its terms ``value_linear`` and ``value_quad``, with their weights.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or an argument that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]]
    >>> kantor.ot.batch.solve_gromov_batch(C, C).plan[0].argmax(axis=1)
    array([0, 1, 2])
    """
    if loss != "sqeuclidean":
        refuse(f"loss {loss!r} is not offered; use 'sqeuclidean'")
    sources, targets = _structures(Ca, "Ca"), _structures(Cb, "Cb")
    same_count(sources, targets, "Ca", "Cb")
    count, n, m = len(sources), sources.shape[1], targets.shape[1]
    costs = starts = None
    if M is not None:
        costs = read_members(M, "M")
        same_count(sources, costs, "Ca", "M")
    if T_init is not None:
        starts = read_members(T_init, "T_init")
        same_count(sources, starts, "Ca", "T_init")
    left = read_member_weights(a, count, n, "a")
    right = read_member_weights(b, count, m, "b")
    spaces = [
        read_spaces(
            sources[k], targets[k], None if costs is None else costs[k], left(k), right(k),
            "square_loss", symmetric, 0.5 if alpha is None else alpha)
        for k in range(count)
    ]
    options = {
        "epsilon": read_positive(reg, "reg"), "scheme": "proximal", "tolerance": _GAP,
        "plan_tolerance": max(read_tolerance(tol, "tol"), 1e-12),
        "max_iterations": read_count(max_iter, "max_iter"),
    }
    threads = read_count(threads, "threads")
    if starts is None:
        results = solve_problems(
            [one.problem for one in spaces], "gromov_entropic", threads=threads, **options)
    else:
        results = [
            solve_spaces(
                one, "gromov_entropic", starts[k], verbose=False, trace=False, threads=threads,
                **options)
            for k, one in enumerate(spaces)
        ]
    return BatchResult([_outcome(one, result) for one, result in zip(spaces, results)])


def loss_quadratic_batch(
    a: Any, b: Any, Ca: Any, Cb: Any, T: Any, M: Any = None, alpha: Optional[float] = None,
    unbalanced: None = None, unbalanced_type: str = "kl", loss: str = "sqeuclidean",
    symmetric: Optional[bool] = True, nx: Any = None, logits: Optional[bool] = None,
    recompute_const: bool = False, log: bool = False,
) -> Any:
    r"""Objectives of a batch of plans between structures.

    .. math:: \sum_{ijkl} (C^a_{ik} - C^b_{jl})^2 T_{ij} T_{kl}

    Parameters
    ----------
    a : array_like, shape (B, n)
        Weights of the sources, uniform if None.
    b : array_like, shape (B, m)
        Weights of the targets.
    Ca : array_like, shape (B, n, n)
        Structures of the sources.
    Cb : array_like, shape (B, m, m)
        Structures of the targets.
    T : array_like, shape (B, n, m)
        Plans.
    M : array_like, shape (B, n, m), optional
        Costs of features.
    alpha : float, optional
        Weight of the structures, with `M`; 0.5 if None.
    loss : {"sqeuclidean"}
        As for `solve_gromov_batch`.
    recompute_const : bool
        True: with the marginals that the plans have. False: with `a` and `b` in their place,
        which is the same for plans that have them.
    log : bool
        Return a dictionary as well.
    unbalanced, unbalanced_type
        Not offered: `unbalanced` must be None.
    symmetric, nx, logits
        Without effect: structures need not be symmetric, arrays are those of numpy.

    Returns
    -------
    values : numpy.ndarray, shape (B,)
        The objectives.
    log : dict
        With ``log=True``: ``value``, ``value_quadratic`` and ``value_linear``, the terms with
        their weights, and ``value_unbalanced``, None.

    Raises
    ------
    kantor.KantorError
        Shapes or an argument that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[[0.0, 1.0], [1.0, 0.0]]]
    >>> kantor.ot.batch.loss_quadratic_batch(None, None, C, C, [[[0.25, 0.25], [0.25, 0.25]]])
    array([0.5])
    """
    if loss != "sqeuclidean":
        refuse(f"loss {loss!r} is not offered; use 'sqeuclidean'")
    if unbalanced is not None:
        refuse("unbalanced is not offered; leave it out")
    left, right, plans = _structures(Ca, "Ca"), _structures(Cb, "Cb"), read_members(T, "T")
    count, n, m = len(left), left.shape[1], right.shape[1]
    if plans.shape != (count, n, m) or len(right) != count:
        raise error(
            _abi.E_SHAPE, f"Ca, Cb and T have the shapes {left.shape}, {right.shape} and "
            f"{plans.shape}; (B, n, n), (B, m, m) and (B, n, m) are needed")
    if recompute_const:
        rows, columns = plans.sum(axis=2), plans.sum(axis=1)
    else:
        rows = _stacked(a, count, n, "a", plans)
        columns = _stacked(b, count, m, "b", plans)
    constant = (
        np.einsum("bij,bi,bj->b", left**2, rows, plans.sum(axis=2))
        + np.einsum("bij,bi,bj->b", right**2, columns, plans.sum(axis=1)))
    moved = left @ plans @ right.transpose(0, 2, 1)
    structures = constant - 2 * (moved * plans).sum(axis=(1, 2))
    share = 1.0 if M is None else 0.5 if alpha is None else read_share(alpha, "alpha")
    quadratic, linear = share * structures, None
    values = quadratic
    if M is not None:
        costs = read_members(M, "M")
        if costs.shape != plans.shape:
            raise error(
                _abi.E_SHAPE, f"M has the shape {costs.shape}; {plans.shape} is needed")
        linear = (1 - share) * (costs * plans).sum(axis=(1, 2))
        values = quadratic + linear
    told = {"value": values, "value_quadratic": quadratic, "value_linear": linear,
            "value_unbalanced": None}
    return (values, told) if log else values


def loss_quadratic_samples_batch(*args: Any, **kwargs: Any) -> Any:
    """Objectives of a batch of plans between structures: an older name.

    Parameters
    ----------
    *args, **kwargs
        As for `loss_quadratic_batch`.

    Returns
    -------
    numpy.ndarray, shape (B,)
        As for `loss_quadratic_batch`.
    """
    return loss_quadratic_batch(*args, **kwargs)


def _outcome(spaces: Spaces, result: Any) -> OTResult:
    plan, kind, alpha = plan_of(spaces, result), spaces.kind, spaces.alpha
    quadratic = alpha * float(result.quadratic_cost)
    linear = (1 - alpha) * float(result.linear_cost) if alpha < 1 else 0.0
    outcome = OTResult(
        kind.type(quadratic + linear), kind.type(linear), None, plan.shape,
        "Converged" if result.status_code == _abi.SOLVED else result.status, kind, result,
    )
    outcome.value_quad = kind.type(quadratic)
    return outcome


def _structures(value: Any, name: str) -> np.ndarray:
    if np.ndim(value) == 4:
        refuse(f"{name} has several numbers for a pair; give one, of shape (B, n, n)")
    array = read_members(value, name)
    if array.shape[1] != array.shape[2]:
        raise error(
            _abi.E_SHAPE, f"{name} has the shape {array.shape}; (B, n, n) is needed")
    return array


def _stacked(value: Any, count: int, size: int, name: str, plans: np.ndarray) -> np.ndarray:
    weights = read_member_weights(value, count, size, name)
    one = [weights(k) for k in range(count)]
    return np.array(
        [np.full(size, 1.0 / size) if w is None else w for w in one], dtype=plans.dtype)
