"""Entropic transport of many points, too many for a matrix: costs are made again when needed."""

import numpy as np

from problems.answer import Answer

from . import contestant
from .sinkhorn import NO_LIMIT, potentials

BLOCK = 500  # rows that fit the cache with their temporaries


@contestant("blocked NumPy")
def numpy_blocks(task):
    """The stable log-domain iteration, as one writes it with NumPy."""
    x, y, epsilon = task.x, task.y, task.epsilon
    log_a, log_b = np.log(task.a), np.log(task.b)

    def softmin(points, others, potential):
        result = np.empty(len(points))
        half = (others * others).sum(1)
        for i in range(0, len(points), BLOCK):
            block = points[i:i + BLOCK]
            scores = block @ (2 / epsilon * others.T)
            scores += potential - half / epsilon
            scores -= ((block * block).sum(1) / epsilon)[:, None]
            top = scores.max(1)
            scores -= top[:, None]
            result[i:i + BLOCK] = -np.log(np.exp(scores, out=scores).sum(1)) - top
        return result

    def solve():
        gamma = log_b.copy()
        for iteration in range(NO_LIMIT):
            phi = log_a + softmin(x, y, gamma)
            new_gamma = log_b + softmin(y, x, phi)
            error = np.abs(task.b * np.expm1(gamma - new_gamma)).sum()
            gamma = new_gamma
            if error <= task.tolerance:
                break
        return phi, gamma, iteration + 1

    def answer(raw):
        phi, gamma, iterations = raw
        return Answer(phi=phi, gamma=gamma, iterations=iterations)

    return solve, answer


@contestant("POT empirical_sinkhorn, lazy", needs="ot", tune="l2")
def pot_lazy(task):
    import ot

    def solve():
        return ot.bregman.empirical_sinkhorn(
            task.x, task.y, task.epsilon, task.a, task.b, isLazy=True, batchSize=BLOCK,
            numIterMax=1_000_000, stopThr=task.stop, log=True)

    def answer(raw):
        f, g, log = raw
        return Answer(phi=np.asarray(f), gamma=np.asarray(g), iterations=len(log["err"]) * 10)

    return solve, answer


@contestant("OTT point cloud", needs="jax ott", tune="l1")
def ott_points(task):
    import jax

    jax.config.update("jax_enable_x64", True)
    from ott.geometry import pointcloud
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import sinkhorn

    arrays = [jax.numpy.asarray(array) for array in (task.x, task.y, task.a, task.b)]

    @jax.jit
    def run(x, y, a, b, stop):
        geom = pointcloud.PointCloud(x, y, epsilon=task.epsilon, batch_size=BLOCK)
        solver = sinkhorn.Sinkhorn(threshold=stop, norm_error=1, inner_iterations=1,
                                   max_iterations=10_000)
        out = solver(linear_problem.LinearProblem(geom, a, b))
        return out.f, out.g, out.n_iters

    jax.block_until_ready(run(*arrays, 1e9))

    def solve():
        return jax.block_until_ready(run(*arrays, task.stop))

    def answer(raw):
        f, g, iterations = (np.asarray(array) for array in raw)
        return Answer(phi=f / task.epsilon, gamma=g / task.epsilon, iterations=iterations)

    return solve, answer


def kantor_points(method="sinkhorn", **options):
    def prepare(task):
        import kantor

        def solve():
            problem = kantor.Problem("transport", copy=False, points=(task.x, task.y),
                                     metric="sqeuclidean", a=task.a, b=task.b)
            return kantor.solve(problem, method, epsilon=task.epsilon,
                                tolerance=task.tolerance, threads=task.threads, **options)

        return solve, lambda result: potentials(task, result)

    return prepare


contestant("Kantor point cloud", needs="kantor")(kantor_points())
contestant("Kantor multiscale", needs="kantor")(kantor_points("multiscale_sinkhorn"))
