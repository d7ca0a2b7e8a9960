"""Functions whose values a stepper asks for."""

from __future__ import annotations

from typing import Optional, Sequence


class Questions:
    """Functions that a `Stepper` asks for, in place of `kantor.Functions`.

    Parameters
    ----------
    members : sequence of str
        Names as `kantor.Functions` has them, such as ``["value", "gradient"]``.
    n : int
        Number of variables.
    m : int, default 0
        Number of rows of ``map``.
    jacobian_values, hessian_values : int, optional
        Numbers that ``jacobian`` and ``hessian`` have, as for `kantor.Functions`.
    parameters : int, default 0
        Number of the caller's parameters.

    Examples
    --------
    >>> import kantor
    >>> kantor.Questions(["map"], n=2, m=2)
    <kantor.Questions n=2 m=2: map>
    """

    def __init__(
        self, members: Sequence[str], n: int, m: int = 0, *,
        jacobian_values: Optional[int] = None, hessian_values: Optional[int] = None,
        parameters: int = 0,
    ) -> None:
        self.members = [members] if isinstance(members, str) else list(members)
        self.n, self.m = n, m
        jacobian = m * n if jacobian_values is None else jacobian_values
        hessian = n * n if hessian_values is None else hessian_values
        #: Numbers of the outputs, and of the vector v, by member.
        self.outputs = {
            "value": 1, "gradient": n, "value_gradient": 1, "map": m, "jacobian": jacobian,
            "jacobian_product": m, "jacobian_transpose_product": n, "hessian": hessian,
            "hessian_product": n, "value_complex": 1, "map_complex": m, "batch_value": 1,
            "batch_gradient": n, "batch_map": m, "batch_hessian_product": n, "prox": n,
            "parameter_gradient": n * parameters, "parameter_jacobian": m * parameters,
            "parameter_value": parameters,
        }
        self.vectors = {name: m if name == "jacobian_transpose_product" else n
                        for name in self.outputs}

    def __repr__(self) -> str:
        return f"<kantor.Questions n={self.n} m={self.m}: {', '.join(self.members)}>"
