"""Results in bytes, files and pickles."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import kantor


@pytest.fixture
def problem(rng):
    return kantor.Problem("transport", points=(rng.random((6, 2)), rng.random((8, 2))))


@pytest.fixture(params=["network_simplex", "sinkhorn"])
def result(request, problem):
    return kantor.solve(problem, request.param, trace=True)


def same(a, b):
    assert list(a) == list(b)
    assert a.status_code == b.status_code and a.certificate.keys() == b.certificate.keys()
    for name in a:
        if isinstance(a[name], np.ndarray):
            np.testing.assert_array_equal(a[name], b[name])
            assert a[name].dtype == b[name].dtype
        else:
            assert a[name] == b[name] or np.isnan(a[name])


def test_pickles_and_files(result, tmp_path):
    same(result, pickle.loads(pickle.dumps(result)))
    result.save(tmp_path / "result")
    loaded = kantor.Result.load(tmp_path / "result")
    same(result, loaded)
    assert repr(loaded) == repr(result)
    assert loaded.to_bytes() == result.to_bytes()


def test_arrays_made_on_request_may_be_left_out(problem):
    result = kantor.solve(problem, "sinkhorn")
    lean = kantor.Result.from_bytes(result.to_bytes(complete=False))
    assert "plan" not in lean and "potential_source" in lean
    with pytest.raises(AttributeError, match="plan"):
        lean.plan
    assert "plan" in kantor.Result.from_bytes(result.to_bytes())


def test_a_loaded_result_starts_a_solve(problem):
    first = kantor.solve(problem, "sinkhorn", epsilon=0.01)
    loaded = pickle.loads(pickle.dumps(first))
    cold = kantor.solve(problem, "sinkhorn", epsilon=0.01)
    warm = kantor.solve(problem, "sinkhorn", epsilon=0.01, warm_start=loaded)
    assert warm.status == "solved" and warm.iterations < cold.iterations


def test_a_loaded_result_has_no_derivatives(result):
    loaded = kantor.Result.from_bytes(result.to_bytes())
    with pytest.raises(kantor.UnsupportedError, match="need its problem"):
        loaded.vjp({"objective": 1.0}, ["a"])
    with pytest.raises(kantor.UnsupportedError, match="need its problem"):
        loaded.jvp({"a": np.zeros(6)}, ["objective"])
    assert copy.deepcopy(result) is result and copy.copy(result) is result


def test_damaged_bytes(result, tmp_path):
    data = result.to_bytes()
    for bad in (b"", b"KNTR", data[:-1], data + b"\0", data[:100] + b"?" + data[101:]):
        with pytest.raises(kantor.VersionError, match="damaged|newer") as caught:
            kantor.Result.from_bytes(bad)
        assert caught.value.code_name == "format"
    with pytest.raises(kantor.VersionError, match="format 9"):
        kantor.Result.from_bytes(data[:4] + b"\t" + data[5:])
    with pytest.raises(kantor.InvalidTypeError, match="must be bytes"):
        kantor.Result.from_bytes("text")
    (tmp_path / "text").write_text("no result")
    with pytest.raises(kantor.VersionError):
        kantor.Result.load(tmp_path / "text")
