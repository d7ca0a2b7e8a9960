"""Quadratically regularised transport, also with at most `max_nz` entries in a column.

Answers carry the plan and the potentials of the sources, from which a lower bound follows.
"""

import numpy as np

from problems.answer import Answer

from . import contestant

NO_LIMIT = 1_000_000


def pot_smooth(name):
    """POT's L-BFGS-B on the dual or the semi-dual."""

    def prepare(task):
        import ot.smooth

        run = getattr(ot.smooth, name)
        max_nz = task.extra.get("max_nz")
        kind = {"reg_type": "sparsity_constrained", "max_nz": max_nz} if max_nz else {}
        run(np.ones(2) / 2, np.ones(2) / 2, np.eye(2), 1.0)

        def solve():
            return run(task.a, task.b, task.cost, task.epsilon, stopThr=task.stop,
                       numItermax=NO_LIMIT, log=True, **kind)

        def answer(raw):
            plan, log = raw
            return Answer(plan=plan, f=log["alpha"], iterations=int(log["res"].nit))

        return solve, answer

    return prepare


contestant("POT smooth_ot_dual", needs="ot", tune="value")(pot_smooth("smooth_ot_dual"))
contestant("POT smooth_ot_semi_dual", needs="ot", tune="value")(
    pot_smooth("smooth_ot_semi_dual"))


@contestant("regot semismooth Newton", needs="regot", tune="l2")
def regot_newton(task):
    import regot

    cost = np.asfortranarray(task.cost)

    def solve():
        return regot.qrot_grssn(cost, task.a, task.b, task.epsilon, tol=task.stop,
                                max_iter=NO_LIMIT)

    def answer(raw):
        return Answer(plan=raw.plan, f=np.asarray(raw.dual)[:len(task.a)].ravel(),
                      iterations=int(raw.niter))

    return solve, answer


def kantor_solve(**options):
    def prepare(task):
        import kantor

        method, more = "quadratic", options
        if "max_nz" in task.extra:
            method, more = "sparsity_constrained", {"cardinality": task.extra["max_nz"]}
        problem = kantor.Problem("transport", copy=False, cost=task.cost, a=task.a, b=task.b)

        def solve():
            return kantor.solve(problem, method, gamma=task.epsilon, tolerance=task.tolerance,
                                threads=task.threads, **more)

        def answer(raw):
            return Answer(
                entries=(raw.plan_row, raw.plan_column, raw.plan_value), f=raw.potential_source,
                iterations=raw.iterations,
                note=f"{int(raw.exceeding_lines)} columns above max_nz, at most "
                f"{int(raw.most_entries)}" if "max_nz" in task.extra else "")

        return solve, answer

    return prepare


contestant("Kantor solve quadratic", needs="kantor")(kantor_solve())
contestant("Kantor solve quadratic, lbfgs", needs="kantor")(kantor_solve(solver="lbfgs"))
contestant("Kantor solve sparsity_constrained", needs="kantor")(kantor_solve())
