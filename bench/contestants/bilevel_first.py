"""Bilevel problems from gradients only, and LV-HBA as its paper has it."""

import numpy as np

from problems.answer import Answer

from . import contestant
from .bilevel import kantor

for method in ("lv_hba", "f2sa", "penalty"):
    contestant(f"Kantor bilevel {method}", needs="kantor")(kantor(method))


@contestant("NumPy F2SA, published steps", needs="", tune="")
def one_sided(task):
    """The loop of the paper without noise: ten lower steps for each of x, falling 1 / lambda."""
    p = task.program

    def solve():
        x, y, z = p.x0.copy(), p.y0.copy(), p.y0.copy()
        for k in range(20_000):
            alpha, gamma = 0.1 * (k + 10) ** (-1 / 3), 0.5
            lam = gamma / (2 * alpha)
            for _ in range(10):
                z = z - gamma * p.grad_lower(x, z)[1]
                y = y - alpha * (p.grad_upper(x, y)[1] + lam * p.grad_lower(x, y)[1])
            of_x = p.grad_upper(x, y)[0] + lam * (p.grad_lower(x, y)[0] - p.grad_lower(x, z)[0])
            new = np.clip(x - alpha * of_x, p.low, p.high)
            moved = np.abs(new - x).max() / alpha
            x = new
            if moved <= 0.3 * task.tolerance:
                break
        return x, p.solve_lower(x, z, 1e-9), k + 1

    return solve, lambda raw: Answer(f=raw[0], g=raw[1], iterations=raw[2])
