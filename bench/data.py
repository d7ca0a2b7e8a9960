"""The problems: seeded, the same numbers for every contestant and every machine."""

import math
import zlib
from dataclasses import dataclass, field

import numpy as np

import bilevel_layers
import bilevel_problems
import cone_programs
import conic_problems
import curves
import nonlinear_problems
import operators
import proxes
from program_data import PROGRAMS


@dataclass
class Task:
    """What a contestant is given. Fields that a family does not use are None."""

    family: str
    threads: int
    tolerance: float
    x: np.ndarray = None  # points, or values of a line
    y: np.ndarray = None
    a: np.ndarray = None
    b: np.ndarray = None
    cost: np.ndarray = None
    source: np.ndarray = None  # distances within each of two spaces
    target: np.ndarray = None
    epsilon: float = None
    stop: float = None  # the knob of methods whose stopping test is not ours; see tuning.py
    program: object = None  # P, q, A, l, u, or of cone_programs, bilevel_problems
    extra: dict = field(default_factory=dict)

    def cost_rows(self, first, last):
        """Rows of the cost matrix, also where there is no matrix."""
        if self.cost is not None:
            return self.cost[first:last]
        return squared_distances(self.x[first:last], self.y)


def squared_distances(x, y):
    """Squared Euclidean distances without cancellation for the few dimensions used here."""
    if x.shape[1] > 8:
        cross = x @ y.T
        return np.maximum((x * x).sum(1)[:, None] + (y * y).sum(1)[None, :] - 2 * cross, 0)
    total = np.zeros((len(x), len(y)))
    for k in range(x.shape[1]):
        difference = x[:, k, None] - y[None, :, k]
        total += difference * difference
    return total


def uniform(n):
    return np.full(n, 1.0 / n)


def make_task(spec, threads):
    """Builds a task from the `data` of a case: a dictionary with "kind", "n" and details."""
    spec = dict(spec)
    kind, n = spec.pop("kind"), spec.pop("n")
    rng = np.random.default_rng(zlib.crc32(f"{kind} {n}".encode()))
    task = Task(family=spec.pop("family"), threads=threads, tolerance=spec.pop("tolerance"))
    if task.family in proxes.CHECKS:
        task.extra |= spec
    if kind == "sliced":
        sliced(spec.pop("d"), task, n, rng)
    else:
        GENERATORS[kind](task, n, rng)
    if task.a is None:
        task.a, task.b = uniform(n), uniform(n)
    dense = ("exact", "sinkhorn", "quadratic", "unbalanced", "partial")
    if spec.pop("matrix", task.family in dense) and task.cost is None:
        task.cost = squared_distances(task.x, task.y)
    relative = spec.pop("epsilon_of_median", None)
    if relative is not None:
        task.epsilon = relative * median_cost(task)
    if "epsilon" in spec:
        task.epsilon = spec.pop("epsilon")
    task.extra |= spec
    return task


def median_cost(task):
    """Median of the cost entries; of the first 2000 points of each side where there are more."""
    if task.cost is not None:
        return float(np.median(task.cost))
    return float(np.median(squared_distances(task.x[:2000], task.y[:2000])))


def plane(task, n, rng):
    """Uniform points of the unit square."""
    task.x, task.y = rng.random((n, 2)), rng.random((n, 2))


def sites(task, n, rng):
    """Points of the unit square, most of them near a corner, that share its area."""
    task.y = rng.random((n, 2)) ** 1.5


def space(task, n, rng):
    """Uniform points of the unit cube."""
    task.x, task.y = rng.random((n, 3)), rng.random((n, 3))


def weighted_plane(task, n, rng):
    """Uniform points of the unit square with general weights."""
    plane(task, n, rng)
    a, b = rng.random(n) + 1e-3, rng.random(n) + 1e-3
    task.a, task.b = a / a.sum(), b / b.sum()


def unequal_plane(task, n, rng):
    """Uniform points of two squares, one moved, with general weights of masses 1 and 1.5."""
    weighted_plane(task, n, rng)
    task.y += 0.3
    task.b *= 1.5


def gauss16(task, n, rng):
    """Standard normal points of 16 dimensions."""
    task.x, task.y = rng.standard_normal((n, 16)), rng.standard_normal((n, 16))


def gauss(task, n, rng):
    """Two normal clouds of the plane; costs scaled to at most 1."""
    task.x, task.y = rng.standard_normal((n, 2)), rng.standard_normal((n, 2)) + 1
    task.cost = squared_distances(task.x, task.y)
    task.cost /= task.cost.max()


def random_cost(task, n, rng):
    """Independent uniform costs: no geometry."""
    task.cost = rng.random((n, n))


def line(task, n, rng):
    """Normal samples of two laws on the line."""
    task.x, task.y = rng.standard_normal(n), 1.5 * rng.standard_normal(n) + 0.5


def shifted(task, n, rng):
    """Normal points of the plane and the same points moved by (1, 1): the divergence is 2."""
    task.x = rng.standard_normal((n, 2))
    task.y = task.x + 1.0


def separate(task, n, rng):
    """Two independent normal clouds of the plane."""
    task.x = rng.standard_normal((n, 2))
    task.y = 0.7 * rng.standard_normal((n, 2)) + 0.5


def spaces(task, n, rng):
    """Distances within a normal cloud of the plane and within one of space."""
    task.source, task.target = (
        np.sqrt(squared_distances(x, x))
        for x in (rng.standard_normal((n, 2)), rng.standard_normal((n, 3))))


def digits(norm):
    """Two images of digits with n pixels, a square, under a cost between them of at most 1."""

    def generate(task, n, rng):
        from scipy.ndimage import zoom
        from sklearn.datasets import load_digits

        side = math.isqrt(n)
        images = [zoom(load_digits().images[k], side / 8, order=1).clip(0) for k in (3, 5)]
        task.a, task.b = ((w / w.sum() + 1e-2 / n) / 1.01 for w in map(np.ravel, images))
        places = np.stack(np.divmod(np.arange(n), side), axis=1) / side
        steps = np.abs(places[:, None] - places)
        task.cost = (steps ** 2 if norm == 2 else steps).sum(-1)
        task.cost /= task.cost.max()

    return generate


def bumps(task, n, rng):
    """Four histograms of bumps on the line, under squared distances."""
    places = np.linspace(0, 1, n)
    task.cost = (places[:, None] - places) ** 2
    centres = [0.2, 0.4, 0.65, 0.8]
    rows = np.array([np.exp(-((places - c) / 0.04) ** 2) for c in centres])
    rows += 1e-4 * rng.random((4, n))
    task.extra["histograms"] = rows / rows.sum(1, keepdims=True)
    task.extra["weights"] = uniform(4)  # POT's start fits no others


def discs(task, n, rng):
    """Three images of discs and rings on the unit square."""
    u, v = np.meshgrid(*[np.linspace(0, 1, n)] * 2, indexing="ij")
    shapes = [(0.3, 0.3, 0.0, 0.15), (0.6, 0.7, 0.1, 0.2), (0.7, 0.3, 0.05, 0.25)]
    rows = [(((u - x) ** 2 + (v - y) ** 2 <= high ** 2) & ((u - x) ** 2 + (v - y) ** 2 >= low ** 2))
            for x, y, low, high in shapes]
    rows = np.array(rows, dtype=float) + 1e-6
    task.extra["images"] = rows / rows.sum((1, 2), keepdims=True)
    task.extra["weights"] = uniform(3)


def clouds(task, n, rng):
    """Three clouds of the plane, and points to start from."""
    task.extra["clouds"] = [rng.standard_normal((n, 2)) @ rng.standard_normal((2, 2)) + shift
                            for shift in ([0, 0], [3, 1], [1, 4])]
    task.x = rng.standard_normal((n, 2))


def sliced(d, task, n, rng):
    """Two normal clouds and 100 directions."""
    task.x, task.y = rng.standard_normal((n, d)), 1.2 * rng.standard_normal((n, d)) + 0.3
    directions = rng.standard_normal((d, 100))
    task.extra["directions"] = directions / np.linalg.norm(directions, axis=0)


GENERATORS = {
    **PROGRAMS,
    "bumps": bumps,
    "discs": discs,
    "clouds": clouds,
    "digits_l1": digits(1),
    "digits_l2": digits(2),
    "plane": plane,
    "space": space,
    "weighted_plane": weighted_plane,
    "unequal_plane": unequal_plane,
    "sites": sites,
    "gauss": gauss,
    "gauss16": gauss16,
    "random_cost": random_cost,
    "line": line,
    "shifted": shifted,
    "separate": separate,
    "spaces": spaces,
}

# A kind of two families would give one of them the other's problem.
assert not GENERATORS.keys() & cone_programs.GENERATORS.keys()
GENERATORS |= cone_programs.GENERATORS | nonlinear_problems.PROGRAMS
GENERATORS |= (
    bilevel_problems.GENERATORS | bilevel_layers.GENERATORS | operators.GENERATORS)
GENERATORS |= cone_programs.GENERATORS | proxes.GENERATORS
GENERATORS |= curves.GENERATORS | conic_problems.GENERATORS
