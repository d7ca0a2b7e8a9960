"""A density shared out among points in equal parts: the picture of docs/methods/semi_discrete.md.

usage: power_cells.py [PICTURE]
"""

import sys

import numpy as np

import kantor

side = 240
places = (np.arange(side) + 0.5) / side
u, v = np.meshgrid(places, places, indexing="ij")
density = 0.3 + np.exp(-((u - 0.3) ** 2 + (v - 0.35) ** 2) / 0.02)
density += 0.7 * np.exp(-((u - 0.72) ** 2 + (v - 0.7) ** 2) / 0.03)

points = np.random.default_rng(2).random((40, 2))
for step in range(6):
    problem = kantor.Problem(
        "semi_discrete_transport", density=density, points_target=points)
    result = kantor.solve(problem)
    print(f"{result.status}, cost {result.objective:.5f}, masses off by "
          f"{result.marginal_residual:.1e}")
    if step < 5:
        points = result.cell_means  # a step of Lloyd's iteration

if len(sys.argv) > 1:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    x = np.stack([u.ravel(), v.ravel()], axis=1)
    cells = ((x[:, None] - points) ** 2).sum(-1) - result.potential_target
    cells = cells.argmin(axis=1).reshape(side, side)
    border = np.zeros((side, side), bool)
    border[1:] |= cells[1:] != cells[:-1]
    border[:, 1:] |= cells[:, 1:] != cells[:, :-1]
    figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
    shades = np.where(border, np.nan, density)
    axes.imshow(shades.T, origin="lower", extent=(0, 1, 0, 1), cmap="Blues", vmin=0, vmax=1.8)
    axes.plot(*np.transpose(points), "k.", ms=3)
    axes.set(xticks=[], yticks=[], title="forty cells of equal mass")
    figure.savefig(sys.argv[1], dpi=80)
