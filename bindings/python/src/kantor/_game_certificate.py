"""Certificates that gradient play contracts."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Sequence, Union

import numpy as np

from . import _abi, _terms
from ._errors import error
from ._functions import Functions
from ._problem import Problem
from ._result import Result
from ._solve import solve


def certify(
    curvature: Optional[Any] = None,
    coupling: Optional[Any] = None,
    smoothness: Optional[Any] = None,
    jacobian: Optional[Union[Any, Callable[[np.ndarray], Any]]] = None,
    players: Optional[Any] = None,
    lower: Optional[Any] = None,
    upper: Optional[Any] = None,
    gradients: Optional[Callable[..., Any]] = None,
    prox: Union[_terms.Term, Sequence[_terms.Term], None] = None,
    **options: Any,
) -> Result:
    """Certify that projected gradient play of several players contracts, or that bounds forbid it.

    Give `curvature` and `coupling`, or `jacobian`, or `gradients`.

    Parameters
    ----------
    curvature : array_like of shape (players,), optional
        Lower bounds of the curvature of each cost in its player's variables.
    coupling : array_like of shape (players, players), optional
        Entry (i, j): upper bound of the norm of the derivative of player i's gradient with respect
        to j's variables. The diagonal is not read.
    smoothness : array_like of shape (players,), optional
        Upper bounds of the curvature; without them no steps are given.
    jacobian : array_like of shape (n, n) or (k, n, n), or callable, optional
        Derivative of all players' gradients: constant; or k matrices of whose averages it is one
        everywhere; or a function of x (n,) that is sampled in the region between `lower` and
        `upper`.
    players : int or array_like of int of shape (players,), optional
        Number of variables of each player, for `jacobian` and `gradients`. One each if not given.
    lower, upper : array_like of shape (n,), optional
        The region that is sampled.
    gradients : callable, optional
        In place of `jacobian`, as in `kantor.game.solve`: for a list of strategies the list of the
        gradients of each player's cost; its differences are taken, 2n calls for each sample.
    prox : str, tuple or list, optional
        The players' sets by name, as in `kantor.game.solve`: samples are projected on them.
    **options : float, int, bool or str
        Options of ``"small_gain"``: ``samples``, ``confidence``, ``seed``, ``max_evaluations``.

    Returns
    -------
    Result
        ``status`` is ``"solved"`` with a certificate: ``weights`` of the players' blocks,
        ``margin`` (alpha), ``lipschitz`` (beta), ``step`` = alpha/beta^2, ``step_largest``,
        ``contraction``. It is ``"infeasible"`` where ``witness`` proves that no weights will do.
        ``euclidean_margin`` is the margin of equal weights. With samples, ``uncovered`` is the part
        of the region in which the bounds may fail, with the confidence asked for.

    Raises
    ------
    KantorError
        Bounds that contradict each other, wrong shapes, or numbers that are not finite.

    References
    ----------
    .. [1] Sharma, "Small-Gain Nash: certified contraction to Nash equilibria in differentiable
       games" (2026).

    Examples
    --------
    >>> import kantor
    >>> found = kantor.game.certify(jacobian=[[1.0, 4.0], [-0.2, 1.0]])
    >>> found.status, round(found.margin, 5), round(found.euclidean_margin, 5)
    ('solved', 0.10557, -1.1)
    >>> found.weights.round(3), round(found.step, 5)
    (array([ 1., 20.]), 0.05865)
    """
    fields = {
        "curvature": curvature, "coupling": coupling, "smoothness": smoothness,
        "players": None if players is None else np.asarray(players, float),
        "lower": lower, "upper": upper,
    }
    members: Dict[str, Any] = {}
    if callable(jacobian):
        members["jacobian"] = jacobian
    else:
        fields["jacobian"] = jacobian
    if gradients is not None:
        members["map"] = _joined(gradients, players)
    if members:
        if lower is None:
            raise error(_abi.E_MISSING, "lower is missing; a function is sampled in a region")
        n = np.asarray(lower).size
        fields["functions"] = Functions(n, n, **members)
    given = {name: value for name, value in fields.items() if value is not None}
    given.update(_terms.fields("prox", prox))
    return solve(Problem("game_certificate", **given), "small_gain", **options)


def _joined(gradients: Callable[..., Any], players: Optional[Any]) -> Callable[..., Any]:
    """All gradients in one array, from one array of all strategies."""

    def function(x: np.ndarray) -> np.ndarray:
        sizes = np.ones(x.size, int) if players is None else np.atleast_1d(players).astype(int)
        if sizes.size == 1:
            sizes = np.full(x.size // sizes[0], sizes[0])
        parts = gradients(np.split(x, np.cumsum(sizes)[:-1]))
        return np.concatenate([np.ravel(part) for part in parts])

    return function
