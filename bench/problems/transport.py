"""Points, costs and histograms of the transport families; their answers are judged in plans.py."""

import math

import numpy as np

from problems.task import squared_distances, uniform


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


def sliced(task, n, rng):
    """Two normal clouds and 100 directions."""
    d = task.extra["d"]
    task.x, task.y = rng.standard_normal((n, d)), 1.2 * rng.standard_normal((n, d)) + 0.3
    directions = rng.standard_normal((d, 100))
    task.extra["directions"] = directions / np.linalg.norm(directions, axis=0)


GENERATORS = {
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
    "sliced": sliced,
    "spaces": spaces,
}
