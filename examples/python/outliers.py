"""Matches two clouds, one of them with outliers: python outliers.py [FOLDER]

Balanced transport has to send the outliers somewhere; partial and unbalanced transport may leave
them. With matplotlib, a picture is written to FOLDER (default build/out).
"""

import pathlib
import sys

import numpy as np

import kantor


def clouds() -> tuple:
    """An arc and the same arc moved, with a fifth of outliers."""
    rng = np.random.default_rng(4)
    angle = rng.uniform(0, np.pi, 40)
    X = np.stack([np.cos(angle), np.sin(angle)], 1) + 0.05 * rng.normal(size=(40, 2))
    Y = X + [0.3, 0.15] + 0.03 * rng.normal(size=(40, 2))
    Y[:8] = rng.normal([2.6, -0.3], 0.15, size=(8, 2))
    return X, Y


def solve_all(X: np.ndarray, Y: np.ndarray) -> dict:
    """The three plans."""
    points = {"points_source": X, "points_target": Y}
    problems = {
        "balanced": kantor.Problem("transport", **points),
        "partial, mass 0.8": kantor.Problem("partial_transport", mass=0.8, **points),
        "unbalanced, kl": kantor.Problem("unbalanced_transport", strength_source=0.5, **points),
    }
    return {name: kantor.solve(problem) for name, problem in problems.items()}


def draw(X: np.ndarray, Y: np.ndarray, results: dict, path: pathlib.Path) -> None:
    """Write the picture of the plans."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(results), figsize=(9, 2.6), sharey=True)
    for plot, (name, result) in zip(axes, results.items()):
        for i, j, p in zip(result.plan_row, result.plan_column, result.plan_value):
            plot.plot(
                [X[i, 0], Y[j, 0]], [X[i, 1], Y[j, 1]], color="gray",
                alpha=min(1.0, 40 * p), linewidth=0.8)
        plot.scatter(*X.T, s=8)
        plot.scatter(*Y.T, s=8)
        plot.set_title(name, fontsize=9)
        plot.set_aspect("equal")
        plot.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
    print(f"wrote {path}")


def main() -> None:
    """Print what the plans move to the outliers, and draw them."""
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/out")
    X, Y = clouds()
    results = solve_all(X, Y)
    for name, result in results.items():
        received = result.plan.sum(0)
        print(f"{name:18s} moves {received.sum():.4f}, to outliers {received[:8].sum():.4f}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return
    folder.mkdir(parents=True, exist_ok=True)
    draw(X, Y, results, folder / "outliers.png")


if __name__ == "__main__":
    main()
