"""Many problems at once."""

from __future__ import annotations

from ctypes import byref, c_int32, c_void_p
from typing import Any, List, Mapping, Optional, Sequence, Union

from . import _abi
from ._arrays import encode
from ._catalog import qualified
from ._errors import KantorError, check, error
from ._hooks import Log, ProgressFunction, Watch
from ._library import lib
from ._problem import Problem
from ._result import Result, ResultHandle
from ._settings import Settings, SettingsHandle


def solve_batch(
    problems: Sequence[Problem],
    method: Optional[str] = None,
    *,
    settings: Optional[Settings] = None,
    errors: str = "raise",
    progress: Union[bool, ProgressFunction, None] = None,
    log: Log = None,
    log_level: str = "info",
    warm_start: Union[Result, Mapping[str, Any], None] = None,
    **options: Any,
) -> List[Any]:
    """Solve many problems of one kind, several at a time.

    Each problem gets the result that `solve` of it alone gives, whatever the number of threads.

    Parameters
    ----------
    problems : sequence of Problem
        All of one kind.
    method : str, optional
        As for `solve`; None: that of the settings, else each problem's own default.
    settings : Settings, optional
        As for `solve`.
    errors : {"raise", "return"}
        What becomes of a problem whose data cannot be used: ``"raise"`` raises the error of the
        first one when all others are solved, ``"return"`` puts each error in the place of its
        result.
    progress : bool or callable, optional
        As for `solve`; counts finished problems as iterations.
    log : bool, callable or logging.Logger, optional
        As for `solve`.
    log_level : {"info", "error", "warning", "debug"}
        As for `solve`.
    warm_start : Result or mapping, optional
        Where each solve starts.
    **options
        As for `solve`, with two differences: ``threads`` is the number of problems solved at a
        time, and ``time_limit`` is that of the whole batch.

    Returns
    -------
    list of Result
        In the order of the problems.

    Raises
    ------
    KantorError
        A name or an option that cannot be used, problems of several kinds, or the data of a
        problem.

    Examples
    --------
    >>> import kantor
    >>> costs = [[[0, 1], [1, 0]], [[2, 0], [0, 2]]]
    >>> problems = [kantor.Problem("transport", cost=cost) for cost in costs]
    >>> [result.objective for result in kantor.solve_batch(problems, threads=2)]
    [0.0, 0.0]
    """
    problems = list(problems)
    for k, problem in enumerate(problems):
        if not isinstance(problem, Problem):
            raise error(
                _abi.E_TYPE,
                f"problem {k} is of type {type(problem).__name__}; a kantor.Problem is needed",
            )
    if settings is not None and not isinstance(settings, Settings):
        raise error(
            _abi.E_TYPE,
            f"settings are of type {type(settings).__name__}; kantor.Settings are needed",
        )
    if errors not in ("raise", "return"):
        raise error(_abi.E_RANGE, f"errors is {errors!r}; 'raise' or 'return' is allowed")
    if method is not None and problems:
        method = qualified(problems[0].kind, method)
    handle = settings._enter(method) if settings is not None else SettingsHandle.create(method)
    try:
        for name, value in options.items():
            handle.set(name, value)
        if warm_start is not None:
            handle.set_start(warm_start)
        method = method or (settings.method if settings is not None else None)
        with Watch(handle, progress, log, log_level, method or "batch"):
            return _call(problems, method, handle, errors)
    finally:
        if settings is not None:
            settings._leave(handle)


def _call(
    problems: List[Problem], method: Optional[str], handle: SettingsHandle, errors: str
) -> List[Any]:
    count = len(problems)
    pointers = (c_void_p * max(count, 1))(*(problem._handle.pointer for problem in problems))
    made = (c_void_p * max(count, 1))()
    untouched = 1  # no call code is positive
    codes = (c_int32 * max(count, 1))(*[untouched] * count)
    path = None if method is None else encode(method, "method")
    code = lib.kantor_solve_batch(pointers, count, path, handle.pointer, made, codes)
    for problem in problems:
        for bundle in problem._functions.values():
            raised = bundle.take_any()
            if raised is not None:
                for pointer in filter(None, made[:count]):
                    lib.kantor_result_free(pointer)
                raise raised
    failure: Optional[KantorError] = None
    if code < 0:
        failure = error(code, lib.kantor_last_error().decode("utf-8", "replace"))
    results: List[Any] = [
        Result(ResultHandle(pointer), problem) if pointer else None
        for pointer, problem in zip(made[:count], problems)
    ]
    if failure is None:
        return results
    if errors == "raise" or all(code == untouched for code in codes[:count]):
        raise failure
    for k, code in enumerate(codes[:count]):
        if code < 0:
            results[k] = _error_of(problems[k], method, handle, code)
    return results


def _error_of(
    problem: Problem, method: Optional[str], handle: SettingsHandle, code: int
) -> KantorError:
    """The text of a failure: what fails on its data fails the same way alone."""
    pointer = c_void_p()
    path = None if method is None else encode(method, "method")
    try:
        check(lib.kantor_solve(problem._handle.pointer, path, handle.pointer, byref(pointer)))
    except KantorError as again:
        return again
    lib.kantor_result_free(pointer)
    return error(code, "the problem could not be solved in the batch")
