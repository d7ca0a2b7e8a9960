"""Partial transport: a given part of the mass at least cost."""

from problems.answer import Answer

from . import contestant


def same_name(package):
    """`partial_wasserstein` of POT, or of Kantor under the same name."""

    def prepare(task):
        if package == "kantor":
            from kantor.ot import partial
        else:
            from ot import partial

        def solve():
            return partial.partial_wasserstein(
                task.a, task.b, task.cost, m=task.extra["mass"], numItermax=1_000_000_000)

        return solve, lambda plan: Answer(plan=plan)

    return prepare


contestant("POT partial_wasserstein", needs="ot")(same_name("ot"))
contestant("Kantor ot.partial_wasserstein", needs="kantor")(same_name("kantor"))


@contestant("Kantor solve partial_simplex", needs="kantor")
def kantor_solve(task):
    import kantor

    problem = kantor.Problem(
        "partial_transport", copy=False, cost=task.cost, weights_source=task.a,
        weights_target=task.b, mass=task.extra["mass"])

    def solve():
        return kantor.solve(problem, "partial_simplex", threads=task.threads)

    return solve, lambda raw: Answer(
        entries=(raw.plan_row, raw.plan_column, raw.plan_value))
