"""Proximal maps, of many points or of a long one."""

import numpy as np

from problems.answer import Answer

from . import contestant


def array(raw):
    return Answer(value=raw)


@contestant("NumPy prox")
def numpy_prox(task):
    name, x = task.extra["map"], task.x
    if name == "nuclear":
        weight = task.extra["weight"]

        def nuclear():
            left, s, right = np.linalg.svd(x, full_matrices=False)
            return left * np.maximum(s - weight, 0) @ right

        return nuclear, array
    sizes = np.abs if name == "l1_ball" else np.asarray
    counts = np.arange(1, x.shape[1] + 1)

    def project():
        y = sizes(x)
        s = -np.sort(-y, axis=1)
        sums = (np.cumsum(s, axis=1) - 1) / counts
        last = np.count_nonzero(s > sums, axis=1) - 1
        tau = np.take_along_axis(sums, last[:, None], 1)
        if name == "simplex":
            return np.maximum(y - tau, 0)
        return np.sign(x) * np.maximum(y - np.maximum(tau, 0), 0)

    return project, array


@contestant("pyproximal", needs="pyproximal")
def pyproximal_prox(task):
    import pyproximal

    name, x = task.extra["map"], task.x
    if name == "nuclear":
        operator = pyproximal.Nuclear(x.shape, sigma=task.extra["weight"])
        return lambda: operator.prox(x.ravel(), 1.0).reshape(x.shape), array
    if name == "total_variation":
        operator = pyproximal.TV((x.shape[1],), sigma=task.extra["weight"], niter=1000)
        return lambda: operator.prox(x[0], 1.0)[None], array
    if name == "simplex":
        operator = pyproximal.Simplex(x.shape[1], 1.0)
    else:
        operator = pyproximal.L1Ball(x.shape[1], 1.0)
    return lambda: np.stack([operator.prox(row, 1.0) for row in x]), array


@contestant("Kantor prox", needs="kantor")
def kantor_prox(task):
    import kantor.prox

    name, x = task.extra["map"], task.x
    more = {"weight": task.extra["weight"]} if "weight" in task.extra else {}
    return lambda: kantor.prox.apply(name, x, **more), array
