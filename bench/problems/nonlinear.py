"""Nonlinear programs of the benchmark as CasADi expressions, and how answers are judged.

A problem has expressions `x`, `f`, `g`, vectors `start`, `lower`, `upper`, `row_lower`,
`row_upper`, and `optima`, its known local values. What a contestant calls is made from the same
expressions.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from problems.text import FUNCTIONS, load

NEAR = 1e-6  # relative distance from a known optimum, and violation, that count as solved


@dataclass
class Program:
    name: str
    x: object
    f: object
    g: object
    start: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    row_lower: np.ndarray
    row_upper: np.ndarray
    optima: list = field(default_factory=list)

    @property
    def n(self):
        return self.x.shape[0]

    @property
    def m(self):
        return self.g.shape[0]


def collection(task, _n, _rng):
    """The Hock-Schittkowski problems of Tests/collections that have multipliers."""
    import casadi as ca

    library = SimpleNamespace(**{name: getattr(ca, name) for name in FUNCTIONS})
    task.program = []
    for name, text in load().items():
        if not name.startswith("HS") or name == "HS13":
            continue
        x = ca.SX.sym("x", text.size)
        f, c = text.evaluate([x[i] for i in range(text.size)], library)
        task.program.append(Program(
            name, x, ca.SX(f), ca.densify(ca.vertcat(*c)) if c else ca.SX(0, 1), text.start,
            text.lower, text.upper, np.array(text.row_lower), np.array(text.row_upper),
            text.optima))


def chain(task, n, _rng):
    """Chained Rosenbrock function with trigonometric-exponential equations."""
    import casadi as ca

    x = ca.SX.sym("x", n)
    a, b, d = x[:-2], x[1:-1], x[2:]
    f = ca.sumsqr(x[:-1] - 1) + 100 * ca.sumsqr(x[:-1]**2 - x[1:])
    g = 3 * b**3 + 2 * d - 5 + ca.sin(b - d) * ca.sin(b + d) + 4 * b - a * ca.exp(a - b) - 3
    free, zero = np.full(n, np.inf), np.zeros(n - 2)
    start = np.where(np.arange(n) % 2 == 0, -1.2, 1.0)
    task.program = [Program("chain", x, f, g, start, -free, free, zero, zero, [6.2324586324])]


def control(task, n, _rng):
    """Control of a particle with cubic friction, n steps, bounded force."""
    import casadi as ca

    x = ca.SX.sym("x", 3 * n)
    p, v, u = x[:n], x[n:2 * n], x[2 * n:]
    h = 10 / n
    f = h * (ca.sumsqr(u) + ca.sumsqr(p - 1))
    g = ca.vertcat(p[0], v[0], p[1:] - p[:-1] - h * v[:-1],
                   v[1:] - v[:-1] - h * (u[:-1] - v[:-1]**3))
    high = np.r_[np.full(2 * n, np.inf), np.ones(n)]
    zero = np.zeros(2 * n)
    task.program = [Program("control", x, f, g, np.zeros(3 * n), -high, high, zero, zero)]


def boundary(task, n, _rng):
    """Control of the Poisson equation on an n x n grid, with bounds of the control."""
    import casadi as ca
    from scipy import sparse

    k, count = np.arange(n * n), n * n
    x = ca.SX.sym("x", 2 * count)
    c, half = 0.1 / np.sqrt(15), (n + 1) / 2
    wanted = (np.sin(4 + c * (k % n + 1 - half)) + np.cos(3 + c * (k // n + 1 - half)))
    T = sparse.diags([np.ones(n - 1), -2 * np.ones(n), np.ones(n - 1)], [-1, 0, 1])
    L = (sparse.kron(sparse.eye(n), T) + sparse.kron(T, sparse.eye(n))).tocsc() * (n + 1)**2 / 4
    f = 0.5 * ca.sumsqr(x[:count] - wanted) + 0.05 * ca.sumsqr(x[count:])
    g = ca.mtimes(ca.DM(L), x[:count]) + x[count:]
    high = np.r_[np.full(count, np.inf), np.full(count, 5.0)]
    zero = np.zeros(count)
    known = {32: [1177.82129923], 64: [4067.77371213], 100: [7534.78055469]}.get(n, [])
    task.program = [
        Program("poisson", x, f, g, np.zeros(2 * count), -high, high, zero, zero, known)]


def obstacle(task, n, _rng):
    """Least surface over an n x n grid, zero at the edge, above a lens."""
    import casadi as ca

    inside = ca.SX.sym("x", n, n)
    wide = ca.SX(n + 2, n + 2)
    wide[1:-1, 1:-1] = inside
    h = 1 / (n + 1)
    right, up = (wide[1:, :-1] - wide[:-1, :-1]) / h, (wide[:-1, 1:] - wide[:-1, :-1]) / h
    f = h * h * ca.sum1(ca.sum2(ca.sqrt(1 + right**2 + up**2)))
    t = np.linspace(h, 1 - h, n) - 0.5
    lens = np.sqrt(np.maximum(1 - 4 * np.add.outer(t**2, t**2), 0)).ravel() - 0.3
    count = n * n
    task.program = [
        Program("obstacle", ca.vec(inside), f, ca.SX(0, 1), np.maximum(lens, 0),
                np.where(lens > 0, lens, -np.inf), np.full(count, np.inf), np.zeros(0),
                np.zeros(0))]


def edge(task, n, _rng):
    """Control of the Laplace equation by its nonlinear flow through the edge of an n x n grid, with
    bounds of control and state, after H. Maurer and H. D. Mittelmann."""
    import casadi as ca

    state, flow = ca.SX.sym("y", n + 2, n + 2), ca.SX.sym("u", n, 4)
    h = 1 / (n + 1)
    t = np.linspace(0, 1, n + 2)
    wanted = 2 - 2 * np.add.outer(t * (t - 1), t * (t - 1))
    apart = state[1:-1, 1:-1] - wanted[1:-1, 1:-1]
    f = 0.5 * h * h * ca.sumsqr(apart) + 0.005 * h * ca.sumsqr(flow)
    middle = (4 * state[1:-1, 1:-1] - state[:-2, 1:-1] - state[2:, 1:-1] - state[1:-1, :-2]
              - state[1:-1, 2:])
    rows = [ca.vec(middle)]
    sides = ((state[0, 1:-1].T, state[1, 1:-1].T), (state[-1, 1:-1].T, state[-2, 1:-1].T),
             (state[1:-1, 0], state[1:-1, 1]), (state[1:-1, -1], state[1:-1, -2]))
    for k, (outer, inner) in enumerate(sides):
        rows.append(outer - inner - h * (flow[:, k] - outer**2))
    corners = (0, n + 1, (n + 1) * (n + 2), (n + 2)**2 - 1)
    lower = np.r_[np.full((n + 2)**2, -np.inf), np.full(4 * n, 3.7)]
    upper = np.r_[np.full((n + 2)**2, 2.071), np.full(4 * n, 4.5)]
    lower[list(corners)] = upper[list(corners)] = 0  # no equation knows them
    zero = np.zeros(n * n + 4 * n)
    task.program = [
        Program("edge", ca.vertcat(ca.vec(state), ca.vec(flow)), f, ca.vertcat(*rows),
                np.r_[np.full((n + 2)**2, 2.0), np.full(4 * n, 4.0)], lower, upper, zero, zero)]


def examine(task, answer):
    """The share of problems that were not solved; for one without known optimum, its violation."""
    import casadi as ca

    missed = []
    worst = 0.0
    for program, x in zip(task.program, answer.f):
        x = np.asarray(x, dtype=float).ravel()
        values = ca.Function("v", [program.x], [program.f, program.g])(x)
        f, g = float(values[0]), np.array(values[1]).ravel()
        out = max(0.0, *(np.concatenate([
            program.lower - x, x - program.upper, program.row_lower - g, g - program.row_upper])))
        size = max(1.0, np.abs(g).max(initial=0))
        near = not program.optima or any(
            abs(f - best) <= NEAR * max(1, abs(best)) for best in program.optima)
        if not near or not out <= NEAR * size:
            missed.append(program.name)
        worst = max(worst, out / size)
    note = "not solved: " + " ".join(missed) if missed else ""
    return {"error": len(missed) / len(task.program), "note": note, "violation": worst}


GENERATORS = {"nlp_collection": collection, "nlp_chain": chain, "nlp_control": control,
              "nlp_poisson": boundary, "nlp_obstacle": obstacle, "nlp_edge": edge}

CHECKS = {"nonlinear": examine}
