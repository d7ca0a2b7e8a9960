"""What the docstrings of all proximal maps share: points, step, answers, errors, sources."""

from __future__ import annotations

import inspect
from typing import Callable, TypeVar

import numpy as np

Map = TypeVar("Map", bound=Callable[..., np.ndarray])

_POINTS = """x : array_like of shape (..., n)
    Points along the last axis.
"""
_MATRICES = """x : array_like of shape (..., rows, columns)
    Matrices along the last two axes.
"""
_STEP = """step : float, default 1.0
    Greater than 0.
"""
_ANSWERS = """
Returns
-------
numpy.ndarray
    Of the shape of `x`, float64.

Raises
------
KantorError
    Parameters for which there is no such map, wrong shapes, or numbers that are not finite.

"""

#: By the keys of the library's list of sources.
SOURCES = {
    "beck2003mirror": (
        'A. Beck, M. Teboulle, "Mirror descent and nonlinear projected subgradient methods '
        'for convex optimization", Oper. Res. Lett. 31 (2003).'
    ),
    "best1990active": (
        'M. J. Best, N. Chakravarti, "Active set algorithms for isotonic regression; a '
        'unifying framework", Math. Program. 47 (1990).'
    ),
    "bogdan2015slope": (
        'M. Bogdan, E. van den Berg, C. Sabatti, W. Su, E. J. Candes, "SLOPE - adaptive '
        'variable selection via convex optimization", Ann. Appl. Stat. 9 (2015).'
    ),
    "combettes2011proximal": (
        'P. L. Combettes, J.-C. Pesquet, "Proximal splitting methods in signal processing", '
        'Springer (2011).'
    ),
    "condat2016fast": (
        'L. Condat, "Fast projection onto the simplex and the l1 ball", Math. Program. 158 '
        '(2016).'
    ),
    "friberg2021projection": (
        'H. A. Friberg, "Projection onto the exponential cone: a univariate root-finding '
        'problem", Optim. Methods Softw. (2021).'
    ),
    "higham1988nearest": (
        'N. J. Higham, "Computing a nearest symmetric positive semidefinite matrix", Linear '
        'Algebra Appl. 103 (1988).'
    ),
    "johnson2013dynamic": (
        'N. A. Johnson, "A dynamic programming algorithm for the fused lasso and '
        'L0-segmentation", J. Comput. Graph. Stat. 22 (2013).'
    ),
    "kiwiel2008breakpoint": (
        'K. C. Kiwiel, "Breakpoint searching algorithms for the continuous quadratic knapsack '
        'problem", Math. Program. 112 (2008).'
    ),
    "lewis1995convex": (
        'A. S. Lewis, "The convex analysis of unitarily invariant matrix functions", J. '
        'Convex Anal. 2 (1995).'
    ),
    "parikh2014proximal": (
        'N. Parikh, S. Boyd, "Proximal algorithms", Found. Trends Optim. 1 (2014).'
    ),
}


def documented(source: str, matrices: bool = False) -> Callable[[Map], Map]:
    """Complete the docstring of a map, which has a summary, own parameters, notes and examples.

    Parameters
    ----------
    source : str
        Key of `SOURCES`.
    matrices : bool, default False
        Points are matrices.

    Returns
    -------
    callable
        A decorator.
    """

    def complete(function: Map) -> Map:
        text = inspect.getdoc(function)
        if text is None:  # Python was started without docstrings.
            return function
        head, notes = text.split("Notes\n-----\n")
        notes, examples = notes.split("Examples\n--------\n")
        summary, _, own = head.partition("Parameters\n----------\n")
        parameters = (_MATRICES if matrices else _POINTS) + own.rstrip("\n") + ("\n" if own else "")
        if "step" in inspect.signature(function).parameters:
            parameters += _STEP
        function.__doc__ = (
            f"{summary}Parameters\n----------\n{parameters}{_ANSWERS}Notes\n-----\n{notes}"
            f"References\n----------\n.. [1] {SOURCES[source]}\n\nExamples\n--------\n{examples}")
        return function

    return complete
