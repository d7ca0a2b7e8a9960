"""Proximal maps by name: the way into the library."""

from __future__ import annotations

import ctypes
import json
from ctypes import POINTER, c_char_p, c_void_p, pointer
from functools import lru_cache
from typing import Any, Dict, List, Tuple, Union

import numpy as np

from .. import _abi
from .._arrays import as_numbers, encode, view_of
from .._errors import check, error
from .._library import lib

Array = Union[np.ndarray, Any]


@lru_cache(maxsize=None)
def _entries() -> Dict[str, Dict[str, Any]]:
    listed = json.loads(lib.kantor_describe())["proximal_maps"]
    return {entry["name"]: entry for entry in listed}


def names() -> List[str]:
    """List the proximal maps of the library.

    Returns
    -------
    list of str
        Their names.

    Examples
    --------
    >>> import kantor
    >>> "simplex" in kantor.prox.names()
    True
    """
    return list(_entries())


def describe(name: str) -> Dict[str, Any]:
    """Tell what a proximal map is and which parameters it has.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    dict
        ``name``, ``form`` (``"function"``, ``"indicator"`` or ``"mirror"``), ``summary`` (the
        formula of g), ``source``, ``takes_matrix`` and ``parameters`` (each with ``name``,
        ``shape``, ``is_required`` and ``doc``).

    Raises
    ------
    UnknownNameError
        There is no such map.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.describe("simplex")["summary"]
    'x >= 0, sum x = r'
    """
    if name not in _entries():
        raise error(
            _abi.E_NAME, f"proximal map '{name}' is not known; known are {', '.join(names())}"
        )
    return _entries()[name]


class _Call:
    """Arguments of one call, and what keeps their memory alive."""

    def __init__(self, name: str, parameters: Dict[str, Any]) -> None:
        self.name = encode(name, "name")
        given = {key: value for key, value in parameters.items() if value is not None}
        self.owners: List[Any] = []
        self.count = len(given)
        self.names = (c_char_p * max(self.count, 1))()
        self.values = (c_void_p * max(self.count, 1))()
        for k, (key, value) in enumerate(given.items()):
            self.names[k] = encode(key, "parameter")
            self.values[k] = ctypes.addressof(self.view(as_numbers(value, key), key))

    def view(self, array: np.ndarray, name: str) -> _abi.Array:
        view, owner = view_of(array, name)
        self.owners.append((view, owner, array))
        return view

    def head(self) -> Tuple[Any, ...]:
        return (
            self.name, self.count, ctypes.cast(self.names, POINTER(c_char_p)),
            ctypes.cast(self.values, POINTER(c_void_p)),
        )


def _flat(name: str, x: np.ndarray, parameters: Dict[str, Any]) -> np.ndarray:
    """The points with one leading axis: C takes up to four in all."""
    entry = _entries().get(name)
    axes = 1
    if entry is not None and entry["takes_matrix"] and parameters.get("rows") is None:
        axes = 2 if x.ndim >= 2 else 1
    if x.ndim <= axes + 1:
        return x
    return x.reshape((-1, *x.shape[x.ndim - axes :]))


def apply(
    name: str, x: Any, step: float = 1.0, value: bool = False, **parameters: Any
) -> Union[np.ndarray, Tuple[np.ndarray, np.ndarray]]:
    """Apply a proximal map by name, to one point or to many.

    Finds the minimiser u of g(u) + \\|u - x\\|^2 / (2 step) for each point.

    Parameters
    ----------
    name : str
        One of `names`.
    x : array_like of shape (..., n)
        Points along the last axis; maps of matrices take (..., rows, columns).
    step : float, default 1.0
        Greater than 0. Projections do not depend on it.
    value : bool, default False
        Return g at the answers as well.
    **parameters : array_like
        Parameters of the map by name; see `describe`.

    Returns
    -------
    u : numpy.ndarray
        The answers, float64, of the shape of `x`.
    values : numpy.ndarray
        g(u) for each point, only with ``value=True``.

    Raises
    ------
    UnknownNameError
        The map or a parameter is not known.
    InvalidValueError
        A parameter for which g makes no sense, such as the radius of an empty set.
    InvalidShapeError
        Shapes that do not belong together.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.apply("l1", [3.0, -0.5, -2.0], step=0.5, weight=2.0)
    array([ 2.,  0., -1.])
    """
    array = as_numbers(x, "x")
    points = _flat(name, array, parameters)
    call = _Call(name, parameters)
    out = np.empty(points.shape)
    axes = points.ndim
    entry = _entries().get(name)
    if entry is not None:
        is_matrix = entry["takes_matrix"] and parameters.get("rows") is None and axes >= 2
        axes = points.ndim - (2 if is_matrix else 1)
    values = np.empty(points.shape[: max(axes, 0)])
    check(
        lib.kantor_prox_apply(
            *call.head(), pointer(call.view(points, "x")), step, pointer(call.view(out, "out")),
            values.ctypes.data if value else None,
        )
    )
    answer = out.reshape(array.shape)
    if not value:
        return answer
    lead = array.shape[: array.ndim - (points.ndim - axes)]
    return answer, values.reshape(lead)[()]


def mapped(name: str, x: Any, **parameters: Any) -> np.ndarray:
    """Apply a proximal map by name, for the functions of this package.

    Parameters
    ----------
    name : str
        One of `names`.
    x : array_like of shape (..., n)
        Points along the last axis.
    **parameters : array_like
        Of the map, and ``step``.

    Returns
    -------
    numpy.ndarray
        The answers.
    """
    answer = apply(name, x, **parameters)
    assert isinstance(answer, np.ndarray)
    return answer


def vjp(name: str, x: Any, v: Any, step: float = 1.0, **parameters: Any) -> np.ndarray:
    """Multiply by the transposed derivative of a proximal map with respect to its point.

    Parameters
    ----------
    name : str
        One of `names`.
    x : array_like of shape (..., n)
        Points, as for `apply`.
    v : array_like
        Cotangents, of the shape of `x`.
    step : float, default 1.0
        Greater than 0.
    **parameters : array_like
        Parameters of the map by name; see `describe`.

    Returns
    -------
    numpy.ndarray
        J'v for each point. At a kink J is that of the branch which a comparison by >= takes.

    Raises
    ------
    KantorError
        As for `apply`.

    Examples
    --------
    >>> import kantor
    >>> kantor.prox.vjp("simplex", [0.9, 0.6, -3.0], [1.0, 0.0, 5.0])
    array([ 0.5, -0.5,  0. ])
    """
    array = as_numbers(x, "x")
    points = _flat(name, array, parameters)
    cotangents = as_numbers(v, "v")
    if cotangents.shape != array.shape:
        raise error(
            _abi.E_SHAPE, f"v has the shape {cotangents.shape}; that of x, {array.shape}, is needed"
        )
    call = _Call(name, parameters)
    out = np.empty(points.shape)
    check(
        lib.kantor_prox_vjp(
            *call.head(), pointer(call.view(points, "x")), step,
            pointer(call.view(cotangents.reshape(points.shape), "v")),
            pointer(call.view(out, "out")),
        )
    )
    return out.reshape(array.shape)
