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

from . import batch, bregman, gaussian, gromov, lp, monge, smooth
from ._exact import emd, emd2
from ._line import emd2_1d, emd_1d, wasserstein_1d
from ._outcome import LazyPlan, OTResult
from ._solve_gromov import solve_gromov
from ._tools import dist, unif
from ._unified import solve, solve_sample
from .bregman import barycenter, sinkhorn, sinkhorn2
from .gromov import (
    fused_gromov_wasserstein, fused_gromov_wasserstein2, gromov_wasserstein, gromov_wasserstein2,
)

__all__ = [
    "LazyPlan",
    "OTResult",
    "barycenter",
    "batch",
    "bregman",
    "dist",
    "emd",
    "emd2",
    "emd2_1d",
    "emd_1d",
    "fused_gromov_wasserstein",
    "fused_gromov_wasserstein2",
    "gaussian",
    "gromov",
    "gromov_wasserstein",
    "gromov_wasserstein2",
    "lp",
    "monge",
    "sinkhorn",
    "sinkhorn2",
    "smooth",
    "solve",
    "solve_gromov",
    "solve_sample",
    "unif",
    "wasserstein_1d",
]
