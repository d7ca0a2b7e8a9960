"""Games: Nash equilibria of N players.

`solve` takes the gradients of the players' costs::

    import kantor.game

    found = kantor.game.solve(gradients, [x1, x2], prox=["simplex", ("box", 0, 1)])
    found.status, found.strategies, found.regrets
"""

from __future__ import annotations

from ._game_solve import Equilibrium, solve

__all__ = ["Equilibrium", "solve"]
