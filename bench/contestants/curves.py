"""Least squares, and smooth functions called from Python. Answers carry x as `f`.

SciPy's functions stop by tests of their own; their thresholds are moved until the answer meets the
tolerance of the case (tuning.py).
"""

from problems.answer import Answer

from . import contestant


def point(found):
    return Answer(f=found.x, iterations=getattr(found, "nit", None) or found.nfev)


def bounds(fit):
    import numpy as np

    return (-np.inf, np.inf) if fit.lower is None else (fit.lower, fit.upper)


def scipy_fit(method):
    def prepare(task):
        from scipy.optimize import least_squares

        fit = task.program

        def solve():
            return least_squares(
                fit.function, fit.start, fit.derivative, bounds=bounds(fit), method=method,
                ftol=1e-15, xtol=1e-15, gtol=max(task.stop, 1e-15))

        return solve, point

    return prepare


for name in ("trf", "lm"):
    contestant(f"SciPy least_squares {name}", needs="scipy", tune="residual")(scipy_fit(name))


@contestant("Kantor least_squares", needs="kantor", tune="residual")
def kantor_fit(task):
    import kantor

    fit = task.program

    def solve():
        return kantor.least_squares(
            fit.function, fit.start, fit.derivative, bounds=bounds(fit),
            gtol=max(task.stop, 1e-14))

    return solve, point


def smooth(library, method, second):
    def prepare(task):
        if library == "kantor":
            from kantor import minimize
        else:
            from scipy.optimize import minimize

        fit = task.program
        more = {"hess": fit.hessian} if second else {}
        gives = {"ftol": 0.0} if library == "scipy" and method == "L-BFGS-B" else {}

        def solve():
            options = {"gtol": max(task.stop, 1e-14), **gives}
            return minimize(
                fit.function, fit.start, jac=fit.derivative, method=method, options=options,
                **more)

        return solve, point

    return prepare


for name, has_hessian in (("L-BFGS-B", False), ("trust-exact", True), ("trust-constr", True)):
    for package, shown in (("scipy", "SciPy"), ("kantor", "Kantor")):
        contestant(f"{shown} minimize {name}", needs=package, tune="residual")(
            smooth(package, name, has_hessian))
