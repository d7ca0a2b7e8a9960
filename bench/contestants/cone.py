"""Linear and quadratic programs. Answers carry x as `f` and the multipliers of all rows as `g`."""

import json
import subprocess

import numpy as np

from problems.answer import Answer
from places import QUADRATIC

from . import contestant

LIMIT = 1_000_000


def sides(task):
    """Which rows are equations, and which have a finite upper or lower side."""
    _P, _q, _A, l, u = task.program  # noqa: E741
    equal = l == u
    return equal, ~equal & np.isfinite(u), ~equal & np.isfinite(l)


def one_sided(task):
    """Rows as Ax = b and then Ax <= b, and the way back for the multipliers."""
    from scipy import sparse

    _P, _q, A, l, u = task.program  # noqa: E741
    equal, up, down = sides(task)
    A = A.tocsr()
    rows = sparse.vstack([A[equal], A[up], -A[down]]).tocsc()
    right = np.concatenate([u[equal], u[up], -l[down]])

    def multipliers(z):
        y = np.zeros(len(l))
        e, k = equal.sum(), equal.sum() + up.sum()
        y[equal] = z[:e]
        y[up] += z[e:k]
        y[down] -= z[k:]
        return y

    return rows, right, int(equal.sum()), multipliers


@contestant("PIQP", needs="piqp", tune="l1")
def piqp_sparse(task):
    import piqp

    P, q, A, l, u = task.program  # noqa: E741
    equal, _up, _down = sides(task)
    rows = A.tocsr()
    E, G = rows[equal].tocsc(), rows[~equal].tocsc()

    def solve():
        solver = piqp.SparseSolver()
        solver.settings.eps_abs = solver.settings.eps_rel = task.stop
        solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = task.stop
        solver.setup(P, q, E, l[equal], G, l[~equal], u[~equal], None, None)
        solver.solve()
        return solver

    def answer(solver):
        found = solver.result
        y = np.zeros(len(l))
        y[equal], y[~equal] = found.y, np.asarray(found.z_u) - np.asarray(found.z_l)
        return Answer(f=found.x, g=y, iterations=found.info.iter)

    return solve, answer


@contestant("Clarabel", needs="clarabel", tune="l1")
def clarabel_solve(task):
    import clarabel
    from scipy import sparse

    P, q, _A, _l, _u = task.program
    rows, right, equations, multipliers = one_sided(task)
    half = sparse.triu(P).tocsc()
    cones = [clarabel.ZeroConeT(equations)] if equations else []
    if len(right) > equations:
        cones.append(clarabel.NonnegativeConeT(len(right) - equations))

    def solve():
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads = False, task.threads
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = task.stop
        return clarabel.DefaultSolver(half, q, rows, right, cones, settings).solve()

    return solve, lambda raw: Answer(
        f=raw.x, g=multipliers(np.asarray(raw.z)), iterations=raw.iterations)


@contestant("OSQP", needs="osqp", tune="l1")
def osqp_solve(task):
    import osqp

    P, q, A, l, u = task.program  # noqa: E741

    def solve():
        solver = osqp.OSQP()
        solver.setup(P, q, A, l, u, eps_abs=task.stop, eps_rel=task.stop, max_iter=LIMIT,
                     verbose=False, polishing=True)
        return solver.solve()

    return solve, lambda raw: Answer(f=raw.x, g=raw.y, iterations=raw.info.iter)


@contestant("SCS", needs="scs", tune="l1")
def scs_solve(task):
    import scs
    from scipy import sparse

    P, q, _A, _l, _u = task.program
    rows, right, equations, multipliers = one_sided(task)
    data = {"P": sparse.triu(P).tocsc(), "A": rows, "b": right, "c": q}
    cone = {"z": equations, "l": len(right) - equations}

    def solve():
        return scs.SCS(data, cone, eps_abs=task.stop, eps_rel=task.stop, verbose=False,
                       max_iters=LIMIT).solve()

    return solve, lambda raw: Answer(
        f=raw["x"], g=multipliers(raw["y"]), iterations=raw["info"]["iter"])


@contestant("ProxQP", needs="proxsuite", tune="l1")
def proxqp(task):
    import proxsuite

    P, q, A, l, u = task.program  # noqa: E741
    equal, _up, _down = sides(task)
    rows = A.tocsr()
    E, G = rows[equal].tocsc(), rows[~equal].tocsc()
    low, high = np.maximum(l[~equal], -1e20), np.minimum(u[~equal], 1e20)

    def solve():
        solver = proxsuite.proxqp.sparse.QP(len(q), E.shape[0], G.shape[0])
        solver.settings.eps_abs, solver.settings.eps_rel = task.stop, 0.0
        solver.init(P, q, E, l[equal], G, low, high)
        solver.solve()
        return solver

    def answer(solver):
        y = np.zeros(len(l))
        y[equal], y[~equal] = solver.results.y, solver.results.z
        return Answer(f=solver.results.x, g=y, iterations=solver.results.info.iter)

    return solve, answer


@contestant("HiGHS", needs="highspy", tune="l1")
def highs(task):
    import highspy
    from scipy import sparse

    P, q, A, l, u = task.program  # noqa: E741
    half = sparse.tril(P).tocsc()

    def solve():
        model = highspy.Highs()
        model.setOptionValue("output_flag", False)
        model.setOptionValue("threads", task.threads)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(q), len(l)
        lp.col_cost_, lp.row_lower_, lp.row_upper_ = q, l, u
        lp.col_lower_, lp.col_upper_ = np.full(len(q), -np.inf), np.full(len(q), np.inf)
        lp.a_matrix_.start_, lp.a_matrix_.index_ = A.indptr, A.indices
        lp.a_matrix_.value_ = A.data
        model.passModel(lp)
        if half.nnz:
            hessian = highspy.HighsHessian()
            hessian.dim_, hessian.format_ = len(q), highspy.HessianFormat.kTriangular
            hessian.start_, hessian.index_, hessian.value_ = half.indptr, half.indices, half.data
            model.passHessian(hessian)
        model.run()
        return model

    def answer(model):
        found = model.getSolution()
        return Answer(f=np.array(found.col_value), g=-np.array(found.row_dual))

    return solve, answer


@contestant("DAQP", needs="daqp")
def daqp_solve(task):
    import daqp

    P, q, A, l, u = task.program  # noqa: E741
    P, A = P.toarray(), A.toarray()
    sense = np.where(l == u, 5, 0).astype(np.intc)
    return lambda: daqp.solve(P, q, A, u, l, sense), lambda raw: Answer(
        f=raw[0], g=raw[3]["lam"], iterations=raw[3]["iterations"])


@contestant("quadprog", needs="quadprog")
def quadprog_solve(task):
    import quadprog

    P, q, _A, _l, _u = task.program
    rows, right, equations, multipliers = one_sided(task)
    P, C, b, minus = P.toarray(), -rows.toarray().T, -right, -q
    return lambda: quadprog.solve_qp(P, minus, C, b, equations), lambda raw: Answer(
        f=raw[0], g=multipliers(raw[4]), iterations=int(raw[3][0]))


def kantor(method):
    def prepare(task):
        import kantor.qp

        P, q, A, l, u = task.program  # noqa: E741

        def solve():
            return kantor.qp.solve_two_sided(
                P, q, A, l, u, solver=method, full=True, tolerance=task.tolerance,
                threads=task.threads)

        return solve, lambda raw: Answer(f=raw.x, g=raw.y, iterations=raw.result.iterations)

    return prepare


contestant("Kantor interior_point", needs="kantor")(kantor("interior_point"))
contestant("Kantor active_set", needs="kantor")(kantor("active_set"))


@contestant("Kantor qp.solve_two_sided", needs="kantor")
def kantor_dense(task):
    import kantor.qp

    P, q, A, l, u = task.program  # noqa: E741
    P, A = P.toarray(), A.toarray()
    return lambda: kantor.qp.solve_two_sided(P, q, A, l, u, full=True), lambda raw: Answer(
        f=raw.x, g=raw.y)


@contestant("Kantor DenseProgram", needs="kantor")
def kantor_program(task):
    import kantor.qp

    P, q, A, l, u = task.program  # noqa: E741
    program = kantor.qp.DenseProgram(P.toarray(), q, A.toarray(), l, u)

    def solve():
        program.active[:] = 0
        program.solve()
        return program

    return solve, lambda raw: Answer(f=raw.x, g=raw.y[:len(l)], iterations=raw.iterations)


@contestant("Kantor DenseProgram, again", needs="kantor")
def kantor_again(task):
    import kantor.qp

    P, q, A, l, u = task.program  # noqa: E741
    program = kantor.qp.DenseProgram(P.toarray(), q, A.toarray(), l, u)

    def solve():
        program.solve()
        return program

    return solve, lambda raw: Answer(f=raw.x, g=raw.y[:len(l)], iterations=raw.iterations)


def kantor_from_c(mode):
    """Lets the C program time itself on the same data."""
    def prepare(task):
        P, q, A, l, u = task.program  # noqa: E741
        numbers = np.concatenate([P.toarray().ravel(), q, A.toarray().ravel(), l, u])
        text = "\n".join(float(value).hex() for value in numbers)
        command = [QUADRATIC, mode, str(len(q)), str(len(l))]

        def solve():
            done = subprocess.run(command, input=text, capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(done.stderr.strip() or f"ended with code {done.returncode}")
            return json.loads(done.stdout)

        return solve, lambda raw: Answer(
            f=np.array(raw["x"]), g=np.array(raw["y"])[:len(l)], iterations=raw["iterations"],
            seconds=raw["seconds"])

    return prepare


contestant("Kantor from C: kantor_qp_dense", is_program=True)(kantor_from_c("cold"))
contestant("Kantor from C: kantor_qp_dense, again", is_program=True)(kantor_from_c("again"))
