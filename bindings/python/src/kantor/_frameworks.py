"""Derivatives by JAX or PyTorch of functions that are written in one of them."""

from __future__ import annotations

import importlib
from typing import Any, Callable, NamedTuple, Optional

import numpy as np

from . import _abi
from ._errors import error


class Derivatives(NamedTuple):
    """A function and its derivatives, over arrays of numpy."""

    value: Callable[[np.ndarray], Any]
    gradient: Callable[[np.ndarray], Any]
    value_gradient: Callable[[np.ndarray], Any]
    hessian_product: Callable[[np.ndarray, np.ndarray], Any]
    jacobian: Callable[[np.ndarray], Any]


def framework_of(x0: Any, jac: Any) -> Optional[str]:
    """Tell which framework differentiates.

    Parameters
    ----------
    x0 : object
        The start: an array of a framework asks for it.
    jac : object
        ``"jax"`` or ``"torch"`` ask by name.

    Returns
    -------
    str or None
        ``"jax"``, ``"torch"``, or None for neither.
    """
    if isinstance(jac, str) and jac in ("jax", "torch"):
        return jac
    if jac is not None:
        return None
    module = type(x0).__module__.split(".")[0]
    if module in ("jax", "jaxlib"):
        return "jax"
    return "torch" if module == "torch" else None


def to_numpy(x0: Any) -> Any:
    """Take an array out of a framework.

    Parameters
    ----------
    x0 : object
        A tensor, or anything else.

    Returns
    -------
    object
        A numpy array, or what was given.
    """
    return x0.detach().cpu().numpy() if hasattr(x0, "detach") else x0


def derivatives(name: str, function: Callable[..., Any]) -> Derivatives:
    """Differentiate a function written in a framework.

    Parameters
    ----------
    name : {"jax", "torch"}
        The framework.
    function : callable
        Takes a vector of float64 of the framework.

    Returns
    -------
    Derivatives
        Over arrays of numpy.

    Raises
    ------
    KantorError
        The framework is not installed.
    """
    try:
        module = importlib.import_module(name)
    except ImportError as missing:
        raise error(
            _abi.E_UNSUPPORTED, f"jac is '{name}', but {name} is not installed: {missing}"
        ) from None
    return _jax(module, function) if name == "jax" else _torch(module, function)


def _jax(jax: Any, function: Callable[..., Any]) -> Derivatives:
    # The switch moved out of jax.experimental, where older releases have it.
    current = getattr(jax, "enable_x64", None)
    older = None if current is not None else importlib.import_module("jax.experimental").enable_x64
    value, both = jax.jit(function), jax.jit(jax.value_and_grad(function))
    slope = jax.grad(function)
    product = jax.jit(lambda x, v: jax.jvp(slope, (x,), (v,))[1])
    jacobian = jax.jit(jax.jacobian(function))

    def run(f: Callable[..., Any]) -> Callable[..., Any]:
        def call(*points: np.ndarray) -> Any:
            # In double precision, whatever the host's setting is.
            with older() if older is not None else current(True):
                out = f(*(jax.numpy.asarray(p, dtype=np.float64) for p in points))
                return tuple(map(np.asarray, out)) if isinstance(out, tuple) else np.asarray(out)

        return call

    return Derivatives(
        run(value), lambda x: run(both)(x)[1], run(both), run(product), run(jacobian)
    )


def _torch(torch: Any, function: Callable[..., Any]) -> Derivatives:
    def tensor(x: np.ndarray) -> Any:
        return torch.from_numpy(np.array(x, dtype=np.float64))

    def value(x: np.ndarray) -> Any:
        with torch.no_grad():
            return function(tensor(x)).numpy()

    def value_gradient(x: np.ndarray) -> Any:
        point = tensor(x).requires_grad_(True)
        out = function(point)
        (slope,) = torch.autograd.grad(out, point)
        return float(out.detach()), slope.numpy()

    def product(x: np.ndarray, v: np.ndarray) -> Any:
        return torch.autograd.functional.hvp(function, tensor(x), tensor(v))[1].numpy()

    def jacobian(x: np.ndarray) -> Any:
        return torch.autograd.functional.jacobian(function, tensor(x)).numpy()

    return Derivatives(
        value, lambda x: value_gradient(x)[1], value_gradient, product, jacobian
    )
