"""Barycentres of structures under POT's names."""

from __future__ import annotations

from typing import Any, Optional

from ._gromov_means import alternate, read_wanted


def gromov_barycenters(
    N: int, Cs: Any, ps: Any = None, p: Any = None, lambdas: Any = None,
    loss_fun: str = "square_loss", symmetric: Optional[bool] = True, armijo: bool = False,
    max_iter: int = 1000, tol: float = 1e-9, stop_criterion: str = "barycenter",
    warmstartT: bool = False, verbose: bool = False, log: bool = False, init_C: Any = None,
    random_state: Any = None, **kwargs: Any,
) -> Any:
    r"""Gromov-Wasserstein barycentre of structures: a local one, as the problem is not convex.

    .. math::
        \min_C \sum_s \lambda_s \min_{P} \sum_{ijkl} L(C_{ik}, C^s_{jl}) P_{ij} P_{kl}
        \quad\text{subject to}\quad P 1 = p,\ P^T 1 = p_s

    Parameters
    ----------
    N : int
        Size of the barycentre.
    Cs : list of array_like, shapes (n_s, n_s)
        The structures.
    ps : list of array_like, shapes (n_s,), optional
        Their weights; uniform if None.
    p : array_like, shape (N,), optional
        Weights of the barycentre, > 0; uniform if None.
    lambdas : array_like, shape (S,), optional
        Weights of the structures, scaled to sum 1; equal if None.
    loss_fun : {"square_loss", "kl_loss"}
        The loss.
    symmetric : bool, optional
        Whether all structures are symmetric; True for others is an error.
    armijo : bool
        Without effect: line searches are exact.
    max_iter : int
        Largest number of rounds, and of steps for each plan.
    tol : float
        Where to stop.
    stop_criterion : {"barycenter", "loss"}
        Stop by the Euclidean change of the barycentre, or by the relative change of the objective.
    warmstartT : bool
        Start each plan from that of the round before, so that the objective never rises.
    verbose : bool
        Print the course of the rounds.
    log : bool
        Return a dictionary as well.
    init_C : array_like, shape (N, N), optional
        Where to start; squared distances of random points if None.
    random_state : int or numpy.random.RandomState, optional
        Seed of these points.
    **kwargs
        Limits of inner solves, which are without effect. Others are refused.

    Returns
    -------
    C : numpy.ndarray, shape (N, N)
        The barycentre, in the precision of the structures.
    log : dict
        With ``log=True``: ``err`` (what is compared with `tol`), ``loss`` (objectives of the
        rounds), the plans ``T``, ``p``, and ``res``: a `kantor.Result` with certificate for each
        plan, to the structure before the last update.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0, 2.0], [1.0, 0.0, 2.5], [2.0, 2.5, 0.0]]
    >>> mean = kantor.ot.gromov.gromov_barycenters(3, [C, C], init_C=C)
    >>> mean.round(6)
    array([[0. , 1. , 2. ],
           [1. , 0. , 2.5],
           [2. , 2.5, 0. ]])
    """
    wanted = read_wanted(
        "gromov_barycenters", N, None, Cs, ps, p, lambdas, loss_fun, symmetric, 1.0, None,
        init_C, None, False, False, random_state, kwargs)
    C, _, told = alternate(wanted, max_iter, tol, stop_criterion, warmstartT, verbose)
    return (C, told) if log else C


def entropic_gromov_barycenters(
    N: int, Cs: Any, ps: Any = None, p: Any = None, lambdas: Any = None,
    loss_fun: str = "square_loss", epsilon: float = 0.1, symmetric: Optional[bool] = True,
    max_iter: int = 1000, tol: float = 1e-9, stop_criterion: str = "barycenter",
    warmstartT: bool = False, verbose: bool = False, log: bool = False, init_C: Any = None,
    random_state: Any = None, **kwargs: Any,
) -> Any:
    """Gromov-Wasserstein barycentre with entropic plans.

    Parameters
    ----------
    N, Cs, ps, p, lambdas, loss_fun, symmetric, max_iter, tol, stop_criterion, warmstartT, \
verbose, log, init_C, random_state
        As for `gromov_barycenters`.
    epsilon : float
        Strength of the entropy of each plan, > 0.
    **kwargs
        ``solver``, as for `entropic_gromov_wasserstein`; limits of inner solves, which are without
        effect. Others are refused.

    Returns
    -------
    C : numpy.ndarray, shape (N, N)
        The barycentre.
    log : dict
        With ``log=True``, as for `gromov_barycenters`; ``loss`` is without the entropy.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> mean = kantor.ot.gromov.entropic_gromov_barycenters(2, [C, C], init_C=C, epsilon=0.05)
    >>> mean.shape
    (2, 2)
    """
    wanted = read_wanted(
        "entropic_gromov_barycenters", N, None, Cs, ps, p, lambdas, loss_fun, symmetric, 1.0,
        epsilon, init_C, None, False, False, random_state, kwargs)
    C, _, told = alternate(wanted, max_iter, tol, stop_criterion, warmstartT, verbose)
    return (C, told) if log else C


def fgw_barycenters(
    N: int, Ys: Any, Cs: Any, ps: Any = None, lambdas: Any = None, alpha: float = 0.5,
    fixed_structure: bool = False, fixed_features: bool = False, p: Any = None,
    loss_fun: str = "square_loss", armijo: bool = False, symmetric: Optional[bool] = True,
    max_iter: int = 100, tol: float = 1e-9, stop_criterion: str = "barycenter",
    warmstartT: bool = False, verbose: bool = False, log: bool = False, init_C: Any = None,
    init_X: Any = None, random_state: Any = None, **kwargs: Any,
) -> Any:
    """Fused Gromov-Wasserstein barycentre: a structure and features.

    Parameters
    ----------
    N, Cs, ps, lambdas, p, loss_fun, armijo, symmetric, max_iter, tol, stop_criterion, \
warmstartT, verbose, random_state, **kwargs
        As for `gromov_barycenters`; by the barycentre it stops when neither part changes.
    Ys : list of array_like, shapes (n_s, d)
        Features, compared by squared Euclidean distances.
    alpha : float
        Weight of the structures, in [0, 1].
    fixed_structure, fixed_features : bool
        Keep what `init_C` or `init_X` gives.
    log : bool
        Return a dictionary as well.
    init_C : array_like, shape (N, N), optional
        Structure to start from; squared distances of random points if None.
    init_X : array_like, shape (N, d), optional
        Features to start from; zeros if None.

    Returns
    -------
    X : numpy.ndarray, shape (N, d)
        Features of the barycentre.
    C : numpy.ndarray, shape (N, N)
        Its structure.
    log : dict
        With ``log=True``: ``err_feature``, ``err_structure`` and ``Ts_iter`` (plans of the
        rounds), or with ``stop_criterion="loss"`` ``err_rel_loss``; ``loss``, ``T``, ``p``,
        ``Ms`` (costs of the features) and ``res``, as for `gromov_barycenters`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C, Y = [[0.0, 1.0], [1.0, 0.0]], [[0.0], [3.0]]
    >>> X, mean = kantor.ot.gromov.fgw_barycenters(2, [Y, Y], [C, C], init_C=C, init_X=[[0.5], [1]])
    >>> X.round(6).ravel(), mean.round(6)
    (array([0., 3.]), array([[0., 1.],
           [1., 0.]]))
    """
    wanted = read_wanted(
        "fgw_barycenters", N, Ys, Cs, ps, p, lambdas, loss_fun, symmetric, alpha, None, init_C,
        init_X, fixed_structure, fixed_features, random_state, kwargs)
    C, X, told = alternate(wanted, max_iter, tol, stop_criterion, warmstartT, verbose)
    return (X, C, told) if log else (X, C)


def entropic_fused_gromov_barycenters(
    N: int, Ys: Any, Cs: Any, ps: Any = None, p: Any = None, lambdas: Any = None,
    loss_fun: str = "square_loss", epsilon: float = 0.1, symmetric: Optional[bool] = True,
    alpha: float = 0.5, max_iter: int = 1000, tol: float = 1e-9,
    stop_criterion: str = "barycenter", warmstartT: bool = False, verbose: bool = False,
    log: bool = False, init_C: Any = None, init_Y: Any = None, fixed_structure: bool = False,
    fixed_features: bool = False, random_state: Any = None, **kwargs: Any,
) -> Any:
    """Fused Gromov-Wasserstein barycentre with entropic plans.

    Parameters
    ----------
    N, Ys, Cs, ps, p, lambdas, loss_fun, symmetric, alpha, max_iter, tol, stop_criterion, \
warmstartT, verbose, log, init_C, fixed_structure, fixed_features, random_state
        As for `fgw_barycenters`.
    **kwargs
        As for `entropic_gromov_barycenters`.
    epsilon : float
        Strength of the entropy of each plan, > 0.
    init_Y : array_like, shape (N, d), optional
        Features to start from; zeros if None.

    Returns
    -------
    Y : numpy.ndarray, shape (N, d)
        Features of the barycentre.
    C : numpy.ndarray, shape (N, N)
        Its structure.
    log : dict
        With ``log=True``, as for `fgw_barycenters`; ``loss`` is without the entropy.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    wanted = read_wanted(
        "entropic_fused_gromov_barycenters", N, Ys, Cs, ps, p, lambdas, loss_fun, symmetric,
        alpha, epsilon, init_C, init_Y, fixed_structure, fixed_features, random_state, kwargs)
    C, Y, told = alternate(wanted, max_iter, tol, stop_criterion, warmstartT, verbose)
    return (Y, C, told) if log else (Y, C)
