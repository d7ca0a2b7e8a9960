"""Settings: options by name, limits, warm start, cancel."""

from __future__ import annotations

import sys
import threading
from ctypes import byref, c_double, c_int64, c_void_p
from typing import Any, Mapping, Optional, Set, Union

import numpy as np

from . import _abi
from ._arrays import as_numbers, encode, read_text, view_of
from ._errors import check, error
from ._library import lib
from ._result import Result


class SettingsHandle:
    """Owns a ``kantor_settings``."""

    __slots__ = ("pointer",)

    def __init__(self, pointer: Optional[int]) -> None:
        self.pointer = pointer

    def __del__(
        self, _free: Any = lib.kantor_settings_free, _ending: Any = sys.is_finalizing
    ) -> None:
        if self.pointer and not _ending():
            _free(self.pointer)
            self.pointer = None

    @classmethod
    def create(cls, method: Optional[str]) -> "SettingsHandle":
        """Make settings with every option at its default.

        Parameters
        ----------
        method : str or None
            The method; None for the common options only.

        Returns
        -------
        SettingsHandle
            The owner of the new handle.
        """
        pointer = c_void_p()
        path = None if method is None else encode(method, "method")
        check(lib.kantor_settings_create(path, byref(pointer)))
        return cls(pointer.value)

    def copy(self) -> "SettingsHandle":
        """Make a twin with a cancel flag of its own.

        Returns
        -------
        SettingsHandle
            The owner of the new handle.
        """
        pointer = c_void_p()
        check(lib.kantor_settings_copy(self.pointer, byref(pointer)))
        return SettingsHandle(pointer.value)

    def set(self, name: str, value: Any) -> None:
        """Set an option; the Python type chooses the setter.

        Parameters
        ----------
        name : str
            The option.
        value : bool, int, float or str
            The value; None leaves the option as it is.
        """
        if value is None:
            return
        path = encode(name, "option")
        if isinstance(value, (bool, np.bool_)):
            code = lib.kantor_settings_set_flag(self.pointer, path, int(value))
        elif isinstance(value, (int, np.integer)):
            if abs(int(value)) >= 2**63:
                raise error(_abi.E_RANGE, f"option '{name}': {value} does not fit in 64 bits")
            code = lib.kantor_settings_set_int(self.pointer, path, int(value))
        elif isinstance(value, (float, np.floating)):
            code = lib.kantor_settings_set_real(self.pointer, path, float(value))
        elif isinstance(value, str):
            text = encode(value, f"option '{name}'")
            code = lib.kantor_settings_set_text(self.pointer, path, text)
        else:
            raise error(
                _abi.E_TYPE,
                f"option '{name}' is of type {type(value).__name__}; a bool, int, float or str "
                "is needed",
            )
        check(code)

    def set_start(self, start: Union[Result, Mapping[str, Any]]) -> None:
        """Let solves start from a result or from arrays by name.

        Parameters
        ----------
        start : Result or mapping
            A result, or arrays by the name of the result field.
        """
        if isinstance(start, Result):
            check(lib.kantor_settings_warm_start(self.pointer, start._handle.pointer))
            return
        if not isinstance(start, Mapping):
            raise error(
                _abi.E_TYPE,
                f"warm_start is of type {type(start).__name__}; a Result or a mapping of names "
                "to arrays is needed",
            )
        for name, value in start.items():
            array = as_numbers(value, f"start value '{name}'")
            view, _owner = view_of(array, f"start value '{name}'")
            path = encode(name, "start value")
            check(lib.kantor_settings_set_start(self.pointer, path, byref(view)))

    def cancel(self) -> None:
        """Ask every solve started with this handle to stop."""
        lib.kantor_settings_cancel(self.pointer)


class Settings:
    """Options to solve with, and the way to cancel from another thread.

    A solve takes a snapshot of them, so they may be changed and shared freely.

    Parameters
    ----------
    method : str, optional
        The method they are for; None: only the common options, for any method.
    warm_start : Result or mapping, optional
        Where solves start: a result, or arrays by the name of the result field.
    **options
        Options by name; ``kantor.describe(method)["options"]`` lists them.

    Attributes
    ----------
    method : str or None
        The method.

    Raises
    ------
    KantorError
        An unknown method or option, or a value out of range.

    Examples
    --------
    >>> import kantor
    >>> settings = kantor.Settings("network_simplex", time_limit=10.0)
    >>> settings.get("time_limit")
    10.0
    """

    def __init__(
        self,
        method: Optional[str] = None,
        *,
        warm_start: Union[Result, Mapping[str, Any], None] = None,
        **options: Any,
    ) -> None:
        self.method = method
        self._handle = SettingsHandle.create(method)
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: Set[SettingsHandle] = set()
        self._names: Set[str] = set()
        self._start = warm_start
        if warm_start is not None:
            self._handle.set_start(warm_start)
        self.set(**options)

    def set(self, **options: Any) -> "Settings":
        """Set options.

        Parameters
        ----------
        **options
            Values by name; None leaves an option as it is.

        Returns
        -------
        Settings
            The settings themselves.

        Raises
        ------
        KantorError
            An unknown option, or a value it does not take.
        """
        for name, value in options.items():
            self._handle.set(name, value)
            self._names.add(name)
        return self

    def get(self, name: str) -> Union[float, int, str]:
        """Read an option: the value set, else the default.

        Parameters
        ----------
        name : str
            The option.

        Returns
        -------
        float, int or str
            Flags as 0 or 1.

        Raises
        ------
        UnknownNameError
            There is no such option.
        """
        path = encode(name, "option")
        whole = c_int64()
        code = lib.kantor_settings_get_int(self._handle.pointer, path, byref(whole))
        if code == _abi.OK:
            return whole.value
        if code == _abi.E_TYPE:
            real = c_double()
            code = lib.kantor_settings_get_real(self._handle.pointer, path, byref(real))
            if code == _abi.OK:
                return real.value
        if code == _abi.E_TYPE:
            code, text = read_text(lib.kantor_settings_get_text, self._handle.pointer, path)
            if code == _abi.OK:
                return text
        check(code)
        raise error(_abi.E_INTERNAL, f"option '{name}' has no type")

    def parse(self, name: str, text: str) -> "Settings":
        """Set an option of any type from text.

        Parameters
        ----------
        name : str
            The option.
        text : str
            Such as ``"1e-6"``, ``"12"``, ``"true"``, ``"auto"``.

        Returns
        -------
        Settings
            The settings themselves.

        Raises
        ------
        KantorError
            An unknown option, or text that is no value of it.
        """
        path = encode(name, "option")
        value = encode(text, f"option '{name}'")
        check(lib.kantor_settings_set_parse(self._handle.pointer, path, value))
        self._names.add(name)
        return self

    def reset(self, name: Optional[str] = None) -> "Settings":
        """Set one option, or all, back to the default.

        Parameters
        ----------
        name : str, optional
            The option; None for all.

        Returns
        -------
        Settings
            The settings themselves.

        Raises
        ------
        UnknownNameError
            There is no such option.
        """
        path = None if name is None else encode(name, "option")
        check(lib.kantor_settings_reset(self._handle.pointer, path))
        return self

    def cancel(self) -> None:
        """Stop every solve with these settings, running or still to come, from any thread.

        The solves return their best point with the status ``"cancelled"``.
        """
        with self._lock:
            self._cancelled = True
            for handle in self._running:
                handle.cancel()

    def uncancel(self) -> None:
        """Take a cancel back, for later solves."""
        with self._lock:
            self._cancelled = False

    def _enter(self, method: Optional[str]) -> SettingsHandle:
        """Make the handle of one solve: with common options only, one for the method named."""
        if self.method is None and method is not None:
            handle = SettingsHandle.create(method)
            for name in self._names:
                handle.set(name, self.get(name))
            if self._start is not None:
                handle.set_start(self._start)
        else:
            handle = self._handle.copy()
        with self._lock:
            self._running.add(handle)
            if self._cancelled:
                handle.cancel()
        return handle

    def _leave(self, handle: SettingsHandle) -> None:
        with self._lock:
            self._running.discard(handle)

    def __repr__(self) -> str:
        return f"<kantor.Settings for {self.method or 'any method'}>"
