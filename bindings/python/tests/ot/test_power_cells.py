"""A convex polygon shared out among points."""

from __future__ import annotations

import numpy as np
import pytest

import kantor


def solve(points, **fields):
    problem = kantor.Problem("semi_discrete_polygon", points_target=points, **fields)
    return kantor.solve(problem)


def cells_of(result):
    starts = result.cell_starts
    return [result.cell_corners[i:j] for i, j in zip(starts[:-1], starts[1:])]


def area_of(cell):
    x, y = cell.T
    return 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))


@pytest.mark.smoke
@pytest.mark.parametrize("far", [False, True])
def test_cells_are_power_cells_with_the_masses(far):
    rng = np.random.default_rng(1)
    points = rng.random((15, 2)) * [2, 1] + (far * np.array([7.0, -3.0]))
    b = rng.random(15) + 0.2
    triangle = np.array([[0.0, 0.0], [3.0, 0.5], [1.0, 2.0]])
    result = solve(points, weights_target=b, polygon=triangle)
    assert result.status == "solved" and result.mass == pytest.approx(b.sum())
    density = b.sum() / area_of(triangle)
    cells = cells_of(result)
    assert [density * area_of(cell) for cell in cells] == pytest.approx(b)
    # Inside a cell its own point is the nearest in powers.
    for j, cell in enumerate(cells):
        inside = rng.dirichlet(np.ones(len(cell)), 20) @ cell
        power = ((inside[:, None] - points) ** 2).sum(2) - result.potential_target
        assert (power[:, [j]] <= power + 1e-9).all()
        assert result.cell_means[j] == pytest.approx(inside.mean(0), abs=1)
    assert result.dual_objective <= result.upper_bound * (1 + 1e-12)
    assert result.objective == pytest.approx(result.dual_objective, rel=1e-8)


def test_derivatives_against_differences():
    rng = np.random.default_rng(2)
    points, b = rng.random((6, 2)), rng.random(6) + 0.5
    result = solve(points, weights_target=b)
    given = result.vjp({"objective": 1.0}, ["points_target", "weights_target"])
    step = 1e-5
    for k in range(3):
        move = np.zeros((6, 2))
        move[k, 1] = step
        slope = solve(points + move, weights_target=b).objective
        slope -= solve(points - move, weights_target=b).objective
        assert given["points_target"][k, 1] == pytest.approx(slope / (2 * step), rel=1e-6)
        more = np.zeros(6)
        more[k] = step
        slope = solve(points, weights_target=b + more).objective
        slope -= solve(points, weights_target=b - more).objective
        assert given["weights_target"][k] == pytest.approx(slope / (2 * step), rel=1e-6)


@pytest.mark.parametrize("fields, text", [
    (dict(points_target=[[0.5, 0.5], [0.5, 0.5]]), "the same at 0 and 1"),
    (dict(points_target=[[0.5, 0.5, 0.5]]), r"\(m, 2\)"),
    (dict(points_target=[[0.5, np.nan]]), "nan"),
    (dict(points_target=[[0.5, 0.5]], weights_target=[-1.0]), "weights_target is -1"),
    (dict(points_target=[[0.5, 0.5]], polygon=[[0, 0], [2, 0], [0.5, 0.5], [0, 2]]), "not convex"),
    (dict(points_target=[[0.5, 0.5]], polygon=[[0, 0], [1, 1], [2, 2]]), "no area"),
    (dict(points_target=[[0.5, 0.5]], polygon=[[0, 0], [1, 1]]), "polygon has the shape"),
    (dict(points_target=[[0.5, 0.5]], box=[[0, 0], [0, 1]]), "box reaches"),
])
def test_bad_input(fields, text):
    problem = kantor.Problem(
        "semi_discrete_polygon", **{k: np.array(v, dtype=float) for k, v in fields.items()})
    with pytest.raises(kantor.KantorError, match=text):
        kantor.solve(problem)
