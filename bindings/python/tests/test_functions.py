"""Bundles of Python functions, called the way the library calls them."""

from __future__ import annotations

import ctypes
import gc
import threading

import numpy as np
import pytest

import kantor
from kantor import _abi
from kantor._functions import calling


def address(array):
    return array.ctypes.data


def call(bundle, name, *arrays):
    """Call a member with the addresses of arrays and numbers."""
    arguments = [address(a) if isinstance(a, np.ndarray) else a for a in arrays]
    return getattr(bundle.struct, name)(*arguments, None)


def test_every_form():
    x, y, v, w = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0]), np.ones(2), np.ones(3)
    matrix = np.arange(6.0).reshape(3, 2)
    seen = {}

    def hessian(x, sigma, y):
        seen["hessian"] = (x.copy(), sigma, y.copy())
        return sigma * np.eye(2)

    bundle = kantor.Functions(
        2, 3, parameters=2,
        value=lambda x: x.sum(), gradient=lambda x: [1, 1], value_gradient=lambda x: (7, x),
        map=lambda x: matrix @ x, jacobian=lambda x: matrix,
        jacobian_product=lambda x, v: matrix @ v,
        jacobian_transpose_product=lambda x, w: matrix.T @ w,
        hessian=hessian, hessian_product=lambda x, s, y, v: s * v + y[0],
        value_complex=lambda x: x[0] ** 2, map_complex=lambda x: [x[0], x[1], 1j],
        batch_value=lambda x, i: i.sum(), batch_gradient=lambda x, i: [i[0], i[-1]],
        batch_map=lambda x, i: [len(i)] * 3, batch_hessian_product=lambda x, i, v: v * len(i),
        prox=lambda x, step: x / (1 + step),
        parameter_gradient=lambda x, s, y: np.full((2, 2), s),
        parameter_jacobian=lambda x: np.ones((3, 2)), parameter_value=lambda x: x + 1,
    )
    assert set(bundle.members) == {name for name, _ in _abi.Functions._fields_[2:]}
    one, two, three, six = np.zeros(1), np.zeros(2), np.zeros(3), np.zeros(6)
    assert call(bundle, "value", x, one) == 0 and one[0] == 3
    assert call(bundle, "gradient", x, two) == 0 and list(two) == [1, 1]
    assert call(bundle, "value_gradient", x, one, two) == 0 and (one[0], list(two)) == (7, [1, 2])
    assert call(bundle, "map", x, three) == 0 and list(three) == [2, 8, 14]
    assert call(bundle, "jacobian", x, six) == 0 and list(six) == [0, 1, 2, 3, 4, 5]
    assert call(bundle, "jacobian_product", x, v, three) == 0 and list(three) == [1, 5, 9]
    assert call(bundle, "jacobian_transpose_product", x, w, two) == 0 and list(two) == [6, 9]
    four = np.zeros(4)
    assert call(bundle, "hessian", x, 2.5, y, four) == 0 and list(four) == [2.5, 0, 0, 2.5]
    assert seen["hessian"][1] == 2.5 and list(seen["hessian"][2]) == [3, 4, 5]
    assert call(bundle, "hessian_product", x, 2.0, y, v, two) == 0 and list(two) == [5, 5]
    im = np.array([1.0, 0.0])
    other, thrice = np.zeros(1), np.zeros(3)
    assert call(bundle, "value_complex", x, im, one, other) == 0 and (one[0], other[0]) == (0, 2)
    assert call(bundle, "map_complex", x, im, three, thrice) == 0
    assert list(three) == [1, 2, 0] and list(thrice) == [1, 0, 1]
    indices = np.array([4, 6], np.int64)
    assert call(bundle, "batch_value", x, indices, 2, one) == 0 and one[0] == 10
    assert call(bundle, "batch_gradient", x, indices, 2, two) == 0 and list(two) == [4, 6]
    assert call(bundle, "batch_map", x, indices, 2, three) == 0 and list(three) == [2, 2, 2]
    assert call(bundle, "batch_hessian_product", x, indices, 2, v, two) == 0
    assert list(two) == [2, 2]
    assert call(bundle, "prox", x, 1.0, two) == 0 and list(two) == [0.5, 1]
    assert call(bundle, "parameter_gradient", x, 3.0, y, four) == 0 and list(four) == [3] * 4
    assert call(bundle, "parameter_jacobian", x, six) == 0 and list(six) == [1] * 6
    assert call(bundle, "parameter_value", x, two) == 0 and list(two) == list(x + 1)


def test_points_are_copies():
    kept = []
    bundle = kantor.Functions(2, value=lambda x: kept.append(x) or x.fill(9) or 0.0)
    x, out = np.array([1.0, 2.0]), np.zeros(1)
    assert call(bundle, "value", x, out) == 0
    assert list(x) == [1, 2] and list(kept[0]) == [9, 9]


@pytest.mark.parametrize("answer", [None, kantor.OutsideDomain()])
def test_not_defined(answer):
    def value(x):
        if isinstance(answer, Exception):
            raise answer
        return answer

    bundle = kantor.Functions(1, value=value)
    assert call(bundle, "value", np.zeros(1), np.zeros(1)) == 1
    bundle.raise_pending()


def test_exceptions_are_kept_and_raised():
    bundle = kantor.Functions(1, value=lambda x: 1 / 0)
    out = np.full(1, 5.0)
    with pytest.raises(ZeroDivisionError):
        with calling({"functions": bundle}):
            assert call(bundle, "value", np.zeros(1), out) == -1
            assert call(bundle, "value", np.zeros(1), out) == -1
    assert out[0] == 5
    bundle.raise_pending()


def test_exceptions_stay_with_their_thread():
    bundle = kantor.Functions(1, value=lambda x: 1 / 0)
    thread = threading.Thread(target=call, args=(bundle, "value", np.zeros(1), np.zeros(1)))
    thread.start()
    thread.join()
    bundle.raise_pending()
    assert isinstance(bundle.take_any(), ZeroDivisionError)
    assert bundle.take_any() is None


def test_interrupted_calls_evaluate_nothing():
    calls = []
    bundle = kantor.Functions(1, value=lambda x: calls.append(0) or 1.0)
    with calling({"functions": bundle}, lambda: bool(calls)):
        assert call(bundle, "value", np.zeros(1), np.zeros(1)) == 0
        assert call(bundle, "value", np.zeros(1), np.zeros(1)) == -1
    assert call(bundle, "value", np.zeros(1), np.zeros(1)) == 0
    assert len(calls) == 2


def test_an_exception_of_a_hook_ends_at_once():
    count = [0, 0]

    def value(x):
        count[0] += 1
        return float(((x - 1) ** 4).sum())

    def progress(now):
        count[1] = count[0]
        raise RuntimeError("enough")

    problem = kantor.Problem(
        "nonlinear", functions=kantor.Functions(20, value=value), start=np.zeros(20))
    with pytest.raises(RuntimeError, match="enough"):
        kantor.solve(problem, progress=progress)
    assert count[0] == count[1], "nothing is evaluated for a certificate that nobody will see"


def test_wrong_sizes_are_told():
    bundle = kantor.Functions(2, gradient=lambda x: [1, 2, 3])
    assert call(bundle, "gradient", np.zeros(2), np.zeros(2)) == -1
    with pytest.raises(kantor.InvalidShapeError, match="'gradient'.*(3,).*2 numbers"):
        bundle.raise_pending()


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"n": -1}, "n is -1"),
        ({"n": 1.5}, "n is 1.5"),
        ({"n": 1, "m": -2}, "m is -2"),
        ({"n": 1, "values": abs}, "no function 'values'"),
        ({"n": 1, "value": 3}, "'value' is 3"),
    ],
)
def test_bad_bundles(arguments, text):
    with pytest.raises(kantor.KantorError, match=text):
        kantor.Functions(**arguments)


def test_only_functions_go_into_such_a_field():
    problem = kantor.Problem("transport")
    with pytest.raises(kantor.KantorError):
        problem.set("cost", kantor.Functions(1, value=abs))


def test_many_addresses():
    bundle = kantor.Functions(3, value=lambda x: x.sum())
    out = np.zeros(1)
    arrays = [np.full(3, float(k)) for k in range(200)]
    for k, x in enumerate(arrays):
        assert call(bundle, "value", x, out) == 0 and out[0] == 3 * k
    gc.collect()


def test_the_struct_is_versioned():
    bundle = kantor.Functions(1, value=abs)
    assert bundle.struct.struct_size == ctypes.sizeof(_abi.Functions) == 168
