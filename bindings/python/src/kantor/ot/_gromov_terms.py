"""Parts of the Gromov-Wasserstein objective, for programs that build their own solvers on them."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_matrix
from .._errors import error
from ._inputs import read_number, read_weights, refuse

#: The library's names of POT's losses.
_LOSSES = {"square_loss": "square", "kl_loss": "kl"}
# Added before a logarithm is taken, as POT does.
_LEAST = 1e-15


def read_structure(value: Any, name: str) -> np.ndarray:
    """Read a structure.

    Parameters
    ----------
    value : array_like, shape (n, n)
        The structure.
    name : str
        What it is called in error messages.

    Returns
    -------
    numpy.ndarray
        float32 or float64.
    """
    structure = as_matrix(value, name)
    if structure.shape[0] != structure.shape[1]:
        raise error(
            _abi.E_SHAPE, f"{name} has the shape {structure.shape}; a square matrix is needed")
    return structure


def read_loss(loss_fun: Any) -> str:
    """Read POT's name of a loss.

    Parameters
    ----------
    loss_fun : str
        The name.

    Returns
    -------
    str
        The library's name of it.
    """
    if loss_fun not in _LOSSES:
        refuse(f"loss_fun {loss_fun!r} is not offered; use 'square_loss' or 'kl_loss'")
    return _LOSSES[loss_fun]


def read_share(value: Any, name: str) -> float:
    """Read the weight of the structures beside costs of features.

    Parameters
    ----------
    value : float
        The weight.
    name : str
        What it is called in error messages.

    Returns
    -------
    float
        The weight, in [0, 1].
    """
    share = read_number(value, name)
    if not 0 <= share <= 1:
        raise error(_abi.E_RANGE, f"{name} is {share}; a number in [0, 1] is needed")
    return share


def init_matrix(
    C1: Any, C2: Any, p: Any, q: Any, loss_fun: str = "square_loss", nx: Any = None
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Factors of the loss L(x, y) = f1(x) + f2(y) - h1(x) h2(y) between two structures.

    Parameters
    ----------
    C1 : array_like, shape (n, n)
        Structure of the sources.
    C2 : array_like, shape (m, m)
        Structure of the targets.
    p, q : array_like
        Weights.
    loss_fun : {"square_loss", "kl_loss"}
        The loss.
    nx : None
        Without effect: arrays are those of numpy.

    Returns
    -------
    constC : numpy.ndarray, shape (n, m)
        ``f1(C1) p 1' + 1 q' f2(C2)'``.
    hC1, hC2 : numpy.ndarray, shapes (n, n) and (m, m)
        ``h1(C1)`` and ``h2(C2)``.

    Raises
    ------
    kantor.KantorError
        Shapes or values that cannot be used.

    Examples
    --------
    >>> import kantor
    >>> C = [[0.0, 1.0], [1.0, 0.0]]
    >>> terms = kantor.ot.gromov.init_matrix(C, C, [0.5, 0.5], [0.5, 0.5])
    >>> float(kantor.ot.gromov.gwloss(*terms, [[0.25, 0.25], [0.25, 0.25]]))
    0.5
    """
    loss = read_loss(loss_fun)
    left, right = read_structure(C1, "C1"), read_structure(C2, "C2")
    a = read_weights(p, len(left), "p")
    b = read_weights(q, len(right), "q")
    a = np.full(len(left), 1.0 / len(left)) if a is None else a
    b = np.full(len(right), 1.0 / len(right)) if b is None else b
    if loss == "square":
        own, far, hC1, hC2 = left**2, right**2, left, 2 * right
    else:
        own, far = left * np.log(left + _LEAST) - left, right
        hC1, hC2 = left, np.log(right + _LEAST)
    constant = ((own @ a)[:, None] + (far @ b)[None, :]).astype(left.dtype, copy=False)
    return constant, hC1, hC2


def tensor_product(constC: Any, hC1: Any, hC2: Any, T: Any, nx: Any = None) -> np.ndarray:
    """Costs of moving mass beside a plan: ``constC - hC1 T hC2'``.

    Parameters
    ----------
    constC, hC1, hC2 : array_like
        From `init_matrix`.
    T : array_like, shape (n, m)
        The plan.
    nx : None
        Without effect.

    Returns
    -------
    numpy.ndarray, shape (n, m)
        The costs; half of the gradient of the objective for symmetric structures.
    """
    constant, plan = as_matrix(constC, "constC"), as_matrix(T, "T")
    if constant.shape != plan.shape:
        raise error(
            _abi.E_SHAPE,
            f"constC has the shape {constant.shape}, T {plan.shape}; they must agree")
    return constant - as_matrix(hC1, "hC1") @ plan @ as_matrix(hC2, "hC2").T


def gwloss(constC: Any, hC1: Any, hC2: Any, T: Any, nx: Any = None) -> Any:
    """Gromov-Wasserstein loss of a plan.

    Parameters
    ----------
    constC, hC1, hC2, T, nx
        As for `tensor_product`.

    Returns
    -------
    float
        The loss.
    """
    return (tensor_product(constC, hC1, hC2, T) * np.asarray(T)).sum()


def gwggrad(constC: Any, hC1: Any, hC2: Any, T: Any, nx: Any = None) -> np.ndarray:
    """Gradient of the loss with respect to the plan, for symmetric structures.

    Parameters
    ----------
    constC, hC1, hC2, T, nx
        As for `tensor_product`.

    Returns
    -------
    numpy.ndarray, shape (n, m)
        The gradient.
    """
    return 2 * tensor_product(constC, hC1, hC2, T)
