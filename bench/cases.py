"""What is measured. A case is one problem; a line here adds one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    family: str  # which check examines the answers: exact, sinkhorn, quadratic, cloud, ...
    data: dict  # for problems.make_task
    contestants: tuple
    tolerance: float
    threads: tuple = (1,)  # in the quick set; the full one takes 1 and 2
    is_quick: bool = True
    memory: bool = True
    more: tuple = ()  # contestants of the full set only


EXACT_2D = (
    "POT emd", "POT lazy emd (points)", "SciPy assignment", "lapx lapjvs f32", "Kantor ot.emd",
    "Kantor solve", "Kantor solve (points)",
)
EXACT_MATRIX = (
    "POT emd", "SciPy assignment", "lapx lapjvs f32", "Kantor ot.emd", "Kantor solve",
)
EXACT_MORE = ("lapx lapjvx", "lapx lapjvs")
ENTROPIC = (
    "POT sinkhorn", "POT sinkhorn_log", "OTT log domain", "OTT log domain, momentum",
    "Kantor ot.sinkhorn", "Kantor solve sinkhorn", "Kantor solve sinkhorn (points)",
)
ENTROPIC_MORE = (
    "POT sinkhorn_stabilized", "POT greenkhorn", "OTT scaling", "GeomLoss ot.solve",
    "Kantor greenkhorn",
)


def exact(name, title, kind, n, contestants, **more):
    return Case(f"exact-{name}-{n}", f"{title}, n = {n}", "exact", {"kind": kind, "n": n},
                contestants, 1e-9, **more)


def sinkhorn(n, epsilon, tolerance, **more):
    return Case(
        f"sinkhorn-{n}-{epsilon:g}-{tolerance:g}",
        f"entropic, n = {n}, epsilon = {epsilon:g} of the median cost, to {tolerance:g}",
        "sinkhorn", {"kind": "plane", "n": n, "epsilon_of_median": epsilon},
        ENTROPIC, tolerance, more=ENTROPIC_MORE, **more)


def sparse(kind, title, n, **more):
    """The settings of the paper on sparse Newton steps: epsilon = 1 / 1200 of the largest cost."""
    return Case(
        f"sparse-{kind}", f"{title}, n = {n}, epsilon = 1/1200, to 1e-12", "sparse",
        {"kind": kind, "n": n, "epsilon": 1 / 1200},
        ("regot SSNS", "regot SPLR", "Kantor sinkhorn_newton_sparse",
         "Kantor sinkhorn_newton_sparse, as published", "Kantor plain sweeps"), 1e-12, **more)


QUADRATIC = (
    "POT smooth_ot_dual", "POT smooth_ot_semi_dual", "regot semismooth Newton",
    "Kantor solve quadratic", "Kantor solve quadratic, lbfgs",
)
LIMITED = (
    "POT smooth_ot_dual", "POT smooth_ot_semi_dual", "Kantor solve sparsity_constrained",
)


def prox(name, title, kind, n, tolerance=1e-9, peers=("NumPy prox", "pyproximal"), **more):
    return Case(f"prox-{name}-{n}", title, "prox", {"kind": kind, "n": n, "map": name, **more},
                (*peers, "Kantor prox"), tolerance)


def game(kind, title, n, tolerance, peers=(), **more):
    return Case(f"game-{kind}-{n}-{tolerance:g}", f"{title}, n = {n}, to {tolerance:g}",
                "matrix-game", {"kind": kind, "n": n},
                ("SciPy linprog highs-ds", "SciPy linprog highs-ipm", *peers,
                 "Kantor linear_program", "Kantor primal_dual_hybrid_gradient"), tolerance, **more)


def quadratic(n, gamma, **more):
    return Case(
        f"sparse-quadratic-{n}-{gamma:g}",
        f"quadratic regularisation, normal clouds of the plane, n = {n}, gamma = {gamma:g}",
        "quadratic", {"kind": "gauss", "n": n, "epsilon": gamma}, QUADRATIC, 1e-6, **more)


PROGRAM = ("PIQP", "Clarabel", "OSQP", "SCS", "ProxQP", "Kantor interior_point")
SMALL = ("PIQP", "Clarabel", "DAQP", "quadprog", "Kantor qp.solve_two_sided",
         "Kantor DenseProgram", "Kantor DenseProgram, again", "Kantor from C: kantor_qp_dense",
         "Kantor from C: kantor_qp_dense, again")


def program(name, title, kind, n, contestants=PROGRAM, **more):
    return Case(f"cone-{name}-{n}", f"{title}, n = {n}, to 1e-6", "program",
                {"kind": kind, "n": n}, contestants, 1e-6, **more)


def cone_first(kind, title, n, **more):
    return Case(
        f"cone-first-{kind}-{n}", f"{title}, to 1e-4", "cone-first",
        {"kind": f"cone_{kind}", "n": n},
        ("SCS (cone form)", "OSQP (cone form)", "Kantor first_order"), 1e-4,
        more=("Kantor first_order, halpern", "Kantor first_order, primal_dual"), **more)


CONIC = ("Clarabel (conic)", "SCS (conic)", "Kantor interior_point (conic)")


def conic(name, kind, title, n, tolerance=1e-7, contestants=CONIC, **more):
    return Case(f"cone-{name}-{kind}-{n}", f"{title}, n = {n}, to {tolerance:g}", "conic",
                {"kind": f"conic_{kind}", "n": n}, contestants, tolerance, **more)


def curve(family, kind, title, n, contestants, **more):
    return Case(
        f"nlp-{family}-{kind}-{n}", f"{title}, n = {n}, gradient to 1e-8 of the first", "curves",
        {"kind": f"curve_{kind}", "n": n}, contestants, 1e-8, memory=False, **more)


FITS = ("SciPy least_squares trf", "SciPy least_squares lm", "Kantor least_squares")
FITS_IN_FORM = ("SciPy least_squares trf", "Kantor least_squares")
MINIMIZE = tuple(
    f"{library} minimize {method}" for method in ("L-BFGS-B", "trust-exact", "trust-constr")
    for library in ("SciPy", "Kantor"))


SMOOTH = ("IPOPT (CasADi)", "POUNCE", "Kantor nonlinear/interior_point")
COLLECTION = (
    *SMOOTH, "CasADi sqpmethod", "NLopt SLSQP", "SciPy SLSQP",
    "Kantor nonlinear/interior_point, no Hessian", "Kantor from C: nonlinear/interior_point",
    "Kantor sqp", "Kantor sqp, no Hessian", "Kantor from C: sqp", "Kantor from C: sqp, no Hessian",
    "Kantor augmented_lagrangian", "Kantor augmented_lagrangian, no Hessian",
)


def smooth(name, title, kind, n, contestants=SMOOTH, tolerance=1e-9, **more):
    return Case(f"nlp-{name}-{n}", title, "nonlinear", {"kind": f"nlp_{kind}", "n": n},
                contestants, tolerance, **more)


def small():
    return smooth("small", "91 problems of Hock and Schittkowski, one after the other",
                  "collection", 91, COLLECTION, 0.1, memory=False)


UNBALANCED = (
    "POT sinkhorn_unbalanced", "POT sinkhorn_unbalanced, translation invariant",
    "Kantor ot.sinkhorn_unbalanced", "Kantor solve unbalanced_sinkhorn",
)
RELAXED = ("POT mm_unbalanced", "POT lbfgsb_unbalanced", "Kantor solve unbalanced_active_set")


def unbalanced(n, epsilon, strength, **more):
    return Case(
        f"unbalanced-kl-{n}-{epsilon:g}-{strength:g}",
        f"unbalanced, KL penalties of strength {strength:g} times the median cost, n = {n}, "
        f"epsilon = {epsilon:g} of the median cost, to 1e-9", "unbalanced",
        {"kind": "unequal_plane", "n": n, "epsilon_of_median": epsilon, "strength": strength},
        UNBALANCED, 1e-9, **more)


def partial(kind, title, n, mass, **more):
    return Case(f"partial-{kind}-{n}-{mass:g}", f"partial, {title}, n = {n}, {mass:g} of the mass",
                "partial", {"kind": kind, "n": n, "mass": mass},
                ("POT partial_wasserstein", "Kantor ot.partial_wasserstein",
                 "Kantor solve partial_simplex"), 1e-9, **more)


BILEVEL = (
    "SciPy L-BFGS-B, implicit derivative by hand", "JAXopt implicit differentiation",
    "Kantor bilevel implicit", "Kantor bilevel, default",
)
BILEVEL_FIRST = (
    "NumPy F2SA, published steps", "Kantor bilevel f2sa", "Kantor bilevel penalty",
    "Kantor bilevel lv_hba",
)
BILEVEL_LAYER = (
    "SciPy L-BFGS-B, implicit derivative by hand",
    "JAXopt projected gradient, implicit differentiation", "Kantor nested, cone",
)
BILEVEL_GAME = ("SciPy L-BFGS-B, implicit derivative by hand", "Kantor nested, game")


def bilevel(name, title, kind, n, **more):
    return Case(f"bilevel-{name}-{n}", f"{title}, to 1e-5", "bilevel", {"kind": kind, "n": n},
                BILEVEL, 1e-5, **more)


VI = (
    "NumPy extragradient", "NumPy golden ratio", "SciPy newton_krylov", "SciPy anderson",
    "JAXopt AndersonAcceleration", "Kantor vi (default)", "Kantor vi, fast_extragradient",
    "Kantor vi, extragradient", "Kantor vi, extragradient with anderson",
    "Kantor vi, forward_reflected_backward",
    "Kantor vi, forward_reflected_backward with anderson", "Kantor vi, golden_ratio",
)


def vi(kind, title, n, **more):
    return Case(
        f"vi-{kind}-{n}", f"{title}, n = {n}, residual 1e-6", "vi",
        {"kind": f"vi_{kind}", "n": n}, VI, 1e-6, memory=False, **more)


CASES = [
    exact("2d", "points of the unit square, uniform weights", "plane", 1000, EXACT_2D,
          more=EXACT_MORE),
    exact("2d", "points of the unit square, uniform weights", "plane", 2000, EXACT_2D,
          more=EXACT_MORE),
    exact("2d", "points of the unit square, uniform weights", "plane", 4000, EXACT_2D,
          more=EXACT_MORE),
    exact("weights", "points of the unit square, general weights", "weighted_plane", 1000,
          ("POT emd", "POT lazy emd (points)", "Kantor ot.emd", "Kantor solve",
           "Kantor solve (points)")),
    exact("weights", "points of the unit square, general weights", "weighted_plane", 4000,
          ("POT emd", "POT lazy emd (points)", "Kantor ot.emd", "Kantor solve",
           "Kantor solve (points)"), is_quick=False),
    exact("16d", "normal points of 16 dimensions, uniform weights", "gauss16", 1000, EXACT_2D,
          more=EXACT_MORE),
    exact("16d", "normal points of 16 dimensions, uniform weights", "gauss16", 4000, EXACT_2D,
          more=EXACT_MORE),
    exact("random", "independent random costs, uniform weights", "random_cost", 1000,
          EXACT_MATRIX, more=EXACT_MORE),
    exact("random", "independent random costs, uniform weights", "random_cost", 2000,
          EXACT_MATRIX, more=EXACT_MORE),
    exact("tiny", "one call with its defaults, random costs", "random_cost", 10,
          ("POT emd, one call", "SciPy assignment, one call", "lapx lapjvs, one call",
           "Kantor ot.emd, one call", "Kantor solve, one call",
           "Kantor from C: kantor_transport_exact", "Kantor from C: kantor_solve"),
          memory=False),
    Case("line-1000000", "squared 2-Wasserstein distance on the line, n = 1 000 000", "line",
         {"kind": "line", "n": 1_000_000},
         ("NumPy sort of both", "POT wasserstein_1d", "POT emd2_1d", "Kantor wasserstein_1d",
          "Kantor emd2_1d"), 1e-9),

    program("tiny", "small dense quadratic program, 2 n rows", "dense_qp", 10, SMALL,
            memory=False),
    program("tiny", "small dense quadratic program, 2 n rows", "dense_qp", 30, SMALL,
            memory=False),
    program("qp-dense", "dense quadratic program, 2 n rows", "dense_qp", 200,
            (*PROGRAM, "DAQP", "Kantor active_set")),
    program("qp-random", "random quadratic program, 10 n rows", "random_qp", 100),
    program("qp-equality", "equations only, n / 2 rows", "equality_qp", 500),
    program("qp-portfolio", "portfolio, n factors, 100 n assets", "portfolio", 20),
    program("qp-lasso", "lasso, 100 n observations", "lasso", 50),
    program("qp-svm", "support vector machine, 100 n observations", "svm", 50),
    program("qp-huber", "Huber regression, 100 n observations", "huber", 30),
    program("qp-control", "control, n states, 10 steps", "control", 40),
    program("lp-transport", "transport of n to 5/4 n places", "transport_lp", 40,
            (*PROGRAM, "HiGHS")),
    program("lp-transport", "transport of n to 5/4 n places", "transport_lp", 80,
            (*PROGRAM, "HiGHS")),

    sinkhorn(1000, 0.05, 1e-6),
    sinkhorn(1000, 0.01, 1e-6),
    sinkhorn(1000, 0.001, 1e-6),
    sinkhorn(1000, 0.05, 1e-9, is_quick=False),
    sinkhorn(1000, 0.01, 1e-9, is_quick=False),
    sinkhorn(1000, 0.001, 1e-9, is_quick=False),
    sinkhorn(2000, 0.05, 1e-6, is_quick=False),
    sinkhorn(2000, 0.01, 1e-6, threads=(1, 2)),
    sinkhorn(2000, 0.001, 1e-6, is_quick=False),
    sinkhorn(2000, 0.01, 1e-9, is_quick=False),
    sinkhorn(5000, 0.05, 1e-6, is_quick=False),
    sinkhorn(5000, 0.01, 1e-6, is_quick=False),
    sinkhorn(5000, 0.001, 1e-6, is_quick=False),
    sinkhorn(5000, 0.01, 1e-9, is_quick=False),
    sparse("random_cost", "random costs", 500),
    sparse("digits_l2", "images of digits, squared Euclidean cost", 784),
    sparse("digits_l1", "images of digits, L1 cost", 784),
    quadratic(500, 1.0),
    quadratic(500, 10.0),
    quadratic(1000, 1.0, is_quick=False),
    quadratic(1000, 10.0),
    Case("sparse-capacity-500-4", "quadratic regularisation, gamma = 1, at most 4 entries in a "
         "column, n = 500", "quadratic",
         {"kind": "gauss", "n": 500, "epsilon": 1.0, "max_nz": 4}, LIMITED, 1e-6),
    unbalanced(1000, 0.1, 1.0),
    unbalanced(1000, 0.01, 1.0, is_quick=False),
    unbalanced(1000, 0.01, 10.0, is_quick=False),
    Case("unbalanced-exact-300", "unbalanced without entropy, KL penalties of strength 1 times "
         "the median cost, n = 300, to 1e-4", "unbalanced",
         {"kind": "unequal_plane", "n": 300, "epsilon_of_median": 0.0, "strength": 1.0},
         RELAXED, 1e-4),
    Case("unbalanced-exact-1000", "unbalanced without entropy, KL penalties of strength 10 times "
         "the median cost, n = 1000, to 1e-4", "unbalanced",
         {"kind": "unequal_plane", "n": 1000, "epsilon_of_median": 0.0, "strength": 10.0},
         RELAXED, 1e-4),
    partial("plane", "points of the unit square", 300, 0.8),
    partial("plane", "points of the unit square", 1000, 0.3),
    partial("plane", "points of the unit square", 1000, 0.8),
    partial("gauss16", "normal points of 16 dimensions", 1000, 0.8),
    Case("cells-200", "the unit square in cells of equal area, 200 points, areas to 0.02", "cells",
         {"kind": "sites", "n": 200},
         ("POT solve_semidiscrete", "Kantor power_cells", "Kantor semi_discrete"), 0.02),
    Case("cloud-20000", "entropic, n = 20 000 points of the unit square, "
         "epsilon = 0.1 of the median cost, to 0.001", "cloud",
         {"kind": "plane", "n": 20_000, "epsilon_of_median": 0.1},
         ("blocked NumPy", "POT empirical_sinkhorn, lazy", "OTT point cloud",
          "Kantor point cloud", "Kantor multiscale"), 1e-3),
    Case("cloud-space-20000", "entropic, n = 20 000 points of the unit cube, "
         "epsilon = 0.01 of the median cost, to 1e-06", "cloud",
         {"kind": "space", "n": 20_000, "epsilon_of_median": 0.01},
         ("OTT point cloud", "Kantor point cloud", "Kantor multiscale"), 1e-6),
    Case("divergence-shifted", "Sinkhorn divergence, n = 1000, epsilon = 0.1, a cloud and itself "
         "moved by (1, 1): exactly 2", "divergence",
         {"kind": "shifted", "n": 1000, "epsilon": 0.1, "known": 2.0},
         ("POT empirical_sinkhorn_divergence", "OTT sinkhorn_divergence",
          "GeomLoss, scaling 0.5", "GeomLoss, scaling 0.99",
          "Kantor empirical_sinkhorn_divergence", "Kantor solve sinkhorn_divergence"), 1e-6),
    Case("divergence-separate", "Sinkhorn divergence, n = 1000, epsilon = 0.1, two clouds",
         "divergence", {"kind": "separate", "n": 1000, "epsilon": 0.1},
         ("POT empirical_sinkhorn_divergence", "OTT sinkhorn_divergence",
          "GeomLoss, scaling 0.5", "GeomLoss, scaling 0.99",
          "Kantor empirical_sinkhorn_divergence", "Kantor solve sinkhorn_divergence"), 1e-6),
    Case("ot-barycentre-line-500", "entropic barycentre of 4 histograms, n = 500, epsilon = 0.001 "
         "of the largest cost, to 1e-5", "barycentre",
         {"kind": "bumps", "n": 500, "epsilon": 1e-3},
         ("POT barycenter", "Kantor ot.barycenter"), 1e-5),
    Case("ot-barycentre-images-64", "entropic barycentre of 3 images of 64 x 64, epsilon = 0.002, "
         "to 1e-4", "barycentre", {"kind": "discs", "n": 64, "epsilon": 2e-3},
         ("POT convolutional_barycenter2d", "Kantor convolutional_barycenter2d"), 1e-4),
    Case("ot-barycentre-clouds-300", "barycentre of 3 clouds of 300 points, all points free",
         "free_barycentre", {"kind": "clouds", "n": 300},
         ("POT free_support_barycenter", "Kantor free_support_barycenter"), 1e-6),
    Case("sliced-10000-10", "sliced distance, n = 10 000 points of 10 dimensions, 100 directions",
         "sliced", {"kind": "sliced", "n": 10_000, "d": 10},
         ("POT sliced_wasserstein_distance", "Kantor sliced_wasserstein_distance"), 1e-9),
    Case("sliced-100000-3", "sliced distance, n = 100 000 points of space, 100 directions",
         "sliced", {"kind": "sliced", "n": 100_000, "d": 3},
         ("POT sliced_wasserstein_distance", "Kantor sliced_wasserstein_distance"), 1e-9),
    cone_first("lasso", "lasso with 100 coefficients and 1000 residuals", 100),
    cone_first("lasso", "lasso with 300 coefficients and 3000 residuals", 300),
    cone_first("portfolio", "portfolio of 5000 assets and 50 factors", 50),
    cone_first("linear_program", "random linear program, 1000 equations, 3000 variables", 1000,
               is_quick=False),
    conic("socp", "robust", "robust linear program, n variables, 2 n ellipsoids", 60),
    conic("socp", "group_lasso", "group lasso, n coefficients in groups of ten", 400),
    conic("sdp", "max_cut", "maximum cut, entries as variables", 100),
    conic("sdp", "max_cut_sparse", "maximum cut of a sparse graph, its dual", 200),
    conic("sdp", "inequality", "inequality of n dense matrices of side n", 60),
    conic("sdp", "lipschitz", "Lipschitz bound of a layer of n units", 60),
    conic("sdp", "clustering", "relaxation of K-means, n points", 40),
    conic("sdp", "band", "matrix inequality in a band, side n", 200),
    conic("exponential", "logistic", "sparse logistic regression, n samples", 1000),
    conic("exponential", "geometric", "geometric program, n variables", 60),
    Case("gromov-300", "Gromov-Wasserstein, n = 300, to a stationary plan", "gromov",
         {"kind": "spaces", "n": 300},
         ("POT gromov_wasserstein", "Kantor gromov_conditional_gradient"), 1e-7),
    Case("gromov-relaxed-300", "semi-relaxed, n = 300, to a stationary plan", "gromov",
         {"kind": "spaces", "n": 300, "relaxed": True},
         ("POT semirelaxed_gromov_wasserstein", "Kantor gromov_semirelaxed"), 1e-6),
    Case("gromov-partial-200", "partial, n = 200, 80 % of the mass, to a stationary plan", "gromov",
         {"kind": "spaces", "n": 200, "mass": 0.8},
         ("POT partial_gromov_wasserstein", "Kantor gromov_partial"), 1e-7),
    Case("gromov-unbalanced-100", "unbalanced, n = 100, strengths 1, epsilon = 0.5, to 1e-5",
         "gromov", {"kind": "spaces", "n": 100, "epsilon": 0.5, "strength": 1.0},
         ("POT fused_unbalanced_gromov_wasserstein", "Kantor gromov_unbalanced"), 1e-5),
    small(),
    smooth("sparse-chain", "chained Rosenbrock function with 998 equations", "chain", 1000),
    smooth("sparse-control", "control of a particle, 700 steps", "control", 700),
    smooth("pde-poisson", "control of the Poisson equation on a grid of 32 x 32", "poisson", 32),
    smooth("pde-poisson", "control of the Poisson equation on a grid of 64 x 64", "poisson", 64),
    smooth("pde-poisson", "control of the Poisson equation on a grid of 128 x 128", "poisson", 128),
    smooth("sparse-chain", "chained Rosenbrock function with 99998 equations", "chain", 100_000),
    smooth("sparse-control", "control of a particle, 10000 steps", "control", 10_000),
    smooth("pde-obstacle", "least surface over a lens on a grid of 64 x 64", "obstacle", 64),
    smooth("pde-obstacle", "least surface over a lens on a grid of 128 x 128", "obstacle", 128),
    smooth("pde-edge", "boundary control on a grid of 32 x 32", "edge", 32),
    smooth("pde-edge", "boundary control on a grid of 64 x 64", "edge", 64),
    Case("gromov-entropic-100", "entropic Gromov-Wasserstein, n = 100, epsilon = 0.5, to 1e-6",
         "gromov", {"kind": "spaces", "n": 100, "epsilon": 0.5},
         ("POT entropic_gromov_wasserstein", "Kantor gromov_entropic"), 1e-6),
    curve("ls", "decay", "a decay and a wave fitted to n points", 200, FITS),
    curve("ls", "valley", "Rosenbrock's valley with an active bound", 2, FITS_IN_FORM),
    curve("ls", "neuron", "tanh(A x) fitted to 10 n values", 150, FITS),
    curve("ls", "tridiagonal", "Broyden's tridiagonal system, sparse", 20_000, FITS_IN_FORM),
    curve("overhead", "chain", "Rosenbrock's function through minimize", 5, MINIMIZE),
    bilevel("toy", "quadratic functions of 2 x 10 variables", "bilevel_quadratic", 10),
    Case("bilevel-first-10", "quadratic functions of 2 x 10 variables from gradients, to 1e-5",
         "bilevel", {"kind": "bilevel_quadratic", "n": 10}, BILEVEL_FIRST, 1e-5),
    Case("bilevel-first-cleaning", "weights of 600 samples from gradients, to 1e-4", "bilevel",
         {"kind": "bilevel_weights", "n": 600},
         ("SciPy L-BFGS-B, implicit derivative by hand", "Kantor bilevel f2sa"), 1e-4),
    bilevel("toy", "quadratic functions of 2 x 100 variables", "bilevel_quadratic", 100),
    bilevel("hyper", "ridge penalties of ten features", "bilevel_ridge", 10),
    bilevel("hyper", "ridge penalties of 65 features", "bilevel_ridge", 65),
    bilevel("cleaning", "weights of 600 samples, half of their labels wrong", "bilevel_weights",
            600),
    Case("bilevel-layer-30", "returns of 30 assets learned from a portfolio, to 1e-3", "bilevel",
         {"kind": "layer_portfolio", "n": 30}, BILEVEL_LAYER, 1e-3),
    Case("bilevel-game-30", "taxes that bring 30 firms to what is wanted, to 1e-3", "bilevel",
         {"kind": "layer_firms", "n": 30}, BILEVEL_GAME, 1e-3),
    prox("simplex", "projection on the simplex, 1000 points of 1000 numbers", "vectors", 1000,
         rows=1000),
    prox("l1_ball", "projection on the l1 ball, one point of a million numbers", "vectors",
         1_000_000),
    prox("total_variation", "total variation of 10 000 numbers, weight 3", "signal", 10_000,
         tolerance=1e-6, peers=("pyproximal",), weight=3.0),
    prox("nuclear", "nuclear norm of a 200 x 200 matrix, weight 5", "square", 200, weight=5.0),
    game("payoffs", "random zero-sum game", 30, 1e-6, peers=("Nashpy linear program",)),
    game("payoffs", "random zero-sum game", 200, 1e-6, peers=("Nashpy linear program",)),
    game("payoffs", "random zero-sum game", 1000, 1e-4),
    game("sparse_payoffs", "random zero-sum game, one payoff of a hundred", 1000, 1e-4),

    vi("linear", "F(z) = Az + b, A diagonal and skew", 300),
    vi("game", "matrix game by its operator", 100),
    vi("traffic", "route flows, times of fourth power", 200),
    vi("cournot", "competition of firms, price and costs not linear", 50),
    vi("robust", "robust least squares", 50),
    vi("lasso", "regression with an l1 norm", 100),
    vi("bilinear", "bilinear game, singular values from 1 to 1e-4", 100),
    vi("boxed", "the same in a box", 100),
]


@dataclass(frozen=True)
class Profile:
    """One case at many accuracies."""

    case: Case
    contestants: tuple
    tolerances: tuple


PROFILE = Profile(
    sinkhorn(1000, 0.01, 1e-6),
    ("POT sinkhorn", "OTT log domain", "OTT log domain, momentum", "Kantor solve sinkhorn"),
    (1e-2, 1e-4, 1e-6, 1e-8, 1e-10),
)

# Measured with one and two threads, on an idle and on a busy machine.
SHARED = [
    (exact("2d", "points of the unit square, uniform weights", "plane", 2000, EXACT_2D),
     ("POT emd", "Kantor solve")),
    (sinkhorn(2000, 0.01, 1e-6),
     ("POT sinkhorn", "OTT log domain, momentum", "Kantor solve sinkhorn")),
    (small(), ("Kantor from C: nonlinear/interior_point", "Kantor from C: sqp")),
]
