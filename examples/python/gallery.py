"""Every transport method once, on small real data: python gallery.py

Two handwritten digits, two half-moons and a spiral. Each line has a method, its status, its value,
and what was compared with an independent computation in numpy. The script ends with a code other
than 0 if any comparison fails, and asks the library which methods there are: one it does not know
yet is solved with the data of its kind, and its largest residual is shown.
"""

import pathlib
import sys

import numpy as np

import kantor

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
#: Kinds of problems that move or match mass.
KINDS = (
    "transport", "unbalanced_transport", "partial_transport", "semi_discrete_transport",
    "semi_discrete_polygon", "sliced_transport", "multimarginal", "gromov", "partial_gromov",
    "unbalanced_gromov", "barycentre", "point_barycentre", "gaussian_transport",
    "gaussian_barycentre", "doubly_stochastic", "map", "map_fit",
)


def digit(name: str) -> tuple:
    """Pixels with ink, and how much each of them has of all ink."""
    ink = np.loadtxt(DATA / f"digits_{name}.csv", delimiter=",")
    rows, columns = np.nonzero(ink)
    return np.c_[columns, -rows].astype(float), ink[rows, columns] / ink.sum()


def moons(count: int) -> tuple:
    """Two half-moons, one of them upside down."""
    t = np.linspace(0, np.pi, count)
    return np.c_[np.cos(t), np.sin(t)], np.c_[1 - np.cos(t), 0.5 - np.sin(t)]


def spiral(count: int, turn: float) -> np.ndarray:
    """A spiral, turned."""
    t = np.linspace(1, 6, count)
    return np.c_[t * np.cos(t + turn), t * np.sin(t + turn)] / 6


def squared(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Squared distances of all pairs."""
    return ((X[:, None] - Y) ** 2).sum(-1)


THREE, INK_THREE = digit("three")
EIGHT, INK_EIGHT = digit("eight")
UPPER, LOWER = moons(40)
LETTERS = spiral(24, 0.0)


# ---- data of each kind -------------------------------------------------------------------------

def images() -> np.ndarray:
    """Both digits as histograms on the 8 x 8 grid, no pixel empty."""
    both = np.stack([np.loadtxt(DATA / f"digits_{name}.csv", delimiter=",")
                     for name in ("three", "eight")]) + 0.1
    return (both / both.sum((1, 2), keepdims=True)).reshape(2, 64)


def grid() -> np.ndarray:
    """The pixels of an 8 x 8 image."""
    return np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0), indexing="ij"), -1).reshape(64, 2)


def problem_of(kind: str) -> kantor.Problem:
    """A problem of a kind."""
    cloud = np.concatenate([THREE, EIGHT])
    # The eight has twice the ink of the three.
    unequal = dict(weights_source=INK_THREE, weights_target=2 * INK_EIGHT,
                   points_source=THREE, points_target=EIGHT)
    spirals = dict(
        structure_source=squared(LETTERS, LETTERS),
        structure_target=squared(spiral(24, 1.0), spiral(24, 1.0)))
    fields = {
        "transport": lambda: dict(a=INK_THREE, b=INK_EIGHT, X=THREE, Y=EIGHT),
        "unbalanced_transport": lambda: dict(
            unequal, penalty="kl", strength_source=3.0, strength_target=3.0),
        "partial_transport": lambda: dict(unequal, mass=0.9),
        "semi_discrete_transport": lambda: dict(
            density=images()[0].reshape(8, 8), quadrature=16,
            points_target=[[0.2, 0.2], [0.5, 0.7], [0.8, 0.3]]),
        "semi_discrete_polygon": lambda: dict(points_target=[[0.2, 0.2], [0.5, 0.7], [0.8, 0.3]]),
        "sliced_transport": lambda: dict(points_source=UPPER, points_target=LOWER),
        "barycentre": lambda: dict(histograms=images(), cost=squared(grid(), grid())),
        "point_barycentre": lambda: dict(points=cloud, counts=[len(THREE), len(EIGHT)], size=20),
        "gaussian_transport": lambda: dict(
            mean_source=THREE.mean(0), covariance_source=np.cov(THREE.T),
            mean_target=EIGHT.mean(0), covariance_target=np.cov(EIGHT.T)),
        "gaussian_barycentre": lambda: dict(
            means=np.stack([THREE.mean(0), EIGHT.mean(0)]),
            covariances=np.stack([np.cov(THREE.T), np.cov(EIGHT.T)])),
        "doubly_stochastic": lambda: dict(matrices=similarity()[None]),
        "gromov": lambda: spirals,
        "partial_gromov": lambda: dict(spirals, mass=0.75),
        "unbalanced_gromov": lambda: dict(spirals, strength_source=1.0),
        "map": lambda: dict(points=UPPER, images=LOWER),
        "map_fit": lambda: dict(points_source=UPPER, points_target=LOWER),
        "multimarginal": lambda: dict(
            sizes=[40.0, 40.0, 40.0], points=np.concatenate([UPPER, (UPPER + LOWER) / 2, LOWER]),
            edges=[[0, 1], [1, 2]]),
    }
    return kantor.Problem(kind, **fields[kind]())


def similarity() -> np.ndarray:
    """How alike the points of the two moons are, eight of each."""
    return np.exp(-squared(UPPER[::5], LOWER[::5]))


# ---- comparisons -------------------------------------------------------------------------------

def square() -> kantor.Problem:
    """The two moons, equal weights."""
    return kantor.Problem("transport", X=UPPER, Y=LOWER)


def assignment() -> tuple:
    """Exact: as the network simplex."""
    result = kantor.solve(square(), "assignment")
    other = kantor.solve(square(), "network_simplex")
    return result, "cost of the network simplex", result.objective, other.objective


def network_simplex() -> tuple:
    """Exact: the dual value of its own potentials, from the costs."""
    result = kantor.solve(problem_of("transport"), "network_simplex")
    g = result.potential_target
    bound = INK_THREE @ (squared(THREE, EIGHT) - g).min(1) + INK_EIGHT @ g
    return result, "dual value in numpy", result.objective, bound


def one_dimensional() -> tuple:
    """Exact on a line: by sorting."""
    x, y = np.sort(UPPER[:, 0]), np.sort(LOWER[:, 1])
    result = kantor.solve(kantor.Problem("transport", X=UPPER[:, 0], Y=LOWER[:, 1]))
    return result, "sorted samples", result.objective, ((x - y) ** 2).mean()


def marginals(method: str) -> tuple:
    """A plan between the digits: its columns are the ink of the eight."""
    result = kantor.solve(problem_of("transport"), method)
    return result, "ink of the eight", result.plan.sum(0), INK_EIGHT


def unbalanced(method: str, penalty: str, epsilon: float = 0.0) -> tuple:
    """The value by its definition: cost, penalties of strength 3, and entropy if there is any."""
    problem = problem_of("unbalanced_transport").copy(penalty=penalty)
    result = kantor.solve(problem, method, **({"epsilon": epsilon} if epsilon else {}))
    plan, twice = result.plan, 2 * INK_EIGHT

    def divergence(p: np.ndarray, q: np.ndarray) -> float:
        return (p * np.log(np.where(p > 0, p, 1) / q) - p + q).sum()

    distance = divergence if penalty == "kl" else lambda p, q: np.abs(p - q).sum()
    value = (plan * squared(THREE, EIGHT)).sum() + 3 * distance(plan.sum(1), INK_THREE)
    value += 3 * distance(plan.sum(0), twice)
    value += epsilon * divergence(plan, np.outer(INK_THREE, twice))
    return result, "value by its definition", result.objective, value


def partial(method: str) -> tuple:
    """Nine tenths of the three's ink are moved, and no pixel gives more than it has."""
    result = kantor.solve(problem_of("partial_transport"), method)
    excess = np.maximum(result.plan.sum(1) - INK_THREE, 0).max()
    return result, "mass that is moved", result.plan.sum() + excess, 0.9


def semi_discrete(method: str) -> tuple:
    """Three points share the ink of a digit: each has a third of it, up to the grid's cells."""
    result = kantor.solve(problem_of("semi_discrete_transport"), method)
    isfair = np.abs(result.cell_masses - 1 / 3).max() <= 0.01
    return result, "a third in each cell", float(isfair), 1.0


def power_cells() -> tuple:
    """Three points share the unit square: areas of their cells by the shoelace formula."""
    result = kantor.solve(problem_of("semi_discrete_polygon"), "power_cells")
    areas = []
    for k in range(3):
        x, y = result.cell_corners[int(result.cell_starts[k]):int(result.cell_starts[k + 1])].T
        areas.append(0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1)))
    return result, "a third in each cell", np.array(areas), 1 / 3


def shadows(line: np.ndarray) -> float:
    """Cost of moving one moon's shadow on a line to the other's: by sorting."""
    return float(((np.sort(UPPER @ line) - np.sort(LOWER @ line)) ** 2).mean())


def sliced() -> tuple:
    """Along one line."""
    line = np.array([0.6, 0.8])
    result = kantor.solve(
        problem_of("sliced_transport").copy(projections=line[None]), "sliced")
    return result, "sorted shadows", result.objective, shadows(line)


def max_sliced() -> tuple:
    """The value is that of the line found, and no line of a fan has a larger one."""
    result = kantor.solve(problem_of("sliced_transport"), "max_sliced")
    turns = np.linspace(0, np.pi, 721)
    lines = [np.ravel(result.best_direction), *np.c_[np.cos(turns), np.sin(turns)]]
    return result, "largest of a fan of lines", result.objective, max(map(shadows, lines))


def sinkhorn_divergence() -> tuple:
    """A cloud against itself, moved."""
    shifted = kantor.Problem("transport", X=UPPER, Y=UPPER + [0.3, 0.4])
    result = kantor.solve(shifted, "sinkhorn_divergence", epsilon=0.1)
    return result, "square of the shift", result.objective, 0.25


def sparsity_constrained() -> tuple:
    """Two partners at most for each point of a moon."""
    result = kantor.solve(square(), "sparsity_constrained", cardinality=2)
    return result, "at most 2 partners", float((result.plan > 0).sum(0).max() <= 2), 1.0


def barycentre(method: str) -> tuple:
    """A mean image has all the ink."""
    result = kantor.solve(problem_of("barycentre"), method)
    return result, "ink of the mean image", float(np.sum(result.barycentre)), 1.0


def free_support_barycentre() -> tuple:
    """The centre of the barycentre is the mean of both centres."""
    result = kantor.solve(problem_of("point_barycentre"), "free_support_barycentre")
    centre = (THREE.mean(0) + EIGHT.mean(0)) / 2
    return result, "mean of the centres", result.points.mean(0), centre


def quantile_barycentre() -> tuple:
    """On a line: the mean of the sorted samples."""
    x, y = np.sort(UPPER[:, 1]), np.sort(LOWER[:, 1])
    both = kantor.Problem("point_barycentre", points=np.r_[x, y], counts=[40, 40])
    result = kantor.solve(both, "quantile_barycentre")
    return result, "mean quantiles", np.sort(np.ravel(result.points)), (x + y) / 2


def bures_wasserstein() -> tuple:
    """The map carries one covariance to the other."""
    result = kantor.solve(problem_of("gaussian_transport"), "bures_wasserstein")
    carried = result.map_matrix @ np.cov(THREE.T) @ result.map_matrix.T
    return result, "covariance carried over", carried, np.cov(EIGHT.T)


def bures_barycentre() -> tuple:
    """The covariance is the mean of what the maps to both make of it."""
    result = kantor.solve(problem_of("gaussian_barycentre"), "bures_barycentre")
    mean = np.zeros((2, 2))
    values, axes = np.linalg.eigh(result.covariance)
    root = axes @ np.diag(np.sqrt(values)) @ axes.T
    for law in (THREE, EIGHT):
        values, axes = np.linalg.eigh(root @ np.cov(law.T) @ root)
        mean += axes @ np.diag(np.sqrt(values)) @ axes.T / 2
    return result, "fixed point", mean, result.covariance


def doubly_stochastic(method: str) -> tuple:
    """Rows of a doubly stochastic matrix."""
    result = kantor.solve(problem_of("doubly_stochastic"), method)
    return result, "row sums", np.asarray(result.doubly_stochastic).sum(-1), 1.0


def parametrised(method: str, **fields: object) -> tuple:
    """Rows of a matrix made of parameters."""
    result = kantor.solve(kantor.Problem("doubly_stochastic", **fields), method)
    return result, "row sums", np.asarray(result.doubly_stochastic).sum(-1), 1.0


def birkhoff_decomposition() -> tuple:
    """The weighted permutations, put together."""
    scaled = kantor.doubly_stochastic.birkhoff_projection(similarity())
    result = kantor.solve(
        kantor.Problem("doubly_stochastic", matrices=scaled[None]), "birkhoff_decomposition")
    together = np.zeros((8, 8))
    for weight, image in zip(result.weights, np.asarray(result.permutations).astype(int)):
        together[np.arange(8), image] += weight
    return result, "matrix put together", together, scaled


def gromov(method: str) -> tuple:
    """A spiral and itself, turned, differ by nothing."""
    result = kantor.solve(problem_of("gromov"), method)
    return result, "marginals", result.plan.sum(1), 1 / 24


def gromov_partial() -> tuple:
    """Three quarters of a spiral are matched, and no place gives more than it has."""
    result = kantor.solve(problem_of("partial_gromov"), "gromov_partial")
    excess = np.maximum(result.plan.sum(1) - 1 / 24, 0).max()
    return result, "mass that is matched", result.plan.sum() + excess, 0.75


def gromov_unbalanced() -> tuple:
    """The value by its definition: distortion and divergences of products."""
    result = kantor.solve(problem_of("unbalanced_gromov"), "gromov_unbalanced")
    C, D = (squared(points, points) for points in (LETTERS, spiral(24, 1.0)))
    P, a = result.plan, 1 / 24
    p, q = P.sum(1), P.sum(0)
    value = p @ C ** 2 @ p + q @ D ** 2 @ q - 2 * (P * (C @ P @ D)).sum()
    for m in (p, q):
        pair = np.outer(m, m)
        value += (pair * np.log(np.where(pair > 0, pair, 1) / a ** 2) - pair + a ** 2).sum()
    return result, "value in numpy", result.objective, value


def monge_gap() -> tuple:
    """The half-moon turned upside down: pairs minus the optimal cost."""
    result = kantor.solve(problem_of("map"), "monge_gap")
    best = kantor.solve(square(), "assignment").objective
    return result, "pairs minus optimum", result.objective, (
        ((UPPER - LOWER) ** 2).sum(1).mean() - best)


def fit_map() -> tuple:
    """From one moon to the other; the images lie where the targets lie, on average."""
    result = kantor.solve(problem_of("map_fit"), "fit_map")
    return result, "A x + b", result.mapped, UPPER @ result.matrix.T + result.offset


def multimarginal_sinkhorn() -> tuple:
    """From one moon over the middle to the other: the chain is the sum of its pairs."""
    result = kantor.solve(problem_of("multimarginal"), "multimarginal_sinkhorn", epsilon=0.1)
    middle = (UPPER + LOWER) / 2
    pairs = [
        kantor.solve(kantor.Problem("transport", X=X, Y=Y), "sinkhorn", epsilon=0.1).objective
        for X, Y in ((UPPER, middle), (middle, LOWER))
    ]
    return result, "sum of two pairs", result.objective, sum(pairs)


#: Comparisons by method; others are judged by their certificates.
CHECKS = {
    "network_simplex": network_simplex,
    "assignment": assignment,
    "one_dimensional": one_dimensional,
    "sinkhorn": lambda: marginals("sinkhorn"),
    "sinkhorn_newton_sparse": lambda: marginals("sinkhorn_newton_sparse"),
    "multiscale_sinkhorn": lambda: marginals("multiscale_sinkhorn"),
    "greenkhorn": lambda: marginals("greenkhorn"),
    "low_rank_sinkhorn": lambda: marginals("low_rank_sinkhorn"),
    "unbalanced_sinkhorn": lambda: unbalanced("unbalanced_sinkhorn", "kl", 0.5),
    "unbalanced_active_set": lambda: unbalanced("unbalanced_active_set", "kl"),
    "unbalanced_simplex": lambda: unbalanced("unbalanced_simplex", "tv"),
    "partial_simplex": lambda: partial("partial_simplex"),
    "entropic_partial": lambda: partial("entropic_partial"),
    "semi_discrete": lambda: semi_discrete("semi_discrete"),
    "semi_discrete_stochastic": lambda: semi_discrete("semi_discrete_stochastic"),
    "power_cells": power_cells,
    "sliced": sliced,
    "max_sliced": max_sliced,
    "sinkhorn_divergence": sinkhorn_divergence,
    "quadratic": lambda: marginals("quadratic"),
    "sparsity_constrained": sparsity_constrained,
    "entropic_barycentre": lambda: barycentre("entropic_barycentre"),
    "debiased_barycentre": lambda: barycentre("debiased_barycentre"),
    "free_support_barycentre": free_support_barycentre,
    "quantile_barycentre": quantile_barycentre,
    "bures_wasserstein": bures_wasserstein,
    "bures_barycentre": bures_barycentre,
    "sinkhorn_knopp": lambda: doubly_stochastic("sinkhorn_knopp"),
    "birkhoff_projection": lambda: doubly_stochastic("birkhoff_projection"),
    "permutation_mixture": lambda: parametrised(
        "permutation_mixture", parameters=np.log(similarity()[:1, :6]), size=3),
    "kronecker_product": lambda: parametrised(
        "kronecker_product", parameters=np.log(similarity()[:1, :4]), factors=[2.0, 2.0]),
    "spectral_sphere": lambda: parametrised(
        "spectral_sphere", parameters=similarity()[:7, :7].reshape(1, 49), size=8),
    "orthostochastic": lambda: doubly_stochastic("orthostochastic"),
    "birkhoff_decomposition": birkhoff_decomposition,
    "gromov_conditional_gradient": lambda: gromov("gromov_conditional_gradient"),
    "gromov_entropic": lambda: gromov("gromov_entropic"),
    "gromov_semirelaxed": lambda: gromov("gromov_semirelaxed"),
    "gromov_partial": gromov_partial,
    "gromov_unbalanced": gromov_unbalanced,
    "monge_gap": monge_gap,
    "fit_map": fit_map,
    "multimarginal_sinkhorn": multimarginal_sinkhorn,
}


def by_certificate(kind: str, method: str) -> tuple:
    """What any method can be asked for."""
    result = kantor.solve(problem_of(kind), method)
    residuals = [value for name, value in result.certificate.items() if name.endswith("residual")]
    return result, "residuals", max(residuals, default=0.0), 0.0


def line(kind: str, method: str) -> tuple:
    """The line of a method and whether it is as it should be."""
    try:
        check = CHECKS.get(method, lambda: by_certificate(kind, method))
        result, what, found, expected = check()
    except kantor.KantorError as cause:
        if method in CHECKS:
            raise
        return f"{method:28s}not for these data: {str(cause).splitlines()[0][:60]}", True
    distance = float(np.abs(np.asarray(found) - expected).max())
    if method not in CHECKS:
        return f"{method:28s}{result.status:8s}  largest residual {distance:.1e}", True
    isright = result.status == "solved" and distance <= 1e-6
    return (f"{method:28s}{result.status:8s}{result.objective:10.4f}  {what}: "
            f"{'ok' if isright else f'off by {distance:.1e}'}"), isright


def main() -> int:
    """Print one line for each method; 1 if any is wrong."""
    wrong = 0
    for kind in KINDS:
        if kind not in kantor.kinds():
            continue
        for method in kantor.methods(kind):
            text, isright = line(kind, method)
            print(text)
            wrong += not isright
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
