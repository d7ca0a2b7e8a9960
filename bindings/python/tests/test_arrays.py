"""Every kind of array is read, and read without being changed."""

from __future__ import annotations

import array
import ctypes
import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import kantor
from kantor import _abi, _arrays

COST = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 1.0]])
A = np.array([0.5, 0.5])
B = np.array([0.25, 0.5, 0.25])
OPTIMUM = 0.5


class OnlyInterface:
    """Has ``__array_interface__`` only."""

    def __init__(self, values):
        self._values = values
        self.__array_interface__ = values.__array_interface__


class OnlyArray:
    """Has ``__array__`` only."""

    def __init__(self, values):
        self._values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype)


class OnlyDLPack:
    """Has ``__dlpack__`` only."""

    def __init__(self, values, device=1):
        self._values, self._device = values, device

    def __dlpack__(self, **keywords):
        return self._values.__dlpack__()

    def __dlpack_device__(self):
        return self._device, 0


def strided(values):
    wide = np.full((2 * values.shape[0], 3 * values.shape[1]), np.nan)
    wide[::2, ::3] = values
    return wide[::2, ::3]


def unaligned(values):
    memory = np.zeros(values.nbytes + 1, np.uint8)
    view = memory[1:].view(values.dtype).reshape(values.shape)
    view[:] = values
    return view


def fields(values):
    record = np.zeros(values.shape, dtype=[("flag", "i1"), ("cost", "f8")])
    record["cost"] = values
    return record["cost"]  # a stride that is no multiple of the element size


KINDS = {
    "contiguous": lambda x: x,
    "fortran": np.asfortranarray,
    "strided": strided,
    "reversed": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "unaligned": unaligned,
    "field of a record": fields,
    "read-only": lambda x: np.frombuffer(x.tobytes()).reshape(x.shape),
    "broadcast": lambda x: np.broadcast_to(x[None], (1, *x.shape))[0],
    "float32": lambda x: x.astype(np.float32),
    "float16": lambda x: x.astype(np.float16),
    "big endian": lambda x: x.astype(">f8"),
    "big endian float32": lambda x: x.astype(">f4"),
    "long double": lambda x: x.astype(np.longdouble),
    "int64": lambda x: x.astype(np.int64),
    "uint8": lambda x: x.astype(np.uint8),
    "list": lambda x: x.tolist(),
    "tuple of lists": lambda x: tuple(x.tolist()),
    "memoryview": memoryview,
    "matrix": np.matrix,
    "unmasked": np.ma.MaskedArray,
    "objects": lambda x: x.astype(object),
    "array interface": OnlyInterface,
    "__array__": OnlyArray,
    "dlpack": OnlyDLPack,
    "ctypes": lambda x: ((ctypes.c_double * 3) * 2)(*map(tuple, x)),
}


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_cost_of_every_kind(kind, copy):
    given = KINDS[kind](COST)
    problem = kantor.Problem("transport", copy=copy, cost=given, a=A, b=B)
    assert kantor.solve(problem).objective == pytest.approx(OPTIMUM, abs=1e-12)
    assert np.array_equal(problem.get("cost"), COST)
    assert np.array_equal(np.asarray(_arrays.as_numbers(given, "cost")), COST)


@pytest.mark.parametrize("values", [array.array("d", B), array.array("f", B), list(B), (*B,)])
def test_weights_of_every_kind(values):
    problem = kantor.Problem("transport", cost=COST, a=A, b=values)
    assert kantor.solve(problem).objective == pytest.approx(OPTIMUM, abs=1e-12)


@pytest.mark.parametrize("given, expected", [
    (np.float32, np.float32), (np.float64, np.float64), (np.float16, np.float64),
    (np.int32, np.float64), (bool, np.float64), (">f4", np.float32),
])
def test_precision_is_kept(given, expected):
    assert _arrays.as_numbers(np.ones(3, given), "x").dtype == expected


def test_no_copy_of_doubles_and_floats():
    for kind in (np.float32, np.float64):
        for values in (COST.astype(kind), strided(COST).astype(kind), COST.astype(kind).T):
            assert _arrays.as_numbers(values, "x") is values


@pytest.mark.parametrize("bad, text", [
    (COST * 1j, "cost is complex"),
    (np.array([["1", "2"]]), "cost is of the type <U1"),
    ([[1, 2], [3]], "cost cannot be read as an array"),
    (np.array([["a", 1.0]], dtype=object), "cost cannot be read as numbers"),
    (np.ma.MaskedArray(COST, mask=COST > 3), "cost has masked elements"),
    (OnlyDLPack(COST, device=2), "cost is not in CPU memory"),
    (np.array([["2020-01-01"]], dtype="M8[D]"), "cost is of the type datetime64"),
])
def test_what_is_no_array_of_numbers(bad, text):
    with pytest.raises(kantor.InvalidTypeError, match=text) as raised:
        kantor.Problem("transport", cost=bad)
    assert raised.value.code == _abi.E_TYPE


def test_sparse_matrices_are_refused_with_a_way_out():
    import scipy.sparse

    with pytest.raises(kantor.UnsupportedError, match="toarray"):
        kantor.Problem("transport", cost=scipy.sparse.coo_matrix(COST))


def test_too_many_dimensions():
    with pytest.raises(kantor.InvalidShapeError, match="5 dimensions"):
        kantor.Problem("transport", cost=np.zeros((1,) * 5))


@given(
    values=hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int32]),
        hnp.array_shapes(min_dims=2, max_dims=2),
        elements=st.integers(0, 100),
    ),
    row=st.sampled_from([1, 2, -1]), column=st.sampled_from([1, 3, -2]), turn=st.booleans(),
)
def test_any_strides_are_read_right(values, row, column, turn):
    shown = values.T if turn else values
    shown = np.repeat(np.repeat(shown, abs(row), 0), abs(column), 1)[::row, ::column]
    problem = kantor.Problem("transport", cost=shown)
    assert np.array_equal(problem.get("cost"), shown)


@pytest.mark.parametrize("make", [np.zeros, np.ones])
def test_address_is_that_of_numpy(make):
    for values in (make(3), make((2, 3)).T, make((4, 4))[::2, ::2], np.broadcast_to(make(1), 5)):
        assert _arrays.address(values) == values.__array_interface__["data"][0]


# Copies and loans


def test_a_copy_does_not_follow_the_array():
    cost = COST.copy()
    problem = kantor.Problem("transport", cost=cost, a=A, b=B)
    cost[:] = 7
    assert kantor.solve(problem).objective == pytest.approx(OPTIMUM, abs=1e-12)


def test_a_loan_lasts_as_long_as_it_is_needed():
    cost = COST.copy()
    alive = weakref.ref(cost)
    problem = kantor.Problem("transport", copy=False, cost=cost, a=A, b=B)
    twin = problem.copy()
    result = kantor.solve(problem)
    del cost, problem
    gc.collect()
    assert alive() is not None
    assert kantor.solve(twin).objective == pytest.approx(OPTIMUM, abs=1e-12)
    potential = result.potential_source
    del twin, result
    gc.collect()
    assert np.isfinite(potential).all()
    del potential
    gc.collect()
    assert alive() is None and not _arrays._borrowed


def test_a_loan_ends_when_the_call_is_refused():
    cost = np.ones((1, 2, 3))
    alive = weakref.ref(cost)
    with pytest.raises(kantor.InvalidShapeError):
        kantor.Problem("transport", copy=False, cost=cost)
    del cost
    gc.collect()
    assert alive() is None and not _arrays._borrowed


def test_what_cannot_be_lent_is_copied():
    for values in (COST.T.copy().T, strided(COST), COST.astype(np.int64)):
        problem = kantor.Problem("transport", copy=False, cost=values)
        assert np.array_equal(problem.get("cost"), COST)


# Arrays of results


def test_arrays_of_results_are_views_that_keep_the_result_alive():
    problem = kantor.Problem("transport", cost=COST, a=A, b=B)
    result = kantor.solve(problem)
    plan = result.plan
    assert plan is result.plan
    assert not plan.flags.writeable and not plan.flags.owndata
    row = plan[1]
    expected = row.copy()
    handle = weakref.ref(result)
    del plan, result, problem
    gc.collect()
    assert handle() is None
    assert np.array_equal(row, expected)
    with pytest.raises(ValueError):
        row[0] = 1
    with pytest.raises(ValueError):
        row.flags.writeable = True
