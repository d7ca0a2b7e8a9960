"""Blocks of rows, dense or sparse, put together for cone programs. SciPy is not needed."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import numpy as np

from . import _abi
from ._arrays import as_matrix, as_numbers
from ._errors import error
from ._sparse import is_sparse


class Triplets:
    """A sparse matrix as coordinates, with the attributes that `sparse_view` reads.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    row, col : numpy.ndarray
        Indices of the entries.
    data : numpy.ndarray
        Values of the entries; repeats are added up.
    """

    format = "coo"

    def __init__(
        self, shape: Tuple[int, int], row: np.ndarray, col: np.ndarray, data: np.ndarray
    ) -> None:
        self.shape, self.row, self.col, self.data = shape, row, col, data

    @property
    def nnz(self) -> int:
        """Number of entries."""
        return int(self.data.size)

    def tocoo(self) -> "Triplets":
        """Give the matrix itself.

        Returns
        -------
        Triplets
            This object.
        """
        return self


def objective(q: Any) -> np.ndarray:
    """Read a linear objective.

    Parameters
    ----------
    q : array_like, shape (n,) or (n, 1)
        The objective.

    Returns
    -------
    numpy.ndarray, shape (n,)
        As float64, contiguous.
    """
    return column(q, "q", None)


def column(value: Any, name: str, count: Optional[int], infinite: bool = False) -> np.ndarray:
    """Read a vector of numbers; one number stands for as many of it as are needed.

    Parameters
    ----------
    value : array_like
        A vector, a matrix of one column, or a number where `count` is known.
    name : str
        What it is called in error messages.
    count : int or None
        Elements needed; None: any number of them but 0.
    infinite : bool
        Whether infinite elements are allowed.

    Returns
    -------
    numpy.ndarray, shape (count,)
        As float64, contiguous.
    """
    array = np.asarray(as_numbers(value, name), dtype=np.float64)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 0 and count is not None:
        array = np.full(count, array)
    if array.ndim != 1 or (count is not None and array.shape[0] != count):
        needed = "one dimension" if count is None else f"({count},)"
        raise error(_abi.E_SHAPE, f"{name} has the shape {array.shape}; {needed} is needed")
    bad = np.isnan(array) if infinite else ~np.isfinite(array)
    if bad.any():
        place = int(np.argmax(bad))
        allowed = "numbers and infinity are" if infinite else "numbers are"
        raise error(
            _abi.E_NOT_FINITE, f"{name} is {array[place]} at {place}; {allowed} allowed")
    return np.ascontiguousarray(array)


def matrix(value: Any, name: str, columns: int) -> Any:
    """Read a matrix of rows, dense or sparse.

    Parameters
    ----------
    value : array_like or scipy.sparse matrix, shape (rows, columns) or (columns,)
        The rows; a vector is one row.
    name : str
        What it is called in error messages.
    columns : int
        Columns needed.

    Returns
    -------
    numpy.ndarray or scipy.sparse matrix
        Of two dimensions.
    """
    if not is_sparse(value):
        value = as_numbers(value, name)
        value = as_matrix(value[None, :] if value.ndim == 1 else value, name)
    if len(value.shape) != 2 or value.shape[1] != columns:
        raise error(
            _abi.E_SHAPE,
            f"{name} has the shape {tuple(value.shape)}; {columns} columns are needed, as q has "
            f"{columns} elements")
    entries = value.data if is_sparse(value) and hasattr(value, "indices") else (
        value.tocoo().data if is_sparse(value) else value)
    if not np.isfinite(entries).all():
        raise error(_abi.E_NOT_FINITE, f"{name} has entries that are no finite numbers")
    return value


class Stack:
    """Rows of a constraint matrix, one block after the other.

    Parameters
    ----------
    columns : int
        Number of variables.
    """

    def __init__(self, columns: int) -> None:
        self.columns, self.rows = columns, 0
        self._parts: List[Tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, block: Any, factor: float) -> None:
        """Append a matrix times a factor.

        Parameters
        ----------
        block : numpy.ndarray or scipy.sparse matrix
            With as many columns as there are variables.
        factor : float
            Multiplies the block.
        """
        if is_sparse(block):
            block = block.tocoo()
            row, col, data = block.row, block.col, block.data
        else:
            row, col = np.nonzero(block)
            data = block[row, col]
        self._append(row, col, data * factor, block.shape[0])

    def add_variables(self, which: np.ndarray, factor: float) -> None:
        """Append one row for each of some variables: the factor at the variable.

        Parameters
        ----------
        which : numpy.ndarray of int
            Indices of the variables.
        factor : float
            The entry.
        """
        self._append(np.arange(which.size), which, np.full(which.size, factor), which.size)

    def _append(self, row: np.ndarray, col: np.ndarray, data: np.ndarray, count: int) -> None:
        row = np.asarray(row, dtype=np.int64) + self.rows
        self._parts.append((row, np.asarray(col, dtype=np.int64), np.asarray(data, dtype=float)))
        self.rows += count

    def matrix(self) -> Triplets:
        """Put the blocks together.

        Returns
        -------
        Triplets
            All rows.
        """
        row, col, data = (
            np.concatenate([part[k] for part in self._parts] or [np.zeros(0)]) for k in range(3))
        return Triplets(
            (self.rows, self.columns), row.astype(np.int64), col.astype(np.int64), data)
