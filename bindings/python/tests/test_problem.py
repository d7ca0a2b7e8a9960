"""Problems: fields, short names, refusals."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor import _abi

COST = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 1.0]])
A = np.array([0.5, 0.5])
B = np.array([0.25, 0.5, 0.25])
X = np.array([[0.0, 0.0], [1.0, 0.0]])
Y = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])


def optimum(**fields):
    return kantor.solve(kantor.Problem("transport", **fields)).objective


def test_short_and_full_names_are_the_same():
    full = optimum(cost=COST, weights_source=A, weights_target=B)
    assert optimum(M=COST, a=A, b=B) == full
    points = optimum(points_source=X, points_target=Y, metric="euclidean")
    assert optimum(points=(X, Y), metric="euclidean") == points
    assert optimum(X=X, Y=Y, metric="euclidean") == points


def test_none_leaves_a_field_unset():
    assert optimum(cost=COST, a=None, b=None, points=None, metric=None) == optimum(cost=COST)


def test_real_and_text_fields():
    cubes = optimum(points=(X, Y), metric="power", power=3)
    gaps = np.linalg.norm(X[:, None] - Y[None], axis=2)
    assert cubes == pytest.approx(optimum(cost=gaps**3), rel=1e-12)


def test_get_gives_a_copy_of_what_was_set():
    problem = kantor.Problem("transport", cost=COST.astype(np.float32), a=A)
    back = problem.get("cost")
    assert back.dtype == np.float32 and np.array_equal(back, COST)
    back[:] = 0
    assert np.array_equal(problem.get("cost"), COST)
    assert np.array_equal(problem.get("a"), A)


def test_a_twin_can_be_changed_after_the_first_solve():
    problem = kantor.Problem("transport", cost=COST, a=A, b=B)
    first = kantor.solve(problem).objective
    with pytest.raises(kantor.StateError, match="sealed") as raised:
        problem.set("a", B[:2])
    assert raised.value.code == _abi.E_STATE
    twin = problem.copy(a=[1.0, 0.0])
    assert kantor.solve(twin).objective == pytest.approx(1.5, abs=1e-12)
    assert kantor.solve(problem).objective == first


def test_seal_tells_what_is_wrong_and_leaves_the_problem_open():
    problem = kantor.Problem("transport", cost=COST, a=[1.0, 2.0, 3.0])
    with pytest.raises(kantor.InvalidShapeError, match="weights_source"):
        problem.seal()
    problem.set("a", A).seal()
    with pytest.raises(kantor.StateError):
        problem.set("b", B)


@pytest.mark.parametrize("fields, kind, code, text", [
    ({"cost": COST, "wieghts": A}, kantor.UnknownNameError, _abi.E_NAME, "wieghts"),
    ({"cost": COST, "weights_sourc": A}, kantor.UnknownNameError, _abi.E_NAME, "weights_source"),
    ({"cost": A}, kantor.InvalidShapeError, _abi.E_SHAPE, "cost"),
    ({"cost": np.zeros((0, 3))}, kantor.InvalidShapeError, _abi.E_SHAPE, "cost"),
    ({"cost": COST * np.nan}, kantor.InvalidValueError, _abi.E_NOT_FINITE, "cost"),
    ({"cost": COST - np.inf}, kantor.InvalidValueError, _abi.E_NOT_FINITE, "cost"),
    ({"cost": COST, "a": B}, kantor.InvalidShapeError, _abi.E_SHAPE, "weights_source"),
    ({"cost": COST, "a": [1.5, -0.5]}, kantor.InvalidValueError, _abi.E_RANGE, "weights_source"),
    ({"cost": COST, "b": [np.inf, 0, 0]}, kantor.InvalidValueError, _abi.E_NOT_FINITE,
     "weights_target"),
    ({"cost": COST, "b": [0, 0, 0]}, kantor.InvalidValueError, _abi.E_RANGE, "weights_target"),
    ({"cost": COST, "a": A, "b": 2 * B}, kantor.InvalidValueError, _abi.E_RANGE, "masses differ"),
    ({"a": A}, kantor.InvalidValueError, _abi.E_MISSING, "cost"),
    ({"X": X}, kantor.InvalidValueError, _abi.E_MISSING, "points_target"),
    ({"X": X, "Y": Y[:, :1]}, kantor.InvalidShapeError, _abi.E_SHAPE, "dimension"),
    ({"X": X * np.nan, "Y": Y}, kantor.InvalidValueError, _abi.E_NOT_FINITE, "points_source"),
    ({"cost": COST, "X": X, "Y": Y}, kantor.StateError, _abi.E_STATE, "cost"),
    ({"X": X, "Y": Y, "metric": "eucledian"}, kantor.InvalidValueError, _abi.E_RANGE, "eucledian"),
    ({"X": X, "Y": Y, "metric": 3}, kantor.InvalidTypeError, _abi.E_TYPE, "metric"),
    ({"X": X, "Y": Y, "power": "two"}, kantor.InvalidTypeError, _abi.E_TYPE, "power"),
    ({"X": X, "Y": Y, "power": np.inf}, kantor.InvalidValueError, _abi.E_NOT_FINITE, "power"),
    ({"X": X, "Y": Y, "metric": "power", "power": -1.0}, kantor.InvalidValueError, _abi.E_RANGE,
     "power"),
    ({"points": X[0]}, kantor.InvalidShapeError, _abi.E_SHAPE, "points_source|points must"),
    ({"points": 3}, kantor.InvalidShapeError, _abi.E_SHAPE, "points must be a pair"),
    ({"cost": "nonsense"}, kantor.KantorError, _abi.E_TYPE, "cost"),
    ({"a\0b": A}, kantor.UnknownNameError, _abi.E_NAME, "null character"),
])
def test_refusals_name_the_argument(fields, kind, code, text):
    with pytest.raises(kind, match=text) as raised:
        kantor.Problem("transport", **fields).seal()
    assert raised.value.code == code
    assert isinstance(raised.value, (kantor.KantorError, ValueError))


def test_inputs_are_left_alone():
    cost, a, b = COST.copy(), A.copy(), B * (1 + 1e-12)
    kept = cost.copy(), a.copy(), b.copy()
    for copy in (True, False):
        kantor.solve(kantor.Problem("transport", copy=copy, cost=cost, a=a, b=b))
    assert all(np.array_equal(x, y) for x, y in zip((cost, a, b), kept))


@pytest.mark.parametrize("kind", ["transprot", "", "transport\0"])
def test_unknown_kinds(kind):
    with pytest.raises(kantor.UnknownNameError) as raised:
        kantor.Problem(kind)
    assert raised.value.code == _abi.E_NAME


def test_kind_must_be_text():
    with pytest.raises(kantor.InvalidTypeError, match="kind"):
        kantor.Problem(None)


def test_shapes_of_fields_that_were_not_set():
    dense = kantor.Problem("transport", cost=COST)
    assert dense.shape_of("a") == (2,) and dense.shape_of("weights_target") == (3,)
    assert dense.shape_of("cost_source") == (2, 2)
    cloud = kantor.Problem("transport", points=(X, Y))
    assert cloud.shape_of("b") == (3,) and cloud.shape_of("X") == (2, 2)
    assert cloud.shape_of("cost") == (2, 3)
    line = kantor.Problem("transport", points=(X[:, 0], Y[:, 0]))
    assert line.shape_of("X") == (2,) and line.shape_of("a") == (2,)
    with pytest.raises(kantor.InvalidValueError, match="points_source"):
        dense.shape_of("points_source")
    with pytest.raises(kantor.UnknownNameError):
        dense.shape_of("nothing")


def test_repr_shows_the_shapes():
    assert "cost(2, 3)" in repr(kantor.Problem("transport", cost=COST))
    assert "empty" in repr(kantor.Problem("transport"))


def test_the_method_that_would_be_chosen():
    square = kantor.Problem("transport", cost=[[0, 1], [1, 0]])
    assert square.method() == "transport/assignment"
    assert kantor.solve(square, time_limit=5).method == square.method()
    wide = kantor.Problem("transport", cost=[[0, 1, 2], [1, 0, 1]])
    assert wide.method() == "transport/network_simplex"
    with pytest.raises(kantor.StateError):
        wide.set("cost", [[1.0]])
    with pytest.raises(kantor.KantorError, match="cost"):
        kantor.Problem("transport").method()


def test_options_without_a_method_are_those_of_the_default():
    functions = kantor.Functions(1, value=lambda x: (x[0] - 2) ** 2, gradient=lambda x: 2 * x - 4)
    problem = kantor.Problem("nonlinear", functions=functions, start=[0.0])
    assert kantor.solve(problem, tolerance=1e-10, max_iterations=50).status == "solved"
    with pytest.raises(kantor.UnknownNameError, match="toleranze"):
        kantor.solve(problem, toleranze=1e-10)
