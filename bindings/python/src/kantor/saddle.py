"""Saddle points: min over x, max over y of f(x) + phi(x, y) + g(x) - h(y), by gradients.

::

    import kantor.saddle

    result = kantor.saddle.solve(gradient, x0, y0, prox_x=("simplex", 1.0))
    result.status, result.x, result.y
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Sequence, Union

import numpy as np

from . import _abi, _terms
from ._errors import error
from ._functions import Functions
from ._problem import Problem
from ._result import Result
from ._solve import solve as _solve

__all__ = ["solve"]


def solve(
    gradient: Callable[..., Any],
    x0: Any,
    y0: Any,
    *,
    value: Optional[Callable[[np.ndarray, np.ndarray], float]] = None,
    hessian: Optional[Callable[[np.ndarray, np.ndarray], Any]] = None,
    prox_x: Union[_terms.Term, Sequence[_terms.Term], None] = None,
    prox_y: Union[_terms.Term, Sequence[_terms.Term], None] = None,
    lipschitz: Optional[float] = None,
    comonotone: Optional[float] = None,
    components: Optional[int] = None,
    method: Optional[str] = None,
    primal: Optional[Callable[[np.ndarray], Any]] = None,
    primal_value: Optional[Callable[[np.ndarray], float]] = None,
    mu: Optional[float] = None,
    **options: Any,
) -> Result:
    """Find a saddle point, or with ``two_timescale_extragradient`` a local minimax point.

    Parameters
    ----------
    gradient : callable
        ``gradient(x, y)``, the pair (phi_x, phi_y); with ``components``, ``gradient(i, x, y)``,
        and phi is the mean of the components.
    x0 : array_like, shape (n,)
        Minimising point to start from.
    y0 : array_like, shape (m,)
        Maximising point to start from.
    value : callable, optional
        ``value(x, y)``: phi, for the result's ``objective``.
    hessian : callable, optional
        ``hessian(x, y)``, (n + m, n + m), for the certificate of local minimax points; None:
        differences of the gradient.
    prox_x, prox_y : str, tuple or callable, optional
        The terms g and h, as ``prox`` of `kantor.vi.solve`; both by name, or both as functions.
    lipschitz : float, optional
        Lipschitz constant of the gradient; None: estimated.
    comonotone : float, optional
        As in `kantor.vi.solve`, of F = (phi_x, -phi_y).
    components : int, optional
        Number of components of which phi is the mean.
    method : str, optional
        A method of ``kantor.methods("saddle")``; None: as in `kantor.vi.solve`.
    primal : callable, optional
        ``primal(x)``, (n,): the gradient of a convex function f of x alone, which is added to phi.
        ``"inexact_alpd"`` needs far fewer of them than of `gradient`.
    primal_value : callable, optional
        ``primal_value(x)``: f, for the result's ``objective``.
    mu : float, optional
        Strength of the concavity: phi(x, y) + mu ||y||^2 / 2 is concave in y. ``"inexact_alpd"``
        needs it.
    **options
        Of the method and of `kantor.solve`.

    Returns
    -------
    kantor.Result
        ``x``, ``y``, ``objective`` (f + phi, or the residual without their values) and the
        certificate; on bounded sets ``gap`` bounds the duality gap of a convex-concave phi.

    Raises
    ------
    KantorError
        Data or options that cannot be used.
    BaseException
        What a function raised.

    Notes
    -----
    Sources: Y. Malitsky, Golden ratio algorithms for variational inequalities (2020); J. Chae,
    K. Kim and D. Kim, Two-timescale extragradient for finding local minimax points (2024);
    M. Khalafi and D. Boob, Accelerated primal-dual methods for convex-strongly-concave saddle
    point problems (2023).

    Examples
    --------
    >>> import kantor
    >>> result = kantor.saddle.solve(
    ...     lambda x, y: (y, x), [0.5], [0.3], prox_x=("box", -1, 1), prox_y=("box", -1, 1))
    >>> result.status, bool(abs(result.x[0]) < 1e-4), bool(abs(result.y[0]) < 1e-4)
    ('solved', True, True)
    """
    x, y = _terms.start("x0", x0), _terms.start("y0", y0)
    n, size = x.size, x.size + y.size

    def joined(pair: Any) -> Optional[np.ndarray]:
        if pair is None:
            return None
        if len(pair) != 2:
            raise error(
                _abi.E_SHAPE, f"gradient returned {len(pair)} arrays; the pair (phi_x, phi_y) is "
                "needed")
        if pair[0] is None or pair[1] is None:
            return None
        return np.concatenate([np.ravel(pair[0]), np.ravel(pair[1])])

    members: Dict[str, Any] = {}
    given: Dict[str, Any] = {"start_x": x, "start_y": y}
    if components is None:
        members["gradient"] = lambda z: joined(gradient(z[:n], z[n:]))
    else:
        members["batch_gradient"] = _terms.mean_of(
            lambda i, z: joined(gradient(i, z[:n], z[n:])))
        given["components"] = components
    if value is not None:
        members["value"] = lambda z: value(z[:n], z[n:])
    if hessian is not None:
        members["hessian"] = lambda z, sigma, _: sigma * np.asarray(hessian(z[:n], z[n:]))
    given.update(_both(members, prox_x, prox_y, n))
    if primal is not None:
        given["primal"] = Functions(n, gradient=primal, value=primal_value)
    elif primal_value is not None:
        raise error(_abi.E_TYPE, "primal_value is set, and primal, the gradient, is not")
    for name, number in (("lipschitz", lipschitz), ("comonotone", comonotone), ("mu", mu)):
        if number is not None:
            given[name] = float(number)
    problem = Problem("saddle", functions=Functions(size, **members), **given)
    return _solve(problem, method, **options)


def _both(members: Dict[str, Any], prox_x: Any, prox_y: Any, n: int) -> Dict[str, Any]:
    """The fields of both terms, or the joint function where they are functions."""
    terms = {"prox_x": prox_x, "prox_y": prox_y}
    if not any(map(_terms.is_function, terms.values())):
        return {**_terms.fields("prox_x", prox_x), **_terms.fields("prox_y", prox_y)}
    for name, term in terms.items():
        if term is not None and not _terms.is_function(term):
            raise error(
                _abi.E_TYPE,
                f"{name} is {term!r} and the other term a function; both have to be functions, or "
                "one of them None",
            )
    parts = [term or (lambda u, step: u) for term in terms.values()]
    members["prox"] = lambda z, step: np.concatenate(
        [np.ravel(parts[0](z[:n], step)), np.ravel(parts[1](z[n:], step))])
    return {}
