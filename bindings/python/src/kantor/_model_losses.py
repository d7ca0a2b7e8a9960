"""Losses of linear models, as functions of the decision values and targets."""

from __future__ import annotations

from typing import Tuple

import numpy as np


class Squares:
    """Half the squared distance."""

    name = "squares"

    @staticmethod
    def value(z: np.ndarray, t: np.ndarray, width: float) -> np.ndarray:
        """Loss of each sample.

        Parameters
        ----------
        z, t : ndarray
            Decision values and targets.
        width : float
            Not read.

        Returns
        -------
        ndarray
            Losses.
        """
        return 0.5 * (z - t) ** 2

    @staticmethod
    def slopes(
        z: np.ndarray, t: np.ndarray, width: float
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives of each loss.

        Parameters
        ----------
        z, t : ndarray
            Decision values and targets.
        width : float
            Not read.

        Returns
        -------
        tuple of ndarray
            First and second derivatives in z, first in the width, and the mixed one.
        """
        return z - t, np.ones_like(z), np.zeros_like(z), np.zeros_like(z)


class Logistic:
    """log(1 + exp(-t z)) for t = -1, 1."""

    name = "logistic"

    @staticmethod
    def value(z: np.ndarray, t: np.ndarray, width: float) -> np.ndarray:
        """Loss of each sample.

        Parameters
        ----------
        z, t : ndarray
            Decision values and labels -1, 1.
        width : float
            Not read.

        Returns
        -------
        ndarray
            Losses.
        """
        return np.logaddexp(0.0, -t * z)

    @staticmethod
    def slopes(
        z: np.ndarray, t: np.ndarray, width: float
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives of each loss.

        Parameters
        ----------
        z, t : ndarray
            Decision values and labels -1, 1.
        width : float
            Not read.

        Returns
        -------
        tuple of ndarray
            First and second derivatives in z, first in the width, and the mixed one.
        """
        p = 0.5 * (1 - np.tanh(0.5 * t * z))
        zero = np.zeros_like(z)
        return -t * p, p * (1 - p), zero, zero


class Insensitive:
    """Half the square of what |z - t| exceeds a width by."""

    name = "insensitive"

    @staticmethod
    def value(z: np.ndarray, t: np.ndarray, width: float) -> np.ndarray:
        """Loss of each sample.

        Parameters
        ----------
        z, t : ndarray
            Decision values and targets.
        width : float
            Distances below it cost nothing.

        Returns
        -------
        ndarray
            Losses.
        """
        return 0.5 * np.maximum(np.abs(z - t) - width, 0.0) ** 2

    @staticmethod
    def slopes(
        z: np.ndarray, t: np.ndarray, width: float
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Derivatives of each loss.

        Parameters
        ----------
        z, t : ndarray
            Decision values and targets.
        width : float
            Distances below it cost nothing.

        Returns
        -------
        tuple of ndarray
            First and second derivatives in z, first in the width, and the mixed one.
        """
        over = np.maximum(np.abs(z - t) - width, 0.0)
        sign, inside = np.sign(z - t), (over > 0).astype(float)
        return sign * over, inside, -over, -sign * inside


LOSSES = {"ridge": Squares, "elastic_net": Squares, "logistic": Logistic, "svr": Insensitive}
