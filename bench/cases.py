"""What is measured. A case is one problem; a line here adds one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    family: str  # which check examines the answers: exact, sinkhorn, quadratic, cloud, ...
    data: dict  # for data.make_task
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


def quadratic(n, gamma, **more):
    return Case(
        f"sparse-quadratic-{n}-{gamma:g}",
        f"quadratic regularisation, normal clouds of the plane, n = {n}, gamma = {gamma:g}",
        "quadratic", {"kind": "gauss", "n": n, "epsilon": gamma}, QUADRATIC, 1e-6, **more)


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
    Case("cloud-20000", "entropic, n = 20 000 points of the unit square, "
         "epsilon = 0.1 of the median cost, to 0.001", "cloud",
         {"kind": "plane", "n": 20_000, "epsilon_of_median": 0.1},
         ("blocked NumPy", "POT empirical_sinkhorn, lazy", "OTT point cloud",
          "Kantor point cloud"), 1e-3),
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
    Case("gromov-300", "Gromov-Wasserstein, n = 300, to a stationary plan", "gromov",
         {"kind": "spaces", "n": 300},
         ("POT gromov_wasserstein", "Kantor gromov_conditional_gradient"), 1e-7),
    Case("gromov-relaxed-300", "semi-relaxed, n = 300, to a stationary plan", "gromov",
         {"kind": "spaces", "n": 300, "relaxed": True},
         ("POT semirelaxed_gromov_wasserstein", "Kantor gromov_semirelaxed"), 1e-6),
    Case("gromov-entropic-100", "entropic Gromov-Wasserstein, n = 100, epsilon = 0.5, to 1e-6",
         "gromov", {"kind": "spaces", "n": 100, "epsilon": 0.5},
         ("POT entropic_gromov_wasserstein", "Kantor gromov_entropic"), 1e-6),
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
]
