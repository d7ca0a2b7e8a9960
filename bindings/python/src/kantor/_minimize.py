"""Minimising a function in SciPy's form."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

import numpy as np

from . import _abi
from ._catalog import methods
from ._constraints import Rows, read_constraints
from ._errors import error
from ._frameworks import derivatives, framework_of, to_numpy
from ._functions import Functions
from ._problem import Problem
from ._result import Result
from ._scipy_forms import (
    STATUS_NUMBERS,
    Later,
    OptimizeResult,
    Remembering,
    call_with,
    differences,
    read_bounds,
    start_point,
)
from ._solve import solve
from ._sparse import is_sparse

#: Names of SciPy for methods, and what stands for them: a method of the kind nonlinear and options.
SCIPY_METHODS: Dict[str, Tuple[str, Dict[str, Any]]] = {
    "slsqp": ("sqp", {}),
    "trust-constr": ("interior_point", {}),
    "l-bfgs-b": ("lbfgs", {}),
    "bfgs": ("lbfgs", {}),
    "cg": ("lbfgs", {}),
    "tnc": ("lbfgs", {}),
    "newton-cg": ("trust_region", {"subproblem": "truncated"}),
    "trust-ncg": ("trust_region", {"subproblem": "truncated"}),
    "trust-krylov": ("trust_region", {"subproblem": "truncated"}),
    "trust-exact": ("trust_region", {"subproblem": "exact"}),
    "dogleg": ("trust_region", {"subproblem": "exact"}),
}
_WITHOUT_DERIVATIVES = ("nelder-mead", "powell", "cobyla", "cobyqa")
#: SciPy's options with another name here.
_RENAMED = {
    "maxiter": "max_iterations", "maxfun": "max_evaluations", "maxfev": "max_evaluations",
    "gtol": "tolerance", "tol": "tolerance", "maxcor": "memory", "initial_trust_radius": "radius",
    "initial_tr_radius": "radius", "max_trust_radius": "max_radius",
}
#: SciPy's options that mean nothing here.
_IGNORED = frozenset({
    "ftol", "xtol", "eps", "finite_diff_rel_step", "maxls", "iprint", "return_all", "norm", "eta",
    "barrier_tol", "initial_constr_penalty", "initial_barrier_parameter",
    "initial_barrier_tolerance", "factorization_method", "sparse_jacobian", "c1", "c2", "xrtol",
    "hess_inv0", "workers", "inexact", "scale", "offset", "maxCGit", "stepmx", "accuracy",
    "minfev", "rescale", "subproblem_maxiter",
})
#: Variables up to which programs without second derivatives go to the quadratic one by one.
_SMALL = 200
_TOLERANCE = 1e-8
_DIFFERENCES_TOLERANCE = 1e-6
#: Points whose values are remembered, to tell a callback where the solve is.
_REMEMBERED = 64


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Optional[str] = None,
    jac: Union[Callable[..., Any], bool, str, None] = None,
    hess: Any = None,
    hessp: Optional[Callable[..., Any]] = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: Optional[float] = None,
    callback: Optional[Callable[..., Any]] = None,
    options: Optional[Mapping[str, Any]] = None,
) -> OptimizeResult:
    """Minimise a smooth function, with bounds and constraints.

    The arguments are those of ``scipy.optimize.minimize``; whether the solve succeeded is decided
    by its certificate.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``: a number; with ``jac=True`` the pair of it and the gradient. None, NaN or
        `kantor.OutsideDomain` mean that it is not defined at x.
    x0 : array_like, shape (n,) or float
        Where to start. Moved inside the bounds if it is not. An array of JAX or PyTorch has ``fun``
        differentiated by that framework.
    args : tuple
        Further arguments of ``fun``, ``jac``, ``hess`` and ``hessp``.
    method : str, optional
        A method of the kind ``nonlinear``, or a name of SciPy's that stands for one; see the Python
        guide. None: one that fits.
    jac : callable, bool or str, optional
        ``jac(x, *args)``: the gradient, (n,). True: ``fun`` gives it. "2-point", "3-point" or None:
        differences, one-sided at first and central in the end. "cs": complex steps. "jax",
        "torch": by that framework.
    hess : callable or str, optional
        ``hess(x, *args)``: (n, n), an array, a sparse matrix, or an operator with ``matvec``.
        With constraints it is used if all of them have second derivatives too. Other values stand
        for none.
    hessp : callable, optional
        ``hessp(x, p, *args)``: the Hessian times p, (n,).
    bounds : sequence of pairs, or object with ``lb`` and ``ub``, optional
        None in a pair is no bound.
    constraints : constraint or list of them
        ``LinearConstraint``, ``NonlinearConstraint`` or dictionaries with ``type``, ``fun``,
        ``jac`` and ``args``. ``jac`` may be "jax" or "torch" here too; where ``x0`` is an array of
        one of them, functions without derivatives of their own are differentiated by it.
    tol : float, optional
        Tolerance of the certificate; default 1e-8, and 1e-6 without first derivatives.
    callback : callable, optional
        ``callback(xk)`` after each iteration, or ``callback(intermediate_result)`` if its argument
        has this name. A true value or StopIteration stops the solve.
    options : mapping, optional
        Of the method and of `kantor.solve`; SciPy's ``maxiter``, ``maxfun``, ``gtol``, ``disp``,
        ... are read too.

    Returns
    -------
    OptimizeResult
        With SciPy's ``x``, ``fun``, ``jac``, ``nit``, ``nfev``, ``njev``, ``nhev``, ``status`` (0:
        solved), ``message``, ``success``, ``maxcv``, and besides ``certificate``, multipliers ``v``
        (one array for each constraint), ``z_lower``, ``z_upper``, and ``result``, the
        `kantor.Result`.

    Raises
    ------
    KantorError
        Data that cannot be used, or a method that does not take the problem. What a function
        raises is raised.

    References
    ----------
    See the page of the method.

    Examples
    --------
    >>> import kantor
    >>> found = kantor.minimize(lambda x: (x[0] - 1) ** 2 + (x[1] - 2.5) ** 2, [2.0, 0.0],
    ...                         constraints={"type": "ineq", "fun": lambda x: 2 - x[0] - x[1]})
    >>> found.success, found.x.round(4)
    (True, array([0.25, 1.75]))
    """
    framework = framework_of(x0, jac)
    x = start_point(to_numpy(x0))
    lower, upper = read_bounds(bounds, len(x))
    inside = x if lower is None else np.clip(x, lower, upper)
    objective = _Objective(
        call_with(fun, args), call_with(jac, args) if callable(jac) else jac, framework,
        call_with(hess, args) if callable(hess) else None,
        None if hessp is None else call_with(hessp, args),
    )
    parts = read_constraints(constraints, inside, framework_of(x0, None))
    rows = Rows(parts, inside, lower, upper) if parts else None
    chosen, settings = _choose(method, objective, rows, lower, upper, len(x))
    settings.update(_options(options))
    if tol is not None:
        settings["tolerance"] = float(tol)
    has_first = objective.has_gradient and (rows is None or rows.has_jacobian)
    settings.setdefault("tolerance", _TOLERANCE if has_first else _DIFFERENCES_TOLERANCE)
    if callback is not None:
        settings["progress"] = _watch(callback, objective, inside)
    problem = _problem(objective, rows, x, inside, lower, upper)
    result = solve(problem, f"nonlinear/{chosen}", **settings)
    return _answer(result, objective, rows, lower, upper)


class _Objective:
    """The function and its derivatives, whatever way they were given."""

    def __init__(
        self, fun: Callable[..., Any], jac: Any, framework: Optional[str],
        hess: Optional[Callable[..., Any]], hessp: Optional[Callable[..., Any]],
    ) -> None:
        #: Where values were found, by value; filled while somebody watches.
        self.known: Dict[float, np.ndarray] = {}
        self.watched = False
        self.gradient: Optional[Callable[[np.ndarray], Any]] = None
        self.hessian, self.product = hess, hessp
        self._value: Callable[[np.ndarray], Any] = fun
        self._pair: Optional[Callable[[np.ndarray], Any]] = None
        self._complex: Optional[Callable[[np.ndarray], Any]] = None
        if framework is not None:
            given = derivatives(framework, fun)
            self._value, self._pair = given.value, given.value_gradient
            self.gradient, self.product = given.gradient, hessp or given.hessian_product
        elif jac is True:
            pair = Remembering(fun)
            self._value, self.gradient = (lambda x: pair(x)[0]), (lambda x: pair(x)[1])
            self._pair = pair
        elif callable(jac):
            self.gradient = jac
        elif jac == "cs":
            self._complex = fun
        elif jac not in (None, False, "2-point", "3-point"):
            raise error(
                _abi.E_NAME,
                f"jac is {jac!r}; a function, True, '2-point', '3-point', 'cs', 'jax' or 'torch' "
                "is needed",
            )

    @property
    def has_gradient(self) -> bool:
        """Whether first derivatives are exact."""
        return self.gradient is not None or self._complex is not None

    def value(self, x: np.ndarray) -> Any:
        """Evaluate."""
        return self._seen(x, self._value(x))

    def _both(self, x: np.ndarray) -> Any:
        assert self._pair is not None
        pair = self._pair(x)
        if pair is not None:
            self._seen(x, pair[0])
        return pair

    def _seen(self, x: np.ndarray, value: Any) -> Any:
        if self.watched and value is not None:
            if len(self.known) >= _REMEMBERED:
                self.known.pop(next(iter(self.known)))
            self.known[float(np.ravel(np.asarray(value, dtype=np.float64))[0])] = x
        return value

    def members(self) -> Dict[str, Callable[..., Any]]:
        """First derivatives and values, as a bundle names them."""
        out: Dict[str, Callable[..., Any]] = {"value": self.value}
        if self._pair is not None:
            out["value_gradient"] = self._both
        if self.gradient is not None:
            out["gradient"] = self.gradient
        if self._complex is not None:
            out["value_complex"] = self._complex
        return out


def _choose(
    method: Optional[str], objective: _Objective, rows: Optional[Rows], lower: Any, upper: Any,
    n: int,
) -> Tuple[str, Dict[str, Any]]:
    """A method of the library and options that its name implies."""
    own = methods("nonlinear")
    if method is not None:
        if not isinstance(method, str):
            raise error(_abi.E_TYPE, "method is no name; a function cannot be a method here")
        name = method[len("nonlinear/"):] if method.startswith("nonlinear/") else method
        if name in own:
            return name, {}
        if name.lower() in SCIPY_METHODS:
            chosen, implied = SCIPY_METHODS[name.lower()]
            if chosen in own:
                return chosen, dict(implied)
        known = ", ".join(own + [k for k, (v, _) in SCIPY_METHODS.items() if v in own])
        why = "needs no derivatives, and such methods are not offered" if (
            name.lower() in _WITHOUT_DERIVATIVES) else "is not known"
        raise error(_abi.E_NAME, f"method '{method}' {why}; there are {known}")
    has_second = objective.hessian is not None or objective.product is not None
    if rows is not None:
        if n <= _SMALL and not (has_second and rows.has_hessians) and "sqp" in own:
            return "sqp", {}
        return "interior_point", {}
    if has_second and lower is None and upper is None:
        return "trust_region", {}
    return "lbfgs", {}


def _options(options: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    chosen: Dict[str, Any] = {}
    for name, value in dict(options or {}).items():
        if name in ("disp", "verbose"):
            chosen["log"] = bool(value)
        elif name not in _IGNORED and value is not None:
            chosen[_RENAMED.get(name, name)] = value
    return chosen


def _problem(
    objective: _Objective, rows: Optional[Rows], x: np.ndarray, inside: np.ndarray, lower: Any,
    upper: Any,
) -> Problem:
    n = len(x)
    members: Dict[str, Any] = objective.members()
    fields: Dict[str, Any] = {}
    jacobian_values = hessian_values = None
    if rows is not None:
        members["map"] = rows.values
        fields.update(constraint_lower=rows.lower, constraint_upper=rows.upper)
        if rows.linear.any():
            fields["linear_rows"] = rows.linear
        if rows.has_jacobian:
            members["jacobian"] = rows.jacobian
        if rows.is_sparse:
            jacobian_values = len(rows.row)
            fields["jacobian_pattern"] = _Pattern((rows.count, n), rows.row, rows.column)
    if rows is None or rows.has_hessians:
        pattern = _add_second(members, objective, rows, inside)
        if pattern is not None:
            hessian_values = pattern.nnz
            fields["hessian_pattern"] = pattern
    functions = Functions(
        n, 0 if rows is None else rows.count, jacobian_values=jacobian_values,
        hessian_values=hessian_values, **members,
    )
    return Problem(
        "nonlinear", functions=functions, start=x, lower=lower, upper=upper, **fields
    )


def _add_second(
    members: Dict[str, Any], objective: _Objective, rows: Optional[Rows], x: np.ndarray
) -> Optional["_Pattern"]:
    """Adds second derivatives; the pattern of a sparse Hessian."""
    hess, product, n = objective.hessian, objective.product, len(x)
    if product is not None and rows is None:
        given = product
        members["hessian_product"] = lambda point, sigma, y, v: sigma * np.asarray(given(point, v))
    if hess is None:
        return None
    known = hess
    sample = known(x)
    if is_sparse(sample) and rows is None:
        # What is there at the start, and the diagonal.
        entries = sample.tocoo()
        pairs = {(int(i), int(j)) for i, j in zip(entries.row, entries.col) if i >= j}
        pairs |= {(j, j) for j in range(n)}
        row, column = (np.array(part) for part in zip(*sorted(pairs)))
        keys = row * n + column

        def lower_triangle(point: np.ndarray, sigma: float, y: np.ndarray) -> np.ndarray:
            there = known(point).tocoo()
            mask = (there.row >= there.col) & (there.data != 0)
            wanted = there.row[mask].astype(np.int64) * n + there.col[mask]
            place = np.searchsorted(keys, wanted)
            if np.any(keys[np.minimum(place, len(keys) - 1)] != wanted):
                raise error(
                    _abi.E_RANGE, "hess has entries where it had none at x0; give a dense one"
                )
            out = np.zeros(len(keys))
            np.add.at(out, place, there.data[mask])
            return sigma * out

        members["hessian"] = lower_triangle
        return _Pattern((n, n), row, column)
    if hasattr(sample, "matvec") and not is_sparse(sample) and not isinstance(sample, np.ndarray):
        if rows is None:
            members["hessian_product"] = lambda p, sigma, y, v: sigma * known(p).matvec(v)
            return None
        raise error(
            _abi.E_UNSUPPORTED,
            "hess gives an operator, and there are constraints; an array is needed",
        )

    def dense(point: np.ndarray, sigma: float, y: np.ndarray) -> np.ndarray:
        total = known(point) if sigma != 0 else np.zeros((n, n))
        if hasattr(total, "toarray"):
            total = total.toarray()
        total = sigma * np.asarray(total, dtype=np.float64)
        return total if rows is None else total + rows.hessian(point, y)

    members["hessian"] = dense
    return None


class _Pattern:
    """Places of entries as a sparse matrix, without SciPy."""

    format = "coo"

    def __init__(self, shape: Tuple[int, int], row: np.ndarray, column: np.ndarray) -> None:
        self.shape, self.row, self.col = shape, row, column
        self.data, self.nnz = np.ones(len(row)), len(row)

    def tocoo(self) -> "_Pattern":
        """Give itself."""
        return self


def _watch(
    callback: Callable[..., Any], objective: _Objective, x: np.ndarray
) -> Callable[[Any], bool]:
    """A progress function that tells the callback where the solve is."""
    objective.watched = True
    latest = [x]
    code = getattr(callback, "__code__", None)
    whole = code is not None and "intermediate_result" in code.co_varnames[:code.co_argcount]

    def progress(now: Any) -> bool:
        if now.is_heartbeat:
            return False
        # Iterates are points at which the function was called; methods that scale it show other
        # values, and then the last point is the best guess.
        point = objective.known.get(float(now.objective))
        if point is None and objective.known:
            point = next(reversed(list(objective.known.values())))
        if point is not None:
            latest[0] = point
        try:
            if whole:
                state = OptimizeResult(x=latest[0].copy(), fun=now.objective, nit=now.iteration)
                return bool(callback(intermediate_result=state))
            return bool(callback(latest[0].copy()))
        except StopIteration:
            return True

    return progress


def _answer(
    result: Result, objective: _Objective, rows: Optional[Rows], lower: Any, upper: Any
) -> OptimizeResult:
    x = np.array(result.x)

    def gradient() -> np.ndarray:
        if objective.gradient is not None:
            return np.asarray(objective.gradient(x.copy()), dtype=np.float64).reshape(-1)
        return differences(objective.value, x, lower, upper)[0]

    out = OptimizeResult(
        x=x, fun=result.objective, jac=Later(gradient), nit=int(result.iterations),
        nfev=int(result.evaluations), njev=int(result.gradient_evaluations),
        nhev=int(result.hessian_evaluations), status=STATUS_NUMBERS[result.status],
        message=result.message, success=result.status == "solved",
        maxcv=result.get("violation", np.nan), certificate=Later(lambda: result.certificate),
        result=result,
    )
    for name in ("z_lower", "z_upper"):
        if name in result:
            out[name] = np.array(result[name])
    if rows is not None and "y" in result:
        out["v"] = rows.split(np.array(result["y"]))
    return out
