"""Unbalanced transport with Kullback-Leibler penalties, with entropy and without."""

from problems.answer import Answer
from problems.task import median_cost

from . import contestant

NO_LIMIT = 1_000_000


def strength(task):
    return task.extra["strength"] * median_cost(task)


def scaling(package, **options):
    """`sinkhorn_unbalanced` of POT, or of Kantor under the same name."""

    def prepare(task):
        if package == "kantor":
            from kantor.ot import unbalanced
        else:
            from ot import unbalanced
        rho = strength(task)

        def solve():
            return unbalanced.sinkhorn_unbalanced(
                task.a, task.b, task.cost, task.epsilon, rho, stopThr=task.stop,
                numItermax=NO_LIMIT, **options)

        return solve, lambda plan: Answer(plan=plan)

    return prepare


contestant("POT sinkhorn_unbalanced", needs="ot", tune="l1")(scaling("ot"))
contestant("POT sinkhorn_unbalanced, translation invariant", needs="ot", tune="l1")(
    scaling("ot", method="sinkhorn_translation_invariant"))
contestant("Kantor ot.sinkhorn_unbalanced", needs="kantor", tune="l1")(scaling("kantor"))


def plain(name):
    """POT's methods without entropy."""

    def prepare(task):
        from ot import unbalanced

        rho = strength(task)
        middle = (0.0,) if name == "lbfgsb_unbalanced" else ()

        def solve():
            return getattr(unbalanced, name)(
                task.a, task.b, task.cost, *middle, rho, stopThr=1e-16,
                numItermax=int(task.stop))

        return solve, lambda plan: Answer(plan=plan)

    return prepare


contestant("POT mm_unbalanced", needs="ot", tune="iterations")(plain("mm_unbalanced"))
contestant("POT lbfgsb_unbalanced", needs="ot", tune="iterations")(plain("lbfgsb_unbalanced"))


def kantor_solve(method, **options):
    def prepare(task):
        import kantor

        problem = kantor.Problem(
            "unbalanced_transport", copy=False, cost=task.cost, weights_source=task.a,
            weights_target=task.b, strength_source=strength(task))
        more = {"epsilon": task.epsilon, **options} if task.epsilon else options

        def solve():
            return kantor.solve(
                problem, method, tolerance=task.tolerance, threads=task.threads, **more)

        return solve, lambda raw: Answer(plan=raw.plan, iterations=raw.iterations)

    return prepare


contestant("Kantor solve unbalanced_sinkhorn", needs="kantor")(kantor_solve("unbalanced_sinkhorn"))
contestant("Kantor solve unbalanced_active_set", needs="kantor")(
    kantor_solve("unbalanced_active_set"))
