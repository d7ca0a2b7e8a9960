"""Nested problems: the fields of a lower problem as functions of x, its answers as z."""

from __future__ import annotations

import warnings
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _abi
from ._bilevel_functions import Constraints, differences
from ._errors import NotSolvedError, error
from ._functions import Functions
from ._problem import Problem, full_name
from ._solve import solve
from ._sparse import is_sparse
from ._subproblem import Subproblem

#: A matrix, a function of x, or a pair of a function and its product with the transposed Jacobian.
Dependence = Any


class Fields:
    """Fields of the lower problem that depend on x, one after another.

    Parameters
    ----------
    lower : Subproblem
        The lower problem.
    depends : mapping
        As for `kantor.bilevel.nested_problem`.
    x : ndarray
        The start; functions get x in its shape.
    """

    def __init__(self, lower: Subproblem, depends: Mapping[str, Dependence], x: np.ndarray) -> None:
        if not isinstance(depends, Mapping) or not depends:
            raise error(
                _abi.E_TYPE, f"depends is {depends!r}; a dictionary of lower fields is needed")
        self.x = x
        self.problem = lower.problem
        kind = lower.problem.kind
        self.given = {full_name(kind, name): how for name, how in depends.items()}
        self.names = list(self.given)
        self.shapes: List[Tuple[int, ...]] = []
        for name in self.names:
            shape = self.problem._derivative_shape(name)
            self.shapes.append(shape)
        self.sizes = [int(np.prod(shape)) for shape in self.shapes]
        self.rows = sum(self.sizes)

    @property
    def are_matrices(self) -> bool:
        """Whether all fields depend on x by matrices."""
        return not any(callable(_function(how)) for how in self.given.values())

    def matrix(self) -> Any:
        """Stack the matrices.

        Returns
        -------
        ndarray or sparse matrix of shape (rows, nx)
            The matrix of all fields.
        """
        blocks = [
            self._block(name, how, size)
            for (name, how), size in zip(self.given.items(), self.sizes)
        ]
        if any(is_sparse(block) for block in blocks):
            import scipy.sparse

            return scipy.sparse.vstack(blocks, format="csc")
        return np.vstack(blocks)

    def _block(self, name: str, how: Any, size: int) -> Any:
        if is_sparse(how):
            return how
        block = np.asarray(how, dtype=np.float64)
        if block.size != size * self.x.size:
            raise error(
                _abi.E_SHAPE,
                f"depends['{name}'] has the shape {block.shape}; {size} x {self.x.size} numbers "
                "are needed: those of the field, and those of x",
            )
        return block.reshape(size, self.x.size)

    def functions(self) -> Functions:
        """Make the bundle that gives the fields for x.

        Returns
        -------
        kantor.Functions
            With ``map`` and ``jacobian_transpose_product``.
        """
        pieces = [
            self._piece(name, how, size, shape)
            for (name, how), size, shape in zip(self.given.items(), self.sizes, self.shapes)
        ]
        starts = np.cumsum([0, *self.sizes])

        def values(x: np.ndarray) -> np.ndarray:
            return np.concatenate([value(x) for value, _ in pieces])

        def pull(x: np.ndarray, w: np.ndarray) -> np.ndarray:
            return sum(
                product(x, w[low:high])
                for (_, product), low, high in zip(pieces, starts[:-1], starts[1:])
            )

        return Functions(
            self.x.size, self.rows, map=values, jacobian_transpose_product=pull)

    def _piece(
        self, name: str, how: Any, size: int, shape: Tuple[int, ...]
    ) -> Tuple[Callable[[np.ndarray], np.ndarray], Callable[..., np.ndarray]]:
        """The numbers of one field, and the product with their transposed Jacobian."""
        function = _function(how)
        if not callable(function):
            block = self._block(name, how, size)
            base = self._base(name)
            return (lambda x: base + block @ x), (lambda x, w: block.T @ w)

        def value(x: np.ndarray) -> np.ndarray:
            numbers = np.asarray(function(x.reshape(self.x.shape)), dtype=np.float64)
            if numbers.size != size:
                raise error(
                    _abi.E_SHAPE,
                    f"depends['{name}'] returned the shape {numbers.shape}; {shape} is needed",
                )
            return numbers.reshape(-1)

        if isinstance(how, (tuple, list)):
            product = how[1]
            return value, lambda x, w: np.reshape(
                product(x.reshape(self.x.shape), w.reshape(shape)), -1)
        warnings.warn(
            f"depends['{name}'] has no product with its transposed Jacobian: it is differenced, "
            f"which costs {2 * self.x.size} calls each and half of the digits", stacklevel=5)

        def differenced(x: np.ndarray, w: np.ndarray) -> np.ndarray:
            gradient = differences(lambda point: float(value(point) @ w), x)
            # Functions of the lower problem may go by the last x that they saw.
            value(x)
            return gradient

        return value, differenced

    def _base(self, name: str) -> np.ndarray:
        if name in self.problem._stored:
            raise error(
                _abi.E_UNSUPPORTED,
                f"depends['{name}'] is a matrix and another field's a function; give '{name}', "
                "which is sparse, as a function of its stored values",
            )
        return self.problem.get(name).reshape(-1)


def _function(how: Any) -> Any:
    return how[0] if isinstance(how, (tuple, list)) and len(how) == 2 and callable(
        how[0]) else how


class Answers:
    """Fields of the lower result that make up z.

    Parameters
    ----------
    lower : Subproblem
        The lower problem.
    names : str or sequence of str
        The fields; one alone is handed to functions as it is, several as a tuple.
    fields : Fields
        What depends on x.
    shapes : tuple or sequence of tuples, optional
        Of the answers; from a solve at the start if not given.
    """

    def __init__(
        self, lower: Subproblem, names: Union[str, Sequence[str]], fields: Fields,
        shapes: Optional[Any] = None,
    ) -> None:
        self.is_single = isinstance(names, str)
        self.names = [names] if isinstance(names, str) else list(names)
        if shapes is None:
            found = self._at_start(lower, fields)
            self.shapes = [np.shape(values) for values in found]
            self.start = np.concatenate([np.reshape(values, -1) for values in found])
        else:
            self.shapes = [tuple(shapes)] if self.is_single else [tuple(s) for s in shapes]
            self.start = np.zeros(sum(int(np.prod(shape)) for shape in self.shapes))
        self.sizes = [int(np.prod(shape)) for shape in self.shapes]
        self.size = sum(self.sizes)

    def _at_start(self, lower: Subproblem, fields: Fields) -> List[np.ndarray]:
        problem = lower.problem
        if not fields.are_matrices:
            numbers = fields.functions().members["map"](fields.x.reshape(-1))
            starts = np.cumsum([0, *fields.sizes])
            plain = {
                name: numbers[low:high].reshape(shape)
                for name, shape, low, high in zip(
                    fields.names, fields.shapes, starts[:-1], starts[1:])
                if name not in problem._stored
            }
            problem = problem.copy(**{
                name: value if value.ndim else float(value) for name, value in plain.items()})
        result = solve(problem, lower.method, **lower.options)
        for name in self.names:
            if name not in result:
                raise NotSolvedError(
                    f"the lower problem has no answer '{name}' at the start: {result.status}; "
                    "give answer_shape to go on", result.status_code, result)
        return [np.asarray(result[name], dtype=np.float64) for name in self.names]

    def split(self, z: np.ndarray) -> Any:
        """Take z apart.

        Parameters
        ----------
        z : ndarray of shape (nz,)
            All answers.

        Returns
        -------
        ndarray or tuple of ndarray
            In the shapes of the answers.
        """
        starts = np.cumsum([0, *self.sizes])
        pieces = tuple(
            z[low:high].reshape(shape)
            for shape, low, high in zip(self.shapes, starts[:-1], starts[1:])
        )
        return pieces[0] if self.is_single else pieces

    def join(self, pieces: Any) -> np.ndarray:
        """Put gradients in the answers together.

        Parameters
        ----------
        pieces : array_like, or a sequence of such
            As `split` gives them.

        Returns
        -------
        ndarray of shape (nz,)
            The gradient in z.
        """
        listed = [pieces] if self.is_single else list(pieces)
        return np.concatenate([np.asarray(p, dtype=np.float64).reshape(-1) for p in listed])


class _Joined:
    """x and the answers as `Constraints` takes them apart."""

    def __init__(self, x: np.ndarray, answers: Answers) -> None:
        self.nx, self.ny = x.size, answers.size
        self.start_x, self.start_y = x, answers.split(answers.start)
        self._answers = answers

    def split(self, w: np.ndarray) -> Tuple[np.ndarray, Any]:
        """x and z, or the tuple of its parts."""
        return w[: self.nx].reshape(self.start_x.shape), self._answers.split(w[self.nx:])


def upper_functions(
    upper: Callable[..., Any], gradient: Optional[Callable[..., Any]], x: np.ndarray,
    answers: Answers, constraints: Constraints,
) -> Functions:
    """Make the bundle of F, G and H over (x, z).

    Parameters
    ----------
    upper : callable
        ``F(x, z)``.
    gradient : callable or None
        ``(x, z)``: the pair of gradients.
    x : ndarray
        The start.
    answers : Answers
        What z is made of.
    constraints : Constraints
        Upper rows.

    Returns
    -------
    kantor.Functions
        With ``value`` and ``gradient``, and ``map`` and ``jacobian`` where there are rows.
    """
    if not callable(upper):
        raise error(_abi.E_TYPE, f"upper is {upper!r}, not a function")
    nx = x.size

    def parts(w: np.ndarray) -> Tuple[np.ndarray, Any]:
        return w[:nx].reshape(x.shape), answers.split(w[nx:])

    def value(w: np.ndarray) -> Any:
        return upper(*parts(w))

    if gradient is None:
        warnings.warn(
            "grad_upper is missing: gradients are taken by central differences, which costs "
            f"{2 * (nx + answers.size)} values each and half of the digits", stacklevel=4)

        def joined(w: np.ndarray) -> np.ndarray:
            return differences(value, w)
    else:
        def joined(w: np.ndarray) -> np.ndarray:
            pair = gradient(*parts(w))
            if pair is None:
                return np.full(nx + answers.size, np.nan)
            try:
                first, second = pair
            except (TypeError, ValueError):
                raise error(
                    _abi.E_SHAPE, "grad_upper returned no pair; a pair of gradients is needed"
                ) from None
            return np.concatenate(
                [np.asarray(first, dtype=np.float64).reshape(-1), answers.join(second)])

    members: Dict[str, Any] = {"value": value, "gradient": joined}
    if constraints.rows:
        members["map"] = constraints.value
        members["jacobian"] = constraints.jacobian
        if not constraints.has_jacobian:
            warnings.warn(
                "upper_constraints have no Jacobians: they are taken by central differences, "
                f"which costs {2 * (nx + answers.size)} values each and half of the digits",
                stacklevel=4)
            members["jacobian"] = lambda w: differences(constraints.value, w)
    return Functions(nx + answers.size, constraints.rows, **members)


def nested_fields(
    upper: Callable[..., Any], lower: Union[Problem, Subproblem], x0: Any,
    depends: Mapping[str, Dependence], answer: Union[str, Sequence[str]],
    grad_upper: Optional[Callable[..., Any]], answer_shape: Optional[Any],
    upper_constraints: Any,
) -> Dict[str, Any]:
    """Gather the fields of a nested problem.

    Parameters
    ----------
    upper, lower, x0, depends, answer, grad_upper, answer_shape, upper_constraints
        As for `kantor.bilevel.nested_problem`.

    Returns
    -------
    dict
        Fields of the kind ``"nested"``, without the set of x.
    """
    part = lower if isinstance(lower, Subproblem) else Subproblem(lower)
    x = np.asarray(x0, dtype=np.float64)
    fields = Fields(part, depends, x)
    answers = Answers(part, answer, fields, answer_shape)
    constraints = Constraints(upper_constraints, _Joined(x, answers), "upper_constraints")
    made = {
        "upper": upper_functions(upper, grad_upper, x, answers, constraints), "lower": part,
        "lower_fields": ", ".join(fields.names), "answers": ", ".join(answers.names),
        "answer_size": answers.size, "start_x": x.reshape(-1),
    }
    if constraints.rows:
        made["upper_rows"] = constraints.rows
        made["upper_equalities"] = constraints.equalities
    if fields.are_matrices:
        made["lower_matrix"] = fields.matrix()
    else:
        made["lower_map"] = fields.functions()
    return made
