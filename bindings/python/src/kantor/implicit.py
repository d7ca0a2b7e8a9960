"""Derivatives of the answers of any solver, by the implicit function theorem.

A solver gives y with F(y, x) = 0. What happened inside does not matter: from the derivatives of F
at the answer, `root_jvp` gives how y moves with x, and `root_vjp` pulls a cotangent of y back to x.
`custom_root` puts a solver and its F together.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple

import numpy as np

from . import _abi
from ._bilevel_functions import differences
from ._errors import error

__all__ = ["Root", "custom_root", "root_jvp", "root_vjp"]

#: Unknowns up to which systems are solved with a matrix.
_DENSE = 1000


def root_vjp(
    residual: Callable[..., Any], y: Any, x: Any, cotangent: Any, *,
    jac_y: Optional[Callable[..., Any]] = None, jac_x: Optional[Callable[..., Any]] = None,
    vjp_y: Optional[Callable[..., Any]] = None, vjp_x: Optional[Callable[..., Any]] = None,
    ridge: float = 0.0, tolerance: float = 1e-10, max_iterations: int = 1000,
) -> np.ndarray:
    """Pull a cotangent of y back to x, for y with F(y, x) = 0.

    Solves F_y^T u = -cotangent and returns F_x^T u.

    Parameters
    ----------
    residual : callable
        ``F(y, x)``, as many numbers as y has. Read where derivatives are missing, which are then
        differenced.
    y, x : array_like
        The answer and the parameters, of any shapes.
    cotangent : array_like
        Of the shape of y.
    jac_y, jac_x : callable, optional
        ``(y, x)``: the Jacobians of F, of the shapes (k, k) and (k, p) for the k and p numbers of y
        and x.
    vjp_y, vjp_x : callable, optional
        ``(y, x, u)``: F_y^T u and F_x^T u, instead of Jacobians; with ``vjp_y`` the system is
        solved by products alone.
    ridge : float, default 0
        Added to the diagonal of F_y, or of its normal equations when these are solved.
    tolerance : float, default 1e-10
        Relative residual of systems solved by products.
    max_iterations : int, default 1000
        Products of such a solve.

    Returns
    -------
    ndarray
        Of the shape of x.

    Raises
    ------
    KantorError
        Wrong sizes, a singular F_y, or a system that was not solved to the tolerance.

    Notes
    -----
    M. Blondel et al., "Efficient and modular implicit differentiation" (2022). By products, the
    transposed system is solved by GMRES.

    Examples
    --------
    The square root as a root of y^2 - x:

    >>> from kantor.implicit import root_vjp
    >>> float(root_vjp(lambda y, x: y * y - x, 3.0, 9.0, 1.0).round(6))
    0.166667
    """
    y, x, c = _arrays(y, x, cotangent)
    if vjp_y is not None:
        u = _gmres(
            lambda v: np.reshape(vjp_y(y, x, v.reshape(y.shape)), -1) + ridge * v, -c, tolerance,
            max_iterations)
    else:
        u = _solve(_jacobian(residual, jac_y, y, x, 0).T, -c, ridge)
    if vjp_x is not None:
        return np.reshape(np.asarray(vjp_x(y, x, u.reshape(y.shape)), float), x.shape)
    return (_jacobian(residual, jac_x, y, x, 1).T @ u).reshape(x.shape)


def root_jvp(
    residual: Callable[..., Any], y: Any, x: Any, tangent: Any, *,
    jac_y: Optional[Callable[..., Any]] = None, jac_x: Optional[Callable[..., Any]] = None,
    jvp_y: Optional[Callable[..., Any]] = None, jvp_x: Optional[Callable[..., Any]] = None,
    ridge: float = 0.0, tolerance: float = 1e-10, max_iterations: int = 1000,
) -> np.ndarray:
    """Push a tangent of x forward to y, for y with F(y, x) = 0.

    Solves F_y t = -F_x tangent and returns t.

    Parameters
    ----------
    residual : callable
        ``F(y, x)``, as many numbers as y has.
    y, x : array_like
        The answer and the parameters, of any shapes.
    tangent : array_like
        Of the shape of x.
    jac_y, jac_x : callable, optional
        ``(y, x)``: the Jacobians of F, (k, k) and (k, p).
    jvp_y, jvp_x : callable, optional
        ``(y, x, v)``: F_y v and F_x v, instead of Jacobians.
    ridge : float, default 0
        Added to the diagonal of F_y.
    tolerance : float, default 1e-10
        Relative residual of systems solved by products.
    max_iterations : int, default 1000
        Products of such a solve.

    Returns
    -------
    ndarray
        Of the shape of y.

    Raises
    ------
    KantorError
        Wrong sizes, a singular F_y, or a system that was not solved to the tolerance.

    Examples
    --------
    >>> from kantor.implicit import root_jvp
    >>> float(root_jvp(lambda y, x: y * y - x, 3.0, 9.0, 1.0).round(6))
    0.166667
    """
    y, x, _ = _arrays(y, x, np.zeros(np.shape(y)))
    t = np.asarray(tangent, dtype=np.float64)
    if t.size != x.size:
        raise error(_abi.E_SHAPE, f"tangent has {t.size} numbers; x has {x.size}")
    if jvp_x is not None:
        right = -np.reshape(np.asarray(jvp_x(y, x, t.reshape(x.shape)), float), -1)
    else:
        right = -_jacobian(residual, jac_x, y, x, 1) @ t.reshape(-1)
    if jvp_y is not None:
        answer = _gmres(
            lambda v: np.reshape(jvp_y(y, x, v.reshape(y.shape)), -1) + ridge * v, right, tolerance,
            max_iterations)
    else:
        answer = _solve(_jacobian(residual, jac_y, y, x, 0), right, ridge)
    return answer.reshape(y.shape)


class Root:
    """A solver with the derivatives of its answer; made by `custom_root`.

    Parameters
    ----------
    solver : callable
        ``solver(x)``, the answer y.
    residual : callable
        ``F(y, x)``, 0 at the answer.
    **derivatives
        Arguments of `root_vjp` and `root_jvp`.
    """

    def __init__(
        self, solver: Callable[..., Any], residual: Callable[..., Any], **derivatives: Any
    ) -> None:
        self.solver = solver
        self.residual = residual
        self._derivatives = derivatives

    def __call__(self, x: Any) -> np.ndarray:
        return np.asarray(self.solver(x), dtype=np.float64)

    def _options(self, names: Tuple[str, ...]) -> dict:
        common = ("jac_y", "jac_x", "ridge", "tolerance", "max_iterations")
        return {k: v for k, v in self._derivatives.items() if k in names + common}

    def vjp(self, x: Any, cotangent: Any, y: Any = None) -> np.ndarray:
        """Pull a cotangent of the answer back to x.

        Parameters
        ----------
        x : array_like
            Parameters.
        cotangent : array_like
            Of the shape of the answer.
        y : array_like, optional
            The answer, if it is known; the solver is asked if not.

        Returns
        -------
        ndarray
            Of the shape of x.
        """
        answer = self(x) if y is None else y
        return root_vjp(
            self.residual, answer, x, cotangent, **self._options(("vjp_y", "vjp_x")))

    def jvp(self, x: Any, tangent: Any, y: Any = None) -> np.ndarray:
        """Push a tangent of x forward to the answer.

        Parameters
        ----------
        x : array_like
            Parameters.
        tangent : array_like
            Of the shape of x.
        y : array_like, optional
            The answer, if it is known.

        Returns
        -------
        ndarray
            Of the shape of the answer.
        """
        answer = self(x) if y is None else y
        return root_jvp(self.residual, answer, x, tangent, **self._options(("jvp_y", "jvp_x")))


def custom_root(
    residual: Callable[..., Any], **derivatives: Any
) -> Callable[[Callable[..., Any]], Root]:
    """Decorate a solver with the derivatives of its answer.

    Parameters
    ----------
    residual : callable
        ``F(y, x)``, 0 at the answer.
    **derivatives
        Arguments of `root_vjp` and `root_jvp`: Jacobians, products, ridge.

    Returns
    -------
    callable
        A decorator that makes a `Root` of ``solver(x)``.

    Examples
    --------
    >>> import numpy as np
    >>> from kantor.implicit import custom_root
    >>> A, b = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([1.0, 0.0])
    >>> @custom_root(lambda y, x: A @ y + np.exp(x) * y - b, jac_x=lambda y, x: np.exp(x) * y)
    ... def ridge(x):
    ...     return np.linalg.solve(A + np.exp(x) * np.eye(2), b)
    >>> change = (ridge(1e-6) - ridge(-1e-6)) / 2e-6
    >>> bool(np.allclose(ridge.jvp(0.0, 1.0), change))
    True
    """
    def decorate(solver: Callable[..., Any]) -> Root:
        return Root(solver, residual, **derivatives)

    return decorate


def _arrays(y: Any, x: Any, c: Any) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    y, x, c = (np.asarray(a, dtype=np.float64) for a in (y, x, c))
    if c.size != y.size:
        raise error(_abi.E_SHAPE, f"cotangent has {c.size} numbers; y has {y.size}")
    return y, x, c.reshape(-1)


def _jacobian(
    residual: Callable[..., Any], given: Optional[Callable[..., Any]], y: np.ndarray,
    x: np.ndarray, which: int,
) -> np.ndarray:
    size = (y.size, x.size)[which]
    if given is not None:
        matrix = np.asarray(given(y, x), dtype=np.float64)
        if matrix.size != y.size * size:
            raise error(
                _abi.E_SHAPE,
                f"a Jacobian has the shape {matrix.shape}; ({y.size}, {size}) is needed")
        return matrix.reshape(y.size, size)

    def flat(v: np.ndarray) -> np.ndarray:
        pair = (v.reshape(y.shape), x) if which == 0 else (y, v.reshape(x.shape))
        return np.reshape(np.asarray(residual(*pair), dtype=np.float64), -1)

    return differences(flat, (y, x)[which].reshape(-1)).reshape(y.size, size)


def _solve(matrix: np.ndarray, right: np.ndarray, ridge: float) -> np.ndarray:
    if right.size > _DENSE * 20:
        raise error(
            _abi.E_TOO_LARGE,
            f"a matrix of order {right.size}; give products (vjp_y or jvp_y) instead")
    try:
        answer = np.linalg.solve(matrix + ridge * np.eye(right.size), right)
    except np.linalg.LinAlgError:
        answer = np.full(right.size, np.inf)
    if not np.isfinite(answer).all() or np.linalg.cond(matrix + ridge * np.eye(right.size)) > 1e14:
        raise error(
            _abi.E_UNSUPPORTED,
            "F_y is singular at the answer, so that y has no derivative there; give ridge > 0 for "
            "a regularised one")
    return answer


def _gmres(
    multiply: Callable[[np.ndarray], np.ndarray], right: np.ndarray, tolerance: float,
    most: int,
) -> np.ndarray:
    """Arnoldi's basis with restarts of 50, least squares in it."""
    x = np.zeros_like(right)
    length = np.linalg.norm(right)
    used = 0
    while used < most:
        r = right - multiply(x) if used else right.copy()
        beta = np.linalg.norm(r)
        if beta <= tolerance * length:
            return x
        width = min(50, most - used, right.size)
        q = np.zeros((right.size, width + 1))
        h = np.zeros((width + 1, width))
        q[:, 0] = r / beta
        done = width
        for k in range(width):
            v = multiply(q[:, k])
            used += 1
            for _ in range(2):
                part = q[:, : k + 1].T @ v
                h[: k + 1, k] += part
                v = v - q[:, : k + 1] @ part
            h[k + 1, k] = np.linalg.norm(v)
            if h[k + 1, k] <= 1e-14 * beta:
                done = k + 1
                break
            q[:, k + 1] = v / h[k + 1, k]
        unit = np.zeros(done + 1)
        unit[0] = beta
        step = np.linalg.lstsq(h[: done + 1, :done], unit, rcond=None)[0]
        x = x + q[:, :done] @ step
    left = np.linalg.norm(right - multiply(x))
    if left <= tolerance * length:
        return x
    raise error(
        _abi.E_UNSUPPORTED,
        f"the system of F_y was solved to {left / max(length, 1e-300):.1e} after {used} products; "
        f"{tolerance:.1e} is needed: raise max_iterations, or give ridge > 0")
