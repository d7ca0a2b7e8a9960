"""Gromov-Wasserstein problems between two clouds of points, by their distances."""

from check import Answer

from . import contestant

STEPS = 100_000


def pot_exact(name):
    def prepare(task):
        import ot

        call = getattr(ot.gromov, name)
        return lambda: call(task.source, task.target), lambda raw: Answer(plan=raw)

    return prepare


def pot_entropic(solver):
    def prepare(task):
        import ot

        def solve():
            return ot.gromov.entropic_gromov_wasserstein(
                task.source, task.target, epsilon=task.epsilon, solver=solver, tol=task.stop,
                max_iter=STEPS, stopThr=1e-11, numItermax=STEPS)  # of its inner scalings

        return solve, lambda raw: Answer(plan=raw)

    return prepare


contestant("POT gromov_wasserstein", needs="ot")(pot_exact("gromov_wasserstein"))
contestant("POT semirelaxed_gromov_wasserstein", needs="ot")(
    pot_exact("semirelaxed_gromov_wasserstein"))
contestant("POT entropic_gromov_wasserstein", needs="ot", tune="value")(pot_entropic("PGD"))


def kantor_solve(method):
    def prepare(task):
        import kantor

        options = {} if task.epsilon is None else {"epsilon": task.epsilon}

        def solve():
            problem = kantor.Problem(
                "gromov", copy=False, structure_source=task.source, structure_target=task.target)
            return kantor.solve(problem, method, tolerance=task.tolerance / 2,
                                threads=task.threads, **options)

        return solve, lambda raw: Answer(plan=raw.plan, iterations=raw.iterations)

    return prepare


for name in ("conditional_gradient", "entropic", "semirelaxed"):
    contestant(f"Kantor gromov_{name}", needs="kantor")(kantor_solve(f"gromov_{name}"))
