"""Gromov-Wasserstein problems between two clouds of points, by their distances."""

from problems.answer import Answer

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


@contestant("POT partial_gromov_wasserstein", needs="ot")
def pot_partial(task):
    import ot

    mass = task.extra["mass"]
    return (lambda: ot.gromov.partial_gromov_wasserstein(
        task.source, task.target, m=mass, numItermax=STEPS, tol=1e-12)), (
            lambda raw: Answer(plan=raw))


@contestant("POT fused_unbalanced_gromov_wasserstein", needs="ot", tune="value")
def pot_unbalanced(task):
    import ot

    strength = task.extra["strength"]

    def solve():
        return ot.gromov.fused_unbalanced_gromov_wasserstein(
            task.source, task.target, reg_marginals=strength, epsilon=task.epsilon,
            unbalanced_solver="sinkhorn_log", max_iter=STEPS, tol=task.stop, max_iter_ot=STEPS,
            tol_ot=1e-11)[0]

    return solve, lambda raw: Answer(plan=raw)


def kantor_relaxed(name, field, key):
    """The kind `name`_gromov, with one number of the task in a field of its own."""
    def prepare(task):
        import kantor

        options = {"tolerance": task.tolerance / 2}
        if task.epsilon is not None:  # the gap falls with the square of the derivative
            options = {"tolerance": task.tolerance**2 / 100, "epsilon": task.epsilon}

        def solve():
            problem = kantor.Problem(
                f"{name}_gromov", copy=False, structure_source=task.source,
                structure_target=task.target, **{field: task.extra[key]})
            return kantor.solve(problem, threads=task.threads, **options)

        return solve, lambda raw: Answer(plan=raw.plan, iterations=raw.iterations)

    return prepare


contestant("Kantor gromov_partial", needs="kantor")(kantor_relaxed("partial", "mass", "mass"))
contestant("Kantor gromov_unbalanced", needs="kantor")(
    kantor_relaxed("unbalanced", "strength_source", "strength"))


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
