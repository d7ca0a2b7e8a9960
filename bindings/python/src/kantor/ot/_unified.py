"""``solve`` on costs and ``solve_sample`` on points."""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict, Optional, Tuple, Union

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from .._problem import Problem
from .._solve import solve as solve_problem
from ._approximate import APPROXIMATE, approximate
from ._empirical import lazy_plan
from ._entropic import Entropic, Weights, solve_entropic
from ._exact import center_dual_potentials
from ._inputs import float_type, read_count, read_points, read_start, refuse, warn_unsolved
from ._outcome import OTResult
from ._relaxed import solve_square, solve_unbalanced
from ._tools import POINT_METRICS, dist
from .optim import cg
from .smooth import solve_quadratic

_GRADIENTS = ("autodiff", "envelope", "last_step", "detach")
#: Names of solvers that POT has for unbalanced problems.
_UNBALANCED = ("sinkhorn", "sinkhorn_log", "mm", "lbfgsb")


def solve(
    M: Any,
    a: Any = None,
    b: Any = None,
    reg: Optional[float] = None,
    c: Any = None,
    reg_type: Any = "KL",
    unbalanced: Any = None,
    unbalanced_type: str = "KL",
    method: Optional[str] = None,
    n_threads: int = 1,
    max_iter: Optional[int] = None,
    plan_init: Any = None,
    potentials_init: Optional[Tuple[Any, Any]] = None,
    tol: Optional[float] = None,
    verbose: bool = False,
    grad: str = "autodiff",
) -> OTResult:
    """Solve a transport problem with a cost matrix: exact, entropic, quadratic or unbalanced.

    Parameters
    ----------
    M : array_like, shape (n, m)
        Costs.
    a, b : array_like, optional
        Weights; uniform if None.
    reg : float, optional
        Strength of the entropic regularisation; None or 0: exact.
    c : array_like, optional
        What the entropy is relative to, in unbalanced problems; not offered in others.
    reg_type : {"KL", "entropy", "L2"} or pair of callable
        Regularise relative to the product of the weights, or by the entropy; the plan is the same
        and the value differs by a constant. ``"L2"``: the plan of half the squared norm; as in
        POT, ``value`` counts the whole squared norm. In unbalanced problems ``"L2"`` is half the
        squared distance from `c`, by a cone program. A pair: a function of the plan and
        its gradient, as for `kantor.ot.optim.cg`, in balanced problems.
    unbalanced : float or pair of float, optional
        Strengths of penalties on marginals that are missed; None or infinity: they are met.
    unbalanced_type : {"KL", "L2", "TV"}
        The penalties: Kullback-Leibler divergence, half the squared distance, total variation.
    method : {None, "sinkhorn", "sinkhorn_log", "mm", "lbfgsb"}
        The first two are of entropic problems, all of unbalanced ones. Without effect but for its
        name: the problem decides on the solver.
    n_threads : int
        Threads of the solver.
    max_iter : int, optional
        Largest number of iterations; None: no limit for exact problems, 1000 for entropic ones.
    plan_init : array_like, optional
        Where to start with functions as `reg_type`. Else without effect: the problem is convex, and
        solved to the end; `potentials_init` starts.
    potentials_init : pair of array_like, optional
        Where to start: potentials for exact problems; for entropic ones the logarithms of the
        scaling vectors, as in ``potentials`` of a result.
    tol : float, optional
        Marginal error to stop at, 1e-9 by default; see `kantor.ot.sinkhorn`. Exact problems are
        solved to the end.
    verbose : bool
        Print the course of an entropic solve.
    grad : str
        Without effect on numpy arrays, which are not differentiated automatically; see
        ``OTResult.result.vjp``.

    Returns
    -------
    OTResult
        ``value``, ``value_linear``, ``plan``, ``potentials``, ``status``, ...

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or an argument that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.solve([[0.0, 1.0], [1.0, 0.0]], [0.5, 0.5], [0.25, 0.75]).value
    0.25
    """
    if unbalanced is not None and not np.all(np.isinf(unbalanced)):
        _refuse_more(None, None, grad)
        return _unbalanced(
            M, a, b, reg, c, reg_type, unbalanced, unbalanced_type, method, n_threads, max_iter,
            potentials_init, tol, verbose,
        )
    _refuse_more(c, unbalanced, grad)
    kind = float_type(M, a, b)
    M = as_matrix(M, "M")
    weights = Weights.read(a, b, *M.shape)
    problem = Problem("transport", copy=False, cost=M, a=weights.a, b=weights.b)
    if not reg:
        if method is not None:
            refuse(f"method {method!r} is not offered for exact problems; leave it out")
        return _exact(problem, weights, M.shape, kind, n_threads, max_iter, potentials_init)
    if isinstance(reg_type, tuple):
        return _own(M, weights, reg, reg_type, method, max_iter, plan_init, tol, verbose, kind)
    if isinstance(reg_type, str) and reg_type.lower() == "l2":
        return _quadratic(problem, M.shape, kind, reg, method, n_threads, max_iter, tol, verbose)
    _check_entropic(reg_type, method, ("sinkhorn", "sinkhorn_log"))
    found = solve_entropic(
        problem, weights, M.shape, reg, max_iter or 1000, tol or 1e-9, verbose=verbose,
        warmstart=potentials_init, threads=read_count(n_threads, "n_threads"),
    )
    return _outcome(found, weights, M.shape, reg, reg_type, kind)


def solve_sample(
    X_a: Any,
    X_b: Any,
    a: Any = None,
    b: Any = None,
    metric: str = "sqeuclidean",
    reg: Optional[float] = None,
    c: Any = None,
    reg_type: Any = "KL",
    unbalanced: Any = None,
    unbalanced_type: str = "KL",
    lazy: bool = False,
    batch_size: Optional[int] = None,
    method: Optional[str] = None,
    n_threads: int = 1,
    max_iter: Optional[int] = None,
    plan_init: Any = None,
    rank: int = 100,
    scaling: float = 0.95,
    potentials_init: Optional[Tuple[Any, Any]] = None,
    X_init: Any = None,
    tol: Optional[float] = None,
    verbose: bool = False,
    grad: str = "autodiff",
    random_state: Any = None,
    debias: Union[bool, str] = False,
    n_projections: int = 50,
    projections: Any = None,
    scaler: Optional[Callable] = None,
) -> OTResult:
    """Solve a transport problem between two sets of points, exact or entropic.

    Parameters
    ----------
    X_a : array_like, shape (n, d)
        Source points.
    X_b : array_like, shape (m, d)
        Target points.
    a, b : array_like, optional
        Weights; uniform if None.
    metric : str
        As for `kantor.ot.dist`. With ``lazy=True`` one of ``"sqeuclidean"``, ``"euclidean"``,
        ``"cityblock"``, ``"cosine"``.
    reg, c, reg_type, unbalanced, unbalanced_type, n_threads, max_iter, plan_init, \
potentials_init, tol, verbose, grad
        As for `solve`.
    lazy : bool
        Compute costs on the fly, in memory proportional to n + m; the plan comes as
        ``sparse_plan`` (exact) or ``lazy_plan`` (entropic).
    batch_size : int, optional
        Without effect: costs are streamed in pieces that fit the processor's caches.
    method : {None, "sinkhorn", "sinkhorn_log", "1d", "gaussian", "lowrank", "factored", \
"sliced", "max_sliced"}
        ``"1d"`` solves each coordinate as a problem on the line; ``"gaussian"`` gives the squared
        distance of fitted normal laws, `reg` being added to their covariances; ``"lowrank"`` a
        plan of rank `rank`; ``"factored"`` one through `rank` points, with the sum of both
        costs as its value, as for `kantor.ot.factored_optimal_transport`; ``"sliced"`` and
        ``"max_sliced"`` the distances along lines. POT's ``"nystroem"`` is not offered.
    rank : int
        Of ``"lowrank"`` and ``"factored"``.
    n_projections, projections, scaler, random_state
        Of ``"sliced"`` and ``"max_sliced"``; `random_state` is their seed.
    scaling, X_init
        Belong to methods that are not offered, and must be left out.
    debias : bool
        Subtract the means of both self-costs, which gives the Sinkhorn divergence for entropic
        problems; ``"split"`` is not offered.

    Returns
    -------
    OTResult
        ``value``, ``value_linear``, ``plan``, ``potentials``, ``status``, ...

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or an argument that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.solve_sample([[0.0], [1.0]], [[1.0], [2.0]]).value
    1.0
    """
    _refuse_left_out(scaling=(scaling, 0.95), X_init=(X_init, None))
    name = None if method is None else str(method).lower()
    if name in APPROXIMATE and not debias:
        return approximate(
            name, X_a, X_b, a, b, metric=metric, reg=reg, rank=rank, max_iter=max_iter, lazy=lazy,
            n_projections=n_projections, projections=projections, scaler=scaler,
            random_state=random_state,
        )
    _refuse_left_out(
        rank=(rank, 100), random_state=(random_state, None), n_projections=(n_projections, 50),
        projections=(projections, None), scaler=(scaler, None),
    )
    shared = dict(
        metric=metric, reg=reg, c=c, reg_type=reg_type, unbalanced=unbalanced, lazy=lazy,
        method=method, n_threads=n_threads, max_iter=max_iter, plan_init=plan_init, tol=tol,
        verbose=verbose, grad=grad,
    )
    if debias:
        if debias is not True:
            refuse(f"debias {debias!r} is not offered; use True or False")
        return _debiased(X_a, X_b, a, b, potentials_init, shared)
    if not lazy:
        M = dist(X_a, X_b, metric)
        return solve(
            M, a, b, reg, c, reg_type, unbalanced, unbalanced_type, method, n_threads, max_iter,
            plan_init, potentials_init, tol, verbose, grad,
        )
    return _on_the_fly(X_a, X_b, a, b, potentials_init, **shared)


def _on_the_fly(
    X_a: Any, X_b: Any, a: Any, b: Any, start: Any, *, metric: str, reg: Any, c: Any,
    reg_type: Any, unbalanced: Any, lazy: bool, method: Optional[str], n_threads: int,
    max_iter: Optional[int], plan_init: Any, tol: Optional[float], verbose: bool, grad: str,
) -> OTResult:
    _refuse_more(c, unbalanced, grad)
    if metric not in POINT_METRICS:
        refuse(
            f"metric {metric!r} is not offered without a cost matrix; use one of "
            f"{', '.join(POINT_METRICS)}, or lazy=False"
        )
    kind = float_type(X_a, X_b, a, b)
    x, y = read_points(X_a, "X_a"), read_points(X_b, "X_b")
    shape = (x.shape[0], y.shape[0])
    weights = Weights.read(a, b, *shape)
    problem = Problem(
        "transport", copy=False, points=(x, y), metric=POINT_METRICS[metric], a=weights.a,
        b=weights.b,
    )
    if not reg:
        if method is not None:
            refuse(f"method {method!r} is not offered for exact problems; leave it out")
        return _exact(problem, weights, shape, kind, n_threads, max_iter, start)
    if isinstance(reg_type, str) and reg_type.lower() == "l2":
        return _quadratic(problem, shape, kind, reg, method, n_threads, max_iter, tol, verbose)
    _check_entropic(reg_type, method, ("sinkhorn", "sinkhorn_log"))
    found = solve_entropic(
        problem, weights, shape, reg, max_iter or 1000, tol or 1e-9, verbose=verbose,
        warmstart=start, threads=read_count(n_threads, "n_threads"), trace=True,
    )
    outcome = _outcome(found, weights, shape, reg, reg_type, kind, hides_plan=True)
    outcome.lazy_plan = lazy_plan(found, x, y, metric, reg, kind)
    outcome.log = {
        "err": found.errors(),
        "u": outcome.potential_a,
        "v": outcome.potential_b,
        "niter": found.result.iterations,
        "lazy_plan": outcome.lazy_plan,
    }
    return outcome


def _exact(
    problem: Problem, weights: Weights, shape: Tuple[int, int], kind: np.dtype, n_threads: int,
    max_iter: Optional[int], start: Optional[Tuple[Any, Any]],
) -> OTResult:
    method: Optional[str] = None
    options: Dict[str, Any] = {"threads": read_count(n_threads, "n_threads")}
    if max_iter is not None:
        method, options["max_iterations"] = "network_simplex", read_count(max_iter, "max_iter")
    warm_start = None
    if start is not None:
        method, warm_start = "network_simplex", read_start(start, *shape)
    result = solve_problem(problem, method, warm_start=warm_start, **options)
    status = warn_unsolved(result, "check masses and forbidden pairs, or raise max_iter")
    if result.status_code == _abi.INFEASIBLE:
        return OTResult(
            np.inf, np.inf, None, shape, "infeasible", kind, result, is_sparse=True
        )
    u, v = center_dual_potentials(result.potential_source, result.potential_target, *weights)
    return OTResult(
        result.objective, result.objective, (u.astype(kind), v.astype(kind)), shape,
        result.status if status else "Converged", kind, result, is_sparse=True,
    )


def _unbalanced(
    M: Any, a: Any, b: Any, reg: Any, c: Any, reg_type: Any, strengths: Any, penalty: Any,
    method: Optional[str], n_threads: int, max_iter: Optional[int], start: Any,
    tol: Optional[float], verbose: bool,
) -> OTResult:
    name = str(penalty).lower()
    if name not in ("kl", "l2", "tv"):
        refuse(f"unbalanced_type {penalty!r} is not offered; use 'KL', 'L2' or 'TV'")
    if method is not None and method not in _UNBALANCED:
        refuse(f"method {method!r} is not offered; use one of {', '.join(_UNBALANCED)}")
    kind = float_type(M, a, b)
    if reg and str(reg_type).lower() == "l2":
        square = solve_square(a, b, M, reg, strengths, c, name, verbose)
        return OTResult(
            kind.type(square.total), kind.type(square.linear), None, square.plan.shape,
            "Converged" if square.result.status_code == _abi.SOLVED else square.result.status,
            kind, square.result, plan=square.plan.astype(kind),
        )
    own = "unbalanced_simplex" if name == "tv" else "unbalanced_active_set"
    found = solve_unbalanced(
        a, b, M, strengths, reg=reg or 0.0, reg_type=reg_type, c=c, penalty=name,
        warmstart=start if reg else None, limit=max_iter, tolerance=tol or 1e-9, verbose=verbose,
        threads=read_count(n_threads, "n_threads"), method="unbalanced_sinkhorn" if reg else own,
    )
    result = found.result
    potentials = None
    if "potential_source" in result:
        scale = float(reg) if reg else 1.0
        potentials = tuple(
            (x / scale).astype(kind) for x in (result.potential_source, result.potential_target)
        )
    return OTResult(
        kind.type(found.total), kind.type(found.linear), potentials, found.plan.shape,
        "Converged" if result.status_code == _abi.SOLVED else result.status, kind, result,
        is_sparse=not reg,
    )


def _quadratic(
    problem: Problem, shape: Tuple[int, int], kind: np.dtype, reg: float, method: Optional[str],
    n_threads: int, max_iter: Optional[int], tol: Optional[float], verbose: bool,
) -> OTResult:
    if method is not None:
        refuse(f"method {method!r} is not offered with reg_type 'L2'; leave it out")
    result = solve_quadratic(
        problem, reg, max_iter or 1000, tol or 1e-9, verbose=verbose,
        threads=read_count(n_threads, "n_threads"),
    )
    if result.status_code == _abi.INFEASIBLE:
        return OTResult(np.inf, np.inf, None, shape, "infeasible", kind, result, is_sparse=True)
    square = float(result.plan_value @ result.plan_value)
    return OTResult(
        result.transport_cost + reg * square, result.transport_cost,
        (result.potential_source.astype(kind), result.potential_target.astype(kind)), shape,
        "Converged" if result.status_code == _abi.SOLVED else result.status, kind, result,
        is_sparse=True,
    )


def _own(
    M: np.ndarray, weights: Weights, reg: float, functions: Tuple, method: Optional[str],
    max_iter: Optional[int], start: Any, tol: Optional[float], verbose: bool, kind: np.dtype,
) -> OTResult:
    if method is not None:
        refuse(f"method {method!r} is not offered with functions as reg_type; leave it out")
    if len(functions) != 2:
        raise error(
            _abi.E_SHAPE, f"reg_type has {len(functions)} functions; f and its gradient are needed")
    limit = max_iter or 1000
    plan, told = cg(*weights, M, reg, *functions, G0=start, numItermax=limit, stopThr=tol or 1e-9,
                    verbose=verbose, log=True)
    return OTResult(
        kind.type(told["loss"][-1]), kind.type(np.vdot(plan, M)),
        (told["u"].astype(kind), told["v"].astype(kind)), M.shape,
        "Converged" if len(told["loss"]) <= limit else "iteration_limit", kind,
        plan=plan.astype(kind), log=told,
    )


def _outcome(
    found: Entropic, weights: Weights, shape: Tuple[int, int], reg: float, reg_type: str,
    kind: np.dtype, hides_plan: bool = False,
) -> OTResult:
    result = found.result
    value = result.objective
    if reg_type.lower() == "entropy":
        # sum P log P = KL(P | a b') + <P 1, log a> + <P' 1, log b>, and the marginals are a and b.
        log_a, log_b = weights.logarithms(*shape)
        for logarithm in (log_a, log_b):
            mass = np.exp(logarithm)
            value += reg * float(mass[mass > 0] @ logarithm[mass > 0])
    solved = result.status_code == _abi.SOLVED
    return OTResult(
        kind.type(value), kind.type(result.transport_cost),
        (found.log_u.astype(kind), found.log_v.astype(kind)), shape,
        "Converged" if solved else result.status, kind, result, hides_plan=hides_plan,
    )


def _debiased(
    X_a: Any, X_b: Any, a: Any, b: Any, start: Any, shared: Dict[str, Any]
) -> OTResult:
    own: Tuple[Any, Any] = (None, None)
    if start is not None:
        own = ((start[0], start[0]), (start[1], start[1]))
    left = solve_sample(X_a, X_a, a, a, potentials_init=own[0], **shared)
    right = solve_sample(X_b, X_b, b, b, potentials_init=own[1], **shared)
    across = solve_sample(X_a, X_b, a, b, potentials_init=start, **shared)
    debiased = copy.copy(across)
    debiased.value = across.value - (left.value + right.value) / 2
    debiased.value_linear = across.value_linear - (left.value_linear + right.value_linear) / 2
    debiased.log = {"res_aa": left, "res_bb": right, "res_ab": across}
    return debiased


def _refuse_more(c: Any, unbalanced: Any, grad: str) -> None:
    if c is not None:
        refuse("c: another reference measure is not offered; leave it out")
    if unbalanced is not None and not np.all(np.isinf(unbalanced)):
        refuse(
            f"unbalanced={unbalanced!r}: relaxed marginals are not offered without a cost matrix; "
            "use lazy=False"
        )
    if grad not in _GRADIENTS:
        refuse(f"grad {grad!r} is not one of {', '.join(_GRADIENTS)}")


def _check_entropic(reg_type: Any, method: Optional[str], offered: Tuple[str, ...]) -> None:
    if not isinstance(reg_type, str) or reg_type.lower() not in ("kl", "entropy"):
        refuse(f"reg_type {reg_type!r} is not offered; use 'KL', 'entropy' or 'L2'")
    if method is not None and method not in offered:
        refuse(f"method {method!r} is not offered; use one of {', '.join(offered)}")


def _refuse_left_out(**pairs: Tuple[Any, Any]) -> None:
    for name, (value, default) in pairs.items():
        if value is not default and not (np.isscalar(value) and value == default):
            refuse(f"{name}: belongs to a method that is not offered; leave it out")
