"""Exact transport: plans or matchings of a cost matrix or of points."""

import numpy as np

from problems.answer import Answer

from . import contestant

NO_LIMIT = 1_000_000_000


@contestant("POT emd", needs="ot")
def pot_emd(task):
    import ot

    def solve():
        return ot.emd(task.a, task.b, task.cost, numItermax=NO_LIMIT, log=True,
                      numThreads=task.threads)

    def answer(raw):
        plan, log = raw
        return Answer(plan=plan, f=log["u"], g=log["v"])

    return solve, answer


@contestant("POT lazy emd (points)", needs="ot")
def pot_emd_lazy(task):
    import ot

    def solve():
        return ot.solve_sample(task.x, task.y, task.a, task.b, lazy=True, max_iter=NO_LIMIT,
                               n_threads=task.threads)

    def answer(raw):
        plan = raw.sparse_plan.tocoo()
        f, g = raw.potentials
        return Answer(entries=(plan.row, plan.col, plan.data), f=f, g=g)

    return solve, answer


@contestant("SciPy assignment", needs="scipy")
def scipy_assignment(task):
    from scipy.optimize import linear_sum_assignment

    def solve():
        return linear_sum_assignment(task.cost)

    return solve, matching(task)


@contestant("lapx lapjvx", needs="lap")
def lapx_lapjvx(task):
    import lap

    def solve():
        return lap.lapjvx(task.cost, return_cost=False)

    return solve, matching(task)


@contestant("lapx lapjvs", needs="lap")
def lapx_lapjvs(task):
    import lap

    def solve():
        return lap.lapjvs(task.cost, return_cost=False, prefer_float32=False)

    return solve, matching(task)


@contestant("lapx lapjvs f32", needs="lap")
def lapx_lapjvs_single(task):
    import lap

    def solve():
        return lap.lapjvs(task.cost, return_cost=False)

    return solve, matching(task)


@contestant("Kantor ot.emd", needs="kantor")
def kantor_emd(task):
    import kantor.ot

    def solve():
        return kantor.ot.emd(task.a, task.b, task.cost, log=True, numThreads=task.threads)

    def answer(raw):
        plan, log = raw
        return Answer(plan=plan, f=log["u"], g=log["v"])

    return solve, answer


@contestant("Kantor solve", needs="kantor")
def kantor_cost(task):
    import kantor

    def solve():
        problem = kantor.Problem("transport", copy=False, cost=task.cost, a=task.a, b=task.b)
        return kantor.solve(problem, threads=task.threads)

    return solve, kantor_answer


@contestant("Kantor solve (points)", needs="kantor")
def kantor_points(task):
    import kantor

    def solve():
        problem = kantor.Problem("transport", copy=False, points=(task.x, task.y),
                                 metric="sqeuclidean", a=task.a, b=task.b)
        return kantor.solve(problem, threads=task.threads)

    return solve, kantor_answer


@contestant("Kantor network_simplex", needs="kantor")
def kantor_simplex(task):
    import kantor

    def solve():
        problem = kantor.Problem("transport", copy=False, cost=task.cost, a=task.a, b=task.b)
        return kantor.solve(problem, "network_simplex", threads=task.threads)

    return solve, kantor_answer


@contestant("Kantor assignment", needs="kantor")
def kantor_assignment(task):
    import kantor

    def solve():
        problem = kantor.Problem("transport", copy=False, cost=task.cost, a=task.a, b=task.b)
        return kantor.solve(problem, "assignment", threads=task.threads)

    return solve, kantor_answer


def matching(task):
    """Turns index arrays of a perfect matching into a plan."""

    def answer(raw):
        rows, columns = raw[-2], raw[-1]
        return Answer(entries=(rows, columns, np.full(len(rows), 1.0 / len(task.a))))

    return answer


def kantor_answer(result):
    return Answer(
        entries=(result.plan_row, result.plan_column, result.plan_value),
        f=result.potential_source, g=result.potential_target,
        note="" if result.status == "solved" else f"status {result.status}",
    )
