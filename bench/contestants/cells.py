"""Power cells of prescribed areas in the unit square."""

import numpy as np

from problems.answer import Answer

from . import contestant


@contestant("POT solve_semidiscrete", needs="ot", tune="iterations")
def pot_semidiscrete(task):
    from ot import semidiscrete

    def solve():
        np.random.seed(0)  # it samples the square with NumPy's global generator
        return semidiscrete.solve_semidiscrete(
            task.y, "unif", task.b, max_iter=40 * int(task.stop))

    return solve, lambda potential: Answer(g=np.asarray(potential))


def kantor_method(method, kind, **fields):
    def prepare(task):
        import kantor

        problem = kantor.Problem(kind, points_target=task.y, weights_target=task.b, **fields)

        def solve():
            return kantor.solve(problem, method, tolerance=task.tolerance, threads=task.threads)

        return solve, lambda raw: Answer(
            g=np.asarray(raw.potential_target), iterations=raw.iterations)

    return prepare


contestant("Kantor power_cells", needs="kantor")(
    kantor_method("power_cells", "semi_discrete_polygon"))
contestant("Kantor semi_discrete", needs="kantor")(
    kantor_method("semi_discrete", "semi_discrete_transport", density=np.ones((16, 16)),
                  quadrature=16))
