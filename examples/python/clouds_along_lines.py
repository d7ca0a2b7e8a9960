"""Two clouds seen along lines: the picture of docs/methods/sliced.md.

usage: clouds_along_lines.py [PICTURE]
"""

import sys

import numpy as np

import kantor

rng = np.random.default_rng(4)
X = rng.normal(size=(600, 2)) * [1.0, 0.35]
Y = rng.normal(size=(600, 2)) @ [[0.5, 0.4], [-0.2, 0.6]] + [1.5, 0.8]

angles = np.linspace(0, np.pi, 181)
fan = np.stack([np.cos(angles), np.sin(angles)], axis=1)
along = kantor.solve(
    kantor.Problem("sliced_transport", points_source=X, points_target=Y, projections=fan))
best = kantor.solve(
    kantor.Problem("sliced_transport", points_source=X, points_target=Y), "max_sliced")
mean = kantor.solve(
    kantor.Problem("sliced_transport", points_source=X, points_target=Y), "sliced",
    slices=500, directions="orthogonal")

print(f"mean over directions {mean.objective:.3f} +- {mean.standard_error:.3f}")
print(f"largest {best.objective:.3f}, proved to be at most {best.upper_bound:.3f}")
print(f"largest of {len(fan)} directions {along.largest:.3f}")

if len(sys.argv) > 1:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    left.plot(*X.T, ".", ms=2, color="C0")
    left.plot(*Y.T, ".", ms=2, color="C1")
    centre = np.vstack([X, Y]).mean(axis=0)
    ends = np.outer([-3, 3], best.best_direction) + centre
    left.plot(*ends.T, "k-", lw=1)
    left.set(aspect="equal", title="two clouds, and the line of largest cost")
    right.plot(np.degrees(angles), along.slice_costs, "k")
    right.axhline(mean.objective, color="C2", ls="--", label="mean (sliced)")
    right.axhline(best.objective, color="C3", ls=":", label="largest (max_sliced)")
    right.set(xlabel="angle of the line, degrees", title="squared 2-Wasserstein cost along it")
    right.legend(fontsize=8)
    figure.savefig(sys.argv[1], dpi=80)
