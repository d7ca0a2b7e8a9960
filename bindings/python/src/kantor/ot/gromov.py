"""Gromov-Wasserstein and fused problems: spaces that are compared by their inner structure."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .._result import Result
from ._exact import center_dual_potentials
from ._gromov import (
    Spaces, plan_of, read_spaces, read_tolerance, refuse_keywords, solve_spaces, split_terms,
    value_of, warning_of,
)
from ._gromov_barycentre import (
    entropic_fused_gromov_barycenters,
    entropic_gromov_barycenters,
    fgw_barycenters,
    gromov_barycenters,
)
from ._gromov_entropic import (
    entropic_fused_gromov_wasserstein,
    entropic_fused_gromov_wasserstein2,
    entropic_gromov_wasserstein,
    entropic_gromov_wasserstein2,
)
from ._gromov_means import update_barycenter_feature, update_barycenter_structure
from ._gromov_partial import (
    entropic_partial_fused_gromov_wasserstein,
    entropic_partial_fused_gromov_wasserstein2,
    entropic_partial_gromov_wasserstein,
    entropic_partial_gromov_wasserstein2,
    partial_fused_gromov_wasserstein,
    partial_fused_gromov_wasserstein2,
    partial_gromov_wasserstein,
    partial_gromov_wasserstein2,
)
from ._gromov_semirelaxed import (
    entropic_semirelaxed_fused_gromov_wasserstein,
    entropic_semirelaxed_fused_gromov_wasserstein2,
    entropic_semirelaxed_gromov_wasserstein,
    entropic_semirelaxed_gromov_wasserstein2,
    semirelaxed_fused_gromov_wasserstein,
    semirelaxed_fused_gromov_wasserstein2,
    semirelaxed_gromov_wasserstein,
    semirelaxed_gromov_wasserstein2,
)
from ._gromov_terms import gwggrad, gwloss, init_matrix, tensor_product
from ._gromov_unbalanced import (
    fused_unbalanced_gromov_wasserstein,
    fused_unbalanced_gromov_wasserstein2,
)
from ._inputs import read_count

__all__ = [
    "entropic_fused_gromov_barycenters",
    "entropic_fused_gromov_wasserstein",
    "entropic_fused_gromov_wasserstein2",
    "entropic_gromov_barycenters",
    "entropic_gromov_wasserstein",
    "entropic_gromov_wasserstein2",
    "entropic_partial_fused_gromov_wasserstein",
    "entropic_partial_fused_gromov_wasserstein2",
    "entropic_partial_gromov_wasserstein",
    "entropic_partial_gromov_wasserstein2",
    "entropic_semirelaxed_fused_gromov_wasserstein",
    "entropic_semirelaxed_fused_gromov_wasserstein2",
    "entropic_semirelaxed_gromov_wasserstein",
    "entropic_semirelaxed_gromov_wasserstein2",
    "fgw_barycenters",
    "fused_gromov_wasserstein",
    "fused_gromov_wasserstein2",
    "fused_unbalanced_gromov_wasserstein",
    "fused_unbalanced_gromov_wasserstein2",
    "gromov_barycenters",
    "gromov_wasserstein",
    "gromov_wasserstein2",
    "gwggrad",
    "gwloss",
    "init_matrix",
    "partial_fused_gromov_wasserstein",
    "partial_fused_gromov_wasserstein2",
    "partial_gromov_wasserstein",
    "partial_gromov_wasserstein2",
    "semirelaxed_fused_gromov_wasserstein",
    "semirelaxed_fused_gromov_wasserstein2",
    "semirelaxed_gromov_wasserstein",
    "semirelaxed_gromov_wasserstein2",
    "tensor_product",
    "update_barycenter_feature",
    "update_barycenter_structure",
]

#: Relative Frank-Wolfe gap at which a plan inside the polytope counts as stationary.
_GAP = 1e-9


def gromov_wasserstein(
    C1: Any,
    C2: Any,
    p: Any = None,
    q: Any = None,
    loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None,
    log: bool = False,
    armijo: bool = False,
    G0: Any = None,
    max_iter: float = 1e4,
    tol_rel: float = 1e-9,
    tol_abs: float = 1e-9,
    **kwargs: Any,
) -> Any:
    r"""Gromov-Wasserstein plan between two structures, by conditional gradient.

    .. math::
        \min_P \sum_{ijkl} L(C^1_{ik}, C^2_{jl}) P_{ij} P_{kl}
        \quad\text{subject to}\quad P \ge 0,\ P 1 = p,\ P^T 1 = q

    Parameters
    ----------
    C1 : array_like, shape (n, n)
        Structure of the sources, such as distances between them; need not be symmetric.
    C2 : array_like, shape (m, m)
        Structure of the targets.
    p : array_like, shape (n,), optional
        Weights of the sources; uniform if None.
    q : array_like, shape (m,), optional
        Weights of the targets; uniform if None.
    loss_fun : {"square_loss", "kl_loss"}
        :math:`L(x, y)`: :math:`(x - y)^2` or :math:`x \log(x / y) - x + y`.
    symmetric : bool, optional
        Whether both structures are symmetric; found out by itself. True for others is an error.
    log : bool
        Return a dictionary as well.
    armijo : bool
        Without effect: the line search is exact, which gains more.
    G0 : array_like, shape (n, m), optional
        Plan to start from, with the right marginals; the product of the weights if None.
    max_iter : int
        Largest number of steps.
    tol_rel : float
        Relative decrease of the objective in a step at which to stop.
    tol_abs : float
        Without effect: the solve also stops at plans that are stationary to rounding, and
        its certificate tells how far from that it is.
    **kwargs
        ``verbose``; limits of inner solves, which are without effect. Others are refused.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `C1`.
    log : dict
        With ``log=True``: ``loss`` (objectives of the steps), ``gw_dist`` (the last one), the
        potentials ``u`` and ``v`` of the linearised problem, ``warning`` (None or a text),
        ``result_code`` (1 if stationary, 3 otherwise) and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C1 = [[0.0, 1.0, 2.0], [1.0, 0.0, 2.5], [2.0, 2.5, 0.0]]
    >>> C2 = [[0.0, 2.5, 2.0], [2.5, 0.0, 1.0], [2.0, 1.0, 0.0]]
    >>> kantor.ot.gromov.gromov_wasserstein(C1, C2).argmax(axis=1)
    array([2, 1, 0])
    """
    plan, told = _balanced(
        "gromov_wasserstein", C1, C2, None, p, q, loss_fun, symmetric, 1.0, G0, max_iter,
        tol_rel, kwargs, log,
    )
    return (plan, told) if log else plan


def gromov_wasserstein2(
    C1: Any,
    C2: Any,
    p: Any = None,
    q: Any = None,
    loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None,
    log: bool = False,
    armijo: bool = False,
    G0: Any = None,
    max_iter: float = 1e4,
    tol_rel: float = 1e-9,
    tol_abs: float = 1e-9,
    **kwargs: Any,
) -> Any:
    """Gromov-Wasserstein loss between two structures: that of a locally optimal plan.

    Parameters
    ----------
    C1, C2, p, q, loss_fun, symmetric, log, armijo, G0, max_iter, tol_rel, tol_abs, **kwargs
        As for `gromov_wasserstein`.

    Returns
    -------
    loss : float
        The objective; the square of the distance for distances and the square loss.
    log : dict
        With ``log=True``, as for `gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C1, C2 = [[0.0, 3.0], [3.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]
    >>> round(float(kantor.ot.gromov.gromov_wasserstein2(C1, C2)), 9)
    2.0
    """
    plan, told = _balanced(
        "gromov_wasserstein2", C1, C2, None, p, q, loss_fun, symmetric, 1.0, G0, max_iter,
        tol_rel, kwargs, True,
    )
    told["T"] = plan
    return (told["gw_dist"], told) if log else told["gw_dist"]


def fused_gromov_wasserstein(
    M: Any,
    C1: Any,
    C2: Any,
    p: Any = None,
    q: Any = None,
    loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None,
    alpha: float = 0.5,
    armijo: bool = False,
    G0: Any = None,
    log: bool = False,
    max_iter: float = 1e4,
    tol_rel: float = 1e-9,
    tol_abs: float = 1e-9,
    **kwargs: Any,
) -> Any:
    r"""Fused Gromov-Wasserstein plan: structures and features count.

    .. math::
        \min_P (1 - \alpha) \langle P, M \rangle
        + \alpha \sum_{ijkl} L(C^1_{ik}, C^2_{jl}) P_{ij} P_{kl}
        \quad\text{subject to}\quad P \ge 0,\ P 1 = p,\ P^T 1 = q

    Parameters
    ----------
    M : array_like, shape (n, m)
        Costs of matching the features of a source with those of a target.
    C1, C2, p, q, loss_fun, symmetric, armijo, G0, log, max_iter, tol_rel, tol_abs, **kwargs
        As for `gromov_wasserstein`.
    alpha : float
        Weight of the structures, in [0, 1].

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``, as for `gromov_wasserstein`, with ``fgw_dist`` for ``gw_dist``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> kantor.ot.gromov.fused_gromov_wasserstein([[1.0, 0.0], [0.0, 1.0]], C, C)
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    plan, told = _balanced(
        "fused_gromov_wasserstein", C1, C2, M, p, q, loss_fun, symmetric, alpha, G0,
        max_iter, tol_rel, kwargs, log,
    )
    return (plan, told) if log else plan


def fused_gromov_wasserstein2(
    M: Any,
    C1: Any,
    C2: Any,
    p: Any = None,
    q: Any = None,
    loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None,
    alpha: float = 0.5,
    armijo: bool = False,
    G0: Any = None,
    log: bool = False,
    max_iter: float = 1e4,
    tol_rel: float = 1e-9,
    tol_abs: float = 1e-9,
    **kwargs: Any,
) -> Any:
    """Fused Gromov-Wasserstein loss: that of a locally optimal plan.

    Parameters
    ----------
    M, C1, C2, p, q, loss_fun, symmetric, alpha, armijo, G0, log, max_iter, tol_rel, tol_abs, \
**kwargs
        As for `fused_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The objective.
    log : dict
        With ``log=True``, as for `fused_gromov_wasserstein`, and the plan ``T`` and the terms
        ``lin_loss`` and ``quad_loss``, which add up to the loss.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> float(kantor.ot.gromov.fused_gromov_wasserstein2([[3.0, 1.0], [1.0, 3.0]], C, C))
    0.5
    """
    plan, told = _balanced(
        "fused_gromov_wasserstein2", C1, C2, M, p, q, loss_fun, symmetric, alpha, G0,
        max_iter, tol_rel, kwargs, True,
    )
    told["T"] = plan
    return (told["fgw_dist"], told) if log else told["fgw_dist"]


def _balanced(
    function: str, C1: Any, C2: Any, M: Any, p: Any, q: Any, loss_fun: str,
    symmetric: Optional[bool], alpha: float, G0: Any, max_iter: Any, tol_rel: Any,
    keywords: Dict[str, Any], log: bool,
) -> Tuple[np.ndarray, Dict[str, Any]]:
    spaces = read_spaces(C1, C2, M, p, q, loss_fun, symmetric, alpha)
    result = solve_spaces(
        spaces, "gromov_conditional_gradient", G0,
        verbose=refuse_keywords(function, keywords), trace=log, tolerance=_GAP,
        decrease_tolerance=read_tolerance(tol_rel, "tol_rel"),
        max_iterations=read_count(max_iter, "max_iter"),
    )
    plan = plan_of(spaces, result)
    if not log:
        return plan, {}
    return plan, _told(spaces, result, "gw_dist" if M is None else "fgw_dist")


def _told(spaces: Spaces, result: Result, name: str) -> Dict[str, Any]:
    kind = spaces.kind
    u, v = center_dual_potentials(
        result.potential_source, result.potential_target, spaces.a, spaces.b)
    value = kind.type(value_of(result, spaces.alpha))
    text = warning_of(result)
    told = {
        "loss": [*result.trace["objective"].tolist(), float(value)],
        "u": u.astype(kind),
        "v": v.astype(kind),
        "warning": text,
        "result_code": 1 if text is None else 3,
        name: value,
        "res": result,
    }
    if name == "fgw_dist":
        split_terms(told, spaces, result)
    return told
