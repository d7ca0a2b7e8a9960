"""Unbalanced Gromov-Wasserstein problems: weights may be missed at a price."""

from __future__ import annotations

import warnings
from typing import Any, Dict, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from ._gromov import plan_of, read_spaces, read_tolerance, solve_spaces, warning_of
from ._inputs import (
    float_type, read_count, read_number, read_positive, refuse, refuse_unknown,
)

_SOLVERS = ("mm", "lbfgsb", "sinkhorn", "sinkhorn_log")


def fused_unbalanced_gromov_wasserstein(
    Cx: Any, Cy: Any, wx: Any = None, wy: Any = None, reg_marginals: Any = 10, epsilon: float = 0,
    divergence: str = "kl", unbalanced_solver: str = "mm", alpha: float = 0, M: Any = None,
    init_duals: Any = None, init_pi: Any = None, max_iter: int = 100, tol: float = 1e-7,
    max_iter_ot: int = 500, tol_ot: float = 1e-7, log: bool = False, verbose: bool = False,
    **kwargs_solve: Any,
) -> Any:
    r"""Unbalanced Gromov-Wasserstein plan between two structures, with or without features.

    .. math::
        \min_{P \ge 0} \sum_{ijkl} (C^x_{ik} - C^y_{jl})^2 P_{ij} P_{kl} + \alpha \langle P, M
        \rangle + \rho_1 KL(P 1 \otimes P 1 | w_x \otimes w_x) + \rho_2 KL(P^T 1 \otimes P^T 1 |
        w_y \otimes w_y) + \varepsilon KL(P \otimes P | w_x w_y^T \otimes w_x w_y^T)

    POT lets the two factors of the form be different plans and returns both; here they are one.

    Parameters
    ----------
    Cx : array_like, shape (n, n)
        Structure of the sources.
    Cy : array_like, shape (m, m)
        Structure of the targets.
    wx, wy : array_like, optional
        Weights, of any totals; uniform if None.
    reg_marginals : float or pair of float
        Strengths :math:`\rho_1, \rho_2` of the marginals.
    epsilon : float
        Strength of the entropy; 0 for none.
    divergence : {"kl"}
        Penalty of the marginals; ``"l2"`` is not offered.
    unbalanced_solver : {"mm", "lbfgsb", "sinkhorn", "sinkhorn_log"}
        Without effect but for its name: `epsilon` decides.
    alpha : float
        Weight of `M`; ignored without it, with a warning, as in POT.
    M : array_like, shape (n, m), optional
        Costs of matching the features of a source with those of a target.
    init_duals : pair of array_like, optional
        Without effect.
    init_pi : array_like, shape (n, m), optional
        Plan to start from; the product of the weights if None.
    max_iter : int
        Largest number of steps.
    tol : float
        Gap of the problem with one factor held, relative to the size of its terms, to stop at; at
        least 1e-12. POT's is a change of the plan.
    max_iter_ot, tol_ot
        Without effect: inner problems are solved to the end.
    log : bool
        Return a dictionary as well.
    verbose : bool
        Print the course of the solve.
    **kwargs_solve
        Refused.

    Returns
    -------
    plan, plan2 : numpy.ndarray, shape (n, m)
        The plan, in the precision of `Cx`, twice.
    log : dict
        With ``log=True``: ``error`` (relative gaps of the steps), ``duals``, ``linear_cost``,
        ``fugw_cost``, ``warning`` (None or a text) and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]
    >>> plan, _ = kantor.ot.gromov.fused_unbalanced_gromov_wasserstein(C, C, reg_marginals=1)
    >>> bool(0.99 < plan.sum() < 1.01)
    True
    """
    plan, told = _unbalanced(
        "fused_unbalanced_gromov_wasserstein", Cx, Cy, wx, wy, reg_marginals, epsilon, divergence,
        unbalanced_solver, alpha, M, init_pi, max_iter, tol, verbose, kwargs_solve,
    )
    return (plan, plan.copy(), told) if log else (plan, plan.copy())


def fused_unbalanced_gromov_wasserstein2(
    Cx: Any, Cy: Any, wx: Any = None, wy: Any = None, reg_marginals: Any = 10, epsilon: float = 0,
    divergence: str = "kl", unbalanced_solver: str = "mm", alpha: float = 0, M: Any = None,
    init_duals: Any = None, init_pi: Any = None, max_iter: int = 100, tol: float = 1e-7,
    max_iter_ot: int = 500, tol_ot: float = 1e-7, log: bool = False, verbose: bool = False,
    **kwargs_solve: Any,
) -> Any:
    """Unbalanced Gromov-Wasserstein cost: that of a locally optimal plan.

    Parameters
    ----------
    Cx, Cy, wx, wy, reg_marginals, epsilon, divergence, unbalanced_solver, alpha, M, init_duals, \
init_pi, max_iter, tol, max_iter_ot, tol_ot, log, verbose, **kwargs_solve
        As for `fused_unbalanced_gromov_wasserstein`.

    Returns
    -------
    cost : float
        The objective, penalties and entropy with it.
    log : dict
        With ``log=True``, as for `fused_unbalanced_gromov_wasserstein`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> D = [[0.0, 3.0], [3.0, 0.0]]
    >>> cost = kantor.ot.gromov.fused_unbalanced_gromov_wasserstein2(C, D, reg_marginals=1)
    >>> bool(0 < cost < 2)
    True
    """
    _, told = _unbalanced(
        "fused_unbalanced_gromov_wasserstein2", Cx, Cy, wx, wy, reg_marginals, epsilon, divergence,
        unbalanced_solver, alpha, M, init_pi, max_iter, tol, verbose, kwargs_solve,
    )
    return (told["fugw_cost"], told) if log else told["fugw_cost"]


def _unbalanced(
    function: str, Cx: Any, Cy: Any, wx: Any, wy: Any, reg_marginals: Any, epsilon: Any,
    divergence: str, solver: str, alpha: Any, M: Any, init_pi: Any, max_iter: Any, tol: Any,
    verbose: bool, keywords: Dict[str, Any],
) -> Tuple[np.ndarray, Dict[str, Any]]:
    refuse_unknown(function, keywords)
    if divergence != "kl":
        refuse(f"divergence {divergence!r} is not offered; use 'kl'")
    if solver not in _SOLVERS:
        refuse(f"unbalanced_solver {solver!r} is not offered; use one of {', '.join(_SOLVERS)}")
    share = read_number(alpha, "alpha")
    if share < 0:
        raise error(_abi.E_RANGE, f"alpha is {share}; a number >= 0 is needed")
    if M is None and share > 0:
        warnings.warn(f"alpha is {share} but M is None: there is no cost of features", stacklevel=3)
    strengths = _pair(reg_marginals)
    entropy = 0.0 if epsilon == 0 else read_positive(epsilon, "epsilon")
    # The library's objective is the mean of the structures' part and of the features'.
    scale = 1.0 if M is None else 2.0
    features = None if M is None else share * as_matrix(M, "M").astype(np.float64, copy=False)
    kind = float_type(Cx, Cy, wx, wy)
    spaces = read_spaces(
        Cx, Cy, features, wx, wy, "square_loss", None, 0.5, kind="unbalanced_gromov",
        strength_source=strengths[0] / scale, strength_target=strengths[1] / scale,
    )
    result = solve_spaces(
        spaces, "gromov_unbalanced", init_pi, verbose=verbose, trace=True,
        epsilon=entropy / scale, tolerance=max(read_tolerance(tol, "tol"), 1e-12),
        max_iterations=read_count(max_iter, "max_iter"),
    )
    told: Dict[str, Any] = {
        "error": result.trace["residual"].tolist(),
        "duals": (
            np.array(result.potential_source, kind), np.array(result.potential_target, kind)),
        "linear_cost": kind.type(result.quadratic_cost + (0 if M is None else result.linear_cost)),
        "fugw_cost": kind.type(scale * result.objective), "warning": warning_of(result),
        "res": result,
    }
    return plan_of(spaces, result).astype(kind, copy=False), told


def _pair(reg_marginals: Any) -> Tuple[float, float]:
    values = np.atleast_1d(np.asarray(reg_marginals, dtype=object)).tolist()
    if len(values) not in (1, 2):
        raise error(
            _abi.E_SHAPE, f"reg_marginals has {len(values)} values; one or two are needed")
    first = read_positive(values[0], "reg_marginals")
    return first, read_positive(values[-1], "reg_marginals") if len(values) == 2 else first
