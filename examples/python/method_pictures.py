"""Draws pictures of the methods' pages from real runs: method_pictures.py [FOLDER [NAME ...]]

Every function below solves small problems, most of them those of gallery.py, and draws the answers;
its name is that of the picture. Needs matplotlib; the default folder is build/out.
"""

import pathlib
import sys

import gallery
import numpy as np

import kantor
import kantor.doubly_stochastic as ds

BLUE, ORANGE, GREEN, GREY = "#1f77b4", "#ff7f0e", "#2ca02c", "#999999"


# ---- drawing -----------------------------------------------------------------------------------

def panels(count: int, width: float = 2.6, height: float = 2.4, **options: object) -> tuple:
    """A figure with panels side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, count, figsize=(width * count, height), **options)
    return figure, np.atleast_1d(axes)


def bare(plot: object, title: str) -> None:
    """A panel without axes, lengths equal both ways."""
    plot.set_title(title, fontsize=9)
    plot.set_aspect("equal")
    plot.axis("off")


def matched(plot: object, title: str, X: np.ndarray, Y: np.ndarray, plan: np.ndarray) -> None:
    """Two clouds and the entries of a plan between them."""
    top = plan.max()
    for i, j in zip(*np.nonzero(plan > 0.01 * top)):
        plot.plot(*np.stack([X[i], Y[j]]).T, color=GREY, linewidth=0.7,
                  alpha=float(min(1.0, plan[i, j] / top)))
    plot.scatter(*X.T, s=1 + 300 * plan.sum(1), color=BLUE, zorder=3)
    plot.scatter(*Y.T, s=1 + 300 * plan.sum(0), color=ORANGE, zorder=3)
    bare(plot, title)


def course(plot: object, result: kantor.Result, label: str, width: float = 1.2) -> None:
    """The residuals of a traced solve."""
    residual = result.trace["residual"]
    shown = residual > 0
    plot.semilogy(result.trace["iteration"][shown], residual[shown], label=label, linewidth=width)


def write(figure: object, path: pathlib.Path) -> None:
    """The picture as a small file: at most 64 colours."""
    from PIL import Image

    figure.tight_layout()
    figure.savefig(path, dpi=80, metadata={"Software": None})
    Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)
    print(f"wrote {path}, {path.stat().st_size // 1024} KiB")


# ---- plans -------------------------------------------------------------------------------------

def plans() -> object:
    """The same two clouds under five methods."""
    problem = gallery.square()
    runs = {
        "exact": kantor.solve(problem, "network_simplex"),
        "entropic, 0.02": kantor.solve(problem, "sinkhorn", epsilon=0.02),
        "entropic, 0.2": kantor.solve(problem, "sinkhorn", epsilon=0.2),
        "quadratic": kantor.solve(problem, "quadratic", gamma=4.0),
        "at most 2 a target": kantor.solve(
            problem, "sparsity_constrained", cardinality=2, gamma=4.0),
    }
    figure, axes = panels(len(runs), 2.2, 1.8)
    for plot, (title, result) in zip(axes, runs.items()):
        matched(plot, title, gallery.UPPER, gallery.LOWER, np.asarray(result.plan))
    return figure


def entropic_courses() -> object:
    """Error of the marginals against iterations, for two strengths of the entropy."""
    problem = gallery.problem_of("transport")
    figure, axes = panels(2, 3.4, 2.6, sharey=True)
    runs = {
        "greenkhorn": ("greenkhorn", {}),
        "sinkhorn, sweeps alone": ("sinkhorn", {"engine": "log", "epsilon_scaling": False}),
        "sinkhorn": ("sinkhorn", {}),
        "sinkhorn_newton_sparse": ("sinkhorn_newton_sparse", {}),
    }
    for plot, epsilon in zip(axes, (2.0, 0.5)):
        for (label, (method, options)), width in zip(runs.items(), (1, 1, 3, 1)):
            result = kantor.solve(problem, method, epsilon=epsilon, tolerance=1e-9, trace=True,
                                  max_iterations=100_000, **options)
            course(plot, result, label, width)
        plot.set_xscale("symlog", linthresh=10)
        plot.set_title(f"epsilon = {epsilon}", fontsize=9)
        plot.set_xlabel("iteration")
    axes[0].set_ylabel("error of the marginals")
    axes[0].legend(fontsize=7)
    return figure


def multiscale_sinkhorn(count: int = 20_000, least: float = 3e-4) -> object:
    """Pairs that a pass looks at, of twice so many points in space."""
    rng = np.random.default_rng(1)
    X, Y = rng.random((count, 3)), rng.random((count, 3)) ** 1.5
    strengths = np.geomspace(least, 0.1, 7)
    runs = [kantor.solve(kantor.Problem("transport", X=X, Y=Y), "multiscale_sinkhorn", epsilon=e,
                         tolerance=1e-4) for e in strengths]
    figure, axes = panels(2, 3.2, 2.4)
    axes[0].loglog(strengths, [r.pair_share for r in runs], "o-", color=BLUE)
    axes[0].set_ylabel("share of the pairs")
    axes[1].semilogx(strengths, [r.passes for r in runs], "o-", color=ORANGE)
    axes[1].set_ylabel("passes over them")
    axes[1].set_ylim(0)
    for plot in axes:
        plot.set_xlabel("epsilon")
    return figure


def sinkhorn_divergence() -> object:
    """A cloud and itself, moved: what the entropy adds, and that the divergence takes it away."""
    X, epsilon = gallery.UPPER, 0.3
    shifts = np.linspace(-1, 1, 21)
    found = {"entropic value": [], "divergence": [], "exact": []}
    for shift in shifts:
        problem = kantor.Problem("transport", X=X, Y=X + [shift, 0.0])
        found["entropic value"].append(kantor.solve(problem, "sinkhorn", epsilon=epsilon).objective)
        found["divergence"].append(
            kantor.solve(problem, "sinkhorn_divergence", epsilon=epsilon).objective)
        found["exact"].append(kantor.solve(problem, "network_simplex").objective)
    figure, axes = panels(1, 4.0, 2.6)
    for (label, values), style in zip(found.items(), ("-", "-", "k:")):
        axes[0].plot(shifts, values, style, label=label)
    axes[0].set_xlabel("shift")
    axes[0].legend(fontsize=8)
    return figure


def line() -> object:
    """Mass on a line: the plan of sorted masses, and means of quantiles."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(-1.5, 0.4, 60), np.r_[rng.normal(0.8, 0.2, 30), rng.normal(2.2, 0.3, 30)]
    plan = kantor.solve(kantor.Problem("transport", X=x, Y=y), "one_dimensional")
    figure, axes = panels(2, 3.6, 2.2)
    for i, j in zip(plan.plan_row, plan.plan_column):
        axes[0].plot([x[i], y[j]], [0, 1], color=GREY, linewidth=0.5)
    axes[0].scatter(x, 0 * x, s=8, color=BLUE, zorder=3)
    axes[0].scatter(y, 0 * y + 1, s=8, color=ORANGE, zorder=3)
    axes[0].set_yticks([])
    axes[0].set_title("one_dimensional", fontsize=9)
    both = kantor.Problem("point_barycentre", points=np.r_[x, y], counts=[60, 60])
    edges = np.linspace(-3, 3.2, 32)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        weights = np.clip([1 - share, share], 1e-9, None)
        mean = np.ravel(kantor.solve(both.copy(weights=weights), "quantile_barycentre").points)
        heights, _ = np.histogram(mean, edges)
        axes[1].plot((edges[1:] + edges[:-1]) / 2, heights, linewidth=1, label=f"{share}",
                     color=(share, 0.5, 1 - share))
    axes[1].legend(fontsize=7)
    axes[1].set_yticks([])
    axes[1].set_title("quantile_barycentre, weights 1 - t and t", fontsize=9)
    return figure


# ---- relaxed -----------------------------------------------------------------------------------

def relaxed() -> object:
    """Two moons, the lower one of half the mass: what stays behind."""
    X, Y = gallery.UPPER, gallery.LOWER + [0.4, 0.0]
    data = {"points_source": X, "points_target": Y, "weights_target": np.full(40, 1 / 80)}
    free = {"strength_source": 0.5, "strength_target": 0.5}
    some = kantor.Problem("partial_transport", mass=0.3, **data)
    kl = kantor.Problem("unbalanced_transport", penalty="kl", **free, **data)
    runs = {
        "partial_simplex": kantor.solve(some, "partial_simplex"),
        "entropic_partial": kantor.solve(some, "entropic_partial", epsilon=0.05),
        "unbalanced_simplex": kantor.solve(kl.copy(penalty="tv"), "unbalanced_simplex"),
        "unbalanced_sinkhorn": kantor.solve(kl, "unbalanced_sinkhorn", epsilon=0.05),
        "unbalanced_active_set": kantor.solve(kl, "unbalanced_active_set"),
    }
    figure, axes = panels(len(runs), 2.2, 1.8)
    for plot, (title, result) in zip(axes, runs.items()):
        matched(plot, title, X, Y, np.asarray(result.plan))
    return figure


# ---- means -------------------------------------------------------------------------------------

def barycentres() -> object:
    """Means of two digits on the grid, with entropy, without its blur, and as points."""
    problem = gallery.problem_of("barycentre")
    runs = {method: kantor.solve(problem, method, epsilon=0.8)
            for method in ("entropic_barycentre", "debiased_barycentre")}
    free = kantor.solve(gallery.problem_of("point_barycentre").copy(size=40),
                        "free_support_barycentre")
    images = gallery.images().reshape(2, 8, 8)
    figure, axes = panels(5, 1.7, 1.9)
    for plot, title, image in zip(
            axes, ("three", "eight", *runs),
            (*images, *(np.reshape(r.barycentre, (8, 8)) for r in runs.values()))):
        plot.imshow(image, cmap="Greys")
        bare(plot, title)
    axes[4].scatter(*np.asarray(free.points).T, s=12, color="black")
    axes[4].set_xlim(-0.5, 7.5)
    axes[4].set_ylim(-7.5, 0.5)
    bare(axes[4], "free_support_barycentre")
    return figure


def gaussians() -> object:
    """Normal laws as ellipses: the way from one to the other, and the mean of three."""
    turn = np.linspace(0, 2 * np.pi, 100)
    circle = np.stack([np.cos(turn), np.sin(turn)])

    def ellipse(plot: object, mean: np.ndarray, covariance: np.ndarray, color: object) -> None:
        values, vectors = np.linalg.eigh(covariance)
        plot.plot(*(np.asarray(mean)[:, None] + vectors @ (np.sqrt(values)[:, None] * circle)),
                  color=color)

    covariances = np.array([[[2.0, 1.2], [1.2, 1.0]], [[0.3, 0.0], [0.0, 3.0]],
                            [[1.5, -1.0], [-1.0, 1.2]]])
    means = np.array([[0.0, 0.0], [9.0, 0.0], [4.5, 6.0]])
    figure, axes = panels(2, 3.4, 2.4)
    pair = kantor.solve(kantor.Problem(
        "gaussian_transport", mean_source=means[0], covariance_source=covariances[0],
        mean_target=means[1], covariance_target=covariances[1]), "bures_wasserstein")
    for t in np.linspace(0, 1, 5):
        step = (1 - t) * np.eye(2) + t * np.asarray(pair.map_matrix)
        ellipse(axes[0], (1 - t) * means[0] + t * means[1], step @ covariances[0] @ step.T,
                (t, 0.5, 1 - t))
    bare(axes[0], "bures_wasserstein: the shortest way")
    mean = kantor.solve(kantor.Problem(
        "gaussian_barycentre", means=means, covariances=covariances), "bures_barycentre")
    for centre, covariance in zip(means, covariances):
        ellipse(axes[1], centre, covariance, BLUE)
    ellipse(axes[1], np.ravel(mean.mean), np.asarray(mean.covariance), ORANGE)
    bare(axes[1], "bures_barycentre of three")
    return figure


# ---- structure ---------------------------------------------------------------------------------

def spirals() -> object:
    """A spiral and itself turned, three points of it moved away: matched by their distances."""
    X, Y = gallery.LETTERS, gallery.spiral(24, 2.0)
    Y[:3] += [1.5, 0.8]
    data = {"structure_source": gallery.squared(X, X), "structure_target": gallery.squared(Y, Y)}
    runs = {
        "gromov_conditional_gradient": kantor.solve(
            kantor.Problem("gromov", **data), "gromov_conditional_gradient"),
        "gromov_partial, 7/8": kantor.solve(
            kantor.Problem("partial_gromov", mass=0.875, **data), "gromov_partial"),
        "gromov_unbalanced": kantor.solve(kantor.Problem(
            "unbalanced_gromov", strength_source=0.3, strength_target=0.3, **data),
            "gromov_unbalanced"),
    }
    figure, axes = panels(len(runs), 3.0, 2.0)
    for plot, (title, result) in zip(axes, runs.items()):
        matched(plot, title, X, Y + [2.5, 0.0], np.asarray(result.plan))
    return figure


def max_sliced() -> object:
    """The cost of the shadows along all lines, and the line that was found."""
    result = kantor.solve(gallery.problem_of("sliced_transport"), "max_sliced")
    best = np.ravel(result.best_direction)
    turns = np.linspace(0, np.pi, 361)
    costs = [gallery.shadows(np.array([np.cos(t), np.sin(t)])) for t in turns]
    figure, axes = panels(2, 3.2, 2.2)
    axes[0].scatter(*gallery.UPPER.T, s=8)
    axes[0].scatter(*gallery.LOWER.T, s=8)
    axes[0].plot(*(np.array([0.5, 0.25]) + np.outer([-1.2, 1.2], best)).T, color=GREEN)
    bare(axes[0], "two clouds and the line")
    axes[1].plot(np.degrees(turns), costs)
    axes[1].plot(np.degrees(np.arctan2(best[1], best[0])) % 180, result.objective, "o", color=GREEN)
    axes[1].set_xlabel("direction in degrees")
    axes[1].set_title("cost of the shadows", fontsize=9)
    return figure


# ---- matrices ----------------------------------------------------------------------------------

def doubly_stochastic() -> object:
    """One matrix, and doubly stochastic matrices made of it or of as many parameters."""
    matrix = gallery.similarity()
    made = {
        "given": matrix,
        "sinkhorn_knopp": ds.sinkhorn_knopp(np.log(matrix)),
        "birkhoff_projection": ds.birkhoff_projection(matrix),
    }
    numbers = np.sort(np.random.default_rng(2).normal(size=(1, 49)))
    for method, fields in (
            ("orthostochastic", {"matrices": matrix[None]}),
            ("permutation_mixture", {"parameters": 2 * numbers[:, :24], "size": 4}),
            ("kronecker_product", {"parameters": numbers[:, 5:47:8], "factors": [2.0] * 3}),
            ("spectral_sphere", {"parameters": numbers, "size": 8})):
        problem = kantor.Problem("doubly_stochastic", **fields)
        made[method] = kantor.solve(problem, method).doubly_stochastic
    figure, axes = panels(len(made), 1.75, 2.0)
    for plot, (title, values) in zip(axes, made.items()):
        values = np.squeeze(values)
        largest = np.abs(values).max()
        plot.imshow(values, cmap="RdBu", vmin=-largest, vmax=largest)
        bare(plot, title)
    return figure


def birkhoff_decomposition() -> object:
    """A doubly stochastic matrix and the permutations it is a mean of."""
    scaled = ds.birkhoff_projection(gallery.similarity())
    result = kantor.solve(
        kantor.Problem("doubly_stochastic", matrices=scaled[None]), "birkhoff_decomposition")
    order = np.argsort(result.weights)[::-1][:5]
    figure, axes = panels(1 + len(order), 1.5, 1.7)
    axes[0].imshow(scaled, cmap="Greys")
    bare(axes[0], "the matrix")
    for plot, k in zip(axes[1:], order):
        image = np.zeros((8, 8))
        image[np.arange(8), np.asarray(result.permutations)[k].astype(int)] = 1
        plot.imshow(image, cmap="Greys")
        bare(plot, f"{result.weights[k]:.3f} of")
    return figure


PICTURES = (
    plans, entropic_courses, multiscale_sinkhorn, sinkhorn_divergence, line, relaxed, barycentres,
    gaussians, spirals, max_sliced, doubly_stochastic, birkhoff_decomposition,
)


def main() -> None:
    """Draw the pictures asked for, or all."""
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/out")
    folder.mkdir(parents=True, exist_ok=True)
    for draw in PICTURES:
        if len(sys.argv) > 2 and draw.__name__ not in sys.argv[2:]:
            continue
        write(draw(), folder / f"{draw.__name__}.png")


if __name__ == "__main__":
    main()
