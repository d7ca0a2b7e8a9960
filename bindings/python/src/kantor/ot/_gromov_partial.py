"""Partial Gromov-Wasserstein problems: only a part of the mass is matched."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np

from .._arrays import as_matrix
from ._gromov import finish, read_spaces, read_tolerance, refuse_keywords, solve_spaces
from ._inputs import read_count, read_mass, read_positive, read_weights


def partial_gromov_wasserstein(
    C1: Any, C2: Any, p: Any = None, q: Any = None, m: Optional[float] = None,
    loss_fun: str = "square_loss", nb_dummies: int = 1, G0: Any = None, thres: float = 1,
    numItermax: float = 1e4, tol: float = 1e-8, symmetric: Optional[bool] = None,
    warn: bool = True, log: bool = False, verbose: bool = False, **kwargs: Any,
) -> Any:
    r"""Partial Gromov-Wasserstein plan between two structures, by conditional gradient.

    .. math::
        \min_P \sum_{ijkl} L(C^1_{ik}, C^2_{jl}) P_{ij} P_{kl}
        \quad\text{subject to}\quad P \ge 0,\ P 1 \le p,\ P^T 1 \le q,\ 1^T P 1 = m

    Parameters
    ----------
    C1, C2, p, q, loss_fun, symmetric
        As for `kantor.ot.gromov.gromov_wasserstein`; the totals of `p` and `q` may differ.
    m : float, optional
        Mass to match, at most the smaller total, which is the default.
    nb_dummies, thres, warn
        Without effect: one dummy point serves, and its pairs are forbidden, not dear.
    G0 : array_like, shape (n, m), optional
        Plan of mass `m` to start from; the product of the weights if None.
    numItermax : int
        Largest number of steps.
    tol : float
        Frank-Wolfe gap, relative to the size of its terms, to stop at; at least 1e-12.
    log : bool
        Return a dictionary as well.
    verbose : bool
        Print the course of the solve.
    **kwargs
        Limits of inner solves, which are without effect. Others are refused.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `C1`.
    log : dict
        With ``log=True``: ``loss`` (objectives of the steps), ``partial_gw_dist`` (the last one),
        ``warning`` (None or a text) and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor, numpy as np
    >>> x, y = np.array([1.0, 2, 100, 200]), np.array([3.0, 2, 98, 199])
    >>> C1, C2 = abs(x[:, None] - x), abs(y[:, None] - y)
    >>> plan = kantor.ot.gromov.partial_gromov_wasserstein(C1, C2, m=0.5)
    >>> float(plan.sum().round(9))
    0.5
    """
    plan, told = _exact(
        "partial_gromov_wasserstein", C1, C2, None, p, q, m, loss_fun, 1.0, G0, numItermax, tol,
        symmetric, verbose, kwargs, log,
    )
    return (plan, told) if log else plan


def partial_gromov_wasserstein2(
    C1: Any, C2: Any, p: Any = None, q: Any = None, m: Optional[float] = None,
    loss_fun: str = "square_loss", nb_dummies: int = 1, G0: Any = None, thres: float = 1,
    numItermax: float = 1e4, tol: float = 1e-7, symmetric: Optional[bool] = None,
    warn: bool = False, log: bool = False, verbose: bool = False, **kwargs: Any,
) -> Any:
    """Partial Gromov-Wasserstein loss: that of a locally optimal plan.

    Parameters
    ----------
    C1, C2, p, q, m, loss_fun, nb_dummies, G0, thres, numItermax, tol, symmetric, warn, log, \
verbose, **kwargs
        As for `partial_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The objective.
    log : dict
        With ``log=True``, as for `partial_gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C1, C2 = [[0.0, 3.0], [3.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]
    >>> round(float(kantor.ot.gromov.partial_gromov_wasserstein2(C1, C2, m=0.5)), 9)
    0.0
    """
    plan, told = _exact(
        "partial_gromov_wasserstein2", C1, C2, None, p, q, m, loss_fun, 1.0, G0, numItermax, tol,
        symmetric, verbose, kwargs, log,
    )
    told["T"] = plan
    return (told["partial_gw_dist"], told) if log else told["partial_gw_dist"]


def partial_fused_gromov_wasserstein(
    M: Any, C1: Any, C2: Any, p: Any = None, q: Any = None, m: Optional[float] = None,
    loss_fun: str = "square_loss", alpha: float = 0.5, nb_dummies: int = 1, G0: Any = None,
    thres: float = 1, numItermax: float = 1e4, tol: float = 1e-8,
    symmetric: Optional[bool] = None, warn: bool = True, log: bool = False,
    verbose: bool = False, **kwargs: Any,
) -> Any:
    """Partial fused Gromov-Wasserstein plan: structures and features count.

    Parameters
    ----------
    M, alpha
        As for `kantor.ot.gromov.fused_gromov_wasserstein`.
    C1, C2, p, q, m, loss_fun, nb_dummies, G0, thres, numItermax, tol, symmetric, warn, log, \
verbose, **kwargs
        As for `partial_gromov_wasserstein`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``, as for `partial_gromov_wasserstein`, with ``partial_fgw_dist``,
        ``lin_loss`` and ``quad_loss`` for ``partial_gw_dist``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> M = [[1.0, 0.0], [0.2, 1.0]]
    >>> kantor.ot.gromov.partial_fused_gromov_wasserstein(M, C, C, m=0.5)
    array([[0. , 0.5],
           [0. , 0. ]])
    """
    plan, told = _exact(
        "partial_fused_gromov_wasserstein", C1, C2, M, p, q, m, loss_fun, alpha, G0, numItermax,
        tol, symmetric, verbose, kwargs, log,
    )
    return (plan, told) if log else plan


def partial_fused_gromov_wasserstein2(
    M: Any, C1: Any, C2: Any, p: Any = None, q: Any = None, m: Optional[float] = None,
    loss_fun: str = "square_loss", alpha: float = 0.5, nb_dummies: int = 1, G0: Any = None,
    thres: float = 1, numItermax: float = 1e4, tol: float = 1e-7,
    symmetric: Optional[bool] = None, warn: bool = False, log: bool = False,
    verbose: bool = False, **kwargs: Any,
) -> Any:
    """Partial fused Gromov-Wasserstein loss: that of a locally optimal plan.

    Parameters
    ----------
    M, C1, C2, p, q, m, loss_fun, alpha, nb_dummies, G0, thres, numItermax, tol, symmetric, warn, \
log, verbose, **kwargs
        As for `partial_fused_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The objective.
    log : dict
        With ``log=True``, as for `partial_fused_gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> M = [[1.0, 0.0], [0.2, 1.0]]
    >>> float(kantor.ot.gromov.partial_fused_gromov_wasserstein2(M, C, C, m=0.5))
    0.0
    """
    plan, told = _exact(
        "partial_fused_gromov_wasserstein2", C1, C2, M, p, q, m, loss_fun, alpha, G0, numItermax,
        tol, symmetric, verbose, kwargs, log,
    )
    told["T"] = plan
    return (told["partial_fgw_dist"], told) if log else told["partial_fgw_dist"]


def entropic_partial_gromov_wasserstein(
    C1: Any, C2: Any, p: Any = None, q: Any = None, reg: float = 1.0, m: Optional[float] = None,
    loss_fun: str = "square_loss", G0: Any = None, numItermax: int = 1000, tol: float = 1e-7,
    symmetric: Optional[bool] = None, log: bool = False, verbose: bool = False,
) -> Any:
    r"""Entropic partial Gromov-Wasserstein plan: `partial_gromov_wasserstein` with an entropy.

    The objective gets :math:`reg \sum_{ij} P_{ij} \log P_{ij}`.

    Parameters
    ----------
    C1, C2, p, q, m, loss_fun, G0, numItermax, symmetric, log, verbose
        As for `partial_gromov_wasserstein`.
    reg : float
        Strength of the entropy, > 0.
    tol : float
        Gap, relative to the size of its terms, to stop at; at least 1e-9.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `C1`.
    log : dict
        With ``log=True``: ``err`` (relative gaps of the steps), ``partial_gw_dist`` (the objective
        without the entropy), ``warning`` (None or a text) and ``res``, a `kantor.Result`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]
    >>> plan = kantor.ot.gromov.entropic_partial_gromov_wasserstein(C, C, reg=0.5, m=0.5)
    >>> float(plan.sum().round(6))
    0.5
    """
    plan, told = _entropic(
        C1, C2, None, p, q, reg, m, loss_fun, 1.0, G0, numItermax, tol, symmetric, verbose)
    return (plan, told) if log else plan


def entropic_partial_gromov_wasserstein2(
    C1: Any, C2: Any, p: Any = None, q: Any = None, reg: float = 1.0, m: Optional[float] = None,
    loss_fun: str = "square_loss", G0: Any = None, numItermax: int = 1000, tol: float = 1e-7,
    symmetric: Optional[bool] = None, log: bool = False, verbose: bool = False,
) -> Any:
    """Partial Gromov-Wasserstein loss of the entropic plan, without the entropy.

    Parameters
    ----------
    C1, C2, p, q, reg, m, loss_fun, G0, numItermax, tol, symmetric, log, verbose
        As for `entropic_partial_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The loss.
    log : dict
        With ``log=True``, as for `entropic_partial_gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]]
    >>> bool(kantor.ot.gromov.entropic_partial_gromov_wasserstein2(C, C, reg=0.5, m=0.5) > 0)
    True
    """
    plan, told = _entropic(
        C1, C2, None, p, q, reg, m, loss_fun, 1.0, G0, numItermax, tol, symmetric, verbose)
    told["T"] = plan
    return (told["partial_gw_dist"], told) if log else told["partial_gw_dist"]


def entropic_partial_fused_gromov_wasserstein(
    M: Any, C1: Any, C2: Any, p: Any = None, q: Any = None, reg: float = 1.0,
    m: Optional[float] = None, loss_fun: str = "square_loss", alpha: float = 0.5, G0: Any = None,
    numItermax: int = 1000, tol: float = 1e-7, symmetric: Optional[bool] = None,
    log: bool = False, verbose: bool = False,
) -> Any:
    """Entropic partial fused Gromov-Wasserstein plan.

    Parameters
    ----------
    M, alpha
        As for `kantor.ot.gromov.fused_gromov_wasserstein`.
    C1, C2, p, q, reg, m, loss_fun, G0, numItermax, tol, symmetric, log, verbose
        As for `entropic_partial_gromov_wasserstein`.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan, in the precision of `M`.
    log : dict
        With ``log=True``, as for `entropic_partial_gromov_wasserstein`, with
        ``partial_fgw_dist``, ``lin_loss`` and ``quad_loss`` for ``partial_gw_dist``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> M = [[1.0, 0.0], [0.0, 1.0]]
    >>> plan = kantor.ot.gromov.entropic_partial_fused_gromov_wasserstein(M, C, C, reg=0.1, m=0.5)
    >>> plan.argmax(axis=1)
    array([1, 0])
    """
    plan, told = _entropic(
        C1, C2, M, p, q, reg, m, loss_fun, alpha, G0, numItermax, tol, symmetric, verbose)
    return (plan, told) if log else plan


def entropic_partial_fused_gromov_wasserstein2(
    M: Any, C1: Any, C2: Any, p: Any = None, q: Any = None, reg: float = 1.0,
    m: Optional[float] = None, loss_fun: str = "square_loss", alpha: float = 0.5, G0: Any = None,
    numItermax: int = 1000, tol: float = 1e-7, symmetric: Optional[bool] = None,
    log: bool = False, verbose: bool = False,
) -> Any:
    """Partial fused Gromov-Wasserstein loss of the entropic plan, without the entropy.

    Parameters
    ----------
    M, C1, C2, p, q, reg, m, loss_fun, alpha, G0, numItermax, tol, symmetric, log, verbose
        As for `entropic_partial_fused_gromov_wasserstein`.

    Returns
    -------
    loss : float
        The loss.
    log : dict
        With ``log=True``, as for `entropic_partial_fused_gromov_wasserstein`, and the plan ``T``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> M = [[1.0, 0.0], [0.0, 1.0]]
    >>> loss = kantor.ot.gromov.entropic_partial_fused_gromov_wasserstein2(M, C, C, reg=0.1, m=0.5)
    >>> bool(loss < 0.1)
    True
    """
    plan, told = _entropic(
        C1, C2, M, p, q, reg, m, loss_fun, alpha, G0, numItermax, tol, symmetric, verbose)
    told["T"] = plan
    return (told["partial_fgw_dist"], told) if log else told["partial_fgw_dist"]


def _read(
    C1: Any, C2: Any, M: Any, p: Any, q: Any, m: Any, loss_fun: str, symmetric: Optional[bool],
    alpha: float,
) -> Any:
    """The problem, or its shape if no mass is to be matched."""
    sizes = as_matrix(C1, "C1").shape[0], as_matrix(C2, "C2").shape[0]
    own = {}
    if m is not None:
        own["mass"] = read_mass(m, read_weights(p, sizes[0], "p"), read_weights(q, sizes[1], "q"))
    if own.get("mass") == 0:
        # Matching nothing costs nothing; the library asks for some mass.
        spaces = read_spaces(
            C1, C2, M, p, q, loss_fun, symmetric, alpha, kind="partial_gromov")
        return spaces, np.zeros(sizes, spaces.kind)
    spaces = read_spaces(
        C1, C2, M, p, q, loss_fun, symmetric, alpha, kind="partial_gromov", **own)
    return spaces, None


def _nothing(M: Any, told: Dict[str, Any], kind: np.dtype) -> Dict[str, Any]:
    names = ("partial_gw_dist",) if M is None else ("partial_fgw_dist", "lin_loss", "quad_loss")
    return {**told, **{name: kind.type(0) for name in names}, "warning": None, "res": None}


def _exact(
    function: str, C1: Any, C2: Any, M: Any, p: Any, q: Any, m: Any, loss_fun: str, alpha: float,
    G0: Any, max_iter: Any, tol: Any, symmetric: Optional[bool], verbose: bool,
    keywords: Dict[str, Any], log: bool,
) -> Tuple[np.ndarray, Dict[str, Any]]:
    verbose = refuse_keywords(function, keywords) or verbose
    spaces, nothing = _read(C1, C2, M, p, q, m, loss_fun, symmetric, alpha)
    if nothing is not None:
        return nothing, _nothing(M, {"loss": [0.0]}, spaces.kind)
    result = solve_spaces(
        spaces, "gromov_partial", G0, verbose=verbose, trace=log,
        tolerance=max(read_tolerance(tol, "tol"), 1e-12),
        max_iterations=read_count(max_iter, "numItermax"),
    )
    told = {"loss": result.trace["objective"].tolist()} if log else {}
    return finish(spaces, result, M, told, "partial_gw_dist", "partial_fgw_dist")


def _entropic(
    C1: Any, C2: Any, M: Any, p: Any, q: Any, reg: Any, m: Any, loss_fun: str, alpha: float,
    G0: Any, max_iter: Any, tol: Any, symmetric: Optional[bool], verbose: bool,
) -> Tuple[np.ndarray, Dict[str, Any]]:
    epsilon = read_positive(reg, "reg")
    spaces, nothing = _read(C1, C2, M, p, q, m, loss_fun, symmetric, alpha)
    if nothing is not None:
        return nothing, _nothing(M, {"err": []}, spaces.kind)
    result = solve_spaces(
        spaces, "gromov_partial", G0, verbose=verbose, trace=True, epsilon=epsilon,
        reference="uniform", tolerance=max(read_tolerance(tol, "tol"), 1e-9),
        max_iterations=read_count(max_iter, "numItermax"),
    )
    told = {"err": result.trace["residual"].tolist()}
    return finish(spaces, result, M, told, "partial_gw_dist", "partial_fgw_dist")
