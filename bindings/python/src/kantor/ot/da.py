"""Domain adaptation: what is fitted to two samples and then carries points and labels."""

from __future__ import annotations

from ._da_base import BaseTransport, distribution_estimation_uniform
from ._da_maps import LinearGWTransport, LinearTransport
from ._da_plans import EMDTransport, SinkhornTransport, UnbalancedSinkhornTransport

__all__ = [
    "BaseTransport",
    "EMDTransport",
    "LinearGWTransport",
    "LinearTransport",
    "SinkhornTransport",
    "UnbalancedSinkhornTransport",
    "distribution_estimation_uniform",
]
