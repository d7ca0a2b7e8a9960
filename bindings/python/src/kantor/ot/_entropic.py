"""Entropic solves: from POT's arguments to Kantor's and back."""

from __future__ import annotations

import warnings
from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_vector
from .._errors import error
from .._hooks import Progress
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._inputs import balance, read_count, read_positive, read_threshold, read_weights

#: Names of POT's Sinkhorn variants, and Kantor's method for each: one covers what most are for.
VARIANTS = {
    "sinkhorn": "sinkhorn",
    "greenkhorn": "greenkhorn",
    "sinkhorn_log": "sinkhorn",
    "sinkhorn_stabilized": "sinkhorn",
    "sinkhorn_epsilon_scaling": "sinkhorn",
}


class Weights(NamedTuple):
    """Weights of both sides; None for uniform ones of mass 1."""

    a: Optional[np.ndarray]
    b: Optional[np.ndarray]

    @classmethod
    def read(cls, a: Any, b: Any, n: int, m: int) -> "Weights":
        """Read and balance weights.

        Parameters
        ----------
        a, b : array_like or None
            The weights.
        n, m : int
            How many there must be.

        Returns
        -------
        Weights
            As float64.
        """
        return cls(*balance(read_weights(a, n, "a"), read_weights(b, m, "b")))

    def filled(self, n: int, m: int) -> Tuple[np.ndarray, np.ndarray]:
        """Write uniform weights out.

        Parameters
        ----------
        n, m : int
            Numbers of sources and targets.

        Returns
        -------
        pair of numpy.ndarray
            Weights of the same mass.
        """
        mass = next((float(w.sum()) for w in self if w is not None), 1.0)
        return tuple(np.full(k, mass / k) if w is None else w for w, k in zip(self, (n, m)))

    def logarithms(self, n: int, m: int) -> Tuple[np.ndarray, np.ndarray]:
        """Take logarithms; -infinity where there is no mass.

        Parameters
        ----------
        n, m : int
            Numbers of sources and targets.

        Returns
        -------
        log_a, log_b : numpy.ndarray
            The logarithms.
        """
        with np.errstate(divide="ignore"):
            return (
                np.full(n, -np.log(n)) if self.a is None else np.log(self.a),
                np.full(m, -np.log(m)) if self.b is None else np.log(self.b),
            )


class Entropic(NamedTuple):
    """An entropic solution in POT's terms: plan = exp(log_u + log_v - M / reg)."""

    result: Result
    log_u: np.ndarray
    log_v: np.ndarray

    def errors(self) -> list:
        """List the marginal errors of the solve, one per iteration.

        Returns
        -------
        list of float
            The errors.
        """
        return self.result.trace.get("residual", np.empty(0)).tolist()


def solve_entropic(
    problem: Problem, weights: Weights, shape: Tuple[int, int], reg: Any, limit: Any,
    tolerance: Any, *, verbose: bool = False, warn: bool = True, trace: bool = False,
    warmstart: Optional[Tuple[Any, Any]] = None, threads: int = 1, method: str = "sinkhorn",
) -> Entropic:
    """Solve an entropic problem and translate the potentials.

    Parameters
    ----------
    problem : Problem
        With the weights set.
    weights : Weights
        The same weights.
    shape : tuple of int
        Numbers of sources and targets.
    reg : float
        Strength of the regularisation.
    limit : int
        Largest number of iterations.
    tolerance : float
        Marginal error to stop at.
    verbose : bool
        Print the course of the solve.
    warn : bool
        Warn if it fell short.
    trace : bool
        Keep the errors.
    warmstart : pair of array_like, optional
        Logarithms of scaling vectors to start from.
    threads : int
        Threads of the solver.
    method : str
        Kantor's method.

    Returns
    -------
    Entropic
        The solution.
    """
    epsilon = read_positive(reg, "reg")
    log_a, log_b = weights.logarithms(*shape)
    start = None
    if warmstart is not None:
        start = _start(warmstart, epsilon, log_a, log_b)
    result = solve(
        problem, method, epsilon=epsilon, max_iterations=read_count(limit, "numItermax"),
        tolerance=read_threshold(tolerance, "stopThr", 1e-15), trace=trace, threads=threads,
        warm_start=start, progress=_Printer() if verbose else None,
    )
    if result.status_code == _abi.INFEASIBLE:
        raise error(
            _abi.E_RANGE, "M forbids too many pairs by infinite costs: no plan avoids them and has "
            "these weights; large finite costs would price them")
    if warn and result.status_code not in (_abi.SOLVED, _abi.SOLVED_INACCURATE):
        warnings.warn(
            f"the solve ended with the status '{result.status}'; a larger numItermax, stopThr or "
            "reg could help",
            stacklevel=4,
        )
    return scalings(result, epsilon, log_a, log_b)


def scalings(
    result: Result, epsilon: float, log_a: np.ndarray, log_b: np.ndarray
) -> Entropic:
    """Translate the potentials of a result into logarithms of scaling vectors.

    Parameters
    ----------
    result : Result
        Of an entropic solve.
    epsilon : float
        Strength of the regularisation.
    log_a, log_b : numpy.ndarray
        Logarithms of the weights.

    Returns
    -------
    Entropic
        The solution.
    """
    log_u = log_a + result.potential_source / epsilon
    log_v = log_b + result.potential_target / epsilon
    # The pair is free up to a constant; equal peaks keep exp() of both in range longest.
    shift = (log_v.max() - log_u.max()) / 2
    return Entropic(result, log_u + shift, log_v - shift)


def _start(
    pair: Any, epsilon: float, log_a: np.ndarray, log_b: np.ndarray
) -> Dict[str, np.ndarray]:
    try:
        log_u, log_v = pair
    except (TypeError, ValueError):
        raise error(
            _abi.E_SHAPE, "warmstart must be a pair of vectors, the logarithms of u and v"
        ) from None
    start = {}
    for name, log_scaling, log_weight in (
        ("potential_source", log_u, log_a), ("potential_target", log_v, log_b)
    ):
        values = as_vector(log_scaling, "warmstart").astype(np.float64)
        if values.shape != log_weight.shape:
            raise error(
                _abi.E_SHAPE,
                f"warmstart has the lengths {np.shape(log_u)} and {np.shape(log_v)}; "
                f"{log_a.shape} and {log_b.shape} are needed",
            )
        massive = np.isfinite(log_weight)
        start[name] = np.where(massive, epsilon * (values - np.where(massive, log_weight, 0)), 0)
    return start


class _Printer:
    """Prints the course of a solve, every tenth line of it or so."""

    def __init__(self) -> None:
        self._lines = 0
        self._next = 0

    def __call__(self, now: Progress) -> bool:
        if not now.is_heartbeat and now.iteration >= self._next:
            if self._lines % 20 == 0:
                print(f"{'It.':>6} {'Err':>13} {'Seconds':>9}")
            print(f"{now.iteration:6d} {now.residual:13.6e} {now.seconds:9.3f}")
            self._lines += 1
            self._next = now.iteration + 10
        return False
