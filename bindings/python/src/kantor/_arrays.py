"""Arrays on their way into the library and out of it."""

from __future__ import annotations

import ctypes
import itertools
from ctypes import addressof, c_char, sizeof
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import _abi
from ._errors import error

_F64 = np.dtype(np.float64)
_F32 = np.dtype(np.float32)
_CODES = {_F64: _abi.F64, _F32: _abi.F32}
_TYPES = {
    _abi.F64: ("<f8", 8),
    _abi.F32: ("<f4", 4),
    _abi.I64: ("<i8", 8),
    _abi.I32: ("<i4", 4),
    _abi.U8: ("|u1", 1),
}
_CPU_DEVICES = (1, 3, 11, 13)  # DLPack: CPU and the host memory of CUDA, ROCm and unified memory


def as_numbers(value: Any, name: str) -> np.ndarray:
    """See anything array-like as an array of doubles or floats.

    Parameters
    ----------
    value : array_like
        An array, a list, or an object with ``__array_interface__``, ``__array__``, the buffer
        protocol or ``__dlpack__`` in CPU memory.
    name : str
        What the array is called in error messages.

    Returns
    -------
    numpy.ndarray
        The same memory where the element type is float32 or float64, else a copy as float64.
    """
    if type(value) is not np.ndarray:
        value = _to_numpy(value, name)
    kind = value.dtype
    if kind is _F64 or kind is _F32:
        return value
    if kind == _F64 or kind == _F32:  # native byte order, an equal descriptor
        return value
    if kind.kind not in "fiubO":
        what = "complex" if kind.kind == "c" else f"of the type {kind}"
        raise error(_abi.E_TYPE, f"{name} is {what}; real numbers are needed")
    try:
        target = _F32 if kind.kind == "f" and kind.itemsize == 4 else _F64
        return value.astype(target)
    except (TypeError, ValueError) as cause:
        raise error(_abi.E_TYPE, f"{name} cannot be read as numbers: {cause}") from cause


def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse matrix, of SciPy or alike.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        True if it can be turned into coordinates.
    """
    return hasattr(value, "tocoo") and hasattr(value, "nnz")


def _to_numpy(value: Any, name: str) -> np.ndarray:
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise error(_abi.E_TYPE, f"{name} has masked elements; fill or remove them")
    if is_sparse(value):
        raise error(
            _abi.E_UNSUPPORTED, f"{name} is a sparse matrix; pass a dense array (.toarray())"
        )
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return _from_dlpack(value, name)
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError, BufferError, AttributeError) as cause:
        if hasattr(cause, "code"):
            raise
        raise error(_abi.E_TYPE, f"{name} cannot be read as an array: {cause}") from cause


def _from_dlpack(value: Any, name: str) -> np.ndarray:
    device = value.__dlpack_device__()[0] if hasattr(value, "__dlpack_device__") else 1
    if device not in _CPU_DEVICES:
        raise error(_abi.E_TYPE, f"{name} is not in CPU memory (DLPack device {device})")
    return np.from_dlpack(value)


def as_vector(value: Any, name: str) -> np.ndarray:
    """See a value as a one-dimensional array of numbers.

    Parameters
    ----------
    value : array_like
        As for `as_numbers`.
    name : str
        What the array is called in error messages.

    Returns
    -------
    numpy.ndarray
        Of rank 1.
    """
    array = as_numbers(value, name)
    if array.ndim != 1:
        raise error(_abi.E_SHAPE, f"{name} has the shape {array.shape}; one dimension is needed")
    return array


def as_matrix(value: Any, name: str) -> np.ndarray:
    """See a value as a two-dimensional array of numbers.

    Parameters
    ----------
    value : array_like
        As for `as_numbers`.
    name : str
        What the array is called in error messages.

    Returns
    -------
    numpy.ndarray
        Of rank 2.
    """
    array = as_numbers(value, name)
    if array.ndim != 2:
        raise error(_abi.E_SHAPE, f"{name} has the shape {array.shape}; two dimensions are needed")
    return array


def address(array: np.ndarray) -> int:
    """Address of the first element, by the quickest way that works.

    Parameters
    ----------
    array : numpy.ndarray
        Kept alive by the caller.

    Returns
    -------
    int
        The address.
    """
    try:  # contiguous and writable: five times quicker than the array interface
        return addressof(c_char.from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        return array.__array_interface__["data"][0]


def fill_view(view: _abi.Array, array: np.ndarray, name: str) -> np.ndarray:
    """Describe an array to the library.

    Parameters
    ----------
    view : Array
        Filled in.
    array : numpy.ndarray
        float32 or float64, of up to four dimensions.
    name : str
        What the array is called in error messages.

    Returns
    -------
    numpy.ndarray
        What must stay alive while the view is used: `array`, or a copy where its strides are no
        multiples of the element size.
    """
    ndim = array.ndim
    if ndim > 4:
        raise error(_abi.E_SHAPE, f"{name} has {ndim} dimensions; at most 4 are allowed")
    size = array.itemsize
    if not array.flags.aligned or any(stride % size for stride in array.strides):
        array = np.array(array, order="C")
    view.struct_size = sizeof(_abi.Array)
    view.dtype = _CODES[array.dtype]
    view.ndim = ndim
    view.data = address(array)
    view.shape[:ndim] = array.shape
    view.stride[:ndim] = [stride // size for stride in array.strides]
    return array


def view_of(array: np.ndarray, name: str) -> Tuple[_abi.Array, np.ndarray]:
    """Make the library's view of an array; see `fill_view`.

    Parameters
    ----------
    array : numpy.ndarray
        float32 or float64.
    name : str
        What the array is called in error messages.

    Returns
    -------
    view : Array
        The view.
    owner : numpy.ndarray
        What must stay alive while the view is used.
    """
    view = _abi.Array()
    return view, fill_view(view, array, name)


def views_of(arrays: "List[np.ndarray]", names: "List[str]") -> Tuple[Any, List[np.ndarray]]:
    """Make a C array of views.

    Parameters
    ----------
    arrays : list of numpy.ndarray
        float32 or float64.
    names : list of str
        What the arrays are called in error messages.

    Returns
    -------
    views : ctypes array of Array
        The views.
    owners : list of numpy.ndarray
        What must stay alive while the views are used.
    """
    views = (_abi.Array * len(arrays))()
    owners = [fill_view(view, *pair) for view, pair in zip(views, zip(arrays, names))]
    return views, owners


class _Memory:
    """Memory of a handle, as numpy's array interface wants it told."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, interface: Dict[str, Any], owner: Any) -> None:
        self.__array_interface__ = interface
        self.owner = owner


def from_view(view: _abi.Array, owner: Any) -> np.ndarray:
    """See an array of the library as a read-only numpy array.

    Parameters
    ----------
    view : Array
        What the library filled in.
    owner : object
        Kept alive as long as the numpy array, or any view of it, lives.

    Returns
    -------
    numpy.ndarray
        No copy.
    """
    typestr, size = _TYPES[view.dtype]
    shape = tuple(view.shape[: view.ndim])
    if 0 in shape or not view.data:
        empty = np.zeros(shape, dtype=typestr)
        empty.flags.writeable = False
        return empty
    interface = {
        "version": 3,
        "typestr": typestr,
        "shape": shape,
        "strides": tuple(stride * size for stride in view.stride[: view.ndim]),
        "data": (view.data, True),
    }
    return np.asarray(_Memory(interface, owner))


# Borrowed arrays and functions by ticket, until the library releases them on whatever thread
# frees a handle.
_borrowed: Dict[int, Any] = {}
_tickets = itertools.count(1)


@_abi.ReleaseFunction
def _release(ticket: Optional[int]) -> None:
    _borrowed.pop(ticket or 0, None)


#: For arrays that are copied: no release function.
NO_RELEASE = _abi.ReleaseFunction()


def lend(array: Any) -> Tuple[Any, int]:
    """Keep an array or functions alive until the library lets them go.

    Parameters
    ----------
    array : numpy.ndarray or Functions
        To be passed with the release function.

    Returns
    -------
    release : callback
        For the library.
    ticket : int
        The owner to pass with it.
    """
    ticket = next(_tickets)
    _borrowed[ticket] = array
    return _release, ticket


def can_lend(array: np.ndarray) -> bool:
    """Whether the layout allows borrowing: unit inner stride, aligned, whole strides.

    Parameters
    ----------
    array : numpy.ndarray
        float32 or float64.

    Returns
    -------
    bool
        True if the library can read this memory in place.
    """
    if not array.flags.aligned or array.size == 0:
        return False
    size = array.itemsize
    if array.ndim and array.shape[-1] > 1 and array.strides[-1] != size:
        return False
    return all(stride % size == 0 and stride > 0 for stride in array.strides)


def encode(text: str, what: str) -> bytes:
    """Encode a name for the library.

    Parameters
    ----------
    text : str
        The name.
    what : str
        What it is called in error messages.

    Returns
    -------
    bytes
        UTF-8.
    """
    if not isinstance(text, str):
        raise error(_abi.E_TYPE, f"{what} is of type {type(text).__name__}; a str is needed")
    if "\0" in text:
        raise error(_abi.E_NAME, f"{what} {text!r} contains a null character")
    return text.encode("utf-8", "replace")


def read_text(call: Any, *arguments: Any) -> Tuple[int, str]:
    """Call a function that writes text into the caller's memory, with as much as it needs.

    Parameters
    ----------
    call : ctypes function
        Takes the arguments, the memory and its size.
    *arguments : object
        The leading arguments.

    Returns
    -------
    code : int
        What the function returned.
    text : str
        What it wrote.
    """
    capacity = 256
    while True:
        memory = ctypes.create_string_buffer(capacity)
        code = call(*arguments, memory, capacity)
        if code != _abi.E_BUFFER or capacity > 1 << 24:
            return code, memory.value.decode("utf-8", "replace")
        capacity *= 8
