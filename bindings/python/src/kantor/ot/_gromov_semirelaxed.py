"""Semi-relaxed Gromov-Wasserstein problems."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .._arrays import as_matrix
from ._gromov import finish, read_spaces, read_tolerance, refuse_keywords, solve_spaces
from ._inputs import read_count, read_generator, read_positive, read_weights

_GAP = 1e-9


def semirelaxed_gromov_wasserstein(
    C1: Any, C2: Any, p: Any = None, loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None, log: bool = False, G0: Any = None, max_iter: float = 1e4,
    tol_rel: float = 1e-9, tol_abs: float = 1e-9, random_state: int = 0, **kwargs: Any,
) -> Any:
    r"""Semi-relaxed Gromov-Wasserstein plan: the weights of the targets are free.

    .. math::
        \min_P \sum_{ijkl} L(C^1_{ik}, C^2_{jl}) P_{ij} P_{kl}
        \quad\text{subject to}\quad P \ge 0,\ P 1 = p

    Parameters
    ----------
    C1, C2, p, loss_fun, symmetric, log, max_iter, tol_rel, tol_abs, **kwargs
        As for `kantor.ot.gromov.gromov_wasserstein`.
    G0 : array_like, shape (n, m), optional
        Plan to start from, with the rows' weights; equal columns if None or ``"product"``;
        ``"random_product"`` draws the columns' weights, ``"random"`` a plan. POT's other starts by
        name are not offered.
    random_state : int
        Seed of what is drawn.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `C1`.
    log : dict
        With ``log=True``: ``loss`` (objectives of the steps), ``srgw_dist`` (the last one),
        ``warning`` (None or a text) and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    Two of three points are at the same place; what they are matched with takes both weights:

    >>> import kantor
    >>> C1 = [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    >>> G0 = [[0.2, 0.4 / 3], [0.2, 0.4 / 3], [0.5 / 3, 0.5 / 3]]
    >>> plan = kantor.ot.gromov.semirelaxed_gromov_wasserstein(C1, [[0.0, 1.0], [1.0, 0.0]], G0=G0)
    >>> plan.sum(axis=0).round(6)
    array([0.666667, 0.333333])
    """
    plan, told = _semirelaxed(
        "semirelaxed_gromov_wasserstein", C1, C2, None, p, loss_fun, symmetric, 1.0,
        G0, random_state, max_iter,
        {"decrease_tolerance": read_tolerance(tol_rel, "tol_rel")}, kwargs, log,
    )
    return (plan, told) if log else plan


def semirelaxed_gromov_wasserstein2(
    C1: Any, C2: Any, p: Any = None, loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None, log: bool = False, G0: Any = None, max_iter: float = 1e4,
    tol_rel: float = 1e-9, tol_abs: float = 1e-9, random_state: int = 0, **kwargs: Any,
) -> Any:
    """Semi-relaxed Gromov-Wasserstein loss.

    Parameters
    ----------
    C1, C2, p, loss_fun, symmetric, log, G0, max_iter, tol_rel, tol_abs, random_state, **kwargs
        As for `semirelaxed_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The objective.
    log : dict
        With ``log=True``, as for `semirelaxed_gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> float(kantor.ot.gromov.semirelaxed_gromov_wasserstein2([[0.0, 1.0], [1.0, 0.0]], [[0.0]]))
    0.5
    """
    plan, told = _semirelaxed(
        "semirelaxed_gromov_wasserstein2", C1, C2, None, p, loss_fun, symmetric, 1.0,
        G0, random_state,
        max_iter, {"decrease_tolerance": read_tolerance(tol_rel, "tol_rel")}, kwargs, True,
    )
    told["T"] = plan
    return (told["srgw_dist"], told) if log else told["srgw_dist"]


def semirelaxed_fused_gromov_wasserstein(
    M: Any, C1: Any, C2: Any, p: Any = None, loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None, alpha: float = 0.5, G0: Any = None, log: bool = False,
    max_iter: float = 1e4, tol_rel: float = 1e-9, tol_abs: float = 1e-9, random_state: int = 0,
    **kwargs: Any,
) -> Any:
    """Semi-relaxed fused Gromov-Wasserstein plan.

    Parameters
    ----------
    M, alpha
        As for `kantor.ot.gromov.fused_gromov_wasserstein`.
    C1, C2, p, loss_fun, symmetric, G0, log, max_iter, tol_rel, tol_abs, random_state, **kwargs
        As for `semirelaxed_gromov_wasserstein`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``, as for `semirelaxed_gromov_wasserstein`, with ``srfgw_dist``,
        ``lin_loss`` and ``quad_loss`` for ``srgw_dist``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> kantor.ot.gromov.semirelaxed_fused_gromov_wasserstein([[1.0, 0.0], [0.0, 1.0]], C, C)
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    plan, told = _semirelaxed(
        "semirelaxed_fused_gromov_wasserstein", C1, C2, M, p, loss_fun, symmetric, alpha,
        G0, random_state,
        max_iter, {"decrease_tolerance": read_tolerance(tol_rel, "tol_rel")}, kwargs, log,
    )
    return (plan, told) if log else plan


def semirelaxed_fused_gromov_wasserstein2(
    M: Any, C1: Any, C2: Any, p: Any = None, loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None, alpha: float = 0.5, G0: Any = None, log: bool = False,
    max_iter: float = 1e4, tol_rel: float = 1e-9, tol_abs: float = 1e-9, random_state: int = 0,
    **kwargs: Any,
) -> Any:
    """Semi-relaxed fused Gromov-Wasserstein loss.

    Parameters
    ----------
    M, C1, C2, p, loss_fun, symmetric, alpha, G0, log, max_iter, tol_rel, tol_abs, random_state, \
**kwargs
        As for `semirelaxed_fused_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The objective.
    log : dict
        With ``log=True``, as for `semirelaxed_fused_gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> M = [[3.0, 1.0], [1.0, 3.0]]
    >>> float(kantor.ot.gromov.semirelaxed_fused_gromov_wasserstein2(M, C, C))
    0.5
    """
    plan, told = _semirelaxed(
        "semirelaxed_fused_gromov_wasserstein2", C1, C2, M, p, loss_fun, symmetric, alpha,
        G0, random_state,
        max_iter, {"decrease_tolerance": read_tolerance(tol_rel, "tol_rel")}, kwargs, True,
    )
    told["T"] = plan
    return (told["srfgw_dist"], told) if log else told["srfgw_dist"]


def entropic_semirelaxed_gromov_wasserstein(
    C1: Any, C2: Any, p: Any = None, loss_fun: str = "square_loss", epsilon: float = 0.1,
    symmetric: Optional[bool] = None, G0: Any = None, max_iter: float = 1e4, tol: float = 1e-9,
    log: bool = False, verbose: bool = False, random_state: int = 0,
) -> Any:
    """Semi-relaxed Gromov-Wasserstein plan by mirror descent.

    Parameters
    ----------
    C1, C2, p, loss_fun, symmetric, G0, random_state
        As for `semirelaxed_gromov_wasserstein`.
    epsilon : float
        The larger, the shorter the steps; the objective has no entropy in it.
    max_iter : int
        Largest number of steps.
    tol : float
        Relative Frank-Wolfe gap to stop at; POT's is a change of the plan.
    log : bool
        Return a dictionary as well.
    verbose : bool
        Print the course of the solve.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `C1`.
    log : dict
        With ``log=True``: ``err`` (relative gaps of the steps), ``srgw_dist``, ``warning`` and
        ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> G0 = [[0.3, 0.2], [0.2, 0.3]]
    >>> plan = kantor.ot.gromov.entropic_semirelaxed_gromov_wasserstein(C, C, G0=G0)
    >>> plan.round(6)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    plan, told = _mirror(
        "entropic_semirelaxed_gromov_wasserstein", C1, C2, None, p, loss_fun, epsilon, symmetric,
        1.0, G0, random_state, max_iter, tol, verbose,
    )
    return (plan, told) if log else plan


def entropic_semirelaxed_gromov_wasserstein2(
    C1: Any, C2: Any, p: Any = None, loss_fun: str = "square_loss", epsilon: float = 0.1,
    symmetric: Optional[bool] = None, G0: Any = None, max_iter: float = 1e4, tol: float = 1e-9,
    log: bool = False, verbose: bool = False, random_state: int = 0, **kwargs: Any,
) -> Any:
    """Semi-relaxed Gromov-Wasserstein loss by mirror descent.

    Parameters
    ----------
    C1, C2, p, loss_fun, epsilon, symmetric, G0, max_iter, tol, log, verbose, random_state
        As for `entropic_semirelaxed_gromov_wasserstein`.
    **kwargs
        Limits of inner solves, which are without effect. Others are refused.

    Returns
    -------
    loss : float
        The objective.
    log : dict
        With ``log=True``, as for `entropic_semirelaxed_gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> float(kantor.ot.gromov.entropic_semirelaxed_gromov_wasserstein2(C, [[0.0]]))
    0.5
    """
    refuse_keywords("entropic_semirelaxed_gromov_wasserstein2", kwargs)
    plan, told = _mirror(
        "entropic_semirelaxed_gromov_wasserstein2", C1, C2, None, p, loss_fun, epsilon, symmetric,
        1.0, G0, random_state, max_iter, tol, verbose,
    )
    told["T"] = plan
    return (told["srgw_dist"], told) if log else told["srgw_dist"]


def entropic_semirelaxed_fused_gromov_wasserstein(
    M: Any, C1: Any, C2: Any, p: Any = None, loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None, epsilon: float = 0.1, alpha: float = 0.5, G0: Any = None,
    max_iter: float = 1e4, tol: float = 1e-9, log: bool = False, verbose: bool = False,
    random_state: int = 0,
) -> Any:
    """Semi-relaxed fused Gromov-Wasserstein plan by mirror descent.

    Parameters
    ----------
    M, alpha
        As for `kantor.ot.gromov.fused_gromov_wasserstein`.
    C1, C2, p, loss_fun, symmetric, epsilon, G0, max_iter, tol, log, verbose, random_state
        As for `entropic_semirelaxed_gromov_wasserstein`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``, as for `entropic_semirelaxed_gromov_wasserstein`, with ``srfgw_dist``,
        ``lin_loss`` and ``quad_loss`` for ``srgw_dist``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> M = [[1.0, 0.0], [0.0, 1.0]]
    >>> kantor.ot.gromov.entropic_semirelaxed_fused_gromov_wasserstein(M, C, C).round(6)
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    plan, told = _mirror(
        "entropic_semirelaxed_fused_gromov_wasserstein", C1, C2, M, p, loss_fun, epsilon,
        symmetric, alpha, G0, random_state, max_iter, tol, verbose,
    )
    return (plan, told) if log else plan


def entropic_semirelaxed_fused_gromov_wasserstein2(
    M: Any, C1: Any, C2: Any, p: Any = None, loss_fun: str = "square_loss",
    symmetric: Optional[bool] = None, epsilon: float = 0.1, alpha: float = 0.5, G0: Any = None,
    max_iter: float = 1e4, tol: float = 1e-9, log: bool = False, verbose: bool = False,
    random_state: int = 0,
) -> Any:
    """Semi-relaxed fused Gromov-Wasserstein loss by mirror descent.

    Parameters
    ----------
    M, C1, C2, p, loss_fun, symmetric, epsilon, alpha, G0, max_iter, tol, log, verbose, \
random_state
        As for `entropic_semirelaxed_fused_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The objective.
    log : dict
        With ``log=True``, as for `entropic_semirelaxed_fused_gromov_wasserstein`, and the plan
        ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> M = [[3.0, 1.0], [1.0, 3.0]]
    >>> value = kantor.ot.gromov.entropic_semirelaxed_fused_gromov_wasserstein2(M, C, C)
    >>> round(float(value), 6)
    0.5
    """
    plan, told = _mirror(
        "entropic_semirelaxed_fused_gromov_wasserstein2", C1, C2, M, p, loss_fun, epsilon,
        symmetric, alpha, G0, random_state, max_iter, tol, verbose,
    )
    told["T"] = plan
    return (told["srfgw_dist"], told) if log else told["srfgw_dist"]


def _semirelaxed(
    function: str, C1: Any, C2: Any, M: Any, p: Any, loss_fun: str, symmetric: Optional[bool],
    alpha: float, G0: Any, random_state: Any, max_iter: Any, options: Dict[str, Any],
    keywords: Dict[str, Any], log: bool,
) -> Tuple[np.ndarray, Dict[str, Any]]:
    verbose = refuse_keywords(function, keywords)
    spaces = read_spaces(C1, C2, M, p, None, loss_fun, symmetric, alpha, balanced=False)
    result = solve_spaces(
        spaces, "gromov_semirelaxed", _start(G0, random_state, C1, C2, p), verbose=verbose,
        trace=log, tolerance=_GAP, max_iterations=read_count(max_iter, "max_iter"), **options,
    )
    told = {}
    if log:
        told["loss"] = result.trace["objective"].tolist()
    return finish(spaces, result, M, told, "srgw_dist", "srfgw_dist")


def _mirror(
    function: str, C1: Any, C2: Any, M: Any, p: Any, loss_fun: str, epsilon: float,
    symmetric: Optional[bool], alpha: float, G0: Any, random_state: Any, max_iter: Any, tol: Any,
    verbose: bool,
) -> Tuple[np.ndarray, Dict[str, Any]]:
    spaces = read_spaces(C1, C2, M, p, None, loss_fun, symmetric, alpha, balanced=False)
    result = solve_spaces(
        spaces, "gromov_semirelaxed", _start(G0, random_state, C1, C2, p), verbose=verbose,
        trace=True, solver="mirror_descent", epsilon=read_positive(epsilon, "epsilon"),
        tolerance=max(read_tolerance(tol, "tol"), 1e-12),
        max_iterations=read_count(max_iter, "max_iter"),
    )
    told = {"err": result.trace["residual"].tolist()}
    return finish(spaces, result, M, told, "srgw_dist", "srfgw_dist")


def _start(G0: Any, random_state: Any, C1: Any, C2: Any, p: Any) -> Any:
    """The plan that a name stands for; anything else as it is."""
    if not (isinstance(G0, str) and G0 in ("random", "random_product")):
        return G0
    n, m = len(as_matrix(C1, "C1")), len(as_matrix(C2, "C2"))
    a = read_weights(p, n, "p")
    rng = read_generator(random_state, "random_state")
    drawn = rng.rand(n, m) if G0 == "random" else np.ones((n, 1)) * rng.rand(m)
    return drawn * ((1 / n if a is None else a[:, None]) / drawn.sum(axis=1, keepdims=True))
