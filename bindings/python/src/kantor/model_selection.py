"""Hyperparameters of linear models by derivatives, in the style of scikit-learn."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple, Union

import numpy as np

from . import _abi
from ._errors import error
from ._functions import Functions
from ._model_losses import LOSSES
from ._problem import Problem
from ._solve import solve

__all__ = ["HypergradientSearchCV"]


class HypergradientSearchCV:
    """Choose the hyperparameters of a linear model by the derivative of its validation loss.

    Where a grid search tries values one by one, this follows the derivative of the mean validation
    loss over the folds with respect to the logarithms of the hyperparameters, by implicit
    differentiation through the fits. So there may be one penalty for each feature.

    Parameters
    ----------
    model : {"ridge", "logistic", "elastic_net", "svr"}, default "ridge"
        Mean loss plus penalties: squares with sum_j alpha_j w_j^2 / 2; logistic loss with the same;
        squares with alpha |w|_1 + beta |w|^2 / 2; squares of what errors exceed a width by (the
        squared epsilon-insensitive loss), with alpha |w|^2 / 2 and the width.
    cv : int, splitter or iterable, default 5
        Number of folds of consecutive samples after a seeded shuffle, a splitter of scikit-learn
        such as ``KFold``, or pairs of arrays of indices (train, validation).
    per_feature : bool, default False
        A penalty of its own for each feature (ridge, logistic).
    fit_intercept : bool, default True
        Add a constant that is not penalised.
    bounds : pair of float, default (-12, 8)
        Bounds of the natural logarithms of penalties and width.
    start : float or array_like, default -3
        Logarithms to start from.
    random_state : int, default 0
        Seed of the shuffle.
    method : str, default "implicit"
        Method of the bilevel problem.
    **options
        Options of the method, such as ``tolerance`` and ``max_iterations``.

    Attributes
    ----------
    best_params_ : dict
        ``alpha`` (a number, or one for each feature), and ``beta`` or ``width`` where the model has
        one.
    best_loss_ : float
        Mean validation loss over the folds at the best parameters.
    coef_, intercept_ : ndarray, float
        Of the model fitted to all samples with the best parameters.
    classes_ : ndarray
        The two classes, for ``"logistic"``.
    n_features_in_ : int
        Number of features.
    result_ : kantor.Result
        Of the bilevel problem, with its certificate.

    Notes
    -----
    F. Pedregosa, "Hyperparameter optimization with approximate gradient" (2016). Standardise the
    features first: penalties know no units. The validation loss need not be convex in the
    logarithms; what is found is a local minimum.

    Examples
    --------
    >>> import numpy as np
    >>> from kantor.model_selection import HypergradientSearchCV
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 5))
    >>> y = X @ [1.0, 0.5, 0.0, 0.0, 0.0] + 0.5 * rng.standard_normal(60)
    >>> search = HypergradientSearchCV("ridge", per_feature=True).fit(X, y)
    >>> alpha = search.best_params_["alpha"]
    >>> search.result_.status, bool(alpha[4] > alpha[0])
    ('solved', True)
    """

    def __init__(
        self, model: str = "ridge", *, cv: Any = 5, per_feature: bool = False,
        fit_intercept: bool = True, bounds: Tuple[float, float] = (-12.0, 8.0),
        start: Any = -3.0, random_state: int = 0, method: str = "implicit", **options: Any,
    ) -> None:
        self.model = model
        self.cv = cv
        self.per_feature = per_feature
        self.fit_intercept = fit_intercept
        self.bounds = bounds
        self.start = start
        self.random_state = random_state
        self.method = method
        self.options = options

    def get_params(self, deep: bool = True) -> Dict[str, Any]:
        """Get the parameters of the constructor.

        Parameters
        ----------
        deep : bool
            Not read; for scikit-learn.

        Returns
        -------
        dict
            Parameters by name.
        """
        names = ("model", "cv", "per_feature", "fit_intercept", "bounds", "start",
                 "random_state", "method")
        return {**{name: getattr(self, name) for name in names}, **self.options}

    def set_params(self, **parameters: Any) -> "HypergradientSearchCV":
        """Set parameters of the constructor.

        Parameters
        ----------
        **parameters
            By name.

        Returns
        -------
        HypergradientSearchCV
            Itself.
        """
        known = set(self.get_params()) - set(self.options)
        for name, value in parameters.items():
            if name in known:
                setattr(self, name, value)
            else:
                self.options[name] = value
        return self

    @property
    def _estimator_type(self) -> str:
        return "classifier" if self.model == "logistic" else "regressor"

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn, which alone asks, what this is."""
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        is_classifier = self._estimator_type == "classifier"
        return Tags(
            estimator_type=self._estimator_type, target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(multi_class=False) if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags())

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"

    def fit(self, X: Any, y: Any) -> "HypergradientSearchCV":
        """Choose the hyperparameters, and fit the model with them to all samples.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Samples.
        y : array_like of shape (n,)
            Targets, or two classes for ``"logistic"``.

        Returns
        -------
        HypergradientSearchCV
            Itself.

        Raises
        ------
        KantorError
            Data or parameters that cannot be used.
        """
        X, t = self._data(X, y)
        folds = self._folds(X, np.asarray(y))
        task = _Task(
            X, t, folds, self.model, self.per_feature and self.model in ("ridge", "logistic"),
            self.fit_intercept)
        given = np.asarray(self.start, dtype=np.float64).reshape(-1)
        if given.size not in (1, task.nx):
            raise error(
                _abi.E_SHAPE, f"start has {given.size} numbers; 1 or {task.nx} are needed")
        start = np.broadcast_to(given, (task.nx,)).copy()
        low, high = (np.full(task.nx, float(bound)) for bound in self.bounds)
        self.result_ = solve(task.problem(start, low, high), self.method, **self.options)
        best = self.result_.x
        self.best_loss_ = float(self.result_.objective)
        self.best_params_ = task.parameters(best)
        everything = [(np.arange(len(t)), np.arange(len(t)))]
        final = _Task(X, t, everything, self.model, task.per_feature, self.fit_intercept)
        refit = solve(final.problem(best, best, best), "implicit")
        weights = final.weights(refit.y)[0]
        self.coef_ = weights[: self.n_features_in_]
        self.intercept_ = float(weights[-1]) if self.fit_intercept else 0.0
        return self

    def _data(self, X: Any, y: Any) -> Tuple[np.ndarray, np.ndarray]:
        X = np.asarray(X, dtype=np.float64)
        if self.model not in LOSSES:
            raise error(
                _abi.E_NAME, f"model '{self.model}' is not known; known are {', '.join(LOSSES)}")
        targets = np.asarray(y)
        if X.ndim != 2 or targets.shape != (X.shape[0],):
            raise error(
                _abi.E_SHAPE,
                f"X has the shape {X.shape} and y {targets.shape}; (n, d) and (n,) are needed")
        if not np.isfinite(X).all():
            raise error(_abi.E_NOT_FINITE, "X has entries that are no numbers")
        self.n_features_in_ = X.shape[1]
        if self.model != "logistic":
            t = targets.astype(np.float64)
            if not np.isfinite(t).all():
                raise error(_abi.E_NOT_FINITE, "y has entries that are no numbers")
            return X, t
        self.classes_ = np.unique(targets)
        if self.classes_.size != 2:
            raise error(
                _abi.E_RANGE, f"y has {self.classes_.size} classes; two are needed")
        return X, np.where(targets == self.classes_[1], 1.0, -1.0)

    def _folds(self, X: np.ndarray, y: np.ndarray) -> List[Tuple[np.ndarray, np.ndarray]]:
        n = len(y)
        if hasattr(self.cv, "split"):
            return [(np.asarray(a), np.asarray(b)) for a, b in self.cv.split(X, y)]
        if not isinstance(self.cv, (int, np.integer)):
            return [(np.asarray(a), np.asarray(b)) for a, b in self.cv]
        if not 2 <= self.cv <= n:
            raise error(_abi.E_RANGE, f"cv is {self.cv}; 2 to {n} is allowed for {n} samples")
        order = np.random.default_rng(self.random_state).permutation(n)
        parts = np.array_split(order, self.cv)
        return [(np.concatenate(parts[:k] + parts[k + 1:]), parts[k]) for k in range(self.cv)]

    def decision_function(self, X: Any) -> np.ndarray:
        """Value of the linear function.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Samples.

        Returns
        -------
        ndarray of shape (n,)
            Values.
        """
        if not hasattr(self, "coef_"):
            raise error(_abi.E_STATE, "the search is not fitted; call fit first")
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.n_features_in_:
            raise error(
                _abi.E_SHAPE, f"X has the shape {X.shape}; (n, {self.n_features_in_}) is needed")
        return X @ self.coef_ + self.intercept_

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the two classes, for ``"logistic"``.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Samples.

        Returns
        -------
        ndarray of shape (n, 2)
            Probabilities in the order of ``classes_``.
        """
        if self.model != "logistic":
            raise error(
                _abi.E_UNSUPPORTED, f"model '{self.model}' has no probabilities; 'logistic' has")
        second = 0.5 * (1 + np.tanh(0.5 * self.decision_function(X)))
        return np.column_stack([1 - second, second])

    def predict(self, X: Any) -> np.ndarray:
        """Predict targets, or classes.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Samples.

        Returns
        -------
        ndarray of shape (n,)
            Predictions.
        """
        values = self.decision_function(X)
        if self.model == "logistic":
            return self.classes_[(values > 0).astype(int)]
        return values

    def score(self, X: Any, y: Any) -> float:
        """Coefficient of determination, or accuracy for classes.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Samples.
        y : array_like of shape (n,)
            Targets.

        Returns
        -------
        float
            The score.
        """
        targets = np.asarray(y)
        found = self.predict(X)
        if self.model == "logistic":
            return float(np.mean(found == targets))
        spread = np.sum((targets - targets.mean()) ** 2)
        return float(1 - np.sum((targets - found) ** 2) / spread)


class _Task:
    """The bilevel problem: y has the weights of all folds, x the logarithms of penalties."""

    def __init__(
        self, X: np.ndarray, t: np.ndarray, folds: List[Tuple[np.ndarray, np.ndarray]], model: str,
        per_feature: bool, intercept: bool,
    ) -> None:
        self.d = X.shape[1]
        ones = np.ones((X.shape[0], 1))
        Z = np.hstack([X, ones]) if intercept else X
        self.p = Z.shape[1]
        self.model, self.per_feature = model, per_feature
        self.loss = LOSSES[model]
        self.train = [(Z[a], t[a]) for a, _ in folds]
        self.validate = [(Z[b], t[b]) for _, b in folds]
        self.penalised = np.zeros(self.p)
        self.penalised[: self.d] = 1
        self.split = model == "elastic_net"
        self.nx = self.d if per_feature else 1
        if model in ("elastic_net", "svr"):
            self.nx = 2
        self.width = 2 * self.p if self.split else self.p
        self.ny = self.width * len(folds)

    def parameters(self, x: np.ndarray) -> Dict[str, Union[float, np.ndarray]]:
        values = np.exp(x)
        if self.per_feature:
            return {"alpha": values}
        named: Dict[str, Union[float, np.ndarray]] = {"alpha": float(values[0])}
        if self.model == "elastic_net":
            named["beta"] = float(values[1])
        if self.model == "svr":
            named["width"] = float(values[1])
        return named

    def weights(self, y: np.ndarray) -> np.ndarray:
        rows = np.reshape(y, (-1, self.width))
        return rows[:, : self.p] - rows[:, self.p:] if self.split else rows

    def problem(self, start: np.ndarray, low: np.ndarray, high: np.ndarray) -> Problem:
        n = self.nx + self.ny
        fields: Dict[str, Any] = {}
        if self.split:
            fields["y_lower"] = np.zeros(self.ny)
        return Problem(
            "bilevel", start_x=start, start_y=np.zeros(self.ny), x_lower=low, x_upper=high,
            upper=Functions(n, value_gradient=self.upper, value=lambda w: self.upper(w)[0]),
            lower=Functions(
                n, value_gradient=self.lower, value=lambda w: self.lower(w)[0],
                hessian_product=self.product),
            **fields)

    def _ridge(self, x: np.ndarray) -> np.ndarray:
        """Weights of squares in the penalty."""
        values = np.exp(x)
        if self.per_feature:
            return np.concatenate([values, np.zeros(self.p - self.d)])
        return (values[1] if self.split else values[0]) * self.penalised

    def _width(self, x: np.ndarray) -> float:
        return float(np.exp(x[1])) if self.model == "svr" else 0.0

    def _spread(self, gradient: np.ndarray) -> np.ndarray:
        """A gradient in the weights as one in y."""
        return np.hstack([gradient, -gradient]) if self.split else gradient

    def upper(self, w: np.ndarray) -> Tuple[float, np.ndarray]:
        weights = self.weights(w[self.nx:])
        value, rows = 0.0, []
        for row, (Z, t) in zip(weights, self.validate):
            z, scale = Z @ row, 1 / (len(t) * len(self.validate))
            value += scale * self.loss.value(z, t, 0.0).sum()
            rows.append(scale * (Z.T @ self.loss.slopes(z, t, 0.0)[0]))
        gradient = self._spread(np.array(rows)).reshape(-1)
        return value, np.concatenate([np.zeros(self.nx), gradient])

    def lower(self, w: np.ndarray) -> Tuple[float, np.ndarray]:
        x, y = w[: self.nx], w[self.nx:]
        weights, ridge, width = self.weights(y), self._ridge(x), self._width(x)
        value, rows, change = 0.0, [], np.zeros(self.nx)
        for row, (Z, t) in zip(weights, self.train):
            z = Z @ row
            first, _, by_width, _ = self.loss.slopes(z, t, width)
            value += self.loss.value(z, t, width).mean() + 0.5 * ridge @ (row * row)
            rows.append(Z.T @ first / len(t) + ridge * row)
            if self.per_feature:
                change += 0.5 * ridge[: self.d] * row[: self.d] ** 2
            else:
                change[1 if self.split else 0] += 0.5 * ridge @ (row * row)
            if self.model == "svr":
                change[1] += width * by_width.mean()
        gradient = self._spread(np.array(rows))
        if self.split:
            alpha = np.exp(x[0])
            lasso = alpha * np.tile(np.concatenate([self.penalised] * 2), (len(rows), 1))
            # Of an unpenalised intercept a little keeps p and q apart.
            lasso[:, [self.p - 1, 2 * self.p - 1]] += 1e-9 * (self.p > self.d)
            sums = float((lasso * np.reshape(y, lasso.shape)).sum())
            value += sums
            gradient = gradient + lasso
            change[0] += alpha * float(
                (np.concatenate([self.penalised] * 2) * np.reshape(y, lasso.shape)).sum())
        return value, np.concatenate([change, gradient.reshape(-1)])

    def product(
        self, w: np.ndarray, sigma: float, _rows: np.ndarray, v: np.ndarray
    ) -> np.ndarray:
        x, y = w[: self.nx], w[self.nx:]
        weights, ridge, width = self.weights(y), self._ridge(x), self._width(x)
        moves, given = self.weights(v[self.nx:]), v[: self.nx]
        if given.any():
            raise error(_abi.E_UNSUPPORTED, "second derivatives are offered along y alone")
        rows, change = [], np.zeros(self.nx)
        for row, move, (Z, t) in zip(weights, moves, self.train):
            z, dz = Z @ row, Z @ move
            _, second, _, mixed = self.loss.slopes(z, t, width)
            rows.append(Z.T @ (second * dz) / len(t) + ridge * move)
            if self.per_feature:
                change += ridge[: self.d] * row[: self.d] * move[: self.d]
            else:
                change[1 if self.split else 0] += ridge @ (row * move)
            if self.model == "svr":
                change[1] += width * (mixed * dz).mean()
        if self.split:
            both = np.concatenate([self.penalised] * 2)
            change[0] += np.exp(x[0]) * float(
                (both * np.reshape(v[self.nx:], (-1, self.width))).sum())
        return sigma * np.concatenate([change, self._spread(np.array(rows)).reshape(-1)])
