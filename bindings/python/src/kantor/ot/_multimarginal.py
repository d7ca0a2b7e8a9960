"""Entropic transport between several measures."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import numpy as np

from .. import _abi
from .._arrays import as_matrix, as_numbers, as_vector
from .._errors import error
from .._problem import Problem
from .._result import Result
from .._solve import solve
from ._inputs import read_points, warn_unsolved

__all__ = ["Multimarginal", "multimarginal"]


class Multimarginal:
    """A plan of several measures; `multimarginal` gives it.

    Parameters
    ----------
    result : kantor.Result
        Status, certificate, and the fields of the method.
    sizes : sequence of int
        Points of each measure.
    edges : numpy.ndarray or None, shape (E, 2)
        Pairs of measures whose costs were added.

    Attributes
    ----------
    value : float
        The optimal value, with the entropy.
    cost : float
        <P, C> of the plan.
    potentials : list of numpy.ndarray
        One for each measure.
    result : kantor.Result
        ``result.status``, ``result.certificate`` and more.
    """

    def __init__(
        self, result: Result, sizes: Sequence[int], edges: Optional[np.ndarray]
    ) -> None:
        self.result = result
        self._sizes, self._edges = tuple(sizes), edges
        self.value: float = result["objective"]
        self.cost: float = result["transport_cost"]
        self.potentials: List[np.ndarray] = np.split(
            result["potentials"], np.cumsum(self._sizes)[:-1])

    @property
    def plan(self) -> np.ndarray:
        """The plan, one axis for each measure; an error where no tensor was formed."""
        return self.result["plan"].reshape(self._sizes)

    @property
    def edge_plans(self) -> List[np.ndarray]:
        """Plans of the pairs of measures joined by an edge, in the order of the edges."""
        flat, out, start = self.result["edge_plans"], [], 0
        for u, v in [] if self._edges is None else self._edges:
            shape = (self._sizes[u], self._sizes[v])
            out.append(flat[start:start + shape[0] * shape[1]].reshape(shape))
            start += shape[0] * shape[1]
        return out

    def __repr__(self) -> str:
        return f"<plan of {len(self._sizes)} measures, {self.result.message}>"


def multimarginal(
    weights: Optional[Sequence[Any]] = None,
    cost: Optional[Any] = None,
    *,
    points: Optional[Sequence[Any]] = None,
    edges: Optional[Any] = None,
    edge_costs: Optional[Sequence[Any]] = None,
    edge_weights: Optional[Any] = None,
    metric: str = "sqeuclidean",
    p: Optional[float] = None,
    epsilon: float = 0.0,
    tol: float = 1e-9,
    max_iter: int = 10000,
    threads: int = 1,
) -> Multimarginal:
    r"""Entropic transport between K measures.

    .. math:: \min_P \langle P, C \rangle
              + \varepsilon\,\mathrm{KL}(P\,|\,a_1 \otimes \cdots \otimes a_K)

    Give one of `cost`, `points`, or `edges` with `edge_costs`.

    Parameters
    ----------
    weights : sequence of array_like, optional
        Weights of each measure, of equal mass; uniform of mass 1 if None.
    cost : array_like, shape (n_1, ..., n_K), optional
        Cost of every tuple of points, at most 10^8.
    points : sequence of array_like, shapes (n_k, d) or (n_k,), optional
        Points of each measure; the cost is the sum over the edges of the costs of pairs.
    edges : array_like of int, shape (E, 2), optional
        Pairs of measures. All pairs if None, for `points`. Where they form a tree no tensor is
        made, and K and the sizes may be large.
    edge_costs : sequence of array_like, optional
        Instead of `points`: the matrix of costs of each edge.
    edge_weights : array_like, shape (E,), optional
        Positive factors of the costs of the edges.
    metric : {"sqeuclidean", "euclidean", "l1", "power", "cosine"}
        Cost of a pair of points.
    p : float, optional
        Exponent of the metric ``"power"``; 2 if None.
    epsilon : float
        Strength of the entropy, in units of the cost; 0 for 0.05 times the mean cost.
    tol : float
        Sum of the L1 errors of the marginals, relative to the mass.
    max_iter : int
        Sweeps over all marginals.
    threads : int
        Threads to use.

    Returns
    -------
    Multimarginal
        Value, potentials, plan or plans of pairs.

    Raises
    ------
    kantor.KantorError
        Shapes that do not fit, masses that differ, a tensor of more than 10^8 cells.

    Warns
    -----
    UserWarning
        If the marginals are not met to `tol`.

    Examples
    --------
    >>> import numpy as np
    >>> from kantor import ot
    >>> x = np.arange(5.0)
    >>> out = ot.multimarginal(points=[x, x + 1, x + 2], edges=[[0, 1], [1, 2]], epsilon=1e-2)
    >>> round(out.cost, 6), out.edge_plans[0].shape
    (2.0, (5, 5))
    """
    fields: dict = {}
    pairs = None if edges is None else np.asarray(edges)
    if pairs is not None and (pairs.ndim != 2 or pairs.shape[1] != 2):
        raise error(_abi.E_SHAPE, f"edges has the shape {pairs.shape}; (E, 2) is needed")
    if cost is not None:
        tensor = as_numbers(cost, "cost")
        sizes = list(tensor.shape)
        fields["cost"] = np.ascontiguousarray(tensor).reshape(-1)
    elif points is not None:
        clouds = [read_points(cloud, f"points[{k}]") for k, cloud in enumerate(points)]
        sizes = [len(cloud) for cloud in clouds]
        if len({cloud.shape[1] for cloud in clouds}) > 1:
            raise error(
                _abi.E_SHAPE, "points have the dimensions "
                f"{[cloud.shape[1] for cloud in clouds]}; they must agree")
        if clouds:
            fields["points"] = np.concatenate(clouds)
        if pairs is None:
            pairs = np.array(np.triu_indices(len(sizes), 1)).T
    elif pairs is not None and edge_costs is not None:
        sizes, blocks = _read_edges(pairs, edge_costs, weights)
        fields["edge_costs"] = np.concatenate([block.ravel() for block in blocks] or [[]])
    else:
        raise error(_abi.E_MISSING, "cost, points, or edges with edge_costs are needed")
    if pairs is not None and cost is None:
        fields["edges"] = pairs
        if edge_weights is not None:
            fields["edge_weights"] = as_vector(edge_weights, "edge_weights")
    if weights is not None:
        masses = [as_vector(w, f"weights[{k}]") for k, w in enumerate(weights)]
        if [len(w) for w in masses] != sizes:
            raise error(
                _abi.E_SHAPE, f"weights have the lengths {[len(w) for w in masses]}; {sizes} are "
                "needed")
        fields["weights"] = np.concatenate(masses)
    if cost is None:
        fields.update(metric=metric, power=p)
    problem = Problem("multimarginal", sizes=np.array(sizes, dtype=float), **fields)
    result = solve(
        problem, "multimarginal_sinkhorn", epsilon=epsilon, tolerance=tol, max_iterations=max_iter,
        threads=threads)
    warn_unsolved(result, "a larger epsilon or max_iter may help")
    return Multimarginal(result, sizes, pairs if cost is None else None)


def _read_edges(pairs: np.ndarray, costs: Sequence[Any], weights: Any) -> Any:
    """Sizes of the measures and matrices along the edges."""
    blocks = [as_matrix(block, f"edge_costs[{e}]") for e, block in enumerate(costs)]
    if len(blocks) != len(pairs):
        raise error(
            _abi.E_SHAPE, f"there are {len(pairs)} edges and {len(blocks)} matrices of costs")
    count = int(pairs.max()) + 1 if len(pairs) else 0
    if weights is not None:
        count = max(count, len(weights))
    sizes = [0] * count
    for (u, v), block in zip(pairs, blocks):
        for k, n in ((int(u), block.shape[0]), (int(v), block.shape[1])):
            if k < 0 or sizes[k] not in (0, n):
                raise error(
                    _abi.E_SHAPE, f"the costs of edge ({u}, {v}) have the shape {block.shape}; "
                    f"measure {k} has {sizes[k] if k >= 0 else 'no'} points")
            sizes[k] = n
    if 0 in sizes:
        raise error(_abi.E_SHAPE, f"measure {sizes.index(0)} has no edge")
    return sizes, blocks
