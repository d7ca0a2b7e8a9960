"""Says who solved a case: the same yardstick for all, from what all of them proved together."""

import math

EXACT = 1e-9  # marginal error and relative excess of the cost that still count as exact


def judge(case, records):
    """Adds "verdict" to each record: "ok", "wrong ..." or how it failed."""
    if case.family == "exact":
        measure_excess(records)
    for record in records:
        record["verdict"] = verdict(case, record)
    return records


def measure_excess(records):
    """The error of an exact plan: marginals, and cost above the best proved lower bound.

    Without any proved bound the lowest cost found takes its place.
    """
    figures = [record["figures"] for record in records if "cost" in record["figures"]]
    proved = [f["lower_bound"] for f in figures if math.isfinite(f.get("lower_bound", math.nan))]
    costs = [f["cost"] for f in figures if math.isfinite(f["cost"])]
    if not costs:
        return
    best = max(proved) if proved else min(costs)
    for f in figures:
        f["excess"] = (f["cost"] - best) / max(abs(best), 1e-300)
        f["error"] = max(f["marginal_error"], f["excess"])
        f["reference"] = "proved lower bound" if proved else "lowest cost found"


def verdict(case, record):
    if record["failure"]:
        return record["failure"]
    error = record["figures"].get("error", math.nan)
    if math.isnan(error):
        return "wrong: " + record["figures"].get("note", "not a number")
    tolerance = EXACT if case.family == "exact" else case.tolerance
    return "ok" if error <= tolerance else f"wrong: error {error:.1e}"
