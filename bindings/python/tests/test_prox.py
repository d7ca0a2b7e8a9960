"""Proximal maps: what makes them such, answers of other programs, batches, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import kantor
from kantor import prox

# Parameters under which each map takes vectors of six numbers, or 2 x 3 and 3 x 3 matrices.
PARAMETERS = {
    "box_sum": {"total": 2.0},
    "halfspace": {"normal": [1.0, 2.0, 0.0, -1.0, 1.0, 0.5], "bound": 0.3},
    "affine": {"matrix": [[1.0, 2.0, 0, -1, 1, 0], [0, 1.0, 1, 1, 0, 2]], "rhs": [1.0, 2.0]},
    "group_l2": {"sizes": [1, 3, 2], "weight": [0.5, 1.0, 0.9]},
    "sorted_l1": {"weights": [2.0, 1.0, 0.5, 0.5, 0.1, 0.0]},
    "box": {"lower": -1.0, "upper": 0.5},
    "quadratic": {"matrix": np.diag([1.0, 2, 3, 4, 5, 6]) + 0.1, "linear": 0.2},
}
EUCLIDEAN = [name for name in prox.names() if prox.describe(name)["form"] != "mirror"]


def shape(name):
    if name == "psd":
        return (3, 3)
    return (2, 3) if prox.describe(name)["takes_matrix"] else (6,)


def apply(name, x, step=1.0, **more):
    return prox.apply(name, x, step, **PARAMETERS.get(name, {}), **more)


@pytest.mark.parametrize("name", EUCLIDEAN)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_maps_minimise(name, data):
    """No point that the map can reach is better than its answer, and it shortens distances."""
    numbers = hnp.arrays(float, shape(name), elements=st.floats(-20, 20))
    x, other = data.draw(numbers), data.draw(numbers)
    step = data.draw(st.floats(0.05, 5))
    u, g = apply(name, x, step, value=True)
    w, h = apply(name, other, step, value=True)
    scale = 1 + np.abs(x).max() ** 2 + np.abs(other).max() ** 2
    mine = g + np.sum((u - x) ** 2) / (2 * step)
    theirs = h + np.sum((w - x) ** 2) / (2 * step)
    assert mine <= theirs + 1e-8 * scale / step
    assert np.sum((u - w) ** 2) <= np.sum((u - w) * (x - other)) + 1e-9 * scale


@pytest.mark.parametrize("name", prox.names())
def test_points_may_have_leading_axes(name):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2, 3, 2, *shape(name)))
    u, g = apply(name, x, 0.7, value=True)
    assert u.shape == x.shape and g.shape == (2, 3, 2)
    v = rng.normal(size=x.shape)
    pulled = prox.vjp(name, x, v, 0.7, **PARAMETERS.get(name, {}))
    for place in np.ndindex(2, 3, 2):
        one, value = apply(name, x[place], 0.7, value=True)
        np.testing.assert_array_equal(u[place], one)
        assert g[place] == value
        np.testing.assert_array_equal(
            pulled[place], prox.vjp(name, x[place], v[place], 0.7, **PARAMETERS.get(name, {})))
    strided = np.asfortranarray(x)
    np.testing.assert_array_equal(apply(name, strided, 0.7), u)


@pytest.mark.parametrize("name", prox.names())
def test_each_map_has_a_function(name):
    function = getattr(prox, name)
    x = np.linspace(-1, 1, int(np.prod(shape(name)))).reshape(shape(name))
    np.testing.assert_array_equal(function(x, **PARAMETERS.get(name, {})), apply(name, x))
    entry = prox.describe(name)
    listed = {p["name"] for p in entry["parameters"]} - {"rows"}
    assert {p for p in function.__kwdefaults__ or {}} <= listed
    names = set(function.__code__.co_varnames[: function.__code__.co_argcount])
    assert names - {"x", "step"} == listed
    assert ("step" in names) == (entry["form"] != "indicator")


@pytest.mark.parametrize("name", prox.names())
def test_derivatives(name):
    rng = np.random.default_rng(11)
    x, v, d = (rng.normal(size=shape(name)) * 2 for _ in range(3))
    h = 1e-6
    quotient = (apply(name, x + h * d, 0.8) - apply(name, x - h * d, 0.8)) / (2 * h)
    pulled = prox.vjp(name, x, v, 0.8, **PARAMETERS.get(name, {}))
    scale = 1 + np.abs(v).sum()
    assert np.sum(pulled * d) == pytest.approx(np.sum(v * quotient), abs=1e-7 * scale)


def cone(rows_of_a, b, cones, x):
    """The nearest point u of { b - A u in K }, by the cone engine."""
    found = kantor.solve(kantor.Problem(
        "cone", P=np.eye(len(x)), q=-x, A=np.array(rows_of_a, float), b=np.array(b, float),
        cones=cones))
    assert found.status == "solved"
    return found.x


def test_projections_agree_with_the_cone_engine():
    rng = np.random.default_rng(5)
    n = 6
    for _ in range(5):
        x = rng.normal(size=n) * 2
        cases = {
            "simplex": cone(np.vstack([np.ones(n), -np.eye(n)]), [1] + [0] * n,
                            f"zero 1, nonnegative {n}", x),
            "budget": cone(np.vstack([np.ones(n), -np.eye(n)]), [1] + [0] * n,
                           f"nonnegative {n + 1}", x),
            "second_order": cone(-np.eye(n), [0] * n, f"second_order {n}", x),
            "exponential": cone(-np.eye(n), [0] * n, "exponential, exponential", x),
            "isotonic": cone(np.eye(n)[:-1] - np.eye(n)[1:], [0] * (n - 1),
                             f"nonnegative {n - 1}", x),
            "l2_ball": cone(np.vstack([np.zeros(n), -np.eye(n)]), [1] + [0] * n,
                            f"second_order {n + 1}", x),
            "box_sum": cone(np.vstack([np.ones(n), -np.eye(n)]), [2] + [0] * n,
                            f"zero 1, nonnegative {n}", x),
        }
        for name, want in cases.items():
            np.testing.assert_allclose(apply(name, x), want, atol=2e-5, err_msg=name)


def test_matrices_agree_with_numpy():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(5, 7))
    left, s, right = np.linalg.svd(x, full_matrices=False)
    np.testing.assert_allclose(
        prox.nuclear(x, 0.5, 2.0), left * np.maximum(s - 1, 0) @ right, atol=1e-12)
    np.testing.assert_allclose(
        prox.spectral_ball(x, 2.0), left * np.minimum(s, 2) @ right, atol=1e-12)
    square = rng.normal(size=(30, 30))
    values, vectors = np.linalg.eigh((square + square.T) / 2)
    np.testing.assert_allclose(
        prox.psd(square), vectors * np.maximum(values, 0) @ vectors.T, atol=1e-12)


def test_total_variation_meets_its_optimality_conditions():
    """Sums of x - u stay within the weight, and reach it where u steps."""
    rng = np.random.default_rng(7)
    x = np.cumsum(rng.normal(size=20000)) + rng.normal(size=20000)
    for weight in (0.1, 3.0, 500.0):
        u = prox.total_variation(x, weight=weight)
        sums = np.cumsum(x - u)
        assert abs(sums[-1]) < 1e-8
        assert np.abs(sums[:-1]).max() <= weight * (1 + 1e-9)
        steps = np.sign(np.diff(u))
        moved = steps != 0
        np.testing.assert_allclose(sums[:-1][moved], -steps[moved] * weight, atol=1e-7)


@pytest.mark.parametrize(
    "name, x, parameters, kind, word",
    [
        ("simplx", [1.0], {}, kantor.UnknownNameError, "simplex"),
        ("simplex", [1.0], {"radus": 1.0}, kantor.UnknownNameError, "radius"),
        ("simplex", [1.0], {"radius": 0.0}, kantor.InvalidValueError, "radius"),
        ("simplex", [np.nan], {}, kantor.InvalidValueError, "element 0"),
        ("simplex", 1.0, {}, kantor.InvalidShapeError, "number"),
        ("simplex", np.empty((2, 0)), {}, kantor.InvalidShapeError, "at least 1"),
        ("halfspace", [1.0], {}, kantor.KantorError, "bound"),
        ("box", [1.0], {"lower": 2.0, "upper": 1.0}, kantor.InvalidValueError, "lower[0]"),
        ("psd", np.ones((2, 3)), {}, kantor.InvalidShapeError, "square"),
        ("affine", [1.0, 1.0], {"matrix": [[1.0, 1], [2.0, 2]], "rhs": [1.0, 3.0]},
         kantor.InvalidValueError, "row 1"),
    ],
)
def test_refusals_say_what_is_wrong(name, x, parameters, kind, word):
    with pytest.raises(kind, match=word.replace("[", r"\[").replace("]", r"\]")):
        prox.apply(name, x, **parameters)


def test_steps_and_cotangents_are_checked():
    with pytest.raises(kantor.InvalidValueError, match="step is 0"):
        prox.l1([1.0], step=0.0)
    with pytest.raises(kantor.InvalidShapeError, match="v has the shape"):
        prox.vjp("l1", [1.0], [1.0, 2.0])
    assert prox.simplex(np.empty((0, 3))).shape == (0, 3)
    with pytest.raises(kantor.UnknownNameError, match="not known"):
        prox.describe("nothing")
