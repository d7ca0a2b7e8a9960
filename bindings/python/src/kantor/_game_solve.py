"""Nash equilibria by the gradients of the players' costs."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Sequence, Union

import numpy as np

from . import _abi, _terms
from ._errors import error
from ._functions import Functions
from ._problem import Problem
from ._result import Result
from ._solve import solve as _solve


class Equilibrium:
    """What `kantor.game.solve` found.

    Parameters
    ----------
    result : kantor.Result
        What the library gave.
    sizes : list of int
        Number of variables of each player.

    Attributes
    ----------
    status : str
        Word for how the solve ended.
    strategies : list of numpy.ndarray
        One array for each player.
    residuals : numpy.ndarray, shape (players,)
        The residual's parts of the players.
    regrets : numpy.ndarray, shape (players,)
        What each player can gain by changing its own strategy is at most this for convex costs;
        NaN for players whose set is not bounded.
    certificate : dict of str to float
        ``residual``, ``gap`` and others.
    result : kantor.Result
        Everything.
    """

    def __init__(self, result: Result, sizes: List[int]) -> None:
        self.result = result
        self.status: str = result.status
        self.strategies = np.split(np.asarray(result["x"]), np.cumsum(sizes)[:-1])
        self.residuals = np.asarray(result["player_residuals"])
        self.regrets = np.asarray(result["player_regrets"])
        self.certificate: Dict[str, float] = dict(result.certificate)

    def __repr__(self) -> str:
        return f"<kantor.game.Equilibrium {self.status!r} of {len(self.strategies)} players>"


def solve(
    gradients: Callable[..., Any],
    x0: Sequence[Any],
    prox: Union[_terms.Term, Sequence[_terms.Term], None] = None,
    *,
    lipschitz: Optional[float] = None,
    comonotone: Optional[float] = None,
    components: Optional[int] = None,
    method: Optional[str] = None,
    **options: Any,
) -> Equilibrium:
    """Find a Nash equilibrium of players with convex costs.

    Parameters
    ----------
    gradients : callable
        ``gradients(strategies)``: for a list of arrays, one for each player, the list of the
        gradients of each player's cost in its own strategy. With ``components``,
        ``gradients(i, strategies)``, and the costs are the means.
    x0 : sequence of array_like
        A strategy of each player, to start from.
    prox : str, tuple, callable or list, optional
        Terms of the players, such as their sets: one for all, or a list with one for each, as in
        `kantor.vi.solve`. A function is called with the joined vector.
    lipschitz : float, optional
        Lipschitz constant of the joined gradients; None: estimated.
    comonotone : float, optional
        As in `kantor.vi.solve`.
    components : int, optional
        Number of components of which the costs are means.
    method : str, optional
        A method of ``kantor.methods("game")``; None: as in `kantor.vi.solve`.
    **options
        Of the method and of `kantor.solve`.

    Returns
    -------
    Equilibrium
        Strategies, regrets and the certificate.

    Raises
    ------
    KantorError
        Data or options that cannot be used.
    BaseException
        What a function raised.

    Notes
    -----
    Source of the default method: Y. Malitsky, Golden ratio algorithms for variational
    inequalities (2020).

    Examples
    --------
    Two firms with the price 10 - q1 - q2 and costs of 1 and 2 each piece:

    >>> import kantor
    >>> found = kantor.game.solve(
    ...     lambda q: [1 - 10 + q[0] + q[1] + q[0], 2 - 10 + q[0] + q[1] + q[1]],
    ...     [[0.0], [0.0]], "nonnegative", tolerance=1e-9)
    >>> found.status, [round(float(q[0]), 4) for q in found.strategies]
    ('solved', [3.3333, 2.3333])
    """
    if not callable(gradients):
        raise error(
            _abi.E_TYPE,
            f"gradients is {gradients!r}; a function of the list of strategies is needed, which "
            "returns the list of gradients",
        )
    if len(x0) == 0:
        raise error(_abi.E_SHAPE, "x0 is empty; a strategy of each player is needed")
    parts = [_terms.start(f"x0[{k}]", entry) for k, entry in enumerate(x0)]
    sizes = [part.size for part in parts]
    cuts = np.cumsum(sizes)[:-1]

    def joined(blocks: Any) -> Optional[np.ndarray]:
        if blocks is None:
            return None
        if len(blocks) != len(sizes):
            raise error(
                _abi.E_SHAPE,
                f"gradients returned {len(blocks)} arrays for {len(sizes)} players",
            )
        return np.concatenate([np.ravel(block) for block in blocks])

    term, function = _terms.split("prox", prox)
    members: Dict[str, Any] = {"prox": function}
    given: Dict[str, Any] = {
        **term, "start": np.concatenate(parts), "players": np.asarray(sizes, dtype=np.float64)
    }
    if components is None:
        members["map"] = lambda z: joined(gradients(np.split(z, cuts)))
    else:
        members["batch_map"] = _terms.mean_of(
            lambda i, z: joined(gradients(i, np.split(z, cuts))))
        given["components"] = components
    for name, number in (("lipschitz", lipschitz), ("comonotone", comonotone)):
        if number is not None:
            given[name] = float(number)
    n = sum(sizes)
    problem = Problem("game", functions=Functions(n, n, **members), **given)
    return Equilibrium(_solve(problem, method, **options), sizes)
