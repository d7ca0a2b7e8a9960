"""The sliced Wasserstein distance along given directions."""

from problems.answer import Answer

from . import contestant


def number(raw):
    return Answer(value=float(raw))


@contestant("POT sliced_wasserstein_distance", needs="ot")
def pot_sliced(task):
    import ot

    return lambda: ot.sliced_wasserstein_distance(
        task.x, task.y, projections=task.extra["directions"]), number


@contestant("Kantor sliced_wasserstein_distance", needs="kantor")
def kantor_sliced(task):
    import kantor.ot

    return lambda: kantor.ot.sliced_wasserstein_distance(
        task.x, task.y, projections=task.extra["directions"], numThreads=task.threads), number
