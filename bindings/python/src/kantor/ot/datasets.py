"""Small data of normal laws, as the examples of POT use them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _abi
from .._arrays import as_numbers
from .._errors import error
from ._inputs import read_count, read_generator, read_number, read_positive

__all__ = ["make_1D_gauss", "make_2D_samples_gauss"]


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
