"""The problems, seeded: the same numbers for every contestant and every machine; and what an answer
is worth, computed from the problem's data, the same way for everybody.

A module makes the problems of its families (`GENERATORS`, by kind of data) and judges what is
found (`CHECKS`, by family). Every check gives figures; "error" is the one that is compared with the
tolerance of the case. Adding a family is adding a module and its name here.
"""

import zlib

import numpy as np

from problems import (bilevel, conic, curves, large_programs, layers, nonlinear, operators, plans,
                      programs, proxes, transport)
from problems.task import Task, median_cost, squared_distances, uniform

MODULES = (transport, plans, programs, large_programs, conic, nonlinear, curves, bilevel, layers,
           operators, proxes)
DENSE = ("exact", "sinkhorn", "quadratic", "unbalanced", "partial")  # families of a cost matrix


def gather(table):
    """Joins a table of all modules; a name that two of them had would get the other's entry."""
    entries = {}
    for module in MODULES:
        own = getattr(module, table, {})
        if twice := entries.keys() & own.keys():
            raise ValueError(f"{module.__name__}.{table} has {sorted(twice)} of another module")
        entries |= own
    return entries


GENERATORS = gather("GENERATORS")
CHECKS = gather("CHECKS")


def make_task(spec, threads):
    """Builds a task from the `data` of a case: a dictionary with "kind", "n" and details."""
    spec = dict(spec)
    kind, n = spec.pop("kind"), spec.pop("n")
    rng = np.random.default_rng(zlib.crc32(f"{kind} {n}".encode()))
    task = Task(family=spec.pop("family"), threads=threads, tolerance=spec.pop("tolerance"))
    task.extra = spec
    GENERATORS[kind](task, n, rng)
    if task.a is None:
        task.a, task.b = uniform(n), uniform(n)
    if spec.get("matrix", task.family in DENSE) and task.cost is None:
        task.cost = squared_distances(task.x, task.y)
    if "epsilon_of_median" in spec:
        task.epsilon = spec["epsilon_of_median"] * median_cost(task)
    if "epsilon" in spec:
        task.epsilon = spec["epsilon"]
    return task


def examine(task, answer):
    """Figures of an answer as a dictionary of plain numbers."""
    figures = CHECKS[task.family](task, answer)
    if answer.iterations is not None:
        figures["iterations"] = int(answer.iterations)
    if answer.note:
        figures["note"] = answer.note
    return {name: plain(value) for name, value in figures.items()}


def plain(value):
    return value if isinstance(value, (str, int)) else float(value)
