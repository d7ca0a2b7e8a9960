"""Proximal maps and projections, vectorised over leading axes.

The proximal map of a convex function g takes x to the minimiser u of g(u) + |u - x|^2 / (2 step);
where g is the indicator of a set, it is the projection on the set. Each map is a function here;
`apply` and `vjp` take maps by name, and `vjp` differentiates them::

    import kantor

    u = kantor.prox.simplex(x)                       # each row of x
    u, g = kantor.prox.apply("l1", x, step=0.1, weight=2.0, value=True)
    gradient = kantor.prox.vjp("simplex", x, v)
"""

from ._call import apply, describe, names, vjp
from ._functions import (
    huber, kullback_leibler, l1, logistic, quadratic, relative_entropy, zero,
)
from ._norms import (
    group_l2, l1_ball, l2, l2_ball, linf, linf_ball, nuclear, nuclear_ball, sorted_l1, spectral,
    spectral_ball,
)
from ._sequences import isotonic, mirror_simplex, simplex_entropy, total_variation
from ._sets import (
    affine, box, box_sum, budget, exponential, halfspace, nonnegative, psd, second_order,
    simplex,
)

__all__ = [
    "affine",
    "apply",
    "box",
    "box_sum",
    "budget",
    "describe",
    "exponential",
    "group_l2",
    "halfspace",
    "huber",
    "isotonic",
    "kullback_leibler",
    "l1",
    "l1_ball",
    "l2",
    "l2_ball",
    "linf",
    "linf_ball",
    "logistic",
    "mirror_simplex",
    "names",
    "nonnegative",
    "nuclear",
    "nuclear_ball",
    "psd",
    "quadratic",
    "relative_entropy",
    "second_order",
    "simplex",
    "simplex_entropy",
    "sorted_l1",
    "spectral",
    "spectral_ball",
    "total_variation",
    "vjp",
    "zero",
]
