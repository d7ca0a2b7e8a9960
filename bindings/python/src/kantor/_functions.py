"""Functions of the caller: objectives, constraints and operators written in Python."""

from __future__ import annotations

import ctypes
import threading
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional

import numpy as np

from . import _abi
from ._errors import error

#: Views of the library's memory that one function keeps; more mean many solves, and are let go.
_MOST_VIEWS = 64


class OutsideDomain(ArithmeticError):
    """Raised by a function at a point where it is not defined; the method takes a shorter step."""


class Functions:
    """A bundle of Python functions for a problem.

    A function returns its value, a number or an array of the size given below. None, NaN,
    infinities and `OutsideDomain` mean that it is not defined at the point. Any other exception
    ends the solve, which raises it.

    Parameters
    ----------
    n : int
        Number of variables; the functions get points x of the shape (n,), as copies of their own.
    m : int, default 0
        Number of rows of ``map``.
    jacobian_values, hessian_values : int, optional
        Numbers that ``jacobian`` and ``hessian`` return, as many as their declared pattern has.
        None: dense, (m, n) and (n, n).
    parameters : int, default 0
        Number p of the caller's parameters, for the derivatives of a solution.
    **members : callable
        The functions, by the names below; None: not offered.

    Other Parameters
    ----------------
    value : callable, optional
        ``value(x)``, a number.
    gradient : callable, optional
        ``gradient(x)``, (n,).
    value_gradient : callable, optional
        ``value_gradient(x)``, the pair of both.
    map : callable, optional
        ``map(x)``, (m,): constraints, residuals, or an operator.
    jacobian : callable, optional
        ``jacobian(x)``, (m, n) or the values of the pattern.
    jacobian_product, jacobian_transpose_product : callable, optional
        ``(x, v)``: (m,) for v of the shape (n,), and (n,) for v of the shape (m,).
    hessian : callable, optional
        ``hessian(x, sigma, y)``: sigma f'' + sum_i y_i c_i'', (n, n) or the pattern's values.
    hessian_product : callable, optional
        ``hessian_product(x, sigma, y, v)``: the same times v, (n,).
    value_complex, map_complex : callable, optional
        ``value`` and ``map`` at a complex point, for complex-step derivatives.
    batch_value, batch_gradient, batch_map : callable, optional
        ``(x, indices)``: the mean over the components listed in an array of int64.
    batch_hessian_product : callable, optional
        ``(x, indices, v)``: (n,).
    prox : callable, optional
        ``prox(x, step)``, (n,): argmin over u of step g(u) + ||u - x||^2 / 2.
    parameter_gradient : callable, optional
        ``(x, sigma, y)``, (n, p): derivative of sigma f' + c'^T y with respect to the parameters.
    parameter_jacobian : callable, optional
        ``(x)``, (m, p): derivative of c with respect to the parameters.
    parameter_value : callable, optional
        ``(x)``, (p,): derivative of f with respect to the parameters, for that of the least value.

    Raises
    ------
    KantorError
        A size that is negative, or something that cannot be called.

    Examples
    --------
    >>> import numpy as np
    >>> import kantor
    >>> bundle = kantor.Functions(2, value=lambda x: x @ x, gradient=lambda x: 2 * x)
    >>> sorted(bundle.members)
    ['gradient', 'value']
    """

    def __init__(
        self, n: int, m: int = 0, *, jacobian_values: Optional[int] = None,
        hessian_values: Optional[int] = None, parameters: int = 0,
        **members: Optional[Callable[..., Any]],
    ) -> None:
        sizes = {"n": n, "m": m, "parameters": parameters}
        for name, size in sizes.items():
            if not isinstance(size, (int, np.integer)) or size < 0:
                raise error(_abi.E_RANGE, f"{name} is {size!r}; an integer of 0 or more is needed")
        self.n, self.m, self.parameters = int(n), int(m), int(parameters)
        self._jacobian = self.m * self.n if jacobian_values is None else int(jacobian_values)
        self._hessian = self.n * self.n if hessian_values is None else int(hessian_values)
        self.members = {name: f for name, f in members.items() if f is not None}
        self._errors: Dict[int, BaseException] = {}
        self._callbacks: List[Any] = []
        self.struct = _abi.Functions(struct_size=ctypes.sizeof(_abi.Functions))
        makers = self._makers()
        for name, function in self.members.items():
            if name not in makers:
                raise error(
                    _abi.E_NAME,
                    f"there is no function '{name}'; there are {', '.join(sorted(makers))}",
                )
            if not callable(function):
                raise error(_abi.E_TYPE, f"function '{name}' is {function!r}, not a function")
            callback = makers[name](name, function)
            self._callbacks.append(callback)
            setattr(self.struct, name, callback)

    # One maker for each form of a function.

    def _makers(self) -> Dict[str, Callable[[str, Callable[..., Any]], Any]]:
        n, m, p = self.n, self.m, self.parameters
        at, product = self._at, self._product
        return {
            "value": at(1), "gradient": at(n), "map": at(m), "jacobian": at(self._jacobian),
            "parameter_jacobian": at(m * p), "parameter_value": at(p),
            "value_gradient": self._value_gradient,
            "jacobian_product": product(n, m), "jacobian_transpose_product": product(m, n),
            "hessian": self._second(self._hessian), "parameter_gradient": self._second(n * p),
            "hessian_product": self._hessian_product,
            "value_complex": self._complex(1), "map_complex": self._complex(m),
            "batch_value": self._batch(1), "batch_gradient": self._batch(n),
            "batch_map": self._batch(m), "batch_hessian_product": self._batch_product,
            "prox": self._prox,
        }

    def _at(self, count: int) -> Callable[[str, Callable[..., Any]], Any]:
        def make(name: str, f: Callable[..., Any]) -> Any:
            x_of, out_of = _views(self.n), _views(count)
            guard = self._guard

            def call(x: int, out: int, _user: Any) -> int:
                return guard(lambda: _fill(out_of(out), f(x_of(x).copy()), name))

            return _abi.VectorFunction(call)

        return make

    def _value_gradient(self, name: str, f: Callable[..., Any]) -> Any:
        x_of, value_of, gradient_of = _views(self.n), _views(1), _views(self.n)

        def call(x: int, value: int, gradient: int, _user: Any) -> int:
            def work() -> int:
                pair = f(x_of(x).copy())
                if pair is None:
                    return 1
                return max(
                    _fill(value_of(value), pair[0], name),
                    _fill(gradient_of(gradient), pair[1], name),
                )

            return self._guard(work)

        return _abi.ValueGradientFunction(call)

    def _product(self, width: int, count: int) -> Callable[[str, Callable[..., Any]], Any]:
        def make(name: str, f: Callable[..., Any]) -> Any:
            x_of, v_of, out_of = _views(self.n), _views(width), _views(count)

            def call(x: int, v: int, out: int, _user: Any) -> int:
                return self._guard(
                    lambda: _fill(out_of(out), f(x_of(x).copy(), v_of(v).copy()), name)
                )

            return _abi.ProductFunction(call)

        return make

    def _second(self, count: int) -> Callable[[str, Callable[..., Any]], Any]:
        def make(name: str, f: Callable[..., Any]) -> Any:
            x_of, y_of, out_of = _views(self.n), _views(self.m), _views(count)

            def call(x: int, sigma: float, y: int, out: int, _user: Any) -> int:
                return self._guard(
                    lambda: _fill(out_of(out), f(x_of(x).copy(), sigma, y_of(y).copy()), name)
                )

            return _abi.HessianFunction(call)

        return make

    def _hessian_product(self, name: str, f: Callable[..., Any]) -> Any:
        x_of, y_of, v_of, out_of = _views(self.n), _views(self.m), _views(self.n), _views(self.n)

        def call(x: int, sigma: float, y: int, v: int, out: int, _user: Any) -> int:
            return self._guard(
                lambda: _fill(
                    out_of(out), f(x_of(x).copy(), sigma, y_of(y).copy(), v_of(v).copy()), name
                )
            )

        return _abi.HessianProductFunction(call)

    def _complex(self, count: int) -> Callable[[str, Callable[..., Any]], Any]:
        def make(name: str, f: Callable[..., Any]) -> Any:
            re_of, im_of, out_re_of, out_im_of = (
                _views(self.n), _views(self.n), _views(count), _views(count)
            )

            def call(x_re: int, x_im: int, out_re: int, out_im: int, _user: Any) -> int:
                def work() -> int:
                    value = f(re_of(x_re) + 1j * im_of(x_im))
                    if value is None:
                        return 1
                    return max(
                        _fill(out_re_of(out_re), np.real(value), name),
                        _fill(out_im_of(out_im), np.imag(value), name),
                    )

                return self._guard(work)

            return _abi.ComplexFunction(call)

        return make

    def _batch(self, count: int) -> Callable[[str, Callable[..., Any]], Any]:
        def make(name: str, f: Callable[..., Any]) -> Any:
            x_of, out_of = _views(self.n), _views(count)

            def call(x: int, indices: int, number: int, out: int, _user: Any) -> int:
                return self._guard(
                    lambda: _fill(
                        out_of(out), f(x_of(x).copy(), _integers(indices, number)), name
                    )
                )

            return _abi.BatchFunction(call)

        return make

    def _batch_product(self, name: str, f: Callable[..., Any]) -> Any:
        x_of, v_of, out_of = _views(self.n), _views(self.n), _views(self.n)

        def call(x: int, indices: int, number: int, v: int, out: int, _user: Any) -> int:
            return self._guard(
                lambda: _fill(
                    out_of(out),
                    f(x_of(x).copy(), _integers(indices, number), v_of(v).copy()), name,
                )
            )

        return _abi.BatchProductFunction(call)

    def _prox(self, name: str, f: Callable[..., Any]) -> Any:
        x_of, out_of = _views(self.n), _views(self.n)

        def call(x: int, step: float, out: int, _user: Any) -> int:
            return self._guard(lambda: _fill(out_of(out), f(x_of(x).copy(), step), name))

        return _abi.ProxFunction(call)

    # Exceptions

    def _guard(self, work: Callable[[], int]) -> int:
        errors = self._errors
        try:
            if (errors and threading.get_ident() in errors) or _is_interrupted():
                return -1
            return work()
        except OutsideDomain:
            return 1
        except BaseException as raised:
            errors[threading.get_ident()] = raised
            return -1

    def raise_pending(self) -> None:
        """Raise what a function raised in a call of the library that has ended.

        Raises
        ------
        BaseException
            The exception of the function, if there was one.
        """
        if not self._errors:
            return
        raised = self._errors.pop(threading.get_ident(), None)
        if raised is not None:
            raise raised

    def take_any(self) -> Optional[BaseException]:
        """Take what a function raised on any thread.

        Returns
        -------
        BaseException or None
            The exception; it is forgotten here.
        """
        return self._errors.popitem()[1] if self._errors else None

    def __repr__(self) -> str:
        return f"<kantor.Functions n={self.n} m={self.m}: {', '.join(self.members) or 'none'}>"


#: What tells whether the call that runs on this thread was interrupted from outside.
_running = threading.local()


def _is_interrupted() -> bool:
    """Whether Ctrl-C or a hook has ended the call: then no function need be evaluated for it."""
    asks = getattr(_running, "asks", None)
    return asks is not None and asks()


@contextmanager
def calling(
    bundles: Dict[str, Functions], is_interrupted: Optional[Callable[[], bool]] = None
) -> Iterator[None]:
    """Raise afterwards what a function of these bundles raises during a call of the library.

    Parameters
    ----------
    bundles : dict of Functions
        Of the problem that the call works on.
    is_interrupted : callable, optional
        Tells that the call was ended from outside, by Ctrl-C for one; functions then answer at
        once that the solve is to stop, also those that the certificate would ask for.

    Yields
    ------
    None
        For the time of the call.
    """
    outer = getattr(_running, "asks", None)
    _running.asks = is_interrupted
    try:
        yield
    finally:
        _running.asks = outer
        # Before the library's own account of it, which says only that a function stopped.
        for bundle in bundles.values():
            bundle.raise_pending()


def _views(count: int) -> Callable[[Optional[int]], np.ndarray]:
    """Arrays over the library's memory, made once for each address."""
    known: Dict[int, np.ndarray] = {}
    kind = ctypes.c_double * count

    def view(address: Optional[int]) -> np.ndarray:
        if address is None or count == 0:
            return np.empty(count)
        found = known.get(address)
        if found is None:
            if len(known) >= _MOST_VIEWS:
                known.clear()
            found = known[address] = np.frombuffer(kind.from_address(address))
        return found

    return view


def _integers(address: Optional[int], count: int) -> np.ndarray:
    if address is None or count == 0:
        return np.empty(0, np.int64)
    return np.frombuffer((ctypes.c_int64 * count).from_address(address), np.int64).copy()


def _fill(out: np.ndarray, value: Any, name: str) -> int:
    if value is None:
        return 1
    if type(value) is np.ndarray and value.shape == out.shape and value.dtype == out.dtype:
        out[:] = value
        return 0
    values = np.asarray(value, dtype=np.float64)
    if values.size != out.size:
        raise error(
            _abi.E_SHAPE,
            f"function '{name}' returned the shape {values.shape}; {out.size} numbers are needed",
        )
    out[:] = values.reshape(-1)
    return 0


