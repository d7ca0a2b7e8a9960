"""First-order methods for bilevel problems through Python: each on a problem of its kind."""

import numpy as np
import pytest

import kantor
from kantor import bilevel


def ridge(**more):
    """Penalty exp(x) of a ridge regression; the validation loss wants y = 1, which x = 0 gives."""
    return dict(
        upper=lambda x, y: float(0.5 * (y[0] - 1) ** 2),
        lower=lambda x, y: float(0.5 * (y[0] - 2) ** 2 + 0.5 * np.exp(x[0]) * y[0] ** 2),
        x0=[1.0], y0=[0.0],
        grad_upper=lambda x, y: (np.zeros(1), y - 1),
        grad_lower=lambda x, y: (0.5 * np.exp(x) * y ** 2, y - 2 + np.exp(x) * y), **more)


def flat(**more):
    """y2 is free in the lower level; the leader wants y = (1, x)."""
    return dict(
        upper=lambda x, y: float(0.5 * (x[0] - y[1]) ** 2 + 0.5 * (y[0] - 1) ** 2),
        lower=lambda x, y: float(0.5 * y[0] ** 2 - x[0] * y[0]),
        x0=[0.0], y0=[0.0, 0.0],
        grad_upper=lambda x, y: (x - y[1:], np.array([y[0] - 1, y[1] - x[0]])),
        grad_lower=lambda x, y: (-y[:1], np.array([y[0] - x[0], 0.0])), **more)


@pytest.mark.parametrize("method", ["lv_hba", "f2sa", "penalty", "pbgd", "bo_rep", "bamm", "bda"])
def test_strongly_convex_lower_level(method):
    result = bilevel.minimize(**ridge(method=method))
    assert result.status == "solved"
    assert abs(result.x[0]) < 2e-3 and abs(result.y[0] - 1) < 1e-3


@pytest.mark.parametrize("method", ["lv_hba", "penalty", "pbgd", "bamm", "bda"])
def test_many_lower_answers(method):
    result = bilevel.minimize(**flat(method=method))
    assert result.status == "solved"
    assert result.objective < 1e-6 and result.selection == "optimistic"
    assert abs(result.x[0] - 1) < 1e-3


def test_rows_of_both_levels():
    """F = x^2 + (y - 10)^2, f = (x + 2 y - 30)^2, x + y <= 20 below, y <= x above: F = 100."""
    result = bilevel.minimize(
        lambda x, y: float(x[0] ** 2 + (y[0] - 10) ** 2),
        lambda x, y: float((x[0] + 2 * y[0] - 30) ** 2), [14.0], [5.0],
        grad_upper=lambda x, y: (2 * x, 2 * (y - 10)),
        grad_lower=lambda x, y: (2 * (x + 2 * y - 30), 4 * (x + 2 * y - 30)),
        lower_constraints=(lambda x, y: x + y - 20, lambda x, y: (np.eye(1), np.eye(1))),
        upper_constraints=(lambda x, y: y - x, lambda x, y: (-np.eye(1), np.eye(1))),
        x_bounds=(0, 15), y_bounds=(0, 20), method="lv_hba")
    assert result.status == "solved"
    assert abs(result.objective - 100) < 1e-4
    with pytest.raises(kantor.KantorError, match="rows of the upper level"):
        bilevel.minimize(
            **ridge(upper_constraints=lambda x, y: x - 3, method="f2sa"))


def test_batches_depend_on_the_seed_alone():
    rng = np.random.default_rng(0)
    A, targets = rng.normal(size=(300, 3)), rng.normal(size=300)

    def value(w, batch=slice(None)):
        return float(0.5 * np.mean((A[batch] @ w[3:] - targets[batch]) ** 2))

    def gradient(w, batch=slice(None)):
        r = A[batch] @ w[3:] - targets[batch]
        return np.concatenate([np.zeros(3), A[batch].T @ r / len(r)])

    def lower_value(w, batch=slice(None)):
        return value(w, batch) + 0.5 * float(np.exp(w[:3]) @ w[3:] ** 2)

    def lower_gradient(w, batch=slice(None)):
        weight = np.exp(w[:3])
        return gradient(w, batch) + np.concatenate([0.5 * weight * w[3:] ** 2, weight * w[3:]])

    upper = kantor.Functions(
        6, value=value, gradient=gradient, batch_value=value, batch_gradient=gradient)
    lower = kantor.Functions(
        6, value=lower_value, gradient=lower_gradient, batch_value=lower_value,
        batch_gradient=lower_gradient)
    problem = kantor.Problem(
        "bilevel", upper=upper, lower=lower, start_x=np.zeros(3), start_y=np.zeros(3),
        x_lower=np.full(3, -5.0), x_upper=np.full(3, 5.0), upper_components=300,
        lower_components=300)
    for method in ["f2sa", "bo_rep"]:
        first, again, other = (
            kantor.solve(problem, method, seed=seed, max_iterations=200, batch_size=16)
            for seed in (1, 1, 2))
        assert first.x.tobytes() == again.x.tobytes() != other.x.tobytes()
        assert first.samples > 0
