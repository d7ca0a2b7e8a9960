"""The ctypes tables say what the C headers say."""

from __future__ import annotations

import ctypes
import re
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path

import pytest

from kantor import _abi

CHECKOUT = Path(__file__).resolve().parents[3]
INCLUDE = CHECKOUT / "include"

SCALARS = {
    "void": None, "int32_t": c_int32, "int64_t": c_int64, "double": c_double, "size_t": c_size_t,
}
HANDLES = {"kantor_problem", "kantor_settings", "kantor_result", "kantor_stepper"}


def source():
    """All headers, without comments, preprocessor lines and inline functions."""
    text = "\n".join(path.read_text() for path in sorted(INCLUDE.glob("kantor/*.h")))
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"^\s*#.*$", " ", text, flags=re.M)
    return re.sub(r"\s+", " ", text)


def ctype(declaration, is_parameter):
    """The ctypes type of a C declaration without its name."""
    words = declaration.replace("const", " ")
    stars = words.count("*")
    base = words.replace("*", " ").split()[0]
    if base in _abi.CALLBACKS:
        return _abi.CALLBACKS[base]
    if stars == 0:
        return SCALARS[base]
    if stars == 2:
        return POINTER(c_char_p) if base == "char" else POINTER(c_void_p)
    if base in HANDLES or base == "void":
        return c_void_p
    if base == "char":
        # Text going in is const; memory to be filled is not.
        return c_char_p if "const" in declaration or not is_parameter else c_void_p
    if base in _abi.STRUCTS:
        return POINTER(_abi.STRUCTS[base])
    return POINTER(SCALARS[base])


def parameters(listed):
    listed = listed.strip()
    if listed == "void":
        return []
    return [re.sub(r"\b\w+$", "", part.strip()).strip() for part in listed.split(",")]


def functions():
    pattern = r"KANTOR_API ([^;()]*?)\b(kantor_\w+)\(([^)]*)\);"
    return {name: (result, parameters(listed)) for result, name, listed
            in re.findall(pattern, source())}


def test_the_headers_were_found():
    assert len(functions()) > 40


def test_same_functions():
    assert set(functions()) == set(_abi.PROTOTYPES)


@pytest.mark.parametrize("name", sorted(_abi.PROTOTYPES))
def test_same_types(name):
    result, listed = functions()[name]
    expected = [ctype(part, True) for part in listed]
    found_result, found = _abi.PROTOTYPES[name]
    assert found_result == ctype(result, False)
    assert len(found) == len(expected)
    for position, (have, want) in enumerate(zip(found, expected)):
        # Addresses of numpy memory are passed as integers: an untyped pointer stands for a typed.
        is_untyped = have is c_void_p and want in (POINTER(c_double), POINTER(c_int64))
        assert have == want or is_untyped, f"argument {position} of {name}"


def fields_of(struct):
    body = re.search(r"typedef struct %s \{(.*?)\} %s;" % (struct, struct), source()).group(1)
    for declaration in filter(None, (part.strip() for part in body.split(";"))):
        first, *more = declaration.split(",")
        words = re.match(r"(.*?)(\w+)(\[(\d+)\])?$", first.strip())
        names = [(words.group(2), words.group(4))] + [(name.strip(), None) for name in more]
        for name, count in names:
            base = ctype(words.group(1), False)
            yield name, base * int(count) if count else base


@pytest.mark.parametrize("struct", sorted(_abi.STRUCTS))
def test_same_structs(struct):
    expected = list(fields_of(struct))
    assert [name for name, _ in expected] == [name for name, _ in _abi.STRUCTS[struct]._fields_]
    for (name, want), (_, have) in zip(expected, _abi.STRUCTS[struct]._fields_):
        assert ctypes.sizeof(have) == ctypes.sizeof(want), name
        is_untyped = have is c_void_p and want in (
            POINTER(c_double), POINTER(c_int32), POINTER(c_int64)
        )
        assert have == want or is_untyped or issubclass(have, ctypes.Array), name


def test_same_callbacks():
    for name, have in _abi.CALLBACKS.items():
        result, listed = re.search(
            r"typedef (\w+) \(\*%s\)\(([^)]*)\);" % name, source()
        ).groups()
        assert have._restype_ == SCALARS[result]
        wanted = []
        for part in parameters(listed):
            # Pointers arrive as addresses, whatever they point to.
            wanted.append(c_void_p if "*" in part else SCALARS[part.split()[0]])
        assert list(have._argtypes_) == wanted, name


def test_same_constants():
    found = {}
    for body in re.findall(r"enum \{(.*?)\}", source()):
        for name, value in re.findall(r"KANTOR_(\w+) = (-?\d+)", body):
            found[name] = int(value)
    text = (INCLUDE / "kantor/types.h").read_text()
    for macro in ("ABI_VERSION", "VERSION_NUMBER"):
        found[macro] = int(re.search(rf"#define KANTOR_{macro} (\d+)", text).group(1))
    table = {name: value for name, value in vars(_abi).items()
             if name.isupper() and isinstance(value, int)}
    assert table == found
