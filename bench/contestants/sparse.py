"""Entropic transport at small epsilon to the last digits: sparse Newton methods and rivals."""

import numpy as np

from problems.answer import Answer

from . import contestant
from .sinkhorn import potentials

STEPS = 1000


def regot_solver(name):
    """A solver of the package regot, which holds the last potential of the targets at 0."""

    def prepare(task):
        import regot

        cost = np.asfortranarray(task.cost)
        call = getattr(regot, name)

        def solve():
            return call(cost, task.a, task.b, task.epsilon, tol=task.stop, max_iter=STEPS)

        def answer(raw):
            dual = np.append(np.ravel(raw.dual), 0.0) / task.epsilon
            n = len(task.a)
            return Answer(plan=raw.plan, phi=dual[:n], gamma=dual[n:], iterations=raw.niter)

        return solve, answer

    return prepare


contestant("regot SSNS", needs="regot", tune="l2")(regot_solver("sinkhorn_ssns"))
contestant("regot SPLR", needs="regot", tune="l2")(regot_solver("sinkhorn_splr"))


def kantor_sparse(method, **options):
    def prepare(task):
        import kantor

        def solve():
            problem = kantor.Problem("transport", copy=False, a=task.a, b=task.b, cost=task.cost)
            return kantor.solve(problem, method, epsilon=task.epsilon, tolerance=task.tolerance / 2,
                                threads=task.threads, **options)

        return solve, lambda result: potentials(task, result)

    return prepare


PLAIN = dict(engine="log", overrelaxation=1.0, epsilon_scaling=False, precision="double",
             max_iterations=10**9)

contestant("Kantor sinkhorn_newton_sparse", needs="kantor")(
    kantor_sparse("sinkhorn_newton_sparse"))
contestant("Kantor sinkhorn_newton_sparse, as published", needs="kantor")(
    lambda task: kantor_sparse(
        "sinkhorn_newton_sparse", epsilon_scaling=False, sparsity=min(1.0, 15 / len(task.a)),
        sweeps=20)(task))
contestant("Kantor greenkhorn", needs="kantor")(kantor_sparse("greenkhorn"))
contestant("Kantor plain sweeps", needs="kantor")(kantor_sparse("sinkhorn", **PLAIN))
