"""Games: Nash equilibria of N players, two players with a matrix, certificates of contraction.

::

    import kantor.game

    game = kantor.game.matrix(A)              # value and both strategies
    found = kantor.game.solve(gradients, [x1, x2], prox=["simplex", ("box", 0, 1)])
    found.status, found.strategies, found.regrets
    proof = kantor.game.certify(jacobian=J)   # does gradient play contract, how fast?
"""

from __future__ import annotations

from ._game_certificate import certify
from ._game_solve import Equilibrium, solve
from ._matrix_game import matrix

__all__ = ["Equilibrium", "certify", "matrix", "solve"]
