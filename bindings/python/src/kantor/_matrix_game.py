"""Zero-sum games of two players, given by a matrix."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from ._problem import Problem
from ._result import Result
from ._solve import solve


def matrix(payoff: Any, method: Optional[str] = None, **options: Any) -> Result:
    """Solve a zero-sum game: its value and a strategy of each player.

    The player of the rows chooses row i with probability p_i and gains A_ij from the player of the
    columns, who chooses j with probability q_j.

    Parameters
    ----------
    payoff : array_like or sparse matrix of shape (n, m)
        A.
    method : str, optional
        ``"linear_program"`` (default) or, for large and sparse games,
        ``"primal_dual_hybrid_gradient"`` (default beyond a million entries).
    **options : float, int, bool or str
        Options of the method, such as ``tolerance``.

    Returns
    -------
    Result
        ``objective``, the value; ``row_strategy`` p (n,); ``column_strategy`` q (m,); the proof:
        the value is no less than ``lower`` = min p'A and no more than ``upper`` = max Aq.

    Raises
    ------
    KantorError
        Not a matrix, no moves, or numbers that are not finite.

    Notes
    -----
    ``status`` is ``"solved"`` when upper - lower is at most the tolerance times the range of the
    payoffs.

    References
    ----------
    .. [1] D. Gale, H. W. Kuhn, A. W. Tucker, "Linear programming and the theory of games" (1951).

    Examples
    --------
    >>> import kantor
    >>> game = kantor.game.matrix([[3.0, -2.0], [-1.0, 2.0]])
    >>> round(game.objective, 6), game.row_strategy.round(6), game.column_strategy.round(6)
    (0.5, array([0.375, 0.625]), array([0.5, 0.5]))
    """
    problem = Problem("matrix_game", payoff=payoff)
    if method is None and options:
        # Options belong to a method: the one that the library would take.
        size = getattr(payoff, "nnz", None)
        size = np.count_nonzero(payoff) if size is None else size
        method = "linear_program" if size <= 1_000_000 else "primal_dual_hybrid_gradient"
    if method is not None and "/" not in method:
        method = "matrix_game/" + method
    return solve(problem, method, **options)
