"""Sparse matrices on their way into the library. SciPy is not needed to import this."""

from __future__ import annotations

from ctypes import pointer, sizeof
from typing import Any, List, Tuple

import numpy as np

from . import _abi
from ._arrays import fill_view
from ._errors import error

_FORMATS = {"csc": _abi.CSC, "csr": _abi.CSR, "coo": _abi.COO}
_INTEGERS = {np.dtype(np.int32): _abi.I32, np.dtype(np.int64): _abi.I64}


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse matrix or array of SciPy.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        True for what has entries and can be had as coordinates.
    """
    return hasattr(value, "tocoo") and hasattr(value, "nnz")


def sparse_view(value: Any, name: str) -> Tuple[_abi.Sparse, List[Any]]:
    """Describe a sparse matrix to the library.

    Parameters
    ----------
    value : scipy.sparse matrix or array
        Of rank 2 and any format.
    name : str
        What the matrix is called in error messages.

    Returns
    -------
    matrix : Sparse
        The view.
    owners : list
        What must stay alive while the view is used.

    Raises
    ------
    KantorError
        A matrix of another rank, or with elements that are no real numbers.
    """
    if len(value.shape) != 2:
        raise error(_abi.E_SHAPE, f"{name} has the shape {value.shape}; two dimensions are needed")
    if value.format not in _FORMATS:
        value = value.tocsc()
    if value.format == "coo":
        first, second = value.row, value.col
    else:
        first, second = value.indices, value.indptr
    data = np.asarray(value.data)
    if data.dtype.kind not in "fiub":
        raise error(_abi.E_TYPE, f"{name} has elements of type {data.dtype}; real numbers needed")
    if data.dtype != np.float32:
        data = np.ascontiguousarray(data, dtype=np.float64)
    views = [_abi.Array() for _ in range(3)]
    owners: List[Any] = [fill_view(views[0], np.ascontiguousarray(data), name)]
    owners += [_fill_integers(view, part) for view, part in zip(views[1:], (first, second))]
    matrix = _abi.Sparse(
        struct_size=sizeof(_abi.Sparse), format=_FORMATS[value.format], rows=value.shape[0],
        columns=value.shape[1], values=pointer(views[0]), indices=pointer(views[1]),
        offsets=pointer(views[2]),
    )
    return matrix, owners + views


def _fill_integers(view: _abi.Array, array: Any) -> np.ndarray:
    array = np.ascontiguousarray(array)
    if array.dtype not in _INTEGERS:
        array = array.astype(np.int64)
    view.struct_size = sizeof(_abi.Array)
    view.dtype = _INTEGERS[array.dtype]
    view.ndim = 1
    view.data = array.ctypes.data
    view.shape[0] = array.shape[0]
    view.stride[0] = 1
    return array
