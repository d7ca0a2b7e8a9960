"""POT's single variants of the entropic solver, each as a function."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from ._inputs import read_count, refuse_unknown
from ._sinkhorn import sinkhorn


def greenkhorn(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    numItermax: int = 10000,
    stopThr: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    warmstart: Optional[Tuple[Any, Any]] = None,
) -> Any:
    """Entropic transport plan by greedy scaling of single rows and columns.

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs.
    reg : float
        Strength of the regularisation, > 0.
    numItermax : int
        Largest number of rows and columns that are scaled.
    stopThr : float
        Marginal error to stop at: the sum of absolute errors, relative to the mass, where POT
        takes the largest of them.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    warn : bool
        Warn if the solve fell short.
    warmstart : pair of array_like, optional
        Logarithms of the scaling vectors to start from.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``: the scaling vectors ``u`` and ``v`` and the number of steps ``n_iter``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> costs = [[0.0, 1.0], [1.0, 0.0]]
    >>> kantor.ot.bregman.greenkhorn([0.5, 0.5], [0.5, 0.5], costs, 1.0).round(6)
    array([[0.365529, 0.134471],
           [0.134471, 0.365529]])
    """
    return sinkhorn(
        a, b, M, reg, "greenkhorn", numItermax, stopThr, verbose, log, warn, warmstart
    )


def sinkhorn_knopp(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    numItermax: int = 1000,
    stopThr: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    warmstart: Optional[Tuple[Any, Any]] = None,
    **kwargs: Any,
) -> Any:
    """Entropic transport plan, with the dictionary of POT's `sinkhorn_knopp`.

    The solver is that of `sinkhorn`; only the keys of the dictionary differ.

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,) or (m, k)
        Weights of the targets; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs.
    reg : float
        Strength of the regularisation, > 0.
    numItermax : int
        Largest number of iterations.
    stopThr : float
        Marginal error to stop at; see `sinkhorn`.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    warn : bool
        Warn if the solve fell short.
    warmstart : pair of array_like, optional
        Logarithms of the scaling vectors to start from.
    **kwargs
        Nothing else is offered.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan; for several histograms their losses, shape (k,).
    log : dict
        With ``log=True``: ``err``, ``niter``, ``u`` and ``v``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> costs = [[0.0, 1.0], [1.0, 0.0]]
    >>> kantor.ot.bregman.sinkhorn_knopp([0.5, 0.5], [0.5, 0.5], costs, 1.0).round(6)
    array([[0.365529, 0.134471],
           [0.134471, 0.365529]])
    """
    refuse_unknown("sinkhorn_knopp", kwargs)
    return sinkhorn(
        a, b, M, reg, "sinkhorn", numItermax, stopThr, verbose, log, warn, warmstart
    )


def sinkhorn_log(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    numItermax: int = 1000,
    stopThr: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    warmstart: Optional[Tuple[Any, Any]] = None,
    **kwargs: Any,
) -> Any:
    """Entropic transport plan, with the dictionary of POT's `sinkhorn_log`.

    The solver is that of `sinkhorn`; only the keys of the dictionary differ.

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,) or (m, k)
        Weights of the targets; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs.
    reg : float
        Strength of the regularisation, > 0.
    numItermax : int
        Largest number of iterations.
    stopThr : float
        Marginal error to stop at; see `sinkhorn`.
    verbose : bool
        Print the course of the solve.
    log : bool
        Return a dictionary as well.
    warn : bool
        Warn if the solve fell short.
    warmstart : pair of array_like, optional
        Logarithms of the scaling vectors to start from.
    **kwargs
        Nothing else is offered.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan; for several histograms their losses, shape (k,).
    log : dict
        With ``log=True``: ``err``, ``niter``, ``u``, ``v``, ``log_u`` and ``log_v``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> costs = [[0.0, 1.0], [1.0, 0.0]]
    >>> kantor.ot.bregman.sinkhorn_log([0.5, 0.5], [0.5, 0.5], costs, 1.0).round(6)
    array([[0.365529, 0.134471],
           [0.134471, 0.365529]])
    """
    refuse_unknown("sinkhorn_log", kwargs)
    return sinkhorn(
        a, b, M, reg, "sinkhorn_log", numItermax, stopThr, verbose, log, warn, warmstart
    )


def sinkhorn_stabilized(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    numItermax: int = 1000,
    tau: float = 1e3,
    stopThr: float = 1e-9,
    warmstart: Optional[Tuple[Any, Any]] = None,
    verbose: bool = False,
    print_period: int = 20,
    log: bool = False,
    warn: bool = True,
    **kwargs: Any,
) -> Any:
    """Entropic transport plan, with the dictionary of POT's `sinkhorn_stabilized`.

    The solver is that of `sinkhorn`; only the keys of the dictionary differ.

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,) or (m, k)
        Weights of the targets; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs.
    reg : float
        Strength of the regularisation, > 0.
    numItermax : int
        Largest number of iterations.
    tau : float
        Without effect: potentials are absorbed where that is needed.
    stopThr : float
        Marginal error to stop at; see `sinkhorn`.
    warmstart : pair of array_like, optional
        Logarithms of the scaling vectors to start from.
    verbose : bool
        Print the course of the solve.
    print_period : int
        Without effect.
    log : bool
        Return a dictionary as well.
    warn : bool
        Warn if the solve fell short.
    **kwargs
        Nothing else is offered.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan; for several histograms their losses, shape (k,).
    log : dict
        With ``log=True``: ``err``, ``n_iter``, ``logu``, ``logv``, ``alpha``, ``beta`` and
        ``warmstart``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> costs = [[0.0, 1.0], [1.0, 0.0]]
    >>> kantor.ot.bregman.sinkhorn_stabilized([0.5, 0.5], [0.5, 0.5], costs, 1.0).round(6)
    array([[0.365529, 0.134471],
           [0.134471, 0.365529]])
    """
    refuse_unknown("sinkhorn_stabilized", kwargs)
    return sinkhorn(
        a, b, M, reg, "sinkhorn_stabilized", numItermax, stopThr, verbose, log, warn, warmstart
    )


def sinkhorn_epsilon_scaling(
    a: Any,
    b: Any,
    M: Any,
    reg: float,
    numItermax: int = 100,
    epsilon0: float = 1e4,
    numInnerItermax: int = 100,
    tau: float = 1e3,
    stopThr: float = 1e-9,
    warmstart: Optional[Tuple[Any, Any]] = None,
    verbose: bool = False,
    print_period: int = 10,
    log: bool = False,
    warn: bool = True,
    **kwargs: Any,
) -> Any:
    """Entropic transport plan, with the dictionary of POT's `sinkhorn_epsilon_scaling`.

    The solver is that of `sinkhorn`; only the keys of the dictionary differ.

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,) or (m, k)
        Weights of the targets; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs.
    reg : float
        Strength of the regularisation, > 0.
    numItermax : int
        Strengths of the entropy at most; see `numInnerItermax`.
    epsilon0 : float
        Without effect: the first strength follows from the costs.
    numInnerItermax : int
        Iterations for each of `numItermax` strengths.
    tau : float
        Without effect: potentials are absorbed where that is needed.
    stopThr : float
        Marginal error to stop at; see `sinkhorn`.
    warmstart : pair of array_like, optional
        Logarithms of the scaling vectors to start from.
    verbose : bool
        Print the course of the solve.
    print_period : int
        Without effect.
    log : bool
        Return a dictionary as well.
    warn : bool
        Warn if the solve fell short.
    **kwargs
        Nothing else is offered.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan; for several histograms their losses, shape (k,).
    log : dict
        With ``log=True``: ``err``, ``niter``, ``alpha``, ``beta`` and ``warmstart``.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> costs = [[0.0, 1.0], [1.0, 0.0]]
    >>> kantor.ot.bregman.sinkhorn_epsilon_scaling([0.5, 0.5], [0.5, 0.5], costs, 1.0).round(6)
    array([[0.365529, 0.134471],
           [0.134471, 0.365529]])
    """
    refuse_unknown("sinkhorn_epsilon_scaling", kwargs)
    limit = read_count(numItermax, "numItermax") * read_count(numInnerItermax, "numInnerItermax")
    return sinkhorn(
        a, b, M, reg, "sinkhorn_epsilon_scaling", limit, stopThr, verbose, log, warn, warmstart
    )
