"""Brings methods with a stopping test of their own to the accuracy of the case, and not further.

A solve is tried, its answer examined, and the knob moved by what was measured: tighter when the
answer is not good enough, looser when it is needlessly good. Only the last setting is timed.

kind          meaning of the knob                              first value
"l1"          threshold on an L1 marginal error                the tolerance
"l2"          threshold on a Euclidean marginal error          the tolerance / sqrt(n)
"residual"    thresholds on residuals of its own             the tolerance
"value"       threshold whose effect on the value is unknown   0.01
"iterations"  number of iterations                             25
""            none: the tolerance of the case is passed on
"""

import math

TRIES = 12
PATIENCE = 3  # tries on end in which a tighter setting changes nothing
NEEDLESSLY_GOOD = 0.2  # of the tolerance


def first_stop(kind, tolerance, n):
    if kind == "l2":
        return tolerance / math.sqrt(n)
    return {"iterations": 25, "value": 1e-2}.get(kind, tolerance)


def next_stop(kind, tolerance, tried):
    """The next knob, or None when the best setting was found or nothing helps.

    tried: (stop, error) of each solve so far, the last one last.
    """
    stop, error = tried[-1]
    if kind == "" or len(tried) >= TRIES or not math.isfinite(error):
        return None
    if error <= tolerance:
        # Once tightened, or a count of iterations: this is the setting.
        was_tightened = any(previous > tolerance for _, previous in tried[:-1])
        if kind in ("iterations", "value") or was_tightened:
            return None
        if error > NEEDLESSLY_GOOD * tolerance or len(tried) > 2:
            return None
        return stop * min(0.6 * tolerance / max(error, 1e-300), 100)
    if kind == "iterations":
        return stop * 2
    if any(previous <= tolerance for _, previous in tried[:-1]):
        return max(good for good, previous in tried if previous <= tolerance)
    if kind == "value":
        return stop / 10  # also where nothing changed: loose tests stop before the first steps
    if idle := unhelped(tried):
        return stop / 10 if idle < PATIENCE else None  # or it is wrong for another reason
    return stop * max(0.7 * tolerance / error, 1e-3)


def unhelped(tried):
    """How many of the last tries were hardly better than the one before."""
    count = 0
    for (_, before), (_, error) in zip(tried[-2::-1], tried[:0:-1]):
        if error <= 0.9 * before:
            break
        count += 1
    return count
