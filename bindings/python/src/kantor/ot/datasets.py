"""Small data of normal laws, as the examples of POT use them."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_numbers
from .._errors import error
from ._inputs import (
    read_count, read_generator, read_number, read_positive, refuse, refuse_unknown,
)

__all__ = ["make_1D_gauss", "make_2D_samples_gauss", "make_data_classif"]

#: Centres of three classes, and how wide the first two are; the third one has width 2.
_THREE = {
    "3gauss": (((-1.0, -1.0), (-1.0, 1.0), (1.0, 0.0)), 1.5),
    "3gauss2": (((-2.0, -2.0), (-2.0, 2.0), (2.0, 0.0)), 1.0),
}
_NAMES = (*_THREE, "gaussrot", "2gauss_prop")


def make_1D_gauss(n: int, m: float, s: float) -> np.ndarray:
    """Make the histogram of a normal law over 0, 1, ..., n - 1.

    Parameters
    ----------
    n : int
        Number of bins.
    m : float
        Mean.
    s : float
        Standard deviation, > 0.

    Returns
    -------
    numpy.ndarray, shape (n,)
        The histogram, of sum 1.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.datasets.make_1D_gauss(3, 1.0, 1.0).round(3)
    array([0.274, 0.452, 0.274])
    """
    exponents = -0.5 * (
        (np.arange(read_count(n, "n")) - read_number(m, "m")) / read_positive(s, "s")) ** 2
    # Relative to the largest, so that a mean far outside leaves no histogram of zeros.
    heights = np.exp(exponents - exponents.max())
    return heights / heights.sum()


def make_2D_samples_gauss(n: int, m: Any, sigma: Any, random_state: Any = None) -> np.ndarray:
    """Draw points of a normal law in the plane.

    Parameters
    ----------
    n : int
        How many.
    m : array_like, shape (2,)
        Mean.
    sigma : array_like, shape (2, 2), or float
        Covariance; a number stands for that multiple of the identity.
    random_state : int or numpy.random.RandomState, optional
        Seed or generator; numpy's global one if None.

    Returns
    -------
    numpy.ndarray, shape (n, 2)
        The points.

    Examples
    --------
    >>> import kantor
    >>> kantor.ot.datasets.make_2D_samples_gauss(3, [0, 0], [[1, 0], [0, 1]], 7).shape
    (3, 2)
    """
    mean = as_numbers(m, "m").astype(np.float64)
    covariance = as_numbers(sigma, "sigma").astype(np.float64)
    if covariance.size == 1:
        covariance = float(covariance.ravel()[0]) * np.eye(2)
    if mean.shape != (2,) or covariance.shape != (2, 2):
        raise error(
            _abi.E_SHAPE,
            f"m and sigma have the shapes {mean.shape} and {covariance.shape}; (2,) and (2, 2) "
            "are needed")
    values, vectors = np.linalg.eigh(covariance)
    if not np.allclose(covariance, covariance.T) or not values[0] >= -1e-12 * abs(values[1]):
        raise error(_abi.E_RANGE, f"sigma is {covariance.tolist()}; a covariance is needed")
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    generator = read_generator(random_state, "random_state")
    return generator.randn(read_count(n, "n"), 2) @ root + mean


def make_data_classif(
    dataset: str, n: int, nz: float = 0.5, theta: float = 0, p: float = 0.5,
    random_state: Any = None, **kwargs: Any,
) -> Tuple[np.ndarray, np.ndarray]:
    """Draw points of classes in the plane.

    Parameters
    ----------
    dataset : {"3gauss", "3gauss2", "gaussrot", "2gauss_prop"}
        Three classes, closer together or farther apart; two classes turned by `theta`; two classes
        of the shares p and 1 - p.
    n : int
        How many points.
    nz : float
        Their spread: of ``"gaussrot"`` the variance, else a factor of the standard deviation.
    theta : float
        Angle of ``"gaussrot"``, in radians.
    p : float
        Share of the first class of ``"2gauss_prop"``, from 0 to 1.
    random_state : int or numpy.random.RandomState, optional
        Seed or generator; numpy's global one if None. The same seed gives POT's points.
    **kwargs
        ``bias``: where ``"2gauss_prop"`` lies, (0, 2) by default.

    Returns
    -------
    X : numpy.ndarray, shape (n, 2)
        The points.
    y : numpy.ndarray, shape (n,)
        Their classes, from 1; 1 and 0 for ``"2gauss_prop"``.

    Examples
    --------
    >>> import kantor
    >>> X, y = kantor.ot.datasets.make_data_classif("3gauss", 6, random_state=0)
    >>> X.shape, y
    ((6, 2), array([1, 1, 2, 2, 3, 3]))
    """
    name, count, spread = str(dataset).lower(), read_count(n, "n"), read_number(nz, "nz")
    refuse_unknown("make_data_classif", {k: v for k, v in kwargs.items() if k != "bias"})
    generator = read_generator(random_state, "random_state")
    if name in _THREE:
        centres, width = _THREE[name]
        y = (np.arange(count) / count * 3).astype(int)
        X = np.asarray(centres)[y]
        for members, factor in ((y < 2, width), (y == 2, 2.0)):
            X[members] += factor * spread * generator.randn(int(members.sum()), 2)
        return X, y + 1
    if name == "gaussrot":
        y = (np.arange(count) / count * 2).astype(int)
        X = np.array([[-1.0, 1.0], [1.0, -1.0]])[y] + np.sqrt(spread) * generator.randn(count, 2)
        angle = read_number(theta, "theta")
        turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        return X @ np.array(turn), y + 1
    if name == "2gauss_prop":
        share = read_number(p, "p")
        if not 0 <= share <= 1:
            raise error(_abi.E_RANGE, f"p is {share}; a number from 0 to 1 is needed")
        y = np.repeat([1, 0], [int(share * count), int((1 - share) * count)])
        X = np.stack([0.0 * y, 1.0 - 2.0 * y], axis=1) + spread * generator.randn(len(y), 2)
        return X + np.asarray(kwargs.get("bias", (0.0, 2.0)), dtype=float), y
    return refuse(f"dataset {dataset!r} is not offered; use one of {', '.join(_NAMES)}")
