"""What the functions of this package share: reading weights, costs and types."""

from __future__ import annotations

import warnings
from typing import Any, Dict, NoReturn, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_numbers, as_vector
from .._errors import error
from .._result import Result

#: Masses that differ by more are refused; smaller differences are scaled away, as POT does.
MASS_TOLERANCE = 1.5e-6

_F64 = np.dtype(np.float64)
_F32 = np.dtype(np.float32)


def refuse(what: str) -> NoReturn:
    """Raise for something that Kantor does not offer.

    Parameters
    ----------
    what : str
        The argument and its value, and what could be used instead.
    """
    raise error(_abi.E_UNSUPPORTED, what)


def refuse_unknown(function: str, keywords: dict) -> None:
    """Raise for keyword arguments that a function does not have.

    Parameters
    ----------
    function : str
        Name of the function.
    keywords : dict
        Keyword arguments left over.
    """
    if keywords:
        refuse(f"{function}() does not offer the argument(s) {', '.join(sorted(keywords))}")


def drop_keywords(function: str, keywords: dict, *names: str) -> None:
    """Take keywords that POT's algorithm needs and Kantor's does not; refuse others.

    Parameters
    ----------
    function : str
        Name of the function.
    keywords : dict
        Keyword arguments left over.
    *names : str
        Those that may be given and have no effect.
    """
    refuse_unknown(function, {name: keywords[name] for name in keywords if name not in names})


def is_empty(weights: Any) -> bool:
    """Whether weights are left out: None, or of length 0.

    Parameters
    ----------
    weights : array_like or None
        The weights.

    Returns
    -------
    bool
        True if the weights are to be uniform.
    """
    if weights is None:
        return True
    shape = getattr(weights, "shape", None)
    if shape is not None:
        return tuple(shape) == (0,)
    return hasattr(weights, "__len__") and len(weights) == 0


def float_type(*values: Any) -> np.dtype:
    """Precision of the answer: that of the first array; lists have no say.

    Parameters
    ----------
    *values : array_like
        Arguments in the order in which they decide.

    Returns
    -------
    numpy.dtype
        float32 or float64.
    """
    for value in values:
        kind = getattr(value, "dtype", None)
        if kind is not None and not is_empty(value):
            return _F32 if str(kind).endswith(("float32", "f4")) else _F64
    return _F64


def read_weights(value: Any, count: int, name: str) -> Optional[np.ndarray]:
    """Read weights as float64.

    Parameters
    ----------
    value : array_like or None
        The weights.
    count : int
        How many there must be.
    name : str
        What they are called in error messages.

    Returns
    -------
    numpy.ndarray or None
        None for uniform weights.
    """
    if is_empty(value):
        return None
    weights = as_vector(value, name)
    if weights.shape[0] != count:
        raise error(_abi.E_SHAPE, f"{name} has {weights.shape[0]} weights; {count} are needed")
    return weights.astype(_F64, copy=False)


def balance(
    a: Optional[np.ndarray], b: Optional[np.ndarray], check: bool = True
) -> Tuple[Optional[np.ndarray], Optional[np.ndarray]]:
    """Bring the weights of the targets to the mass of the sources.

    Parameters
    ----------
    a, b : numpy.ndarray or None
        Weights; None for uniform ones of mass 1.
    check : bool
        Refuse masses that differ by more than `MASS_TOLERANCE`.

    Returns
    -------
    a, b : numpy.ndarray or None
        `a` as it was and `b` scaled.
    """
    if a is None and b is None:
        return a, b
    mass = 1.0 if a is None else float(a.sum())
    other = 1.0 if b is None else float(b.sum())
    if check and not abs(mass - other) <= MASS_TOLERANCE:
        raise error(
            _abi.E_RANGE,
            f"the masses differ: a sums to {mass:.9g}, b to {other:.9g}; they must agree to "
            f"{MASS_TOLERANCE:g}",
        )
    if b is not None and other != mass and other > 0:
        b = b * (mass / other)
    return a, b  # a side that is None gets the mass of the other one in the library


def read_start(pair: Any, n: int, m: int) -> Dict[str, np.ndarray]:
    """Read potentials to start an exact solve from.

    Parameters
    ----------
    pair : pair of array_like
        Potentials of sources and targets.
    n, m : int
        How many there must be.

    Returns
    -------
    dict of str to numpy.ndarray
        By the names of Kantor's fields.
    """
    try:
        u, v = pair
    except (TypeError, ValueError):
        raise error(_abi.E_SHAPE, "potentials_init must be a pair of vectors") from None
    start = {}
    for name, value, count in (("potential_source", u, n), ("potential_target", v, m)):
        start[name] = as_vector(value, "potentials_init")
        if start[name].shape[0] != count:
            raise error(
                _abi.E_SHAPE,
                f"potentials_init has the lengths {np.shape(u)} and {np.shape(v)}; ({n},) and "
                f"({m},) are needed",
            )
    return start


def read_points(value: Any, name: str) -> np.ndarray:
    """Read points as an array of rank 2.

    Parameters
    ----------
    value : array_like
        Points of shape (n, d); (n,) is read as (n, 1).
    name : str
        What they are called in error messages.

    Returns
    -------
    numpy.ndarray
        float32 or float64.
    """
    points = as_numbers(value, name)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2:
        raise error(_abi.E_SHAPE, f"{name} has the shape {points.shape}; (n, d) is needed")
    return points


def read_count(value: Any, name: str) -> int:
    """Read a positive whole number.

    Parameters
    ----------
    value : int
        The number; whole floats are allowed.
    name : str
        What it is called in error messages.

    Returns
    -------
    int
        The number.
    """
    try:
        count = int(value)
    except (TypeError, ValueError, OverflowError):
        count = 0
    if count < 1 or count != value:
        raise error(_abi.E_RANGE, f"{name} is {value!r}; a whole number >= 1 is needed")
    return min(count, 2**62)


def read_positive(value: Any, name: str) -> float:
    """Read a positive finite number.

    Parameters
    ----------
    value : float
        The number.
    name : str
        What it is called in error messages.

    Returns
    -------
    float
        The number.
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as cause:
        raise error(_abi.E_TYPE, f"{name} is {value!r}; a number is needed") from cause
    if not 0 < number < np.inf:
        raise error(_abi.E_RANGE, f"{name} is {number}; a positive finite number is needed")
    return number


def read_number(value: Any, name: str) -> float:
    """Read a finite number.

    Parameters
    ----------
    value : float
        The number.
    name : str
        What it is called in error messages.

    Returns
    -------
    float
        The number.
    """
    try:
        number = float(value)
    except (TypeError, ValueError) as cause:
        raise error(_abi.E_TYPE, f"{name} is {value!r}; a number is needed") from cause
    if not np.isfinite(number):
        raise error(_abi.E_RANGE, f"{name} is {number}; a finite number is needed")
    return number


def read_threshold(value: Any, name: str, least: float) -> float:
    """Read a threshold to stop at; 0 asks for as much as there is.

    Parameters
    ----------
    value : float
        The number, >= 0.
    name : str
        What it is called in error messages.
    least : float
        The smallest that the solver can reach.

    Returns
    -------
    float
        The number, at least `least`.
    """
    number = read_number(value, name)
    if number < 0:
        raise error(_abi.E_RANGE, f"{name} is {number}; a number >= 0 is needed")
    return max(number, least)


def read_mass(m: Any, a: Optional[np.ndarray], b: Optional[np.ndarray]) -> float:
    """Read the mass that a partial plan moves.

    Parameters
    ----------
    m : float
        The mass.
    a, b : numpy.ndarray or None
        Weights; None for uniform ones of mass 1.

    Returns
    -------
    float
        The mass.
    """
    mass = read_number(m, "m")
    most = min(1.0 if w is None else float(w.sum()) for w in (a, b))
    if not 0 <= mass <= most * (1 + 1e-9):
        raise error(
            _abi.E_RANGE,
            f"m is {mass}; at least 0 and at most {most:.9g}, the smaller total of the weights, "
            "can be moved",
        )
    return mass


def read_generator(seed: Any, name: str) -> Any:
    """Read a seed or a generator of random numbers, as POT takes them.

    Parameters
    ----------
    seed : int, numpy.random.RandomState or None
        None for numpy's global generator.
    name : str
        What it is called in error messages.

    Returns
    -------
    numpy.random.RandomState or module
        Something with ``randn`` and ``rand``.
    """
    if seed is None:
        return np.random
    if hasattr(seed, "randn"):
        return seed
    try:
        return np.random.RandomState(seed)
    except (TypeError, ValueError) as cause:
        raise error(_abi.E_RANGE, f"{name} is {seed!r}; {cause}") from cause


def warn_unsolved(result: Result, advice: str) -> Optional[str]:
    """Warn when a solve fell short.

    Parameters
    ----------
    result : Result
        The result.
    advice : str
        What could help.

    Returns
    -------
    str or None
        The text of the warning, None if the problem was solved.
    """
    if result.status_code == _abi.SOLVED:
        return None
    text = f"the solve ended with the status '{result.status}'; {advice}"
    warnings.warn(text, stacklevel=4)
    return text
