"""What a contestant is given."""

from dataclasses import dataclass, field

import numpy as np


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
    program: object = None  # P, q, A, l, u, or what the module of its family makes
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


def median_cost(task):
    """Median of the cost entries; of the first 2000 points of each side where there are more."""
    if task.cost is not None:
        return float(np.median(task.cost))
    return float(np.median(squared_distances(task.x[:2000], task.y[:2000])))
