"""Results: status, certificate, named values, trace, derivative products."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping as MappingBase
from ctypes import byref, c_char, c_char_p, c_double, c_int64, c_void_p, sizeof
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union

import numpy as np

from . import _abi
from ._arrays import as_numbers, encode, from_view, read_text, views_of
from ._errors import KantorError, check, code_name, error
from ._library import lib
from ._problem import Problem, full_name

_TRACE = "trace_"

#: Types that fields had in results so far: for the first field that is read of a result there is
#: then no need to list them all.
_seen: Dict[str, int] = {}


class ResultHandle:
    """Owns a ``kantor_result``; arrays that view it keep it alive."""

    __slots__ = ("pointer",)

    def __init__(self, pointer: Optional[int]) -> None:
        self.pointer = pointer

    def __del__(
        self, _free: Any = lib.kantor_result_free, _ending: Any = sys.is_finalizing
    ) -> None:
        if self.pointer and not _ending():
            _free(self.pointer)
            self.pointer = None


class Result(MappingBase):
    """What a solve gives back.

    Every field is an attribute and an item: ``result.plan`` is ``result["plan"]``. Arrays are
    read-only views into the library's memory and keep it alive; large ones, such as a dense plan,
    are made by the first access.

    Attributes
    ----------
    status : str
        ``"solved"``, or why not: ``"solved_inaccurate"``, ``"infeasible"``, ``"time_limit"``, ...
        It follows from the certificate.
    status_code : int
        The same as a number.
    certificate : dict
        Residuals and gaps on the caller's data, by name.
    trace : dict
        Arrays ``iteration``, ``seconds``, ``objective``, ``residual``, ``gap`` when the option
        ``trace`` was set, else empty.
    method : str
        The method that was used, as ``"kind/name"``.

    Notes
    -----
    Results can be pickled, and saved in files. What comes back has every field and can start a
    solve, but has no derivative products: they need the problem.
    """

    def __init__(self, handle: ResultHandle, problem: Optional[Problem]) -> None:
        self._handle = handle
        self._problem = problem
        self.status_code: int = check(lib.kantor_result_status(handle.pointer))
        self._certified: List[str] = []
        self._known: Optional[Dict[str, int]] = None
        self._cache: Dict[str, Any] = {}

    @property
    def _types(self) -> Dict[str, int]:
        """Types of the fields by name; listed at the first question only."""
        if self._known is None:
            known, certified = {}, []
            info = _abi.FieldInfo(struct_size=sizeof(_abi.FieldInfo))
            pointer, into, describe = (
                self._handle.pointer, byref(info), lib.kantor_result_field_describe)
            for index in range(check(lib.kantor_result_field_count(pointer))):
                code = describe(pointer, index, into)
                if code:
                    check(code)
                name = info.name.decode()
                known[name] = info.type
                if info.is_certificate:
                    certified.append(name)
                _seen[name] = info.type
            self._certified, self._known = certified, known
        return self._known

    @property
    def status(self) -> str:
        """Status as a word."""
        return code_name(self.status_code)

    @property
    def certificate(self) -> Dict[str, float]:
        """Residuals and gaps on the caller's data, by name."""
        return {name: self[name] for name in self._types if name in self._certified}

    @property
    def trace(self) -> Dict[str, np.ndarray]:
        """The course of the solve: arrays by name; empty unless traced."""
        return {name[len(_TRACE):]: self[name] for name in self._types if name.startswith(_TRACE)}

    def __getitem__(self, name: str) -> Any:
        if name in self._cache:
            return self._cache[name]
        if self._known is None and name in _seen:
            try:
                value = self._cache[name] = self._read_as_seen(name, _seen[name])
                return value
            except KantorError:  # of another type here, or not there: the list tells
                pass
        if name not in self._types:
            raise KeyError(f"{name!r} is no field of this result; it has {', '.join(self._types)}")
        value = self._cache[name] = self._read(name, self._types[name])
        return value

    def _read_as_seen(self, name: str, kind: int) -> Any:
        """Read a field that had this type in another result; an error if it has another here."""
        if kind == _abi.REAL:
            # Whole numbers can be read as real ones.
            path, whole = encode(name, "field"), c_int64()
            if lib.kantor_result_int(self._handle.pointer, path, byref(whole)) == 0:
                return whole.value
        return self._read(name, kind)

    def _read(self, name: str, kind: int) -> Any:
        pointer, path = self._handle.pointer, encode(name, "field")
        if kind == _abi.REAL:
            real = c_double()
            check(lib.kantor_result_real(pointer, path, byref(real)))
            return real.value
        if kind in (_abi.INT, _abi.FLAG):
            whole = c_int64()
            check(lib.kantor_result_int(pointer, path, byref(whole)))
            return whole.value
        if kind == _abi.TEXT:
            code, text = read_text(lib.kantor_result_text, pointer, path)
            check(code)
            return text
        view = _abi.Array(struct_size=sizeof(_abi.Array))
        check(lib.kantor_result_array(pointer, path, byref(view)))
        return from_view(view, self._handle)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._cache or name in _seen or name in self._types:
            try:
                return self[name]
            except KeyError:
                pass
        raise AttributeError(
            f"this result has no field {name!r}; it has {', '.join(self._types)}"
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def __contains__(self, name: object) -> bool:
        return name in self._types

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __dir__(self) -> List[str]:
        return sorted({*super().__dir__(), *self._types})

    def __repr__(self) -> str:
        shown = ["objective", "gap", "marginal_residual", "iterations", "seconds"]
        figures = ", ".join(
            f"{name}={self[name]:.6g}"
            for name in shown
            if name in self._types
        )
        return f"<kantor.Result {self.status} by {self.method}: {figures}>"

    def to_bytes(self, complete: bool = True) -> bytes:
        """Put the result into bytes, the same on all machines.

        Parameters
        ----------
        complete : bool, optional
            Make arrays that nobody has asked for yet, such as a large dense plan, and save them
            too; else they are left out. Default True.

        Returns
        -------
        bytes
            For `from_bytes` of this and of later versions.
        """
        if complete:
            for name, kind in self._types.items():
                if kind == _abi.ARRAY:
                    self[name]
        pointer, size = self._handle.pointer, c_int64()
        code = _abi.E_BUFFER
        # Another thread may ask for an array between the two calls; then there is more to save.
        while code == _abi.E_BUFFER:
            check(lib.kantor_result_save(pointer, None, 0, byref(size)))
            memory = (c_char * size.value)()
            code = lib.kantor_result_save(pointer, memory, size.value, byref(size))
        check(code)
        return memory.raw[:size.value]

    @classmethod
    def from_bytes(cls, data: bytes) -> "Result":
        """Make a result of saved bytes.

        Its certificate is the saved one; it is not checked again.

        Parameters
        ----------
        data : bytes
            What `to_bytes` gave.

        Returns
        -------
        Result
            The saved one, without derivative products.

        Raises
        ------
        VersionError
            Bytes that are no saved result, are damaged, or come from a newer library.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise error(_abi.E_TYPE, f"data must be bytes, not {type(data).__name__}")
        data = bytes(data)
        pointer = c_void_p()
        check(lib.kantor_result_load(data, len(data), byref(pointer)))
        return cls(ResultHandle(pointer.value), None)

    def save(self, path: "Union[str, os.PathLike[str]]", complete: bool = True) -> None:
        """Write the result to a file.

        Parameters
        ----------
        path : str or path-like
            Where; a file that stands there is replaced.
        complete : bool, optional
            As in `to_bytes`.

        Examples
        --------
        >>> import kantor, os, tempfile
        >>> result = kantor.solve(kantor.Problem("transport", cost=[[0.0, 2.0], [1.0, 0.0]]))
        >>> path = os.path.join(tempfile.mkdtemp(), "plan.kantor")
        >>> result.save(path)
        >>> kantor.Result.load(path).plan
        array([[0.5, 0. ],
               [0. , 0.5]])
        """
        data = self.to_bytes(complete)
        with open(path, "wb") as file:
            file.write(data)

    @classmethod
    def load(cls, path: "Union[str, os.PathLike[str]]") -> "Result":
        """Read a result that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        Result
            As from `from_bytes`, which tells the errors.
        """
        with open(path, "rb") as file:
            return cls.from_bytes(file.read())

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self).from_bytes, (self.to_bytes(),)

    # Nothing of a result can change, so a copy is the result itself and keeps its derivatives.

    def __copy__(self) -> "Result":
        return self

    def __deepcopy__(self, memo: Dict[int, Any]) -> "Result":
        return self

    def _need_problem(self) -> Problem:
        if self._problem is None:
            raise error(
                _abi.E_UNSUPPORTED,
                "a loaded result has no derivative products; they need its problem",
            )
        return self._problem

    def vjp(self, cotangents: Mapping[str, Any], wrt: Iterable[str]) -> Dict[str, np.ndarray]:
        """Pull cotangents of results back to the problem's data.

        With L a function of the named results and ``cotangents[name]`` = dL/d(name), gives
        dL/d(field) for every field of `wrt`.

        Parameters
        ----------
        cotangents : mapping of str to array_like
            By result field; ``{"objective": 1.0}`` gives the gradient of the objective.
        wrt : sequence of str
            Fields of the problem, such as ``["a", "cost"]``; short names are allowed.

        Returns
        -------
        dict of str to numpy.ndarray
            By the names of `wrt`; for a sparse matrix a vector, one number for each of its
            ``data`` (of its CSC form, if it came in another than CSC, CSR or COO).

        Raises
        ------
        KantorError
            A name that is not known, a shape that does not fit, or a result without derivatives.

        Examples
        --------
        >>> import kantor
        >>> problem = kantor.Problem("transport", cost=[[1.0]], a=[1.0], b=[1.0])
        >>> kantor.solve(problem).vjp({"objective": 1.0}, ["cost"])["cost"]
        array([[1.]])
        """
        if not isinstance(cotangents, MappingBase):
            raise error(_abi.E_TYPE, "cotangents must be a mapping of result fields to arrays")
        wanted = [wrt] if isinstance(wrt, str) else list(wrt)
        given = list(cotangents)
        arrays = [as_numbers(cotangents[name], f"cotangent '{name}'") for name in given]
        problem = self._need_problem()
        fields = [full_name(problem.kind, name) for name in wanted]
        gradients = [np.zeros(problem._derivative_shape(name)) for name in fields]
        inputs, _owners = views_of(arrays, [f"cotangent '{name}'" for name in given])
        outputs, _targets = views_of(gradients, fields)
        check(
            lib.kantor_result_vjp(
                self._handle.pointer,
                len(given), _names(given, "cotangent"), inputs,
                len(fields), _names(fields, "field"), outputs,
            )
        )
        return dict(zip(wanted, gradients))

    def jvp(self, tangents: Mapping[str, Any], of: Iterable[str]) -> Dict[str, Any]:
        """Push tangents of the problem's data forward: how results change to first order.

        Parameters
        ----------
        tangents : mapping of str to array_like
            By field of the problem, short names allowed; each of the shape of its field, for a
            sparse matrix a vector with a number for each of its ``data``. Other fields stay.
        of : sequence of str
            Fields of the result, such as ``["x", "objective"]``.

        Returns
        -------
        dict of str to numpy.ndarray or float
            By the names of `of`.

        Raises
        ------
        KantorError
            A name that is not known, a shape that does not fit, or a result without these
            products.

        Examples
        --------
        >>> import kantor
        >>> problem = kantor.Problem("cone", q=[1.0], A=[[-1.0]], b=[-2.0], cones="nonnegative 1")
        >>> kantor.solve(problem).jvp({"b": [1.0]}, ["x"])["x"].round(6)
        array([-1.])
        """
        if not isinstance(tangents, MappingBase):
            raise error(_abi.E_TYPE, "tangents must be a mapping of problem fields to arrays")
        given = [full_name(self._need_problem().kind, name) for name in tangents]
        arrays = [as_numbers(value, f"tangent '{name}'") for name, value in tangents.items()]
        wanted = [of] if isinstance(of, str) else list(of)
        changes = [np.zeros(np.shape(self[name])) for name in wanted]
        inputs, _owners = views_of(arrays, [f"tangent '{name}'" for name in given])
        outputs, _targets = views_of(changes, wanted)
        check(
            lib.kantor_result_jvp(
                self._handle.pointer,
                len(given), _names(given, "field"), inputs,
                len(wanted), _names(wanted, "result"), outputs,
            )
        )
        return {name: x if x.ndim else float(x) for name, x in zip(wanted, changes)}


def _names(names: List[str], what: str) -> Any:
    return (c_char_p * len(names))(*(encode(name, what) for name in names))
