"""The general solvers, under the names of ``ot.solvers``."""

from __future__ import annotations

from ._solve_gromov import solve_gromov
from ._unified import solve, solve_sample

__all__ = ["solve", "solve_gromov", "solve_sample"]
