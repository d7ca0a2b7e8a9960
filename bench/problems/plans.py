"""What answers of the transport families are worth, computed from the problem's data.

Exact plans get their "error" in judge.py, from the best lower bound that any contestant proved.
"""

import numpy as np

from problems import reference
from problems.task import median_cost

ROWS = 512  # of a cost matrix at a time


class DensePlan:
    """A plan given as a matrix."""

    def __init__(self, plan):
        self.plan = np.asarray(plan, dtype=float)

    def blocks(self):
        for i in range(0, len(self.plan), ROWS):
            yield slice(i, min(i + ROWS, len(self.plan))), self.plan[i:i + ROWS]


class GibbsPlan:
    """The plan exp(phi_i + gamma_j - cost_ij / epsilon), a few rows at a time."""

    def __init__(self, task, phi, gamma):
        self.task, self.phi, self.gamma = task, phi, gamma

    def blocks(self):
        for i in range(0, len(self.phi), ROWS):
            rows = slice(i, min(i + ROWS, len(self.phi)))
            exponent = self.task.cost_rows(rows.start, rows.stop) / -self.task.epsilon
            exponent += self.gamma
            exponent += self.phi[rows, None]
            yield rows, np.exp(exponent, out=exponent)


def row_sums(plan, weights):
    return np.concatenate([block @ weights for _, block in plan.blocks()])


def column_sums(plan, weights):
    return sum(weights[rows] @ block for rows, block in plan.blocks())


def marginal_error(task, rows, columns):
    """L1 distance of both marginals from what they should be."""
    return np.abs(rows - task.a).sum() + np.abs(columns - task.b).sum()


def rounded_blocks(task, plan, rows):
    """Blocks of the feasible plan near a plan (Altschuler, Weed and Rigollet 2017)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(rows > 0, np.minimum(1, task.a / rows), 1.0)
        columns = column_sums(plan, left)
        right = np.where(columns > 0, np.minimum(1, task.b / columns), 1.0)
    rest_a = task.a - left * row_sums(plan, right)
    rest_b = task.b - right * columns
    mass = rest_a.sum()
    for where, block in plan.blocks():
        block = left[where, None] * block * right
        if mass > 0:
            block += np.outer(rest_a[where], rest_b / mass)
        yield where, block


def exact(task, answer):
    """Marginal error, cost after rounding to a feasible plan, and the proved lower bound."""
    figures = {}
    if answer.f is not None:
        figures["lower_bound"] = lower_bound(task, np.asarray(answer.g, dtype=float))
    if answer.plan is None and answer.entries is None:
        return figures | {"cost": answer.value, "marginal_error": np.nan}
    plan = dense(task, answer)
    if not np.isfinite(plan).all():
        return figures | {"cost": np.nan, "marginal_error": np.nan}
    negative = np.maximum(-plan, 0).sum()
    plan = DensePlan(np.maximum(plan, 0))
    rows, columns = row_sums(plan, np.ones(len(task.b))), column_sums(plan, np.ones(len(task.a)))
    cost = sum(
        float((block * task.cost_rows(where.start, where.stop)).sum())
        for where, block in rounded_blocks(task, plan, rows)
    )
    error = marginal_error(task, rows, columns) + negative
    return figures | {"cost": cost, "marginal_error": error}


def dense(task, answer):
    """The plan as a matrix."""
    if answer.plan is not None:
        return np.asarray(answer.plan, dtype=float)
    plan = np.zeros((len(task.a), len(task.b)))
    rows, columns, values = answer.entries
    np.add.at(plan, (np.asarray(rows), np.asarray(columns)), np.asarray(values))
    return plan


def lower_bound(task, g):
    """Value of the dual at g and its exact c-transform: true whatever the method believed."""
    best = np.empty(len(task.a))
    for i in range(0, len(best), ROWS):
        best[i:i + ROWS] = (task.cost_rows(i, i + ROWS) - g).min(1)
    return float(task.a @ best + task.b @ g)


def entropic(task, answer):
    """Marginal error of the plan, and the gap between primal (rounded) and dual value.

    The plan is rebuilt from the potentials, so it has the form of an optimal plan by construction;
    a dense plan that the contestant returned must have the right marginals as well.
    """
    phi, gamma = np.asarray(answer.phi, dtype=float), np.asarray(answer.gamma, dtype=float)
    if not (np.isfinite(phi).all() and np.isfinite(gamma).all()):
        return {"error": np.nan, "note": "potentials are not finite"}
    plan = GibbsPlan(task, phi, gamma)
    n, m = len(task.a), len(task.b)
    rows, columns = np.empty(n), np.zeros(m)
    for where, block in plan.blocks():
        rows[where] = block.sum(1)
        columns += block.sum(0)
    error = marginal_error(task, rows, columns)
    if answer.plan is not None:
        given = DensePlan(answer.plan)
        returned = marginal_error(task, row_sums(given, np.ones(m)), column_sums(given, np.ones(n)))
        error = returned if np.isnan(returned) else max(error, returned)
    figures = {"error": error, "marginal_error": error}
    if task.family == "sinkhorn" and np.isfinite(error):
        figures |= entropic_gap(task, plan, rows)
    return figures


def entropic_gap(task, plan, rows):
    """Primal minus dual value of min <P, C> + epsilon KL(P | a b^T), relative to the primal."""
    cost = divergence = 0.0
    for where, block in rounded_blocks(task, plan, rows):
        cost += float((block * task.cost_rows(where.start, where.stop)).sum())
        ratio = block / (task.a[where, None] * task.b)
        divergence += float((block * np.log(ratio, where=ratio > 0, out=ratio)).sum())
    primal = cost + task.epsilon * divergence
    dual = task.epsilon * (
        task.a @ (plan.phi - np.log(task.a)) + task.b @ (plan.gamma - np.log(task.b))
        - (rows.sum() - 1)
    )
    return {"cost": cost, "gap": (primal - dual) / abs(primal)}


def quadratic(task, answer):
    """Marginal error, and gap between the plan's value and the dual value at its potentials.

    Columns with more entries than `max_nz` count by the convex hull, the k-support norm.
    """
    plan = np.maximum(dense(task, answer), 0)
    f = np.asarray(answer.f, dtype=float)
    if not (np.isfinite(plan).all() and np.isfinite(f).all()):
        return {"error": np.nan, "note": "plan or potentials are not finite"}
    most = task.extra.get("max_nz", len(task.a))
    error = marginal_error(task, plan.sum(1), plan.sum(0))
    primal = float((plan * task.cost).sum()) + 0.5 * task.epsilon * sum(
        support_norm(column, most) for column in plan.T)
    dual = float(task.a @ f) - sum(
        column_conjugate(f - task.cost[:, j], task.b[j], task.epsilon, most)
        for j in range(len(task.b)))
    gap = abs(primal - dual) / max(abs(primal), abs(dual))  # a loose plan may be 0
    return {"error": max(error, gap), "marginal_error": error, "gap": gap}


def support_norm(column, most):
    """Squared k-support norm of a non-negative vector."""
    y = np.sort(column[column > 0])[::-1]
    if len(y) <= most:
        return float(y @ y)
    for head in range(most - 1, -1, -1):
        share = y[head:].sum() / (most - head)
        if head == 0 or y[head - 1] > share:
            return float(y[:head] @ y[:head]) + share * share * (most - head)


def column_conjugate(x, mass, strength, most):
    """max x.y - strength/2 |y|^2 over y >= 0 of the given sum with at most `most` entries."""
    x = np.sort(x)[::-1][:most]
    shifts = (np.cumsum(x) - strength * mass) / np.arange(1, len(x) + 1)
    last = np.nonzero(x > shifts)[0][-1]
    y = np.maximum(x - shifts[last], 0) / strength
    return float(x @ y - 0.5 * strength * (y @ y))


def unbalanced(task, answer):
    """Relative gap between a plan's value with KL penalties and the dual value at the potentials
    -rho log(marginal / weight); without entropy after a c-transform of the sources' potentials."""
    plan, cost, eps = np.maximum(dense(task, answer), 0), task.cost, task.epsilon
    rho = task.extra["strength"] * median_cost(task)
    rows, columns = plan.sum(1), plan.sum(0)
    if not (np.isfinite(plan).all() and rows.min() > 0 and columns.min() > 0):
        return {"error": np.nan, "note": "a marginal is 0 or not finite"}
    f, g = -rho * np.log(rows / task.a), -rho * np.log(columns / task.b)
    primal = float((plan * cost).sum()) + rho * (
        relative_entropy(rows, task.a) + relative_entropy(columns, task.b))
    if eps == 0:
        g = (cost - f[:, None]).min(0)
    dual = -rho * float(task.a @ np.expm1(-f / rho) + task.b @ np.expm1(-g / rho))
    if eps > 0:
        product = np.outer(task.a, task.b)
        primal += eps * relative_entropy(plan, product)
        dual -= eps * float(
            (product * np.expm1((f[:, None] + g - cost) / eps)).sum())
    return {"error": abs(primal - dual) / abs(primal), "value": primal, "mass": rows.sum()}


def partial(task, answer):
    """Mass beyond the weights or amiss, and the cost beside that of the best matching of as many
    points: for uniform weights there is one among the optimal plans."""
    plan, mass = dense(task, answer), task.extra["mass"]
    excess = np.maximum(plan.sum(1) - task.a, 0).sum() + np.maximum(plan.sum(0) - task.b, 0).sum()
    amiss = excess + np.maximum(-plan, 0).sum() + abs(plan.sum() - mass)
    count = round(mass * len(task.a))
    best = best_part(task.cost, count)
    value = float((plan * task.cost).sum())
    return {"error": max(amiss, abs(value - best) / best), "value": value, "mass": plan.sum()}


def relative_entropy(p, q):
    positive = p > 0
    return float((p[positive] * np.log(p[positive] / q[positive])).sum() - p.sum() + q.sum())


def cells(task, answer):
    """L1 error of the areas of the power cells that belong to the potentials."""
    areas = [cell_area(task.y, answer.g, k) for k in range(len(task.y))]
    return {"error": np.abs(areas - task.b).sum()}


def cell_area(points, weights, k):
    """Area of {z in the unit square: |z - y_k|^2 - w_k is least}, half plane after half plane."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    normals = 2 * (points - points[k])
    limits = (points ** 2).sum(1) - (points[k] ** 2).sum() - (weights - weights[k])
    for j in np.argsort((normals ** 2).sum(1))[1:]:
        over = corners @ normals[j] - limits[j]
        if (over <= 0).all():
            continue
        if (over > 0).all():
            return 0.0
        following, after = np.roll(corners, -1, 0), np.roll(over, -1)
        kept = []
        for z, w, s, t in zip(corners, following, over, after):
            if s <= 0:
                kept.append(z)
            if (s <= 0) != (t <= 0):
                kept.append(z + s / (s - t) * (w - z))
        corners = np.array(kept)
    x, y = corners.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def line(task, answer):
    """Relative error of the squared 2-Wasserstein distance of equally many samples."""
    difference = np.sort(task.x) - np.sort(task.y)
    return value_error(answer.value, float(difference @ difference) / len(difference))


def gromov(task, answer):
    """What the problem linearised at a plan could still gain, relative to the size of its terms."""
    plan, C, D = np.asarray(answer.plan, dtype=float), task.source, task.target
    rows, columns = plan.sum(1), plan.sum(0)
    own = (C * C @ rows)[:, None] + D * D @ columns
    cross = C @ plan @ D
    gradient = 2 * own - 4 * cross
    size = float(((2 * own + 4 * cross) * plan).sum())
    slope = float((gradient * plan).sum())
    missed = np.abs(rows - task.a).sum()
    if "strength" in task.extra:
        return unbalanced_gromov(task, plan, own - 2 * cross)
    if "mass" in task.extra:
        missed = abs(plan.sum() - task.extra["mass"]) + np.maximum(rows - task.a, 0).sum()
        missed += np.maximum(columns - task.b, 0).sum()
        best = best_part(gradient, round(len(plan) * task.extra["mass"]))
    elif task.extra.get("relaxed"):
        best = float(task.a @ gradient.min(1))
    elif task.epsilon is None:
        from scipy.optimize import linear_sum_assignment

        best = float(gradient[linear_sum_assignment(gradient)].sum()) / len(plan)
        missed += np.abs(columns - task.b).sum()
    else:
        ratio = plan / (task.a[:, None] * task.b)
        logs = np.log(ratio, out=np.zeros_like(plan), where=plan > 0)
        slope += task.epsilon * float((plan * logs).sum())
        best = reference.value(gradient, task.a, task.b, task.epsilon, True)
        missed += np.abs(columns - task.b).sum()
    return {"error": max(abs(slope - best) / size, missed), "value": float((own - 2 * cross).ravel()
            @ plan.ravel())}


def best_part(cost, count):
    """The least mean cost per point of `count` pairs: others go to free dummies."""
    from scipy.optimize import linear_sum_assignment

    n = len(cost)
    larger = np.pad(cost, (0, n - count))
    larger[n:, n:] = 1 + 2 * n * np.abs(cost).max()
    return float(larger[linear_sum_assignment(larger)].sum()) / n


def unbalanced_gromov(task, plan, half):
    """The derivative at a plan's entries, by their masses, over the size of the terms."""
    rho, epsilon = task.extra["strength"], task.epsilon
    rows, columns, mass = plan.sum(1), plan.sum(0), plan.sum()
    rates = [np.log(x / w) for x, w in ((rows, task.a), (columns, task.b))]
    cells = np.log(plan / (task.a[:, None] * task.b))
    shift = rho * (rows @ rates[0] + columns @ rates[1]) + epsilon * (plan * cells).sum()
    slope = half + shift + mass * (rho * (rates[0][:, None] + rates[1]) + epsilon * cells)
    size = (np.abs(half) * plan).sum() + abs(shift) * mass
    total = (half * plan).sum() + 2 * mass * shift - (2 * rho + epsilon) * (mass**2 - 1)
    return {"error": float((np.abs(slope) * plan).sum() / size), "value": float(total)}


def divergence(task, answer):
    """Relative error of the Sinkhorn divergence."""
    known = task.extra.get("known")
    if known is None:
        known = reference.divergence(task, answer.has_entropy)
    return value_error(answer.value, known)


def barycentre(task, answer):
    """L1 distance from the entropic barycentre."""
    known = reference.barycentre(task)
    given = np.asarray(answer.plan, dtype=float)
    return {"error": float(np.abs(given - known).sum())}


def free_barycentre(task, answer):
    """Relative excess of the sum of squared distances over that of the alternation itself."""
    known, value = reference.free_barycentre(task, np.asarray(answer.plan, dtype=float))
    return {"error": max(0.0, value / known - 1), "value": value}


def sliced(task, answer):
    """Relative error of the distance along the directions given."""
    square = 0.0
    for direction in task.extra["directions"].T:
        step = np.sort(task.x @ direction) - np.sort(task.y @ direction)
        square += step @ step / len(step)
    return value_error(answer.value, (square / task.extra["directions"].shape[1]) ** 0.5)


def value_error(value, reference):
    value = float(value)
    return {"error": abs(value - reference) / abs(reference), "value": value}


CHECKS = {
    "exact": exact,
    "sinkhorn": entropic,
    "cloud": entropic,
    "sparse": entropic,
    "quadratic": quadratic,
    "unbalanced": unbalanced,
    "partial": partial,
    "cells": cells,
    "line": line,
    "divergence": divergence,
    "barycentre": barycentre,
    "free_barycentre": free_barycentre,
    "sliced": sliced,
    "gromov": gromov,
}
