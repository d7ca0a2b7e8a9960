"""Nonlinear least squares and systems of equations in SciPy's form."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

import numpy as np

from . import _abi
from ._errors import error
from ._frameworks import derivatives, framework_of, to_numpy
from ._functions import Functions
from ._problem import Problem
from ._result import Result
from ._scipy_forms import (
    STATUS_NUMBERS,
    JacobianForm,
    Later,
    OptimizeResult,
    Remembering,
    call_with,
    complex_step,
    read_bounds,
    start_point,
)
from ._solve import solve
from ._sparse import is_sparse

#: Of SciPy's names for methods; all mean levenberg_marquardt.
METHODS = ("trf", "dogbox", "lm", "levenberg_marquardt")
#: Of SciPy's names for the methods of `root` that use derivatives.
ROOT_METHODS = ("hybr", "lm", "levenberg_marquardt")
#: The tolerance without a Jacobian: differences do not reach further for sure.
_DIFFERENCES_TOLERANCE = 1e-6
_TOLERANCE = 1e-8


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Union[Callable[..., Any], str] = "2-point",
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    ftol: Optional[float] = None,
    xtol: Optional[float] = None,
    gtol: Optional[float] = None,
    x_scale: Any = None,
    loss: str = "linear",
    f_scale: float = 1.0,
    diff_step: Any = None,
    tr_solver: Any = None,
    tr_options: Any = None,
    jac_sparsity: Any = None,
    max_nfev: Optional[int] = None,
    verbose: int = 0,
    args: Any = (),
    kwargs: Optional[Mapping[str, Any]] = None,
    **options: Any,
) -> OptimizeResult:
    """Solve min 1/2 sum rho(r_i(x)^2) subject to bounds on x.

    The arguments are those of ``scipy.optimize.least_squares``; the solve is by the method
    ``levenberg_marquardt``, and whether it succeeded is decided by its certificate.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args, **kwargs)``: the m residuals. None, NaN or `kantor.OutsideDomain` mean that
        they are not defined at x.
    x0 : array_like, shape (n,) or float
        Where to start. Moved inside the bounds if it is not. An array of JAX or PyTorch has ``fun``
        differentiated by that framework.
    jac : callable or {"2-point", "3-point", "cs", "jax", "torch"}, default "2-point"
        ``jac(x, *args, **kwargs)``: (m, n) as an array, a sparse matrix, or an operator with
        ``matvec`` and ``rmatvec``. "2-point" and "3-point": differences, one-sided at first and
        central in the end. "cs": complex steps.
    bounds : pair of array_like, or object with ``lb`` and ``ub``
        Lower and upper bounds, each (n,) or a number.
    method : {"trf", "dogbox", "lm", "levenberg_marquardt"}
        All of them mean ``levenberg_marquardt``, which takes bounds.
    ftol, xtol : float, optional
        Read and ignored: convergence is judged by the certificate.
    gtol : float, optional
        Largest scaled gradient, which is the cosine between the residuals and a column of the
        Jacobian. Default 1e-8; 1e-6 with differences.
    x_scale : object
        Ignored: steps do not depend on the units of variables.
    loss : {"linear", "soft_l1", "huber", "cauchy", "arctan"}
        rho, with SciPy's formulas.
    f_scale : float, default 1.0
        Residuals much larger are outliers, in the units of the residuals.
    diff_step, tr_solver, tr_options : object
        Ignored.
    jac_sparsity : sparse matrix or array_like, shape (m, n), optional
        Entries that the Jacobian may have: for differences of many columns at a time, or for a
        sparse ``jac`` whose entries come and go.
    max_nfev : int, optional
        Most calls of ``fun``, those for differences included.
    verbose : {0, 1, 2}
        Above 0: log to the logger ``"kantor"``.
    args, kwargs : tuple, dict
        Further arguments of ``fun`` and ``jac``.
    **options
        Of `kantor.solve` and of the method, such as ``max_iterations``.

    Returns
    -------
    OptimizeResult
        With SciPy's ``x``, ``cost``, ``fun``, ``jac``, ``grad``, ``optimality``, ``active_mask``,
        ``nfev``, ``njev``, ``nit``, ``status`` (0: solved), ``message``, ``success``, and besides
        ``certificate`` and ``result``, the `kantor.Result`.

    Raises
    ------
    KantorError
        Data that cannot be used. What ``fun`` or ``jac`` raises is raised.

    References
    ----------
    M. Ahookhosh, F. J. Aragon Artacho, R. M. T. Fleming, P. T. Vuong, Local convergence of the
    Levenberg-Marquardt method under Hoelder metric subregularity, 2019.

    Examples
    --------
    >>> import kantor
    >>> found = kantor.least_squares(lambda x: [10 * (x[1] - x[0] ** 2), 1 - x[0]], [2.0, 2.0])
    >>> found.success, found.x.round(6)
    (True, array([1., 1.]))
    """
    if method not in METHODS:
        raise error(
            _abi.E_NAME, f"method '{method}' is not known; known are {', '.join(METHODS)}"
        )
    framework = framework_of(x0, None if jac == "2-point" else jac)
    x = start_point(to_numpy(x0))
    if isinstance(bounds, tuple) and len(bounds) == 2 and not hasattr(bounds, "lb"):
        bounds = _Pair(*bounds)
    lower, upper = read_bounds(bounds, len(x))
    form = _Form(call_with(fun, args, kwargs), x, framework, lower, upper)
    form.differentiate(jac if framework is None else "2-point", args, kwargs, jac_sparsity)
    if gtol is None:
        gtol = _DIFFERENCES_TOLERANCE if form.uses_differences else _TOLERANCE
    options.setdefault("tolerance", gtol)
    if max_nfev is not None:
        options["max_evaluations"] = int(max_nfev)
    if verbose:
        options.setdefault("log", True)
    problem = form.problem(lower, upper, loss, f_scale)
    return form.answer(solve(problem, "levenberg_marquardt", **options))


class _Pair:
    """Bounds given as a tuple."""

    def __init__(self, lb: Any, ub: Any) -> None:
        self.lb, self.ub = lb, ub


class _Form:
    """Residuals and Jacobian on their way into a problem."""

    def __init__(
        self, fun: Callable[..., Any], x: np.ndarray, framework: Optional[str], lower: Any,
        upper: Any,
    ) -> None:
        self.x = x
        self._framework = derivatives(framework, fun) if framework else None
        raw = self._framework.value if self._framework else fun
        self.fun = Remembering(raw)
        inside = x if lower is None else np.clip(x, lower, upper)
        first = self.fun(inside)
        if first is None:
            raise error(_abi.E_NOT_FINITE, "fun returned None at x0; residuals are needed there")
        self.first = np.atleast_1d(np.asarray(first, dtype=np.float64))
        if self.first.ndim != 1 or self.first.size == 0:
            raise error(
                _abi.E_SHAPE,
                f"fun returned the shape {self.first.shape}; a vector of 1 or more is needed",
            )
        self.inside = inside
        self.jacobian: Optional[Callable[[np.ndarray], Any]] = None
        self.form: Optional[JacobianForm] = None
        self.pattern: Any = None

    @property
    def uses_differences(self) -> bool:
        """Whether there is no derivative."""
        return self.jacobian is None

    def differentiate(self, jac: Any, args: Any, kwargs: Any, pattern: Any) -> None:
        """Settle where derivatives come from."""
        m, n = len(self.first), len(self.x)
        if pattern is not None and not is_sparse(pattern):
            pattern = np.asarray(pattern)
            if pattern.shape != (m, n):
                raise error(
                    _abi.E_SHAPE,
                    f"jac_sparsity has the shape {pattern.shape}; needed is {(m, n)}",
                )
        if self._framework is not None:
            self.jacobian = Remembering(self._framework.jacobian)
        elif callable(jac):
            self.jacobian = Remembering(call_with(jac, args, kwargs))
        elif jac == "cs":
            self.jacobian = Remembering(lambda x: complex_step(self.fun.function, x))
        elif jac not in ("2-point", "3-point", None, False):
            raise error(
                _abi.E_NAME,
                f"jac is {jac!r}; a function, '2-point', '3-point', 'cs', 'jax' or 'torch' is "
                "needed",
            )
        self.pattern = pattern
        if self.jacobian is not None:
            declared = pattern if is_sparse(pattern) else None
            self.form = JacobianForm(self.jacobian(self.inside), m, n, pattern=declared)
            self.pattern = None

    def problem(self, lower: Any, upper: Any, loss: str, scale: float) -> Problem:
        """Make the problem."""
        m, n = len(self.first), len(self.x)
        members: Dict[str, Any] = {"map": self.fun}
        values: Optional[int] = None
        pattern: Any = self.pattern
        if self.form is not None and self.jacobian is not None:
            form, jacobian = self.form, self.jacobian
            if form.is_operator:
                members["jacobian_product"] = lambda x, v: jacobian(x).matvec(v)
                members["jacobian_transpose_product"] = lambda x, w: jacobian(x).rmatvec(w)
            else:
                members["jacobian"] = lambda x: form.values(jacobian(x))
            if form.is_sparse:
                pattern = _Coordinates(form)
                values = len(form.row) if form.row is not None else None
        functions = Functions(n, m, jacobian_values=values, **members)
        if not isinstance(loss, str):
            raise error(_abi.E_TYPE, "loss is a function; the name of one is needed")
        return Problem(
            "least_squares", functions=functions, start=self.x, residual_count=m, lower=lower,
            upper=upper, loss=loss, loss_scale=float(scale), jacobian_pattern=pattern,
        )

    def answer(self, result: Result) -> OptimizeResult:
        """Give the result in SciPy's form."""
        x = np.array(result.x)
        if self.form is not None and self.form.is_operator and self.jacobian is not None:
            jacobian = self.jacobian(x)
        else:
            jacobian = result.get("jacobian")
            if jacobian is not None and jacobian.ndim == 1:
                jacobian = self._matrix(jacobian)
        return OptimizeResult(
            x=x, cost=result.objective, fun=np.array(result.residuals),
            jac=jacobian, grad=np.array(result.gradient), optimality=result.optimality,
            active_mask=np.array(result.active).astype(int), nfev=int(result.evaluations),
            njev=None if self.jacobian is None else int(getattr(self.jacobian, "calls", 0)),
            nit=int(result.iterations), status=STATUS_NUMBERS[result.status],
            message=result.message, success=result.status == "solved",
            certificate=Later(lambda: result.certificate), result=result,
        )

    def _matrix(self, values: np.ndarray) -> Any:
        """The entries of a pattern as a sparse matrix, where SciPy is installed."""
        try:
            from scipy.sparse import coo_matrix
        except ImportError:
            return values
        shape = (len(self.first), len(self.x))
        if self.form is not None and self.form.row is not None:
            return coo_matrix((values, (self.form.row, self.form.column)), shape).tocsr()
        if is_sparse(self.pattern):
            # In the order in which the pattern went to the library.
            kept = self.pattern if self.pattern.format in ("csr", "csc", "coo") else (
                self.pattern.tocsc()
            )
            entries = kept.tocoo()
            return coo_matrix((values, (entries.row, entries.col)), shape).tocsr()
        row, column = np.nonzero(self.pattern)
        return coo_matrix((values, (row, column)), shape).tocsr()


class _Coordinates:
    """A pattern as a sparse matrix, without SciPy."""

    format = "coo"

    def __init__(self, form: JacobianForm) -> None:
        self.shape, self.row, self.col = form.shape, form.row, form.column
        self.data = np.ones(0 if form.row is None else len(form.row))
        self.nnz = len(self.data)

    def tocoo(self) -> "_Coordinates":
        """Give itself."""
        return self


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: Optional[float] = None,
    callback: Optional[Callable[..., Any]] = None,
    options: Optional[Mapping[str, Any]] = None,
) -> OptimizeResult:
    """Find a root of a system of equations.

    The arguments are those of ``scipy.optimize.root``; the solve is by ``levenberg_marquardt``,
    which also finds roots at which the Jacobian is singular. The system may have more or fewer
    equations than unknowns.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)``: the m equations, as numbers that are to be 0.
    x0 : array_like, shape (n,) or float
        Where to start.
    args : tuple
        Further arguments of ``fun`` and ``jac``.
    method : {"hybr", "lm", "levenberg_marquardt"}
        All of them mean ``levenberg_marquardt``.
    jac : callable, bool or str, optional
        As in `least_squares`. True: ``fun`` returns the pair of equations and Jacobian.
    tol : float, optional
        Largest residual that counts as 0, over the size of the terms it is made of; default 1e-12,
        and 1e-10 with differences.
    callback : callable, optional
        ``callback(x, f)`` after each call of ``fun`` that is the best so far.
    options : mapping, optional
        Of `kantor.solve` and of the method; ``maxfev`` and ``maxiter`` are read too.

    Returns
    -------
    OptimizeResult
        As `least_squares` has it. ``success`` says that x is a root; a point where only the sum of
        squares is least is none.

    Raises
    ------
    KantorError
        Data that cannot be used. What ``fun`` or ``jac`` raises is raised.

    References
    ----------
    M. Ahookhosh, F. J. Aragon Artacho, R. M. T. Fleming, P. T. Vuong, Local convergence of the
    Levenberg-Marquardt method under Hoelder metric subregularity, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> import kantor
    >>> found = kantor.root(lambda x: x + 2 * np.cos(x), 0.3)
    >>> found.success, found.x.round(6)
    (True, array([-1.029867]))
    """
    if method not in ROOT_METHODS:
        raise error(
            _abi.E_NAME, f"method '{method}' is not known; known are {', '.join(ROOT_METHODS)}"
        )
    chosen = dict(options or {})
    for old, new in (("maxfev", "max_nfev"), ("maxiter", "max_iterations")):
        if old in chosen:
            chosen[new] = chosen.pop(old)
    for ignored in ("xtol", "ftol", "gtol", "factor", "diag", "eps", "epsfcn", "col_deriv", "band"):
        chosen.pop(ignored, None)
    fun, jac = _split(fun, jac)
    if callback is not None:
        fun = _reporting(fun, callback)
    by_differences = not callable(jac) and jac not in ("cs", "jax", "torch")
    if tol is None:
        tol = 1e-10 if by_differences else 1e-12
    found = least_squares(
        fun, x0, "2-point" if jac in (None, False) else jac, args=args,
        gtol=1e-9 if by_differences else 1e-13, residual_tolerance=tol, **chosen,
    )
    return _judge(found, tol)


def _judge(found: OptimizeResult, tol: float) -> OptimizeResult:
    """A root is more than a least sum of squares."""
    is_root = found.certificate["relative_residual"] <= tol * (1 + 1e-6)
    if found.status in (0, STATUS_NUMBERS["solved_inaccurate"]) and not is_root:
        found["message"] = (
            "no root: the sum of squares is least here, largest residual "
            f"{found.certificate['largest_residual']:.3g}"
        )
        found["status"] = STATUS_NUMBERS["stalled"]
    found["success"] = is_root
    return found


def _split(fun: Callable[..., Any], jac: Any) -> Tuple[Callable[..., Any], Any]:
    """Take apart a function that returns value and derivative."""
    if jac is not True:
        return fun, jac
    known: Dict[str, Any] = {}

    def pair(x: np.ndarray, *args: Any) -> Any:
        key = x.tobytes()
        if known.get("key") != key:
            known["key"], known["pair"] = key, fun(x, *args)
        return known["pair"]

    return (lambda x, *args: pair(x, *args)[0]), (lambda x, *args: pair(x, *args)[1])


def _reporting(fun: Callable[..., Any], callback: Callable[..., Any]) -> Callable[..., Any]:
    best = [np.inf]

    def call(x: np.ndarray, *args: Any) -> Any:
        value = fun(x, *args)
        if value is not None:
            size = float(np.linalg.norm(np.atleast_1d(np.real(value))))
            if size < best[0]:
                best[0] = size
                callback(x, value)
        return value

    return call
