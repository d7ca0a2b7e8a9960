"""Kantor: constrained, bilevel and optimal-transport problems, solved and certified.

A `Problem` holds data of one kind, `solve` makes a `Result`::

    import kantor

    problem = kantor.Problem("transport", points=(X, Y), metric="sqeuclidean")
    result = kantor.solve(problem, "sinkhorn", epsilon=0.05)
    result.status, result.objective, result.certificate

`methods`, `kinds` and `describe` tell what the library can do. `kantor.ot` has the names of the POT
package; `kantor.doubly_stochastic` has projections on and parametrisations of doubly stochastic
matrices; `kantor.cone` and `kantor.qp` have cone programs, and linear and quadratic ones in the
forms of other packages; `kantor.vi`, `kantor.saddle` and `kantor.game` have variational
inequalities, saddle points and games; `kantor.bilevel` has bilevel problems and hypergradients from
plain functions, `kantor.implicit` derivatives of answers of any solver, `kantor.model_selection` a
scikit-learn style search for hyperparameters by derivatives; importing `kantor.cvxpy` makes the
solver "KANTOR" known to CVXPY; `kantor.plot` draws couplings and convergence (matplotlib).
"""

from __future__ import annotations

import importlib
from typing import Any, List

from ._batch import solve_batch
from ._catalog import describe, kinds, methods
from ._check import check_derivatives
from ._errors import (
    InternalError,
    InvalidShapeError,
    InvalidTypeError,
    InvalidValueError,
    KantorError,
    NotSolvedError,
    OutOfMemoryError,
    StateError,
    UnknownNameError,
    UnsupportedError,
    VersionError,
)
from ._functions import Functions, OutsideDomain
from ._hooks import Progress
from ._least_squares import least_squares, root
from ._library import lib as _lib
from ._minimize import minimize
from ._problem import Problem
from ._questions import Questions
from ._result import Result
from ._settings import Settings
from ._solve import solve
from ._stepper import Question, Stepper
from ._subproblem import Subproblem

__version__: str = _lib.kantor_version().decode()

__all__ = [
    "Functions",
    "InternalError",
    "InvalidShapeError",
    "InvalidTypeError",
    "InvalidValueError",
    "KantorError",
    "NotSolvedError",
    "OutOfMemoryError",
    "OutsideDomain",
    "Problem",
    "Progress",
    "Question",
    "Questions",
    "Result",
    "Settings",
    "StateError",
    "Stepper",
    "Subproblem",
    "UnknownNameError",
    "UnsupportedError",
    "VersionError",
    "__version__",
    "bilevel",
    "check_derivatives",
    "cone",
    "describe",
    "doubly_stochastic",
    "game",
    "implicit",
    "kinds",
    "least_squares",
    "methods",
    "minimize",
    "model_selection",
    "ot",
    "plot",
    "prox",
    "qp",
    "root",
    "saddle",
    "solve",
    "solve_batch",
    "vi",
]


_MODULES = (
    "bilevel", "cone", "doubly_stochastic", "game", "implicit", "model_selection", "ot", "plot",
    "prox", "qp", "saddle", "vi",
)


def __getattr__(name: str) -> Any:
    # Loaded at the first use, so that a plain import stays quick.
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
