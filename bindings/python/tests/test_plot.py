"""Pictures are drawn from plans and results of every form."""

from __future__ import annotations

import sys

import matplotlib
import numpy as np
import pytest

import kantor

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def clouds(rng):
    return rng.random((8, 2)), rng.random((6, 2))


def lines(axes):
    return sum(len(collection.get_segments()) for collection in axes.collections
               if hasattr(collection, "get_segments"))


def test_coupling_of_every_form(clouds):
    X, Y = clouds
    exact = kantor.solve(kantor.Problem("transport", points=(X, Y)))
    wrapped = kantor.ot.solve_sample(X, Y)
    expected = np.count_nonzero(exact.plan)
    for plan in (exact, exact.plan, exact.plan.tolist(), wrapped):
        axes = kantor.plot.coupling(X, Y, plan)
        assert lines(axes) == expected
        assert len(axes.collections) == 3


def test_threshold_and_number_of_lines(clouds):
    X, Y = clouds
    soft = kantor.solve(kantor.Problem("transport", points=(X, Y)), "sinkhorn", epsilon=0.5)
    assert lines(kantor.plot.coupling(X, Y, soft, threshold=0)) == 48
    assert 0 < lines(kantor.plot.coupling(X, Y, soft, threshold=0.5)) < 48
    assert lines(kantor.plot.coupling(X, Y, soft, threshold=0, max_lines=5)) == 5
    assert lines(kantor.plot.coupling(X, Y, np.zeros((8, 6)))) == 0


def test_axes_given_are_used(clouds):
    axes = plt.figure().add_subplot()
    assert kantor.plot.coupling(*clouds, np.ones((8, 6)), ax=axes) is axes
    axes.figure.canvas.draw()


@pytest.mark.parametrize("against", ["iteration", "seconds"])
def test_convergence(clouds, against):
    problem = kantor.Problem("transport", points=clouds)
    result = kantor.solve(problem, "sinkhorn", epsilon=0.01, trace=True)
    axes = kantor.plot.convergence(result, against=against)
    assert axes.get_yscale() == "log" and axes.get_xlabel() == against
    shown = axes.lines[0]
    assert np.array_equal(shown.get_ydata(), result.trace["residual"])
    assert np.array_equal(shown.get_xdata(), result.trace[against])
    axes.figure.canvas.draw()


@pytest.mark.parametrize("call, kind, text", [
    (lambda X, Y: kantor.plot.coupling(X[:, :1], Y, np.ones((8, 6))), kantor.InvalidShapeError,
     "X"),
    (lambda X, Y: kantor.plot.coupling(X, Y, np.ones((6, 8))), kantor.InvalidShapeError, "plan"),
    (lambda X, Y: kantor.plot.convergence(np.ones(3)), kantor.InvalidValueError, "trace"),
    (lambda X, Y: kantor.plot.convergence(
        kantor.solve(kantor.Problem("transport", points=(X, Y)))), kantor.InvalidValueError,
     "trace"),
    (lambda X, Y: kantor.plot.convergence(
        kantor.solve(kantor.Problem("transport", points=(X, Y)), "sinkhorn", trace=True),
        against="time"), kantor.InvalidValueError, "against"),
])
def test_refusals(clouds, call, kind, text):
    with pytest.raises(kind, match=text):
        call(*clouds)


def test_without_matplotlib(clouds, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(kantor.UnsupportedError, match="matplotlib"):
        kantor.plot.coupling(*clouds, np.zeros((8, 6)))
