"""The course of solves at small epsilon, error against time, for a picture."""

import time

import numpy as np

from problems import make_task
from measure import is_absent

POINTS = 150  # of a curve at most
SWEEPS = dict(engine="log", precision="double", epsilon_scaling=False, max_iterations=10**9)

# name, method, options
SOLVES = [
    ("Kantor sinkhorn_newton_sparse", "sinkhorn_newton_sparse", {}),
    ("Kantor, over-relaxed sweeps", "sinkhorn", SWEEPS),
    ("Kantor, plain sweeps", "sinkhorn", dict(SWEEPS, overrelaxation=1.0)),
]


def run(cases, limits):
    """Curves of the sparse family: [{"title", "curves": [{name, seconds, errors}]}]."""
    records = []
    for case in cases:
        if case.family != "sparse":
            continue
        task = make_task({**case.data, "family": case.family, "tolerance": case.tolerance}, 1)
        curves = [kantor_curve(task, limits.seconds, *solve) for solve in SOLVES]
        if not is_absent("ot"):
            curves.append(pot_curve(task, curves[-1]))
        records.append({"title": case.title, "curves": curves})
    return records


def kantor_curve(task, seconds, name, method, options):
    import kantor

    problem = kantor.Problem("transport", copy=False, cost=task.cost, a=task.a, b=task.b)
    result = kantor.solve(problem, method, epsilon=task.epsilon, tolerance=task.tolerance,
                          trace=True, time_limit=seconds, threads=1, **options)
    return curve(name, result.trace["seconds"], result.trace["residual"])


def pot_curve(task, like):
    """POT's iteration in logarithms, for as many steps as take the time of the slowest of ours."""
    import ot

    def iterate(count):
        start = time.perf_counter()
        log = ot.sinkhorn(task.a, task.b, task.cost, task.epsilon, method="sinkhorn_log",
                          numItermax=count, stopThr=task.tolerance, log=True, warn=False)[1]
        return time.perf_counter() - start, log["err"]

    each = iterate(20)[0] / 20
    count = int(min(max(like["seconds"][-1] / each, 100), 20_000))
    seconds, errors = iterate(count)
    # An error every ten iterations, in the Euclidean norm; in L1 it is at most sqrt(n) times that.
    return curve("POT sinkhorn_log (Euclidean error)", np.linspace(0, seconds, len(errors) + 1)[1:],
                 errors)


def curve(name, seconds, errors):
    keep = np.unique(np.geomspace(1, len(errors), POINTS).astype(int)) - 1
    return {"name": name, "seconds": np.asarray(seconds)[keep].tolist(),
            "errors": np.asarray(errors)[keep].tolist()}
