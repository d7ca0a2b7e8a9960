"""Values of entropic problems to rounding accuracy, by a way that no contestant goes: sweeps on a
falling epsilon, then dense Newton steps on the dual."""

import numpy as np

from problems.task import squared_distances

SWEEPS = 15  # at each epsilon
STEPS = 60
ROUNDING = 1e-13  # marginal error of a plan that is as good as doubles allow


def divergence(task, has_entropy):
    """The debiased value, with the entropy or as POT has it without; computed once for a task."""
    values = task.extra.setdefault("values", {})
    if has_entropy not in values:
        pairs = (task.x, task.y, 1.0), (task.x, task.x, -0.5), (task.y, task.y, -0.5)
        values[has_entropy] = sum(
            sign * value(squared_distances(x, y), task.a, task.b, task.epsilon, has_entropy)
            for x, y, sign in pairs
        )
    return values[has_entropy]


def value(cost, a, b, epsilon, has_entropy):
    """min <P, C> + epsilon KL(P | a b^T), or <P, C> of its solution."""
    g, step = np.zeros(len(b)), float(cost.max())
    while True:
        step = max(step / 4, epsilon)
        for _ in range(SWEEPS):
            f = softmin(cost - g, b, step, 1)
            g = softmin(cost - f[:, None], a, step, 0)
        if step == epsilon:
            break
    f, g, plan = newton(cost, a, b, epsilon, f, g)
    return float(a @ f + b @ g) if has_entropy else float((plan * cost).sum())


def softmin(cost, weights, epsilon, axis):
    """-epsilon log sum_k weights_k exp(-cost_k / epsilon)."""
    low = cost.min(axis, keepdims=True)
    total = np.exp((low - cost) / epsilon)
    total = total @ weights if axis == 1 else weights @ total
    return np.squeeze(low, axis) - epsilon * np.log(total)


def newton(cost, a, b, epsilon, f, g):
    """Newton steps in g, with f its exact transform; a step is halved until the dual rises."""

    def state(g):
        f = softmin(cost - g, b, epsilon, 1)
        plan = a[:, None] * b * np.exp((f[:, None] + g - cost) / epsilon)
        return f, plan, a @ f + b @ g

    f, plan, dual = state(g)
    for _ in range(STEPS):
        gradient = b - plan.sum(0)
        if np.abs(gradient).sum() < ROUNDING:
            break
        columns = plan.sum(0)
        hessian = np.diag(columns) - plan.T @ (plan / a[:, None]) + np.outer(columns, columns)
        direction = epsilon * np.linalg.solve(hessian, gradient)
        length, before = 1.0, dual
        while length > 1e-6:
            f, plan, dual = state(g + length * direction)
            if dual >= before - 1e-15 * abs(before):
                break
            length /= 2
        g = g + length * direction
    return f, g, plan


def barycentre(task):
    """Entropic barycentre on a line or a grid of the unit square, by plain scalings to 1e-11."""
    if "images" in task.extra:
        rows = task.extra["images"]
        places = np.linspace(0, 1, rows.shape[1])
        kernel = np.exp(-(places[:, None] - places) ** 2 / task.epsilon)

        def blur(image):
            return kernel @ image @ kernel
    else:
        rows = task.extra["histograms"]
        kernel = np.exp(-task.cost / task.epsilon)

        def blur(row):
            return kernel @ row

    if "known" in task.extra:
        return task.extra["known"]
    weights, last = task.extra["weights"], None
    v = np.ones_like(rows)
    for _ in range(100_000):
        marginals = [blur(p / blur(scale)) for p, scale in zip(rows, v)]
        q = np.exp(sum(w * np.log(m) for w, m in zip(weights, marginals)))
        v = [q / m for m in marginals]
        if last is not None and np.abs(q - last).sum() < 1e-11:
            break
        last = q
    task.extra["known"] = q
    return q


def free_barycentre(task, points):
    """Sums of squared distances: at the end of matchings and means in turn, and at some points."""
    from scipy.optimize import linear_sum_assignment

    def matched(points):
        partners, value = [], 0.0
        for cloud in task.extra["clouds"]:
            cost = ((points[:, None] - cloud) ** 2).sum(-1)
            rows, columns = linear_sum_assignment(cost)
            partners.append(cloud[columns])
            value += cost[rows, columns].mean() / len(task.extra["clouds"])
        return np.mean(partners, axis=0), value

    own, known = task.x, np.inf
    for _ in range(1000):
        own, value = matched(own)
        if value >= known:
            break
        known = value
    return known, matched(points)[1]
