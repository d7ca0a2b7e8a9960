"""Kantor as a solver of CVXPY.

Importing this module registers the solver ``"KANTOR"``::

    import cvxpy as cp
    import kantor.cvxpy

    problem.solve(solver="KANTOR", tolerance=1e-9)

Options are those of `kantor.cone.solve`, but for the name of the method, which is given as
``kantor_method`` (CVXPY has an argument `method` of its own). Taken are linear and quadratic
programs, and all cones that the methods of the library take. Solving a problem again starts from
its last solution. The multipliers of an infeasible problem are a ray of its dual.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict, List, Optional

import cvxpy
import numpy as np
from cvxpy import settings
from cvxpy.constraints import SOC, ExpCone, NonNeg, PowCone3D, Zero
from cvxpy.reductions.solvers import defines
from cvxpy.reductions.solvers.conic_solvers.clarabel_conif import CLARABEL as _Interface
from cvxpy.reductions.solvers.conic_solvers.conic_solver import ConicSolver
from scipy import sparse

from . import cone
from ._errors import UnsupportedError

__all__ = ["KANTOR", "register"]

#: A cone, a point inside it, and the constraints of CVXPY that need it, by name.
_PROBES = (
    (("second_order", 2), [1.0, 0.5], ("SOC",)),
    (("exponential",), [0.0, 1.0, 2.0], ("ExpCone",)),
    (("power", 0.5), [1.0, 1.0, 0.5], ("PowCone3D",)),
    (("generalized_power", 1, [0.5, 0.5]), [1.0, 1.0, 0.5], ("PowConeND",)),
    (("psd", 2), [1.0, 0.1, 1.0], ("SvecPSD", "PSD")),
)


def _taken() -> List[Any]:
    """Constraints whose cones a method takes: found out by solving a small program for each."""
    known: Dict[str, Any] = {kind.__name__: kind for kind in _Interface.SUPPORTED_CONSTRAINTS}
    known.update({"SOC": SOC, "ExpCone": ExpCone, "PowCone3D": PowCone3D})
    taken: List[Any] = [Zero, NonNeg]
    for item, point, names in _PROBES:
        n = len(point)
        try:
            cone.solve(np.eye(n), -np.array(point), -np.eye(n), np.zeros(n), [item])
        except UnsupportedError:
            continue
        taken += [known[name] for name in names if name in known]
    return taken


class KANTOR(_Interface):
    """The solver as CVXPY sees it; forms of data and multipliers are those of its interface to
    Clarabel, which are Kantor's too."""

    SUPPORTED_CONSTRAINTS = _taken()
    REQUIRES_CONSTR = False
    STATUS_MAP = {
        "solved": settings.OPTIMAL,
        "solved_inaccurate": settings.OPTIMAL_INACCURATE,
        "infeasible": settings.INFEASIBLE,
        "unbounded": settings.UNBOUNDED,
        "iteration_limit": settings.USER_LIMIT,
        "time_limit": settings.USER_LIMIT,
    }

    def __init__(self) -> None:
        super().__init__()

    def name(self) -> str:
        """Name the solver.

        Returns
        -------
        str
            ``"KANTOR"``.
        """
        return "KANTOR"

    def import_solver(self) -> None:
        """Do nothing: the library is loaded."""

    def supports_quad_obj(self) -> bool:
        """Tell that objectives may be quadratic.

        Returns
        -------
        bool
            True.
        """
        return True

    def cite(self, data: Any) -> str:
        """Give the source of the method.

        Parameters
        ----------
        data : dict
            Not looked at.

        Returns
        -------
        str
            In BibTeX's form.
        """
        return (
            "@inproceedings{schwan2023piqp,\n"
            "  author = {R. Schwan and Y. Jiang and D. Kuhn and C. N. Jones},\n"
            "  title = {PIQP: A Proximal Interior-Point Quadratic Programming Solver},\n"
            "  booktitle = {IEEE Conference on Decision and Control},\n  year = {2023}\n}")

    def solve_via_data(
        self, data: Dict[str, Any], warm_start: bool, verbose: bool, solver_opts: Dict[str, Any],
        solver_cache: Optional[Dict[str, Any]] = None,
    ) -> SimpleNamespace:
        """Solve what CVXPY made of a problem.

        Parameters
        ----------
        data : dict
            Matrices and cones.
        warm_start : bool
            Start from the last solution of the same problem.
        verbose : bool
            Log to the logger ``"kantor"``.
        solver_opts : dict
            Options of the method; ``kantor_method`` names it.
        solver_cache : dict, optional
            Where the last solution is kept.

        Returns
        -------
        types.SimpleNamespace
            What `invert` reads.
        """
        options = dict(solver_opts)
        options.pop("use_quad_obj", None)
        method = options.pop("kantor_method", None)
        if verbose:
            options.setdefault("log", True)
        q, A, b = data[settings.C], data[settings.A], data[settings.B]
        P = data.get(settings.P)
        P = None if P is None else sparse.triu(P, format="csc")
        earlier = (solver_cache or {}).get(self.name()) if warm_start else None
        if earlier is not None and (
            earlier.x is None or earlier.x.size != q.size or earlier.z.size != b.size
        ):
            earlier = None
        found = cone.solve(
            P, q, A if b.size else None, b if b.size else None, _cones(data[ConicSolver.DIMS]),
            method, warm_start=earlier, **options)
        if solver_cache is not None:
            solver_cache[self.name()] = found
        # An infeasible problem has the ray that proves it for multipliers.
        return SimpleNamespace(
            status=found.status, obj_val=found.objective, x=found.x,
            z=found.ray_dual if found.z is None else found.z,
            solve_time=found.result.seconds, iterations=found.result.iterations)


def _cones(dims: Any) -> List[Any]:
    """The cones, in CVXPY's order of rows."""
    cones: List[Any] = [("zero", int(dims.zero)), ("nonnegative", int(dims.nonneg))]
    cones += [("second_order", int(size)) for size in dims.soc]
    cones += [("psd", int(size)) for size in dims.psd]
    if dims.exp:
        cones.append(("exponential", int(dims.exp)))
    cones += [("power", float(a)) for a in dims.p3d]
    cones += [("generalized_power", 1, [float(a) for a in part])
              for part in getattr(dims, "pnd", ())]
    return cones


def register() -> KANTOR:
    """Enter the solver in CVXPY's lists; importing the module does it.

    Returns
    -------
    KANTOR
        The solver.
    """
    solver = KANTOR()
    name = solver.name()
    defines.SOLVER_MAP_CONIC[name] = solver
    for names in ("CONIC_SOLVERS", "INSTALLED_SOLVERS", "INSTALLED_CONIC_SOLVERS"):
        listed = getattr(defines, names, None)
        if isinstance(listed, list) and name not in listed:
            listed.append(name)
    if not hasattr(cvxpy, name):
        setattr(cvxpy, name, name)
    return solver


register()
