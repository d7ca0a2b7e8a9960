"""Proximal terms as arguments: names with parameters, functions, lists of them."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _abi
from ._errors import error

#: A name, a name with its numbers, or a function of (x, step).
Term = Union[str, Tuple[Any, ...], Callable[[np.ndarray, float], Any]]

#: Parameters of terms that may be given as arrays, in the order in which they follow the name.
_ARRAYS = {"box": ("lower", "upper")}


def is_function(term: Any) -> bool:
    """Whether a term is a function of its own.

    Parameters
    ----------
    term : object
        What was given.

    Returns
    -------
    bool
        True for functions of (x, step).
    """
    return callable(term)


def fields(slot: str, term: Union[Term, Sequence[Term], None]) -> Dict[str, Any]:
    """The fields of a problem that say what a term is.

    Parameters
    ----------
    slot : str
        Name of the text field.
    term : str, tuple, list or None
        A name, a tuple of a name and its numbers (or a dict of parameters), or a list of these,
        one for each part.

    Returns
    -------
    dict
        Fields by name; empty without a term.

    Raises
    ------
    KantorError
        Something that is no term.
    """
    if term is None:
        return {}
    if isinstance(term, list):
        texts = []
        for entry in term:
            text, arrays = _one(slot, entry)
            if arrays:
                raise error(
                    _abi.E_TYPE,
                    f"{slot}: {entry[0]!r} in a list takes numbers, not arrays; give one term for "
                    "all parts with arrays of the whole length",
                )
            texts.append(text)
        return {slot: ", ".join(texts)}
    text, arrays = _one(slot, term)
    return {slot: text, **{f"{slot}_{name}": values for name, values in arrays.items()}}


def _one(slot: str, term: Any) -> Tuple[str, Dict[str, np.ndarray]]:
    """The text of a term, and those of its parameters that are arrays."""
    if isinstance(term, str):
        return term, {}
    if not isinstance(term, tuple) or not term or not isinstance(term[0], str):
        raise error(
            _abi.E_TYPE,
            f"{slot} is {term!r}; a name, a tuple of a name and its parameters, or a function of "
            "(x, step) is needed",
        )
    words: List[str] = [term[0]]
    arrays: Dict[str, np.ndarray] = {}
    for k, value in enumerate(term[1:]):
        if isinstance(value, Mapping):
            for name, entry in value.items():
                if np.ndim(entry) == 0:
                    words.append(f"{name}={float(entry)!r}")
                else:
                    arrays[name] = np.asarray(entry, dtype=np.float64)
            continue
        if np.ndim(value) == 0:
            words.append(_number(term[0], k, float(value)))
            continue
        names = _ARRAYS.get(term[0], ())
        if k >= len(names):
            raise error(
                _abi.E_TYPE,
                f"{slot}: parameters of {term[0]!r} that are arrays are given by name, as in "
                f"({term[0]!r}, {{'name': array}})",
            )
        arrays[names[k]] = np.asarray(value, dtype=np.float64)
    return " ".join(words), arrays


def _number(name: str, k: int, value: float) -> str:
    # By name where an array may stand before it.
    names = _ARRAYS.get(name, ())
    return f"{names[k]}={value!r}" if k < len(names) else repr(value)


def split(slot: str, term: Any) -> Tuple[Dict[str, Any], Optional[Callable[..., Any]]]:
    """The fields of a term, or its function.

    Parameters
    ----------
    slot : str
        Name of the text field.
    term : object
        What was given.

    Returns
    -------
    fields : dict
        Fields by name.
    prox : callable or None
        The function of (x, step).
    """
    if is_function(term):
        return {}, term
    return fields(slot, term), None


def start(name: str, values: Any) -> np.ndarray:
    """A point to start from.

    Parameters
    ----------
    name : str
        Of the argument.
    values : array_like
        What was given.

    Returns
    -------
    numpy.ndarray, shape (n,)
        The point.

    Raises
    ------
    KantorError
        Not a vector of numbers.
    """
    try:
        point = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise error(_abi.E_TYPE, f"{name} is no array of numbers") from None
    if point.ndim != 1 or point.size == 0:
        raise error(
            _abi.E_SHAPE, f"{name} has the shape {point.shape}; a vector of numbers is needed"
        )
    return point


def mean_of(function: Callable[[int, np.ndarray], Any]) -> Callable[..., Any]:
    """The mean over listed components of a function of (i, x).

    Parameters
    ----------
    function : callable
        ``function(i, x)``, an array.

    Returns
    -------
    callable
        A function of (x, indices).
    """

    def mean(x: np.ndarray, indices: np.ndarray) -> Any:
        total = None
        for i in indices:
            value = function(int(i), x)
            if value is None:
                return None
            value = np.asarray(value, dtype=np.float64)
            total = value.copy() if total is None else total + value
        return None if total is None else total / len(indices)

    return mean
