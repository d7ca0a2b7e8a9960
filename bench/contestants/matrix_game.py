"""Zero-sum games: strategies that prove the value."""

import numpy as np

from problems.answer import Answer

from . import contestant


def payoff_of(task):
    return task.cost if task.cost is not None else task.program


def linear_program(task, method):
    from scipy import sparse
    from scipy.optimize import linprog

    payoff = payoff_of(task)
    n, m = payoff.shape
    ones = sparse.csc_matrix(np.ones((n, 1)))
    rows = sparse.hstack([sparse.csc_matrix(payoff), -ones], format="csc")
    total = sparse.csc_matrix(np.r_[np.ones(m), 0.0][None])
    c, bounds = np.r_[np.zeros(m), 1.0], [(0, None)] * m + [(None, None)]

    def solve():
        return linprog(c, A_ub=rows, b_ub=np.zeros(n), A_eq=total, b_eq=[1.0], bounds=bounds,
                       method=method)

    def answer(raw):
        return Answer(f=-raw.ineqlin.marginals, g=raw.x[:m])

    return solve, answer


@contestant("SciPy linprog highs-ds")
def simplex(task):
    return linear_program(task, "highs-ds")


@contestant("SciPy linprog highs-ipm")
def interior(task):
    return linear_program(task, "highs-ipm")


@contestant("Nashpy linear program", needs="nashpy")
def nashpy(task):
    """Its own program for zero-sum games, solved by SciPy."""
    import nashpy

    payoff = payoff_of(task)

    def solve():
        return nashpy.Game(payoff).linear_program()

    return solve, lambda raw: Answer(f=raw[0], g=raw[1])


def kantor(task, method):
    import kantor.game

    payoff = payoff_of(task)

    def solve():
        return kantor.game.matrix(payoff, method, tolerance=task.tolerance)

    def answer(raw):
        return Answer(f=raw.row_strategy, g=raw.column_strategy, iterations=raw.iterations)

    return solve, answer


@contestant("Kantor linear_program", needs="kantor")
def kantor_program(task):
    return kantor(task, "linear_program")


@contestant("Kantor primal_dual_hybrid_gradient", needs="kantor")
def kantor_gradient(task):
    return kantor(task, "primal_dual_hybrid_gradient")
