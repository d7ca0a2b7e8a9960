"""Domain adaptation: what is fitted to two samples and then carries points and labels."""

from __future__ import annotations

from ._da_base import BaseTransport, distribution_estimation_uniform
from ._da_classes import EMDLaplaceTransport, SinkhornL1l2Transport, SinkhornLpl1Transport
from ._da_mapping import MappingTransport
from ._da_maps import LinearGWTransport, LinearTransport
from ._da_penalties import emd_laplace, sinkhorn_l1l2_gl, sinkhorn_lpl1_mm
from ._da_plans import EMDTransport, SinkhornTransport, UnbalancedSinkhornTransport

__all__ = [
    "BaseTransport",
    "EMDLaplaceTransport",
    "EMDTransport",
    "LinearGWTransport",
    "LinearTransport",
    "MappingTransport",
    "SinkhornL1l2Transport",
    "SinkhornLpl1Transport",
    "SinkhornTransport",
    "UnbalancedSinkhornTransport",
    "distribution_estimation_uniform",
    "emd_laplace",
    "sinkhorn_l1l2_gl",
    "sinkhorn_lpl1_mm",
]
