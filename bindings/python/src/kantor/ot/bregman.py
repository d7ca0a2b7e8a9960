"""Entropic transport: on costs and on points."""

from __future__ import annotations

from ._barycentre import (
    barycenter,
    barycenter_debiased,
    barycenter_sinkhorn,
    barycenter_stabilized,
    convolutional_barycenter2d,
    convolutional_barycenter2d_debiased,
)
from ._empirical import (
    empirical_sinkhorn,
    empirical_sinkhorn2,
    empirical_sinkhorn_divergence,
)
from ._free_barycentre import free_support_sinkhorn_barycenter
from ._sinkhorn import sinkhorn, sinkhorn2
from ._variants import (
    greenkhorn,
    sinkhorn_epsilon_scaling,
    sinkhorn_knopp,
    sinkhorn_log,
    sinkhorn_stabilized,
)

__all__ = [
    "barycenter",
    "barycenter_debiased",
    "barycenter_sinkhorn",
    "barycenter_stabilized",
    "convolutional_barycenter2d",
    "convolutional_barycenter2d_debiased",
    "empirical_sinkhorn",
    "empirical_sinkhorn2",
    "empirical_sinkhorn_divergence",
    "free_support_sinkhorn_barycenter",
    "greenkhorn",
    "sinkhorn",
    "sinkhorn2",
    "sinkhorn_epsilon_scaling",
    "sinkhorn_knopp",
    "sinkhorn_log",
    "sinkhorn_stabilized",
]
