"""Random directions of sliced transport."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._inputs import float_type, read_count, read_generator, refuse


def get_random_projections(
    d: int,
    n_projections: int,
    seed: Any = None,
    backend: Any = None,
    type_as: Any = None,
) -> np.ndarray:
    """Directions drawn uniformly from the unit sphere.

    Parameters
    ----------
    d : int
        Dimension.
    n_projections : int
        Number of directions.
    seed : int, numpy.random.RandomState or None
        Where the random numbers come from; those of numpy itself if None. The same seed gives the
        directions that POT draws.
    backend : None
        Not offered: arrays are those of numpy.
    type_as : array_like, optional
        The precision of the answer is that of this array.

    Returns
    -------
    projections : numpy.ndarray, shape (d, n_projections)
        One direction in each column.

    Raises
    ------
    kantor.KantorError
        Numbers that are no sizes, or a `backend`.

    Examples
    --------
    >>> import kantor
    >>> directions = kantor.ot.sliced.get_random_projections(3, 5, seed=0)
    >>> (directions**2).sum(axis=0).round(12)
    array([1., 1., 1., 1., 1.])
    """
    if backend is not None and type(backend).__name__ != "NumpyBackend":
        refuse("backend is not offered; arrays are those of numpy")
    shape = (read_count(d, "d"), read_count(n_projections, "n_projections"))
    normal = read_generator(seed, "seed").randn(*shape)
    projections = normal / np.sqrt((normal**2).sum(axis=0))
    return projections.astype(float_type(type_as), copy=False)
