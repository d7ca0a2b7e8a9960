"""Settings: options of every type, refusals, warm start, cancel."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor import _abi

COST = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 1.0]])
TYPES = {"real": float, "int": int, "flag": int, "text": str}


@pytest.fixture
def problem():
    return kantor.Problem("transport", cost=COST)


@pytest.mark.parametrize("method", kantor.methods())
def test_every_option_has_its_default_and_can_be_set(method):
    settings = kantor.Settings(method)
    for name, option in kantor.describe(method)["options"].items():
        default = settings.get(name)
        assert type(default) is TYPES[option["type"]], name
        assert default == option["default"], name
        settings.set(**{name: option["default"]})
        value = option["choices"][-1] if option["choices"] else option["default"]
        if option["type"] in ("real", "int") and np.isfinite(option["min"]):
            value = option["min"]
        elif option["type"] == "flag":
            value = not option["default"]
        settings.set(**{name: value})
        assert settings.get(name) == value, name
        settings.reset(name)
        assert settings.get(name) == default, name
        text = str(value).lower() if option["type"] == "flag" else str(value)
        assert settings.parse(name, text).get(name) == value, name
    settings.reset()
    assert all(settings.get(name) == option["default"]
               for name, option in kantor.describe(method)["options"].items())


@pytest.mark.parametrize("method", kantor.methods())
def test_options_outside_their_range_are_refused(method):
    settings = kantor.Settings(method)
    for name, option in kantor.describe(method)["options"].items():
        bad = []
        if option["type"] == "real":
            bad = [float("nan"), np.nextafter(option["min"], -np.inf)]
            if np.isfinite(option["max"]) and option["max"] < 1e308:
                bad.append(np.nextafter(option["max"], np.inf))
        elif option["type"] == "int":
            bad = [option["min"] - 1]
            if option["max"] < 2**62:
                bad.append(option["max"] + 1)
        elif option["choices"]:
            bad = ["no such word"]
        for value in bad:
            with pytest.raises(kantor.InvalidValueError, match=name) as raised:
                settings.set(**{name: value})
            assert raised.value.code == _abi.E_RANGE
        assert settings.get(name) == option["default"], name


@pytest.mark.parametrize("name, value, kind, code", [
    ("max_iteration", 3, kantor.UnknownNameError, _abi.E_NAME),
    ("max_iterations", 2.5, kantor.InvalidTypeError, _abi.E_TYPE),
    ("max_iterations", "many", kantor.InvalidTypeError, _abi.E_TYPE),
    ("max_iterations", 2**63, kantor.InvalidValueError, _abi.E_RANGE),
    ("max_iterations", -(2**80), kantor.InvalidValueError, _abi.E_RANGE),
    ("max_iterations", True, kantor.InvalidTypeError, _abi.E_TYPE),
    ("max_iterations", [1], kantor.InvalidTypeError, _abi.E_TYPE),
    ("time_limit", "1e-3", kantor.InvalidTypeError, _abi.E_TYPE),
    ("time_limit", 1j, kantor.InvalidTypeError, _abi.E_TYPE),
    ("trace", 2, kantor.InvalidValueError, _abi.E_RANGE),
    ("trace", "yes", kantor.InvalidTypeError, _abi.E_TYPE),
    ("tr\0ace", True, kantor.UnknownNameError, _abi.E_NAME),
])
def test_bad_options_are_named(problem, name, value, kind, code):
    for attempt in (
        lambda: kantor.Settings("network_simplex", **{name: value}),
        lambda: kantor.solve(problem, "network_simplex", **{name: value}),
    ):
        with pytest.raises(kind, match=name.replace("\0", ".*")) as raised:
            attempt()
        assert raised.value.code == code


def test_numpy_scalars_are_taken(problem):
    result = kantor.solve(
        problem, "network_simplex", max_iterations=np.int32(1000), time_limit=np.float32(60),
        trace=np.bool_(True),
    )
    assert result.status == "solved" and result.trace


@pytest.mark.parametrize("method", ["simplex", "", "cone/network_simplex"])
def test_unknown_methods(problem, method):
    with pytest.raises(kantor.UnknownNameError) as raised:
        kantor.Settings(method)
    assert raised.value.code == _abi.E_NAME
    with pytest.raises(kantor.UnknownNameError):
        kantor.solve(problem, method)


def test_method_by_its_full_name(problem):
    assert kantor.solve(problem, "transport/network_simplex").method == "transport/network_simplex"


def test_settings_without_a_method_have_the_common_options(problem):
    settings = kantor.Settings(time_limit=60.0)
    assert kantor.solve(problem, settings=settings).status == "solved"
    assert kantor.solve(problem, "sinkhorn", settings=settings).status == "solved"
    with pytest.raises(kantor.UnknownNameError, match="epsilon"):
        settings.set(epsilon=1.0)


def test_settings_name_the_method(problem):
    settings = kantor.Settings("sinkhorn", epsilon=0.5)
    assert kantor.solve(problem, settings=settings).method == "transport/sinkhorn"
    with pytest.raises(kantor.StateError, match="sinkhorn"):
        kantor.solve(problem, "network_simplex", settings=settings)


def test_options_of_a_call_do_not_stay(problem):
    settings = kantor.Settings("sinkhorn", epsilon=0.5)
    assert kantor.solve(problem, settings=settings, epsilon=0.25).epsilon == 0.25
    assert settings.get("epsilon") == 0.5
    assert kantor.solve(problem, settings=settings).epsilon == 0.5


def test_get_of_unknown_option():
    with pytest.raises(kantor.UnknownNameError):
        kantor.Settings().get("nothing")


@pytest.mark.parametrize("text, kind", [
    ("abc", kantor.InvalidTypeError), ("-1", kantor.InvalidValueError),
])
def test_parse_refuses(text, kind):
    with pytest.raises(kind, match="time_limit"):
        kantor.Settings().parse("time_limit", text)


# Warm start


def test_warm_start_from_result_and_from_arrays(problem):
    cold = kantor.solve(problem, "sinkhorn", epsilon=0.1)
    arrays = {name: cold[name] for name in ("potential_source", "potential_target")}
    for start in (cold, arrays):
        warm = kantor.solve(problem, "sinkhorn", epsilon=0.1, warm_start=start)
        assert warm.status == "solved"
        assert warm.iterations <= cold.iterations
        assert warm.objective == pytest.approx(cold.objective, rel=1e-8)
    settings = kantor.Settings("sinkhorn", warm_start=cold, epsilon=0.1)
    assert kantor.solve(problem, settings=settings).iterations <= cold.iterations


@pytest.mark.parametrize("start, kind, text", [
    ({"potential_target": np.zeros(7)}, kantor.InvalidShapeError, "potential_target"),
    ({"potential_target": [np.nan, 0, 0]}, kantor.InvalidValueError, "potential_target"),
    ({"potential_target": "x"}, kantor.InvalidTypeError, "potential_target"),
    (3, kantor.InvalidTypeError, "warm_start"),
])
def test_bad_warm_starts(problem, start, kind, text):
    with pytest.raises(kind, match=text):
        kantor.solve(problem, "sinkhorn", warm_start=start)


# Cancel


def test_cancel_stays_until_it_is_taken_back(rng):
    problem = kantor.Problem("transport", points=(rng.random((400, 2)), rng.random((400, 2))))
    settings = kantor.Settings("network_simplex")
    settings.cancel()
    for _ in range(2):
        assert kantor.solve(problem, settings=settings).status == "cancelled"
    settings.uncancel()
    assert kantor.solve(problem, settings=settings).status == "solved"


def test_repr():
    assert "sinkhorn" in repr(kantor.Settings("sinkhorn"))
