"""Pictures of couplings and of convergence; needs matplotlib."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from . import _abi
from ._arrays import as_numbers
from ._errors import error
from ._result import Result

__all__ = ["convergence", "coupling"]

_SOURCE, _TARGET, _LINE = "#1f5fa8", "#c8501e", "#7f8c99"


def coupling(
    X: Any, Y: Any, plan: Any, ax: Any = None, threshold: float = 1e-3, max_lines: int = 5000
) -> Any:
    """Draw two sets of points in the plane and the mass that moves between them.

    Parameters
    ----------
    X : array_like, shape (n, 2)
        Source points.
    Y : array_like, shape (m, 2)
        Target points.
    plan : array_like of shape (n, m), Result or OTResult
        The plan, or what has one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; None: a new figure.
    threshold : float
        Entries below this part of the largest one are left out.
    max_lines : int
        At most this many lines, those with the most mass.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Raises
    ------
    kantor.KantorError
        Points that are not in the plane, or a plan of another size.
    """
    x, y = _plane(X, "X"), _plane(Y, "Y")
    row, column, value = _entries(plan, (x.shape[0], y.shape[0]))
    axes = _axes(ax)
    if value.size:
        keep = np.flatnonzero(value >= threshold * value.max())
        keep = keep[np.argsort(value[keep])[-max_lines:]]
        lines = _collection(
            np.stack([x[row[keep]], y[column[keep]]], axis=1), value[keep] / value.max()
        )
        axes.add_collection(lines)
    axes.scatter(x[:, 0], x[:, 1], s=18, color=_SOURCE, zorder=2, label="source")
    axes.scatter(y[:, 0], y[:, 1], s=18, color=_TARGET, zorder=2, marker="s", label="target")
    axes.set_aspect("equal", adjustable="datalim")
    axes.autoscale_view()
    axes.legend(frameon=False)
    return axes


def convergence(result: Any, ax: Any = None, against: str = "iteration") -> Any:
    """Draw residual and gap over the course of a solve.

    Parameters
    ----------
    result : Result
        Solved with the option ``trace=True``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; None: a new figure.
    against : {"iteration", "seconds"}
        The horizontal axis.

    Returns
    -------
    matplotlib.axes.Axes
        Where it was drawn.

    Raises
    ------
    kantor.KantorError
        A result without a trace, or another axis.
    """
    result = getattr(result, "result", result)
    trace = result.trace if isinstance(result, Result) else {}
    if not trace:
        raise error(_abi.E_MISSING, "the result has no trace; solve with trace=True")
    if against not in ("iteration", "seconds"):
        raise error(_abi.E_RANGE, f"against is {against!r}; 'iteration' or 'seconds' is needed")
    axes = _axes(ax)
    for name, label, color in (
        ("residual", "residual", _SOURCE), ("gap", "gap", _TARGET)
    ):
        values = np.abs(trace[name])
        shown = np.isfinite(values) & (values > 0)
        if shown.any():
            axes.plot(trace[against][shown], values[shown], color=color, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("seconds" if against == "seconds" else "iteration")
    axes.set_title(f"{result.method.split('/')[-1]}: {result.status}")
    axes.grid(True, which="major", alpha=0.25)
    if axes.lines:
        axes.legend(frameon=False)
    return axes


def _plane(points: Any, name: str) -> np.ndarray:
    array = as_numbers(points, name)
    if array.ndim != 2 or array.shape[1] != 2:
        raise error(_abi.E_SHAPE, f"{name} has the shape {array.shape}; (n, 2) is needed")
    return array


def _entries(plan: Any, shape: Any) -> Any:
    plan = getattr(plan, "result", None) or plan
    if isinstance(plan, Result):
        if "plan_value" in plan:
            return plan["plan_row"], plan["plan_column"], plan["plan_value"]
        plan = plan["plan"]
    dense = as_numbers(plan, "plan")
    if dense.shape != shape:
        raise error(_abi.E_SHAPE, f"the plan has the shape {dense.shape}; {shape} is needed")
    row, column = np.nonzero(dense)
    return row, column, dense[row, column]


def _collection(segments: np.ndarray, strength: np.ndarray) -> Any:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    colors = np.empty((len(segments), 4))
    colors[:, :3] = to_rgb(_LINE)
    colors[:, 3] = 0.15 + 0.75 * strength
    return LineCollection(
        list(segments), colors=colors, linewidths=0.4 + 1.2 * strength, zorder=1
    )


def _axes(ax: Optional[Any]) -> Any:
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as cause:
        raise error(
            _abi.E_UNSUPPORTED, "pictures need matplotlib, which is not installed"
        ) from cause
    return plt.subplots()[1]
