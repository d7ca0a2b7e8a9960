"""Nonlinear programs. Answers carry a list of points as `f`."""

import ctypes
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from problems.answer import Answer
from places import STAGE

from . import contestant


def direct(function):
    """A CasADi function of NumPy arrays that reads and writes them in place, as CasADi's own
    solvers do: conversions would cost ten times the arithmetic. A matrix comes as its nonzeros by
    columns."""
    buffer, evaluate = function.buffer()
    out = np.zeros(function.nnz_out(0))
    buffer.set_res(0, memoryview(out))

    def call(*arguments):
        held = [np.atleast_1d(np.ascontiguousarray(a, dtype=float)) for a in arguments]
        for k, array in enumerate(held):
            buffer.set_arg(k, memoryview(array))
        evaluate()
        return out.copy()

    return call


class Functions:
    """NumPy callbacks from the expressions of a program: dense matrices, or values of patterns."""

    def __init__(self, program, dense):
        import casadi as ca

        p, s, y = program, ca.SX.sym("s"), ca.SX.sym("y", program.m)
        jacobian = ca.jacobian(p.g, p.x)
        hessian = ca.tril(ca.hessian(s * p.f + ca.dot(y, p.g), p.x)[0])
        value = direct(ca.Function("f", [p.x], [ca.densify(p.f)]))
        self.f = lambda x: float(value(x)[0])
        self.gradient = direct(ca.Function("g", [p.x], [ca.densify(ca.gradient(p.f, p.x))]))
        self.rows = direct(ca.Function("c", [p.x], [ca.densify(p.g)]))
        self.pattern, self.hessian_pattern = jacobian.sparsity(), hessian.sparsity()
        if dense:
            jacobian = ca.densify(jacobian)
            hessian = ca.densify(ca.hessian(s * p.f + ca.dot(y, p.g), p.x)[0])
        values = direct(ca.Function("j", [p.x], [jacobian]))
        second = direct(ca.Function("h", [p.x, s, y], [hessian]))
        self.jacobian = values
        self.hessian = second
        if dense:
            self.jacobian = lambda x: values(x).reshape((p.m, p.n), order="F")
            self.hessian = lambda x, sigma, y: second(x, sigma, y).reshape((p.n, p.n))


def casadi(plugin, options):
    def prepare(task):
        import casadi as ca

        solvers = [
            ca.nlpsol("s", plugin, {"x": p.x, "f": p.f, "g": p.g},
                      {"print_time": 0, "error_on_fail": False, **options})
            for p in task.program]

        def solve():
            return [
                solver(x0=p.start, lbx=p.lower, ubx=p.upper, lbg=p.row_lower, ubg=p.row_upper)["x"]
                for solver, p in zip(solvers, task.program)]

        return solve, lambda raw: Answer(
            f=raw, iterations=sum(s.stats()["iter_count"] for s in solvers))

    return prepare


contestant("IPOPT (CasADi)", needs="casadi")(casadi(
    "ipopt", {"ipopt.print_level": 0, "ipopt.sb": "yes", "ipopt.tol": 1e-8}))
contestant("CasADi sqpmethod", needs="casadi")(casadi(
    "sqpmethod", {"print_header": False, "print_iteration": False, "print_status": False,
                  "qpsol": "qrqp", "qpsol_options": {
                      "print_iter": False, "print_header": False, "error_on_fail": False}}))


class Callbacks:
    """A program in the form of cyipopt."""

    def __init__(self, program):
        made = Functions(program, False)
        self.objective, self.gradient, self.constraints = made.f, made.gradient, made.rows
        self.jacobian = made.jacobian
        self._pattern, self._hessian = made.pattern, made.hessian
        self._hessian_pattern = made.hessian_pattern

    def jacobianstructure(self):
        return tuple(np.array(part) for part in self._pattern.get_triplet())

    def hessianstructure(self):
        return tuple(np.array(part) for part in self._hessian_pattern.get_triplet())

    def hessian(self, x, multipliers, factor):
        return self._hessian(x, factor, multipliers)


@contestant("POUNCE", needs="casadi pounce")
def pounce(task):
    from pounce import Problem

    solvers = []
    for p in task.program:
        solver = Problem(
            n=p.n, m=p.m, problem_obj=Callbacks(p), lb=p.lower, ub=p.upper, cl=p.row_lower,
            cu=p.row_upper)
        solver.add_option("tol", 1e-8)
        solver.add_option("print_level", 0)
        solver.add_option("sb", "yes")
        solvers.append(solver)

    def solve():
        return [solver.solve(x0=p.start) for solver, p in zip(solvers, task.program)]

    return solve, lambda raw: Answer(
        f=[x for x, _ in raw], iterations=sum(info["iter_count"] for _, info in raw))


@contestant("NLopt SLSQP", needs="casadi nlopt")
def nlopt_slsqp(task):
    import nlopt

    made = [Functions(p, True) for p in task.program]

    def one(p, functions):
        last = [np.clip(p.start, p.lower, p.upper)]

        def value(x, gradient):
            last[0] = np.array(x)
            if gradient.size:
                gradient[:] = functions.gradient(x)
            return functions.f(x)

        equal = p.row_lower == p.row_upper
        up, down = ~equal & np.isfinite(p.row_upper), ~equal & np.isfinite(p.row_lower)

        def rows(sign, which, side):
            def fill(out, x, gradient):
                out[:] = sign * (functions.rows(x)[which] - side[which])
                if gradient.size:
                    gradient[:] = sign * functions.jacobian(x)[which]
            return fill

        solver = nlopt.opt(nlopt.LD_SLSQP, p.n)
        solver.set_min_objective(value)
        solver.set_lower_bounds(p.lower)
        solver.set_upper_bounds(p.upper)
        if equal.any():
            solver.add_equality_mconstraint(
                rows(1, equal, p.row_upper), np.full(equal.sum(), 1e-9))
        for sign, which, side in ((1, up, p.row_upper), (-1, down, p.row_lower)):
            if which.any():
                solver.add_inequality_mconstraint(
                    rows(sign, which, side), np.full(which.sum(), 1e-9))
        solver.set_ftol_rel(1e-11)
        solver.set_maxeval(2000)
        try:
            return solver.optimize(last[0])
        except (RuntimeError, ValueError, nlopt.RoundoffLimited):
            return last[0]

    return lambda: [one(p, f) for p, f in zip(task.program, made)], lambda raw: Answer(f=raw)


@contestant("SciPy SLSQP", needs="casadi scipy")
def scipy_slsqp(task):
    from scipy.optimize import Bounds, NonlinearConstraint, minimize

    made = [Functions(p, True) for p in task.program]

    def one(p, functions):
        constraint = NonlinearConstraint(
            functions.rows, p.row_lower, p.row_upper, jac=functions.jacobian)
        return minimize(
            functions.f, p.start, jac=functions.gradient, method="SLSQP",
            bounds=Bounds(p.lower, p.upper), constraints=[constraint] if p.m else [],
            options={"ftol": 1e-11, "maxiter": 1000}).x

    return lambda: [one(p, f) for p, f in zip(task.program, made)], lambda raw: Answer(f=raw)


def kantor(method, hessian):
    def prepare(task):
        import kantor
        from scipy import sparse

        problems = []
        for p in task.program:
            dense = p.n <= 40
            functions = Functions(p, dense)
            members = dict(value=functions.f, gradient=functions.gradient)
            fields = dict(start=p.start, lower=p.lower, upper=p.upper)
            sizes = {}
            if p.m:
                members["map"] = functions.rows
                fields |= dict(constraint_lower=p.row_lower, constraint_upper=p.row_upper)
            for name, pattern, shape in (("jacobian", functions.pattern, (p.m, p.n)),
                                         ("hessian", functions.hessian_pattern, (p.n, p.n))):
                if shape[0] == 0 or (name == "hessian" and not hessian):
                    continue
                members[name] = getattr(functions, name)
                if dense:
                    continue
                row, column = pattern.get_triplet()
                fields[name + "_pattern"] = sparse.coo_matrix(
                    (np.ones(len(row)), (row, column)), shape=shape)
                sizes[name + "_values"] = len(row)
            problems.append((
                kantor.Functions(p.n, p.m, **sizes, **members), fields))

        def solve():
            return [
                kantor.solve(kantor.Problem("nonlinear", functions=functions, **fields),
                             method, threads=task.threads)
                for functions, fields in problems]

        return solve, lambda raw: Answer(
            f=[r.x for r in raw], iterations=sum(r.iterations for r in raw))

    return prepare


for label, plain in (("nonlinear/interior_point", "interior_point"), ("sqp", "sqp"),
                     ("augmented_lagrangian", "augmented_lagrangian")):
    contestant(f"Kantor {label}", needs="kantor casadi")(kantor(plain, True))
    contestant(f"Kantor {label}, no Hessian", needs="kantor casadi")(kantor(plain, False))


def kantor_from_c(method, hessian):
    return lambda task: in_one_program(task, method, hessian)


def in_one_program(task, method, second):
    """The collection in one C program, functions and their derivatives generated as C. With more
    threads, as many callers solve parts of it at once."""
    import casadi as ca

    generator = ca.CodeGenerator("functions.c", {"casadi_int": "long long"})
    tables, items = [], []
    for k, p in enumerate(task.program):
        s, y = ca.SX.sym("s"), ca.SX.sym("y", p.m)
        hessian = ca.densify(ca.hessian(s * p.f + ca.dot(y, p.g), p.x)[0])
        parts = {"f": [p.f], "g": [ca.densify(ca.gradient(p.f, p.x))], "c": [p.g],
                 "j": [ca.densify(ca.jacobian(p.g, p.x).T)]}
        for name, out in parts.items():
            generator.add(ca.Function(f"p{k}_{name}", [p.x], out))
            tables.append(f"ONE(p{k}_{name})")
        generator.add(ca.Function(f"p{k}_h", [p.x, s, y], [hessian]))
        tables.append(f"THREE(p{k}_h)")
        vectors = (p.start, p.lower, p.upper, p.row_lower, p.row_upper)
        lists = ", ".join(f"(const double[]){{{numbers(v)}}}" for v in vectors)
        items.append(f"{{{p.n}, {p.m}, {lists}, w_p{k}_f, w_p{k}_g, w_p{k}_c, w_p{k}_j, w_p{k}_h}}")
    folder = Path(tempfile.mkdtemp())
    generator.generate(f"{folder}/")
    (folder / "table.h").write_text("\n".join(tables) + "\nstatic const struct item items[] = {\n"
                                    + ",\n".join(items) + "};\n")
    source = Path(__file__).resolve().parents[1] / "native" / "collection.c"
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", folder / "solve.so", source,
         folder / "functions.c", f"-I{folder}", f"-I{STAGE / 'include'}", f"-L{STAGE / 'lib'}",
         "-lkantor", "-lm", f"-Wl,-rpath,{STAGE / 'lib'}"], check=True)
    library = ctypes.CDLL(str(folder / "solve.so"))
    offsets = np.cumsum([0] + [p.n for p in task.program])
    points = np.zeros(offsets[-1])
    pointer = points.ctypes.data_as(ctypes.POINTER(ctypes.c_double))

    def answer(iterations):
        return Answer(f=[points[a:b] for a, b in zip(offsets, offsets[1:])], iterations=iterations)

    name, parts = method.encode(), task.threads

    def part(k):
        return library.solve_collection(name, int(second), k, parts, pointer)

    if parts == 1:
        return lambda: part(0), answer
    callers = ThreadPoolExecutor(parts)
    return lambda: sum(callers.map(part, range(parts))), answer


contestant("Kantor from C: nonlinear/interior_point", needs="kantor casadi")(
    kantor_from_c("interior_point", True))
contestant("Kantor from C: sqp", needs="kantor casadi")(kantor_from_c("sqp", True))
contestant("Kantor from C: sqp, no Hessian", needs="kantor casadi")(kantor_from_c("sqp", False))


def numbers(values):
    words = [repr(float(v)) for v in values] or ["0"]
    return ", ".join(w.replace("inf", "INFINITY") for w in words)
