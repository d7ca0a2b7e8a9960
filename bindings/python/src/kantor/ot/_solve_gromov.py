"""``solve_gromov``: one function for matchings of structures."""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np

from .. import _abi
from .._errors import error
from ._inputs import read_positive, refuse
from ._outcome import OTResult
from ._unified import solve
from .gromov import (
    entropic_fused_gromov_wasserstein2, entropic_gromov_wasserstein2,
    entropic_partial_fused_gromov_wasserstein2, entropic_partial_gromov_wasserstein2,
    entropic_semirelaxed_fused_gromov_wasserstein2, entropic_semirelaxed_gromov_wasserstein2,
    fused_gromov_wasserstein2, fused_unbalanced_gromov_wasserstein, gromov_wasserstein2,
    partial_fused_gromov_wasserstein2, partial_gromov_wasserstein2,
    semirelaxed_fused_gromov_wasserstein2, semirelaxed_gromov_wasserstein2,
)

_LOSSES = {"l2": "square_loss", "kl": "kl_loss"}

#: By what is asked of the weights, and whether there is an entropy and features count.
_FUNCTIONS = {
    ("balanced", False, False): gromov_wasserstein2,
    ("balanced", False, True): fused_gromov_wasserstein2,
    ("balanced", True, False): entropic_gromov_wasserstein2,
    ("balanced", True, True): entropic_fused_gromov_wasserstein2,
    ("semirelaxed", False, False): semirelaxed_gromov_wasserstein2,
    ("semirelaxed", False, True): semirelaxed_fused_gromov_wasserstein2,
    ("semirelaxed", True, False): entropic_semirelaxed_gromov_wasserstein2,
    ("semirelaxed", True, True): entropic_semirelaxed_fused_gromov_wasserstein2,
    ("partial", False, False): partial_gromov_wasserstein2,
    ("partial", False, True): partial_fused_gromov_wasserstein2,
    ("partial", True, False): entropic_partial_gromov_wasserstein2,
    ("partial", True, True): entropic_partial_fused_gromov_wasserstein2,
}


def solve_gromov(
    Ca: Any,
    Cb: Any,
    M: Any = None,
    a: Any = None,
    b: Any = None,
    loss: str = "L2",
    symmetric: Optional[bool] = None,
    alpha: float = 0.5,
    reg: Optional[float] = None,
    reg_type: str = "entropy",
    unbalanced: Any = None,
    unbalanced_type: str = "KL",
    n_threads: int = 1,
    method: Optional[str] = None,
    max_iter: Optional[int] = None,
    plan_init: Any = None,
    tol: Optional[float] = None,
    verbose: bool = False,
) -> OTResult:
    """Match two structures, with or without costs of features.

    Parameters
    ----------
    Ca : array_like, shape (n, n)
        Structure of the sources.
    Cb : array_like, shape (m, m)
        Structure of the targets.
    M : array_like, shape (n, m), optional
        Costs of features: the fused problem.
    a, b : array_like, optional
        Weights; uniform if None.
    loss : {"L2", "KL"}
        Loss of the structures, as ``square_loss`` and ``kl_loss`` of `kantor.ot.gromov`.
    symmetric : bool, optional
        As for `kantor.ot.gromov.gromov_wasserstein`.
    alpha : float
        Weight of the structures, if `M` is given.
    reg : float, optional
        Strength of the entropy; None or 0 for none. Semi-relaxed problems: the strength of mirror
        steps, which do not count in the objective; ``value`` adds the entropy, as in POT.
    reg_type : {"entropy"}
        The regularisation.
    unbalanced : None, float or "semirelaxed"
        Mass of partial problems, strength of missed weights in unbalanced ones; ``"semirelaxed"``
        leaves the weights of the targets free.
    unbalanced_type : {"KL", "partial", "semirelaxed"}
        What `unbalanced` means. Without effect, except for ``"semirelaxed"``, where `unbalanced`
        is None. Problems with ``"KL"`` have the square loss and no entropy, as in POT.
    n_threads : int
        Without effect, except with ``alpha=0``.
    method : {None, "PGD", "PPA"}
        Of entropic problems, as ``solver`` of `kantor.ot.gromov.entropic_gromov_wasserstein`.
    max_iter : int, optional
        Largest number of steps, 10000 by default, 1000 for entropic and partial problems, 100
        for unbalanced ones.
    plan_init : array_like, shape (n, m), optional
        Plan to start from.
    tol : float, optional
        Tolerance of the function of `kantor.ot.gromov` that is used, 1e-9 by default, 1e-7 for
        partial and unbalanced problems.
    verbose : bool
        Print the course of the solve.

    Returns
    -------
    OTResult
        ``plan``, ``value``, and its terms ``value_linear`` and ``value_quad`` (as in POT with
        their weights for fused problems), ``potentials`` of the linearised problem, ``status``,
        ``log`` and ``result``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses, values or an argument that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> abs(float(kantor.ot.solve_gromov(C, C).value))
    0.0
    """
    if str(loss).lower() not in _LOSSES:
        refuse(f"loss {loss!r} is not offered; use 'L2' or 'KL'")
    mode = _mode(unbalanced, str(unbalanced_type).lower())
    if reg and str(reg_type).lower() != "entropy":
        refuse(f"reg_type {reg_type!r} is not offered; use 'entropy'")
    if method is not None and (mode != "balanced" or not reg):
        refuse(f"method {method!r} belongs to entropic problems with both weights; leave it out")
    if M is not None and alpha == 0 and mode in ("balanced", "kl"):
        outcome = solve(
            M, a, b, reg, reg_type=reg_type, n_threads=n_threads, max_iter=max_iter,
            verbose=verbose, unbalanced=unbalanced,
        )
        outcome.value_quad = 0
        return outcome
    is_fused = M is not None and alpha != 1
    if mode == "kl":
        return _unbalanced(
            Ca, Cb, M, a, b, loss, alpha, reg, unbalanced, max_iter, plan_init, tol, verbose)
    shared: Dict[str, Any] = dict(
        loss_fun=_LOSSES[str(loss).lower()], symmetric=symmetric, log=True, G0=plan_init,
        verbose=verbose,
    )
    if is_fused:
        shared["alpha"] = alpha
    limit = max_iter or (1000 if reg or mode == "partial" else 10000)
    tolerance = tol if tol is not None else 1e-7 if mode == "partial" else 1e-9
    if mode == "partial":
        shared.update(m=unbalanced, numItermax=limit, tol=tolerance)
        if reg:
            shared["reg"] = reg
    else:
        shared["max_iter"] = limit
        if reg:
            shared.update(epsilon=reg, tol=tolerance)
        else:
            shared["tol_rel"] = tolerance
        if reg and mode == "balanced":
            shared["solver"] = method or "PGD"
    weights = (a,) if mode == "semirelaxed" else (a, b)
    arguments = ((M,) if is_fused else ()) + (Ca, Cb) + weights
    value, log = _FUNCTIONS[mode, bool(reg), is_fused](*arguments, **shared)
    outcome = _outcome(value, log, is_fused, M is not None or bool(reg))
    if reg:
        plan = log["T"][log["T"] > 0]
        outcome.value = value + reg * float((plan * np.log(plan)).sum())
    return outcome


def _mode(unbalanced: Any, kind: str) -> str:
    """What is asked of the weights."""
    if unbalanced == "semirelaxed" or kind == "semirelaxed":
        return "semirelaxed"
    if unbalanced is None:
        return "balanced"
    if kind not in ("partial", "kl"):
        refuse(
            f"unbalanced_type {kind!r} is not offered; use 'KL', 'partial' or 'semirelaxed', or "
            "leave unbalanced out")
    return kind


def _unbalanced(
    Ca: Any, Cb: Any, M: Any, a: Any, b: Any, loss: str, alpha: float, reg: Any,
    unbalanced: Any, max_iter: Optional[int], plan_init: Any, tol: Optional[float],
    verbose: bool,
) -> OTResult:
    """POT's form: alpha times structures, and half of `unbalanced` on each divergence."""
    if reg or str(loss).lower() != "l2":
        refuse("unbalanced problems are offered with loss='L2' and without reg only")
    if not 0 < alpha <= 1:
        raise error(_abi.E_RANGE, f"alpha is {alpha}; a number in (0, 1] is needed here")
    strength = read_positive(unbalanced, "unbalanced") / (2 * alpha)
    plan, _, log = fused_unbalanced_gromov_wasserstein(
        Ca, Cb, a, b, reg_marginals=strength, alpha=0 if M is None else (1 - alpha) / alpha, M=M,
        init_pi=plan_init, max_iter=max_iter or 100, tol=1e-7 if tol is None else tol, log=True,
        verbose=verbose,
    )
    result = log.pop("res")
    log["T"] = plan
    return OTResult(
        log["fugw_cost"] * alpha, log["linear_cost"] * alpha, log["duals"], plan.shape,
        "Converged" if log["warning"] is None else result.status, plan.dtype, result, log=log,
    )


def _outcome(value: Any, log: Dict[str, Any], is_fused: bool, has_cost: bool) -> OTResult:
    linear = log["lin_loss"] if is_fused else 0 if has_cost else None
    result = log.pop("res")
    plan = log["T"]
    outcome = OTResult(
        value, linear, (log["u"], log["v"]) if "u" in log else None, plan.shape,
        "Converged" if log["warning"] is None else result.status, plan.dtype, result, log=log,
    )
    outcome.value_quad = log["quad_loss"] if is_fused else value
    return outcome
