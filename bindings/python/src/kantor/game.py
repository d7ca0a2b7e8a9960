"""Games: two players with a matrix, and certificates of contraction.

::

    import kantor

    game = kantor.game.matrix(A)              # value and both strategies
    proof = kantor.game.certify(jacobian=J)   # does gradient play contract, how fast?
"""

from ._game_certificate import certify
from ._matrix_game import matrix

__all__ = ["certify", "matrix"]
