"""What the functions of ``batch`` share: reading arrays with a batch axis, and their result."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_numbers
from .._errors import error
from .._result import Result
from ._outcome import OTResult


class BatchResult:
    """Results of a batch, with the names of POT's result.

    Parameters
    ----------
    outcomes : list of OTResult
        One per problem.

    Attributes
    ----------
    value, value_linear : numpy.ndarray, shape (B,)
        Objectives, and costs of the plans.
    value_quad : numpy.ndarray of shape (B,), or None
        Terms of the structures, of problems that have them.
    plan : numpy.ndarray, shape (B, n, m)
        The plans, made at the first access.
    potentials : pair of numpy.ndarray, shapes (B, n) and (B, m)
        As those of `kantor.ot.solve`; None if a problem has none.
    status : list of str
        ``"Converged"``, else Kantor's status.
    results : list of kantor.Result
        Kantor's own results: certificates, derivative products.
    """

    def __init__(self, outcomes: List[OTResult]) -> None:
        self._outcomes = outcomes
        self._plan: Optional[np.ndarray] = None
        self.value = np.array([outcome.value for outcome in outcomes])
        self.value_linear = np.array([outcome.value_linear for outcome in outcomes])
        quadratic = [outcome.value_quad for outcome in outcomes]
        self.value_quad = None if None in quadratic else np.array(quadratic)
        self.status = [outcome.status for outcome in outcomes]
        self.results: List[Optional[Result]] = [outcome.result for outcome in outcomes]

    @property
    def plan(self) -> np.ndarray:
        """The plans, dense."""
        if not self._outcomes:
            return np.zeros((0, 0, 0))
        if self._plan is None:
            self._plan = np.stack([outcome.plan for outcome in self._outcomes])
        return self._plan

    @property
    def potentials(self) -> Optional[Tuple[np.ndarray, np.ndarray]]:
        """Potentials of sources and targets."""
        pairs = [outcome.potentials for outcome in self._outcomes]
        if not pairs or any(pair is None for pair in pairs):
            return None
        return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])

    def __len__(self) -> int:
        return len(self._outcomes)

    def __getitem__(self, index: int) -> OTResult:
        return self._outcomes[index]

    def __repr__(self) -> str:
        return f"<kantor.ot.batch.BatchResult of {len(self)} problems>"


def read_members(value: Any, name: str) -> np.ndarray:
    """Read an array of rank 3.

    Parameters
    ----------
    value : array_like
        Shape (batch, rows, columns).
    name : str
        What it is called in error messages.

    Returns
    -------
    numpy.ndarray
        The array.
    """
    array = as_numbers(value, name)
    if array.ndim != 3:
        raise error(
            _abi.E_SHAPE, f"{name} has the shape {array.shape}; (batch, rows, columns) is needed"
        )
    return array


def same_count(first: np.ndarray, second: np.ndarray, name: str, other: str) -> None:
    """Refuse two batches of different lengths.

    Parameters
    ----------
    first, second : numpy.ndarray
        The batches.
    name, other : str
        What they are called in error messages.
    """
    if len(first) != len(second):
        raise error(
            _abi.E_SHAPE, f"{name} has {len(first)} members, {other} {len(second)}; one number of "
            "members is needed"
        )


def read_member_weights(value: Any, count: int, size: int, name: str) -> Callable[[int], Any]:
    """Read weights of each member, or one vector for all.

    Parameters
    ----------
    value : array_like or None
        Shape (count, size) or (size,).
    count, size : int
        Numbers of members, and of points of each.
    name : str
        What they are called in error messages.

    Returns
    -------
    callable
        Gives the weights of a member by its number; None for uniform ones.
    """
    if value is None:
        return lambda k: None
    array = as_numbers(value, name)
    if array.shape == (size,):
        return lambda k: array
    if array.shape != (count, size):
        raise error(
            _abi.E_SHAPE,
            f"{name} has the shape {array.shape}; ({count}, {size}) or ({size},) is needed",
        )
    return lambda k: array[k]
