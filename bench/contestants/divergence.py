"""The debiased Sinkhorn divergence of two clouds of points."""

import math

from problems.answer import Answer

from . import contestant
from .line import number


@contestant("POT empirical_sinkhorn_divergence", needs="ot", tune="value")
def pot(task):
    import ot

    def solve():
        return ot.bregman.empirical_sinkhorn_divergence(
            task.x, task.y, task.epsilon, task.a, task.b, numIterMax=1_000_000, stopThr=task.stop)

    return solve, without_entropy


def without_entropy(raw):
    """POT's definition: the debiased cost of the entropic plans, without their entropy."""
    return Answer(value=float(raw), has_entropy=False)


def geomloss(scaling):
    """GeomLoss: half the squared distance, epsilon = blur^2, no stopping test but its schedule."""

    def prepare(task):
        import torch
        from geomloss import SamplesLoss

        torch.set_num_threads(task.threads)
        x, y = torch.from_numpy(task.x), torch.from_numpy(task.y)
        loss = SamplesLoss("sinkhorn", p=2, blur=math.sqrt(task.epsilon / 2), scaling=scaling,
                           debias=True, backend="tensorized")
        return lambda: loss(x, y), lambda raw: Answer(value=2 * raw.item())

    return prepare


contestant("GeomLoss, scaling 0.5", needs="torch geomloss")(geomloss(0.5))
contestant("GeomLoss, scaling 0.99", needs="torch geomloss")(geomloss(0.99))


@contestant("OTT sinkhorn_divergence", needs="jax ott", tune="value")
def ott(task):
    import jax

    jax.config.update("jax_enable_x64", True)
    from ott.geometry import pointcloud
    from ott.tools import sinkhorn_divergence

    x, y = jax.numpy.asarray(task.x), jax.numpy.asarray(task.y)

    @jax.jit
    def run(x, y, stop):
        return sinkhorn_divergence.sinkhorn_divergence(
            pointcloud.PointCloud, x, y, epsilon=task.epsilon,
            solve_kwargs={"threshold": stop, "max_iterations": 100_000})[0]

    jax.block_until_ready(run(x, y, 1e9))
    return lambda: jax.block_until_ready(run(x, y, task.stop)), number


@contestant("Kantor empirical_sinkhorn_divergence", needs="kantor", tune="value")
def kantor_pot_names(task):
    import kantor.ot

    def solve():
        return kantor.ot.bregman.empirical_sinkhorn_divergence(
            task.x, task.y, task.epsilon, task.a, task.b, stopThr=task.stop)

    return solve, without_entropy


@contestant("Kantor solve sinkhorn_divergence", needs="kantor", tune="value")
def kantor(task):
    import kantor as library

    def solve():
        problem = library.Problem("transport", copy=False, points=(task.x, task.y), a=task.a,
                                  b=task.b)
        return library.solve(problem, "sinkhorn_divergence", epsilon=task.epsilon,
                             tolerance=task.stop, threads=task.threads)

    return solve, lambda result: Answer(value=result.objective)
