"""Programs with second-order, psd and exponential cones. Answers carry x as `f` and the
multipliers of all rows as `g`.

All stop by residuals of their own; thresholds are moved until the answer meets the tolerance of
the case (tuning.py).
"""

import numpy as np

from problems.answer import Answer
from problems.conic import rows_of

from . import contestant


@contestant("Clarabel (conic)", needs="clarabel scipy", tune="residual")
def clarabel_solve(task):
    import clarabel
    from scipy import sparse

    program = task.program
    P = sparse.triu(program.P, format="csc")
    cones = []
    for kind, size in program.cones:
        if kind == "exponential":
            cones += [clarabel.ExponentialConeT()] * size
        else:
            cones.append({"zero": clarabel.ZeroConeT, "nonnegative": clarabel.NonnegativeConeT,
                          "second_order": clarabel.SecondOrderConeT,
                          "psd": clarabel.PSDTriangleConeT}[kind](size))

    def solve():
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads = False, task.threads
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = task.stop
        return clarabel.DefaultSolver(
            P, program.q, program.A, program.b, cones, settings).solve()

    return solve, lambda raw: Answer(
        f=np.asarray(raw.x), g=np.asarray(raw.z), iterations=raw.iterations)


@contestant("SCS (conic)", needs="scs scipy", tune="residual")
def scs_solve(task):
    import scs
    from scipy import sparse

    program, cone, order, row = task.program, {}, [], 0
    names = {"zero": "z", "nonnegative": "l", "second_order": "q", "psd": "s",
             "exponential": "ep"}
    for kind, size in program.cones:
        if kind == "psd":  # the lower triangle by columns
            i, j = np.triu_indices(size)
            order += list(row + j * (j + 1) // 2 + i)
        else:
            order += range(row, row + rows_of((kind, size)))
        row += rows_of((kind, size))
        if kind in ("psd", "second_order"):
            cone.setdefault(names[kind], []).append(size)
        else:
            cone[names[kind]] = size
    order = np.array(order)
    data = {"P": sparse.triu(program.P, format="csc"), "A": program.A.tocsr()[order].tocsc(),
            "b": program.b[order], "c": program.q}

    def solve():
        return scs.SCS(data, cone, eps_abs=task.stop, eps_rel=task.stop, verbose=False,
                       max_iters=1_000_000, time_limit_secs=60).solve()

    def answer(raw):
        z = np.empty(len(order))
        z[order] = raw["y"]
        return Answer(f=raw["x"], g=z, iterations=raw["info"]["iter"])

    return solve, answer


@contestant("Kantor interior_point (conic)", needs="kantor")
def kantor_solve(task):
    from kantor import cone
    from scipy import sparse

    program = task.program
    P = sparse.triu(program.P, format="csc") if program.P.nnz else None

    def solve():
        return cone.solve(P, program.q, program.A, program.b, program.cones, "interior_point",
                          tolerance=task.tolerance, threads=task.threads)

    return solve, lambda raw: Answer(f=raw.x, g=raw.z, iterations=raw.result.iterations)
