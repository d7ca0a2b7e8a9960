"""Entropic Gromov-Wasserstein problems."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from ._gromov import finish, read_spaces, read_tolerance, refuse_keywords, solve_spaces
from ._inputs import read_count, read_positive, refuse

#: The library's names of POT's solvers.
_SCHEMES = {"PGD": "projected", "PPA": "proximal"}
#: Relative gaps to stop at; conditional gradient, which ends proximal steps, may be slow.
_GAPS = {"PGD": 1e-9, "PPA": 1e-7}


def entropic_gromov_wasserstein(
    C1: Any, C2: Any, p: Any = None, q: Any = None, loss_fun: str = "square_loss",
    epsilon: float = 0.1, symmetric: Optional[bool] = None, G0: Any = None, max_iter: int = 1000,
    tol: float = 1e-9, solver: str = "PGD", warmstart: bool = False, verbose: bool = False,
    log: bool = False, **kwargs: Any,
) -> Any:
    r"""Entropic Gromov-Wasserstein plan between two structures.

    .. math::
        \min_P \sum_{ijkl} L(C^1_{ik}, C^2_{jl}) P_{ij} P_{kl}
        + \varepsilon \sum_{ij} P_{ij} \log P_{ij}
        \quad\text{subject to}\quad P 1 = p,\ P^T 1 = q

    Parameters
    ----------
    C1, C2, p, q, loss_fun, symmetric, G0
        As for `kantor.ot.gromov.gromov_wasserstein`.
    epsilon : float
        Strength of the entropy, > 0; with ``solver="PPA"`` that of each step only.
    max_iter : int
        Largest number of steps.
    tol : float
        L1 change of the plan in a step to stop at, at least 1e-12; POT's is a Euclidean norm.
    solver : {"PGD", "PPA"}
        Projected gradient descent on the objective above, or proximal steps towards a plan
        of the problem without the entropy, which are ended by conditional gradient.
    warmstart : bool
        Without effect: steps always start from the potentials of the one before.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    **kwargs
        Limits of inner solves, which are without effect. Others are refused.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `C1`.
    log : dict
        With ``log=True``: ``err`` (relative gaps of the steps), ``gw_dist`` (the objective
        without the entropy), ``warning`` (None or a text) and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]
    >>> plan = kantor.ot.gromov.entropic_gromov_wasserstein(C, C, epsilon=0.2)
    >>> plan.argmax(axis=1)
    array([0, 1, 2])
    """
    plan, told = _entropic(
        "entropic_gromov_wasserstein", C1, C2, None, p, q, loss_fun, epsilon, symmetric, 1.0, G0,
        max_iter, tol, solver, verbose, kwargs,
    )
    return (plan, told) if log else plan


def entropic_gromov_wasserstein2(
    C1: Any, C2: Any, p: Any = None, q: Any = None, loss_fun: str = "square_loss",
    epsilon: float = 0.1, symmetric: Optional[bool] = None, G0: Any = None, max_iter: int = 1000,
    tol: float = 1e-9, solver: str = "PGD", warmstart: bool = False, verbose: bool = False,
    log: bool = False, **kwargs: Any,
) -> Any:
    """Gromov-Wasserstein loss of the entropic plan, without the entropy.

    Parameters
    ----------
    C1, C2, p, q, loss_fun, epsilon, symmetric, G0, max_iter, tol, solver, warmstart, verbose, \
log, **kwargs
        As for `entropic_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The loss.
    log : dict
        With ``log=True``, as for `entropic_gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]
    >>> bool(kantor.ot.gromov.entropic_gromov_wasserstein2(C, C, epsilon=0.2) < 0.1)
    True
    """
    plan, told = _entropic(
        "entropic_gromov_wasserstein2", C1, C2, None, p, q, loss_fun, epsilon, symmetric, 1.0, G0,
        max_iter, tol, solver, verbose, kwargs,
    )
    told["T"] = plan
    return (told["gw_dist"], told) if log else told["gw_dist"]


def entropic_fused_gromov_wasserstein(
    M: Any, C1: Any, C2: Any, p: Any = None, q: Any = None, loss_fun: str = "square_loss",
    epsilon: float = 0.1, symmetric: Optional[bool] = None, alpha: float = 0.5, G0: Any = None,
    max_iter: int = 1000, tol: float = 1e-9, solver: str = "PGD", warmstart: bool = False,
    verbose: bool = False, log: bool = False, **kwargs: Any,
) -> Any:
    """Entropic fused Gromov-Wasserstein plan.

    Parameters
    ----------
    M, alpha
        As for `kantor.ot.gromov.fused_gromov_wasserstein`.
    C1, C2, p, q, loss_fun, epsilon, symmetric, G0, max_iter, tol, solver, warmstart, verbose, \
log, **kwargs
        As for `entropic_gromov_wasserstein`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``, as for `entropic_gromov_wasserstein`, with ``fgw_dist``, ``lin_loss``
        and ``quad_loss`` for ``gw_dist``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> M = [[1.0, 0.0], [0.0, 1.0]]
    >>> kantor.ot.gromov.entropic_fused_gromov_wasserstein(M, C, C, epsilon=0.05).round(3)
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    plan, told = _entropic(
        "entropic_fused_gromov_wasserstein", C1, C2, M, p, q, loss_fun, epsilon, symmetric, alpha,
        G0, max_iter, tol, solver, verbose, kwargs,
    )
    return (plan, told) if log else plan


def entropic_fused_gromov_wasserstein2(
    M: Any, C1: Any, C2: Any, p: Any = None, q: Any = None, loss_fun: str = "square_loss",
    epsilon: float = 0.1, symmetric: Optional[bool] = None, alpha: float = 0.5, G0: Any = None,
    max_iter: int = 1000, tol: float = 1e-9, solver: str = "PGD", warmstart: bool = False,
    verbose: bool = False, log: bool = False, **kwargs: Any,
) -> Any:
    """Fused Gromov-Wasserstein loss of the entropic plan, without the entropy.

    Parameters
    ----------
    M, C1, C2, p, q, loss_fun, epsilon, symmetric, alpha, G0, max_iter, tol, solver, warmstart, \
verbose, log, **kwargs
        As for `entropic_fused_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The loss.
    log : dict
        With ``log=True``, as for `entropic_fused_gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> M = [[1.0, 0.0], [0.0, 1.0]]
    >>> bool(kantor.ot.gromov.entropic_fused_gromov_wasserstein2(M, C, C, epsilon=0.05) < 1e-3)
    True
    """
    plan, told = _entropic(
        "entropic_fused_gromov_wasserstein2", C1, C2, M, p, q, loss_fun, epsilon, symmetric,
        alpha, G0, max_iter, tol, solver, verbose, kwargs,
    )
    told["T"] = plan
    return (told["fgw_dist"], told) if log else told["fgw_dist"]


def read_scheme(solver: Any) -> str:
    """Read POT's name of a solver of entropic problems.

    Parameters
    ----------
    solver : str
        The name.

    Returns
    -------
    str
        The library's name of it.
    """
    if solver not in _SCHEMES:
        refuse(f"solver {solver!r} is not offered; use 'PGD' or 'PPA'")
    return _SCHEMES[solver]


def _entropic(
    function: str, C1: Any, C2: Any, M: Any, p: Any, q: Any, loss_fun: str, epsilon: float,
    symmetric: Optional[bool], alpha: float, G0: Any, max_iter: Any, tol: Any, solver: str,
    verbose: bool, keywords: Dict[str, Any],
) -> Tuple[np.ndarray, Dict[str, Any]]:
    scheme = read_scheme(solver)
    verbose = refuse_keywords(function, keywords) or verbose
    spaces = read_spaces(C1, C2, M, p, q, loss_fun, symmetric, alpha)
    result = solve_spaces(
        spaces, "gromov_entropic", G0, verbose=verbose, trace=True, tolerance=_GAPS[solver],
        epsilon=read_positive(epsilon, "epsilon"), scheme=scheme,
        plan_tolerance=max(read_tolerance(tol, "tol"), 1e-12),
        max_iterations=read_count(max_iter, "max_iter"),
    )
    told = {"err": result.trace["residual"].tolist()}
    return finish(spaces, result, M, told, "gw_dist", "fgw_dist")
