"""What the classes of ``ot.da`` share: carrying points and labels along a fitted plan."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

import numpy as np

from .. import _abi
from .._arrays import as_numbers
from .._errors import error
from ._inputs import read_count, read_number, read_points
from ._tools import dist
from .utils import cost_normalization

#: The label of points whose class is not known, as in scikit-learn.
_MISSING = -1


def distribution_estimation_uniform(X: Any) -> np.ndarray:
    """Equal weights for the points of a sample.

    Parameters
    ----------
    X : array_like, shape (n, d)
        The points.

    Returns
    -------
    numpy.ndarray, shape (n,)
        The weights.
    """
    return np.full(len(X), 1 / len(X), np.asarray(X).dtype if _is_float(X) else np.float64)


def _is_float(X: Any) -> bool:
    return np.asarray(X).dtype in (np.float32, np.float64)


class BaseTransport:
    """What the classes of this module share: carrying points and labels along a plan.

    Attributes
    ----------
    cost_ : numpy.ndarray, shape (n, m)
        The costs, with those of pairs of different labels.
    coupling_ : numpy.ndarray, shape (n, m)
        The plan.
    mu_s, mu_t : numpy.ndarray
        Weights of the points.
    xs_, xt_ : numpy.ndarray
        The points.
    norm_cost_ : float or None
        What the costs were divided by.
    log_ : dict
        What the solver told, with ``log=True``.
    """

    metric: str = "sqeuclidean"
    norm: Optional[str] = None
    limit_max: float = np.inf
    log: bool = False
    distribution_estimation: Callable[[Any], Any] = staticmethod(distribution_estimation_uniform)

    def get_params(self, deep: bool = True) -> Dict[str, Any]:
        """Give the arguments of the constructor, as estimators of scikit-learn do.

        Parameters
        ----------
        deep : bool
            Without effect.

        Returns
        -------
        dict
            Values by name.
        """
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> "BaseTransport":
        """Change arguments of the constructor, as in estimators of scikit-learn.

        Parameters
        ----------
        **params
            Values by name.

        Returns
        -------
        BaseTransport
            The object.
        """
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise error(
                    _abi.E_NAME, f"{type(self).__name__} has no parameter {name!r}; it has "
                    f"{', '.join(known)}")
            setattr(self, name, value)
        return self

    def fit(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None
    ) -> "BaseTransport":
        """Solve for the plan from one sample to the other.

        Parameters
        ----------
        Xs : array_like, shape (n, d)
            The sources.
        ys : array_like, shape (n,), optional
            Their labels; -1 for one that is not known.
        Xt : array_like, shape (m, d)
            The targets.
        yt : array_like, shape (m,), optional
            Their labels. With both, pairs of different labels cost at least ``limit_max`` times
            the largest cost.

        Returns
        -------
        BaseTransport
            The object.
        """
        self._read_samples(Xs, Xt)
        self.cost_, self.norm_cost_ = cost_normalization(
            dist(self.xs_, self.xt_, metric=self.metric), self.norm, return_value=True)
        if ys is not None and yt is not None:
            self._part_labels(
                read_labels(ys, "ys", len(self.xs_)), read_labels(yt, "yt", len(self.xt_)))
        self.coupling_, told = self._couple(ys)
        self.log_ = told if self.log else {}
        return self

    def fit_transform(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None
    ) -> np.ndarray:
        """Solve for the plan and carry the sources along it.

        Parameters
        ----------
        Xs, ys, Xt, yt
            As for `fit`.

        Returns
        -------
        numpy.ndarray, shape (n, d)
            Where the sources go.
        """
        return self.fit(Xs, ys, Xt, yt).transform(Xs, ys, Xt, yt)

    def transform(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None,
        batch_size: int = 128,
    ) -> np.ndarray:
        """Carry points to the targets.

        Parameters
        ----------
        Xs : array_like, shape (k, d)
            Points: the fitted ones, or others.
        ys, Xt, yt
            Without effect.
        batch_size : int
            How many points are compared with the fitted ones at a time.

        Returns
        -------
        numpy.ndarray, shape (k, d)
            The mean of the targets of each; of points that were not fitted, that of the nearest
            fitted one, moved by the difference.
        """
        return _carry(Xs, "Xs", self.xs_, means(self.coupling_, self.xt_), batch_size)

    def inverse_transform(
        self, Xs: Any = None, ys: Any = None, Xt: Any = None, yt: Any = None,
        batch_size: int = 128,
    ) -> np.ndarray:
        """Carry points to the sources.

        Parameters
        ----------
        Xs, ys, yt
            Without effect.
        Xt : array_like, shape (k, d)
            Points: the fitted ones, or others.
        batch_size : int
            As for `transform`.

        Returns
        -------
        numpy.ndarray, shape (k, d)
            Where they go; as for `transform`.
        """
        return _carry(Xt, "Xt", self.xt_, means(self.coupling_.T, self.xs_), batch_size)

    def transform_labels(self, ys: Any = None) -> np.ndarray:
        """Carry labels to the targets.

        Parameters
        ----------
        ys : array_like, shape (n,)
            Labels of the sources.

        Returns
        -------
        numpy.ndarray, shape (m, classes)
            Share of each class, in rising order, in the mass that a target gets.
        """
        return means(self.coupling_.T, label_masks(read_labels(ys, "ys", len(self.xs_))))

    def inverse_transform_labels(self, yt: Any = None) -> np.ndarray:
        """Carry labels to the sources.

        Parameters
        ----------
        yt : array_like, shape (m,)
            Labels of the targets.

        Returns
        -------
        numpy.ndarray, shape (n, classes)
            Share of each class, in rising order, in the mass that a source gives.
        """
        return means(self.coupling_, label_masks(read_labels(yt, "yt", len(self.xt_))))

    def _couple(self, ys: Any) -> Tuple[np.ndarray, Dict[str, Any]]:
        raise NotImplementedError

    def _read_samples(self, Xs: Any, Xt: Any) -> None:
        for name, value in (("Xs", Xs), ("Xt", Xt)):
            if value is None:
                raise error(_abi.E_MISSING, f"{name} is missing; points of both sides are needed")
        self.xs_, self.xt_ = read_points(Xs, "Xs"), read_points(Xt, "Xt")
        self.mu_s = self.distribution_estimation(self.xs_)
        self.mu_t = self.distribution_estimation(self.xt_)

    def _part_labels(self, ys: np.ndarray, yt: np.ndarray) -> None:
        limit = np.inf if self.limit_max == np.inf else read_number(self.limit_max, "limit_max")
        known = (ys != _MISSING)[:, None] & (yt != _MISSING)[None, :]
        apart = known & (ys[:, None] != yt[None, :])
        bound = limit if limit == np.inf else limit * self.cost_.max()
        self.cost_ = np.where(apart, np.maximum(self.cost_, bound), self.cost_).astype(
            self.cost_.dtype)


def read_labels(value: Any, name: str, count: int) -> np.ndarray:
    """Read the labels of points.

    Parameters
    ----------
    value : array_like, shape (n,)
        The labels.
    name : str
        What they are called in error messages.
    count : int
        How many there must be.

    Returns
    -------
    numpy.ndarray, shape (n,)
        The labels.
    """
    if value is None:
        raise error(_abi.E_MISSING, f"{name} is missing; labels are needed")
    labels = as_numbers(value, name)
    if labels.shape != (count,):
        raise error(_abi.E_SHAPE, f"{name} has the shape {labels.shape}; ({count},) is needed")
    return labels


def label_masks(labels: np.ndarray, known: bool = False) -> np.ndarray:
    """Tell which points belong to which class.

    Parameters
    ----------
    labels : numpy.ndarray, shape (n,)
        The labels.
    known : bool
        Leave out the label -1, of points whose class is not known.

    Returns
    -------
    numpy.ndarray, shape (n, classes)
        1 for points of a class, else 0; classes in rising order.
    """
    classes = np.unique(labels[labels != _MISSING] if known else labels)
    return (labels[:, None] == classes[None, :]).astype(np.float64)


def means(plan: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Average values over each row of a plan.

    Parameters
    ----------
    plan : numpy.ndarray, shape (n, m)
        The plan.
    values : numpy.ndarray, shape (m, d)
        The values.

    Returns
    -------
    numpy.ndarray, shape (n, d)
        The averages; 0 for rows without mass.
    """
    mass = plan.sum(axis=1, keepdims=True)
    return np.divide(plan @ values, mass, out=np.zeros((len(plan), values.shape[1])),
                     where=mass > 0).astype(plan.dtype)


def read_carried(value: Any, name: str, like: np.ndarray) -> np.ndarray:
    """Read points that are to be carried.

    Parameters
    ----------
    value : array_like, shape (k, d)
        The points.
    name : str
        What they are called in error messages.
    like : numpy.ndarray, shape (n, d)
        The fitted points of their side.

    Returns
    -------
    numpy.ndarray, shape (k, d)
        float32 or float64.
    """
    if value is None:
        raise error(_abi.E_MISSING, f"{name} is missing; points to carry are needed")
    points = read_points(value, name)
    if points.shape[1] != like.shape[1]:
        raise error(
            _abi.E_SHAPE, f"{name} has {points.shape[1]} coordinates; the fitted points have "
            f"{like.shape[1]}")
    return points


def batches(points: np.ndarray, batch_size: Any) -> Iterator[np.ndarray]:
    """Cut points into parts.

    Parameters
    ----------
    points : numpy.ndarray, shape (k, d)
        The points.
    batch_size : int
        Largest size of a part.

    Returns
    -------
    iterator of numpy.ndarray
        The parts, at least one.
    """
    size = read_count(batch_size, "batch_size")
    return (points[k:k + size] for k in range(0, max(len(points), 1), size))


def _carry(
    value: Any, name: str, fitted: np.ndarray, goals: np.ndarray, batch_size: int
) -> np.ndarray:
    points = read_carried(value, name, fitted)
    if np.array_equal(points, fitted):
        return goals
    answer = []
    for part in batches(points, batch_size):
        nearest = dist(part, fitted).argmin(axis=1)
        answer.append(goals[nearest] + part - fitted[nearest])
    return np.concatenate(answer)
