"""Cone programs by first-order methods. Answers carry x as `f` and the multipliers as `g`.

SCS and OSQP stop by residuals of their own; their thresholds are moved until the answer meets the
tolerance of the case (tuning.py).
"""

import numpy as np

from problems.answer import Answer

from . import contestant

NO_LIMIT = 1_000_000


@contestant("SCS (cone form)", needs="scs scipy", tune="residual")
def scs_solve(task):
    import scs
    from scipy import sparse

    program = task.program
    data = {"P": sparse.triu(program.P, format="csc"), "A": program.A, "b": program.b,
            "c": program.q}
    cone = {"z": program.equations, "l": len(program.b) - program.equations}

    def solve():
        solver = scs.SCS(data, cone, eps_abs=task.stop, eps_rel=task.stop, verbose=False,
                         max_iters=NO_LIMIT)
        return solver.solve()

    def answer(raw):
        return Answer(f=raw["x"], g=raw["y"], iterations=raw["info"]["iter"])

    return solve, answer


@contestant("OSQP (cone form)", needs="osqp scipy", tune="residual")
def osqp_solve(task):
    import osqp
    from scipy import sparse

    program = task.program
    P, A = sparse.triu(program.P, format="csc"), program.A
    lower = np.where(np.arange(len(program.b)) < program.equations, program.b, -np.inf)

    def solve():
        solver = osqp.OSQP()
        solver.setup(P, program.q, A, lower, program.b, eps_abs=task.stop, eps_rel=task.stop,
                     verbose=False, max_iter=NO_LIMIT)
        return solver.solve()

    def answer(raw):
        return Answer(f=raw.x, g=raw.y, iterations=int(raw.info.iter))

    return solve, answer


def kantor_solve(**options):
    def prepare(task):
        import kantor
        from scipy import sparse

        program = task.program
        P = sparse.triu(program.P, format="csc")
        cones = f"zero {program.equations}, nonnegative {len(program.b) - program.equations}"

        def solve():
            # A problem is validated with its first solve: made here, as the others make theirs.
            problem = kantor.Problem("cone", P=P, q=program.q, A=program.A, b=program.b,
                                     cones=cones)
            return kantor.solve(problem, "first_order", tolerance=task.tolerance,
                                threads=task.threads, **options)

        def answer(raw):
            return Answer(f=raw.x, g=raw.z, iterations=raw.iterations)

        return solve, answer

    return prepare


contestant("Kantor first_order", needs="kantor")(kantor_solve())
contestant("Kantor first_order, halpern", needs="kantor")(kantor_solve(acceleration="halpern"))
contestant("Kantor first_order, primal_dual", needs="kantor")(
    kantor_solve(splitting="primal_dual"))
