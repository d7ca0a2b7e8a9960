"""Entropic transport: on costs and on points."""

from __future__ import annotations

from ._empirical import (
    empirical_sinkhorn,
    empirical_sinkhorn2,
    empirical_sinkhorn_divergence,
)
from ._sinkhorn import sinkhorn, sinkhorn2

__all__ = [
    "empirical_sinkhorn",
    "empirical_sinkhorn2",
    "empirical_sinkhorn_divergence",
    "sinkhorn",
    "sinkhorn2",
]
