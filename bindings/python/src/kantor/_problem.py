"""Problems: data of one kind."""

from __future__ import annotations

import re
import sys
from ctypes import byref, c_void_p, sizeof
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import _abi
from ._arrays import (
    NO_RELEASE, as_numbers, can_lend, encode, from_view, lend, read_text, view_of,
)
from ._functions import Functions
from ._questions import Questions
from ._sparse import is_sparse, sparse_view
from ._catalog import problem_fields
from ._errors import check, error
from ._library import lib

#: Short names of fields, by kind.
ALIASES: Dict[str, Dict[str, str]] = {
    "transport": {
        "a": "weights_source",
        "b": "weights_target",
        "M": "cost",
        "X": "points_source",
        "Y": "points_target",
    },
}


def full_name(kind: str, name: str) -> str:
    """Resolve a short name of a field.

    Parameters
    ----------
    kind : str
        Kind of problem.
    name : str
        A field or a short name of one.

    Returns
    -------
    str
        The field.
    """
    return ALIASES.get(kind, {}).get(name, name)


class ProblemHandle:
    """Owns a ``kantor_problem``."""

    __slots__ = ("pointer",)

    def __init__(self, pointer: Optional[int]) -> None:
        self.pointer = pointer

    def __del__(
        self, _free: Any = lib.kantor_problem_free, _ending: Any = sys.is_finalizing
    ) -> None:
        if self.pointer and not _ending():
            _free(self.pointer)
            self.pointer = None


class Problem:
    """Data of one kind, to be solved by `kantor.solve`.

    Fields are set by keyword or by `set`; they are validated as a whole by the first solve, and do
    not change from then on. `copy` gives a twin that shares the arrays and can be changed.

    Parameters
    ----------
    kind : str
        Such as ``"transport"``; see `kantor.kinds`.
    copy : bool, default True
        True: arrays are copied. False: arrays of float64 or float32 with a unit last stride are
        read in place as long as the problem or a result needs them, and must not be changed.
    **fields
        Data by name; ``kantor.describe(kind)["fields"]`` lists them. None leaves a field unset. A
        transport problem also knows ``a``, ``b``, ``M``, ``X``, ``Y`` for ``weights_source``,
        ``weights_target``, ``cost``, ``points_source``, ``points_target``, and ``points=(X, Y)``.

    Attributes
    ----------
    kind : str
        The kind.

    Raises
    ------
    KantorError
        An unknown kind or field, or a value the field does not take.

    Examples
    --------
    >>> import kantor
    >>> problem = kantor.Problem("transport", cost=[[0, 1], [1, 0]], a=[0.5, 0.5], b=[0.25, 0.75])
    >>> kantor.solve(problem).objective
    0.25
    """

    def __init__(self, kind: str, *, copy: bool = True, **fields: Any) -> None:
        pointer = c_void_p()
        check(lib.kantor_problem_create(encode(kind, "kind"), byref(pointer)))
        self._handle = ProblemHandle(pointer.value)
        self.kind = kind
        self._copies = copy
        self._shapes: Dict[str, Tuple[int, ...]] = {}
        self._stored: Dict[str, int] = {}
        self._functions: Dict[str, Functions] = {}
        self._questions: Dict[str, Questions] = {}
        for name, value in fields.items():
            self.set(name, value)

    def set(self, name: str, value: Any) -> "Problem":
        """Set a field.

        Parameters
        ----------
        name : str
            A field of the kind, or a short name.
        value : object
            An array, a number, a word, `Functions`, or a `Problem` or `Subproblem`, as the field
            needs; None leaves it as it is. Matrix fields also take sparse matrices of SciPy. A
            problem that is set is sealed, and does not change from then on.

        Returns
        -------
        Problem
            The problem itself.

        Raises
        ------
        KantorError
            An unknown field, a value it does not take, or a problem that was solved already.
        """
        if value is None:
            return self
        if name == "points" and "points_source" in problem_fields(self.kind):
            return self._set_points(value)
        name = full_name(self.kind, name)
        type_name = problem_fields(self.kind).get(name, {}).get("type", "array")
        pointer, path = self._handle.pointer, encode(name, "field")
        if type_name == "sparse" and is_sparse(value):
            self._set_sparse(path, name, value)
        elif type_name == "functions":
            self._set_functions(path, name, value)
        elif type_name == "problem":
            self._set_problem(path, name, value)
        elif type_name in ("array", "sparse"):
            self._set_array(path, name, value)
        elif type_name == "text":
            check(lib.kantor_problem_set_text(pointer, path, encode(value, f"field '{name}'")))
        else:
            number = _number(value, name, type_name)
            setter = lib.kantor_problem_set_real if type_name == "real" else (
                lib.kantor_problem_set_int
            )
            check(setter(pointer, path, number))
        return self

    def _set_points(self, pair: Any) -> "Problem":
        try:
            source, target = pair
        except (TypeError, ValueError):
            raise error(
                _abi.E_SHAPE, "points must be a pair (X, Y) of source and target points"
            ) from None
        return self.set("points_source", source).set("points_target", target)

    def _set_array(self, path: bytes, name: str, value: Any) -> None:
        array = as_numbers(value, name)
        view, owner = view_of(array, name)
        if self._copies or not can_lend(owner):
            code = lib.kantor_problem_set_array(
                self._handle.pointer, path, byref(view), _abi.COPY, NO_RELEASE, None
            )
        else:
            release, ticket = lend(owner)
            code = lib.kantor_problem_set_array(
                self._handle.pointer, path, byref(view), _abi.BORROW, release, ticket
            )
        check(code)
        self._shapes[name] = array.shape
        self._stored.pop(name, None)

    def _set_sparse(self, path: bytes, name: str, value: Any) -> None:
        matrix, owners = sparse_view(value, name)
        check(lib.kantor_problem_set_sparse(self._handle.pointer, path, byref(matrix)))
        self._stored[name] = int(matrix.values.contents.shape[0])
        del owners
        self._shapes[name] = tuple(value.shape)

    def _set_functions(self, path: bytes, name: str, value: Any) -> None:
        if isinstance(value, Questions):
            members = encode(" ".join(value.members), f"questions of '{name}'")
            check(lib.kantor_problem_set_questions(self._handle.pointer, path, members))
            self._questions[name] = value
            self._functions.pop(name, None)
            return
        if not isinstance(value, Functions):
            raise error(
                _abi.E_TYPE,
                f"field '{name}' is of type {type(value).__name__}; kantor.Functions are needed",
            )
        release, ticket = lend(value)
        check(
            lib.kantor_problem_set_functions(
                self._handle.pointer, path, byref(value.struct), release, ticket
            )
        )
        self._functions[name] = value
        self._questions.pop(name, None)

    def _set_problem(self, path: bytes, name: str, value: Any) -> None:
        # A `Subproblem` has a method and settings besides.
        part = getattr(value, "problem", value)
        if not isinstance(part, Problem):
            raise error(
                _abi.E_TYPE,
                f"field '{name}' is of type {type(part).__name__}; a kantor.Problem or a "
                "kantor.Subproblem is needed",
            )
        method, settings = getattr(value, "method_path", None), getattr(value, "handle", None)
        check(
            lib.kantor_problem_set_problem(
                self._handle.pointer, path, part._handle.pointer, method,
                None if settings is None else settings.pointer,
            )
        )
        for field in [known for known in self._functions if known.startswith(name + ".")]:
            del self._functions[field]
        # What they raise ends a solve of this problem too.
        for field, bundle in part._functions.items():
            self._functions[f"{name}.{field}"] = bundle

    def get(self, name: str) -> np.ndarray:
        """Read an array field back.

        Parameters
        ----------
        name : str
            A field of type array that was set, or a short name.

        Returns
        -------
        numpy.ndarray
            A copy.

        Raises
        ------
        KantorError
            An unknown field, or one that was not set.
        """
        name = full_name(self.kind, name)
        view = _abi.Array(struct_size=sizeof(_abi.Array))
        path = encode(name, "field")
        check(lib.kantor_problem_get_array(self._handle.pointer, path, byref(view)))
        return from_view(view, self._handle).copy()

    def seal(self) -> "Problem":
        """Validate the data as a whole and end the setting of fields, as a solve does.

        Returns
        -------
        Problem
            The problem itself.

        Raises
        ------
        KantorError
            What is wrong with the data; they can still be changed.
        """
        check(lib.kantor_problem_seal(self._handle.pointer))
        return self

    def method(self) -> str:
        """Tell the method that `kantor.solve` chooses for these data when none is named.

        Validates the data and ends the setting of fields, as the solve does.

        Returns
        -------
        str
            As ``"kind/name"``.

        Raises
        ------
        KantorError
            What is wrong with the data; they can still be changed.

        Examples
        --------
        >>> import kantor
        >>> kantor.Problem("transport", cost=[[0, 1], [1, 0]]).method()
        'transport/assignment'
        """
        code, name = read_text(lib.kantor_problem_method, self._handle.pointer)
        check(code)
        return name

    def copy(self, **fields: Any) -> "Problem":
        """Make a twin that can be changed and shares the arrays.

        Parameters
        ----------
        **fields
            Fields to set on the twin.

        Returns
        -------
        Problem
            The twin.
        """
        pointer = c_void_p()
        check(lib.kantor_problem_copy(self._handle.pointer, byref(pointer)))
        twin = object.__new__(type(self))
        twin._handle = ProblemHandle(pointer.value)
        twin.kind = self.kind
        twin._copies = self._copies
        twin._shapes = dict(self._shapes)
        twin._stored = dict(self._stored)
        twin._functions = dict(self._functions)
        twin._questions = dict(self._questions)
        for name, value in fields.items():
            twin.set(name, value)
        return twin

    def _derivative_shape(self, name: str) -> Tuple[int, ...]:
        # A number per stored value of a sparse matrix; else the shape of the field.
        return (self._stored[name],) if name in self._stored else self.shape_of(name)

    def shape_of(self, name: str) -> Tuple[int, ...]:
        """Tell the shape of an array field, also of one left at its default.

        Parameters
        ----------
        name : str
            A field of type array or real, or a short name.

        Returns
        -------
        tuple of int
            The shape.

        Raises
        ------
        KantorError
            An unknown field, or one whose shape does not follow from those that were set.
        """
        name = full_name(self.kind, name)
        if name in self._shapes:
            return self._shapes[name]
        fields = problem_fields(self.kind)
        if name not in fields:
            raise error(
                _abi.E_NAME,
                f"field '{name}' is not known; known are {', '.join(fields)}",
            )
        if fields[name]["type"] == "real":
            return ()
        extents: Dict[str, int] = {}
        for known, shape in self._shapes.items():
            for symbols in _symbols(fields.get(known, {}).get("shape", "")):
                if len(symbols) == len(shape):
                    extents.update(zip(symbols, shape))
        first = next(iter(_symbols(fields[name]["shape"])), None)
        if first is not None and all(symbol in extents for symbol in first):
            return tuple(extents[symbol] for symbol in first)
        raise error(_abi.E_MISSING, f"field '{name}' was not set and its shape is not known")

    def __repr__(self) -> str:
        parts = [f"{name}{shape}" for name, shape in self._shapes.items()]
        return f"<kantor.Problem {self.kind!r}: {', '.join(parts) or 'empty'}>"


def _symbols(shape: str) -> List[List[str]]:
    """Read ``"(n, d) or (n,)"`` as ``[["n", "d"], ["n"]]``."""
    return [re.findall(r"\w+", part) for part in re.findall(r"\(([^)]*)\)", shape)]


def _number(value: Any, name: str, type_name: str) -> Any:
    try:
        number = float(value) if type_name == "real" else int(value)
    except (TypeError, ValueError) as cause:
        raise error(_abi.E_TYPE, f"field '{name}' is {value!r}; a number is needed") from cause
    if type_name == "int" and (number != value or abs(number) >= 2**63):
        raise error(_abi.E_RANGE, f"field '{name}' is {value!r}; a 64-bit integer is needed")
    return number
