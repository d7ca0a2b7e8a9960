"""Every exported function survives misuse: a code each time, a text, and nothing changed."""

from __future__ import annotations

from ctypes import byref, c_char_p, c_int32, c_void_p, sizeof

import pytest
from misuse import OPTIONAL, REFUSED_AS_IS, SIGNATURES, World

from kantor import _abi
from kantor._library import lib


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
           in ("kantor_problem*", "kantor_settings*", "kantor_result*", "kantor_stepper*")]


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
    b"", b"no such name", b"\xff\xfe\x80", b"x" * 1_000_000,
    "\N{GREEK SMALL LETTER EPSILON}".encode(), b"transport/", b"/", b"a/b/c",
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
                   "kantor_field_info*") and entry[0] not in (
                       "kantor_result_jvp", "kantor_result_vjp")]


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


def test_every_function_is_misused_here():
    tested = {function for function, *_ in POINTERS}
    without = {function for function in SIGNATURES if function not in tested}
    # The rest takes no pointer at all.
    assert without == {
        "kantor_version", "kantor_version_number", "kantor_abi_version", "kantor_build_info",
        "kantor_describe", "kantor_code_name", "kantor_last_error", "kantor_kind_count",
        "kantor_kind_name", "kantor_method_count", "kantor_qp_workspace",
    }


def test_the_callback_types_are_plain():
    assert sizeof(_abi.ProgressInfo) == 56 and sizeof(c_int32) == 4
