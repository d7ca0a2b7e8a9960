"""Exceptions: one class per group of codes of the C library."""

from __future__ import annotations

from typing import Any, Dict, Type

from . import _abi
from ._library import lib


class KantorError(ValueError):
    """A call that failed and changed nothing.

    Attributes
    ----------
    code : int
        The code of the C library, negative; see ``kantor/types.h``.
    code_name : str
        Its name, such as ``"range"``.
    """

    def __init__(self, message: str, code: int = _abi.E_INTERNAL) -> None:
        super().__init__(message)
        self.code = code

    @property
    def code_name(self) -> str:
        """Name of the code."""
        return code_name(self.code)


class InvalidValueError(KantorError):
    """A value out of range, not finite, or missing."""


class InvalidShapeError(KantorError):
    """Sizes that do not fit together, or a memory layout that cannot be used."""


class InvalidTypeError(KantorError, TypeError):
    """A value of a type that the option or field does not take."""


class UnknownNameError(KantorError, LookupError):
    """No kind, method, option or field has this name."""


class StateError(KantorError):
    """Not possible now: a sealed problem, settings of another method."""


class UnsupportedError(KantorError, NotImplementedError):
    """The method, or this package, cannot do it."""


class OutOfMemoryError(KantorError, MemoryError):
    """Memory ran out, or a size is beyond any memory."""


class VersionError(KantorError):
    """The library is older than this package, or data are in another format."""


class InternalError(KantorError, RuntimeError):
    """A defect in Kantor; please report it."""


class NotSolvedError(KantorError, RuntimeError):
    """A solve with ``check=True`` ended with another status than solved.

    Attributes
    ----------
    result : Result
        The best point found, with its certificate.
    """

    def __init__(self, message: str, code: int, result: Any = None) -> None:
        super().__init__(message, code)
        self.result = result


CLASSES: Dict[int, Type[KantorError]] = {
    _abi.E_NULL: InvalidValueError,
    _abi.E_HANDLE: StateError,
    _abi.E_BUSY: StateError,
    _abi.E_STATE: StateError,
    _abi.E_NAME: UnknownNameError,
    _abi.E_TYPE: InvalidTypeError,
    _abi.E_RANGE: InvalidValueError,
    _abi.E_SHAPE: InvalidShapeError,
    _abi.E_LAYOUT: InvalidShapeError,
    _abi.E_NOT_FINITE: InvalidValueError,
    _abi.E_MISSING: InvalidValueError,
    _abi.E_UNSUPPORTED: UnsupportedError,
    _abi.E_TOO_LARGE: OutOfMemoryError,
    _abi.E_OUT_OF_MEMORY: OutOfMemoryError,
    _abi.E_FORMAT: VersionError,
    _abi.E_VERSION: VersionError,
    _abi.E_BUFFER: InvalidShapeError,
    _abi.E_INTERNAL: InternalError,
}


def code_name(code: int) -> str:
    """Name of a call code or status.

    Parameters
    ----------
    code : int
        Any number.

    Returns
    -------
    str
        Such as ``"solved"``; ``"unknown"`` for numbers without a name.
    """
    return lib.kantor_code_name(code).decode()


def error(code: int, message: str) -> KantorError:
    """Make the exception of a code.

    Parameters
    ----------
    code : int
        A negative code.
    message : str
        One line that names the argument and what is wrong.

    Returns
    -------
    KantorError
        An exception of the code's class, not raised.
    """
    return CLASSES.get(code, KantorError)(message, code)


def check(code: int) -> int:
    """Raise for a negative code of a call just made on this thread.

    Parameters
    ----------
    code : int
        What the library returned.

    Returns
    -------
    int
        The same code, when it is not negative.
    """
    if code < 0:
        raise error(code, lib.kantor_last_error().decode("utf-8", "replace"))
    return code
