"""The catalogue as Python tells it is the one that the library describes."""

from __future__ import annotations

import json

import pytest

import kantor
from kantor import _abi
from kantor._library import lib


@pytest.fixture(scope="module")
def told():
    return json.loads(lib.kantor_describe())


def by_name(listed):
    """By plain name, and methods by their qualified one as well."""
    named = {entry["name"]: entry for entry in listed}
    named.update({f"{entry['kind']}/{entry['name']}": entry for entry in listed if "kind" in entry})
    return named


def shared(told):
    """Plain names that methods of several kinds have."""
    names = [entry["name"] for entry in told["methods"]]
    return {name for name in names if names.count(name) > 1}


def test_kinds_and_methods(told):
    assert kantor.kinds() == [kind["name"] for kind in told["kinds"]]
    several = shared(told)
    assert kantor.methods() == [
        f"{method['kind']}/{method['name']}" if method["name"] in several else method["name"]
        for method in told["methods"]
    ]
    for kind in kantor.kinds():
        expected = [entry["name"] for entry in told["methods"] if entry["kind"] == kind]
        assert kantor.methods(kind) == expected
    with pytest.raises(kantor.UnknownNameError, match="no such kind"):
        kantor.methods("no such kind")


@pytest.mark.parametrize("name", kantor.methods())
def test_methods_are_described_alike(told, name):
    mine, theirs = kantor.describe(name), by_name(told["methods"])[name]
    assert mine == kantor.describe(f"{mine['kind']}/{mine['name']}")
    for key in ("name", "kind", "summary", "source", "guarantee"):
        assert mine[key] == theirs[key] and mine[key], key
    assert list(mine["options"]) == [option["name"] for option in theirs["options"]]
    for option in theirs["options"]:
        have = mine["options"][option["name"]]
        assert have["type"] == option["type"] and have["doc"] == option["doc"] != ""
    assert list(mine["outputs"]) == [field["name"] for field in theirs["outputs"]]
    for field in theirs["outputs"]:
        have = mine["outputs"][field["name"]]
        assert have["type"] == field["type"] and have["doc"] == field["doc"] != ""


@pytest.mark.parametrize("name", kantor.kinds())
def test_kinds_are_described_alike(told, name):
    mine, theirs = kantor.describe(name), by_name(told["kinds"])[name]
    assert mine["name"] == name and mine["methods"] == kantor.methods(name)
    assert list(mine["fields"]) == [field["name"] for field in theirs["fields"]]
    for field in theirs["fields"]:
        have = mine["fields"][field["name"]]
        assert have["type"] == field["type"] and have["doc"] == field["doc"] != ""


def test_shared_names_need_their_kind(told):
    assert "interior_point" in shared(told)
    with pytest.raises(kantor.UnknownNameError, match="'cone/interior_point' or 'nonlinear"):
        kantor.describe("interior_point")
    with pytest.raises(kantor.UnknownNameError, match="several kinds"):
        kantor.Settings("interior_point")
    program = kantor.Problem("cone", q=[1.0], A=[[-1.0]], b=[0.0], cones="nonnegative 1")
    assert kantor.solve(program, "interior_point", tolerance=1e-9).status == "solved"


def test_descriptions_can_be_changed_without_harm():
    kantor.describe("sinkhorn")["options"].clear()
    assert kantor.describe("sinkhorn")["options"]


def test_unknown_names():
    with pytest.raises(kantor.UnknownNameError, match="nothing"):
        kantor.describe("nothing")


def test_build_info_is_json():
    told = json.loads(lib.kantor_build_info())
    assert told["version"] == kantor.__version__ and told["cpu_level"] in told["cpu_levels"]


def test_every_code_has_a_name_and_a_class():
    from kantor import _errors

    codes = {value for name, value in vars(_abi).items() if name.startswith("E_")}
    assert codes == set(_errors.CLASSES)
    names = [_errors.code_name(code) for code in sorted(codes)]
    assert len(set(names)) == len(names) and "unknown" not in names
    for code in codes:
        raised = _errors.error(code, "text")
        assert isinstance(raised, kantor.KantorError) and isinstance(raised, ValueError)
        assert raised.code == code and raised.code_name == _errors.code_name(code)
    assert _errors.code_name(12345) == "unknown"
    assert type(_errors.error(-50, "text")) is kantor.KantorError
