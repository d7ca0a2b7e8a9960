"""What the library can do: kinds of problems, methods, options, fields."""

from __future__ import annotations

from ctypes import byref, sizeof
from functools import lru_cache
from typing import Any, Dict, List, Optional, Union

from . import _abi
from ._arrays import encode
from ._errors import check, error
from ._library import lib

_TYPE_NAMES = {
    _abi.REAL: "real",
    _abi.INT: "int",
    _abi.FLAG: "flag",
    _abi.TEXT: "text",
    _abi.ARRAY: "array",
    _abi.SPARSE: "sparse",
    _abi.FUNCTIONS: "functions",
    _abi.PROBLEM: "problem",
}


def kinds() -> List[str]:
    """List the kinds of problems.

    Returns
    -------
    list of str
        Such as ``["transport"]``.

    Examples
    --------
    >>> import kantor
    >>> "transport" in kantor.kinds()
    True
    """
    return [lib.kantor_kind_name(k).decode() for k in range(lib.kantor_kind_count())]


def methods(kind: Optional[str] = None) -> List[str]:
    """List the methods of the catalogue.

    Parameters
    ----------
    kind : str, optional
        Only the methods for problems of this kind.

    Returns
    -------
    list of str
        Names, in the order of the catalogue; as ``"kind/name"`` where no kind was given and
        methods of several kinds share the name.

    Raises
    ------
    UnknownNameError
        There is no such kind.

    Examples
    --------
    >>> import kantor
    >>> "network_simplex" in kantor.methods("transport")
    True
    """
    if kind is not None and kind not in kinds():
        raise error(
            _abi.E_NAME, f"kind {kind!r} is not known; known are {', '.join(kinds())}"
        )
    if kind is None:
        return [qualified(entry["kind"], entry["name"]) for entry in _method_table()]
    return [entry["name"] for entry in _method_table() if entry["kind"] == kind]


def qualified(kind: str, method: str) -> str:
    """Tell methods of the same name apart.

    Parameters
    ----------
    kind : str
        Kind of the problem to be solved.
    method : str
        Name of a method, plain or qualified.

    Returns
    -------
    str
        ``"kind/name"`` where several kinds have a method of this plain name; else the name given.
    """
    having = [entry["kind"] for entry in _method_table() if entry["name"] == method]
    return f"{kind}/{method}" if len(having) > 1 and kind in having else method


def describe(name: str) -> Dict[str, Any]:
    """Tell everything about a method or a kind of problem.

    Parameters
    ----------
    name : str
        A method, plain or as ``"kind/name"``, or a kind.

    Returns
    -------
    dict
        Of a method: ``name``, ``kind``, ``summary``, ``source``, ``guarantee``,
        ``uses_warm_start``, ``has_derivatives``, and by name ``options`` (``type``, ``default``,
        ``min``, ``max``, ``choices``, ``unit``, ``doc``, ``advanced``) and ``outputs`` (``type``,
        ``certificate``, ``shape``, ``unit``, ``doc``). Of a kind: ``name``, ``methods`` and
        ``fields`` (``type``, ``shape``, ``choices``, ``unit``, ``doc``).

    Raises
    ------
    UnknownNameError
        There is no such method or kind.

    Examples
    --------
    >>> import kantor
    >>> kantor.describe("network_simplex")["kind"]
    'transport'
    """
    if name in kinds():
        return {"name": name, "methods": methods(name), "fields": problem_fields(name)}
    kinds_having = [entry["kind"] for entry in _method_table() if entry["name"] == name]
    if len(kinds_having) > 1:
        forms = " or ".join(f"'{kind}/{name}'" for kind in kinds_having)
        raise error(_abi.E_NAME, f"method {name!r} exists for several kinds; say {forms}")
    for entry in _method_table():
        if name in (entry["name"], f"{entry['kind']}/{entry['name']}"):
            told = {key: value for key, value in entry.items() if not key.startswith("_")}
            path = encode(f"{entry['kind']}/{entry['name']}", "method")
            told["options"] = {
                option["name"]: option for option in _options(path, entry["_option_count"])
            }
            told["outputs"] = {
                field["name"]: field for field in _outputs(path, entry["_output_count"])
            }
            return told
    raise error(
        _abi.E_NAME,
        f"{name!r} is neither a method nor a kind; known are {', '.join(methods() + kinds())}",
    )


@lru_cache(maxsize=None)
def _method_table() -> List[Dict[str, Any]]:
    table = []
    for index in range(lib.kantor_method_count()):
        info = _abi.MethodInfo(struct_size=sizeof(_abi.MethodInfo))
        check(lib.kantor_method_describe(index, byref(info)))
        table.append(
            {
                "name": info.name.decode(),
                "kind": info.kind.decode(),
                "summary": info.summary.decode(),
                "source": info.source.decode(),
                "guarantee": info.guarantee.decode(),
                "uses_warm_start": bool(info.uses_warm_start),
                "has_derivatives": bool(info.has_derivatives),
                "_option_count": info.option_count,
                "_output_count": info.output_count,
            }
        )
    return table


def _options(method: bytes, count: int) -> List[Dict[str, Any]]:
    options = []
    for index in range(count):
        info = _abi.OptionInfo(struct_size=sizeof(_abi.OptionInfo))
        check(lib.kantor_option_describe(method, index, byref(info)))
        options.append(
            {
                "name": info.name.decode(),
                "type": _TYPE_NAMES[info.type],
                "default": _default(info),
                "min": _bound(info, info.min),
                "max": _bound(info, info.max),
                "choices": _words(info.choices),
                "unit": info.unit.decode(),
                "doc": info.doc.decode(),
                "advanced": bool(info.is_advanced),
            }
        )
    return options


def _default(info: _abi.OptionInfo) -> Any:
    if info.type == _abi.TEXT:
        return info.default_text.decode()
    if info.type == _abi.FLAG:
        return bool(info.default_number)
    return _bound(info, info.default_number)


def _bound(info: _abi.OptionInfo, bound: float) -> Union[int, float, None]:
    if info.type == _abi.INT:
        # Bounds cross as doubles, which round the largest integer up.
        return max(-(2**63), min(2**63 - 1, int(bound)))
    return bound if info.type == _abi.REAL else None


def _words(choices: Optional[bytes]) -> List[str]:
    return choices.decode().split("|") if choices else []


def _field(info: _abi.FieldInfo) -> Dict[str, Any]:
    return {
        "name": info.name.decode(),
        "type": _TYPE_NAMES[info.type],
        "shape": info.shape.decode(),
        "unit": info.unit.decode(),
        "doc": info.doc.decode(),
    }


def _outputs(method: bytes, count: int) -> List[Dict[str, Any]]:
    outputs = []
    for index in range(count):
        info = _abi.FieldInfo(struct_size=sizeof(_abi.FieldInfo))
        check(lib.kantor_output_describe(method, index, byref(info)))
        outputs.append({**_field(info), "certificate": bool(info.is_certificate)})
    return outputs


@lru_cache(maxsize=None)
def problem_fields(kind: str) -> Dict[str, Dict[str, Any]]:
    """Describe the fields of the problems of a kind.

    Parameters
    ----------
    kind : str
        Name of a kind.

    Returns
    -------
    dict
        By name: ``type``, ``shape``, ``choices``, ``unit``, ``doc``.
    """
    told = {}
    path = encode(kind, "kind")
    for index in range(check(lib.kantor_problem_field_count(path))):
        info = _abi.FieldInfo(struct_size=sizeof(_abi.FieldInfo))
        check(lib.kantor_problem_field_describe(path, index, byref(info)))
        field = {**_field(info), "choices": _words(info.choices)}
        told[field["name"]] = field
    return told
