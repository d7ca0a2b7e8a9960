"""Problems as data of other problems."""

from __future__ import annotations

from typing import Any, Optional

from . import _abi
from ._arrays import encode
from ._catalog import methods, qualified
from ._errors import error
from ._problem import Problem
from ._settings import SettingsHandle


class Subproblem:
    """A problem as data of another one, with the way to solve it.

    Parameters
    ----------
    problem : Problem
        Of any kind. It is sealed where it is set, and does not change from then on.
    method : str, optional
        A method of its kind; None: the default for its data.
    **options
        Options of the method.

    Attributes
    ----------
    problem : Problem
        The problem.
    method : str or None
        The method, if one is named or follows from the options.
    options : dict
        Its options.

    Raises
    ------
    KantorError
        Another kind of object, a method that is not one of the kind, or an unknown option.

    Examples
    --------
    >>> import kantor
    >>> lower = kantor.Problem("transport", cost=[[0, 1], [1, 0]])
    >>> kantor.Subproblem(lower, "sinkhorn", epsilon=0.1)
    <kantor.Subproblem 'transport/sinkhorn'>
    """

    def __init__(self, problem: Problem, method: Optional[str] = None, **options: Any) -> None:
        if not isinstance(problem, Problem):
            raise error(
                _abi.E_TYPE,
                f"the problem is a {type(problem).__name__}; a kantor.Problem is needed",
            )
        if method is not None:
            if method.rpartition("/")[2] not in methods(problem.kind):
                raise error(
                    _abi.E_NAME,
                    f"method '{method}' is none for the kind '{problem.kind}', which has "
                    + ", ".join(methods(problem.kind)),
                )
            method = qualified(problem.kind, method)
        elif options:
            # Options belong to a method: to the one that would be chosen.
            method = problem.method()
        self.problem = problem
        self.method = method
        self.options = options
        self.method_path = None if method is None else encode(method, "method")
        self.handle = SettingsHandle.create(method)
        for name, value in options.items():
            self.handle.set(name, value)

    def __repr__(self) -> str:
        plain = f"/{self.method.rpartition('/')[2]}" if self.method else ""
        return f"<kantor.Subproblem {self.problem.kind + plain!r}>"
