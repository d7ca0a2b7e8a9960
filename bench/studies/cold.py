"""Cold start: a fresh process that gives its first answer, n = 100, and ends."""

import statistics
import subprocess
import sys
import time

from measure import is_absent
from places import LATENCY
from remote import environment

ROUNDS = 7
LIMIT = 60

COSTS = """
import numpy as np
cost = (np.arange(10000).reshape(100, 100) * 7919 % 10007) / 10007
weights = np.full(100, 0.01)
"""

# name, packages, program text (Python) or arguments of the C program
STARTS = [
    ("Python and NumPy alone", (), COSTS),
    ("SciPy assignment", ("scipy",), COSTS + """
from scipy.optimize import linear_sum_assignment
rows, columns = linear_sum_assignment(cost)
print(cost[rows, columns].mean())
"""),
    ("POT emd", ("ot",), COSTS + """
import ot
print(ot.emd2(weights, weights, cost))
"""),
    ("OTT Sinkhorn", ("jax", "ott"), COSTS + """
import jax
jax.config.update("jax_enable_x64", True)
from ott.geometry import geometry
from ott.solvers import linear
print(linear.solve(geometry.Geometry(cost_matrix=jax.numpy.asarray(cost))).reg_ot_cost)
"""),
    ("GeomLoss Sinkhorn", ("torch", "geomloss"), COSTS + """
import torch
import geomloss.ot
print(geomloss.ot.solve(torch.from_numpy(cost), reg=0.01, max_iter=100).value)
"""),
    ("Kantor from Python, exact", ("kantor",), COSTS + """
import kantor.ot
print(kantor.ot.emd2(weights, weights, cost))
"""),
    ("Kantor from Python, Sinkhorn", ("kantor",), COSTS + """
import kantor
print(kantor.solve(kantor.Problem("transport", cost=cost), "sinkhorn").objective)
"""),
    ("Kantor from C, exact", (), ["once"]),
]


def run():
    """Seconds from the start of the process to its end. Returns one record for each start."""
    records = [
        {"start": name, "runs": [], "failure": f"not installed: {', '.join(absent)}" if absent
         else ""}
        for name, needs, _ in STARTS
        for absent in [[package for package in needs if is_absent(package)]]
    ]
    for turn in range(ROUNDS + 1):
        for record, (_, _, program) in zip(records, STARTS):
            if record["failure"]:
                continue
            seconds, record["failure"] = once(program)
            if turn > 0:  # the first turn fills the disk cache
                record["runs"].append(seconds)
    for record in records:
        good = record["runs"] if not record["failure"] else []
        record["seconds"] = statistics.median(good) if good else None
    return records


def once(program):
    command = [sys.executable, "-c", program] if isinstance(program, str) else [LATENCY, *program]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment(1),
                              timeout=LIMIT)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    seconds = time.perf_counter() - start
    lines = done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"]
    return seconds, "" if done.returncode == 0 else lines[-1]
