"""Who takes part. One contestant is one function, entered with `@contestant`.

The function gets a task, imports its library, puts the data into the form that the library wants
and returns `solve` and `answer`: solve() is timed and returns what the library gives, answer(raw)
turns that into a `problems.answer.Answer` and is not timed. Adding a contestant is adding a
function here and its name to cases.py.
"""

import importlib
from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Contestant:
    name: str
    needs: tuple  # packages to import
    prepare: Callable
    tune: str  # how `task.stop` acts, see tuning.py; "" when the tolerance is that of the case
    is_program: bool  # runs and times a C program of its own


CONTESTANTS = {}


def contestant(name, needs="", tune="", is_program=False):
    """Enters a function in the list."""

    def enter(prepare):
        if name in CONTESTANTS:
            raise ValueError(f"two contestants are called {name!r}")
        CONTESTANTS[name] = Contestant(name, tuple(needs.split()), prepare, tune, is_program)
        return prepare

    return enter


def is_ours(name):
    return name.startswith("Kantor")


def is_repeat(name):
    """Whether it is timed from its own last answer on."""
    return name.endswith(", again")


for module in ("exact", "tiny", "line", "sinkhorn", "cloud", "divergence", "sparse", "quadratic",
               "cone", "barycentre", "sliced", "cone_first", "unbalanced", "gromov", "nonlinear",
               "bilevel", "prox", "matrix_game", "curves", "operators", "bilevel_first",
               "bilevel_layers", "conic", "partial", "cells"):
    importlib.import_module(f"contestants.{module}")
