"""``solve_gromov``: one function for matchings of structures."""

from __future__ import annotations

from typing import Any, Dict, Optional

import numpy as np

from ._inputs import refuse
from ._outcome import OTResult
from ._unified import solve
from .gromov import (
    entropic_fused_gromov_wasserstein2, entropic_gromov_wasserstein2,
    entropic_semirelaxed_fused_gromov_wasserstein2, entropic_semirelaxed_gromov_wasserstein2,
    fused_gromov_wasserstein2, gromov_wasserstein2, semirelaxed_fused_gromov_wasserstein2,
    semirelaxed_gromov_wasserstein2,
)

_LOSSES = {"l2": "square_loss", "kl": "kl_loss"}

#: By whether there is an entropy, the targets' weights are free, and features count.
_FUNCTIONS = {
    (False, False, False): gromov_wasserstein2,
    (False, False, True): fused_gromov_wasserstein2,
    (False, True, False): semirelaxed_gromov_wasserstein2,
    (False, True, True): semirelaxed_fused_gromov_wasserstein2,
    (True, False, False): entropic_gromov_wasserstein2,
    (True, False, True): entropic_fused_gromov_wasserstein2,
    (True, True, False): entropic_semirelaxed_gromov_wasserstein2,
    (True, True, True): entropic_semirelaxed_fused_gromov_wasserstein2,
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
    unbalanced : {None, "semirelaxed"}
        Leave the weights of the targets free; other relaxations are not offered.
    unbalanced_type : str
        ``"semirelaxed"`` is the same; others are without effect where `unbalanced` is None.
    n_threads : int
        Without effect, except with ``alpha=0``.
    method : {None, "PGD", "PPA"}
        Of entropic problems, as ``solver`` of `kantor.ot.gromov.entropic_gromov_wasserstein`.
    max_iter : int, optional
        Largest number of steps, 10000 by default, 1000 for entropic problems.
    plan_init : array_like, shape (n, m), optional
        Plan to start from.
    tol : float, optional
        Tolerance of the function of `kantor.ot.gromov` that is used, 1e-9 by default.
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
    is_relaxed = unbalanced == "semirelaxed" or str(unbalanced_type).lower() == "semirelaxed"
    if unbalanced is not None and not is_relaxed:
        refuse(f"unbalanced={unbalanced!r} is not offered; use 'semirelaxed' or leave it out")
    if reg and str(reg_type).lower() != "entropy":
        refuse(f"reg_type {reg_type!r} is not offered; use 'entropy'")
    if method is not None and (is_relaxed or not reg):
        refuse(f"method {method!r} belongs to entropic problems with both weights; leave it out")
    if M is not None and alpha == 0 and not is_relaxed:
        outcome = solve(
            M, a, b, reg, reg_type=reg_type, n_threads=n_threads, max_iter=max_iter,
            verbose=verbose,
        )
        outcome.value_quad = 0
        return outcome
    is_fused = M is not None and alpha != 1
    shared: Dict[str, Any] = dict(
        loss_fun=_LOSSES[str(loss).lower()], symmetric=symmetric, log=True, G0=plan_init,
        verbose=verbose, max_iter=max_iter or (1000 if reg else 10000),
    )
    tolerance = 1e-9 if tol is None else tol
    if is_fused:
        shared["alpha"] = alpha
    if reg:
        shared.update(epsilon=reg, tol=tolerance)
        if not is_relaxed:
            shared["solver"] = method or "PGD"
    else:
        shared["tol_rel"] = tolerance
    weights = (a,) if is_relaxed else (a, b)
    arguments = ((M,) if is_fused else ()) + (Ca, Cb) + weights
    value, log = _FUNCTIONS[bool(reg), is_relaxed, is_fused](*arguments, **shared)
    outcome = _outcome(value, log, is_fused, M is not None or bool(reg))
    if reg:
        plan = log["T"][log["T"] > 0]
        outcome.value = value + reg * float((plan * np.log(plan)).sum())
    return outcome


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
