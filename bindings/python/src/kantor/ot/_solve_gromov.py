"""``solve_gromov``: one function for matchings of structures."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ._inputs import refuse
from ._outcome import OTResult
from ._unified import solve
from .gromov import fused_gromov_wasserstein2, gromov_wasserstein2

_LOSSES = {"l2": "square_loss", "kl": "kl_loss"}


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
        Regularised problems are not offered.
    reg_type : str
        Without effect.
    unbalanced : None
        Relaxed marginals are not offered.
    unbalanced_type : str
        Without effect.
    n_threads : int
        Without effect, except with ``alpha=0``.
    method : None
        Belongs to regularised problems.
    max_iter : int, optional
        Largest number of steps, 10000 by default.
    plan_init : array_like, shape (n, m), optional
        Plan to start from.
    tol : float, optional
        Relative decrease of the objective to stop at, 1e-9 by default.
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
    if reg:
        refuse(f"reg={reg!r} is not offered here; leave it out")
    if unbalanced is not None or str(unbalanced_type).lower() == "semirelaxed":
        refuse(f"unbalanced={unbalanced!r}, {unbalanced_type!r} is not offered; leave it out")
    if method is not None:
        refuse(f"method {method!r} is not offered; leave it out")
    if M is not None and alpha == 0:
        outcome = solve(M, a, b, n_threads=n_threads, max_iter=max_iter, verbose=verbose)
        outcome.value_quad = 0
        return outcome
    shared: Dict[str, Any] = dict(
        loss_fun=_LOSSES[str(loss).lower()], symmetric=symmetric, log=True,
        max_iter=10000 if max_iter is None else max_iter, G0=plan_init,
        tol_rel=1e-9 if tol is None else tol, verbose=verbose,
    )
    is_fused = M is not None and alpha != 1
    if is_fused:
        value, log = fused_gromov_wasserstein2(M, Ca, Cb, a, b, alpha=alpha, **shared)
    else:
        value, log = gromov_wasserstein2(Ca, Cb, a, b, **shared)
    return _outcome(value, log, is_fused, M is not None)


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
