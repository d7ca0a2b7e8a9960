"""What `solve` and `solve_sample` give back, and plans that are computed where they are read."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from .. import _abi
from .._errors import error
from .._result import Result
from ._inputs import refuse


class LazyPlan:
    """A plan of which only the rows and columns asked for are computed.

    Parameters
    ----------
    shape : tuple of int
        Numbers of sources and targets.
    block : callable
        Takes two index arrays and returns that block of the plan.

    Attributes
    ----------
    shape : tuple of int
        Numbers of sources and targets.
    ndim : int
        2.

    Examples
    --------
    >>> import kantor
    >>> plan = kantor.ot.solve_sample([[0.0]], [[1.0]], reg=1.0, lazy=True).lazy_plan
    >>> plan[:]
    array([[1.]])
    """

    def __init__(
        self, shape: Tuple[int, int], block: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> None:
        self.shape = shape
        self.ndim = 2
        self._block = block

    def __getitem__(self, key: Any) -> np.ndarray:
        """Compute a block; an integer index keeps its dimension, as in POT."""
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) > 2:
            raise IndexError(f"{len(parts)} indices for a plan of two dimensions")
        parts = (*parts, slice(None), slice(None))[:2]
        rows, columns = (
            np.atleast_1d(np.arange(count)[part]) for part, count in zip(parts, self.shape)
        )
        return self._block(rows, columns)

    def marginal(self, axis: int) -> np.ndarray:
        """Sum the plan over an axis, in blocks of rows.

        Parameters
        ----------
        axis : int
            0 or 1.

        Returns
        -------
        numpy.ndarray
            The sums.
        """
        step = max(1, (1 << 22) // max(1, self.shape[1]))
        blocks = [self[k:k + step] for k in range(0, self.shape[0], step)]
        if axis == 1:
            return np.concatenate([block.sum(axis=1) for block in blocks])
        return np.sum([block.sum(axis=0) for block in blocks], axis=0)

    def __repr__(self) -> str:
        return f"<kantor.ot.LazyPlan {self.shape}>"


class OTResult:
    """Result of `solve` and `solve_sample`; the plan is made when it is first read.

    Parameters
    ----------
    value, value_linear : float
        See the attributes.
    potentials : pair of numpy.ndarray, optional
        See the attributes.
    shape : tuple of int
        Numbers of sources and targets.
    status : str, optional
        See the attributes.
    dtype : numpy.dtype
        Precision of the arrays.
    result : Result, optional
        What Kantor gave back.
    lazy_plan : LazyPlan, optional
        See the attributes.
    is_sparse : bool
        The result has its plan as entries.
    hides_plan : bool
        The dense plan is not offered, because the caller asked for little memory.
    log : dict, optional
        See the attributes.
    plan : numpy.ndarray, optional
        The plan, of a result that has none.

    Attributes
    ----------
    value : float
        Objective, with the regularisation.
    value_linear : float
        Cost of the plan.
    value_quad : None
        For quadratic problems only.
    potentials, potential_a, potential_b : numpy.ndarray
        Dual potentials; of entropic problems the logarithms of the scaling vectors.
    plan : numpy.ndarray
        The dense plan.
    sparse_plan : scipy.sparse array
        The plan as a sparse array; needs SciPy.
    lazy_plan : LazyPlan or None
        The plan on demand, with ``lazy=True``.
    marginals, marginal_a, marginal_b : numpy.ndarray
        Sums of the plan.
    status : str
        ``"Converged"``, else Kantor's status.
    log : dict or None
        More of what was computed.
    result : Result or None
        Kantor's own result: certificate, trace, derivative products.
    """

    #: Code written for POT asks for the array library of a result; None stands for numpy.
    _backend = None

    def __init__(
        self,
        value: Any,
        value_linear: Any,
        potentials: Optional[Tuple[np.ndarray, np.ndarray]] = None,
        shape: Tuple[int, int] = (0, 0),
        status: Optional[str] = None,
        dtype: Any = np.float64,
        result: Optional[Result] = None,
        lazy_plan: Optional[LazyPlan] = None,
        is_sparse: bool = False,
        hides_plan: bool = False,
        log: Optional[Dict[str, Any]] = None,
        plan: Optional[np.ndarray] = None,
    ) -> None:
        self.value = value
        self.value_linear = value_linear
        self.value_quad = None
        self.potentials = potentials
        self.status = status
        self.lazy_plan = lazy_plan
        self.log = log
        self.result = result
        self._shape = shape
        self._dtype = dtype
        self._is_sparse = is_sparse
        self._hides_plan = hides_plan
        self._plan = plan

    @property
    def potential_a(self) -> Optional[np.ndarray]:
        """Potential of the sources."""
        return None if self.potentials is None else self.potentials[0]

    @property
    def potential_b(self) -> Optional[np.ndarray]:
        """Potential of the targets."""
        return None if self.potentials is None else self.potentials[1]

    @property
    def plan(self) -> Optional[np.ndarray]:
        """The dense plan, made at the first access."""
        if self._plan is None and self.result is not None and not self._hides_plan:
            if self._is_sparse:
                self._plan = np.zeros(self._shape, dtype=self._dtype)
                if "plan_value" in self.result:
                    places = (self.result["plan_row"], self.result["plan_column"])
                    self._plan[places] = self.result["plan_value"]
            else:
                self._plan = np.array(self.result["plan"], dtype=self._dtype)
        return self._plan

    @property
    def sparse_plan(self) -> Any:
        """The plan as a sparse array of SciPy."""
        if self.result is None or self._hides_plan:
            return None
        if not self._is_sparse:
            return sparse_module().csr_matrix(self.plan)
        return coo_plan(
            self.result["plan_value"].astype(self._dtype), self.result["plan_row"],
            self.result["plan_column"], self._shape,
        )

    @property
    def marginals(self) -> Optional[Tuple[Optional[np.ndarray], Optional[np.ndarray]]]:
        """Sums of the plan over targets and over sources."""
        if self.result is None:
            return None
        return self.marginal_a, self.marginal_b

    @property
    def marginal_a(self) -> Optional[np.ndarray]:
        """Sums of the plan over the targets."""
        return self._marginal(1)

    @property
    def marginal_b(self) -> Optional[np.ndarray]:
        """Sums of the plan over the sources."""
        return self._marginal(0)

    def _marginal(self, axis: int) -> Optional[np.ndarray]:
        if self.lazy_plan is not None:
            return self.lazy_plan.marginal(axis)
        if self.result is None:
            return None
        if self._is_sparse and "plan_value" in self.result:
            places = self.result["plan_row" if axis == 1 else "plan_column"]
            return np.bincount(
                places, weights=self.result["plan_value"], minlength=self._shape[1 - axis]
            ).astype(self._dtype)
        plan = self.plan
        return None if plan is None else plan.sum(axis=axis)

    @property
    def a_to_b(self) -> Any:
        """Not offered, as in POT."""
        return refuse("a_to_b is not offered; use result.barycentric_map of a point problem")

    @property
    def b_to_a(self) -> Any:
        """Not offered, as in POT."""
        return refuse("b_to_a is not offered; solve the problem with sources and targets swapped")

    def __repr__(self) -> str:
        shape = "" if self.result is None else f", plan{self._shape}"
        return f"OTResult(value={self.value}, value_linear={self.value_linear}{shape})"


def sparse_module() -> Any:
    """Import SciPy's sparse arrays.

    Returns
    -------
    module
        ``scipy.sparse``.
    """
    try:
        import scipy.sparse
    except ImportError as cause:
        raise error(
            _abi.E_UNSUPPORTED, "sparse plans need SciPy, which is not installed"
        ) from cause
    return scipy.sparse


def coo_plan(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: Any
) -> Any:
    """Make a sparse array of the entries of a plan.

    Parameters
    ----------
    values, rows, columns : numpy.ndarray
        The entries.
    shape : tuple of int
        Numbers of sources and targets.

    Returns
    -------
    scipy.sparse array
        In coordinate format.
    """
    module = sparse_module()
    kind = getattr(module, "coo_array", module.coo_matrix)
    return kind((values, (rows, columns)), shape=shape)
