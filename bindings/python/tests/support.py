"""Random problems and an answer by another route: SciPy's HiGHS."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.optimize import linprog


def highs(M, a, b):
    """Optimal cost by linear programming, None if infeasible; infinite costs are left out."""
    M = np.asarray(M, dtype=float)
    n, m = M.shape
    allowed = np.isfinite(M).ravel()
    if not allowed.any():
        return None
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    constraints = np.vstack([rows, columns])[:, allowed]
    answer = linprog(
        M.ravel()[allowed], A_eq=constraints, b_eq=np.concatenate([a, b]), bounds=(0, None),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return answer.fun if answer.success else None


def weights(rng, count, zeros=0):
    """Positive weights of total 1, some of them zero."""
    drawn = rng.random(count) + 0.05
    if zeros:
        drawn[rng.choice(count, zeros, replace=False)] = 0
    return drawn / drawn.sum()


def problem(seed, n, m, zeros=False, integers=False):
    """Costs and weights of a random problem."""
    rng = np.random.default_rng(seed)
    M = rng.integers(0, 9, (n, m)).astype(float) if integers else rng.random((n, m)) * 10
    a = weights(rng, n, 1 if zeros and n > 1 else 0)
    b = weights(rng, m, 1 if zeros and m > 1 else 0)
    return M, a, b


#: Arguments of `problem`.
problems = st.builds(
    problem, st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.booleans(),
    st.booleans(),
)


def entropic_plan(M, a, b, epsilon, sweeps=20000):
    """Entropic plan by plain Sinkhorn in the log domain: slow, and shares nothing with Kantor."""
    f, g = np.zeros(len(a)), np.zeros(len(b))
    log_a, log_b = np.log(a), np.log(b)

    def soft(x, axis):
        top = x.max(axis=axis, keepdims=True)
        return np.squeeze(top, axis) + np.log(np.exp(x - top).sum(axis=axis))

    for _ in range(sweeps):
        g = -epsilon * soft(log_a[:, None] + (f[:, None] - M) / epsilon, 0)
        previous = f
        f = -epsilon * soft(log_b[None, :] + (g[None, :] - M) / epsilon, 1)
        if np.abs(f - previous).max() < 1e-13 * (1 + np.abs(f).max()):
            break
    return np.exp(log_a[:, None] + log_b[None, :] + (f[:, None] + g[None, :] - M) / epsilon)
