"""Every exported function survives misuse: a code each time, a text, and nothing changed."""

from __future__ import annotations

import ctypes
import re
from ctypes import byref, c_char_p, c_double, c_int32, c_int64, c_void_p, sizeof

import numpy as np
import pytest
from test_prototypes import parameters, source

import kantor
from kantor import _abi, _arrays
from kantor._library import lib

COST = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 1.0]])
START = np.zeros(3)

#: Names that each function takes with success.
NAMES = {
    "kantor_problem_set_real": b"power",
    "kantor_problem_set_text": b"metric",
    "kantor_problem_set_array": b"cost",
    "kantor_problem_get_array": b"cost",
    "kantor_settings_set_real": b"epsilon",
    "kantor_settings_set_int": b"max_iterations",
    "kantor_settings_set_flag": b"trace",
    "kantor_settings_set_text": b"engine",
    "kantor_settings_set_parse": b"epsilon",
    "kantor_settings_get_real": b"epsilon",
    "kantor_settings_get_int": b"max_iterations",
    "kantor_settings_get_text": b"engine",
    "kantor_settings_reset": b"epsilon",
    "kantor_settings_set_start": b"potential_target",
    "kantor_result_real": b"objective",
    "kantor_result_int": b"iterations",
    "kantor_result_text": b"message",
    "kantor_result_array": b"plan",
    "kantor_result_copy": b"plan",
    # A transport problem has no field of type int.
    "kantor_problem_set_int": b"power",
}
REFUSED_AS_IS = {"kantor_problem_set_int": _abi.E_TYPE}
TEXTS = {"kantor_problem_set_text": b"l1", "kantor_settings_set_text": b"log",
         "kantor_settings_set_parse": b"0.5"}

#: Pointers that may be NULL.
OPTIONAL = {
    ("kantor_solve", "method"), ("kantor_solve", "settings"),
    ("kantor_settings_create", "method"), ("kantor_settings_reset", "name"),
    ("kantor_settings_set_progress", "progress"), ("kantor_settings_set_progress", "user"),
    ("kantor_settings_set_log", "log"), ("kantor_settings_set_log", "user"),
    ("kantor_settings_warm_start", "result"), ("kantor_settings_set_start", "array"),
    ("kantor_problem_set_array", "release"), ("kantor_problem_set_array", "owner"),
    ("kantor_problem_free", "problem"), ("kantor_settings_free", "settings"),
    ("kantor_result_free", "result"),
    *(("kantor_transport_exact", name) for name in ("a", "b", "objective", "f", "g")),
    # All plan arrays or none, which has a test of its own.
    *(("kantor_transport_exact", name)
      for name in ("plan_row", "plan_column", "plan_value", "count")),
}


def signatures():
    """Parameter names and C types of every function."""
    found = {}
    for _result, name, listed in re.findall(
        r"KANTOR_API ([^;()]*?)\b(kantor_\w+)\(([^)]*)\);", source()
    ):
        names = [re.search(r"(\w+)$", part.strip()).group(1) for part in listed.split(",")]
        found[name] = [] if listed.strip() == "void" else list(zip(names, parameters(listed)))
    return found


SIGNATURES = signatures()


class World:
    """Live handles of every kind, and memory to write to."""

    def __init__(self):
        self.problem_object = kantor.Problem("transport", points=(COST.T[:, :1], COST[:, :1]))
        self.problem = c_void_p()
        assert lib.kantor_problem_create(b"transport", byref(self.problem)) == 0
        self.cost, self._keep = _arrays.view_of(COST, "cost")
        assert lib.kantor_problem_set_array(
            self.problem, b"cost", byref(self.cost), _abi.COPY, _arrays.NO_RELEASE, None
        ) == 0
        self.settings = c_void_p()
        assert lib.kantor_settings_create(b"sinkhorn", byref(self.settings)) == 0
        self.result = c_void_p()
        assert lib.kantor_solve(self.problem, b"sinkhorn", None, byref(self.result)) == 0
        self.open = c_void_p()
        assert lib.kantor_problem_copy(self.problem, byref(self.open)) == 0
        self.freed = c_void_p()
        assert lib.kantor_settings_create(None, byref(self.freed)) == 0
        lib.kantor_settings_free(self.freed)
        self.zeros = ctypes.create_string_buffer(256)
        self.start, self._start = _arrays.view_of(START, "start")
        self.memory = np.full(64, 7.0)
        self.whole = np.full(64, 7, np.int64)
        self.text = ctypes.create_string_buffer(b"untouched", 4096)
        self.made = []

    def close(self):
        lib.kantor_result_free(self.result)
        for problem in (self.problem, self.open):
            lib.kantor_problem_free(problem)
        lib.kantor_settings_free(self.settings)

    def handle(self, kind):
        return {"problem": self.open, "settings": self.settings, "result": self.result}[kind]

    def wrong(self, kind):
        """Pointers that are no live handle of the kind."""
        others = {"problem", "settings", "result"} - {kind}
        return [*(self.handle(other) for other in sorted(others)), self.freed,
                c_void_p(ctypes.addressof(self.zeros)), c_void_p(self.memory.ctypes.data)]

    def arguments(self, function):
        return [self.argument(function, name, kind) for name, kind in SIGNATURES[function]]

    def argument(self, function, name, kind):
        bare = kind.replace("const", "").replace(" ", "")
        if bare in ("kantor_problem*", "kantor_settings*", "kantor_result*"):
            wanted = bare[len("kantor_"):-1]
            frees = function.endswith("_free")
            if frees:
                return self.disposable(wanted)
            return self.problem if function == "kantor_solve" and wanted == "problem" else (
                self.handle(wanted))
        if bare in ("kantor_problem**", "kantor_settings**", "kantor_result**"):
            self.made.append((bare[len("kantor_"):-2], c_void_p(12345)))
            return self.made[-1][1]
        special = {
            ("kantor_solve", "method"): b"sinkhorn",
            ("kantor_settings_set_start", "array"): self.start,
            ("kantor_result_copy", "values"): self.memory.ctypes.data,
            ("kantor_transport_exact", "cost"): COST.ctypes.data,
            ("kantor_transport_exact", "n"): 2, ("kantor_transport_exact", "m"): 3,
            ("kantor_transport_exact", "count"): self.whole.ctypes.data + 320,
            ("kantor_transport_exact", "plan_row"): self.whole.ctypes.data,
            ("kantor_transport_exact", "plan_column"): self.whole.ctypes.data + 160,
            ("kantor_transport_exact", "plan_value"): self.memory.ctypes.data,
            ("kantor_transport_exact", "f"): self.memory.ctypes.data + 80,
            ("kantor_transport_exact", "g"): self.memory.ctypes.data + 160,
            ("kantor_transport_exact", "objective"): self.memory.ctypes.data + 240,
            ("kantor_transport_exact", "a"): None, ("kantor_transport_exact", "b"): None,
            ("kantor_transport_exact", "capacity"): 4,
            ("kantor_settings_set_log", "level"): 1,
            ("kantor_settings_set_progress", "progress"): _abi.ProgressFunction(),
            ("kantor_settings_set_log", "log"): _abi.LogFunction(),
            ("kantor_problem_set_array", "release"): _abi.ReleaseFunction(),
            ("kantor_problem_set_array", "ownership"): 0,
            ("kantor_result_vjp", "cotangents"): self.seed(),
            ("kantor_result_vjp", "gradients"): self.gradient(),
            ("kantor_result_vjp", "cotangent_names"): (c_char_p * 1)(b"objective"),
            ("kantor_result_vjp", "gradient_names"): (c_char_p * 1)(b"weights_source"),
        }
        if (function, name) in special:
            return special[function, name]
        if bare == "char*":
            if name == "name":
                return NAMES[function]
            if "const" not in kind:
                return self.text
            return {"kind": b"transport", "method": b"sinkhorn", "text": TEXTS.get(function)}[name]
        if bare.startswith("kantor_") and bare.endswith("*"):
            struct = _abi.STRUCTS[bare[:-1]]
            return self.cost if function == "kantor_problem_set_array" else (
                struct(struct_size=sizeof(struct)))
        if bare == "double*":
            return c_double(7)
        if bare == "int64_t*":
            return c_int64(7)
        if bare == "void*":
            return None
        if (function, name) == ("kantor_result_copy", "capacity"):
            return len(self.memory)
        return {"capacity": 4096, "index": 0, "cotangent_count": 1, "gradient_count": 1}.get(name, 1)

    def seed(self):
        self.one = np.ones(1)
        return _arrays.view_of(self.one, "seed")[0]

    def gradient(self):
        return _arrays.view_of(self.memory[:2], "gradient")[0]

    def disposable(self, kind):
        pointer = c_void_p()
        if kind == "problem":
            assert lib.kantor_problem_create(b"transport", byref(pointer)) == 0
        elif kind == "settings":
            assert lib.kantor_settings_create(None, byref(pointer)) == 0
        else:
            assert lib.kantor_solve(self.problem, None, None, byref(pointer)) == 0
        return pointer

    def call(self, function, arguments):
        passed = [byref(value) if isinstance(value, (ctypes.Structure, c_double, c_int64)) or (
            isinstance(value, c_void_p) and any(value is made for _kind, made in self.made))
            else value for value in arguments]
        answer = getattr(lib, function)(*passed)
        for kind, pointer in self.made:
            if pointer.value not in (None, 12345):
                getattr(lib, f"kantor_{kind}_free")(pointer)
        return answer


@pytest.fixture
def world():
    made = World()
    yield made
    made.close()


POINTERS = [
    (function, position, name, kind)
    for function, listed in SIGNATURES.items()
    for position, (name, kind) in enumerate(listed)
    if "*" in kind or kind in _abi.CALLBACKS
]
IDS = [f"{function}-{name}" for function, _position, name, _kind in POINTERS]


@pytest.mark.parametrize("function", sorted(SIGNATURES))
def test_right_use_is_accepted(world, function):
    answer = world.call(function, world.arguments(function))
    if function in REFUSED_AS_IS:
        assert answer == REFUSED_AS_IS[function]
    elif _abi.PROTOTYPES[function][0] is c_char_p:
        assert answer is not None
    elif _abi.PROTOTYPES[function][0] is not None:
        assert answer >= 0, lib.kantor_last_error()


@pytest.mark.parametrize("function, position, name, kind", POINTERS, ids=IDS)
def test_null(world, function, position, name, kind):
    arguments = world.arguments(function)
    arguments[position] = _abi.CALLBACKS[kind]() if kind in _abi.CALLBACKS else None
    answer = world.call(function, arguments)
    if _abi.PROTOTYPES[function][0] in (None, c_char_p):
        return
    if (function, name) in OPTIONAL:
        assert answer >= 0 or answer in (_abi.E_NULL, _abi.E_NAME, _abi.E_BUFFER)
        return
    assert answer == _abi.E_NULL
    told = lib.kantor_last_error().decode()
    assert name.split("_")[0] in told
    assert world.text.value == b"untouched" and (world.memory == 7).all()


HANDLES = [entry for entry in POINTERS
           if entry[3].replace("const", "").replace(" ", "")
           in ("kantor_problem*", "kantor_settings*", "kantor_result*")]


@pytest.mark.parametrize(
    "function, position, name, kind", HANDLES, ids=[f"{e[0]}-{e[2]}" for e in HANDLES]
)
@pytest.mark.parametrize("which", range(5))
def test_wrong_handles(world, function, position, name, kind, which):
    arguments = world.arguments(function)
    wanted = kind.replace("const", "").replace(" ", "")[len("kantor_"):-1]
    arguments[position] = world.wrong(wanted)[which]
    if function.endswith("_free"):
        getattr(lib, function)(arguments[position])  # leaves it alone
        assert lib.kantor_result_status(world.result) > 0
        assert lib.kantor_settings_reset(world.settings, None) == 0
        assert lib.kantor_problem_copy(world.open, byref(c_void_p())) == 0
        return
    assert world.call(function, arguments) == _abi.E_HANDLE
    assert lib.kantor_last_error()
    assert world.text.value == b"untouched" and (world.memory == 7).all()
    for _kind, pointer in world.made:
        assert pointer.value is None  # out-handles are NULL on failure


NAMED = [entry for entry in POINTERS if entry[2] in ("name", "kind", "method")]


@pytest.mark.parametrize(
    "function, position, name, kind", NAMED, ids=[f"{e[0]}-{e[2]}" for e in NAMED]
)
@pytest.mark.parametrize("text", [
    b"", b"no such name", b"\xff\xfe\x80", b"x" * 1_000_000, "\N{GREEK SMALL LETTER EPSILON}".encode(),
    b"transport/", b"/", b"a/b/c",
])
def test_names_that_do_not_exist(world, function, position, name, kind, text):
    arguments = world.arguments(function)
    arguments[position] = text
    answer = world.call(function, arguments)
    if function == "kantor_settings_set_start":
        return  # the name is looked at by the solve, which knows the method
    assert answer in (_abi.E_NAME, _abi.E_TYPE), lib.kantor_last_error()
    told = lib.kantor_last_error()
    assert 0 < len(told) <= 511
    told.decode("utf-8")


@pytest.mark.parametrize("index", [-1, 10**6, 2**63 - 1, -(2**63)])
@pytest.mark.parametrize(
    "function", [f for f, listed in SIGNATURES.items() if any(n == "index" for n, _ in listed)]
)
def test_indices_out_of_range(world, function, index):
    arguments = world.arguments(function)
    position = [name for name, _ in SIGNATURES[function]].index("index")
    arguments[position] = index
    answer = world.call(function, arguments)
    assert answer is None or answer == _abi.E_RANGE
    assert "index" in lib.kantor_last_error().decode()


STRUCT_OUTS = [entry for entry in POINTERS if entry[3].replace("const", "").replace(" ", "")
               in ("kantor_array*", "kantor_method_info*", "kantor_option_info*",
                   "kantor_field_info*") and entry[0] != "kantor_result_vjp"]


@pytest.mark.parametrize(
    "function, position, name, kind", STRUCT_OUTS, ids=[f"{e[0]}-{e[2]}" for e in STRUCT_OUTS]
)
@pytest.mark.parametrize("size", [0, 1, 7, 2**63 - 1, 2**64 - 1])
def test_structs_of_another_size(world, function, position, name, kind, size):
    arguments = world.arguments(function)
    struct = type(arguments[position])
    changed = struct.from_buffer_copy(arguments[position])
    changed.struct_size = size
    arguments[position] = changed
    answer = world.call(function, arguments)
    assert answer < 0 or size >= sizeof(struct)
    assert answer in (0, _abi.E_VERSION, _abi.E_NULL, _abi.E_SHAPE, _abi.E_LAYOUT, _abi.E_TYPE)


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
    (dict(cotangent=np.ones(2)), (_abi.E_SHAPE,)), (dict(cotangent=np.ones((2, 2))), (_abi.E_SHAPE,)),
    (dict(cotangent=np.array([np.nan])), (_abi.E_NOT_FINITE,)),
    (dict(cotangent=np.array([np.inf])), (_abi.E_NOT_FINITE,)),
    (dict(gradient=np.zeros(3)), (_abi.E_SHAPE,)), (dict(gradient=np.zeros((2, 1))), (_abi.E_SHAPE,)),
    (dict(gradient=np.zeros(2, np.float32)), (_abi.E_TYPE, _abi.E_LAYOUT)),
    (dict(counts=(0, 1)), (_abi.E_RANGE,)), (dict(counts=(1, 0)), (_abi.E_RANGE,)),
    (dict(counts=(-1, 1)), (_abi.E_RANGE,)), (dict(counts=(1, -(2**63))), (_abi.E_RANGE,)),
])
def test_derivative_products_refuse_and_leave_outputs_alone(world, arguments, codes):
    assert vjp(world, **arguments) in codes, lib.kantor_last_error()
    assert lib.kantor_last_error() and (world.memory == 7).all()


def test_every_function_is_misused_here():
    tested = {function for function, *_ in POINTERS}
    without = {function for function in SIGNATURES if function not in tested}
    # The rest takes no pointer at all.
    assert without == {
        "kantor_version", "kantor_version_number", "kantor_abi_version", "kantor_build_info",
        "kantor_describe", "kantor_code_name", "kantor_last_error", "kantor_kind_count",
        "kantor_kind_name", "kantor_method_count",
    }


def test_the_callback_types_are_plain():
    assert sizeof(_abi.ProgressInfo) == 56 and sizeof(c_int32) == 4
