"""Arrays, numbers and sizes that make no sense are refused at the C boundary."""

from __future__ import annotations

from ctypes import byref, c_char_p, c_double, c_int64, sizeof

import numpy as np
import pytest
from misuse import COST, World

from kantor import _abi, _arrays
from kantor._library import lib


@pytest.fixture
def world():
    made = World()
    yield made
    made.close()


def array(**changes):
    view, owner = _arrays.view_of(COST, "cost")
    view.owner = owner
    for name, value in changes.items():
        if name in ("shape", "stride"):
            getattr(view, name)[: len(value)] = value
        else:
            setattr(view, name, value)
    return view


@pytest.mark.parametrize("ownership", [_abi.COPY, _abi.BORROW])
@pytest.mark.parametrize("changes", [
    {"dtype": 0}, {"dtype": 99}, {"dtype": -1}, {"ndim": -1}, {"ndim": 5}, {"ndim": 2**31 - 1},
    {"shape": (-1, 3)}, {"shape": (2, -(2**63))}, {"shape": (2**40, 2**40)},
    {"shape": (2**62, 2)}, {"shape": (2**63 - 1, 1)}, {"data": None}, {"shape": (0, 3)},
    {"stride": (2**62, 2**62)}, {"stride": (-(2**63), 1)}, {"stride": (2**63 - 1, 1)},
    {"ndim": 0}, {"ndim": 1}, {"ndim": 3}, {"dtype": _abi.U8, "shape": (2**61, 2**61)},
])
def test_arrays_that_make_no_sense(world, changes, ownership):
    released = []
    release = _abi.ReleaseFunction(lambda owner: released.append(owner))
    code = lib.kantor_problem_set_array(
        world.open, b"cost", byref(array(**changes)), ownership, release, 41
    )
    if code == 0:  # a view that is legal in itself, such as an empty one
        code = lib.kantor_problem_seal(world.open)
        lib.kantor_problem_free(world.open)
    assert code in (_abi.E_TYPE, _abi.E_SHAPE, _abi.E_LAYOUT, _abi.E_NULL, _abi.E_TOO_LARGE,
                    _abi.E_RANGE), lib.kantor_last_error()
    assert released == ([41] if ownership == _abi.BORROW else [])


@pytest.mark.parametrize("ownership", [2, -1, 2**31 - 1])
def test_ownership_that_does_not_exist(world, ownership):
    code = lib.kantor_problem_set_array(
        world.open, b"cost", byref(world.cost), ownership, _arrays.NO_RELEASE, None
    )
    assert code == _abi.E_RANGE


@pytest.mark.parametrize("changes", [
    {"dtype": _abi.I64}, {"stride": (3, 2)}, {"stride": (1, 3)}, {"data": COST.ctypes.data + 1},
])
def test_layouts_that_cannot_be_borrowed(world, changes):
    released = []
    release = _abi.ReleaseFunction(lambda owner: released.append(owner))
    code = lib.kantor_problem_set_array(
        world.open, b"cost", byref(array(**changes)), _abi.BORROW, release, 42
    )
    assert code in (_abi.E_LAYOUT, _abi.E_TYPE) and released == [42]


def test_overlapping_strides_are_read(world):
    flat = array(stride=(0, 1))
    assert lib.kantor_problem_set_array(
        world.open, b"cost", byref(flat), _abi.COPY, _arrays.NO_RELEASE, None
    ) == 0
    back = _abi.Array(struct_size=sizeof(_abi.Array))
    assert lib.kantor_problem_get_array(world.open, b"cost", byref(back)) == 0
    assert np.array_equal(_arrays.from_view(back, None), COST[[0, 0]])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite(world, value):
    assert lib.kantor_problem_set_real(world.open, b"power", value) == _abi.E_NOT_FINITE
    assert lib.kantor_settings_set_real(world.settings, b"epsilon", value) == _abi.E_RANGE


@pytest.mark.parametrize("capacity", [0, -1, -(2**63), 1, 3])
def test_memory_that_is_too_small(world, capacity):
    for call, handle, name in (
        (lib.kantor_settings_get_text, world.settings, b"engine"),
        (lib.kantor_result_text, world.result, b"message"),
    ):
        code = call(handle, name, world.text, capacity)
        assert code in (_abi.E_BUFFER, _abi.E_RANGE)
        assert world.text.value == b"untouched"
    code = lib.kantor_result_copy(world.result, b"plan", world.memory.ctypes.data, capacity)
    assert code in (_abi.E_BUFFER, _abi.E_RANGE) and (world.memory == 7).all()


def test_wrong_types_of_fields(world):
    value, whole = c_double(), c_int64()
    view = _abi.Array(struct_size=sizeof(_abi.Array))
    assert lib.kantor_result_real(world.result, b"plan", byref(value)) == _abi.E_TYPE
    assert lib.kantor_result_int(world.result, b"objective", byref(whole)) == _abi.E_TYPE
    assert lib.kantor_result_text(world.result, b"plan", world.text, 64) == _abi.E_TYPE
    assert lib.kantor_result_array(world.result, b"message", byref(view)) == _abi.E_TYPE
    assert lib.kantor_result_copy(world.result, b"plan_row", world.memory.ctypes.data, 64) == (
        _abi.E_TYPE)
    assert lib.kantor_settings_set_flag(world.settings, b"trace", 2) == _abi.E_RANGE
    assert lib.kantor_settings_set_flag(world.settings, b"epsilon", 1) == _abi.E_TYPE
    assert lib.kantor_settings_set_log(world.settings, 0, _abi.LogFunction(), None) == _abi.E_RANGE
    assert lib.kantor_settings_set_log(world.settings, 9, _abi.LogFunction(), None) == _abi.E_RANGE


def test_a_sealed_problem_refuses_every_setter(world):
    for code in (
        lib.kantor_problem_set_real(world.problem, b"power", 1.0),
        lib.kantor_problem_set_text(world.problem, b"metric", b"l1"),
        lib.kantor_problem_set_array(
            world.problem, b"cost", byref(world.cost), _abi.COPY, _arrays.NO_RELEASE, None),
    ):
        assert code == _abi.E_STATE


@pytest.mark.parametrize("code", [0, 14, -18, 2**31 - 1, -(2**31), 99])
def test_code_names_for_any_number(code):
    assert lib.kantor_code_name(code)


def exact(n=2, m=3, cost=COST, a=None, b=None, capacity=4, plan=True, numbers=None, whole=None):
    """One call; returns the code and whether the outputs were left alone."""
    numbers, whole = np.full(64, 7.0), np.full(64, 7, np.int64)
    start, places = numbers.ctypes.data, whole.ctypes.data
    code = lib.kantor_transport_exact(
        n, m, None if cost is None else cost.ctypes.data, None if a is None else a.ctypes.data,
        None if b is None else b.ctypes.data, start, start + 8, start + 80, capacity,
        places if plan else None, places + 160 if plan else None, start + 160 if plan else None,
        places + 320,
    )
    return code, (numbers == 7).all() and (whole == 7).all()


NAN, INF = COST * np.nan, COST - np.inf
NEGATIVE, WRONG, NOTHING = np.array([1.5, -0.5]), np.array([0.9, 0.2]), np.zeros(2)
THIRDS = np.full(3, 1 / 3)
UNSUMMABLE = np.array([1e308, 1e308])


@pytest.mark.parametrize("arguments, codes", [
    (dict(n=0), (_abi.E_RANGE,)), (dict(m=-1), (_abi.E_RANGE,)),
    (dict(n=2**40), (_abi.E_RANGE, _abi.E_TOO_LARGE)),
    (dict(n=2**62, m=2**62), (_abi.E_RANGE, _abi.E_TOO_LARGE)),
    (dict(n=-(2**63)), (_abi.E_RANGE,)), (dict(cost=None), (_abi.E_NULL,)),
    (dict(cost=NAN), (_abi.E_NOT_FINITE,)), (dict(cost=INF), (_abi.E_NOT_FINITE,)),
    (dict(a=NEGATIVE), (_abi.E_RANGE,)), (dict(a=WRONG, b=THIRDS), (_abi.E_RANGE,)),
    (dict(a=NOTHING), (_abi.E_RANGE,)), (dict(a=UNSUMMABLE), (_abi.E_RANGE, _abi.E_NOT_FINITE)),
    (dict(a=NOTHING * np.nan), (_abi.E_NOT_FINITE, _abi.E_RANGE)),
    (dict(capacity=1), (_abi.E_BUFFER,)), (dict(capacity=-1), (_abi.E_RANGE, _abi.E_BUFFER)),
    (dict(capacity=-(2**63)), (_abi.E_RANGE, _abi.E_BUFFER)),
])
def test_one_call_refuses_and_leaves_outputs_alone(arguments, codes):
    code, untouched = exact(**arguments)
    assert code in codes, lib.kantor_last_error()
    assert untouched


def test_one_call_that_has_no_answer_leaves_outputs_alone():
    cost = np.array([[np.inf, np.inf, np.inf], [1.0, 1.0, 1.0]])
    assert exact(cost=cost) == (_abi.INFEASIBLE, True)


def test_one_call_without_outputs():
    assert lib.kantor_transport_exact(
        2, 3, COST.ctypes.data, None, None, None, None, None, 0, None, None, None, None
    ) == _abi.SOLVED


def test_one_call_with_some_plan_arrays_only():
    numbers, whole = np.full(8, 7.0), np.full(8, 7, np.int64)
    for chosen in ((1, 0, 0), (1, 1, 0), (0, 0, 1)):
        row, column, value = (
            address if wanted else None
            for address, wanted in zip(
                (whole.ctypes.data, whole.ctypes.data, numbers.ctypes.data), chosen)
        )
        code = lib.kantor_transport_exact(
            2, 3, COST.ctypes.data, None, None, None, None, None, 8, row, column, value,
            whole.ctypes.data,
        )
        assert code == _abi.E_NULL and (numbers == 7).all() and (whole == 7).all()


def vjp(world, seed=b"objective", field=b"weights_source", cotangent=None, gradient=None,
        counts=(1, 1)):
    one = np.ones(1) if cotangent is None else cotangent
    cotangents, _one = _arrays.view_of(one, "cotangent")
    target = world.memory[:2] if gradient is None else gradient
    gradients = target if isinstance(target, _abi.Array) else _arrays.view_of(target, "g")[0]
    return lib.kantor_result_vjp(
        world.result, counts[0], (c_char_p * 1)(seed), byref(cotangents), counts[1],
        (c_char_p * 1)(field), byref(gradients),
    )


@pytest.mark.parametrize("arguments, codes", [
    (dict(seed=b"nothing"), (_abi.E_NAME,)), (dict(seed=None), (_abi.E_NULL,)),
    (dict(field=b"nothing"), (_abi.E_NAME,)), (dict(field=None), (_abi.E_NULL,)),
    (dict(seed=b"message"), (_abi.E_TYPE, _abi.E_UNSUPPORTED, _abi.E_NAME)),
    (dict(seed=b"iterations"), (_abi.E_TYPE, _abi.E_UNSUPPORTED, _abi.E_NAME)),
    (dict(field=b"metric"), (_abi.E_TYPE, _abi.E_UNSUPPORTED, _abi.E_NAME)),
    (dict(field=b"points_source"), (_abi.E_UNSUPPORTED, _abi.E_NAME, _abi.E_MISSING, _abi.E_SHAPE)),
    (dict(cotangent=np.ones(2)), (_abi.E_SHAPE,)),
    (dict(cotangent=np.ones((2, 2))), (_abi.E_SHAPE,)),
    (dict(cotangent=np.array([np.nan])), (_abi.E_NOT_FINITE,)),
    (dict(cotangent=np.array([np.inf])), (_abi.E_NOT_FINITE,)),
    (dict(gradient=np.zeros(3)), (_abi.E_SHAPE,)),
    (dict(gradient=np.zeros((2, 1))), (_abi.E_SHAPE,)),
    (dict(gradient=np.zeros(2, np.float32)), (_abi.E_TYPE, _abi.E_LAYOUT)),
    (dict(counts=(0, 1)), (_abi.E_RANGE,)), (dict(counts=(1, 0)), (_abi.E_RANGE,)),
    (dict(counts=(-1, 1)), (_abi.E_RANGE,)), (dict(counts=(1, -(2**63))), (_abi.E_RANGE,)),
])
def test_derivative_products_refuse_and_leave_outputs_alone(world, arguments, codes):
    assert vjp(world, **arguments) in codes, lib.kantor_last_error()
    assert lib.kantor_last_error() and (world.memory == 7).all()
