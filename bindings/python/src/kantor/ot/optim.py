"""Transport with an objective of one's own: conditional gradients over exact or entropic solves."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from ._conditional import Objective, armijo, descend, negative_entropy, read_problem
from ._exact import emd
from ._inputs import drop_keywords, float_type, read_number, read_positive
from ._sinkhorn import sinkhorn

__all__ = [
    "cg",
    "gcg",
    "generic_conditional_gradient",
    "line_search_armijo",
    "semirelaxed_cg",
    "solve_1d_linesearch_quad",
]

#: Exact steps that miss 0 or 1 by less are rounded, so that plans have no dust.
_ROUNDING = 1e-12
#: Where directions come from entropic solves: steps that far beyond the lowest point are shortened.
_CLOSE = 0.95
#: From so many pairs on, an exact solve is quicker from the potentials of the one before.
_WARM_PAIRS = 1 << 16
#: Arguments of Armijo's rule that `cg` and `gcg` hand on.
_RULE = ("c1", "alpha0", "alpha_min", "alpha_max")


def cg(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    f: Callable[[np.ndarray], float],
    df: Callable[[np.ndarray], np.ndarray],
    G0: Any = None,
    line_search: Optional[Callable[..., Tuple]] = None,
    numItermax: int = 200,
    numItermaxEmd: int = 100000,
    stopThr: float = 1e-9,
    stopThr2: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    nx: Any = None,
    **kwargs: Any,
) -> Any:
    r"""Transport plan of a cost and a differentiable function of the plan.

    .. math::
        \min_P \langle P, M \rangle + \mathrm{reg}\, f(P)
        \quad\text{subject to}\quad P \ge 0,\ P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets; uniform if empty or None.
    M : array_like, shape (n, m), or float
        Costs; one number for all pairs if the weights are given.
    reg : float
        Factor of `f`.
    f, df : callable
        Take a plan and return the function's value and its gradient, of the plan's shape.
    G0 : array_like, shape (n, m), optional
        Plan to start from; the product of the weights if None.
    line_search : callable, optional
        As for `generic_conditional_gradient`; `line_search_armijo` if None.
    numItermax : int
        Largest number of steps.
    numItermaxEmd : int
        Largest number of pivots of the exact transport in each step, as for `kantor.ot.emd`.
    stopThr, stopThr2 : float
        Relative and absolute change of the objective to stop at.
    verbose : bool
        Print the course.
    log : bool
        Return a dictionary as well.
    nx : None
        Without effect: arrays are those of numpy.
    **kwargs
        Arguments of `line_search`: ``c1``, ``alpha0``, ``alpha_min``, ``alpha_max`` for Armijo's
        rule.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``: ``loss``, the objectives of all steps; ``gap``, which bounds how far the
        last one is from the optimum if `f` is convex; and what `kantor.ot.emd` tells of the last
        linear problem.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used, or that the functions return.

    Notes
    -----
    Each step solves an exact transport problem for the gradient at the plan (Frank and Wolfe) and
    moves towards its plan. The gap shrinks in proportion to the number of steps at worst, so that
    the change of the objective can be small before the gap is.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [1.0, 0.0]]
    >>> plan, log = kantor.ot.optim.cg(
    ...     [0.5, 0.5], [0.5, 0.5], M, 4.0, lambda P: 0.5 * (P**2).sum(), lambda P: P, log=True)
    >>> plan.round(6)
    array([[0.375, 0.125],
           [0.125, 0.375]])
    >>> log["gap"] < 1e-9
    True
    """
    if line_search is None:
        drop_keywords("cg", kwargs, *_RULE)
        line_search = _armijo_search

    last: Dict[str, Any] = {}

    def exact(a: np.ndarray, b: np.ndarray, cost: np.ndarray, **_: Any) -> Tuple:
        start = (last["u"], last["v"]) if last and cost.size > _WARM_PAIRS else None
        plan, told = emd(a, b, cost, numItermax=numItermaxEmd, potentials_init=start, log=True)
        last.update(told)
        return plan, told

    return generic_conditional_gradient(
        a, b, M, f, df, reg, None, exact, line_search, G0=G0, numItermax=numItermax,
        stopThr=stopThr, stopThr2=stopThr2, verbose=verbose, log=log, **kwargs)


def semirelaxed_cg(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    f: Callable[[np.ndarray], float],
    df: Callable[[np.ndarray], np.ndarray],
    G0: Any = None,
    line_search: Optional[Callable[..., Tuple]] = None,
    numItermax: int = 200,
    stopThr: float = 1e-9,
    stopThr2: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    nx: Any = None,
    **kwargs: Any,
) -> Any:
    """Transport plan as for `cg`, whose targets may get any weights.

    Parameters
    ----------
    a, M, reg, f, df, line_search, numItermax, stopThr, stopThr2, verbose, log, nx, **kwargs
        As for `cg`.
    b : array_like, shape (m,)
        Weights of the targets of the plan to start from; uniform if empty or None.
    G0 : array_like, shape (n, m), optional
        Plan to start from; the product of the weights if None.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``: ``loss`` and ``gap``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used, or that the functions return.
    """
    if line_search is None:
        drop_keywords("semirelaxed_cg", kwargs, *_RULE)
        line_search = _armijo_search

    def nearest(a: np.ndarray, b: np.ndarray, cost: np.ndarray, **_: Any) -> Tuple:
        plan = np.zeros(cost.shape)
        plan[np.arange(len(a)), cost.argmin(axis=1)] = a
        return plan, {}

    return generic_conditional_gradient(
        a, b, M, f, df, reg, None, nearest, line_search, G0=G0, numItermax=numItermax,
        stopThr=stopThr, stopThr2=stopThr2, verbose=verbose, log=log, **kwargs)


def gcg(
    a: Any,
    b: Any,
    M: Any,
    reg1: float,
    reg2: float,
    f: Callable[[np.ndarray], float],
    df: Callable[[np.ndarray], np.ndarray],
    G0: Any = None,
    numItermax: int = 10,
    numInnerItermax: int = 200,
    stopThr: float = 1e-9,
    stopThr2: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    **kwargs: Any,
) -> Any:
    r"""Entropic transport plan with a differentiable function of the plan.

    .. math::
        \min_P \langle P, M \rangle + \mathrm{reg}_1 \sum_{ij} P_{ij} \log P_{ij}
        + \mathrm{reg}_2\, f(P) \quad\text{subject to}\quad P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    a, b, M, f, df, G0, numItermax, stopThr, stopThr2, verbose, log
        As for `cg`.
    reg1 : float
        Strength of the entropy, > 0.
    reg2 : float
        Factor of `f`.
    numInnerItermax : int
        Largest number of iterations of the entropic transport in each step.
    **kwargs
        Arguments of `kantor.ot.sinkhorn`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``: ``loss``, the objectives of all steps with the entropy, which POT leaves
        out; ``gap``, as for `cg`, up to the accuracy of the entropic solves; and what
        `kantor.ot.sinkhorn` tells of the last one.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used, or that the functions return.

    Examples
    --------
    >>> import kantor
    >>> M = [[0.0, 1.0], [1.0, 0.0]]
    >>> plan = kantor.ot.optim.gcg(
    ...     [0.5, 0.5], [0.5, 0.5], M, 1.0, 4.0, lambda P: 0.5 * (P**2).sum(), lambda P: P)
    >>> plan.round(4)
    array([[0.3118, 0.1882],
           [0.1882, 0.3118]])
    """
    reg1 = read_positive(reg1, "reg1")
    kind = float_type(a, b, M)
    a, b, M, G = read_problem(a, b, M, G0)
    objective = Objective(M, read_number(reg2, "reg2"), f, df, reg1)

    def step(G: np.ndarray, value: Any, slope: np.ndarray) -> Tuple:
        target, told = sinkhorn(a, b, slope, reg1, numItermax=numInnerItermax, log=True, **kwargs)
        direction = target - G
        # What the linear part and the entropy promise: the entropy is convex, so that the
        # objective falls at least as steeply.
        fall = np.vdot(slope, direction) + reg1 * (negative_entropy(target) - negative_entropy(G))
        length, _, value = armijo(
            lambda t: objective(G + t * direction), value, fall, close=_CLOSE)
        return G + length * direction, value, None, fall, told

    return descend(objective, G, step, kind, numItermax, stopThr, stopThr2, verbose, log)


def generic_conditional_gradient(
    a: Any,
    b: Any,
    M: Any,
    f: Callable[[np.ndarray], float],
    df: Callable[[np.ndarray], np.ndarray],
    reg1: float,
    reg2: Optional[float],
    lp_solver: Callable[..., Tuple[np.ndarray, Dict[str, Any]]],
    line_search: Callable[..., Tuple],
    G0: Any = None,
    numItermax: int = 200,
    stopThr: float = 1e-9,
    stopThr2: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    nx: Any = None,
    **kwargs: Any,
) -> Any:
    """Conditional gradients with linear solves and line searches of one's own.

    Parameters
    ----------
    a, b, M, f, df, G0, numItermax, stopThr, stopThr2, verbose, log, nx
        As for `cg`.
    reg1 : float
        Factor of `f`.
    reg2 : float, optional
        Strength of an entropy that is linearised with the rest; None for none.
    lp_solver : callable
        ``lp_solver(a, b, cost, **kwargs)`` returns the plan of least cost among those allowed,
        and a dictionary.
    line_search : callable
        ``line_search(objective, plan, direction, gradient, value, gradient_of_f, **kwargs)``
        returns the step, the number of evaluations and the objective at the step; and, if it
        knows it, the gradient of `f` there.
    **kwargs
        Go to `lp_solver` and `line_search`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``: ``loss`` and ``gap`` as for `cg`, and the last dictionary of
        `lp_solver`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used, or that the functions return.
    """
    kind = float_type(a, b, M)
    a, b, M, G = read_problem(a, b, M, G0)
    strength = None if reg2 is None else read_number(reg2, "reg2")
    objective = Objective(M, read_number(reg1, "reg1"), f, df, strength or 0.0)

    def step(G: np.ndarray, value: Any, slope: np.ndarray) -> Tuple:
        bent = slope
        if strength is not None:
            with np.errstate(divide="ignore"):
                bent = slope + strength * (1 + np.log(G))
        target, told = lp_solver(a, b, bent, **kwargs)
        target = np.asarray(target, dtype=float)
        direction = target - G
        found = line_search(objective, G, direction, bent, value, objective.inner, **kwargs)
        moved = target if found[0] == 1 else G + float(found[0]) * direction
        return moved, found[2], found[3] if len(found) > 3 else None, np.vdot(bent, direction), told

    return descend(objective, G, step, kind, numItermax, stopThr, stopThr2, verbose, log)


def line_search_armijo(
    f: Callable[..., Any],
    xk: Any,
    pk: Any,
    gfk: Any,
    old_fval: Any,
    args: Tuple = (),
    c1: float = 1e-4,
    alpha0: float = 0.99,
    alpha_min: float = 0.0,
    alpha_max: Optional[float] = None,
    nx: Any = None,
    **kwargs: Any,
) -> Tuple[float, int, Any]:
    """Step along a direction that decreases a function enough, by Armijo's rule.

    Parameters
    ----------
    f : callable
        The function.
    xk, pk, gfk : array_like
        Point, direction and gradient, of one shape.
    old_fval : float, optional
        The function at `xk`; evaluated if None.
    args : tuple
        More arguments of `f`.
    c1 : float
        Share of the decrease that the gradient promises.
    alpha0 : float
        First step to try, > 0.
    alpha_min, alpha_max : float, optional
        Bounds of the step.
    nx : None
        Without effect: arrays are those of numpy.
    **kwargs
        Without effect, as in POT.

    Returns
    -------
    alpha : float
        The step; 0 if none decreases the function.
    count : int
        Number of evaluations.
    value : float
        The function at the step.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.optim.line_search_armijo(lambda x: (x**2).sum(), 1.0, -4.0, 2.0, 1.0)[0]
    0.25
    """
    point = np.atleast_1d(np.asarray(xk)) if np.ndim(xk) == 0 else np.asarray(xk)
    direction = np.asarray(pk)
    start = f(point, *args) if old_fval is None else old_fval
    step, count, value = armijo(
        lambda t: f(point + t * direction, *args), start, np.sum(direction * np.asarray(gfk)),
        c1=c1, alpha0=alpha0, alpha_min=alpha_min, alpha_max=alpha_max)
    return step, count + (old_fval is None), value


def solve_1d_linesearch_quad(a: Any, b: Any) -> Any:
    """Least value of ``a x^2 + b x`` for x between 0 and 1.

    Parameters
    ----------
    a, b : float or array_like
        The coefficients.

    Returns
    -------
    float or numpy.ndarray
        The x of it.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.optim.solve_1d_linesearch_quad(1.0, -1.0)
    0.5
    """
    square, slope = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    inside = np.clip(-slope / np.where(square > 0, 2 * square, 1), 0, 1)
    best = np.where(square > 0, inside, np.where(square + slope < 0, 1.0, 0.0))
    return float(best) if best.ndim == 0 else best


def exact_search(quadratic: Callable[[np.ndarray], float], factor: float) -> Callable[..., Tuple]:
    """Make the line search of objectives that are quadratic in the plan.

    Parameters
    ----------
    quadratic : callable
        The quadratic part, without its factor, as a function of a direction.
    factor : float
        Its factor.

    Returns
    -------
    callable
        For `generic_conditional_gradient`.
    """

    def search(
        objective: Callable, G: np.ndarray, direction: np.ndarray, slope: np.ndarray, value: Any,
        inner: np.ndarray, **_: Any,
    ) -> Tuple[float, int, float]:
        bend, fall = factor * quadratic(direction), np.vdot(slope, direction)
        step = solve_1d_linesearch_quad(bend, fall)
        step = 0.0 if step < _ROUNDING else 1.0 if step > 1 - _ROUNDING else step
        return step, 1, value + step * fall + step**2 * bend

    return search


def _armijo_search(
    objective: Callable, G: np.ndarray, direction: np.ndarray, slope: np.ndarray, value: Any,
    inner: np.ndarray, **rule: Any,
) -> Tuple[float, int, Any]:
    return line_search_armijo(objective, G, direction, slope, value, **rule)
