"""Results: attributes, mapping, certificate, trace."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor import _abi


@pytest.fixture(params=["network_simplex", "sinkhorn"])
def result(request, rng):
    problem = kantor.Problem("transport", points=(rng.random((6, 2)), rng.random((8, 2))))
    return kantor.solve(problem, request.param, trace=True)


def test_attributes_and_items_are_the_same(result):
    for name in result:
        value = getattr(result, name)
        assert value is result[name] or value == result[name] or np.isnan(value)
        assert name in result and name in dir(result)
    assert len(result) == len(list(result))
    assert set(result.keys()) == set(dict(result))


def test_fields_are_of_the_type_described(result):
    told = kantor.describe(result.method)["outputs"]
    types = {"real": float, "int": int, "text": str, "array": np.ndarray}
    for name, value in result.items():
        assert isinstance(value, types[told[name]["type"]]), name


def test_shapes_are_those_described(result):
    told = kantor.describe(result.method)["outputs"]
    extents = {"n": 6, "m": 8, "d": 2, "k": result.plan_value.size, "t": len(result.trace_gap)}
    for name, value in result.items():
        if isinstance(value, np.ndarray):
            symbols = [part for part in told[name]["shape"].strip("()").split(",") if part.strip()]
            assert value.shape == tuple(extents[part.strip()] for part in symbols), name


def test_certificate_has_what_is_marked(result):
    told = kantor.describe(result.method)["outputs"]
    expected = {name for name in result if told[name]["certificate"]}
    assert set(result.certificate) == expected
    assert {"gap", "marginal_residual"} <= expected
    assert all(isinstance(value, float) for value in result.certificate.values())


def test_status_is_a_word_and_a_number(result):
    assert result.status == "solved" and result.status_code == _abi.SOLVED
    assert result["status"] == result.status


def test_trace(result):
    trace = result.trace
    assert set(trace) == {"iteration", "seconds", "objective", "residual", "gap"}
    assert len({values.shape for values in trace.values()}) == 1
    assert (np.diff(trace["seconds"]) >= 0).all() and (np.diff(trace["iteration"]) >= 0).all()


def test_no_trace_unless_asked_for(rng):
    result = kantor.solve(kantor.Problem("transport", cost=rng.random((3, 3))))
    assert result.trace == {}


def test_unknown_fields(result):
    with pytest.raises(AttributeError, match="no field 'plann'"):
        result.plann
    with pytest.raises(KeyError, match="plann"):
        result["plann"]
    assert result.get("plann") is None and "plann" not in result and not hasattr(result, "_x")


def test_repr_shows_status_and_residuals(result):
    for part in ("solved", result.method, "objective=", "gap=", "marginal_residual="):
        assert part in repr(result)


def test_results_compare_by_identity(result):
    assert result == result and result != dict(result) and hash(result) == hash(result)


def test_plan_and_entries_agree(result):
    plan = np.zeros((6, 8))
    plan[result.plan_row, result.plan_column] = result.plan_value
    assert plan == pytest.approx(result.plan, abs=1e-15)


def test_barycentric_map_is_the_mean_target(rng):
    X, Y = rng.random((5, 3)), rng.random((7, 3))
    for method in ("network_simplex", "sinkhorn"):
        result = kantor.solve(kantor.Problem("transport", points=(X, Y)), method)
        expected = result.plan @ Y / result.plan.sum(axis=1)[:, None]
        assert result.barycentric_map == pytest.approx(expected, rel=1e-9)


def test_long_texts_are_read_whole(result):
    assert result.message and "\0" not in result.message


@pytest.mark.smoke
def test_check_raises_with_the_result(rng):
    problem = kantor.Problem("transport", cost=rng.random((30, 30)))
    assert kantor.solve(problem, check=True).status == "solved"
    with pytest.raises(kantor.NotSolvedError, match="iteration_limit") as raised:
        kantor.solve(problem, "sinkhorn", epsilon=0.01, max_iterations=2, check=True)
    assert raised.value.code == _abi.ITERATION_LIMIT
    assert raised.value.result.status == "iteration_limit"


def test_infeasible_problem():
    cost = [[np.inf, np.inf], [1.0, 1.0]]
    result = kantor.solve(kantor.Problem("transport", cost=cost))
    assert result.status == "infeasible" and result.status_code == _abi.INFEASIBLE
    f, g = result.ray_source, result.ray_target
    assert (f[1] + g <= 1e-12).all() and (f + g).sum() / 2 > 0
    with pytest.raises(kantor.NotSolvedError, match="infeasible"):
        kantor.solve(kantor.Problem("transport", cost=cost), check=True)


@pytest.mark.parametrize("bad", [None, [[1.0]], {}])
def test_only_problems_are_solved(bad):
    with pytest.raises(kantor.InvalidTypeError, match="kantor.Problem"):
        kantor.solve(bad)


def test_only_settings_are_settings(rng):
    problem = kantor.Problem("transport", cost=rng.random((3, 3)))
    with pytest.raises(kantor.InvalidTypeError, match="kantor.Settings"):
        kantor.solve(problem, settings={"time_limit": 1.0})
