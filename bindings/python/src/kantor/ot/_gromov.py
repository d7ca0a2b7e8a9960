"""What the Gromov-Wasserstein functions share: reading two structures, solving, telling."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._entropic import _Printer
from ._gromov_terms import read_loss, read_share, read_structure
from ._inputs import balance, drop_keywords, float_type, read_positive, read_weights, refuse

#: Limits of POT's inner solves and line searches.
_IDLE = (
    "numItermaxEmd", "numItermax", "stopThr", "armijo", "alpha_min", "alpha_max", "n_dummies",
)
#: As in POT: structures count as symmetric up to this.
_SYMMETRY = 1e-10


class Spaces(NamedTuple):
    """Two structures with weights, and what matching them costs."""

    problem: Problem
    kind: np.dtype
    a: Optional[np.ndarray]
    b: Optional[np.ndarray]
    alpha: float


def read_spaces(
    C1: Any, C2: Any, M: Any, p: Any, q: Any, loss_fun: str, symmetric: Optional[bool],
    alpha: Any, balanced: bool = True, kind: str = "gromov", **own: Any,
) -> Spaces:
    """Read two structures.

    Parameters
    ----------
    C1, C2 : array_like
        The structures.
    M : array_like or None
        Costs of features.
    p, q : array_like or None
        Weights.
    loss_fun : str
        POT's name of the loss.
    symmetric : bool or None
        Whether the structures are symmetric; True is checked.
    alpha : float
        Weight of the structures, with costs of features.
    balanced : bool
        Whether the targets have weights.
    kind : str
        Kind of the problem; others than "gromov" let masses differ.
    **own
        Fields of such a kind.

    Returns
    -------
    Spaces
        The problem and what is needed to translate its result.
    """
    precision = float_type(C1, C2, p, q) if M is None else float_type(M, C1, C2, p, q)
    loss = read_loss(loss_fun)
    C1, C2 = read_structure(C1, "C1"), read_structure(C2, "C2")
    for name, C in (("C1", C1), ("C2", C2)):
        if symmetric and not np.allclose(C, C.T, atol=_SYMMETRY):
            raise error(
                _abi.E_RANGE, f"{name} is not symmetric, but symmetric is True; leave it out")
    n, m = C1.shape[0], C2.shape[0]
    a = read_weights(p, n, "p")
    b = None
    if kind != "gromov":
        b = read_weights(q, m, "q")
    elif balanced:
        a, b = balance(a, read_weights(q, m, "q"))
    fields: Dict[str, Any] = {}
    if M is not None:
        M = as_matrix(M, "M")
        if M.shape != (n, m):
            raise error(_abi.E_SHAPE, f"M has the shape {M.shape}; ({n}, {m}) is needed")
        fields = {"cost": M, "alpha": read_share(alpha, "alpha")}
    problem = Problem(
        kind, copy=False, structure_source=C1, structure_target=C2, weights_source=a,
        weights_target=b, loss=loss, **fields, **own,
    )
    return Spaces(problem, precision, a, b, fields.get("alpha", 1.0))


def read_tolerance(value: Any, name: str) -> float:
    """Read a tolerance in [0, 1].

    Parameters
    ----------
    value : float
        The number.
    name : str
        What it is called in error messages.

    Returns
    -------
    float
        The number, at most 1.
    """
    return 0.0 if isinstance(value, (int, float)) and value == 0 else min(
        read_positive(value, name), 1.0)


def solve_spaces(
    spaces: Spaces, method: str, G0: Any, *, verbose: bool, trace: bool, **options: Any
) -> Result:
    """Solve with a start plan, and no warning: `log` tells how it ended.

    Parameters
    ----------
    spaces : Spaces
        The problem.
    method : str
        Kantor's method.
    G0 : array_like or None
        Plan to start from.
    verbose : bool
        Print the course of the solve.
    trace : bool
        Keep the objectives.
    **options
        Of the method.

    Returns
    -------
    Result
        The result.
    """
    start = None
    if isinstance(G0, str):
        if G0 != "product":
            refuse(f"G0 {G0!r} is not offered; give a plan, or leave it out")
    elif G0 is not None:
        start = {"plan": as_matrix(G0, "G0").astype(np.float64, copy=False)}
    return solve(
        spaces.problem, method, warm_start=start, trace=trace,
        progress=_Printer() if verbose else None, **options,
    )


def warning_of(result: Result) -> Optional[str]:
    """Say in words how a solve fell short.

    Parameters
    ----------
    result : Result
        The result.

    Returns
    -------
    str or None
        None if it did not.
    """
    return None if result.status_code == _abi.SOLVED else result.message


def plan_of(spaces: Spaces, result: Result) -> np.ndarray:
    """Give the plan in the precision of the input.

    Parameters
    ----------
    spaces : Spaces
        The problem.
    result : Result
        Its result.

    Returns
    -------
    numpy.ndarray
        A copy.
    """
    return np.array(result.plan, dtype=spaces.kind)


def value_of(result: Result, alpha: float) -> float:
    """Give the objective without an entropy.

    Parameters
    ----------
    result : Result
        The result.
    alpha : float
        Weight of the structures.

    Returns
    -------
    float
        The value.
    """
    if alpha == 1:
        return float(result.quadratic_cost)
    return float((1 - alpha) * result.linear_cost + alpha * result.quadratic_cost)


def split_terms(log: Dict[str, Any], spaces: Spaces, result: Result) -> None:
    """Add the two terms of a fused objective to a dictionary.

    Parameters
    ----------
    log : dict
        Gets ``lin_loss`` and ``quad_loss``.
    spaces : Spaces
        The problem.
    result : Result
        Its result.
    """
    log["lin_loss"] = spaces.kind.type((1 - spaces.alpha) * result.linear_cost)
    log["quad_loss"] = spaces.kind.type(spaces.alpha * result.quadratic_cost)


def refuse_keywords(function: str, keywords: Dict[str, Any]) -> bool:
    """Take the keywords that POT hands on to its solvers and Kantor has no use for.

    Parameters
    ----------
    function : str
        Name of the function.
    keywords : dict
        ``verbose``; ``numItermaxEmd``, ``numItermax``, ``stopThr`` of inner solves, which here run
        to their end; ``armijo``, ``alpha_min``, ``alpha_max`` of line searches, which here are
        exact; ``n_dummies`` of partial problems, which need none; others are refused.

    Returns
    -------
    bool
        Whether to print the course.
    """
    rest = dict(keywords)
    verbose = bool(rest.pop("verbose", False))
    drop_keywords(function, rest, *_IDLE)
    return verbose


def finish(
    spaces: Spaces, result: Result, M: Any, told: Dict[str, Any], name: str, fused_name: str
) -> Tuple[np.ndarray, Dict[str, Any]]:
    """Give the plan, and what is told of every variant.

    Parameters
    ----------
    spaces : Spaces
        The problem.
    result : Result
        Its result.
    M : array_like or None
        Costs of features.
    told : dict
        What is told already.
    name, fused_name : str
        What the loss is called without and with costs of features.

    Returns
    -------
    plan : numpy.ndarray
        The plan.
    told : dict
        With the loss, its terms, ``warning`` and ``res``.
    """
    told[name if M is None else fused_name] = spaces.kind.type(value_of(result, spaces.alpha))
    if M is not None:
        split_terms(told, spaces, result)
    told["warning"] = warning_of(result)
    told["res"] = result
    return plan_of(spaces, result), told
