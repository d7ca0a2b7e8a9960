"""Optimal transport under the names of the POT package (``import ot``).

Names, arguments and return shapes are those of POT 0.9.7, so that a program switches by changing
one import. Arrays may be anything numpy can see in CPU memory; results are numpy arrays of the
input's precision (float32 in, float32 out). What Kantor does not offer raises
`kantor.UnsupportedError` instead of being ignored. Where an argument means something else here,
its description says so.

Differences that are meant: an iteration limit at POT's default of exact solvers is no limit, so
that large problems are solved and not cut off; integer weights give float64 plans; scaling vectors
come from potentials that never under- or overflow inside the solver.
"""

from __future__ import annotations

from . import (
    batch, bregman, coot, da, datasets, factored, gaussian, gmm, gromov, lowrank, lp, mapping,
    monge, optim, partial, semidiscrete, sliced, smooth, solvers, stochastic, unbalanced, utils,
    weak,
)
from ._circle import (
    binary_search_circle, linear_circular_ot, semidiscrete_wasserstein2_unif_circle,
    wasserstein_circle,
)
from ._exact import emd, emd2
from ._exact_points import emd2_lazy
from ._line import emd2_1d, emd_1d, wasserstein_1d
from ._multimarginal import Multimarginal, multimarginal
from ._outcome import LazyPlan, OTResult
from ._solve_gromov import solve_gromov
from ._tools import dist, unif
from ._unified import solve, solve_sample
from .batch import dist_batch, solve_batch, solve_gromov_batch, solve_sample_batch
from .bregman import barycenter, sinkhorn, sinkhorn2
from .da import sinkhorn_lpl1_mm
from .factored import factored_optimal_transport
from .gromov import (
    fused_gromov_wasserstein, fused_gromov_wasserstein2, gromov_barycenters, gromov_wasserstein,
    gromov_wasserstein2,
)
from .lowrank import lowrank_sinkhorn
from .sliced import (
    expected_sliced_plan, linear_sliced_wasserstein_sphere, max_sliced_wasserstein_distance,
    min_sliced_transport_plan, sliced_wasserstein_distance, sliced_wasserstein_sphere,
    sliced_wasserstein_sphere_unif,
)
from .unbalanced import barycenter_unbalanced, sinkhorn_unbalanced, sinkhorn_unbalanced2
from .utils import tic, toc, toq
from .weak import weak_optimal_transport

__all__ = [
    "LazyPlan",
    "Multimarginal",
    "OTResult",
    "barycenter",
    "barycenter_unbalanced",
    "batch",
    "binary_search_circle",
    "bregman",
    "coot",
    "da",
    "datasets",
    "dist",
    "dist_batch",
    "emd",
    "emd2",
    "emd2_1d",
    "emd2_lazy",
    "emd_1d",
    "expected_sliced_plan",
    "factored",
    "factored_optimal_transport",
    "fused_gromov_wasserstein",
    "fused_gromov_wasserstein2",
    "gaussian",
    "gmm",
    "gromov",
    "gromov_barycenters",
    "gromov_wasserstein",
    "gromov_wasserstein2",
    "linear_circular_ot",
    "linear_sliced_wasserstein_sphere",
    "lowrank",
    "lowrank_sinkhorn",
    "lp",
    "mapping",
    "max_sliced_wasserstein_distance",
    "min_sliced_transport_plan",
    "monge",
    "multimarginal",
    "optim",
    "partial",
    "semidiscrete",
    "semidiscrete_wasserstein2_unif_circle",
    "sinkhorn",
    "sinkhorn2",
    "sinkhorn_lpl1_mm",
    "sinkhorn_unbalanced",
    "sinkhorn_unbalanced2",
    "sliced",
    "sliced_wasserstein_distance",
    "sliced_wasserstein_sphere",
    "sliced_wasserstein_sphere_unif",
    "smooth",
    "solve",
    "solve_batch",
    "solve_gromov",
    "solve_gromov_batch",
    "solve_sample",
    "solve_sample_batch",
    "solvers",
    "stochastic",
    "tic",
    "toc",
    "toq",
    "unbalanced",
    "unif",
    "utils",
    "wasserstein_1d",
    "wasserstein_circle",
    "weak",
    "weak_optimal_transport",
]
