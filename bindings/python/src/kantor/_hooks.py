"""What happens in Python while the library solves: progress, log, exceptions, Ctrl-C."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Union

from . import _abi
from ._errors import check, error
from ._library import lib
from ._result import Result
from ._settings import SettingsHandle

if TYPE_CHECKING:
    import logging

_LEVELS = {
    "error": _abi.LOG_ERROR,
    "warning": _abi.LOG_WARNING,
    "info": _abi.LOG_INFO,
    "debug": _abi.LOG_DEBUG,
}
_LEVEL_NAMES = {number: name for name, number in _LEVELS.items()}


class Progress(NamedTuple):
    """What a progress function is told; NaN where a figure is not known.

    Attributes
    ----------
    iteration : int
        Iterations finished.
    seconds : float
        Since the start of the solve.
    objective, residual, gap : float
        As of the last finished iteration.
    is_heartbeat : bool
        True when called from inside a long iteration, only to give the host a moment.
    """

    iteration: int
    seconds: float
    objective: float
    residual: float
    gap: float
    is_heartbeat: bool


ProgressFunction = Callable[[Progress], Any]
LogFunction = Callable[[str, str], Any]
Log = Union[bool, LogFunction, "logging.Logger", None]


class Watch:
    """Hooks of one solve: stores what a callback or Ctrl-C raises, stops, raises it afterwards.

    An exception cannot cross the library, and one that is raised by a signal handler as a callback
    begins would even be swallowed by ctypes. So while solving in the main thread, SIGINT goes to a
    handler of ours, which runs the handler found (outside of any nested solve), keeps what that
    raises and cancels; a heartbeat callback gives the interpreter the moments it needs to run it.

    Parameters
    ----------
    handle : SettingsHandle
        The settings of this solve alone.
    progress : bool or callable, optional
        As for `kantor.solve`.
    log : bool, callable or logging.Logger, optional
        As for `kantor.solve`.
    log_level : str
        As for `kantor.solve`.
    title : str
        Shown at the progress bar.
    """

    def __init__(
        self,
        handle: SettingsHandle,
        progress: Union[bool, ProgressFunction, None],
        log: Log,
        log_level: str,
        title: str,
    ) -> None:
        self._handle = handle
        self._error: Optional[BaseException] = None
        self._bar: Any = None
        self._shown = 0.0
        self._previous: Any = None
        self._callbacks: list = []
        if progress is True:
            progress = self._open_bar(title)
        if progress and not callable(progress):
            raise error(_abi.E_TYPE, "progress must be True, False or a function")
        self._takes_signals = self._can_take_signals()
        if progress:
            self._set_progress(self._reporting(progress))
        elif self._takes_signals:
            self._set_progress(self._beat)
        if log:
            self._set_log(log, log_level)

    # Hooks

    def _set_progress(self, function: Callable[[int, int], int]) -> None:
        hook = _abi.ProgressFunction(function)
        self._callbacks.append(hook)
        check(lib.kantor_settings_set_progress(self._handle.pointer, hook, None))

    def _beat(self, _told: int, _user: int) -> int:
        return 0 if self._error is None else -1

    def _reporting(self, function: ProgressFunction) -> Callable[[int, int], int]:
        def report(told: int, _user: int) -> int:
            try:
                if self._error is not None:
                    return -1
                info = _abi.ProgressInfo.from_address(told)
                figures = Progress(
                    info.iteration, info.seconds, info.objective, info.residual, info.gap,
                    bool(info.is_heartbeat),
                )
                return 1 if function(figures) else 0
            except BaseException as raised:
                self._error = raised
                return -1

        return report

    def _set_log(self, log: Log, level: str) -> None:
        if level not in _LEVELS:
            raise error(_abi.E_RANGE, f"log_level {level!r} is not one of {', '.join(_LEVELS)}")
        sink = _log_function(log)

        def write(number: int, text: int, length: int, _user: int) -> None:
            try:
                if self._error is None:
                    line = ctypes.string_at(text, length).decode("utf-8", "replace")
                    sink(_LEVEL_NAMES.get(number, "debug"), line)
            except BaseException as raised:
                self._stop(raised)

        hook = _abi.LogFunction(write)
        self._callbacks.append(hook)
        check(lib.kantor_settings_set_log(self._handle.pointer, _LEVELS[level], hook, None))

    def is_interrupted(self) -> bool:
        """Tell whether a hook or Ctrl-C has raised something that ends the solve.

        Returns
        -------
        bool
            True from then on.
        """
        return self._error is not None

    def _stop(self, raised: BaseException) -> None:
        if self._error is None:
            self._error = raised
        self._handle.cancel()

    # Progress bar

    def _open_bar(self, title: str) -> Optional[ProgressFunction]:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return None
        self._bar = tqdm(desc=title, unit=" it", mininterval=0.1)
        return self._show

    def _show(self, now: Progress) -> None:
        clock = time.monotonic()
        if clock - self._shown < 0.1:
            return
        self._shown = clock
        self._move_bar(now.iteration, now.residual, now.gap)

    def _move_bar(self, iteration: int, residual: float, gap: float) -> None:
        figures = {}
        if residual == residual:
            figures["residual"] = f"{residual:.2e}"
        if gap == gap:
            figures["gap"] = f"{gap:.2e}"
        self._bar.set_postfix(figures, refresh=False)
        self._bar.update(iteration - self._bar.n)

    def finish(self, result: Result) -> None:
        """Show the last figures at the progress bar, if there is one.

        Parameters
        ----------
        result : Result
            Of the solve.
        """
        if self._bar is not None:
            nan = float("nan")
            residual, gap = result.get("marginal_residual", nan), result.get("gap", nan)
            self._move_bar(result.get("iterations", 0), residual, gap)

    # Ctrl-C

    @staticmethod
    def _can_take_signals() -> bool:
        if threading.current_thread() is not threading.main_thread():
            return False
        return callable(signal.getsignal(signal.SIGINT))

    def __enter__(self) -> "Watch":
        if not self._takes_signals:
            return self
        found = signal.getsignal(signal.SIGINT)
        # The handler of an enclosing solve would stop that solve only: go to the one below it.
        root = getattr(found, "kantor_found", found)

        def handler(number: int, frame: Any) -> None:
            try:
                root(number, frame)  # type: ignore[operator,misc]
            except BaseException as raised:
                self._stop(raised)

        handler.kantor_found = root  # type: ignore[attr-defined]
        try:
            signal.signal(signal.SIGINT, handler)
            self._previous = found
        except ValueError:  # a sub-interpreter
            self._takes_signals = False
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
        if self._bar is not None:
            self._bar.close()
        self._callbacks.clear()  # they refer back to this object
        if self._error is not None:
            raised, self._error = self._error, None
            raise raised


def _log_function(log: Log) -> LogFunction:
    # Who has a logger has imported logging; for the rest it would slow down the start.
    if log is True or ("logging" in sys.modules and isinstance(log, sys.modules["logging"].Logger)):
        import logging

        logger = logging.getLogger("kantor") if log is True else log
        numbers = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO,
                   "debug": logging.DEBUG}
        return lambda level, text: logger.log(numbers[level], "%s", text)
    if callable(log):
        return log
    raise error(_abi.E_TYPE, "log must be True, False, a function or a logging.Logger")
