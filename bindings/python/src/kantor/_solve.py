"""The one verb."""

from __future__ import annotations

from ctypes import byref, c_void_p
from typing import Any, Mapping, Optional, Union

from . import _abi
from ._arrays import encode
from ._catalog import qualified
from ._errors import NotSolvedError, check, error
from ._functions import calling
from ._hooks import Log, ProgressFunction, Watch
from ._library import lib
from ._problem import Problem
from ._result import Result, ResultHandle
from ._settings import Settings, SettingsHandle


def solve(
    problem: Problem,
    method: Optional[str] = None,
    *,
    settings: Optional[Settings] = None,
    progress: Union[bool, ProgressFunction, None] = None,
    log: Log = None,
    log_level: str = "info",
    warm_start: Union[Result, Mapping[str, Any], None] = None,
    check: bool = False,
    **options: Any,
) -> Result:
    """Solve a problem.

    A limit, a cancel or a certificate that falls short is no exception: the status of the result
    tells. The global interpreter lock is released meanwhile. Ctrl-C in the main thread stops the
    solve and raises KeyboardInterrupt; an exception of a callback does the same with itself.

    Parameters
    ----------
    problem : Problem
        Validated by its first solve; does not change from then on.
    method : str, optional
        A method of the problem's kind; None: that of the settings, else the default for the data.
    settings : Settings, optional
        Options to start from, and the way to cancel from another thread.
    progress : bool or callable, optional
        True: a tqdm bar, where tqdm is installed. A function is called with a `Progress` after
        each iteration and now and then inside long ones; a true value of it stops the solve.
    log : bool, callable or logging.Logger, optional
        True: the logger ``"kantor"``. A function is called with level and text.
    log_level : {"info", "error", "warning", "debug"}
        The least important level to log.
    warm_start : Result or mapping, optional
        Where to start: a result, or arrays by the name of the result field.
    check : bool, default False
        Raise `NotSolvedError` for every status but ``"solved"``.
    **options
        Options of the method; ``kantor.describe(method)["options"]`` lists them. Without a method
        they are those of the default one, which `Problem.method` tells.

    Returns
    -------
    Result
        The best point found, with its certificate.

    Raises
    ------
    KantorError
        Data, a name or an option that cannot be used; nothing was solved.
    NotSolvedError
        With ``check=True``, another status than solved; its ``result`` has the best point.

    Examples
    --------
    >>> import kantor
    >>> problem = kantor.Problem("transport", cost=[[0, 1], [1, 0]], a=[0.5, 0.5], b=[0.25, 0.75])
    >>> result = kantor.solve(problem, "network_simplex")
    >>> result.status, result.objective
    ('solved', 0.25)
    """
    if not isinstance(problem, Problem):
        raise error(
            _abi.E_TYPE, f"problem is of type {type(problem).__name__}; a kantor.Problem is needed"
        )
    if settings is not None and not isinstance(settings, Settings):
        raise error(
            _abi.E_TYPE,
            f"settings are of type {type(settings).__name__}; kantor.Settings are needed",
        )
    if method is not None:
        method = qualified(problem.kind, method)
    elif options and settings is None:
        # Options belong to a method: to the one that would be chosen.
        method = problem.method()
    handle = settings._enter(method) if settings is not None else SettingsHandle.create(method)
    try:
        for name, value in options.items():
            handle.set(name, value)
        if warm_start is not None:
            handle.set_start(warm_start)
        method = method or (settings.method if settings is not None else None)
        title = method or problem.kind
        watch = Watch(handle, progress, log, log_level, title)
        with watch:
            result = _call(problem, method, handle, watch)
            watch.finish(result)
    finally:
        if settings is not None:
            settings._leave(handle)
    if check and result.status_code != _abi.SOLVED:
        message = f": {result['message']}" if result.get("message") else ""
        raise NotSolvedError(
            f"the solve ended with the status '{result.status}'{message}",
            result.status_code, result,
        )
    return result


def _call(
    problem: Problem, method: Optional[str], handle: SettingsHandle, watch: Watch
) -> Result:
    path = None if method is None else encode(method, "method")
    pointer = c_void_p()
    with calling(problem._functions, watch.is_interrupted):
        code = lib.kantor_solve(problem._handle.pointer, path, handle.pointer, byref(pointer))
        if code == 0:
            result = Result(ResultHandle(pointer.value), problem)
    check(code)
    return result
