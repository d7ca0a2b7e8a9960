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


def softmax(p):
    e = np.exp(p - p.max())
    return e / e.sum()


def test_reweighted_sources():
    """Weights softmax(p) of sources: the lower answer is their weighted mean, in closed form."""
    means, target = np.array([0.0, 1.0, 4.0]), 1.5
    noise = np.tile([-0.5, 0.5, 0.25, -0.25], 3)
    source = np.repeat(np.arange(3), 4)
    samples = means[source] + noise

    def lower(w, batch=np.arange(12)):
        return 1.5 * np.mean(softmax(w[:3])[source[batch]] * (w[3] - samples[batch]) ** 2)

    def grad_lower(w, batch=np.arange(12)):
        share, error = softmax(w[:3]), w[3] - samples[batch]
        by_source = 1.5 * np.bincount(source[batch], error ** 2, 3) / len(error)
        return np.append(
            share * (by_source - share @ by_source),
            3 * np.mean(share[source[batch]] * error))

    upper = kantor.Functions(
        4, value=lambda w: 0.5 * (w[3] - target) ** 2 + 5e-3 * w[:3] @ w[:3],
        gradient=lambda w: np.append(1e-2 * w[:3], w[3] - target))
    problem = kantor.Problem(
        "bilevel", upper=upper, lower=kantor.Functions(
            4, value=lower, gradient=grad_lower, batch_value=lower, batch_gradient=grad_lower),
        start_x=np.zeros(3), start_y=[0.0], lower_components=12)

    def phi(p):
        return 0.5 * (softmax(p) @ means - target) ** 2 + 5e-3 * p @ p

    whole = kantor.solve(problem, "f2sa", batch_size=0)
    assert whole.status == "solved"
    assert abs(whole.y[0] - softmax(whole.x) @ means) < 1e-6
    assert whole.objective == pytest.approx(phi(whole.x), abs=1e-8)
    for k in range(3):
        step = 1e-3 * np.eye(3)[k]
        assert phi(whole.x) <= min(phi(whole.x + step), phi(whole.x - step)) + 1e-9
    sampled = kantor.solve(problem, "f2sa", batch_size=4, max_iterations=1500)
    assert abs(sampled.y[0] - target) < 0.05 < abs(means.mean() - target)


@pytest.mark.parametrize("form", ["vector", "matrix"])
def test_blocks(form):
    """Many followers, a few of them in a step: x in closed form."""
    blocks, each = 20, 3
    rng = np.random.default_rng(2)
    a, c = 0.5 + rng.random(blocks), rng.standard_normal(blocks)
    noise = rng.standard_normal((blocks, each))
    noise -= noise.mean(1, keepdims=True)

    def pick(batch):
        batch = np.arange(blocks * each) if batch is None else np.asarray(batch)
        return batch // each, batch % each

    def lower(w, batch=None):
        i, s = pick(batch)
        y = w[1 + i]
        return np.mean(0.5 * a[i] * y * y - y * (w[0] + c[i] + noise[i, s]))

    def grad_lower(w, batch=None):
        i, s = pick(batch)
        out = np.zeros(1 + blocks)
        out[0] = -np.mean(w[1 + i])
        np.add.at(out, 1 + i, (a[i] * w[1 + i] - w[0] - c[i] - noise[i, s]) / len(i))
        return out

    def upper(w, batch=None):
        i, _ = pick(batch)
        return np.mean(0.5 * (w[1 + i] - 1) ** 2)

    def grad_upper(w, batch=None):
        i, _ = pick(batch)
        out = np.zeros(1 + blocks)
        np.add.at(out, 1 + i, (w[1 + i] - 1) / len(i))
        return out

    problem = kantor.Problem(
        "bilevel", start_x=[0.0], start_y=np.zeros(blocks), blocks=blocks,
        upper_components=blocks * each, lower_components=blocks * each, **{
            name: kantor.Functions(
                1 + blocks, value=f, gradient=g, batch_value=f, batch_gradient=g)
            for name, f, g in [
                ("upper", upper, grad_upper), ("lower", lower, grad_lower)]})
    x = np.sum((1 - c / a) / a) / np.sum(1 / a ** 2)
    result = kantor.solve(
        problem, "bsvrb", adjoint_form=form, batch_size=2, max_iterations=1500)
    assert result.status == "solved"
    assert result.blocks_used == 8
    assert result.x[0] == pytest.approx(x, abs=1e-5)


def test_blocks_that_are_none():
    """A lower level that couples its parts is refused, with the place."""
    made = bilevel.problem(
        lambda x, y: float(y @ y), lambda x, y: float(0.5 * (y @ y + y.sum() ** 2) - x @ y),
        np.ones(2), np.zeros(2), grad_upper=lambda x, y: (0 * x, 2 * y),
        grad_lower=lambda x, y: (-y, y + y.sum() - x), blocks=2)
    with pytest.raises(kantor.KantorError, match="f couples y"):
        kantor.solve(made, "bsvrb")
