"""Hyperparameters by the derivative of the validation loss."""

from __future__ import annotations

import numpy as np
import pytest

import kantor
from kantor.model_selection import HypergradientSearchCV

rng = np.random.default_rng(5)
X = rng.standard_normal((90, 6))
TRUE = np.array([1.5, -1.0, 0.5, 0.0, 0.0, 0.0])
Y = X @ TRUE + 0.8 + rng.standard_normal(90)
LABELS = np.where(X @ TRUE + 0.5 * rng.standard_normal(90) > 0, "yes", "no")


def loss_of(search, alphas, fit):
    """Mean validation loss of a penalty by fits of one's own."""
    losses = []
    for train, test in search._folds(X, Y):
        w = fit(X[train], Y[train], alphas)
        Z = np.hstack([X[test], np.ones((len(test), 1))])
        losses.append(0.5 * np.mean((Z @ w - Y[test]) ** 2))
    return np.mean(losses)


def ridge(A, t, alphas):
    Z = np.hstack([A, np.ones((len(t), 1))])
    penalty = np.diag(np.append(np.broadcast_to(alphas, 6), 0.0))
    return np.linalg.solve(Z.T @ Z / len(t) + penalty, Z.T @ t / len(t))


def test_ridge_is_not_worse_than_a_grid():
    search = HypergradientSearchCV("ridge").fit(X, Y)
    assert search.result_.status == "solved"
    grid = [loss_of(search, np.exp(a), ridge) for a in np.linspace(-12, 8, 81)]
    assert search.best_loss_ <= min(grid) + 1e-9
    assert search.best_loss_ == pytest.approx(
        loss_of(search, search.best_params_["alpha"], ridge), abs=1e-8)
    np.testing.assert_allclose(
        np.append(search.coef_, search.intercept_), ridge(X, Y, search.best_params_["alpha"]),
        atol=1e-7)
    assert search.score(X, Y) > 0.6


def test_penalties_by_feature_are_better_than_one():
    one = HypergradientSearchCV("ridge").fit(X, Y)
    many = HypergradientSearchCV("ridge", per_feature=True).fit(X, Y)
    assert many.result_.status == "solved"
    assert many.best_loss_ < one.best_loss_ - 1e-3
    assert many.best_params_["alpha"].shape == (6,)
    assert many.best_params_["alpha"][3:].min() > many.best_params_["alpha"][:2].max()


def test_logistic():
    search = HypergradientSearchCV("logistic", cv=4).fit(X, LABELS)
    assert search.result_.status == "solved"
    assert list(search.classes_) == ["no", "yes"]
    assert set(search.predict(X)) <= {"no", "yes"}
    assert search.score(X, LABELS) > 0.85


def test_elastic_net_leaves_features_out():
    search = HypergradientSearchCV("elastic_net", cv=3, start=-2.5, tolerance=1e-5).fit(X, Y)
    assert search.result_.status in ("solved", "solved_inaccurate")
    assert set(search.best_params_) == {"alpha", "beta"}
    assert search.best_loss_ <= HypergradientSearchCV("ridge", cv=3).fit(X, Y).best_loss_ + 1e-3
    alpha = search.best_params_["alpha"]
    gradient = X.T @ (X @ search.coef_ + search.intercept_ - Y) / len(Y)
    gradient += search.best_params_["beta"] * search.coef_
    off = np.abs(search.coef_) < 1e-9
    assert (np.abs(gradient[off]) <= alpha + 1e-6).all()
    np.testing.assert_allclose(
        gradient[~off], -alpha * np.sign(search.coef_[~off]), atol=1e-6)


def test_support_vector_regression():
    search = HypergradientSearchCV("svr", cv=3, tolerance=1e-5).fit(X, Y)
    assert search.best_params_["width"] >= np.exp(-12.0)
    assert search.score(X, Y) > 0.6


def test_parameters_and_refusals():
    search = HypergradientSearchCV("ridge", cv=3, tolerance=1e-5)
    assert search.get_params()["tolerance"] == 1e-5
    search.set_params(cv=4, max_iterations=7)
    assert search.cv == 4 and search.options["max_iterations"] == 7
    for change, words in [
        (dict(model="tree"), "model 'tree' is not known"), (dict(cv=1), "cv is 1"),
    ]:
        with pytest.raises(kantor.KantorError, match=words):
            HypergradientSearchCV(**change).fit(X, Y)
    with pytest.raises(kantor.KantorError, match="3 classes"):
        HypergradientSearchCV("logistic").fit(X, np.arange(90) % 3)
    with pytest.raises(kantor.KantorError, match="X has entries"):
        HypergradientSearchCV().fit(np.full((90, 2), np.nan), Y)


def test_diabetes_reaches_the_known_answers():
    data = pytest.importorskip("sklearn.datasets").load_diabetes(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(data[0]))
    A, t = data[0][order], data[1][order]
    A = (A - A[:40].mean(0)) / A[:40].std(0)
    t = (t - t[:40].mean()) / t[:40].std()
    split = [(np.arange(40), np.arange(40, 240))]
    one = HypergradientSearchCV(
        "ridge", cv=split, fit_intercept=False, bounds=(-8, 6), start=0.0).fit(A[:240], t[:240])
    assert one.best_loss_ == pytest.approx(0.346041115893, abs=1e-8)
    assert np.log(one.best_params_["alpha"]) == pytest.approx(-1.688257, abs=1e-3)
    many = HypergradientSearchCV(
        "ridge", cv=split, per_feature=True, fit_intercept=False, bounds=(-8, 6), start=-1.0,
    ).fit(A[:240], t[:240])
    assert many.best_loss_ == pytest.approx(0.312098094656, abs=1e-7)
    assert many.result_.lower_solves <= 100


def test_inside_a_pipeline_of_scikit_learn():
    pytest.importorskip("sklearn")
    from sklearn.base import clone, is_classifier, is_regressor
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for model, target in (("ridge", Y), ("elastic_net", Y), ("svr", Y), ("logistic", LABELS)):
        pipe = clone(make_pipeline(StandardScaler(), HypergradientSearchCV(model, cv=KFold(3))))
        assert pipe.fit(X, target).score(X, target) > 0.5
        assert is_classifier(pipe) == (model == "logistic")
        assert is_regressor(pipe) == (model != "logistic")
    scores = cross_val_score(HypergradientSearchCV("ridge", cv=3), X, Y, cv=3)
    assert np.isfinite(scores).all()


def test_probabilities_agree_with_classes():
    search = HypergradientSearchCV("logistic", cv=3).fit(X, LABELS)
    chances = search.predict_proba(X)
    assert np.allclose(chances.sum(axis=1), 1)
    assert (search.classes_[chances.argmax(axis=1)] == search.predict(X)).all()
    with pytest.raises(kantor.KantorError, match="'ridge' has no probabilities"):
        HypergradientSearchCV("ridge", cv=3).fit(X, Y).predict_proba(X)


def test_what_cannot_be_used_is_named():
    with pytest.raises(kantor.KantorError, match="not fitted"):
        HypergradientSearchCV("ridge").predict(X)
    with pytest.raises(kantor.KantorError, match="start has 3 numbers; 1 or 6"):
        HypergradientSearchCV("ridge", per_feature=True, start=[0, 0, 0]).fit(X, Y)
    with pytest.raises(kantor.KantorError, match=r"\(90, 2\); \(n, 6\)"):
        HypergradientSearchCV("ridge", cv=3).fit(X, Y).predict(X[:, :2])
    assert "model='ridge'" in repr(HypergradientSearchCV("ridge"))
