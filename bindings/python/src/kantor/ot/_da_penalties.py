"""Plans that keep classes together or neighbours close: part of ``ot.da``."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from ._da_base import label_masks, read_labels
from ._inputs import float_type, read_count, read_number, read_points, read_positive, refuse
from ._sinkhorn import sinkhorn
from ._tools import dist
from .optim import cg, exact_search, gcg
from .utils import kernel, laplacian

#: The concave power of `sinkhorn_lpl1_mm`, and what is added below it, as in POT.
_POWER, _FLOOR = 0.5, 1e-3
_NEIGHBOURS = 3


def sinkhorn_lpl1_mm(
    a: Any,
    labels_a: Any,
    b: Any,
    M: Any,
    reg: float,
    eta: float = 0.1,
    numItermax: int = 10,
    numInnerItermax: int = 200,
    stopInnerThr: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
) -> Any:
    r"""Entropic plan that prefers each target to be fed by one class of sources.

    .. math::
        \min_P \langle P, M \rangle + \mathrm{reg} \sum_{ij} P_{ij} \log P_{ij}
        + \eta \sum_{jc} \Bigl(10^{-3} + \sum_{i \in c} P_{ij}\Bigr)^{1/2}
        \quad\text{subject to}\quad P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    labels_a : array_like, shape (n,)
        Labels of the sources; sources of label -1 are of no class.
    b : array_like, shape (m,)
        Weights of the targets; uniform if empty or None.
    M : array_like, shape (n, m)
        Costs.
    reg : float
        Strength of the entropy, > 0.
    eta : float
        Strength of the penalty on classes, >= 0.
    numItermax : int
        Number of entropic problems that are solved, each for the penalty made linear at the plan
        before.
    numInnerItermax, stopInnerThr
        Largest number of iterations of each and where it stops, as for `kantor.ot.sinkhorn`.
    verbose : bool
        Print the course of the solves.
    log : bool
        Return a dictionary as well.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``: what `kantor.ot.sinkhorn` tells of the last problem, and ``loss``, the
        objectives of all, which fall.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.

    Notes
    -----
    The penalty is concave: the plan is a stationary one, not the least of all.
    """
    M = as_matrix(M, "M")
    masks = label_masks(read_labels(labels_a, "labels_a", M.shape[0]), known=True)
    strength = _read_strength(eta, "eta")
    slope, losses = np.zeros(M.shape), []
    for _ in range(read_count(numItermax, "numItermax")):
        plan, told = sinkhorn(
            a, b, M + strength * slope, reg, numItermax=numInnerItermax, stopThr=stopInnerThr,
            verbose=verbose, log=True)
        shares = masks.T @ plan + _FLOOR
        slope = masks @ (_POWER * shares ** (_POWER - 1))
        positive = plan[plan > 0]
        losses.append(float(
            np.vdot(plan, M) + reg * positive @ np.log(positive)
            + strength * (shares**_POWER).sum()))
    plan = plan.astype(float_type(a, b, M))
    return (plan, {**told, "loss": losses}) if log else plan


def sinkhorn_l1l2_gl(
    a: Any,
    labels_a: Any,
    b: Any,
    M: Any,
    reg: float,
    eta: float = 0.1,
    numItermax: int = 10,
    numInnerItermax: int = 200,
    stopInnerThr: float = 1e-9,
    eps: float = 1e-12,
    verbose: bool = False,
    log: bool = False,
) -> Any:
    r"""Entropic plan with a group lasso over the classes of the sources.

    .. math::
        \min_P \langle P, M \rangle + \mathrm{reg} \sum_{ij} P_{ij} \log P_{ij}
        + \eta \sum_{jc} \Bigl(\sum_{i \in c} P_{ij}^2\Bigr)^{1/2}
        \quad\text{subject to}\quad P 1 = a,\ P^T 1 = b

    Parameters
    ----------
    a, labels_a, b, M, reg, eta, numInnerItermax, verbose, log
        As for `sinkhorn_lpl1_mm`.
    numItermax : int
        Largest number of steps, each with an entropic problem.
    stopInnerThr : float
        Relative change of the objective to stop at.
    eps : float
        Norms below it are taken as this in gradients.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``, as for `kantor.ot.optim.gcg`.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    M = as_matrix(M, "M")
    masks = label_masks(read_labels(labels_a, "labels_a", M.shape[0]), known=True)
    least = read_positive(eps, "eps")

    def norms(G: np.ndarray) -> np.ndarray:
        return np.sqrt(masks.T @ G**2)

    return gcg(
        a, b, M, reg, _read_strength(eta, "eta"), lambda G: norms(G).sum(),
        lambda G: G * (masks @ (1 / np.maximum(norms(G), least))), numItermax=numItermax,
        numInnerItermax=numInnerItermax, stopThr=stopInnerThr, verbose=verbose, log=log)


def emd_laplace(
    a: Any,
    b: Any,
    xs: Any,
    xt: Any,
    M: Any,
    sim: str = "knn",
    sim_param: Optional[float] = None,
    reg: str = "pos",
    eta: float = 1,
    alpha: float = 0.5,
    numItermax: int = 100,
    stopThr: float = 1e-9,
    numInnerItermax: int = 100000,
    stopInnerThr: float = 1e-9,
    log: bool = False,
    verbose: bool = False,
) -> Any:
    r"""Plan that carries neighbours to neighbours.

    .. math::
        \min_P \langle P, M \rangle + \eta \Bigl( \alpha \operatorname{tr} X_t^T P^T L_s P X_t
        + (1 - \alpha) \operatorname{tr} X_s^T P L_t P^T X_s \Bigr)
        \quad\text{subject to}\quad P \ge 0,\ P 1 = a,\ P^T 1 = b

    with the Laplacians of graphs that join similar points on either side.

    Parameters
    ----------
    a : array_like, shape (n,)
        Weights of the sources; uniform if empty or None.
    b : array_like, shape (m,)
        Weights of the targets; uniform if empty or None.
    xs : array_like, shape (n, d)
        The sources.
    xt : array_like, shape (m, d)
        The targets.
    M : array_like, shape (n, m)
        Costs.
    sim : {"knn", "gauss"}
        Each point joined to its nearest ones, or all by a Gaussian kernel.
    sim_param : float, optional
        Number of neighbours, 3 by default; or width of the kernel, by default
        ``1 / (2 mean(distances)^2)``, the distances being squared ones of the sources.
    reg : {"pos", "disp"}
        Keep the places of carried neighbours close, or their displacements.
    eta : float
        Strength, >= 0.
    alpha : float
        Share of the sources' graph, from 0 to 1.
    numItermax, stopThr
        Largest number of steps, and relative change of the objective to stop at.
    numInnerItermax, stopInnerThr
        As ``numItermaxEmd`` and ``stopThr2`` of `kantor.ot.optim.cg`.
    log : bool
        Return a dictionary as well.
    verbose : bool
        Print the course.

    Returns
    -------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    log : dict
        With ``log=True``, as for `kantor.ot.optim.cg`; the problem is convex, and ``gap`` bounds
        the distance of the objective from the optimum.

    Raises
    ------
    kantor.KantorError
        Shapes, masses or values that cannot be used.
    """
    M, xs, xt = as_matrix(M, "M"), read_points(xs, "xs"), read_points(xt, "xt")
    if (len(xs), len(xt)) != M.shape:
        raise error(
            _abi.E_SHAPE, f"xs and xt have {len(xs)} and {len(xt)} points; M has the shape "
            f"{M.shape}")
    if reg not in ("pos", "disp"):
        refuse(f"reg {reg!r} is not offered; use 'pos' or 'disp'")
    share, strength = read_number(alpha, "alpha"), _read_strength(eta, "eta")
    if not 0 <= share <= 1:
        raise error(_abi.E_RANGE, f"alpha is {share}; a number from 0 to 1 is needed")
    left, right = _laplacians(xs, xt, sim, sim_param)
    kind, cost = float_type(a, b, M), M.astype(float)
    if reg == "disp":
        cross = xs @ xt.T
        cost -= 2 * strength * (
            share / len(xs) * left @ cross + (1 - share) / len(xt) * cross @ right)

    def f(G: np.ndarray) -> float:
        there, back = G @ xt, G.T @ xs
        return share * np.vdot(there, left @ there) + (1 - share) * np.vdot(back, right @ back)

    def df(G: np.ndarray) -> np.ndarray:
        return 2 * (share * left @ (G @ xt) @ xt.T + (1 - share) * xs @ (xs.T @ G) @ right)

    found = cg(
        a, b, cost, strength, f, df, line_search=exact_search(f, strength), numItermax=numItermax,
        numItermaxEmd=numInnerItermax, stopThr=stopThr, stopThr2=stopInnerThr, verbose=verbose,
        log=log)
    return (found[0].astype(kind), found[1]) if log else found.astype(kind)


def _laplacians(
    xs: np.ndarray, xt: np.ndarray, sim: str, parameter: Optional[float]
) -> Tuple[np.ndarray, np.ndarray]:
    if sim not in ("knn", "gauss"):
        refuse(f"sim {sim!r} is not offered; use 'knn' or 'gauss'")
    if sim == "knn":
        count = _NEIGHBOURS if parameter is None else read_count(parameter, "sim_param")
        return laplacian(_neighbours(xs, count)), laplacian(_neighbours(xt, count))
    if parameter is None:
        parameter = 1 / (2 * dist(xs, xs).mean() ** 2)
    return tuple(laplacian(kernel(x, x, sigma=parameter)) for x in (xs, xt))


def _neighbours(points: np.ndarray, count: int) -> np.ndarray:
    """Joins of every point with its nearest others, half as strong if not mutual."""
    if count >= len(points):
        raise error(
            _abi.E_RANGE, f"sim_param is {count}; less than {len(points)}, the number of points, "
            "is needed")
    gaps = dist(points, points).astype(float)
    np.fill_diagonal(gaps, np.inf)
    joins = np.zeros(gaps.shape)
    np.put_along_axis(joins, np.argsort(gaps, axis=1, kind="stable")[:, :count], 1.0, axis=1)
    return (joins + joins.T) / 2


def _read_strength(value: Any, name: str) -> float:
    number = read_number(value, name)
    if number < 0:
        raise error(_abi.E_RANGE, f"{name} is {number}; a number >= 0 is needed")
    return number
