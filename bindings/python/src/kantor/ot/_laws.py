"""Normal laws of samples."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_numbers
from .._errors import error
from ._inputs import read_points


def fit_law(
    samples: Any, weights: Any, reg: float, bias: bool, name: str
) -> Tuple[np.ndarray, np.ndarray]:
    """Fit a normal law to weighted samples.

    Parameters
    ----------
    samples : array_like, shape (n, d)
        The samples.
    weights : array_like, shape (n,) or (n, 1), or None
        Their weights; equal if None.
    reg : float
        Added to the diagonal of the covariance.
    bias : bool
        True: the mean is that of the samples. False: it is 0.
    name : str
        What the samples are called in error messages.

    Returns
    -------
    mean : numpy.ndarray, shape (d,)
        The mean.
    covariance : numpy.ndarray, shape (d, d)
        The covariance, of the samples and not of what they are drawn from.
    """
    points = read_points(samples, name).astype(float)
    count, d = points.shape
    shares = np.full(count, 1.0 / max(count, 1))
    if weights is not None:
        shares = as_numbers(weights, "weights").astype(float).reshape(-1)
        if shares.shape != (count,) or not (shares >= 0).all() or not shares.sum() > 0:
            raise error(_abi.E_RANGE, f"the weights of {name} are not {count} masses")
        shares = shares / shares.sum()
    mean = shares @ points if bias else np.zeros(d)
    centred = points - mean
    return mean, (centred * shares[:, None]).T @ centred + reg * np.eye(d)
