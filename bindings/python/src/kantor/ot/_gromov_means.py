"""What the barycentres of structures share: reading, updates, and the rounds of both."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_numbers, as_vector
from .._errors import error
from ._gromov import read_spaces, read_tolerance, refuse_keywords, solve_spaces, value_of
from ._gromov_entropic import read_scheme
from ._gromov_terms import read_loss, read_share, read_structure
from ._inputs import (
    float_type, read_count, read_generator, read_positive, read_weights, refuse,
)
from ._tools import dist

#: Relative Frank-Wolfe gap of each plan.
_GAP = 1e-9


def update_barycenter_structure(
    Ts: Any, Cs: Any, lambdas: Any, p: Any = None, loss_fun: str = "square_loss",
    target: bool = True, check_zeros: bool = True, nx: Any = None,
) -> np.ndarray:
    """Give the structure of least loss to several structures for given plans.

    Parameters
    ----------
    Ts : list of array_like
        Plans, of shapes (n_s, N) with `target`, else (N, n_s).
    Cs : list of array_like, shapes (n_s, n_s)
        The structures.
    lambdas : array_like, shape (S,)
        Their weights.
    p : array_like, shape (N,) or (S, N), optional
        Weights of the barycentre, for all plans or for each; marginals of the plans if None.
    loss_fun : {"square_loss", "kl_loss"}
        The loss.
    target : bool
        Whether the barycentre is the second structure in the loss.
    check_zeros : bool
        Give entries of points without mass the value 0 instead of a division by 0.
    nx : None
        Without effect: arrays are those of numpy.

    Returns
    -------
    numpy.ndarray, shape (N, N)
        The structure.
    """
    loss = read_loss(loss_fun)
    plans, shares = _read_plans(Ts, target), as_vector(lambdas, "lambdas")
    masses = _read_masses(p, plans)
    total = sum(share * np.outer(q, q) for share, q in zip(shares, masses))
    values = [read_structure(C, f"Cs[{k}]") for k, C in enumerate(Cs)]
    # L(x, y) = x log(x / y) - x + y is least in x at a geometric mean, in y at an arithmetic one.
    isgeometric = loss == "kl" and not target
    if isgeometric:
        values = [np.log(np.maximum(C, 1e-16)) for C in values]
    mean = _divided(
        sum(share * P @ C @ P.T for share, P, C in zip(shares, plans, values)), total,
        check_zeros)
    return (np.exp(mean) if isgeometric else mean).astype(float_type(*Ts))


def update_barycenter_feature(
    Ts: Any, Ys: Any, lambdas: Any, p: Any = None, loss_fun: str = "square_loss",
    target: bool = True, check_zeros: bool = True, nx: Any = None,
) -> np.ndarray:
    """Give the features of least squared distance to those of several spaces for given plans.

    Parameters
    ----------
    Ts, lambdas, p, target, check_zeros, nx
        As for `update_barycenter_structure`.
    Ys : list of array_like, shapes (n_s, d)
        Features.
    loss_fun : {"square_loss"}
        The only one.

    Returns
    -------
    numpy.ndarray, shape (N, d)
        The features.
    """
    if loss_fun != "square_loss":
        refuse(f"loss_fun {loss_fun!r} is not offered; use 'square_loss'")
    plans, shares = _read_plans(Ts, target), as_vector(lambdas, "lambdas")
    masses = _read_masses(p, plans)
    total = sum(share * q for share, q in zip(shares, masses))
    features = [as_matrix(Y, f"Ys[{k}]") for k, Y in enumerate(Ys)]
    return _divided(
        sum(share * P @ Y for share, P, Y in zip(shares, plans, features)), total[:, None],
        check_zeros).astype(float_type(*Ts))


def _read_plans(Ts: Any, target: bool) -> List[np.ndarray]:
    plans = [as_matrix(T, f"Ts[{k}]").astype(np.float64) for k, T in enumerate(Ts)]
    return [P.T for P in plans] if target else plans


def _read_masses(p: Any, plans: List[np.ndarray]) -> Any:
    if p is None:
        return [P.sum(axis=1) for P in plans]
    masses = as_numbers(p, "p").astype(np.float64)
    return [masses] * len(plans) if masses.ndim == 1 else masses


def _divided(above: np.ndarray, below: np.ndarray, check_zeros: bool) -> np.ndarray:
    if not check_zeros:
        return above / below
    return above / np.where(below == 0, 1.0, below)


class Wanted(NamedTuple):
    """The data of a barycentre, and where to start."""

    Cs: List[np.ndarray]
    Ys: Optional[List[np.ndarray]]
    ps: List[Any]
    p: np.ndarray
    shares: np.ndarray
    C: np.ndarray
    X: Optional[np.ndarray]
    fixed_structure: bool
    fixed_features: bool
    space: Dict[str, Any]
    method: str
    options: Dict[str, Any]
    kind: np.dtype


def read_wanted(
    function: str, N: Any, Ys: Any, Cs: Any, ps: Any, p: Any, lambdas: Any, loss_fun: str,
    symmetric: Optional[bool], alpha: Any, epsilon: Any, init_C: Any, init_X: Any,
    fixed_structure: bool, fixed_features: bool, random_state: Any, keywords: Dict[str, Any],
) -> Wanted:
    """Read what the functions for barycentres take.

    Parameters
    ----------
    function : str
        Name of the function.
    N, Ys, Cs, ps, p, lambdas, loss_fun, symmetric, alpha, epsilon, init_C, init_X, \
fixed_structure, fixed_features, random_state
        As for `kantor.ot.gromov.entropic_fused_gromov_barycenters`; `Ys` is None without
        features, `epsilon` without entropy.
    keywords : dict
        Further arguments.

    Returns
    -------
    Wanted
        The data.
    """
    rest = dict(keywords)
    scheme = "projected" if epsilon is None else read_scheme(rest.pop("solver", "PGD"))
    refuse_keywords(function, rest)
    read_loss(loss_fun)
    size, count = read_count(N, "N"), len(Cs)
    structures = [read_structure(C, f"Cs[{k}]") for k, C in enumerate(Cs)]
    features = None
    if Ys is not None:
        features = [as_matrix(Y, f"Ys[{k}]") for k, Y in enumerate(Ys)]
        if [len(Y) for Y in features] != [len(C) for C in structures]:
            raise error(_abi.E_SHAPE, "Ys and Cs need as many points, in the same order")
    if count == 0 or (ps is not None and len(ps) != count):
        raise error(
            _abi.E_SHAPE, f"there are {count} structures and "
            f"{count if ps is None else len(ps)} weights; as many are needed, and at least one")
    shares = np.full(count, 1 / count) if lambdas is None else as_vector(lambdas, "lambdas")
    if shares.shape != (count,) or not (shares >= 0).all() or not shares.sum() > 0:
        raise error(_abi.E_RANGE, f"lambdas are {lambdas}; {count} masses are needed")
    weights = read_weights(p, size, "p")
    weights = np.full(size, 1 / size) if weights is None else weights
    if not (weights > 0).all():
        raise error(_abi.E_RANGE, "p has entries that are not positive; leave these points out")
    for fixed, start, name in (
            (fixed_structure, init_C, "init_C"), (fixed_features, init_X, "init_X")):
        if fixed and start is None:
            raise error(_abi.E_MISSING, f"{name} is missing, but it is to be kept")
    options: Dict[str, Any] = {"tolerance": _GAP}
    if epsilon is not None:
        options.update(epsilon=read_positive(epsilon, "epsilon"), scheme=scheme)
    C = _start(size, init_C, Ys is None, random_state)
    X = None
    if features is not None:
        width = features[0].shape[1]
        X = np.zeros((size, width)) if init_X is None else as_matrix(init_X, "init_X")
        if X.shape != (size, width):
            raise error(
                _abi.E_SHAPE, f"init_X has the shape {X.shape}; ({size}, {width}) is needed")
    return Wanted(
        structures, features, list(ps) if ps is not None else [None] * count, weights,
        shares / shares.sum(), C, X, bool(fixed_structure), bool(fixed_features),
        {"loss_fun": loss_fun, "symmetric": symmetric, "alpha": read_share(alpha, "alpha")},
        "gromov_conditional_gradient" if epsilon is None else "gromov_entropic", options,
        float_type(*Cs),
    )


def _start(size: int, init_C: Any, isscaled: bool, random_state: Any) -> np.ndarray:
    if init_C is not None:
        C = read_structure(init_C, "init_C")
        if len(C) != size:
            raise error(
                _abi.E_SHAPE, f"init_C has the shape {C.shape}; ({size}, {size}) is needed")
        return C
    drawn = read_generator(random_state, "random_state").randn(size, 2)
    C = dist(drawn, drawn)
    return C / C.max() if isscaled and C.max() > 0 else C


def alternate(
    wanted: Wanted, max_iter: Any, tol: Any, stop_criterion: str, warmstart: bool, verbose: bool,
) -> Tuple[np.ndarray, Optional[np.ndarray], Dict[str, Any]]:
    """Do rounds of all plans for the barycentre, then the best barycentre for the plans.

    Parameters
    ----------
    wanted : Wanted
        The data.
    max_iter, tol, stop_criterion, verbose
        As for `kantor.ot.gromov.gromov_barycenters`.
    warmstart : bool
        Start plans from those of the round before.

    Returns
    -------
    C : numpy.ndarray
        The structure.
    X : numpy.ndarray or None
        The features.
    told : dict
        What is told with ``log=True``.
    """
    if stop_criterion not in ("barycenter", "loss"):
        raise error(
            _abi.E_RANGE, f"stop_criterion is {stop_criterion!r}; use 'barycenter' or 'loss'")
    limit, tolerance = read_count(max_iter, "max_iter"), read_tolerance(tol, "tol")
    C, X, plans = wanted.C, wanted.X, [None] * len(wanted.Cs)
    losses: List[float] = []
    changes: List[Tuple[float, float, float]] = []
    rounds: List[List[np.ndarray]] = []
    for _ in range(limit):
        Ms = None if X is None else [dist(X, Y) for Y in wanted.Ys]
        results, loss = _plans(wanted, C, Ms, plans if warmstart else [None] * len(plans), limit)
        plans = [result.plan for result in results]
        losses.append(loss)
        new_X, new_C = X, C
        if X is not None and not wanted.fixed_features:
            new_X = update_barycenter_feature(
                plans, wanted.Ys, wanted.shares, wanted.p, target=False)
        if not wanted.fixed_structure:
            new_C = update_barycenter_structure(
                plans, wanted.Cs, wanted.shares, wanted.p, wanted.space["loss_fun"],
                target=False)
        moved_X = 0.0 if X is None else float(np.linalg.norm(new_X - X))
        fallen = abs(losses[-2] - loss) / max(losses[-2], 1e-300) if len(losses) > 1 else np.inf
        changes.append((moved_X, float(np.linalg.norm(new_C - C)), fallen))
        rounds.append(plans)
        X, C = new_X, new_C
        if verbose:
            print(f"{len(losses):5d} {loss:14.6e} {max(changes[-1][:2]):10.3e}")
        change = fallen if stop_criterion == "loss" else max(changes[-1][:2])
        if change <= tolerance:
            break
    kind = wanted.kind
    told: Dict[str, Any] = {
        "loss": losses, "T": [np.array(T, kind) for T in plans], "p": wanted.p.astype(kind),
        "res": results,
    }
    if X is None:
        told["err"] = [change[2 if stop_criterion == "loss" else 1] for change in changes]
        return C.astype(kind), None, told
    told["Ms"] = [dist(X, Y) for Y in wanted.Ys]
    if stop_criterion == "loss":
        told["err_rel_loss"] = [change[2] for change in changes]
    else:
        told["err_feature"] = [change[0] for change in changes]
        told["err_structure"] = [change[1] for change in changes]
        told["Ts_iter"] = [[np.array(T, kind) for T in one] for one in rounds]
    return C.astype(kind), X.astype(kind), told


def _plans(
    wanted: Wanted, C: np.ndarray, Ms: Any, starts: List[Any], limit: int
) -> Tuple[List[Any], float]:
    """A plan to each structure, and the objective."""
    results, loss = [], 0.0
    for k, (share, other) in enumerate(zip(wanted.shares, wanted.Cs)):
        spaces = read_spaces(
            C, other, None if Ms is None else Ms[k], wanted.p, wanted.ps[k], **wanted.space)
        result = solve_spaces(
            spaces, wanted.method, starts[k], verbose=False, trace=False, max_iterations=limit,
            **wanted.options)
        results.append(result)
        loss += share * value_of(result, spaces.alpha)
    return results, float(loss)
