"""Entropic transport of a cost matrix, to a given L1 error of the marginals.

Answers carry the logarithms of the scalings, so that the plan can be rebuilt and checked.
"""

import numpy as np

from problems.answer import Answer

from . import contestant

NO_LIMIT = 100_000_000
OTT_LIMIT = 1_000_000  # OTT allocates its record of errors for all of them at once


def pot_sinkhorn(method, left, right, in_logs):
    """A form of POT's Sinkhorn iteration; `left` and `right` name the scalings in its log."""

    def prepare(task):
        import ot

        def solve():
            return ot.sinkhorn(task.a, task.b, task.cost, task.epsilon, method=method,
                               numItermax=NO_LIMIT, stopThr=task.stop, log=True)

        def answer(raw):
            plan, log = raw
            u, v = np.asarray(log[left]), np.asarray(log[right])
            if not in_logs:
                with np.errstate(divide="ignore", invalid="ignore"):
                    u, v = np.log(u), np.log(v)
            return Answer(plan=plan, phi=u, gamma=v, iterations=log.get("niter"))

        return solve, answer

    return prepare


contestant("POT sinkhorn", needs="ot", tune="l2")(
    pot_sinkhorn("sinkhorn", "u", "v", in_logs=False))
contestant("POT sinkhorn_log", needs="ot", tune="l2")(
    pot_sinkhorn("sinkhorn_log", "log_u", "log_v", in_logs=True))
contestant("POT sinkhorn_stabilized", needs="ot", tune="l2")(
    pot_sinkhorn("sinkhorn_stabilized", "logu", "logv", in_logs=True))
contestant("POT greenkhorn", needs="ot", tune="l2")(
    pot_sinkhorn("greenkhorn", "u", "v", in_logs=False))


def ott_sinkhorn(in_logs, momentum):
    """OTT's solver in double precision, compiled before it is timed."""

    def prepare(task):
        import jax

        jax.config.update("jax_enable_x64", True)
        from ott.geometry import geometry
        from ott.problems.linear import linear_problem
        from ott.solvers.linear import acceleration, sinkhorn

        cost, a, b = (jax.numpy.asarray(array) for array in (task.cost, task.a, task.b))

        @jax.jit
        def run(cost, a, b, stop):
            geom = geometry.Geometry(cost_matrix=cost, epsilon=task.epsilon)
            solver = sinkhorn.Sinkhorn(
                lse_mode=in_logs, threshold=stop, norm_error=1, inner_iterations=10,
                max_iterations=OTT_LIMIT,
                momentum=acceleration.Momentum(start=40) if momentum else None,
            )
            out = solver(linear_problem.LinearProblem(geom, a, b))
            return out.f, out.g, out.n_iters

        jax.block_until_ready(run(cost, a, b, 1e9))  # compiled, and stopped at the first test

        def solve():
            return jax.block_until_ready(run(cost, a, b, task.stop))

        def answer(raw):
            f, g, iterations = (np.asarray(array) for array in raw)
            return Answer(phi=f / task.epsilon, gamma=g / task.epsilon, iterations=iterations)

        return solve, answer

    return prepare


contestant("OTT log domain", needs="jax ott", tune="l1")(ott_sinkhorn(True, False))
contestant("OTT log domain, momentum", needs="jax ott", tune="l1")(ott_sinkhorn(True, True))
contestant("OTT scaling", needs="jax ott", tune="l1")(ott_sinkhorn(False, False))


@contestant("GeomLoss ot.solve", needs="torch geomloss", tune="iterations")
def geomloss_solve(task):
    import geomloss.ot
    import torch

    torch.set_num_threads(task.threads)
    cost, a, b = (torch.from_numpy(array) for array in (task.cost, task.a, task.b))

    def solve():
        return geomloss.ot.solve(cost, reg=task.epsilon, a=a, b=b, max_iter=int(task.stop))

    def answer(raw):
        phi = raw.potential_a.numpy() / task.epsilon + np.log(task.a)
        gamma = raw.potential_b.numpy() / task.epsilon + np.log(task.b)
        return Answer(phi=phi, gamma=gamma, iterations=int(task.stop))

    return solve, answer


@contestant("Kantor ot.sinkhorn", needs="kantor")
def kantor_sinkhorn(task):
    import kantor.ot

    def solve():
        return kantor.ot.sinkhorn(task.a, task.b, task.cost, task.epsilon,
                                  method="sinkhorn_log", stopThr=task.tolerance, log=True)

    def answer(raw):
        plan, log = raw
        return Answer(plan=plan, phi=log["log_u"], gamma=log["log_v"], iterations=log["niter"])

    return solve, answer


def kantor_solve(from_points=False, **options):
    """Kantor's own interface: potentials, and no plan unless it is asked for."""

    def prepare(task):
        import kantor

        data = {"points": (task.x, task.y)} if from_points else {"cost": task.cost}

        def solve():
            problem = kantor.Problem("transport", copy=False, a=task.a, b=task.b, **data)
            return kantor.solve(problem, "sinkhorn", epsilon=task.epsilon,
                                tolerance=task.tolerance, threads=task.threads, **options)

        return solve, lambda result: potentials(task, result)

    return prepare


contestant("Kantor solve sinkhorn", needs="kantor")(kantor_solve())
contestant("Kantor solve sinkhorn (points)", needs="kantor")(kantor_solve(from_points=True))


def potentials(task, result):
    phi = result.potential_source / task.epsilon + np.log(task.a)
    gamma = result.potential_target / task.epsilon + np.log(task.b)
    note = "" if result.status == "solved" else f"status {result.status}"
    return Answer(phi=phi, gamma=gamma, iterations=result.iterations, note=note)
