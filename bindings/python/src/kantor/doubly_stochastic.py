"""Doubly stochastic matrices: projections and parametrisations, for batches and with gradients.

Rows and columns of a doubly stochastic matrix sum to 1 and no entry is negative. Every function
takes arrays with any number of leading batch axes and gives one matrix for each of them::

    import kantor.doubly_stochastic as ds

    X = ds.birkhoff_projection(G)                 # (..., n, n) -> (..., n, n)
    out = ds.sinkhorn_knopp(L, sweeps=20, full=True)
    gradient = out.vjp(cotangent)                 # dL/dX -> dL/dL, both (..., n, n)

float32 in gives float32 out; the computation is in float64. What is returned was checked by code
that shares nothing with the method; a warning tells when it falls short of the tolerance.
"""

from __future__ import annotations

import warnings
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from . import _abi
from ._arrays import as_numbers
from ._errors import error
from ._problem import Problem
from ._result import Result
from ._solve import solve

__all__ = [
    "Outcome",
    "birkhoff_decomposition",
    "birkhoff_projection",
    "kronecker_product",
    "orthostochastic",
    "permutation_mixture",
    "sinkhorn_knopp",
    "spectral_sphere",
]


class Outcome:
    """Matrices with what is known of them; functions of this module give it with ``full=True``.

    Parameters
    ----------
    result : kantor.Result
        Status, certificate, and the fields of the method.
    batch : tuple of int
        Leading axes of the input.
    field : str
        Field of the problem that the input was.
    shape : tuple of int
        Shape of the input.
    kind : numpy.dtype
        Precision of the matrices.

    Attributes
    ----------
    matrices : numpy.ndarray, shape (..., n, n)
        The matrices.
    result : kantor.Result
        ``result.status``, ``result.certificate``, ``result.matrix_residuals`` and more.
    """

    def __init__(
        self, result: Result, batch: Tuple[int, ...], field: str, shape: Tuple[int, ...],
        kind: np.dtype,
    ) -> None:
        self.result = result
        self._field, self._shape, self._kind = field, shape, kind
        found = result["doubly_stochastic"]
        self.matrices: np.ndarray = found.reshape(batch + found.shape[1:]).astype(kind)

    def vjp(self, cotangent: Any) -> np.ndarray:
        """Pull the derivative of a loss with respect to the matrices back to the input.

        Parameters
        ----------
        cotangent : array_like, shape (..., n, n)
            dL/dX for the matrices X.

        Returns
        -------
        numpy.ndarray
            dL/d(input), of the input's shape.

        Raises
        ------
        kantor.KantorError
            A shape that is not that of the matrices, or a value that is not finite.
        """
        bar = np.asarray(as_numbers(cotangent, "cotangent"), dtype=np.float64)
        if bar.shape != self.matrices.shape:
            raise error(
                _abi.E_SHAPE, f"the cotangent has the shape {bar.shape}; needed is "
                f"{self.matrices.shape}")
        bar = bar.reshape(self.result["doubly_stochastic"].shape)
        pulled = self.result.vjp({"doubly_stochastic": bar}, [self._field])[self._field]
        return pulled.reshape(self._shape).astype(self._kind)

    def __repr__(self) -> str:
        return f"<{self.matrices.shape} matrices, {self.result.message}>"


def sinkhorn_knopp(
    logits: Any,
    *,
    temperature: float = 1.0,
    sweeps: Optional[int] = None,
    tol: float = 1e-9,
    max_iter: int = 10000,
    threads: int = 1,
    full: bool = False,
) -> Union[np.ndarray, Outcome]:
    """Scale rows and columns of ``exp(logits / temperature)`` to the sum 1.

    The result is the projection in the Kullback-Leibler divergence. With `sweeps` exactly so many
    sweeps (columns, then rows) are done, as networks with a Sinkhorn layer do: rows then sum to
    1, columns nearly. The derivative is that of what was computed.

    Parameters
    ----------
    logits : array_like, shape (..., n, n)
        Logarithms of the matrices to scale.
    temperature : float
        Divides the logits, > 0.
    sweeps : int, optional
        Number of sweeps; None: until `tol` is met, by Newton's method where that takes long.
    tol : float
        Largest error of a row or column sum.
    max_iter : int
        Largest number of sweeps and Newton steps for a matrix.
    threads : int
        Threads over the batch.
    full : bool
        Give an `Outcome` with certificate and derivative.

    Returns
    -------
    numpy.ndarray or Outcome
        The matrices, of shape (..., n, n).

    Raises
    ------
    kantor.KantorError
        A shape, value or option that cannot be used.

    References
    ----------
    R. Sinkhorn and P. Knopp, Concerning nonnegative matrices and doubly stochastic matrices, 1967.

    Examples
    --------
    >>> import numpy as np
    >>> import kantor.doubly_stochastic as ds
    >>> ds.sinkhorn_knopp(np.log([[4.0, 1.0], [1.0, 9.0]])).round(6)
    array([[0.857143, 0.142857],
           [0.142857, 0.857143]])
    """
    options = {
        "temperature": temperature, "sweeps": sweeps or 0, "tolerance": tol,
        "max_iterations": max_iter,
    }
    if sweeps is not None and sweeps < 1:
        raise error(_abi.E_RANGE, f"sweeps is {sweeps}; a positive number or None is allowed")
    return _run("sinkhorn_knopp", "matrices", logits, threads, full, options,
                may_fall_short=sweeps is not None)


def birkhoff_projection(
    matrices: Any, *, tol: float = 1e-10, max_iter: int = 200, threads: int = 1,
    full: bool = False,
) -> Union[np.ndarray, Outcome]:
    """Find the doubly stochastic matrices nearest to given ones, in the Euclidean distance.

    Parameters
    ----------
    matrices : array_like, shape (..., n, n)
        Any square matrices.
    tol : float
        Largest error of a row or column sum.
    max_iter : int
        Largest number of Newton steps for a matrix.
    threads : int
        Threads over the batch.
    full : bool
        Give an `Outcome` with certificate and derivative.

    Returns
    -------
    numpy.ndarray or Outcome
        The matrices, of shape (..., n, n).

    Raises
    ------
    kantor.KantorError
        A shape, value or option that cannot be used.

    References
    ----------
    X. Li, D. Sun and K.-C. Toh, On the efficient computation of a generalized Jacobian of the
    projector over the Birkhoff polytope, 2020.

    Examples
    --------
    >>> import kantor.doubly_stochastic as ds
    >>> ds.birkhoff_projection([[0.9, 0.3], [0.2, 0.6]]).round(6)
    array([[0.75, 0.25],
           [0.25, 0.75]])
    """
    options = {"tolerance": tol, "max_iterations": max_iter}
    return _run("birkhoff_projection", "matrices", matrices, threads, full, options)


def permutation_mixture(
    parameters: Any, *, permutations: Any = None, threads: int = 1, full: bool = False
) -> Union[np.ndarray, Outcome]:
    """Mix permutation matrices with the weights ``softmax(parameters)``.

    Parameters
    ----------
    parameters : array_like, shape (..., p)
        One for each permutation.
    permutations : array_like of int, shape (p, n), optional
        The permutations: entry (k, i) is the column of row i. None: all n! in lexicographic order,
        n at most 7.
    threads : int
        Threads over the batch.
    full : bool
        Give an `Outcome` with certificate and derivative.

    Returns
    -------
    numpy.ndarray or Outcome
        The matrices, of shape (..., n, n).

    Raises
    ------
    kantor.KantorError
        A number of parameters that fits no permutations, or a value that cannot be used.

    References
    ----------
    Y. Yang and J. Gao, mHC-lite: you don't need 20 Sinkhorn-Knopp iterations, 2026.

    Examples
    --------
    >>> import numpy as np
    >>> import kantor.doubly_stochastic as ds
    >>> ds.permutation_mixture(np.log([3.0, 1.0])).round(6)
    array([[0.75, 0.25],
           [0.25, 0.75]])
    """
    fields = {} if permutations is None else {"permutations": _whole(permutations, "permutations")}
    return _run("permutation_mixture", "parameters", parameters, threads, full, {}, fields)


def kronecker_product(
    parameters: Any, factors: Sequence[int], *, threads: int = 1, full: bool = False
) -> Union[np.ndarray, Outcome]:
    """Multiply (Kronecker) small mixtures of permutations.

    Parameters
    ----------
    parameters : array_like, shape (..., p)
        Those of the first factor, then those of the second, ...; p is the sum of ``factorial(k)``
        over the factors.
    factors : sequence of int
        Sizes of the factors, each from 1 to 6; n is their product.
    threads : int
        Threads over the batch.
    full : bool
        Give an `Outcome` with certificate and derivative.

    Returns
    -------
    numpy.ndarray or Outcome
        The matrices, of shape (..., n, n).

    Raises
    ------
    kantor.KantorError
        A number of parameters that does not fit the factors, or a value that cannot be used.

    References
    ----------
    W. Zhou, Y. Gu, G. Iacovides and D. Mandic, KromHC: manifold-constrained hyper-connections
    with Kronecker-product residual matrices, 2026.

    Examples
    --------
    >>> import kantor.doubly_stochastic as ds
    >>> ds.kronecker_product([0.0, 0.0, 50.0, 0.0], [2, 2]).round(6)
    array([[0.5, 0. , 0.5, 0. ],
           [0. , 0.5, 0. , 0.5],
           [0.5, 0. , 0.5, 0. ],
           [0. , 0.5, 0. , 0.5]])
    """
    fields = {"factors": _whole(factors, "factors")}
    return _run("kronecker_product", "parameters", parameters, threads, full, {}, fields)


def spectral_sphere(
    parameters: Any, *, gamma: float = 1.0, threads: int = 1, full: bool = False
) -> Union[np.ndarray, Outcome]:
    """Make matrices with unit row and column sums and spectral norm 1; entries may be negative.

    Parameters
    ----------
    parameters : array_like, shape (..., (n - 1)**2)
        With m = n - 1: m (m - 1) / 2 for a rotation, as many for a second one, m for the singular
        values ``tanh(s)``. Zeros for the rotations and large s give the identity.
    gamma : float
        Scale of the rotations' parameters.
    threads : int
        Threads over the batch.
    full : bool
        Give an `Outcome` with certificate and derivative.

    Returns
    -------
    numpy.ndarray or Outcome
        The matrices, of shape (..., n, n).

    Raises
    ------
    kantor.KantorError
        A number of parameters that is no square, or a value that cannot be used.

    References
    ----------
    Z. Liu, H. Zhang and A. Li, Beyond the Birkhoff polytope: spectral-sphere-constrained
    hyper-connections, 2026.

    Examples
    --------
    >>> import kantor.doubly_stochastic as ds
    >>> ds.spectral_sphere([0.0, 0.0, 20.0, 20.0]).round(6) + 0.0
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    return _run("spectral_sphere", "parameters", parameters, threads, full, {"gamma": gamma})


def orthostochastic(
    matrices: Any, *, threads: int = 1, full: bool = False
) -> Union[np.ndarray, Outcome]:
    """Square the entries of the orthogonal factor Q of ``matrices = Q R``.

    Parameters
    ----------
    matrices : array_like, shape (..., n, n)
        Square matrices; where one is singular, Q is not unique and there is no derivative.
    threads : int
        Threads over the batch.
    full : bool
        Give an `Outcome` with certificate and derivative.

    Returns
    -------
    numpy.ndarray or Outcome
        The matrices, of shape (..., n, n).

    Raises
    ------
    kantor.KantorError
        A shape or value that cannot be used.

    References
    ----------
    J. Born and others, Quantum doubly stochastic transformers, 2025.

    Examples
    --------
    >>> import kantor.doubly_stochastic as ds
    >>> ds.orthostochastic([[1.0, 0.0], [1.0, 1.0]]).round(6)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    return _run("orthostochastic", "matrices", matrices, threads, full, {})


class Mixture(NamedTuple):
    """A decomposition into permutations; a pair of arrays."""

    #: Of shape (k,), positive, with the sum 1.
    weights: np.ndarray
    #: Of shape (k, n): the column of each row.
    permutations: np.ndarray


def birkhoff_decomposition(
    matrices: Any, *, strategy: str = "bottleneck", max_terms: Optional[int] = None,
    tol: float = 1e-9, threads: int = 1,
) -> Union[Mixture, List[Mixture]]:
    """Write doubly stochastic matrices as convex combinations of permutations.

    Parameters
    ----------
    matrices : array_like, shape (n, n) or (b, n, n)
        Doubly stochastic to 1e-6.
    strategy : {"bottleneck", "any"}
        Take the permutation with the largest weight next, or the first one found, which is
        quicker and needs more terms for the same weight.
    max_terms : int, optional
        Stop after so many terms for each matrix.
    tol : float
        Largest error of an entry of the sum.
    threads : int
        Without effect on the decomposition itself; used by the check.

    Returns
    -------
    (weights, permutations), or a list of them
        One pair for each matrix of the batch: weights of shape (k,) and permutations of shape
        (k, n), the column of each row.

    Raises
    ------
    kantor.KantorError
        Matrices that are not doubly stochastic, or an option that cannot be used.

    References
    ----------
    G. Birkhoff, Tres observaciones sobre el algebra lineal, 1946.

    Examples
    --------
    >>> import kantor.doubly_stochastic as ds
    >>> weights, permutations = ds.birkhoff_decomposition([[0.75, 0.25], [0.25, 0.75]])
    >>> weights, permutations
    (array([0.75, 0.25]), array([[0, 1],
           [1, 0]]))
    """
    array = _numbers(matrices, "matrices")
    if max_terms is not None and max_terms < 1:
        raise error(
            _abi.E_RANGE, f"max_terms is {max_terms}; a positive number or None is allowed")
    if array.ndim not in (2, 3):
        raise error(
            _abi.E_SHAPE, f"matrices have the shape {array.shape}; needed is (n, n) or (b, n, n)")
    result = solve(
        Problem("doubly_stochastic", matrices=array), "birkhoff_decomposition", tolerance=tol,
        strategy=strategy, max_terms=max_terms or 0, threads=threads)
    if max_terms is None:
        _warn(result)
    starts, weights, columns = result.term_start, result.weights, result.permutations
    parts = [
        Mixture(weights[first:end].copy(), columns[first:end].astype(np.int64))
        for first, end in zip(starts[:-1], starts[1:])
    ]
    return parts if array.ndim == 3 else parts[0]


def _run(
    method: str, field: str, values: Any, threads: int, full: bool, options: dict,
    fields: Optional[dict] = None, may_fall_short: bool = False,
) -> Union[np.ndarray, Outcome]:
    array = _numbers(values, field)
    own = 2 if field == "matrices" else 1
    if array.ndim < own:
        shape = "(..., n, n)" if own == 2 else "(..., p)"
        raise error(
            _abi.E_SHAPE, f"{field} have the shape {array.shape}; needed is {shape}")
    batch, kind = array.shape[:-own], _precision(array)
    if 0 in batch:
        raise error(_abi.E_SHAPE, f"{field} have the shape {array.shape}; the batch is empty")
    flat = array.reshape((-1,) + array.shape[-own:])
    problem = Problem("doubly_stochastic", copy=False, **{field: flat}, **(fields or {}))
    result = solve(problem, method, threads=threads, **options)
    if not may_fall_short:
        _warn(result)
    outcome = Outcome(result, batch, field, array.shape, kind)
    return outcome if full else outcome.matrices


def _warn(result: Result) -> None:
    if result.status != "solved":
        warnings.warn(f"kantor: {result.message}", RuntimeWarning, stacklevel=4)


def _numbers(values: Any, name: str) -> np.ndarray:
    return np.ascontiguousarray(as_numbers(np.asarray(values), name))


def _precision(array: np.ndarray) -> np.dtype:
    return array.dtype if array.dtype == np.float32 else np.dtype(np.float64)


def _whole(values: Any, name: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind not in "iu" and array.size:
        raise error(_abi.E_TYPE, f"{name} must be whole numbers, not {array.dtype}")
    return array.astype(np.int64)
