"""Barycentres: of histograms on a line, of images, and of clouds whose points move.

Answers carry the barycentre as `plan`: weights, or points.
"""

from problems.answer import Answer

from . import contestant

NO_LIMIT = 1_000_000


def found(raw):
    return Answer(plan=raw)


def histograms(package):
    """`ot.bregman.barycenter` of POT or of Kantor."""

    def prepare(task):
        ot = __import__(package, fromlist=["bregman"])
        columns, weights = task.extra["histograms"].T.copy(), task.extra["weights"]

        def solve():
            return ot.bregman.barycenter(columns, task.cost, task.epsilon, weights,
                                         numItermax=NO_LIMIT, stopThr=task.stop)

        return solve, found

    return prepare


contestant("POT barycenter", needs="ot", tune="l1")(histograms("ot"))
contestant("Kantor ot.barycenter", needs="kantor", tune="l1")(histograms("kantor.ot"))


def images(package):
    """`ot.bregman.convolutional_barycenter2d` of POT or of Kantor.

    POT's plain form adds 1e-30 where the kernel underflows and misses the answer here.
    """

    def prepare(task):
        ot = __import__(package, fromlist=["bregman"])

        def solve():
            return ot.bregman.convolutional_barycenter2d(
                task.extra["images"], task.epsilon, task.extra["weights"],
                method="sinkhorn_log", numItermax=NO_LIMIT, stopThr=task.stop)

        return solve, found

    return prepare


contestant("POT convolutional_barycenter2d", needs="ot", tune="l1")(images("ot"))
contestant("Kantor convolutional_barycenter2d", needs="kantor", tune="l1")(images("kantor.ot"))


def clouds(package):
    """`ot.lp.free_support_barycenter` of POT or of Kantor."""

    def prepare(task):
        ot = __import__(package, fromlist=["lp"])
        points, start = task.extra["clouds"], task.x
        weights = [task.a] * len(points)

        def solve():
            return ot.lp.free_support_barycenter(points, weights, start, numItermax=1000,
                                                 stopThr=1e-14)

        return solve, found

    return prepare


contestant("POT free_support_barycenter", needs="ot")(clouds("ot"))
contestant("Kantor free_support_barycenter", needs="kantor")(clouds("kantor.ot"))
