"""Unbalanced problems with half the squared distance as regularisation: small cone programs."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np

from .._problem import Problem
from .._result import Result
from .._rows import Triplets
from .._solve import solve
from ._entropic import _Printer


def solve_squared(
    cost: np.ndarray, weights: Tuple[np.ndarray, np.ndarray], strengths: Tuple[float, float],
    reg: float, reference: np.ndarray, penalty: str, verbose: bool,
) -> Tuple[Result, np.ndarray, float]:
    r"""Solve for the plan of least cost, squared distance from a reference, and penalties.

    .. math:: \min_{P \ge 0} \langle P, M \rangle + reg / 2 \|P - c\|^2 + \rho_1 D(P 1 | a)
              + \rho_2 D(P^T 1 | b)

    Parameters
    ----------
    cost : numpy.ndarray, shape (n, m)
        Costs; infinity forbids a pair.
    weights : pair of numpy.ndarray
        Weights of sources and targets.
    strengths : pair of float
        Strengths of the penalties; infinity fixes a marginal.
    reg : float
        Strength of the regularisation, > 0.
    reference : numpy.ndarray, shape (n, m)
        What the plan is compared with.
    penalty : {"kl", "l2", "tv"}
        D.
    verbose : bool
        Print the course of the solve.

    Returns
    -------
    result : Result
        Of the cone program.
    plan : numpy.ndarray, shape (n, m)
        The plan.
    total : float
        The objective.
    """
    # Plans in units of the mean weight have entries of the size of 1.
    unit = float(weights[0].mean()) or float(weights[1].mean()) or 1.0
    places = np.nonzero(np.isfinite(cost))
    count = len(places[0])
    program = _Program(count)
    program.square[:count] = [reg * unit] * count
    program.linear[:count] = (cost - reg * reference)[places].tolist()
    constant = 0.5 * reg * float((reference**2).sum())
    for indices, masses, strength in zip(places, weights, strengths):
        constant += unit * program.add_side(indices, masses / unit, strength, penalty, unit)
    result = solve(program.problem(), progress=_Printer() if verbose else None)
    plan = np.zeros(cost.shape)
    plan[places] = unit * np.maximum(result.x[:count], 0)
    return result, plan, unit * result.objective + constant


class _Program:
    """The cone program, side by side: entries of the plan first, then slacks of the penalties."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.square: List[float] = [0.0] * count
        self.linear: List[float] = [0.0] * count
        self.bounded = list(range(count))
        # For equations and exponential cones: rows, columns, values, right-hand sides.
        self.blocks: Dict[str, List[List[Any]]] = {"zero": [], "exponential": []}
        self.sides: Dict[str, List[float]] = {"zero": [], "exponential": []}

    def add_side(
        self, indices: np.ndarray, masses: np.ndarray, strength: float, penalty: str, unit: float
    ) -> float:
        """Add the marginal of one side; gives the constant part of its penalty."""
        isfixed = strength == np.inf
        # A point without mass gets none under the divergence, whatever that costs.
        held = np.full(len(masses), isfixed) | ((penalty == "kl") & (masses == 0))
        if penalty == "kl" and not isfixed:
            self._add_divergence(indices, masses, strength, ~held)
        elif not isfixed:
            held[:] = True
        row = np.cumsum(held) - 1 + len(self.sides["zero"])
        kept = held[indices]
        self._put("zero", row[indices[kept]], np.flatnonzero(kept), 1.0)
        self.sides["zero"] += masses[held].tolist()
        if isfixed or penalty == "kl":
            return 0.0 if isfixed else strength * float(masses.sum())
        for sign in (1.0, -1.0)[:1 if penalty == "l2" else 2]:
            slack = self._slacks(
                len(masses), strength * unit if penalty == "l2" else 0.0,
                strength if penalty == "tv" else 0.0)
            self._put("zero", row, slack, -sign)
            if penalty == "tv":
                self.bounded += slack.tolist()
        return 0.0

    def _add_divergence(
        self, indices: np.ndarray, masses: np.ndarray, strength: float, counted: np.ndarray
    ) -> None:
        """t >= x log(x / w) for each x, a sum of the plan: (-t, x, w) in the exponential cone."""
        slack = self._slacks(int(counted.sum()), 0.0, strength)
        first = len(self.sides["exponential"])
        row = first + 3 * (np.cumsum(counted) - 1)
        self._put("exponential", first + 3 * np.arange(len(slack)), slack, 1.0)
        kept = np.flatnonzero(counted[indices])
        self._put("exponential", row[indices[kept]] + 1, kept, -1.0)
        right = np.zeros((len(slack), 3))
        right[:, 2] = masses[counted]
        self.sides["exponential"] += right.ravel().tolist()
        # strength (x log(x / w) - x + w): the part -x.
        for k in kept:
            self.linear[k] -= strength

    def _slacks(self, count: int, square: float, linear: float) -> np.ndarray:
        first = len(self.linear)
        self.square += [square] * count
        self.linear += [linear] * count
        return np.arange(first, first + count)

    def _put(self, block: str, rows: np.ndarray, columns: np.ndarray, value: float) -> None:
        self.blocks[block].append([rows, columns, np.full(len(rows), value)])

    def problem(self) -> Problem:
        """The problem, in the order equations, bounds, exponential cones."""
        bounded, size = np.array(self.bounded), len(self.linear)
        equations, cones = len(self.sides["zero"]), len(self.sides["exponential"])
        shifts = {"zero": 0, "exponential": equations + len(bounded)}
        parts = [
            [shifts[name] + rows, columns, values]
            for name, blocks in self.blocks.items() for rows, columns, values in blocks]
        parts.append(
            [equations + np.arange(len(bounded)), bounded, np.full(len(bounded), -1.0)])
        row, column, value = (np.concatenate(list(part)) for part in zip(*parts))
        b = np.concatenate(
            [self.sides["zero"], np.zeros(len(bounded)), self.sides["exponential"]])
        names = [f"zero {equations}"] if equations else []
        names.append(f"nonnegative {len(bounded)}")
        if cones:
            names.append(f"{cones // 3} * exponential")
        square = np.array(self.square)
        diagonal = np.flatnonzero(square)
        return Problem(
            "cone", P=Triplets((size, size), diagonal, diagonal, square[diagonal]),
            q=np.array(self.linear), A=Triplets((len(b), size), row, column, value), b=b,
            cones=", ".join(names))
