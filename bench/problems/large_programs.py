"""Large sparse programs for the first-order methods: min 1/2 x'Px + q'x, Ax + s = b.

The first `equations` rows of s are zero, the others nonnegative. Families as in the paper on OSQP
(Stellato and others, 2020), and linear programs with a known solution.
"""

from dataclasses import dataclass

import numpy as np


@dataclass
class Program:
    P: object
    q: np.ndarray
    A: object
    b: np.ndarray
    equations: int


def lasso(task, n, rng):
    """n coefficients, 10 n residuals."""
    from scipy import sparse

    m = 10 * n
    data = sparse.random(m, n, density=0.15, random_state=rng, data_rvs=rng.standard_normal)
    truth = (rng.random(n) > 0.5) * rng.standard_normal(n) / np.sqrt(n)
    measured = data @ truth + rng.standard_normal(m)
    weight = 0.2 * np.abs(data.T @ measured).max()
    eye, nothing = sparse.eye(n), sparse.csc_matrix((n, m))
    task.program = Program(
        P=sparse.block_diag([sparse.csc_matrix((n, n)), 2 * sparse.eye(m),
                             sparse.csc_matrix((n, n))], format="csc"),
        q=np.concatenate([np.zeros(n + m), np.full(n, weight)]),
        A=sparse.bmat([[data, -sparse.eye(m), None], [eye, nothing, -eye],
                       [-eye, nothing, -eye]], format="csc"),
        b=np.concatenate([measured, np.zeros(2 * n)]), equations=m)


def portfolio(task, n, rng):
    """n factors, 100 n assets."""
    from scipy import sparse

    assets = 100 * n
    loads = sparse.random(assets, n, density=0.5, random_state=rng, data_rvs=rng.standard_normal)
    risk = sparse.diags(rng.random(assets) * np.sqrt(n))
    task.program = Program(
        P=sparse.block_diag([2 * risk, 2 * sparse.eye(n)], format="csc"),
        q=np.concatenate([-rng.standard_normal(assets), np.zeros(n)]),
        A=sparse.bmat([[loads.T, -sparse.eye(n)], [np.ones((1, assets)), None],
                       [-sparse.eye(assets), None]], format="csc"),
        b=np.concatenate([np.zeros(n), [1.0], np.zeros(assets)]), equations=n + 1)


def linear(task, n, rng):
    """n equations of 3 n nonnegative variables, 8 entries in a column, built around a solution."""
    from scipy import sparse

    columns = 3 * n
    A = sparse.random(n, columns, density=8 / n, random_state=rng, data_rvs=rng.standard_normal)
    x = np.maximum(rng.standard_normal(columns), 0)
    z = np.where(x > 0, 0, rng.random(columns))
    task.program = Program(
        P=sparse.csc_matrix((columns, columns)), q=A.T @ rng.standard_normal(n) + z,
        A=sparse.vstack([A, -sparse.eye(columns)], format="csc"),
        b=np.concatenate([A @ x, np.zeros(columns)]), equations=n)


GENERATORS = {
    "cone_lasso": lasso, "cone_portfolio": portfolio, "cone_linear_program": linear,
}


def examine(task, answer):
    """The largest relative residual, violation and gap of x and multipliers z."""
    program, x, z = task.program, answer.f, answer.g
    P, q, A, b = program.P, program.q, program.A, program.b
    px, ax, az = P @ x, A @ x, A.T @ z
    s = b - ax
    s[:program.equations] = 0
    s = np.maximum(s, 0)
    largest = lambda *v: max(np.abs(u).max(initial=0) for u in v)
    primal = largest(ax + s - b) / max(1, largest(ax, s, b))
    dual = largest(px + az + q) / max(1, largest(px, az, q))
    violation = max(0, -z[program.equations:].min(initial=0)) / max(1, largest(z))
    value, bound = 0.5 * x @ px + q @ x, -0.5 * x @ px - b @ z
    gap = abs(value - bound) / max(1, min(abs(value), abs(bound)))
    return {"error": max(primal, dual, violation, gap), "value": value}


CHECKS = {"cone-first": examine}
