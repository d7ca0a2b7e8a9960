"""Variational inequalities and monotone inclusions: 0 in F(x) + dg(x).

`solve` takes F as a function and g as a proximal map by name or as a function::

    import kantor.vi

    result = kantor.vi.solve(F, x0, prox=("simplex", 1.0))
    result.status, result.x, result.certificate
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Sequence, Union

import numpy as np

from . import _terms
from ._functions import Functions
from ._problem import Problem
from ._result import Result
from ._solve import solve as _solve

__all__ = ["solve"]


def solve(
    F: Callable[..., Any],
    x0: Any,
    prox: Union[_terms.Term, Sequence[_terms.Term], None] = None,
    lipschitz: Optional[float] = None,
    components: Optional[int] = None,
    method: Optional[str] = None,
    *,
    comonotone: Optional[float] = None,
    blocks: Optional[Sequence[int]] = None,
    batched: bool = False,
    **options: Any,
) -> Result:
    """Find x with 0 in F(x) + dg(x).

    Without g that is F(x) = 0; with g the indicator of a convex set C it is the variational
    inequality <F(x), u - x> >= 0 for all u in C.

    Parameters
    ----------
    F : callable
        ``F(x)``, an array of the shape (n,); with ``components``, ``F(i, x)`` for i = 0, ...,
        components - 1, and the operator is their mean. None, NaN or `kantor.OutsideDomain` say
        that F is not defined at x.
    x0 : array_like, shape (n,)
        Point to start from.
    prox : str, tuple, callable or list, optional
        The term g: a proximal map by name (``"nonnegative"``), with its parameters
        (``("simplex", 1.0)``, ``("box", lower, upper)``, ``("affine", {"matrix": A, "rhs": b})``),
        or a function of (x, step): argmin over u of step g(u) + ||u - x||^2 / 2. With ``blocks``
        a list, one for each. None: no term.
    lipschitz : float, optional
        Lipschitz constant of F; None: estimated.
    components : int, optional
        Number of components of a finite sum.
    method : str, optional
        A method of ``kantor.methods("inclusion")``; None:
        ``"golden_ratio"``; ``"fast_extragradient"`` for negative ``comonotone``,
        ``"variance_reduced_halpern"`` for cocoercive sums of 1000 components or more.
    comonotone : float, optional
        A number r with <F(x) - F(y), x - y> >= r ||F(x) - F(y)||^2: 0 for monotone, positive for
        cocoercive, negative for weakly nonmonotone F.
    blocks : sequence of int, optional
        Sizes of consecutive parts of x that have terms of their own.
    batched : bool, default False
        True: F of a finite sum is called as ``F(indices, x)`` with an array of indices and returns
        the mean of these components.
    **options
        Of the method and of `kantor.solve`: ``tolerance``, ``max_iterations``, ``warm_start``, ...

    Returns
    -------
    kantor.Result
        ``x``, ``operator`` (F at x), ``objective`` (the residual), and the certificate:
        ``residual``, ``relative_residual`` and, where they are known, ``tangent_residual``,
        ``gap`` and ``violation``. Where there seems to be no solution ``solution_distance``: if F
        is monotone, none is nearer to `x0`; and ``displacement``, which says so.

    Raises
    ------
    KantorError
        Data or options that cannot be used.
    BaseException
        What F or prox raised.

    Notes
    -----
    Source of the default method: Y. Malitsky, Golden ratio algorithms for variational
    inequalities (2020).

    Examples
    --------
    >>> import numpy as np
    >>> import kantor
    >>> result = kantor.vi.solve(lambda x: np.array([1 + x[0], 2.0]), [1.0, 1.0], ("simplex", 2))
    >>> result.status, result.x.round(4).tolist()
    ('solved', [1.0, 1.0])
    """
    point = _terms.start("x0", x0)
    term, function = _terms.split("prox", prox)
    members: Dict[str, Any] = {"prox": function}
    given: Dict[str, Any] = {**term, "start": point}
    if components is None:
        members["map"] = F
    else:
        members["batch_map"] = (lambda x, i: F(i, x)) if batched else _terms.mean_of(F)
        given["components"] = components
    if blocks is not None:
        given["prox_blocks"] = np.asarray(blocks, dtype=np.float64)
    for name, value in (("lipschitz", lipschitz), ("comonotone", comonotone)):
        if value is not None:
            given[name] = float(value)
    n = point.size
    problem = Problem("inclusion", functions=Functions(n, n, **members), **given)
    return _solve(problem, method, **options)
