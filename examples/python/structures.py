"""Matches shapes, groups a graph, and moves a cloud in few groups: python structures.py [FOLDER]

With a folder and matplotlib, the three pictures of the manual are drawn into it.
"""

import pathlib
import sys

import numpy as np

import kantor


def distances(points: np.ndarray) -> np.ndarray:
    """Distances within a set of points."""
    return np.linalg.norm(points[:, None] - points[None], axis=2)


def shapes() -> dict:
    """A spiral, and a copy that is turned, mirrored and shrunk."""
    angle = np.linspace(0.5, 9.0, 60)
    spiral = np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1)
    copy = 0.6 * spiral @ [[0.6, 0.8], [0.8, -0.6]] + [14, 0]
    problem = kantor.Problem(
        "gromov", structure_source=0.6 * distances(spiral), structure_target=distances(copy))
    smooth = kantor.solve(problem, "gromov_entropic", epsilon=0.3)
    sharp = kantor.solve(problem, "gromov_entropic", epsilon=0.3, scheme="proximal")
    right = (sharp.plan.argmax(axis=1) == np.arange(60)).sum()
    print(f"spirals: {sharp.status}, {right} of 60 points right, value "
          f"{abs(sharp.quadratic_cost):.3f}; with entropy {smooth.quadratic_cost:.3f}")
    return {"x": spiral, "y": copy, "smooth": smooth.plan, "sharp": sharp.plan}


def groups() -> dict:
    """A graph of three groups, against three separate points with free weights."""
    rng = np.random.default_rng(3)
    group = np.repeat([0, 1, 2], [30, 18, 12])
    chance = np.where(group[:, None] == group, 0.5, 0.04)
    link = np.triu(rng.random(chance.shape) < chance, 1)
    graph = link + link.T + np.eye(len(group))
    problem = kantor.Problem("gromov", structure_source=graph, structure_target=np.eye(3))
    best = None
    for _ in range(20):
        rows = rng.random((len(group), 3)) + 1
        start = rows / rows.sum(axis=1, keepdims=True) / len(group)
        result = kantor.solve(problem, "gromov_semirelaxed", warm_start={"plan": start})
        if best is None or result.objective < best.objective:
            best = result
    found = best.plan.argmax(axis=1)
    pure = sum(np.bincount(group[found == k], minlength=3).max() for k in range(3))
    weights = np.sort(len(group) * best.target_weights).round(1)
    print(f"graph: {best.status}, groups of {weights}, {pure} of 60 nodes in the right one")
    return {"graph": graph, "group": group, "found": found}


def clouds() -> dict:
    """A ring moved to a disc, by plans of few groups."""
    rng = np.random.default_rng(5)
    angle, radius = 2 * np.pi * rng.random(600), np.sqrt(rng.random(600))
    ring = (3 + 0.5 * rng.random(600))[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    turn = 2 * np.pi * rng.random(600)
    disc = radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    problem = kantor.Problem("transport", points=(ring, disc))
    exact = kantor.solve(problem).objective
    factors = {}
    for rank in (4, 16):
        result = kantor.solve(problem, "low_rank_sinkhorn", rank=rank)
        factors[rank] = result
        print(f"rank {rank}: cost {result.upper_bound / exact:.2f} times the optimum")
    chosen = factors[16]
    return {"x": ring, "y": disc, "Q": chosen.factor_source, "R": chosen.factor_target}


def draw(folder: pathlib.Path, shape: dict, graph: dict, cloud: dict) -> None:
    """Draw what was found."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    def save(figure, name):
        for axes in figure.axes:
            axes.set_xticks([])
            axes.set_yticks([])
        figure.tight_layout()
        figure.savefig(folder / f"{name}.png", dpi=70)

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(9, 3))
    x, y = shape["x"], shape["y"]
    for i, j in enumerate(shape["sharp"].argmax(axis=1)):
        left.plot(*zip(x[i], y[j]), color="0.75", linewidth=0.6)
    left.scatter(*x.T, c=range(60), s=12, cmap="viridis")
    left.scatter(*y.T, c=shape["sharp"].argmax(axis=0), s=12, cmap="viridis")
    left.set_title("matched spirals")
    middle.imshow(shape["sharp"], cmap="Greys")
    middle.set_title("proximal")
    right.imshow(shape["smooth"], cmap="Greys")
    right.set_title("projected, epsilon = 0.3")
    save(figure, "gromov_entropic")

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(6, 3))
    mixed = np.random.default_rng(1).permutation(60)
    left.imshow(graph["graph"][np.ix_(mixed, mixed)], cmap="Greys")
    left.set_title("graph")
    order = np.argsort(graph["found"], kind="stable")
    right.imshow(graph["graph"][np.ix_(order, order)], cmap="Greys")
    right.set_title("nodes by group found")
    save(figure, "gromov_semirelaxed")

    figure, axes = pyplot.subplots(figsize=(4, 4))
    for points, factor, mark in ((cloud["x"], cloud["Q"], "o"), (cloud["y"], cloud["R"], "^")):
        axes.scatter(*points.T, c=factor.argmax(axis=1), cmap="tab20", s=10, marker=mark)
    axes.set_aspect("equal")
    axes.set_title("16 groups of a plan")
    save(figure, "low_rank_sinkhorn")


def main() -> None:
    """Solve the three problems, and draw if asked to."""
    found = shapes(), groups(), clouds()
    if len(sys.argv) > 1:
        folder = pathlib.Path(sys.argv[1])
        folder.mkdir(parents=True, exist_ok=True)
        draw(folder, *found)


if __name__ == "__main__":
    main()
