"""Follows a population through five snapshots: python tracks.py [FOLDER]

Cells are seen at five times, other cells each time; between the second and the third the population
splits in two. Entropic transport along the chain of times couples all five clouds at once, and
every first cell gets a mean track through them. With matplotlib, a picture is written to FOLDER
(default build/out).
"""

import pathlib
import sys

import numpy as np

from kantor import ot

COUNTS = (60, 70, 80, 75, 90)


def snapshots(seed: int = 0) -> list:
    """Clouds of cells that divide into two branches."""
    rng = np.random.default_rng(seed)
    clouds = []
    for time, count in enumerate(COUNTS):
        branch = rng.choice([-1.0, 1.0], count) * max(0.0, time - 1.0)
        noise = rng.normal(scale=0.15, size=(count, 2))
        clouds.append(noise + np.c_[np.full(count, 1.5 * time), 0.6 * branch])
    return clouds


def follow(clouds: list, plans: list, start: int) -> np.ndarray:
    """Mean position at each time of what begins at one cell."""
    share = np.zeros(len(clouds[0]))
    share[start] = 1.0
    track = [clouds[0][start]]
    for cloud, plan in zip(clouds[1:], plans):
        share = share @ (plan / plan.sum(1, keepdims=True))
        track.append(share @ cloud)
    return np.array(track)


def main() -> None:
    """Couple the snapshots, print what is known, draw tracks backwards from the ends."""
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/out")
    clouds = snapshots()
    edges = [[k, k + 1] for k in range(len(clouds) - 1)]
    out = ot.multimarginal(points=clouds, edges=edges, epsilon=0.05)
    cells = float(np.prod([float(n) for n in COUNTS]))
    print(f"{len(clouds)} snapshots, {cells:.1e} tuples without a tensor: {out.result.message}")
    # Backwards: where each of the last cells comes from.
    plans = [plan.T for plan in reversed(out.edge_plans)]
    tracks = [follow(clouds[::-1], plans, i) for i in range(COUNTS[-1])]
    steps = np.diff([track[::-1] for track in tracks], axis=1)
    print(f"mean step: {steps.mean(axis=(0, 1)).round(3).tolist()}")
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 2.8))
    for track in tracks:
        axes.plot(track[:, 0], track[:, 1], color="0.75", linewidth=0.5, zorder=0)
    for time, cloud in enumerate(clouds):
        axes.scatter(cloud[:, 0], cloud[:, 1], s=5, label=f"time {time}")
    axes.legend(fontsize=7)
    figure.tight_layout()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "multimarginal.png", dpi=80)
    pyplot.close(figure)
    print(f"wrote {folder / 'multimarginal.png'}")


if __name__ == "__main__":
    main()
