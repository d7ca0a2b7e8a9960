"""One-dimensional transport: the squared 2-Wasserstein distance of many samples."""

import numpy as np

from problems.answer import Answer

from . import contestant


def number(raw):
    return Answer(value=float(raw))


@contestant("NumPy sort of both")
def numpy_sort(task):
    def solve():
        difference = np.sort(task.x) - np.sort(task.y)
        return difference @ difference / len(difference)

    return solve, number


@contestant("POT wasserstein_1d", needs="ot")
def pot_wasserstein(task):
    import ot

    return lambda: ot.wasserstein_1d(task.x, task.y, p=2), number


@contestant("POT emd2_1d", needs="ot")
def pot_emd2(task):
    import ot

    return lambda: ot.emd2_1d(task.x, task.y), number


@contestant("Kantor wasserstein_1d", needs="kantor")
def kantor_wasserstein(task):
    import kantor.ot

    return lambda: kantor.ot.wasserstein_1d(task.x, task.y, p=2), number


@contestant("Kantor emd2_1d", needs="kantor")
def kantor_emd2(task):
    import kantor.ot

    return lambda: kantor.ot.emd2_1d(task.x, task.y), number
