"""Steppers: solves that ask for the values of functions instead of calling them."""

from __future__ import annotations

import ctypes
import sys
from ctypes import byref, c_void_p, sizeof
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence, Union

import numpy as np

from . import _abi
from ._arrays import encode
from ._catalog import qualified
from ._errors import check, error
from ._library import lib
from ._problem import Problem
from ._questions import Questions
from ._result import Result, ResultHandle
from ._settings import SettingsHandle


class Question:
    """A value that a solve needs; iterating over a `Stepper` gives these.

    Parameters
    ----------
    stepper : Stepper
        Which asks.
    told : kantor_question
        As the library tells it.
    sizes : Questions
        Of the field that is asked for.

    Attributes
    ----------
    field, member : str
        Which function, such as ``"functions"`` and ``"gradient"``.
    x : numpy.ndarray of shape (n,)
        The point.
    v, y : numpy.ndarray or None
        The vector of a product, or the imaginary part of x; multipliers of a second derivative.
    indices : numpy.ndarray or None
        Components of a batch.
    sigma, step : float
        Weight of the objective in a second derivative; step of a prox.
    """

    def __init__(self, stepper: "Stepper", told: _abi.Question, sizes: Questions) -> None:
        self._stepper = stepper
        self.field, self.member = told.field.decode(), told.member.decode()
        vector = sizes.vectors[self.member]
        self.x = _numbers(told.x, sizes.n)
        self.v = _numbers(told.v, vector)
        self.y = _numbers(told.y, sizes.m)
        self.sigma, self.step = told.sigma, told.step
        self.indices: Optional[np.ndarray] = None
        if told.indices:
            kind = ctypes.c_int64 * told.count
            self.indices = np.frombuffer(kind.from_address(told.indices), np.int64).copy()
        second = sizes.n if self.member == "value_gradient" else sizes.outputs[self.member]
        self._out = (told.out, sizes.outputs[self.member])
        self._second = (told.out_second, second) if told.out_second else None

    def answer(self, value: Any) -> None:
        """Give the value; the solve goes on.

        Parameters
        ----------
        value : float, array_like, pair or None
            As `kantor.Functions` return it; None: not defined at this point.

        Raises
        ------
        KantorError
            A value of another size; the question stays open.
        """
        if value is None:
            self._stepper._answer(1)
            return
        if self._second is None:
            self._write(self._out, value)
        elif self.member == "value_gradient":
            self._write(self._out, value[0])
            self._write(self._second, value[1])
        else:
            self._write(self._out, np.real(value))
            self._write(self._second, np.imag(value))
        self._stepper._answer(0)

    def _write(self, place: Any, value: Any) -> None:
        address, count = place
        values = np.asarray(value, dtype=np.float64).reshape(-1)
        if values.size != count:
            raise error(
                _abi.E_SHAPE,
                f"the answer to '{self.member}' has {values.size} numbers; {count} are needed",
            )
        np.frombuffer((ctypes.c_double * count).from_address(address))[:] = values

    def __repr__(self) -> str:
        return f"<kantor.Question {self.field}.{self.member}>"


class Stepper:
    """A solve that its caller drives: it asks for values instead of calling functions.

    Iterating gives one `Question` after the other, each of which is to be answered before the next;
    afterwards there is a `result`. Every method with functions can be driven this way.

    Parameters
    ----------
    problem : Problem
        With `Questions` in its fields of functions.
    method : str, optional
        A method of the problem's kind.
    warm_start : Result or mapping, optional
        As for `kantor.solve`.
    **options
        Options of the method.

    Raises
    ------
    KantorError
        Data, a name or an option that cannot be used.

    Examples
    --------
    Find the zero of F(x) = x - 1 by questions and answers:

    >>> import kantor
    >>> problem = kantor.Problem(
    ...     "inclusion", functions=kantor.Questions(["map"], n=1, m=1), start=[5.0])
    >>> stepper = kantor.Stepper(problem)
    >>> for question in stepper:
    ...     question.answer(question.x - 1)
    >>> stepper.result.status
    'solved'
    """

    def __init__(
        self, problem: Problem, method: Optional[str] = None, *,
        warm_start: Union[Result, Mapping[str, Any], None] = None, **options: Any,
    ) -> None:
        if not isinstance(problem, Problem):
            raise error(
                _abi.E_TYPE,
                f"problem is of type {type(problem).__name__}; a kantor.Problem is needed",
            )
        if method is not None:
            method = qualified(problem.kind, method)
        elif options:
            method = problem.method()
        self._pointer: Optional[int] = None
        self._problem = problem
        self._result: Optional[Result] = None
        self._sizes: Dict[str, Questions] = dict(problem._questions)
        handle = SettingsHandle.create(method)
        for name, value in options.items():
            handle.set(name, value)
        if warm_start is not None:
            handle.set_start(warm_start)
        pointer = c_void_p()
        path = None if method is None else encode(method, "method")
        check(
            lib.kantor_stepper_create(
                problem._handle.pointer, path, handle.pointer, byref(pointer)
            )
        )
        self._pointer = pointer.value

    def __iter__(self) -> Iterator[Question]:
        return self

    def __next__(self) -> Question:
        told = _abi.Question(struct_size=sizeof(_abi.Question))
        check(lib.kantor_stepper_next(self._pointer, byref(told)))
        if not told.member:
            raise StopIteration
        return Question(self, told, self._sizes[told.field.decode()])

    def _answer(self, code: int) -> None:
        check(lib.kantor_stepper_answer(self._pointer, code))

    @property
    def result(self) -> Result:
        """The result of the solve, once there are no further questions.

        Returns
        -------
        Result
            The best point found, with its certificate.

        Raises
        ------
        StateError
            The solve has not ended.
        """
        if self._result is None:
            pointer = c_void_p()
            check(lib.kantor_stepper_result(self._pointer, byref(pointer)))
            self._result = Result(ResultHandle(pointer.value), self._problem)
        return self._result

    def close(self) -> None:
        """Stop the solve, if it has not ended, and free it."""
        if self._pointer:
            lib.kantor_stepper_free(self._pointer)
            self._pointer = None

    def __enter__(self) -> "Stepper":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __del__(self, _ending: Any = sys.is_finalizing) -> None:
        if not _ending() and getattr(self, "_pointer", None):
            self.close()


def _numbers(address: Optional[int], count: int) -> Optional[np.ndarray]:
    if not address:
        return None
    return np.frombuffer((ctypes.c_double * count).from_address(address)).copy()
