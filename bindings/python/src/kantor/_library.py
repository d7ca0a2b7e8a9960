"""Finding and loading ``libkantor``.

Order: the file named by the environment variable ``KANTOR_LIBRARY`` (an error if it cannot be
used); the file beside this package, as a wheel carries it; ``build/stage/lib`` of the checkout
this package lies in, as ``make`` fills it; ``libkantor.so.0`` as the dynamic loader finds it.
"""

from __future__ import annotations

import ctypes
import os
from typing import Iterator

from . import _abi

SONAME = "libkantor.so.0"


def candidates() -> Iterator[str]:
    """Yield what may be the library, best first.

    Yields
    ------
    str
        A path, or at last the bare soname for the dynamic loader.
    """
    explicit = os.environ.get("KANTOR_LIBRARY")
    if explicit:
        yield explicit
        return
    package = os.path.dirname(os.path.abspath(__file__))
    beside = os.path.join(package, SONAME)
    if os.path.exists(beside):
        yield beside
    checkout = os.path.normpath(os.path.join(package, "..", "..", "..", ".."))
    staged = os.path.join(checkout, "build", "stage", "lib", SONAME)
    if os.path.exists(os.path.join(checkout, "include", "kantor.h")) and os.path.exists(staged):
        yield staged
    yield SONAME


def load() -> ctypes.CDLL:
    """Load the library, check its version and declare its functions.

    Returns
    -------
    ctypes.CDLL
        The library; its functions have their types.

    Raises
    ------
    ImportError
        There is no library, or it is of another version; the text names the file.
    """
    path = next(candidates())
    try:
        library = ctypes.CDLL(path, mode=ctypes.RTLD_LOCAL)
    except OSError as error:
        if path == SONAME:
            raise ImportError(
                f"{SONAME} was not found ({error}); install Kantor, run 'make stage' in the "
                "checkout, or name the file in the environment variable KANTOR_LIBRARY"
            ) from error
        raise ImportError(f"the library {path} cannot be loaded: {error}") from error
    try:
        library.kantor_abi_version.restype = ctypes.c_int32
        abi = library.kantor_abi_version()
        library.kantor_version_number.restype = ctypes.c_int32
        number = library.kantor_version_number()
    except AttributeError as error:
        raise ImportError(f"the library {path} is not Kantor: {error}") from error
    if abi != _abi.ABI_VERSION:
        raise ImportError(
            f"the library {path} has the ABI {abi}; this package needs {_abi.ABI_VERSION}"
        )
    if number < _abi.VERSION_NUMBER:
        raise ImportError(
            f"the library {path} has the version number {number}; this package needs "
            f"{_abi.VERSION_NUMBER} or later"
        )
    try:
        _abi.declare(library)
    except AttributeError as error:
        raise ImportError(f"the library {path} lacks a function: {error}") from error
    return library


#: The loaded library; every function has its types.
lib = load()
